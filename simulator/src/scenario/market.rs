//! The market that the system is told of, from the scenario.

use domain::Timestamp;
use host::market::{
    DispatchDocument, MarketDocument, PolicyKind, QueueKind, ServiceAreaDocument, SpaceKind,
    SpeedDocument, SurgeDocument, TariffDocument, TravelDocument,
};

use super::Resolved;
use super::model::{CityKind, DemandKind, Policy, QueuePolicy, Scenario};

/// How far beyond a round city's edge rides are served, as a share of its radius.
const SERVICE_MARGIN: f64 = 0.5;

/// The market of a scenario for parts that are told of it in one line, and the packed streets that it names.
#[must_use]
pub fn with_streets(
    resolved: &Resolved,
    started_at: Timestamp,
) -> (MarketDocument, Option<Vec<u8>>) {
    let mut market = document(&resolved.scenario, started_at);
    let packed = resolved.network.as_ref().map(|network| {
        let (bytes, fingerprint) = network.pack();
        market.travel.streets = Some(fingerprint.to_string());
        bytes
    });
    (market, packed)
}

/// The market document of a scenario whose run begins at `started_at`, but for its streets.
#[must_use]
pub fn document(scenario: &Scenario, started_at: Timestamp) -> MarketDocument {
    MarketDocument {
        region: scenario.name.clone(),
        quote_ttl_s: scenario.pricing.quote_ttl.0.as_secs(),
        snapshot_every_s: scenario.pricing.surge.every.0.as_secs().max(1),
        resolution: scenario.pricing.surge.resolution,
        service_area: service_area(scenario),
        travel: travel(scenario, started_at),
        tariff: tariff(scenario),
        surge: surge(scenario),
        dispatch: dispatch(scenario),
        sweep: host::market::SweepDocument::default(),
    }
}

fn travel(scenario: &Scenario, started_at: Timestamp) -> TravelDocument {
    let city = &scenario.city;
    let plane = city.kind == CityKind::Plane;
    TravelDocument {
        space: match (plane, city.wrap) {
            (false, _) => SpaceKind::Sphere,
            (true, false) => SpaceKind::Plane,
            (true, true) => SpaceKind::Torus,
        },
        width_m: plane.then_some(city.width_km * 1_000.0),
        height_m: plane.then_some(city.height_km * 1_000.0),
        circuity: city.circuity,
        speed_kmh: SpeedDocument::ByHour(speeds_by_run_hour(scenario, started_at)),
        streets: None,
    }
}

/// The system reads its own clock, so the city's hours are laid on the run's: each hour of the run has
/// the speed of the city's hour at its beginning.
fn speeds_by_run_hour(scenario: &Scenario, started_at: Timestamp) -> [f64; 24] {
    let speeds = scenario
        .city
        .speeds()
        .hours()
        .expect("a resolved scenario has 24 speeds");
    let mut by_run_hour = [0.0; 24];
    for later in 0..24u32 {
        let city_hours =
            scenario.starts_at.0.as_secs_f64() / 3_600.0 + f64::from(later) * scenario.speedup;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 23"
        )]
        let city_hour = city_hours.rem_euclid(24.0) as usize;
        by_run_hour[(started_at.hour_of_day() + later as usize) % 24] = speeds[city_hour % 24];
    }
    by_run_hour
}

fn service_area(scenario: &Scenario) -> Option<ServiceAreaDocument> {
    let city = &scenario.city;
    let round = city.kind != CityKind::Plane && city.zones.is_none();
    if !round || scenario.demand.kind == DemandKind::Trips {
        return None;
    }
    let [lat, lon] = city.centre;
    let reach =
        city.radius_km * 1_000.0 * (1.0 + SERVICE_MARGIN) / domain::place::METRES_PER_DEGREE;
    let reach_east = reach / lat.to_radians().cos();
    Some(ServiceAreaDocument {
        south: lat - reach,
        west: lon - reach_east,
        north: lat + reach,
        east: lon + reach_east,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "rounded; `as` saturates")]
fn whole(number: f64) -> i64 {
    number.round() as i64
}

fn tariff(scenario: &Scenario) -> TariffDocument {
    let pricing = &scenario.pricing;
    // A unit of the currency is 100 minor units, and a rate is in millionths of a minor unit.
    let minor = |amount: f64| Some(whole(amount * 100.0));
    let micros = |rate: f64| Some(whole(rate * 100.0 * 1e6));
    TariffDocument {
        currency: Some(pricing.currency.clone()),
        base_minor: minor(pricing.base),
        per_km_micros: micros(pricing.per_km),
        per_minute_micros: micros(pricing.per_minute),
        booking_fee_minor: minor(pricing.booking_fee),
        minimum_minor: minor(pricing.minimum),
        driver_per_km_micros: micros(pricing.driver_per_km),
        driver_per_minute_micros: micros(pricing.driver_per_minute),
        ..TariffDocument::default()
    }
}

fn surge(scenario: &Scenario) -> Option<SurgeDocument> {
    let surge = &scenario.pricing.surge;
    let hundredths = |number: f64| u32::try_from(whole(number * 100.0)).ok();
    surge.enabled.then(|| SurgeDocument {
        cap_hundredths: hundredths(surge.cap),
        step_hundredths: hundredths(surge.step),
        smoothing_percent: hundredths(surge.smoothing),
        ..SurgeDocument::default()
    })
}

fn dispatch(scenario: &Scenario) -> DispatchDocument {
    let dispatch = &scenario.dispatch;
    let (policy, window_s) = match dispatch.policy {
        Policy::Nearest => (PolicyKind::Nearest, 0),
        Policy::Batched => (PolicyKind::Batched, dispatch.window.0.as_secs()),
    };
    DispatchDocument {
        policy,
        window_s,
        unserved_penalty_s: dispatch.unserved_penalty.map(|span| span.0.as_secs()),
        radius_m: dispatch.radius_km.map(|km| km * 1_000.0),
        candidates: dispatch.candidates,
        offer_timeout_s: scenario.fleet.offer_timeout.0.as_secs().max(1),
        queue: match dispatch.queue {
            QueuePolicy::Wait => QueueKind::Wait,
            QueuePolicy::Lose => QueueKind::Lose,
        },
    }
}

//! The market that the system is told of, from the scenario.

use std::ops::RangeInclusive;

use domain::Timestamp;
use host::market::{
    CityClockDocument, DispatchDocument, MarketDocument, PolicyKind, QueueKind,
    ServiceAreaDocument, SpaceKind, SpeedDocument, TravelDocument,
};

use super::Resolved;
use super::model::{CityKind, DemandKind, Policy, QueuePolicy, Scenario};
use super::values::Span;
use super::{pricing, products};

/// How far beyond a round city's edge rides are served, as a share of its radius.
const SERVICE_MARGIN: f64 = 0.5;
/// Why prices can be told of.
const CHECKED: &str = "a resolved scenario has prices that can be";

/// The longest delay of a message and the longest that a quote may be good for.
const MESSAGE_S_MAX: u64 = 900;
const DAY_S: u64 = 24 * 3_600;

/// The spans that the system is told of in seconds, by their keys, and what each may be.
pub(super) fn spans(
    scenario: &Scenario,
) -> impl Iterator<Item = (&'static str, Span, RangeInclusive<u64>)> {
    let (dispatch, pricing) = (&scenario.dispatch, &scenario.pricing);
    let penalty = dispatch.unserved_penalty.unwrap_or(Span::secs(0));
    [
        ("starts_at", scenario.starts_at, 0..=DAY_S),
        ("dispatch.window", dispatch.window, 0..=MESSAGE_S_MAX),
        ("dispatch.unserved_penalty", penalty, 0..=DAY_S),
        (
            "fleet.offer_timeout",
            scenario.fleet.offer_timeout,
            1..=DAY_S,
        ),
        ("pricing.wait_free", pricing.wait_free, 0..=DAY_S),
        ("pricing.cancel_grace", pricing.cancel_grace, 0..=DAY_S),
        ("pricing.quote_ttl", pricing.quote_ttl, 1..=MESSAGE_S_MAX),
        ("pricing.surge.every", pricing.surge.every, 1..=DAY_S),
    ]
    .into_iter()
}

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

/// The market document of a resolved scenario whose run begins at `started_at`, but for its streets.
#[must_use]
pub fn document(scenario: &Scenario, started_at: Timestamp) -> MarketDocument {
    MarketDocument {
        region: scenario.name.clone(),
        quote_ttl_s: scenario.pricing.quote_ttl.0.as_secs(),
        snapshot_every_s: scenario.pricing.surge.every.0.as_secs(),
        resolution: scenario.pricing.surge.resolution,
        service_area: service_area(scenario),
        travel: travel(scenario, started_at),
        tariff: pricing::tariff(&scenario.pricing).expect(CHECKED),
        products: products::documents(scenario),
        surge: pricing::surge(&scenario.pricing).expect(CHECKED),
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
        speed_kmh: match &city.speed_by_hour {
            None => SpeedDocument::Constant(city.speed_kmh),
            Some(_) => {
                let speeds = city.speeds().hours();
                SpeedDocument::ByHour(speeds.expect("a resolved scenario has 24 speeds"))
            }
        },
        city_clock: city_clock(scenario, started_at),
        streets: None,
    }
}

/// The system reads its own clock: which time of the city's day that is, where it matters and is another.
fn city_clock(scenario: &Scenario, started_at: Timestamp) -> Option<CityClockDocument> {
    const DAY_MS: i64 = 24 * 3_600_000;
    let city = &scenario.city;
    let hour_matters = city.speed_by_hour.is_some() || !city.traffic.is_empty();
    let day_offset_ms = i64::try_from(scenario.starts_at.0.as_millis()).unwrap_or(0);
    let is_the_same = scenario.speedup.to_bits() == 1f64.to_bits()
        && started_at.as_millis().rem_euclid(DAY_MS) == day_offset_ms;
    (hour_matters && !is_the_same).then(|| CityClockDocument {
        started_at_ms: started_at.as_millis(),
        day_offset_s: u32::try_from(scenario.starts_at.0.as_secs()).unwrap_or(0),
        speedup: scenario.speedup,
    })
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
        offer_timeout_s: scenario.fleet.offer_timeout.0.as_secs(),
        queue: match dispatch.queue {
            QueuePolicy::Wait => QueueKind::Wait,
            QueuePolicy::Lose => QueueKind::Lose,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::scenario;
    use crate::target::embedded;

    use super::*;

    /// Nothing that is stated is cut off on the way to the system.
    #[test]
    fn spans_are_whole_seconds() {
        for (key, beyond) in [
            ("starts_at", "86401s"),
            ("dispatch.window", "901s"),
            ("dispatch.unserved_penalty", "86401s"),
            ("fleet.offer_timeout", "86401s"),
            ("pricing.wait_free", "86401s"),
            ("pricing.cancel_grace", "86401s"),
            ("pricing.quote_ttl", "901s"),
            ("pricing.surge.every", "86401s"),
        ] {
            for found in ["1500ms", "400ms", "1000001us", beyond] {
                let set = format!("{key}={found}");
                let said = scenario::load(None, &[set]).unwrap_err().to_string();
                let expected = format!("{key}: found {found}, expected whole seconds from ");
                assert!(said.starts_with(&expected), "{said}");
            }
        }
        for key in [
            "fleet.offer_timeout",
            "pricing.quote_ttl",
            "pricing.surge.every",
        ] {
            let said = scenario::load(None, &[format!("{key}=0s")]).unwrap_err();
            let said = said.to_string();
            assert!(said.contains("expected whole seconds from 1s"), "{said}");
        }
    }

    /// What the system reckons is what drivers drive, whatever the time of day at which a run begins, and however fast.
    #[test]
    fn the_system_reckons_with_the_hours_of_the_city() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/small-town.toml");
        for (starts_at, speedup, traffic) in [
            ("15h", "1", true),
            ("380m", "2.5", true),
            ("17h", "24", true),
            ("6h", "1", false),
        ] {
            let speeds: Vec<u32> = (20..44).collect();
            let mut sets = vec![
                format!("starts_at={starts_at}"),
                format!("speedup={speedup}"),
            ];
            if !traffic {
                sets.extend([
                    "city.traffic=[]".to_owned(),
                    format!("city.speed_by_hour={speeds:?}"),
                ]);
            }
            let resolved = scenario::load(Some(path), &sets).unwrap();
            let places = resolved.network.as_ref().unwrap().graph().places();
            let ends = (places[0], places[places.len() - 1]);
            let started_at = Timestamp::from_millis((3 * 60 + 37) * 60_000);
            let market = embedded::market_of(&resolved, started_at).unwrap();
            let city = resolved.world.city.travel();
            let pace = resolved.world.pace.starting(started_at);
            let mut seconds = Vec::new();
            for minute in (0..5 * 60).step_by(7) {
                let now = started_at + Duration::from_secs(60 * minute);
                let reckoned = market.travel.way(ends.0, ends.1, now);
                let driven = city.way(ends.0, ends.1, pace.city_time(now));
                assert_eq!(reckoned, driven, "{sets:?} {minute}");
                seconds.push(reckoned.duration.as_secs());
            }
            seconds.dedup();
            assert!(seconds.len() > 1, "{sets:?}: {seconds:?}");
        }
    }
}

//! From a scenario to what runs: the world of riders and drivers, their schedules, and the market that
//! the system is told of. Whatever cannot be is named by its key.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::TRIP_DISTANCE_MAX_M;
use domain::{Cell, Place, Space, Timestamp};

use kernel::Streams;
use roads::Network;
use workload::city::{City, CitySpec, Ground};
use workload::demand::{Arrivals, Demand, DemandSpec, TripLengths};
use workload::import::{Trip, Trips};
use workload::pace::Pace;
use workload::places::{CellWeights, Hotspot, Hotspots, Places};
use workload::profile::Profile;
use workload::supply::{Drivers, Fleet, FleetSpec, Shifts, Start};
use workload::world::{
    Cancellation, DriverRules, Idle, RideRules, RiderRules, TripDuration, World,
};

use super::files;
use super::market;
use super::model::{
    CancelChance, CityKind, DemandKind, FleetStart, HourlySource, IdlePolicy, Scenario, Spread,
};
use super::parse::ScenarioError;
use super::pricing;
use super::products;
use super::sizes;
use super::slo;
use super::streets;
use super::values::{ByHour, RideDuration};

/// The longest a run may last on the machine's clock.
const RUN_MAX: Duration = Duration::from_secs(24 * 3_600);

/// A scenario, ready to run.
#[derive(Debug)]
pub struct Resolved {
    /// As it was stated, defaults included.
    pub scenario: Scenario,
    /// What riders and drivers share.
    pub world: World,
    /// Who asks for rides.
    pub demand: Demand,
    /// Who drives.
    pub fleet: Fleet,
    /// The streets that all of them drive on, if the city has any.
    pub network: Option<Arc<Network>>,
    /// What a reader of the figures must know.
    pub notes: Vec<String>,
}

/// Turns a scenario into what runs.
///
/// # Errors
/// Names the key whose value cannot be.
pub fn resolve(scenario: Scenario) -> Result<Resolved, ScenarioError> {
    let network = streets::network(&scenario.city)?;
    let resolver = Resolver {
        scenario: &scenario,
        network: network.clone(),
        notes: Vec::new(),
    };
    let (world, demand, fleet, mut notes) = resolver.resolve()?;
    notes.splice(0..0, scenario.assumptions.iter().cloned());
    if (scenario.speedup - 1.0).abs() > 1e-9 {
        notes.push(format!(
            "Everything outside the system ran {} times as fast: the marketplace figures are not comparable with those of other runs, and what it costs is of no city's load: rides came as much more often, pings did not.",
            scenario.speedup
        ));
    }
    Ok(Resolved {
        scenario,
        world,
        demand,
        fleet,
        network,
        notes,
    })
}

struct Resolver<'a> {
    scenario: &'a Scenario,
    network: Option<Arc<Network>>,
    notes: Vec<String>,
}

fn at<E: std::fmt::Display>(key: &'static str) -> impl Fn(E) -> ScenarioError {
    move |error| ScenarioError::wrong(key, error)
}

impl Resolver<'_> {
    fn resolve(mut self) -> Result<(World, Demand, Fleet, Vec<String>), ScenarioError> {
        self.check_times()?;
        sizes::check(self.scenario)?;
        pricing::check(&self.scenario.pricing)?;
        slo::check(&self.scenario.slo)?;
        let world = self.world()?;
        let demand = self.demand()?;
        let fleet = self.fleet()?;
        Ok((world, demand, fleet, self.notes))
    }

    fn check_times(&self) -> Result<(), ScenarioError> {
        let scenario = self.scenario;
        domain::Region::new(&scenario.name).map_err(at("name"))?;
        // First, as the spans below are divided by it.
        self.pace()?;
        if scenario.duration.0.is_zero() {
            return Err(ScenarioError::wrong(
                "duration",
                "found 0s, expected more: nothing would happen",
            ));
        }
        if scenario.warmup.0 >= scenario.duration.0 {
            let message = format!(
                "found {}, expected less than the duration of {}",
                scenario.warmup, scenario.duration
            );
            return Err(ScenarioError::wrong("warmup", message));
        }
        let runs = scenario.duration.0.as_secs_f64() / scenario.speedup;
        if !(0.0..=RUN_MAX.as_secs_f64()).contains(&runs) {
            let message =
                format!("found a run of {runs:.0} s, expected at most 24 h: raise the speedup");
            return Err(ScenarioError::wrong("duration", message));
        }
        for (key, span, range) in market::spans(scenario) {
            span.whole_seconds(&range).map_err(at(key))?;
        }
        Ok(())
    }

    fn pace(&self) -> Result<Pace, ScenarioError> {
        let scenario = self.scenario;
        Pace::new(scenario.speedup, Timestamp::ZERO, scenario.starts_at.0).map_err(at("speedup"))
    }

    fn world(&mut self) -> Result<World, ScenarioError> {
        let scenario = self.scenario;
        let pace = self.pace()?;
        let duration = match scenario.trips.duration {
            RideDuration::FromDistance => TripDuration::FromDistance,
            RideDuration::Law(law) => TripDuration::Law(law.0),
        };
        let riders = RiderRules {
            quote_acceptance: scenario.demand.quote_acceptance.into(),
            cancellation: match scenario.demand.cancel_probability {
                CancelChance::Constant(probability) => Cancellation::Constant(probability),
                CancelChance::Hazard(terms) => Cancellation::Hazard {
                    per_minute_on_time: terms.per_minute_on_time,
                    per_minute_late: terms.per_minute_late,
                },
            },
            poll_every: scenario.demand.poll_every.0,
        };
        let drivers = DriverRules {
            ping_every: scenario.fleet.ping_every.0,
            acceptance: scenario.fleet.accept_probability.into(),
            reaction: scenario.fleet.reaction.0,
            idle: match scenario.fleet.idle {
                IdlePolicy::Stay => Idle::Stay,
                IdlePolicy::Hotspot => Idle::Hotspots(self.hotspots("fleet.idle")?),
                IdlePolicy::Surge => Idle::Surge {
                    share: scenario.pricing.driver_share_of_surge,
                },
            },
            lead: lead(scenario),
        };
        Ok(World {
            city: self.city()?,
            pace,
            streams: Streams::new(scenario.seed),
            products: products::products(scenario)?,
            rides: RideRules {
                duration,
                boarding: scenario.trips.boarding.0,
            },
            riders: riders.checked().map_err(at("demand"))?,
            drivers: drivers.checked().map_err(at("fleet"))?,
        })
    }

    fn city(&mut self) -> Result<City, ScenarioError> {
        let city = &self.scenario.city;
        let ground = match (city.kind, &city.zones) {
            (CityKind::Plane, _) => Ground::Plane {
                width_m: city.width_km * 1_000.0,
                height_m: city.height_km * 1_000.0,
                wraps: city.wrap,
            },
            (CityKind::Geo | CityKind::Road, Some(path)) => {
                let profile = self.profile("city.zones", path)?;
                let mut cells: Vec<Cell> = profile
                    .origins
                    .iter()
                    .chain(&profile.destinations)
                    .map(|(cell, _)| *cell)
                    .collect();
                cells.sort_unstable();
                cells.dedup();
                Ground::Cells(cells)
            }
            (CityKind::Geo | CityKind::Road, None) => Ground::Disc {
                centre: Place::new(city.centre[0], city.centre[1]).map_err(at("city.centre"))?,
                radius_m: city.radius_km * 1_000.0,
            },
        };
        let speed_kmh = city.speeds().hours().map_err(at("city.speed_by_hour"))?;
        let city = City::new(CitySpec {
            ground,
            speed_kmh,
            circuity: city.circuity,
        })
        .map_err(at("city"))?;
        let Some(network) = self.network.clone() else {
            return Ok(city);
        };
        self.notes.push(format!("Streets: {}.", network.survey()));
        streets::within(city, network)
    }

    fn demand(&mut self) -> Result<Demand, ScenarioError> {
        let demand = &self.scenario.demand;
        let patience = demand.patience.0;
        let arrivals = match demand.kind {
            DemandKind::Poisson => {
                let rides_per_hour = demand.rides_per_hour;
                if rides_per_hour <= 0.0 {
                    let message = format!("found {rides_per_hour}, expected more than 0");
                    return Err(ScenarioError::wrong("demand.rides_per_hour", message));
                }
                Arrivals::Poisson { rides_per_hour }
            }
            DemandKind::Hourly => Arrivals::Hourly {
                rides_per_hour: self.hourly_rates()?,
            },
            DemandKind::Trips => return self.recorded_demand(),
        };
        let origins = self.places("demand.origins", demand.origins, Side::Origins)?;
        let destinations = self.places(
            "demand.destinations",
            demand.destinations,
            Side::Destinations,
        )?;
        let trip_lengths = match &demand.profile {
            None => None,
            Some(path) => Some(self.trip_lengths(path)?),
        };
        Demand::new(DemandSpec {
            arrivals,
            origins,
            destinations,
            trip_lengths,
            patience,
        })
        .map_err(at("demand"))
    }

    fn hourly_rates(&mut self) -> Result<[f64; 24], ScenarioError> {
        let rates = match &self.scenario.demand.hourly {
            Some(HourlySource::Rates(rates)) => ByHour::Hours(rates.clone())
                .hours()
                .map_err(at("demand.hourly"))?,
            Some(HourlySource::Profile(path)) => {
                let profile = self.profile("demand.hourly", path)?;
                let source = &profile.demand_source;
                self.notes.push(format!("Demand by hour: {source}"));
                profile.hours.map(|hour| hour.trips)
            }
            None => {
                let message = "found nothing, expected 24 rates or a city profile";
                return Err(ScenarioError::wrong("demand.hourly", message));
            }
        };
        Ok(rates.map(|rate| rate * self.scenario.demand.scale))
    }

    fn trip_lengths(&mut self, path: &Path) -> Result<TripLengths, ScenarioError> {
        let profile = self.profile("demand.profile", path)?;
        self.notes
            .push(format!("Trip lengths: {}", profile.lengths_source));
        let mean_m = profile.hours.map(|hour| hour.mean_distance_m());
        Ok(TripLengths {
            shape: profile.lengths,
            mean_m,
        })
    }

    fn recorded_demand(&mut self) -> Result<Demand, ScenarioError> {
        let demand = &self.scenario.demand;
        let Some(file) = &demand.file else {
            let message = "found nothing, expected a demand file from `rushhour import`";
            return Err(ScenarioError::wrong("demand.file", message));
        };
        let mut trips = workload::import::read_trips(file).map_err(at("demand.file"))?;
        if demand.dejitter {
            workload::import::dejitter(&mut trips, self.scenario.seed);
        }
        self.notes.push(super::provenance(&trips));
        let trips = self.within_reach(trips);
        Demand::recorded(&trips, demand.scale, demand.patience.0).map_err(at("demand"))
    }

    /// Leaves out recorded trips that are longer than any ride that is quoted: they are slips of the record.
    fn within_reach(&mut self, trips: Trips) -> Trips {
        let circuity = self.scenario.city.circuity;
        let reachable = |trip: &Trip| {
            let straight_m = Space::Sphere.distance_m(trip.pickup(), trip.dropoff());
            straight_m * circuity <= TRIP_DISTANCE_MAX_M
        };
        let kept: Vec<Trip> = trips.as_slice().iter().copied().filter(reachable).collect();
        let left_out = trips.len() - kept.len();
        if left_out > 0 {
            self.notes.push(format!(
                "{left_out} recorded trips are longer than the {} km that are quoted at most, and are left out.",
                TRIP_DISTANCE_MAX_M / 1_000.0
            ));
        }
        Trips::new(trips.provenance, kept)
    }

    fn fleet(&mut self) -> Result<Fleet, ScenarioError> {
        let fleet = &self.scenario.fleet;
        let count = |number: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be in range"
            )]
            let whole = number as u32;
            (number >= 0.0 && number <= f64::from(u32::MAX) && number.fract() == 0.0)
                .then_some(whole)
                .ok_or_else(|| {
                    ScenarioError::wrong(
                        "fleet.drivers",
                        format!("found {number}, expected whole numbers of drivers"),
                    )
                })
        };
        let drivers = match &fleet.drivers {
            ByHour::Constant(number) => Drivers::Count(count(*number)?),
            by_hour @ ByHour::Hours(_) => {
                let hours = by_hour.hours().map_err(at("fleet.drivers"))?;
                let mut counts = [0; 24];
                for (slot, number) in counts.iter_mut().zip(hours) {
                    *slot = count(number)?;
                }
                Drivers::ByHour(counts)
            }
        };
        let spec = FleetSpec {
            drivers,
            placement: self.places("fleet.placement", fleet.placement, Side::Origins)?,
            shifts: fleet
                .shifts
                .map_or(Shifts::Throughout, |law| Shifts::Lasting(law.0)),
            start: match fleet.start {
                FleetStart::Idle => Start::Idle,
                FleetStart::Stationary => Start::Stationary,
            },
        };
        Fleet::new(spec).map_err(at("fleet"))
    }

    fn places(
        &self,
        key: &'static str,
        spread: Spread,
        side: Side,
    ) -> Result<Places, ScenarioError> {
        match spread {
            Spread::Uniform => Ok(Places::Uniform),
            Spread::Hotspots => self.hotspots(key).map(Places::Hotspots),
            Spread::Zones => {
                let Some(path) = &self.scenario.demand.profile else {
                    let message = "found nothing, expected a city profile for the weights of zones";
                    return Err(ScenarioError::wrong("demand.profile", message));
                };
                let profile = self.profile("demand.profile", path)?;
                let weights = match side {
                    Side::Origins => &profile.origins,
                    Side::Destinations => &profile.destinations,
                };
                CellWeights::new(weights)
                    .map(Places::Cells)
                    .map_err(at("demand.profile"))
            }
        }
    }

    fn hotspots(&self, key: &'static str) -> Result<Hotspots, ScenarioError> {
        let plane = self.scenario.city.kind == CityKind::Plane;
        let spots: Result<Vec<Hotspot>, ScenarioError> = self
            .scenario
            .demand
            .hotspots
            .iter()
            .map(|entry| {
                let [first, second] = entry.at;
                let centre = if plane {
                    Place::from_metres(first * 1_000.0, second * 1_000.0)
                } else {
                    Place::new(first, second).map_err(at("demand.hotspots"))?
                };
                Ok(Hotspot {
                    centre,
                    weight: entry.weight,
                    spread_m: entry.spread_km * 1_000.0,
                })
            })
            .collect();
        Hotspots::new(spots?)
            .map_err(|error| ScenarioError::wrong(key, format!("demand.hotspots: {error}")))
    }

    fn profile(&self, key: &'static str, path: &Path) -> Result<Profile, ScenarioError> {
        if path == Path::new(files::NEW_YORK_PEAK) {
            return Ok(Profile::new_york_peak());
        }
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!(
                "{}: cannot be read ({error}), expected a city profile or `new-york-peak`",
                path.display()
            );
            ScenarioError::wrong(key, message)
        })?;
        Profile::parse(&path.display().to_string(), &text).map_err(at(key))
    }
}

#[derive(Clone, Copy)]
enum Side {
    Origins,
    Destinations,
}

/// Streams are opened over a while before the start, about 1,500 a second.
fn lead(scenario: &Scenario) -> Duration {
    let drivers = match &scenario.fleet.drivers {
        ByHour::Constant(number) => *number,
        ByHour::Hours(hours) => hours.iter().copied().fold(0.0, f64::max),
    };
    Duration::from_secs_f64((drivers / 1_500.0).clamp(1.0, 60.0))
}

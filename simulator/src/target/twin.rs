//! The twin's side of a scenario: what each part is given and where it runs, and which cloud it runs on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use cloud::profile::{Architecture, Profile};
use local::stack::{FunctionName, StackConfig};
use twin::sizes::{ContainerSize, FunctionSize, MappingSize, Part, Placement, Sizes, Streets};

use crate::exit::Failure;
use crate::scenario::model::{Container, Function, Host};
use crate::scenario::{Resolved, Scenario};

/// How long a call of the tracker may take where it is a function: the stack knows it as a service alone.
const TRACKER_TIMEOUT: Duration = Duration::from_secs(10);

/// Sizes of a scenario, on those that the embedded stack is started with.
///
/// # Errors
/// If a value of the scenario cannot be.
pub fn sizes(resolved: &Resolved, stack: &StackConfig) -> Result<Sizes, Failure> {
    let scenario = &resolved.scenario;
    let placed = |host: Host| match host {
        Host::Lambda => Placement::Lambda,
        Host::Container => Placement::Container,
    };
    let placement = &scenario.placement;
    let placement = BTreeMap::from([
        (Part::Pricing, placed(placement.pricing)),
        (Part::Surge, placed(placement.surge)),
        (Part::Trips, placed(placement.trips)),
        (Part::Matching, placed(placement.matching)),
        (Part::FleetTracker, placed(placement.fleet_tracker)),
    ]);
    let functions = Part::ALL
        .into_iter()
        .map(|part| Ok((part, function(resolved, stack, part)?)))
        .collect::<Result<_, Failure>>()?;
    let containers = Part::ALL
        .into_iter()
        .map(|part| (part, container(scenario, part)))
        .collect();
    Ok(Sizes {
        placement,
        functions,
        containers,
        ride_requests: mapping(scenario, stack, aws::stack::Queue::RideRequests),
        trip_events: mapping(scenario, stack, aws::stack::Queue::TripEvents),
        market_snapshots: mapping(scenario, stack, aws::stack::Queue::MarketSnapshots),
    })
}

fn function(resolved: &Resolved, stack: &StackConfig, part: Part) -> Result<FunctionSize, Failure> {
    let scenario = &resolved.scenario;
    let stated = scenario.functions.get(part.name());
    let defaults = Function::default();
    let architecture = stated.map_or(&defaults.architecture, |function| &function.architecture);
    let architecture = Architecture::from_name(architecture).ok_or_else(|| {
        Failure::input(format!(
            "functions.{}.architecture: found {architecture:?}, expected arm64 or x86_64",
            part.name()
        ))
    })?;
    let known = FunctionName::ALL
        .into_iter()
        .find(|name| name.as_str() == part.name());
    let settings = known.and_then(|name| stack.functions.get(&name));
    Ok(FunctionSize {
        memory_mb: settings.map_or_else(
            || stated.map_or(defaults.memory_mb, |function| function.memory_mb),
            |settings| settings.pool.memory_mb,
        ),
        architecture,
        reserved_concurrency: stated.and_then(|function| function.reserved_concurrency),
        provisioned_concurrency: stated.and_then(|function| function.provisioned_concurrency),
        timeout: settings.map_or(TRACKER_TIMEOUT, |settings| settings.timeout),
        added_latency: stated.map_or(Duration::ZERO, |function| function.added_latency.0),
        streets: match (part, &resolved.network) {
            // Nobody else reckons ways.
            (Part::Pricing | Part::Matching, Some(network)) => {
                let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
                Streets {
                    nodes: count(network.graph().nodes()),
                    periods: count(network.survey().periods),
                }
            }
            _ => Streets::default(),
        },
    })
}

fn container(scenario: &Scenario, part: Part) -> ContainerSize {
    let Container {
        vcpu,
        memory_gb,
        tasks_min,
        tasks_max,
        scale_on_cpu,
    } = scenario
        .containers
        .get(part.name())
        .cloned()
        .unwrap_or_default();
    ContainerSize {
        vcpu,
        memory_gb,
        tasks_min,
        tasks_max,
        scale_on_cpu,
    }
}

fn mapping(scenario: &Scenario, stack: &StackConfig, queue: aws::stack::Queue) -> MappingSize {
    let spec = queue.spec();
    let consumer = FunctionName::of_queue(queue).as_str();
    let stated = scenario.functions.get(consumer);
    let visibility = stated.and_then(|function| function.visibility_timeout);
    let settings = &stack.mappings[spec.name];
    MappingSize {
        batch_size: settings.batch_size,
        batch_window: settings.batch_window,
        maximum_concurrency: settings.maximum_concurrency,
        visibility_timeout: visibility.map_or(settings.visibility_timeout, |it| it.0),
        receives_max: stated
            .and_then(|function| function.receives_max)
            .unwrap_or(spec.receives_max),
    }
}

/// The cloud that a scenario names: a shipped profile, or a file.
///
/// # Errors
/// If it cannot be read, or says what cannot be.
pub fn profile(scenario: &Scenario) -> Result<Profile, Failure> {
    let name = &scenario.cloud.profile;
    if let Some(profile) = Profile::shipped(name) {
        return Ok(profile);
    }
    profile_file(Path::new(name))
}

/// A cloud whose HTTP API has the limits of a scenario, where it has some.
#[must_use]
pub fn limited(profile: &Profile, scenario: &Scenario) -> Profile {
    let mut profile = profile.clone();
    let (limits, api) = (&scenario.api, &mut profile.http_api);
    api.throttle_rps = limits.requests_per_second.unwrap_or(api.throttle_rps);
    api.burst = limits.burst.unwrap_or(api.burst);
    let waits = limits.integration_timeout.map(|span| span.0);
    api.integration_timeout = waits.unwrap_or(api.integration_timeout);
    profile
}

/// A cloud profile from a file.
///
/// # Errors
/// If it cannot be read, or says what cannot be.
pub fn profile_file(path: &Path) -> Result<Profile, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::input(format!(
            "cloud.profile: {name}: cannot be read ({error}), expected aws-us-east-1, embedded, or a file from `rushhour calibrate`"
        ))
    })?;
    Profile::parse(&name, &text).map_err(Failure::input)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::scenario;
    use crate::target::embedded;
    use calls::Calls;
    use domain::Timestamp;
    use drive::watched::Watched;

    fn sizes_of(resolved: &Resolved) -> Sizes {
        let watched: Arc<Watched> = Watched::new();
        let stack =
            embedded::config(resolved, Timestamp::ZERO, None, &watched, Calls::default()).unwrap();
        sizes(resolved, &stack).unwrap()
    }

    #[test]
    fn a_scenario_that_names_no_sizes_has_those_of_the_twins_own_tests() {
        let resolved = scenario::resolve(Scenario::default()).unwrap();
        assert_eq!(sizes_of(&resolved), Sizes::hybrid());
    }

    #[test]
    fn a_function_of_which_one_key_is_stated_has_all_else_of_the_stack() {
        for part in Part::ALL {
            if part == Part::FleetTracker {
                continue;
            }
            let set = format!("functions.{}.architecture=x86_64", part.name());
            let mut expected = Sizes::hybrid();
            let function = expected.functions.get_mut(&part).unwrap();
            function.architecture = Architecture::X86_64;
            let resolved = scenario::load(None, &[set]).unwrap();
            assert_eq!(sizes_of(&resolved), expected);
        }
    }

    #[test]
    fn what_a_template_gives_queues_and_api_is_what_the_twin_has() {
        let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
        let of = |parameters: &[&str], change: &dyn Fn(String) -> String| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("t.yaml");
            let text = std::fs::read_to_string(template).unwrap();
            std::fs::write(&file, change(text)).unwrap();
            let parameters: Vec<String> = parameters.iter().map(|it| (*it).to_owned()).collect();
            let sets = crate::target::template::of_file(&file, &parameters).unwrap();
            scenario::load(None, &sets).unwrap()
        };
        let shipped = of(&["RequestsPerSecond=5"], &|text| text);
        let profile = limited(&Profile::aws_us_east_1(), &shipped.scenario).http_api;
        assert_eq!((profile.throttle_rps, profile.burst), (5, 5));
        assert_eq!(profile.integration_timeout.as_secs(), 6);
        let queues = |resolved: &Resolved| {
            let sizes = sizes_of(resolved);
            [
                sizes.ride_requests,
                sizes.trip_events,
                sizes.market_snapshots,
            ]
            .map(|queue| (queue.visibility_timeout.as_secs(), queue.receives_max))
        };
        assert_eq!(queues(&shipped), [(60, 3), (30, 10), (30, 3)]);
        let changed = of(&[], &|text| {
            text.replace("VisibilityTimeout: 60", "VisibilityTimeout: 90")
                .replace("maxReceiveCount: 10", "maxReceiveCount: 4")
        });
        assert_eq!(queues(&changed), [(90, 3), (30, 4), (30, 3)]);
    }

    #[test]
    fn who_reckons_ways_reads_the_streets_at_its_start() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/small-town.toml");
        let resolved = scenario::load(Some(path), &[]).unwrap();
        let sizes = sizes_of(&resolved);
        let network = resolved.network.as_ref().unwrap();
        let all = Streets {
            nodes: network.graph().nodes() as u32,
            periods: 2,
        };
        let read = |part| sizes.functions[&part].streets;
        assert_eq!((read(Part::Pricing), read(Part::Matching)), (all, all));
        let none = Streets::default();
        assert_eq!((read(Part::Trips), read(Part::Surge)), (none, none));
    }
}

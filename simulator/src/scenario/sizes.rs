//! Sizes that there are: a prediction of any other is of what nobody can deploy.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use domain::limits::CANDIDATES_MAX;
use template::rules::BATCH_WITHOUT_WINDOW_MAX;

use super::model::{Api, Container, Function, Scenario};
use super::parse::ScenarioError;
use super::values::Span;

/// Memory of a function (AWS Lambda Developer Guide, Configure Lambda function memory).
const MEMORY_MB: RangeInclusive<u32> = 128..=10_240;
/// How long a call may take, in whole seconds (the same, Lambda quotas).
const TIMEOUT_S: RangeInclusive<u64> = 1..=900;
/// Messages of one call, and how long they gather (the same, Using Lambda with Amazon SQS).
const BATCH_SIZE: RangeInclusive<u32> = 1..=10_000;
const BATCH_WINDOW_S: RangeInclusive<u64> = 0..=300;
/// How long a message stays hidden, and after how many receives it is dead (Amazon SQS Developer Guide, quotas).
const VISIBILITY_S: RangeInclusive<u64> = 0..=43_200;
const RECEIVES: RangeInclusive<u32> = 1..=1_000;
/// Requests that the HTTP API lets through: none would be no API.
const REQUESTS: RangeInclusive<u32> = 1..=u32::MAX;
/// How long an HTTP API waits for a function (Amazon API Gateway, quotas of HTTP APIs).
const INTEGRATION_TIMEOUT: RangeInclusive<Span> =
    Span(Duration::from_millis(50))..=Span(Duration::from_secs(30));
/// CPUs of a task, and the least, the most and the steps of its memory in GB (Amazon ECS Developer Guide, Task CPU and
/// memory on Fargate). The smallest has half a gigabyte too.
const TASKS: [(f64, f64, f64, f64); 7] = [
    (0.25, 1.0, 2.0, 1.0),
    (0.5, 1.0, 4.0, 1.0),
    (1.0, 2.0, 8.0, 1.0),
    (2.0, 4.0, 16.0, 1.0),
    (4.0, 8.0, 30.0, 1.0),
    (8.0, 16.0, 60.0, 4.0),
    (16.0, 32.0, 120.0, 8.0),
];

/// Checks the sizes of functions, tasks and rounds.
///
/// # Errors
/// Names the key of the first that there is not.
pub(super) fn check(scenario: &Scenario) -> Result<(), ScenarioError> {
    each("functions", &scenario.functions, function)?;
    each("containers", &scenario.containers, container)?;
    api(&scenario.api)
        .map_err(|(key, message)| ScenarioError::wrong(format!("api.{key}"), message))?;
    let candidates = scenario.dispatch.candidates;
    within("candidates", &candidates, &(1..=CANDIDATES_MAX))
        .map_err(|(key, message)| ScenarioError::wrong(format!("dispatch.{key}"), message))
}

/// A key, and what is wrong with its value.
type Wrong = (&'static str, String);

fn each<T>(
    kind: &str,
    parts: &BTreeMap<String, T>,
    check: fn(&T) -> Result<(), Wrong>,
) -> Result<(), ScenarioError> {
    parts.iter().try_for_each(|(name, part)| {
        check(part)
            .map_err(|(key, message)| ScenarioError::wrong(format!("{kind}.{name}.{key}"), message))
    })
}

fn within<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    found: &T,
    range: &RangeInclusive<T>,
) -> Result<(), Wrong> {
    if range.contains(found) {
        return Ok(());
    }
    let (least, most) = (range.start(), range.end());
    Err((key, format!("found {found}, expected {least} to {most}")))
}

fn api(api: &Api) -> Result<(), Wrong> {
    if let Some(found) = &api.requests_per_second {
        within("requests_per_second", found, &REQUESTS)?;
    }
    if let Some(found) = &api.burst {
        within("burst", found, &REQUESTS)?;
    }
    if let Some(found) = &api.integration_timeout {
        within("integration_timeout", found, &INTEGRATION_TIMEOUT)?;
    }
    Ok(())
}

fn function(function: &Function) -> Result<(), Wrong> {
    within("memory_mb", &function.memory_mb, &MEMORY_MB)?;
    within("batch_size", &function.batch_size, &BATCH_SIZE)?;
    if let Some(found) = &function.receives_max {
        within("receives_max", found, &RECEIVES)?;
    }
    let visibility = function.visibility_timeout.as_ref();
    let spans = [
        ("timeout", function.timeout.as_ref(), TIMEOUT_S),
        ("batch_window", Some(&function.batch_window), BATCH_WINDOW_S),
        ("visibility_timeout", visibility, VISIBILITY_S),
    ];
    for (key, found, range) in spans {
        let Some(found) = found else { continue };
        let seconds = found.whole_seconds(&range);
        seconds.map_err(|message| (key, message))?;
    }
    if function.batch_size > BATCH_WITHOUT_WINDOW_MAX && function.batch_window.0.is_zero() {
        let found = function.batch_size;
        let expected = format!("at most {BATCH_WITHOUT_WINDOW_MAX}, or a batch_window");
        return Err((
            "batch_size",
            format!("found {found} without a window, expected {expected}"),
        ));
    }
    match (
        function.provisioned_concurrency,
        function.reserved_concurrency,
    ) {
        (Some(provisioned), Some(reserved)) if provisioned > reserved => Err((
            "provisioned_concurrency",
            format!("found {provisioned}, expected at most the {reserved} that are reserved"),
        )),
        _ => Ok(()),
    }
}

fn container(container: &Container) -> Result<(), Wrong> {
    let is = |one: f64, other: f64| (one - other).abs() < 1e-9;
    let task = TASKS.iter().find(|(vcpu, ..)| is(*vcpu, container.vcpu));
    let Some((vcpu, least, most, step)) = task else {
        let sizes = TASKS.map(|(vcpu, ..)| vcpu.to_string());
        let (found, known) = (container.vcpu, sizes.join(", "));
        return Err(("vcpu", format!("found {found}, expected one of {known}")));
    };
    let found = container.memory_gb;
    let steps = (found - least) / step;
    let is_a_step = (*least..=*most).contains(&found) && is(steps, steps.round());
    let is_smallest = is(*vcpu, TASKS[0].0) && is(found, 0.5);
    if !is_a_step && !is_smallest {
        return Err((
            "memory_gb",
            format!(
                "found {found} beside {vcpu} CPUs, expected {}{least} to {most} in steps of {step}",
                if is(*vcpu, TASKS[0].0) {
                    "0.5, or "
                } else {
                    ""
                }
            ),
        ));
    }
    let fewest = container.tasks_min.max(1);
    // What does not scale has the fewest.
    if container.scale_on_cpu.is_some() && container.tasks_max < fewest {
        let found = container.tasks_max;
        return Err((
            "tasks_max",
            format!("found {found}, expected at least {fewest}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::scenario;

    #[test]
    fn sizes_that_there_are_not_are_named() {
        for (sets, expected) in [
            (
                "functions.pricing.memory_mb=0",
                "functions.pricing.memory_mb: found 0, expected 128 to 10240",
            ),
            ("functions.trips.memory_mb=1000000", "found 1000000"),
            (
                "functions.trips.timeout=901s",
                "functions.trips.timeout: found 901s, expected whole seconds from 1s to 900s",
            ),
            (
                "functions.trips.timeout=0s",
                "found 0s, expected whole seconds",
            ),
            (
                "functions.trips.timeout=1500ms",
                "found 1500ms, expected whole seconds",
            ),
            (
                "functions.matching.batch_size=11",
                "found 11 without a window, expected at most 10",
            ),
            (
                "functions.trips.visibility_timeout=43201s",
                "visibility_timeout: found 43201s, expected whole seconds from 0s to 43200s",
            ),
            (
                "functions.trips.receives_max=0",
                "receives_max: found 0, expected 1 to 1000",
            ),
            (
                "api.requests_per_second=0",
                "api.requests_per_second: found 0",
            ),
            ("api.burst=0", "api.burst: found 0, expected 1 to"),
            (
                "api.integration_timeout=31s",
                "api.integration_timeout: found 31s, expected 50ms to 30s",
            ),
            (
                "containers.fleet-tracker={vcpu=0.25,memory_gb=0.7}",
                "expected 0.5, or 1 to 2 in steps of 1",
            ),
            (
                "functions.matching.batch_size=0",
                "batch_size: found 0, expected 1 to 10000",
            ),
            (
                "functions.matching.batch_window=301s",
                "batch_window: found 301s, expected whole seconds from 0s to 300s",
            ),
            (
                "functions.trips={reserved_concurrency=2,provisioned_concurrency=3}",
                "found 3, expected at most the 2",
            ),
            (
                "containers.fleet-tracker.vcpu=3.3",
                "found 3.3, expected one of 0.25, 0.5, 1, 2, 4, 8, 16",
            ),
            (
                "containers.fleet-tracker.memory_gb=1",
                "found 1 beside 1 CPUs, expected 2 to 8 in steps of 1",
            ),
            (
                "containers.fleet-tracker={vcpu=8,memory_gb=18}",
                "expected 16 to 60 in steps of 4",
            ),
            (
                "containers.fleet-tracker={tasks_max=0,scale_on_cpu=0.6}",
                "tasks_max: found 0, expected at least 1",
            ),
            ("containers.fleet-tracker.memory_gb=nan", "found NaN"),
            (
                "dispatch.candidates=0",
                "dispatch.candidates: found 0, expected 1 to 100",
            ),
        ] {
            let found = scenario::load(None, &[sets.to_owned()])
                .unwrap_err()
                .to_string();
            assert!(found.contains(expected), "{sets}: {found}");
        }
        for sets in [
            "containers.fleet-tracker={vcpu=0.25,memory_gb=0.5}",
            "containers.fleet-tracker.tasks_min=3",
            "containers.fleet-tracker={vcpu=16,memory_gb=120}",
            "functions.pricing.memory_mb=10240",
            "dispatch.candidates=100",
        ] {
            scenario::load(None, &[sets.to_owned()]).unwrap();
        }
    }
}

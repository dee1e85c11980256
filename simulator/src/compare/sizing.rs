//! How many tasks a service needs where the scenario does not say: measured in a short prediction with more
//! than enough of them. Tasks are those at which the mean load is what the scaling aims at, so that a service
//! begins where its scaling would settle, and it may add more.

use std::collections::BTreeMap;

use twin::sizes::Part;

use super::placements::{Named, host};
use crate::scenario::model::{Container, Host, Scenario};
use crate::scenario::values::Span;

/// The share of the processors' time that the scaling of a service aims at.
pub const SCALE_ON_CPU: f64 = 0.6;
/// How much room there is above the tasks at the start.
const ROOM: u32 = 4;
/// Tasks of the measurement: more than enough.
const PROBE_TASKS: u32 = 64;
/// The longest that is measured: city time.
const PROBE_MAX_S: u64 = 180;

/// What a reader of the sizes must know.
pub fn note() -> String {
    format!(
        "Parts in containers of which the scenario says nothing have tasks of 1 vCPU and 2 GB: as many at the least as keep the processors busy {:.0} % of the time at the mean load (measured beforehand), up to {ROOM} times as many by target tracking. A tracker with more than one task is a region split in as many.",
        SCALE_ON_CPU * 100.0
    )
}

/// vCPUs that each part keeps busy at the scenario's load, of those parts whose size it does not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Busy(BTreeMap<&'static str, f64>);

/// The scenario as a short measurement of a placement; none if there is nothing to measure.
pub fn probe(scenario: &Scenario, named: &Named) -> Option<Scenario> {
    let parts = unsized_parts(scenario, named);
    let mut probe = scenario.clone();
    probe.placement = named.placement.clone();
    let longest = Span::secs(PROBE_MAX_S);
    if probe.duration.0 > longest.0 {
        probe.duration = longest;
    }
    probe.warmup = Span::secs(0);
    for part in &parts {
        let fixed = Container {
            tasks_min: PROBE_TASKS,
            tasks_max: PROBE_TASKS,
            ..Container::default()
        };
        probe.containers.insert((*part).to_owned(), fixed);
    }
    (!parts.is_empty()).then_some(probe)
}

/// Parts in containers of which the scenario does not say how large they are.
fn unsized_parts(scenario: &Scenario, named: &Named) -> Vec<&'static str> {
    let parts = Part::ALL.into_iter();
    parts
        .filter(|part| host(&named.placement, *part) == Host::Container)
        .map(Part::name)
        .filter(|name| !scenario.containers.contains_key(*name))
        .collect()
}

impl Busy {
    /// What the measurement found.
    pub fn of(scenario: &Scenario, named: &Named, probed: &report::summary::Summary) -> Self {
        let vcpus = f64::from(PROBE_TASKS) * Container::default().vcpu;
        let busy = |part: &'static str| {
            let share = probed.containers.get(part)?.cpu_share_mean?;
            Some((part, share * vcpus))
        };
        Self(
            unsized_parts(scenario, named)
                .into_iter()
                .filter_map(busy)
                .collect(),
        )
    }

    /// Places the parts of a scenario, and sizes them for so many times the load that was measured.
    pub fn place(&self, scenario: &mut Scenario, named: &Named, factor: f64) {
        scenario.placement = named.placement.clone();
        for (part, vcpus) in &self.0 {
            scenario
                .containers
                .insert((*part).to_owned(), sized(vcpus * factor));
        }
    }
}

fn sized(busy_vcpus: f64) -> Container {
    let task = Container::default();
    let needed = (busy_vcpus / (SCALE_ON_CPU * task.vcpu)).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what there may be"
    )]
    let tasks_min = needed.clamp(1.0, f64::from(cloud::autoscaling::TASKS_MAX / ROOM)) as u32;
    Container {
        tasks_min,
        tasks_max: tasks_min * ROOM,
        scale_on_cpu: Some(SCALE_ON_CPU),
        ..task
    }
}

/// Where each part runs and how large it is, for people.
pub fn parts(scenario: &Scenario) -> BTreeMap<String, String> {
    let named = |part: Part| {
        let name = part.name().to_owned();
        let text = match host(&scenario.placement, part) {
            Host::Lambda => {
                let function = scenario.functions.get(&name).cloned().unwrap_or_default();
                format!("lambda, {} MB", function.memory_mb)
            }
            Host::Container => {
                let task = scenario.containers.get(&name).cloned().unwrap_or_default();
                let tasks = match task.scale_on_cpu {
                    Some(_) => format!("{} to {}", task.tasks_min, task.tasks_max),
                    None => task.tasks_min.to_string(),
                };
                format!(
                    "container, {tasks} × {} vCPU {} GB",
                    task.vcpu, task.memory_gb
                )
            }
        };
        (name, text)
    };
    Part::ALL.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::placements::parse;

    #[test]
    fn tasks_follow_the_load_and_what_is_stated_stands() {
        assert_eq!(sized(0.01).tasks_min, 1);
        assert_eq!((sized(1.3).tasks_min, sized(1.3).tasks_max), (3, 12));
        let mut scenario = Scenario::default();
        let own = Container {
            vcpu: 4.0,
            ..Container::default()
        };
        scenario
            .containers
            .insert("pricing".to_owned(), own.clone());
        let named = &parse("all-container", &scenario.placement).unwrap()[0];
        let probe = probe(&scenario, named).unwrap();
        assert_eq!(probe.containers["pricing"], own);
        assert_eq!(probe.containers["trips"].tasks_min, PROBE_TASKS);
        let mut busy = Busy::default();
        busy.0.insert("trips", 0.7);
        busy.place(&mut scenario, named, 2.0);
        assert_eq!(scenario.containers["trips"].tasks_min, 3);
        assert_eq!(
            parts(&scenario)["trips"],
            "container, 3 to 12 × 1 vCPU 2 GB"
        );
        assert_eq!(parts(&scenario)["pricing"], "container, 1 × 4 vCPU 2 GB");
        let lambda = &parse("all-lambda", &scenario.placement).unwrap()[0];
        assert!(super::probe(&scenario, lambda).is_none());
    }
}

//! What the counted operations would cost on AWS, by the price file.
//!
//! What is not counted is stated here as a constant: bytes of messages and of log lines, alarms, and the
//! network that each placement needs. A function reaches the tracker through its VPC; there it reaches SQS by
//! an interface endpoint in each zone, whose hour and GB cost less than those of a NAT gateway, and DynamoDB by a
//! gateway endpoint, which is free. Tasks have public addresses of their own, and need neither.

use cloud::prices::{Item, Prices, Usage};
use cloud::profile::Profile;
use drive::counted::Counted;
use report::latency::step;
use report::summary::Summary;

use crate::exit::Failure;
use crate::scenario::Scenario;
use crate::scenario::model::{Function, Host};

/// What the cost rests on, for the report.
pub const BASIS: &str = "Operations counted in this run times a dated price file: functions (provisioned concurrency \
    as well), HTTP API and riders' polls, queues, tables, tasks, load balancer, public addresses, interface endpoints, \
    schedules, alarms; logs, egress and traffic between zones by counted messages of assumed sizes. Free allowances \
    are not subtracted.";

/// A load balancer's capacity units at the least: one is billed even when idle.
const CAPACITY_UNITS_MIN: f64 = 1.0;
/// Zones of a deployment: a load balancer needs two, and has an address in each.
const ZONES: f64 = 2.0;
/// A request to the API with its headers and its token, and the answer: an assumption.
const API_REQUEST_BYTES: f64 = 1_000.0;
const API_RESPONSE_BYTES: f64 = 1_000.0;
/// The answer to a ping or a look at a car over HTTP, headers above all: an assumption.
const SMALL_RESPONSE_BYTES: f64 = 400.0;
/// Messages of a stream, framing and encryption included: assumptions.
const PING_BYTES: f64 = 150.0;
const PING_ACK_BYTES: f64 = 100.0;
const OFFER_BYTES: f64 = 400.0;
const POSITION_BYTES: f64 = 120.0;
/// A call of the tracker by a function or another service, there and back; half of them cross zones: assumptions.
const CALL_BYTES: f64 = 1_000.0;
const CROSSING_SHARE: f64 = 0.5;
/// A message of a queue: an assumption.
const QUEUE_MESSAGE_BYTES: f64 = 1_000.0;
/// What Lambda itself logs of a call (its lines START, END and REPORT): an assumption. What ours log beside that is
/// not in the bill: docs/compare.md names it with all else that is not.
const LOG_BYTES: f64 = 400.0;
/// How often a rider who follows a car is told where it is, in seconds: `WATCH_EVERY` of the service.
const WATCH_EVERY_S: f64 = 4.0;
/// Alarms of each function and queue, one, and of each service, whose scaling has two: an assumption.
const ALARMS_OF_A_SERVICE: f64 = 2.0;

const GB: f64 = 1e9;

/// What was used, of which the bill is made.
pub struct Used<'a> {
    /// Where parts run, and their sizes.
    pub scenario: &'a Scenario,
    /// What the cloud counted.
    pub counted: &'a Counted,
    /// What riders and drivers did: steps and drivers.
    pub summary: &'a Summary,
    /// Over how long.
    pub seconds: f64,
}

/// The prices that a scenario asks for: those of a file, or the shipped ones.
///
/// # Errors
/// If the file cannot be read, or lacks a price.
pub fn prices(scenario: &Scenario) -> Result<Prices, Failure> {
    let Some(path) = &scenario.cloud.prices else {
        return Ok(Prices::aws_us_east_1());
    };
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::input(format!(
            "cloud.prices: {shown}: cannot be read ({error}), expected a price file"
        ))
    })?;
    Prices::parse(&text).map_err(|error| Failure::input(format!("cloud.prices: {shown}: {error}")))
}

/// Keys of a profile that a predicted bill rests on and nobody has checked, as `profile.KEY`.
pub fn rests_on(profile: &Profile, scenario: &Scenario) -> Vec<String> {
    let any = |host: Host| hosts(scenario).contains(&host);
    let matters = |key: &String| match key.split('.').next().unwrap_or_default() {
        // Billed durations hold the waits for tables and queues.
        "lambda" => any(Host::Lambda),
        "container" => any(Host::Container),
        "service" | "table" | "queue" => true,
        // The way to the API is in latencies, and not in the bill.
        _ => false,
    };
    let unverified = profile.unverified().into_iter().filter(matters);
    unverified.map(|key| format!("profile.{key}")).collect()
}

fn hosts(scenario: &Scenario) -> [Host; 5] {
    let placed = &scenario.placement;
    [
        placed.pricing,
        placed.surge,
        placed.trips,
        placed.matching,
        placed.fleet_tracker,
    ]
}

/// What was used.
pub fn usage(used: &Used<'_>) -> Usage {
    let mut usage = Usage::default();
    used.functions(&mut usage);
    used.services(&mut usage);
    used.api(&mut usage);
    used.stores(&mut usage);
    used.network(&mut usage);
    used.watching(&mut usage);
    usage
}

impl Used<'_> {
    fn hours(&self) -> f64 {
        self.seconds / 3_600.0
    }

    /// How often a step was taken.
    fn steps(&self, name: &str) -> f64 {
        self.summary
            .latency_ms
            .get(name)
            .map_or(0.0, |figures| figures.count as f64)
    }

    /// Requests of riders to the API, by all ways.
    fn api_calls(&self) -> f64 {
        self.summary.load.sent as f64
    }

    fn tracker_in_container(&self) -> bool {
        self.scenario.placement.fleet_tracker == Host::Container
    }

    /// Whether riders' requests come to a load balancer.
    fn api_in_container(&self) -> bool {
        [
            self.scenario.placement.pricing,
            self.scenario.placement.trips,
        ]
        .contains(&Host::Container)
    }

    /// Positions of cars that riders were told. Who does not count them has riders follow each car from the
    /// accept to the end of the ride.
    fn positions(&self) -> f64 {
        let counted = self.counted.tracker.positions_told;
        if counted > 0 {
            return counted as f64;
        }
        let drivers = &self.summary.drivers;
        let share = drivers.pickup_share.unwrap_or(0.0) + drivers.on_trip_share.unwrap_or(0.0);
        drivers.online_mean.unwrap_or(0.0) * share * self.seconds / WATCH_EVERY_S
    }

    fn functions(&self, usage: &mut Usage) {
        for (name, used) in &self.counted.functions {
            let stated = self.scenario.functions.get(name);
            let defaults = Function::default();
            let function = stated.unwrap_or(&defaults);
            let [on_demand, provisioned, provisioned_run] = match function.architecture.as_str() {
                "x86_64" => [
                    Item::LambdaGbSecondsX86,
                    Item::LambdaProvisionedGbSecondsX86,
                    Item::LambdaProvisionedRunGbSecondsX86,
                ],
                _ => [
                    Item::LambdaGbSecondsArm,
                    Item::LambdaProvisionedGbSecondsArm,
                    Item::LambdaProvisionedRunGbSecondsArm,
                ],
            };
            let gb = f64::from(function.memory_mb) / 1_024.0;
            usage.add(Item::LambdaRequests, used.invocations as f64);
            usage.add(on_demand, used.gb_seconds(function.memory_mb));
            let ready = f64::from(function.provisioned_concurrency.unwrap_or(0));
            usage.add(provisioned, ready * self.seconds * gb);
            let run_ms = self.counted.provisioned_ms.get(name).copied().unwrap_or(0);
            usage.add(provisioned_run, run_ms as f64 / 1_000.0 * gb);
            usage.add(Item::LogGb, used.invocations as f64 * LOG_BYTES / GB);
        }
    }

    fn services(&self, usage: &mut Usage) {
        for (name, used) in &self.counted.containers {
            let task = self
                .scenario
                .containers
                .get(name)
                .cloned()
                .unwrap_or_default();
            let task_hours = used.task_seconds / 3_600.0;
            usage.add(Item::FargateVcpuHoursArm, task.vcpu * task_hours);
            usage.add(Item::FargateGbHoursArm, task.memory_gb * task_hours);
            usage.add(Item::PublicIpv4Hours, task_hours);
        }
    }

    /// The gateway, told apart by who asks how things stand: how often they do is a choice.
    fn api(&self, usage: &mut Usage) {
        let all = self.counted.http_requests as f64;
        let reads = match self.scenario.placement.trips {
            Host::Lambda => self.steps(step::READ),
            Host::Container => 0.0,
        };
        let looks = if self.tracker_in_container() {
            0.0
        } else {
            self.positions()
        };
        let polls = (reads + looks).min(all);
        usage.add(Item::HttpApiRequests, all - polls);
        usage.add(Item::RiderPolls, polls);
    }

    fn stores(&self, usage: &mut Usage) {
        for used in self.counted.queues.values() {
            usage.add(Item::SqsRequests, used.requests as f64);
        }
        for table in self.counted.tables.values() {
            usage.add(Item::DynamodbReadUnits, table.read_units);
            usage.add(Item::DynamodbWriteUnits, table.write_units);
        }
    }

    fn network(&self, usage: &mut Usage) {
        let placed = &self.scenario.placement;
        let tracker = &self.counted.tracker;
        let (pings, positions) = (tracker.pings as f64, self.positions());
        let (offers, api_calls) = (self.steps(step::OFFER_DELIVERY), self.api_calls());
        let (to_drivers, streams_bytes) = if self.tracker_in_container() {
            let down = pings * PING_ACK_BYTES + offers * OFFER_BYTES + positions * POSITION_BYTES;
            (down, down + pings * PING_BYTES)
        } else {
            ((pings + positions) * SMALL_RESPONSE_BYTES, 0.0)
        };
        usage.add(
            Item::EgressGb,
            (to_drivers + api_calls * API_RESPONSE_BYTES) / GB,
        );
        let balanced_bytes = if self.api_in_container() {
            api_calls * (API_REQUEST_BYTES + API_RESPONSE_BYTES)
        } else {
            0.0
        };
        if self.tracker_in_container() || self.api_in_container() {
            self.load_balancer(usage, streams_bytes + balanced_bytes);
        }
        if self.tracker_in_container() {
            let calls = (tracker.messages as f64 - pings).max(0.0);
            // Both sides of a crossing are billed.
            usage.add(
                Item::CrossZoneGb,
                2.0 * CROSSING_SHARE * calls * CALL_BYTES / GB,
            );
            if [placed.trips, placed.matching].contains(&Host::Lambda) {
                let sent: u64 = self.counted.queues.values().map(|queue| queue.sent).sum();
                usage.add(Item::InterfaceEndpointHours, ZONES * self.hours());
                usage.add(
                    Item::InterfaceEndpointGb,
                    sent as f64 * QUEUE_MESSAGE_BYTES / GB,
                );
                usage.add(Item::GatewayEndpointHours, self.hours());
            }
        }
    }

    fn load_balancer(&self, usage: &mut Usage, bytes: f64) {
        let hours = self.hours();
        let (mut connections, mut opened) = (0.0, 0.0);
        if self.tracker_in_container() {
            let online = self.summary.drivers.online_mean;
            let streams = online.unwrap_or(self.summary.load.streams as f64);
            let following = self.positions() * WATCH_EVERY_S / self.seconds.max(1.0);
            connections += streams + following;
            opened += self.summary.rides.accepted as f64;
        }
        if self.api_in_container() {
            // A rider's app keeps its connection from the quote to the end.
            opened += self.steps(step::QUOTE);
        }
        let opened_per_s = opened / self.seconds.max(1.0);
        let gb_per_hour = bytes / GB / hours.max(f64::MIN_POSITIVE);
        let units = cloud::prices::capacity_units(opened_per_s, connections, gb_per_hour);
        usage.add(Item::LoadBalancerHours, hours);
        usage.add(
            Item::LoadBalancerCapacityUnitHours,
            units.max(CAPACITY_UNITS_MIN) * hours,
        );
        usage.add(Item::PublicIpv4Hours, ZONES * hours);
    }

    fn watching(&self, usage: &mut Usage) {
        if self.scenario.placement.trips == Host::Lambda {
            usage.add(Item::ScheduleInvocations, self.seconds / 60.0);
        }
        let counted = self.counted;
        let single = (counted.functions.len() + counted.queues.len()) as f64;
        let alarms = single + counted.containers.len() as f64 * ALARMS_OF_A_SERVICE;
        usage.add(Item::AlarmHours, alarms * self.hours());
    }
}

#[cfg(test)]
mod tests;

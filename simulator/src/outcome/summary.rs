//! The summary of a run, part by part.

use report::distill::{MarketplaceInput, marketplace};
use report::latency::Latencies;
use report::summary::{Container, Cost, Function, Load, Queue, Seconds, Slo, Summary, Table};

use super::{Outcome, costs};
use crate::exit::Failure;
use crate::process;
use crate::scenario::model::Limit;
use crate::scenario::values::Span;

impl Outcome<'_> {
    pub(super) fn summary(
        &self,
        input: &MarketplaceInput<'_>,
        latencies: &Latencies,
    ) -> Result<Summary, Failure> {
        let scenario = &self.resolved.scenario;
        let mut summary = Summary::new(&scenario.name, scenario.seed, self.target, self.clock);
        summary.git_commit = option_env!("RUSHHOUR_GIT_COMMIT").map(str::to_owned);
        summary.speedup = scenario.speedup;
        summary.notes.clone_from(&self.resolved.notes);
        summary.notes.extend(self.notes.iter().cloned());
        let ran = self.until.min(self.ended_at).since(self.started_at);
        summary.seconds = Seconds {
            simulated: self.resolved.world.pace.in_city(ran).as_secs_f64(),
            wall: self.wall_s,
            cpu: process::cpu_seconds().unwrap_or(0.0),
        };
        summary.peak_rss_bytes = process::peak_rss_bytes();
        marketplace(input).fill(&mut summary);
        summary.matching = self.watched.matching();
        summary.latency_ms = latencies.figures();
        self.infrastructure(&mut summary);
        summary.load = self.load();
        self.cost(&mut summary, input)?;
        Ok(summary)
    }

    /// How a summary that is whole stands to the limits of the scenario.
    pub(super) fn slo(&self, summary: &Summary) -> Result<Vec<Slo>, Failure> {
        let scenario = &self.resolved.scenario;
        let limits: Vec<(String, f64)> = scenario
            .slo
            .iter()
            .map(|(name, limit)| (name.clone(), number(*limit)))
            .collect();
        report::slo::evaluate(&limits, summary).map_err(Failure::input)
    }

    fn infrastructure(&self, summary: &mut Summary) {
        for (name, used) in &self.counted.functions {
            let function = Function {
                invocations: used.invocations,
                errors: used.errors,
                cold_starts: used.cold_starts,
                throttles: used.throttles,
                concurrency_max: u64::from(used.concurrency_max),
                duration_ms: self.watched.durations(name).figures(),
                billed_ms: used.billed_ms,
            };
            summary.functions.insert(name.clone(), function);
        }
        for (name, used) in &self.counted.queues {
            let queue = Queue {
                sent: used.sent,
                received: used.received,
                deleted: used.deleted,
                redelivered: used.redelivered,
                dead_lettered: used.dead_letters,
                age_max_s: Some(used.age_max.as_secs_f64()),
                depth_max: self.counted.depth_max.get(name).copied().unwrap_or(0),
            };
            summary.queues.insert(name.clone(), queue);
        }
        for (name, used) in &self.counted.tables {
            let table = Table {
                read_units: used.read_units,
                write_units: used.write_units,
                throttles: used.throttles,
                conditional_failures: used.conditional_failures,
            };
            summary.tables.insert(name.clone(), table);
        }
        for (name, used) in &self.counted.containers {
            let container = Container {
                tasks_max: used.tasks_max,
                cpu_share_mean: used.cpu.and_then(|cpu| cpu.cpu_share_mean()),
                messages: used.messages,
            };
            summary.containers.insert(name.clone(), container);
        }
    }

    fn cost(&self, summary: &mut Summary, input: &MarketplaceInput<'_>) -> Result<(), Failure> {
        let span = input.window.until.since(input.window.from);
        let usage = costs::usage(&costs::Used {
            scenario: &self.resolved.scenario,
            counted: &self.counted.over(span),
            summary,
            seconds: span.as_secs_f64(),
        });
        let prices = costs::prices(&self.resolved.scenario)?;
        let cost = prices
            .summarise(&usage, span, summary.rides.completed)
            .resting_on(self.rests_on.iter().cloned());
        summary.prices_as_of = Some(cost.prices_as_of);
        summary.cost_usd = Some(Cost {
            total: cost.total,
            per_completed_ride: cost.per_completed_ride,
            per_month_at_this_load: cost.per_month_at_this_load,
            by_component: cost.by_component,
            per_month_by_component: cost.per_month_by_component,
            basis: costs::BASIS.to_owned(),
            unverified: cost.unverified,
        });
        Ok(())
    }

    fn load(&self) -> Load {
        let counts = &self.recorded.counts;
        Load {
            offered: counts.offered,
            sent: counts.sent,
            completed: counts.completed,
            errors: counts.errors,
            dropped: counts.dropped,
            in_flight_max: self.recorded.in_flight_max,
            schedule_lag_ms: self.recorded.lag.figures(),
            errors_by_kind: counts.errors_by_kind.clone(),
            streams: self.recorded.streams,
            stream_connections: self.recorded.connections,
            pings: self.recorded.pings,
        }
    }
}

/// A limit as a number: milliseconds of a span.
fn number(limit: Limit) -> f64 {
    match limit {
        Limit::Span(Span(span)) => span.as_secs_f64() * 1_000.0,
        Limit::Number(number) => number,
    }
}

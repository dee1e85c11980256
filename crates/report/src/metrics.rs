//! The figures that are compared and tabulated, each with its unit and with which way is better.

use crate::format::{Unit, words};
use crate::summary::Summary;

/// Which way a figure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More of it.
    Higher,
    /// Less of it.
    Lower,
    /// Neither: it describes.
    Neither,
}

/// A figure of a summary.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Under which heading it stands.
    pub group: &'static str,
    /// Its name.
    pub name: String,
    /// What was measured, if anything.
    pub value: Option<f64>,
    /// Of what it is.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
}

/// The figures of a summary that are worth a line, in the order of reading.
#[must_use]
pub fn metrics(summary: &Summary) -> Vec<Metric> {
    let mut list = List(Vec::new());
    rides(summary, &mut list);
    latencies(summary, &mut list);
    market(summary, &mut list);
    infrastructure(summary, &mut list);
    list.0
}

struct List(Vec<Metric>);

impl List {
    fn add(
        &mut self,
        group: &'static str,
        name: &str,
        value: Option<f64>,
        unit: Unit,
        better: Better,
    ) {
        self.0.push(Metric {
            group,
            name: name.to_owned(),
            value,
            unit,
            better,
        });
    }

    fn count(&mut self, group: &'static str, name: &str, value: u64, better: Better) {
        self.add(group, name, Some(value as f64), Unit::Count, better);
    }
}

fn rides(summary: &Summary, list: &mut List) {
    const GROUP: &str = "Rides";
    let rides = &summary.rides;
    list.count(GROUP, "requested", rides.requested, Better::Neither);
    list.count(GROUP, "completed", rides.completed, Better::Higher);
    list.add(
        GROUP,
        "driver found",
        summary.served_share(),
        Unit::Share,
        Better::Higher,
    );
    list.count(GROUP, "cancelled", rides.cancelled, Better::Lower);
    list.count(GROUP, "unserved", rides.unserved, Better::Lower);
    list.count(GROUP, "declines", summary.declines, Better::Lower);
    list.count(
        GROUP,
        "offer timeouts",
        summary.offer_timeouts,
        Better::Lower,
    );
    list.count(
        GROUP,
        "audit violations",
        summary.audit.violations_count(),
        Better::Lower,
    );
}

fn latencies(summary: &Summary, list: &mut List) {
    for (step, figures) in &summary.latency_ms {
        let (unit, better) = (Unit::Milliseconds, Better::Lower);
        list.add(
            "Latency",
            &format!("{} p50", words(step)),
            figures.p50,
            unit,
            better,
        );
        list.add(
            "Latency",
            &format!("{} p99", words(step)),
            figures.p99,
            unit,
            better,
        );
    }
    let lag = summary.load.schedule_lag_ms.p99;
    list.add(
        "Load",
        "schedule lag p99",
        lag,
        Unit::Milliseconds,
        Better::Lower,
    );
    list.count("Load", "errors", summary.load.errors, Better::Lower);
    list.count("Load", "dropped", summary.load.dropped, Better::Lower);
}

fn market(summary: &Summary, list: &mut List) {
    const GROUP: &str = "Market";
    let (pickup, drivers, money) = (&summary.pickup, &summary.drivers, &summary.money);
    let pay = &money.pay_per_online_hour;
    list.add(
        GROUP,
        "pick-up wait mean",
        pickup.wait_s.mean,
        Unit::Seconds,
        Better::Lower,
    );
    list.add(
        GROUP,
        "pick-up wait p90",
        pickup.wait_s.p90,
        Unit::Seconds,
        Better::Lower,
    );
    list.add(
        GROUP,
        "pick-up way mean",
        pickup.distance_m.mean,
        Unit::Metres,
        Better::Lower,
    );
    list.add(
        GROUP,
        "drivers online",
        drivers.online_mean,
        Unit::Count,
        Better::Neither,
    );
    list.add(
        GROUP,
        "utilisation",
        drivers.utilisation,
        Unit::Share,
        Better::Higher,
    );
    list.add(
        GROUP,
        "on the way or waiting",
        drivers.pickup_share,
        Unit::Share,
        Better::Lower,
    );
    list.add(
        GROUP,
        "surge mean",
        summary.surge.mean,
        Unit::Factor,
        Better::Neither,
    );
    list.add(
        GROUP,
        "gross",
        Some(money.gross),
        Unit::Money,
        Better::Neither,
    );
    list.add(
        GROUP,
        "driver pay an hour online",
        pay.mean,
        Unit::Money,
        Better::Higher,
    );
    list.add(
        GROUP,
        "Gini of driver pay",
        pay.gini,
        Unit::Number,
        Better::Lower,
    );
}

fn infrastructure(summary: &Summary, list: &mut List) {
    const GROUP: &str = "Infrastructure";
    for (name, function) in &summary.functions {
        let (p99, calls) = (function.duration_ms.p99, function.invocations);
        list.count(GROUP, &format!("{name} calls"), calls, Better::Neither);
        list.count(
            GROUP,
            &format!("{name} cold starts"),
            function.cold_starts,
            Better::Lower,
        );
        list.count(
            GROUP,
            &format!("{name} throttles"),
            function.throttles,
            Better::Lower,
        );
        list.add(
            GROUP,
            &format!("{name} p99"),
            p99,
            Unit::Milliseconds,
            Better::Lower,
        );
    }
    if let Some(cost) = &summary.cost_usd {
        let (ride, month) = (cost.per_completed_ride, cost.per_month_at_this_load);
        list.add(
            GROUP,
            "cost",
            Some(cost.total),
            Unit::Dollars,
            Better::Lower,
        );
        list.add(
            GROUP,
            "cost a completed ride",
            ride,
            Unit::Dollars,
            Better::Lower,
        );
        list.add(GROUP, "cost a month", month, Unit::Dollars, Better::Lower);
    }
}

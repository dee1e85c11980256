//! What the modelled cloud has counted, as the summary and the bill take it.

use std::collections::BTreeMap;

use cloud::timed::{TableUse, TimedQueue};
use drive::counted::{Counted, QueueUse, TrackerUse};

use crate::host::Host;
use crate::sizes::Part;
use crate::system::System;

/// Has maxima begin anew, as at the end of the warm-up. To be followed by a look at the counters, of which some do
/// so too.
pub(crate) fn begin(system: &System) {
    for host in system.hosts.values() {
        match host {
            Host::Function(function) => function.reset_counters(),
            Host::Service(service) => service.reset_counters(),
        }
    }
    system.queues.rings.reset_maxima();
    system.queues.events.reset_maxima();
    system.queues.snapshots.reset_maxima();
}

/// The counters now.
pub(crate) fn counted(system: &System) -> Counted {
    let mut counted = Counted::default();
    for (part, host) in &system.hosts {
        let name = part.name().to_owned();
        match host {
            Host::Function(function) => {
                let counters = function.counters();
                let provisioned = counters.provisioned_billed_ms;
                counted.provisioned_ms.insert(name.clone(), provisioned);
                counted.functions.insert(name, counters.all);
            }
            Host::Service(service) => {
                counted.containers.insert(name, service.used());
            }
        }
    }
    let pings = system.tracker.pings.get();
    match &system.hosts[&Part::FleetTracker] {
        Host::Service(_) => {
            let tracker = counted
                .containers
                .get_mut(Part::FleetTracker.name())
                .expect("a service is a container");
            tracker.messages = system.tracker.messages() + pings;
        }
        Host::Function(_) => {
            let tracker = counted
                .functions
                .get_mut(Part::FleetTracker.name())
                .expect("a function is counted");
            let (calls, billed_ms) = system.tracker.calls_for_pings();
            tracker.invocations += calls;
            tracker.billed_ms += billed_ms;
        }
    }
    counted.tracker = TrackerUse {
        messages: system.tracker.messages() + pings,
        pings,
        positions_told: system.tracker.positions_told.get(),
        ..TrackerUse::default()
    };
    counted.http_requests = system.api.requests() + system.tracker.http_requests();
    counted.tables = tables(system);
    counted.queues = BTreeMap::from([
        ("ride-requests".to_owned(), queue(&system.queues.rings)),
        ("trip-events".to_owned(), queue(&system.queues.events)),
        (
            "market-snapshots".to_owned(),
            queue(&system.queues.snapshots),
        ),
    ]);
    counted.depth_max = BTreeMap::from([
        ("ride-requests".to_owned(), depth(&system.queues.rings)),
        ("trip-events".to_owned(), depth(&system.queues.events)),
        (
            "market-snapshots".to_owned(),
            depth(&system.queues.snapshots),
        ),
    ]);
    counted
}

fn tables(system: &System) -> BTreeMap<String, TableUse> {
    let mut tables = BTreeMap::from([
        ("trips".to_owned(), system.trips.table().used()),
        ("fleet".to_owned(), system.holds.table().used()),
        ("pricing".to_owned(), system.pricing.table().used()),
    ]);
    if let Some(positions) = &system.positions {
        let mut used = positions.used();
        // A ping writes its driver's position: one item below 1 KB.
        let pings = system.tracker.pings.get();
        used.requests += pings;
        used.write_units += pings as f64;
        // Who asks where a car is reads one, eventually consistent.
        let told = system.tracker.positions_told.get();
        used.requests += told;
        used.read_units += told as f64 * 0.5;
        tables.insert("positions".to_owned(), used);
    }
    tables
}

fn queue<M: Clone + Send + 'static>(queue: &TimedQueue<M>) -> QueueUse {
    let (used, counters) = (queue.used(), queue.counters());
    let (visible, in_flight) = queue.depth();
    QueueUse {
        requests: used.requests,
        sent: counters.sent,
        received: counters.received,
        redelivered: counters.redelivered,
        deleted: counters.deleted,
        dead_letters: counters.dead_lettered,
        age_max: used.age_max,
        depth_visible: visible as u64,
        depth_in_flight: in_flight as u64,
    }
}

fn depth<M: Clone + Send + 'static>(queue: &TimedQueue<M>) -> u64 {
    queue.counters().depth_max as u64
}

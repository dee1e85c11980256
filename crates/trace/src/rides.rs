//! Which trace work is done in: that of whoever asked for it, or that of the ride it is for.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex};

use crate::TraceContext;

/// Rides whose traces are known at once; the oldest is forgotten first.
pub const RIDES_MAX: usize = 20_000;

#[derive(Debug, Default)]
struct Known {
    by_trip: BTreeMap<u128, TraceContext>,
    /// Trips in the order in which they came.
    order: VecDeque<u128>,
}

/// In which traces rides were requested, by their trips. Cheap to clone; clones know the same.
#[derive(Debug, Clone, Default)]
pub struct Rides(Arc<Mutex<Known>>);

impl Rides {
    /// A ride is in a trace: the newest word counts.
    pub fn found(&self, trip: u128, context: TraceContext) {
        let mut known = self.known();
        if known.by_trip.insert(trip, context).is_none() {
            known.order.push_back(trip);
        }
        if known.order.len() > RIDES_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            known.by_trip.remove(&oldest);
        }
    }

    /// The trace of a ride, if it is known.
    #[must_use]
    pub fn of(&self, trip: u128) -> Option<TraceContext> {
        self.known().by_trip.get(&trip).copied()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0
            .lock()
            .expect("no one panics while holding the rides")
    }
}

/// What a piece of work knows of traces.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Where it was asked for; none: nowhere that says so.
    pub current: Option<TraceContext>,
    /// The rides it may be for.
    pub rides: Rides,
}

impl Scope {
    /// Work that is asked for in a trace, and knows no rides yet.
    #[must_use]
    pub fn of(current: TraceContext) -> Self {
        Self {
            current: Some(current),
            rides: Rides::default(),
        }
    }
}

tokio::task_local! {
    static SCOPE: Scope;
}

/// Has work done within a scope.
pub fn within<F: Future>(scope: Scope, work: F) -> impl Future<Output = F::Output> {
    SCOPE.scope(scope, work)
}

/// The context that goes out with what is done for a trip, or for none: the ride's, else the current one.
#[must_use]
pub fn carried(trip: Option<u128>) -> Option<TraceContext> {
    let carried = |scope: &Scope| trip.and_then(|trip| scope.rides.of(trip)).or(scope.current);
    SCOPE.try_with(carried).ok().flatten()
}

/// The work at hand has met a ride that is in a trace.
pub fn ride_found(trip: u128, context: TraceContext) {
    // Outside of any scope nobody asks.
    let _ = SCOPE.try_with(|scope| scope.rides.found(trip, context));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_for_a_ride_goes_on_in_the_ride_s_trace() {
        assert_eq!(carried(None), None);
        ride_found(7, TraceContext::root());
        let (current, ride) = (TraceContext::root(), TraceContext::root());
        within(Scope::of(current), async {
            assert_eq!(carried(Some(7)), Some(current));
            ride_found(7, ride);
            tokio::task::yield_now().await;
            assert_eq!(carried(Some(7)), Some(ride));
            assert_eq!(carried(Some(8)), Some(current));
            assert_eq!(carried(None), Some(current));
        })
        .await;
        assert_eq!(carried(Some(7)), None);
    }

    #[test]
    fn the_oldest_ride_is_forgotten_first() {
        let rides = Rides::default();
        let context = TraceContext::root();
        for trip in 0..=RIDES_MAX as u128 {
            rides.found(trip, context);
        }
        assert_eq!((rides.of(0), rides.of(1)), (None, Some(context)));
        rides.found(1, context.child());
        assert_ne!(rides.of(1), Some(context), "the newest word counts");
    }
}

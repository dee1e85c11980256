//! What each side took.

use crate::sides::RADII_M;

/// Microseconds of server CPU.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Costs {
    pub(crate) batched: f64,
    /// An update of a batch, where several batches are under way on each connection.
    pub(crate) batches: f64,
    pub(crate) single: f64,
    pub(crate) search: f64,
    pub(crate) searches: f64,
    /// A search of a round's request, or in a pipeline of as many.
    pub(crate) rounds: f64,
    /// A request that asks for nothing, or nearly: what the wire costs.
    pub(crate) nothing: f64,
}

impl Costs {
    /// Before anything was measured.
    pub(crate) const NONE: Self = Self {
        batched: f64::INFINITY,
        batches: f64::INFINITY,
        single: f64::INFINITY,
        search: f64::INFINITY,
        searches: f64::INFINITY,
        rounds: f64::INFINITY,
        nothing: f64::INFINITY,
    };

    /// Of two times that the same was measured the cheaper.
    pub(crate) fn keep_cheaper(&mut self, again: Self) {
        let Self {
            batched,
            batches,
            single,
            search,
            searches,
            rounds,
            nothing,
        } = self;
        for (cost, again) in [
            (batched, again.batched),
            (batches, again.batches),
            (single, again.single),
            (search, again.search),
            (searches, again.searches),
            (rounds, again.rounds),
            (nothing, again.nothing),
        ] {
            *cost = cost.min(again);
        }
    }
}

/// Redis' search within a radius, one in a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Within {
    pub(crate) radius_m: f64,
    /// The share of places that have fewer than are wanted within it.
    pub(crate) fewer: f64,
    /// Microseconds of server CPU for a search that leaves it at that.
    pub(crate) once: f64,
    /// For one that goes on, wider, until it has as many as are wanted.
    pub(crate) until_enough: f64,
    /// The same of all turns together, by which the best radius is chosen: the cheapest of many would be chosen by chance.
    pub(crate) of_all_turns: f64,
}

impl Within {
    /// Before anything was measured.
    pub(crate) const fn none(radius_m: f64) -> Self {
        Self {
            radius_m,
            fewer: 0.0,
            once: f64::INFINITY,
            until_enough: f64::INFINITY,
            of_all_turns: 0.0,
        }
    }

    /// Of two times that the same was measured the cheaper.
    pub(crate) fn keep_cheaper(&mut self, again: Self) {
        self.fewer = again.fewer;
        self.once = self.once.min(again.once);
        self.until_enough = self.until_enough.min(again.until_enough);
        self.of_all_turns += again.of_all_turns;
    }
}

/// By which enough are found at the least cost.
pub(crate) fn best_of(tried: &[Within; RADII_M.len()]) -> Within {
    let cheapest = tried
        .iter()
        .min_by(|a, b| a.of_all_turns.total_cmp(&b.of_all_turns));
    *cheapest.expect("some radius was tried")
}

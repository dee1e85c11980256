//! How many pollers there are.
//!
//! AWS says: five at first, up to 300 more a minute "if messages are still available", fewer on a quiet
//! queue. Messages are taken to be available while every poll is answered at once with some; pollers are
//! then added evenly, one each 200 ms. A poll that returns empty ends that, and retires its poller.

use std::time::Duration;

use domain::Timestamp;

use super::poller::Poller;
use super::{Action, EventSource, PollerId, PollerScaling, SLACK_AFTER};

impl<M: Clone> EventSource<M> {
    /// Whether some poller waits in vain.
    pub(super) fn has_slack(&self) -> bool {
        self.polling
            .first()
            .is_some_and(|(sent_at, _)| *sent_at + SLACK_AFTER <= self.now)
    }

    /// Adds pollers while messages are left waiting; answers when it wants to look again.
    pub(super) fn scale(&mut self, actions: &mut Vec<Action<M>>) -> Option<Timestamp> {
        if self.stopping || self.has_slack() {
            self.saturated = None;
        }
        let (since, added) = self.saturated?;
        let PollerScaling {
            initial,
            added_per_minute,
            ..
        } = self.config.pollers;
        self.grow_to(initial as usize, actions);
        let per_minute = u128::from(added_per_minute);
        let due = self.now.since(since).as_micros() * per_minute / 60_000_000;
        let due = u64::try_from(due).unwrap_or(u64::MAX);
        let more = usize::try_from(due - added).unwrap_or(usize::MAX);
        self.grow_to(self.pollers.len().saturating_add(more), actions);
        self.saturated = Some((since, due));
        if self.pollers.len() >= self.config.pollers_max() || added_per_minute == 0 {
            return None;
        }
        let wait_us = ((u128::from(due) + 1) * 60_000_000).div_ceil(per_minute);
        Some(since + Duration::from_micros(u64::try_from(wait_us).unwrap_or(u64::MAX)))
    }

    pub(super) fn grow_to(&mut self, pollers: usize, actions: &mut Vec<Action<M>>) {
        while self.pollers.len() < pollers.min(self.config.pollers_max()) {
            let id = PollerId(self.next_poller);
            self.next_poller += 1;
            self.pollers.insert(id, Poller::new(self.now));
            self.counters.pollers_max = self.counters.pollers_max.max(self.pollers.len());
            self.drive(id, actions);
        }
    }
}

//! Who waits to look at the heat map. Drivers without a ride look at it every so often, each at times of their own,
//! but there is something to see only while surge is somewhere: until then nobody is woken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{DriverId, Timestamp};
use kernel::{Inbox, Local};
use workload::driver::DriverEvent;

use crate::run::Shared;
use crate::streams::Heard;

/// All who wait to look.
#[derive(Debug)]
pub(crate) struct Lookout {
    /// From one look of a driver to the next.
    every_us: i64,
    state: Local<State>,
    /// Told when the next call is to be found anew.
    called: Inbox<()>,
}

#[derive(Debug, Default)]
struct State {
    /// By how long after a whole number of periods each looks.
    waiting: BTreeMap<(i64, DriverId), Inbox<Heard>>,
    /// When the next is called; none while there is nothing to see.
    next_us: Option<i64>,
}

impl Lookout {
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            every_us: i64::try_from(every.as_micros()).unwrap_or(i64::MAX).max(1),
            state: Local::default(),
            called: Inbox::default(),
        }
    }

    fn key(&self, driver: DriverId, look_at: Timestamp) -> (i64, DriverId) {
        (look_at.as_micros().rem_euclid(self.every_us), driver)
    }

    /// A driver looks from that time on.
    pub(crate) fn join(&self, driver: DriverId, look_at: Timestamp, inbox: &Inbox<Heard>) {
        let state = &mut *self.state.lock();
        state
            .waiting
            .insert(self.key(driver, look_at), inbox.clone());
        if state
            .next_us
            .is_some_and(|next_us| look_at.as_micros() < next_us)
        {
            self.called.put(());
        }
    }

    /// A driver who looked at such times has other things to do.
    pub(crate) fn leave(&self, driver: DriverId, look_at: Timestamp) {
        self.state.lock().waiting.remove(&self.key(driver, look_at));
    }

    /// There is surge somewhere.
    pub(crate) fn surge(&self) {
        if self.state.lock().next_us.is_none() {
            self.called.put(());
        }
    }

    /// When the next after `now` looks, if there is something to see.
    fn plan(&self, now_us: i64, is_cold: bool) -> Option<i64> {
        let state = &mut *self.state.lock();
        let phase = now_us.rem_euclid(self.every_us);
        let after = state.waiting.range((phase + 1, DriverId(0))..).next();
        let next = after.or_else(|| state.waiting.first_key_value());
        let next_us = next.map(|((at, _), _)| {
            let wait_us = (at - phase).rem_euclid(self.every_us);
            now_us + if wait_us == 0 { self.every_us } else { wait_us }
        });
        state.next_us = (!is_cold).then_some(next_us.unwrap_or(i64::MAX));
        state.next_us
    }

    /// Wakes those who look now.
    fn call(&self, now: Timestamp) {
        let state = self.state.lock();
        let of = |driver| self.key(DriverId(driver), now);
        for inbox in state.waiting.range(of(0)..=of(u64::MAX)).map(|it| it.1) {
            inbox.put(Heard::Said {
                event: DriverEvent::Wake,
                sent_at: now,
            });
        }
    }
}

/// Wakes drivers when they look at the heat map, for as long as there is something to see.
pub(crate) async fn keep(shared: Arc<Shared>) {
    let Some(lookout) = &shared.lookout else {
        return;
    };
    loop {
        let now = shared.now();
        let next_us = lookout.plan(now.as_micros(), shared.heat.is_cold(now));
        let called = lookout.called.next_until(&shared.time, next_us).await;
        if called.is_none() && !shared.heat.is_cold(shared.now()) {
            lookout.call(shared.now());
        }
    }
}

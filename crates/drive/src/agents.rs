//! What every host does for its riders and drivers beside carrying out their actions: it reads drivers'
//! accounts at both ends of the counted span and knows which of their pings are acknowledged, notes how late riders
//! come, and judges how their calls were answered.

#[cfg(test)]
mod tests;

use domain::Timestamp;
use report::latency::step;
use workload::driver::{Driver, DriverAccount};
use workload::rider::{Call, Failure, Rider};
use workload::world::World;

use crate::recorder::Recorder;

/// A driver's account at both ends of the counted span; apart from what the driver is asked for at each step.
#[derive(Debug, Clone, Default)]
pub struct KeptAccounts {
    at_warmup: Option<Box<DriverAccount>>,
    at_end: Option<Box<DriverAccount>>,
}

impl KeptAccounts {
    /// Reads the account as of each end that has come. To be called before each step: nothing has happened to the
    /// driver since the last, so that the account as of a moment between the two can be told however much later,
    /// and nobody has to be woken at that moment.
    pub fn keep(&mut self, recorder: &Recorder, driver: &Driver, world: &World, now: Timestamp) {
        for (kept, at) in [
            (&mut self.at_warmup, recorder.counted_from()),
            (&mut self.at_end, recorder.counted_until()),
        ] {
            if kept.is_none() && now >= at {
                *kept = Some(Box::new(driver.account(world, at)));
            }
        }
    }

    /// Tells the recorder both, when the driver's run is over. A run that was cut short counts until now.
    pub fn hand_over(
        mut self,
        recorder: &Recorder,
        driver: &Driver,
        world: &World,
        now: Timestamp,
    ) {
        self.keep(recorder, driver, world, now);
        let at_end = self
            .at_end
            .map_or_else(|| driver.account(world, now), |kept| *kept);
        // Ended before the warm-up was over: nothing counts.
        let at_warmup = self.at_warmup.map_or(at_end, |kept| *kept);
        recorder.account(driver.id(), at_warmup, at_end);
    }
}

/// Until when a driver's pings are acknowledged, of a host that sends them one by one.
#[derive(Debug, Clone, Copy, Default)]
pub struct AcknowledgedPings {
    until: Timestamp,
}

impl AcknowledgedPings {
    /// The ping that was due then is acknowledged, and with it all before.
    pub fn acknowledged(
        &mut self,
        recorder: &Recorder,
        driver: &Driver,
        due_at: Timestamp,
        now: Timestamp,
    ) {
        let due = driver.ping_times(self.until, due_at).map(|at| (at, 1));
        recorder.pings_waited(due, now);
        self.until = self.until.max(due_at);
    }

    /// The driver leaves, or the run is over: what is still to be acknowledged has waited until now.
    pub fn hand_over(mut self, recorder: &Recorder, driver: &Driver, now: Timestamp) {
        self.acknowledged(recorder, driver, now, now);
    }
}

/// Notes how late a rider asks for the quote. What is asked again after a failure is as late as the system made
/// it, which is in the latency: the load's lag is its own.
///
/// Returns when the quote was to be asked for.
pub fn asks_for_quote(
    recorder: &Recorder,
    rider: &Rider,
    world: &World,
    now: Timestamp,
) -> Timestamp {
    let scheduled_at = rider.scheduled_at(world);
    if rider.is_first_try() {
        recorder.sent(scheduled_at, now);
    }
    scheduled_at
}

/// A call that was not answered well.
pub trait CallFailure {
    /// A few words for it, to count by.
    fn kind(&self) -> String;
    /// Whether the same call may succeed later.
    fn may_pass(&self) -> bool;
}

/// The call that a rider's app makes, and since when: however often it is sent, it counts from when it was to be sent first.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallUnderWay {
    call: Option<(Call, Timestamp)>,
    /// Whether the last answer was one after which it may be sent again.
    may_pass: bool,
}

impl CallUnderWay {
    /// It is sent, for the first time or again; where it is the first, it counts from `at`. Answers with since when it does.
    pub fn sent(&mut self, call: Call, at: Timestamp) -> Timestamp {
        let since = self.since(call).unwrap_or(at);
        *self = Self {
            call: Some((call, since)),
            may_pass: false,
        };
        since
    }

    /// Counts an answer, and if it is a good one how long it took.
    ///
    /// # Errors
    /// What a failed call is to the rider.
    pub fn answered<T>(
        &mut self,
        recorder: &Recorder,
        now: Timestamp,
        answer: Result<T, impl CallFailure>,
    ) -> Result<T, Failure> {
        let Some((call, since)) = self.call else {
            return answer.map_err(|_| Failure::Refused);
        };
        let name = step_of(call);
        match answer {
            Ok(answer) => {
                recorder.answered(since, None);
                recorder.done(name, since, now);
                self.call = None;
                Ok(answer)
            }
            Err(error) => {
                recorder.answered(since, Some(format!("{name}: {}", error.kind())));
                self.may_pass = error.may_pass();
                Err(if self.may_pass {
                    Failure::TryAgain
                } else {
                    Failure::Refused
                })
            }
        }
    }

    /// It comes too late, which is an answer and no error.
    pub fn too_late(&mut self, recorder: &Recorder) {
        if let Some((_, since)) = self.call.take() {
            recorder.answered(since, None);
        }
    }

    /// The rider leaves, or the run is over. A call that was sent again and again has been waited for until now, and that
    /// counts: else a system would be the faster the more riders it drives away. One that was refused was answered.
    pub fn left(&mut self, recorder: &Recorder, now: Timestamp) {
        if let Some((call, since)) = self.call.take()
            && self.may_pass
        {
            recorder.done(step_of(call), since, now);
        }
    }

    fn since(&self, call: Call) -> Option<Timestamp> {
        self.call
            .filter(|(under_way, _)| *under_way == call)
            .map(|(_, since)| since)
    }
}

fn step_of(call: Call) -> &'static str {
    match call {
        Call::Quote => step::QUOTE,
        Call::Ride => step::REQUEST,
        Call::Poll => step::READ,
        Call::Cancel => step::CANCEL,
    }
}

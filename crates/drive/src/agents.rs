//! What every host does for its riders and drivers beside carrying out their actions: it reads drivers'
//! accounts at both ends of the counted span, and judges how riders' calls were answered.

#[cfg(test)]
mod tests;

use domain::Timestamp;
use workload::driver::{Driver, DriverAccount};
use workload::rider::Failure;
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

/// A call that was not answered well.
pub trait CallFailure {
    /// A few words for it, to count by.
    fn kind(&self) -> String;
    /// Whether the same call may succeed later.
    fn may_pass(&self) -> bool;
}

/// Counts an answer, and how long it took since it was to be asked for.
///
/// # Errors
/// What a failed call is to the rider.
pub fn judged<T>(
    recorder: &Recorder,
    name: &str,
    scheduled_at: Timestamp,
    now: Timestamp,
    answer: Result<T, impl CallFailure>,
) -> Result<T, Failure> {
    match answer {
        Ok(answer) => {
            recorder.answered(scheduled_at, None);
            recorder.done(name, scheduled_at, now);
            Ok(answer)
        }
        Err(error) => {
            recorder.answered(scheduled_at, Some(format!("{name}: {}", error.kind())));
            Err(if error.may_pass() {
                Failure::TryAgain
            } else {
                Failure::Refused
            })
        }
    }
}

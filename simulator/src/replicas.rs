//! Predictions of several seeds or scenarios on all cores, and figures over replicas.

use std::sync::atomic::{AtomicUsize, Ordering};

use cloud::profile::Profile;
use report::replicas::{REPLICAS_MAX, REPLICAS_MIN};

use crate::commands::run::interrupt::Interrupt;
use crate::cores::on_all_cores;
use crate::exit::{Exit, Failure};
use crate::outcome::Told;
use crate::predict::predict;
use crate::scenario::{Resolved, Source};

/// A scenario to be predicted.
#[derive(Debug, Clone)]
pub struct Job {
    /// What it is called on the way.
    pub name: String,
    /// The scenario.
    pub source: Source,
}

/// The seeds of replicas: the scenario's and those after it; one without the option.
///
/// # Errors
/// If the number is out of bounds.
pub fn seeds(first: u64, replicas: Option<u64>) -> Result<Vec<u64>, Failure> {
    let count = match replicas {
        None => 1,
        Some(count) if (REPLICAS_MIN..=REPLICAS_MAX).contains(&count) => count,
        Some(count) => {
            return Err(Failure::input(format!(
                "--replicas: found {count}, expected {REPLICAS_MIN} to {REPLICAS_MAX}"
            )));
        }
    };
    Ok((0..count).map(|later| first.wrapping_add(later)).collect())
}

/// Predictions on all cores.
pub struct Batch<'a> {
    /// The cloud.
    pub profile: &'a Profile,
    /// Whether nothing is said on the way.
    pub quiet: bool,
    /// Whether to end early.
    pub interrupt: &'a Interrupt,
}

impl Batch<'_> {
    /// Predicts each, and keeps of each what `keep` makes of it, in the jobs' order: nothing of one that was
    /// interrupted, whose figures are of a part of it.
    ///
    /// # Errors
    /// Of the first that cannot be predicted.
    pub fn each<R: Send>(
        &self,
        jobs: &[Job],
        keep: impl Fn(&Job, &Resolved, Told) -> Result<R, Failure> + Sync,
    ) -> Result<Vec<Option<R>>, Failure> {
        let done = AtomicUsize::new(0);
        let kept = on_all_cores(jobs, |job| {
            if self.interrupt.came() {
                return Ok(None);
            }
            let resolved = job.source.resolve().map_err(Failure::input)?;
            let (told, _) = predict(&resolved, self.profile, true, &|| self.interrupt.came())?;
            if self.interrupt.came() {
                return Ok(None);
            }
            let kept = keep(job, &resolved, told)?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if !self.quiet {
                eprintln!("predicted {done} of {}: {}", jobs.len(), job.name);
            }
            Ok(Some(kept))
        });
        kept.into_iter().collect()
    }
}

/// What an interrupted command has to tell, if that is nothing.
pub fn interrupted(found: usize, all: usize) -> Failure {
    Failure {
        exit: Exit::Interrupted,
        message: format!(
            "interrupted: found {found} of {all} predictions made, expected more of them to say anything"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_follow_each_other() {
        assert_eq!(seeds(7, None).unwrap(), [7]);
        assert_eq!(seeds(7, Some(3)).unwrap(), [7, 8, 9]);
        for wrong in [0, 1, REPLICAS_MAX + 1] {
            let message = seeds(7, Some(wrong)).unwrap_err().message;
            assert!(message.starts_with("--replicas: found"), "{message}");
        }
    }
}

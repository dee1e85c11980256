//! The processes of a run: started in groups of their own, so that Control-C reaches this process alone, and
//! ended with it.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

use crate::exit::Failure;

/// How long a process may take to end when it is asked to.
const STOP_MAX: Duration = Duration::from_secs(6);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Processes that end when this does.
#[derive(Default)]
pub struct Processes {
    running: Vec<Process>,
}

struct Process {
    name: &'static str,
    child: Child,
    group: Option<Pid>,
}

impl Processes {
    /// Starts one, with these variables beside this process's own. What it says goes to standard error.
    ///
    /// # Errors
    /// If there is no such program.
    pub fn start(
        &mut self,
        name: &'static str,
        mut command: Command,
        variables: &BTreeMap<String, String>,
        quiet: bool,
    ) -> Result<(), Failure> {
        let said = || {
            if quiet {
                Stdio::null()
            } else {
                Stdio::from(std::io::stderr())
            }
        };
        command
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(said())
            .stderr(said())
            .process_group(0);
        let child = tokio::process::Command::from(command).spawn();
        let child = child.map_err(|error| {
            Failure::target(format!(
                "{name}: cannot be started ({error}), expected it to run"
            ))
        })?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        self.running.push(Process { name, child, group });
        Ok(())
    }

    /// Which one has ended by itself, and how.
    pub fn died(&mut self) -> Option<String> {
        self.running.iter_mut().find_map(|process| {
            let status = process.child.try_wait().ok().flatten()?;
            Some(format!("{} ended by itself ({status})", process.name))
        })
    }

    /// Asks all to end, and makes those that do not.
    pub async fn stop(mut self) {
        let end = Instant::now() + STOP_MAX;
        for process in &self.running {
            process.signal(Signal::TERM);
        }
        for process in &mut self.running {
            while Instant::now() < end && matches!(process.child.try_wait(), Ok(None)) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        // Whoever is left is killed by the drop.
    }
}

impl Process {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It may have ended a moment ago.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

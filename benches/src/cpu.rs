//! Processor time: what a thing costs, whatever else the machine does meanwhile.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

/// Processor time of this process, all threads, user and system.
#[must_use]
pub fn of_this_process() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).expect("a process's time is not negative"),
        u32::try_from(time.tv_nsec).expect("nanoseconds are below a second"),
    )
}

/// Processor time of this thread, user and system.
#[must_use]
pub fn of_this_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).expect("a thread's time is not negative"),
        u32::try_from(time.tv_nsec).expect("nanoseconds are below a second"),
    )
}

/// Processor time of another process, all threads, user and system, in steps of 10 ms. Linux only.
///
/// # Errors
/// If there is no such process, or its `/proc/PID/stat` cannot be read.
pub fn of_process(pid: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
    ticks(&stat, OWN)
        .map(|ticks| Duration::from_millis(ticks * 10))
        .with_context(|| format!("{path}: found {stat:?}, expected fields as in proc(5)"))
}

/// Processor time of the children of this process that have ended and were waited for, in steps of 10 ms. Linux only.
///
/// # Errors
/// If `/proc/self/stat` cannot be read.
pub fn of_children() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").context("/proc/self/stat")?;
    ticks(&stat, CHILDREN)
        .map(|ticks| Duration::from_millis(ticks * 10))
        .with_context(|| format!("found {stat:?}, expected fields as in proc(5)"))
}

/// The first field of proc(5)'s `stat` on a process's own time, user before system, counted behind its name.
const OWN: usize = 11;
/// The same on the time of its children.
const CHILDREN: usize = OWN + 2;

/// Two fields of proc(5)'s `stat`, counted behind the name, which may hold anything. 100 ticks a second.
fn ticks(stat: &str, first: usize) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(first);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_a_name_with_spaces() {
        let stat = "7 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 31 11 3 4 20 0";
        assert_eq!(ticks(stat, OWN), Some(42));
        assert_eq!(ticks(stat, CHILDREN), Some(7));
        assert_eq!(ticks("7 (a", OWN), None);
    }

    #[test]
    fn work_takes_time() {
        let before = of_this_process();
        let mut sum = 0_u64;
        while of_this_process() == before {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(of_process(std::process::id()).is_ok());
    }
}

//! What this process has used, as the operating system counts it (Linux; elsewhere nothing is known).

use std::fs;

/// Clock ticks a second in /proc: USER_HZ, 100 on every Linux that Rust runs on (`man 5 proc`).
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of the whole process so far, children included, in seconds.
pub fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in brackets, and may hold spaces.
    let after_name = stat.rsplit_once(") ")?.1;
    // From there: state is field 3, so utime, stime, cutime and cstime (14 to 17) are the 12th to 15th.
    let ticks: Option<u64> = after_name
        .split(' ')
        .skip(11)
        .take(4)
        .map(|field| field.parse::<u64>().ok())
        .sum();
    ticks.map(|ticks| ticks as f64 / TICKS_PER_SECOND)
}

/// The most memory the process held, in bytes.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

/// What the processor calls itself.
pub fn cpu_model() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_time_and_memory() {
        let before = cpu_seconds().unwrap();
        let mut sum = 0u64;
        while cpu_seconds().unwrap() < before + 0.02 {
            sum = (0..1_000_000).fold(sum, u64::wrapping_add);
        }
        assert!(peak_rss_bytes().unwrap() > 1_000_000, "{sum}");
    }
}

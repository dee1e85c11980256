//! From starts to figures, and from figures to a table and to the limits that do not hold.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

use super::binaries::Binary;
use super::runtime_api::Seen;

/// From exec to the first poll, at most, in times that the smallest function takes.
const FIRST_POLL_RATIO_MAX: f64 = 2.0;
/// From exec to the end of the first request that reads a table, at most, in times that the smallest function
/// takes to its first poll.
const FIRST_READ_RATIO_MAX: f64 = 6.0;
/// Bytes of a binary, at most.
const BINARY_BYTES_MAX: u64 = 8_000_000;

/// What the starts of one binary came to.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    name: &'static str,
    first_poll: Duration,
    first_read: Option<Duration>,
    bytes: u64,
}

impl Figures {
    /// The medians of starts.
    pub(super) fn of(binary: &Binary, seen: &[Seen]) -> anyhow::Result<Self> {
        let path = binary.path.display();
        let first_reads = seen.iter().filter_map(|seen| seen.first_read).collect();
        Ok(Self {
            name: binary.name,
            first_poll: median(seen.iter().map(|seen| seen.first_poll).collect())
                .context("found no starts")?,
            first_read: median(first_reads),
            bytes: fs::metadata(&binary.path)
                .with_context(|| format!("{path}: found no binary"))?
                .len(),
        })
    }
}

/// The one in the middle, the later of two.
fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

fn ratio(time: Duration, smallest: &Figures) -> f64 {
    time.as_secs_f64() / smallest.first_poll.as_secs_f64()
}

/// A row for each binary; the first is the smallest function.
pub(super) fn table(figures: &[Figures]) -> String {
    let limit = BINARY_BYTES_MAX / 1_000_000;
    let mut text = format!(
        "| function | to the first poll | ratio, ≤ {FIRST_POLL_RATIO_MAX} | to the end of the first read | \
         ratio, ≤ {FIRST_READ_RATIO_MAX} | binary, ≤ {limit} MB |\n| --- | --- | --- | --- | --- | --- |\n"
    );
    for one in figures {
        let cells = |time: Option<Duration>| match time {
            Some(time) => format!(
                "{:.2} ms | {:.2}",
                time.as_secs_f64() * 1e3,
                ratio(time, &figures[0])
            ),
            None => " | ".to_owned(),
        };
        text += &format!(
            "| {} | {} | {} | {:.1} MB |\n",
            one.name,
            cells(Some(one.first_poll)),
            cells(one.first_read),
            one.bytes as f64 / 1e6
        );
    }
    text
}

/// A line for each limit that does not hold.
pub(super) fn broken(figures: &[Figures]) -> Vec<String> {
    let mut broken = Vec::new();
    for one in figures {
        let mut at_most = |what: &str, found: f64, expected: f64| {
            if found > expected {
                let name = one.name;
                broken.push(format!(
                    "{name}: {what}: found {found:.2}, expected at most {expected}"
                ));
            }
        };
        at_most(
            "exec to the first poll",
            ratio(one.first_poll, &figures[0]),
            FIRST_POLL_RATIO_MAX,
        );
        if let Some(first_read) = one.first_read {
            let found = ratio(first_read, &figures[0]);
            at_most(
                "exec to the end of the first read",
                found,
                FIRST_READ_RATIO_MAX,
            );
        }
        at_most(
            "bytes of the binary",
            one.bytes as f64,
            BINARY_BYTES_MAX as f64,
        );
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(first_poll_us: u64, first_read_us: Option<u64>, bytes: u64) -> Figures {
        Figures {
            name: "pricing",
            first_poll: Duration::from_micros(first_poll_us),
            first_read: first_read_us.map(Duration::from_micros),
            bytes,
        }
    }

    #[test]
    fn each_limit_is_told_when_it_does_not_hold() {
        let smallest = figures(1_000, None, 1_000_000);
        let good = figures(2_000, Some(6_000), 8_000_000);
        assert!(broken(&[smallest.clone(), good]).is_empty());
        let bad = figures(2_100, Some(6_100), 8_000_001);
        let said = broken(&[smallest.clone(), bad.clone()]);
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(
            said[0].ends_with("found 2.10, expected at most 2"),
            "{said:?}"
        );
        let table = table(&[smallest, bad]);
        assert!(
            table.contains("| pricing | 2.10 ms | 2.10 | 6.10 ms | 6.10 | 8.0 MB |"),
            "{table}"
        );
    }

    #[test]
    fn the_median_is_one_of_those_measured() {
        let times = [3, 1, 2].map(Duration::from_millis);
        assert_eq!(median(times.to_vec()), Some(Duration::from_millis(2)));
        assert_eq!(median(Vec::new()), None);
    }
}

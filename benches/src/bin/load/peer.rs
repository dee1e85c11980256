//! The other sides: how they are called, and what they say.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::output;

/// Where Debian's package puts it.
pub(crate) const WRK: &str = "/usr/bin/wrk";

/// What one says.
pub(crate) struct Told {
    pub(crate) answered: u64,
    pub(crate) p99_ms: f64,
}

fn oha(
    program: &Path,
    url: &str,
    connections: usize,
    span: Duration,
    more: &[&str],
) -> anyhow::Result<Told> {
    let mut command = Command::new(program);
    command.args([
        "--no-tui",
        "--output-format",
        "json",
        "-c",
        &connections.to_string(),
    ]);
    command
        .args(["-z", &format!("{}s", span.as_secs())])
        .args(more)
        .arg(url);
    let text = output(&mut command)?;
    let said: Value =
        serde_json::from_str(&text).with_context(|| format!("{command:?}: {text}"))?;
    let answered = said["statusCodeDistribution"]["200"].as_u64();
    let p99_s = said["latencyPercentiles"]["p99"].as_f64();
    Ok(Told {
        answered: answered.with_context(|| format!("answers in {said}"))?,
        p99_ms: p99_s.with_context(|| format!("p99 in {said}"))? * 1_000.0,
    })
}

/// oha at a rate, latencies corrected for coordinated omission.
pub(crate) fn oha_at_a_rate(
    program: &Path,
    url: &str,
    rate: f64,
    connections: usize,
    span: Duration,
) -> anyhow::Result<Told> {
    let rate = rate.to_string();
    let more = ["-q", &rate, "--latency-correction"];
    oha(program, url, connections, span, &more)
}

/// oha as fast as it can.
pub(crate) fn oha_at_most(
    program: &Path,
    url: &str,
    connections: usize,
    span: Duration,
) -> anyhow::Result<Told> {
    oha(program, url, connections, span, &[])
}

/// wrk as fast as it can, which is all that it does; it corrects latencies for coordinated omission by itself.
pub(crate) fn wrk(url: &str, connections: usize, span: Duration) -> anyhow::Result<Told> {
    let mut command = Command::new(WRK);
    command.args(["--latency", "-t", "1", "-c", &connections.to_string()]);
    command.args(["-d", &format!("{}s", span.as_secs())]);
    let said = output(command.arg(url))?;
    told_by_wrk(&said).with_context(|| format!("{command:?}: {said}"))
}

fn told_by_wrk(said: &str) -> anyhow::Result<Told> {
    let lines = || said.lines().map(str::trim);
    let answered = lines().find_map(|line| line.split_once(" requests in "));
    let p99 = lines().find_map(|line| line.strip_prefix("99%"));
    let failed = |line: &str| line.starts_with("Socket errors") || line.starts_with("Non-2xx");
    anyhow::ensure!(!lines().any(failed), "found errors, expected none");
    Ok(Told {
        answered: answered.context("answers")?.0.parse()?,
        p99_ms: milliseconds(p99.context("p99")?.trim())?,
    })
}

/// What wrk writes of a time: a number and its unit, `us`, `ms` or `s`.
fn milliseconds(text: &str) -> anyhow::Result<f64> {
    let units = [("us", 1e-3), ("ms", 1.0), ("s", 1e3)];
    let number = units.iter().find_map(|(unit, in_ms)| {
        let number = text.strip_suffix(unit)?.parse::<f64>().ok()?;
        Some(number * in_ms)
    });
    number.with_context(|| format!("found {text:?}, expected a time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_read() {
        let said = "Running 4s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n  \
                    Latency Distribution\n     50%  512.00us\n     99%    1.26ms\n  \
                    412345 requests in 4.00s, 30.28MB read\nRequests/sec: 103086.25\n";
        let told = told_by_wrk(said).unwrap();
        assert_eq!((told.answered, told.p99_ms), (412_345, 1.26));
        assert!(told_by_wrk(&format!("{said}  Socket errors: connect 0, read 3")).is_err());
        assert!(told_by_wrk("").is_err());
        assert_eq!(milliseconds("512.00us").unwrap(), 0.512);
        assert_eq!(milliseconds("1.50s").unwrap(), 1_500.0);
        assert!(milliseconds("12").is_err());
    }
}

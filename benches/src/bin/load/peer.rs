//! oha: how it is called, and what it says.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::output;

/// What it says.
pub(crate) struct Told {
    pub(crate) answered: u64,
    pub(crate) p99_ms: f64,
}

fn run(
    oha: &Path,
    url: &str,
    connections: usize,
    span: Duration,
    more: &[&str],
) -> anyhow::Result<Told> {
    let mut command = Command::new(oha);
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

/// At a rate, latencies corrected for coordinated omission.
pub(crate) fn stalled(
    oha: &Path,
    url: &str,
    rate: f64,
    connections: usize,
    span: Duration,
) -> anyhow::Result<Told> {
    run(
        oha,
        url,
        connections,
        span,
        &["-q", &rate.to_string(), "--latency-correction"],
    )
}

/// As fast as it can.
pub(crate) fn plain(
    oha: &Path,
    url: &str,
    connections: usize,
    span: Duration,
) -> anyhow::Result<Told> {
    run(oha, url, connections, span, &[])
}

//! oha: found on the path or beside the builds of this workspace, or else installed there by cargo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::output;

/// Where it is, or why it is not.
pub(crate) fn oha() -> Result<String, String> {
    let works = |program: &str| {
        let mut command = Command::new(program);
        command
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if works("oha") {
        return Ok("oha".to_owned());
    }
    let peers = peers().ok_or("found no target directory above this program")?;
    let installed = peers.join("bin/oha").display().to_string();
    if works(&installed) {
        return Ok(installed);
    }
    eprintln!(
        "installing oha into {}: some minutes, once",
        peers.display()
    );
    // With its default features: without TLS 1.16 does not compile.
    let mut install = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    install
        .args([
            "install",
            "oha",
            "--locked",
            "--no-default-features",
            "--root",
        ])
        .arg(&peers);
    let ended = install.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let ended = ended.map_err(|error| format!("cargo: {error}"))?;
    if ended.success() && works(&installed) {
        Ok(installed)
    } else {
        Err(format!(
            "cargo install oha: found {ended}, expected success"
        ))
    }
}

/// `target/peers`: this program is in `target/release`.
fn peers() -> Option<PathBuf> {
    let own = env::current_exe().ok()?;
    own.parent()
        .and_then(Path::parent)
        .map(|target| target.join("peers"))
}

/// What it says.
pub(crate) struct Told {
    pub(crate) answered: u64,
    pub(crate) p99_ms: f64,
}

fn run(
    oha: &str,
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
    oha: &str,
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
    oha: &str,
    url: &str,
    connections: usize,
    span: Duration,
) -> anyhow::Result<Told> {
    run(oha, url, connections, span, &[])
}

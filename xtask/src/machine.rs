//! Where and when something was measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask/ lies in the repository")
        .to_owned()
}

/// What a command says on standard output, without the last line's end.
fn said(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .with_context(|| format!("{program}: found no such command"))?;
    anyhow::ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// This machine's platform, as the compiler names it.
pub(crate) fn platform() -> anyhow::Result<String> {
    let version = said("rustc", &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("found no host in rustc -vV")?.to_owned())
}

/// The machine, how busy it was, the day and the commit in one sentence.
pub(crate) fn sentence() -> anyhow::Result<String> {
    let processors = std::thread::available_parallelism()?;
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1))
        .unwrap_or("an unnamed processor");
    let kernel = said("uname", &["-sr"])?;
    let day = said("date", &["-u", "+%F"])?;
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"])?;
    // But for the page that the sections before this one were written to.
    let files = ["--", ".", ":!docs/performance.md"];
    let asked = ["status", "--porcelain", "--untracked-files=no"];
    let changed = match said("git", &[&asked[..], &files].concat())?.as_str() {
        "" => "",
        _ => " with changes",
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().filter(|load| !load.is_empty());
    Ok(format!(
        "{processors} × {model} at a load of {}, {kernel}, {}; {day}, commit {commit}{changed}.",
        load.unwrap_or("unknown size"),
        said("rustc", &["--version"])?
    ))
}

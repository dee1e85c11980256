//! The other sides: fetched as anyone would, into `target/peers` where they are not the system's. One that cannot be
//! had here is said to be skipped, and why.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where peers are put that are built or fetched here.
///
/// # Errors
/// If the folder cannot be made.
pub fn folder() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = target.join("peers");
    fs::create_dir_all(&folder)?;
    Ok(folder.canonicalize()?)
}

/// Whether a command ends well; what it says goes to standard error.
fn succeeds(program: &Path, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::from(std::io::stderr()))
        .status();
    status.is_ok_and(|status| status.success())
}

/// Sees that a Debian package is there, by a file of it, or installs it, which takes the rights to.
///
/// # Errors
/// Why it is not there: the reason for which a row is skipped.
pub fn debian(package: &str, file: &str) -> Result<(), String> {
    if Path::new(file).exists() {
        return Ok(());
    }
    let install = || {
        let arguments = ["install", "--yes", "--no-install-recommends", package];
        succeeds(Path::new("apt-get"), &arguments)
    };
    if install() || (succeeds(Path::new("apt-get"), &["update"]) && install()) {
        return Ok(());
    }
    Err(format!(
        "found no {file}, expected Debian's package {package}"
    ))
}

/// A program that is on the path, or else is installed by cargo from the package of its name, with its default features.
///
/// # Errors
/// Why there is none.
pub fn cargo(program: &str) -> Result<PathBuf, String> {
    let on_path = PathBuf::from(program);
    if succeeds(&on_path, &["--version"]) {
        return Ok(on_path);
    }
    let folder = folder().map_err(|error| error.to_string())?;
    let installed = folder.join("bin").join(program);
    let root = folder.to_string_lossy();
    let install = ["install", program, "--locked", "--quiet", "--root", &root];
    if succeeds(&installed, &["--version"]) || succeeds(Path::new("cargo"), &install) {
        return Ok(installed);
    }
    Err(format!("found no {program}, expected cargo to install it"))
}

/// A Python with packages, in an environment of its own.
///
/// # Errors
/// Why there is none.
pub fn python(packages: &[&str]) -> Result<PathBuf, String> {
    let folder = folder().map_err(|error| error.to_string())?.join("python");
    let python = folder.join("bin/python");
    let text = folder.to_string_lossy();
    let made = python.exists() || succeeds(Path::new("python3"), &["-m", "venv", &text]);
    let install = [&["-m", "pip", "install", "--quiet"], packages].concat();
    if made && succeeds(&python, &install) {
        return Ok(python);
    }
    Err(format!(
        "found no python3 with venv that installs {}",
        packages.join(" and ")
    ))
}

/// Compiles a C++ program of `benches/peers`.
///
/// # Errors
/// If it does not compile.
pub fn compiled(name: &str) -> anyhow::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("peers")
        .join(format!("{name}.cpp"));
    let program = folder()?.join(name);
    let (from, to) = (source.to_string_lossy(), program.to_string_lossy());
    let arguments = [
        "-std=c++17",
        "-O3",
        "-march=native",
        "-DNDEBUG",
        &from,
        "-o",
        &to,
        "-llemon",
    ];
    anyhow::ensure!(
        succeeds(Path::new("g++"), &arguments),
        "g++: {from} does not compile, expected it to"
    );
    Ok(program)
}

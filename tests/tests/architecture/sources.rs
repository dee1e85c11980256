//! What every file of the repository keeps to.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{expect_none, root};

/// Lines that a reader can hold in the head.
const LINES_MAX: usize = 500;
/// Crates in which a seed must replay to the byte.
const DETERMINISTIC: &[&str] = &[
    "domain", "services", "fleet", "kernel", "cloud", "workload", "drive", "study", "twin", "roads",
];
/// Directories that hold nothing of ours.
const SKIPPED: &[&str] = &["target", ".git", "runs", "node_modules"];

/// Every file of the repository, as a path from its top.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of the repository") {
            let path = entry.expect("an entry of a directory").path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if path.is_symlink() || SKIPPED.contains(&name) {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(
                    path.strip_prefix(root())
                        .expect("a path below the top")
                        .to_owned(),
                );
            }
        }
    }
    found.sort();
    found
}

/// Texts among the files, by path; what is not UTF-8 is no text.
fn texts(wanted: impl Fn(&Path) -> bool) -> Vec<(PathBuf, String)> {
    let wanted = files().into_iter().filter(|path| wanted(path));
    wanted
        .filter_map(|path| {
            fs::read_to_string(root().join(&path))
                .ok()
                .map(|text| (path, text))
        })
        .collect()
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// Modules that exist for tests alone say with their names what they are for.
fn is_test_module(path: &Path) -> bool {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let below =
        path.components().any(|part| part.as_os_str() == "tests") && !path.starts_with("tests");
    stem == "tests" || stem.ends_with("_tests") || below
}

fn opens_with_a_purpose(text: &str) -> bool {
    text.lines()
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| line.starts_with("//! "))
}

/// Where locked packages come from other than a registry.
fn foreign_sources(lock: &str) -> Vec<String> {
    lock.lines()
        .filter_map(|line| line.strip_prefix("source = \"")?.strip_suffix('"'))
        .filter(|source| !source.starts_with("registry+"))
        .map(str::to_owned)
        .collect()
}

/// What a map of the tree names as a path: code-quoted words and targets of links, outside fenced blocks,
/// that begin with one of `tops` (names at the top of the repository).
fn paths_named<'a>(markdown: &'a str, tops: &[String]) -> Vec<&'a str> {
    let mut named = Vec::new();
    let mut fenced = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        named.extend(line.split('`').skip(1).step_by(2));
        named.extend(
            line.split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next()),
        );
    }
    let is_path = |word: &&str| {
        let first = word.split('/').next().unwrap_or_default();
        let plain = !word.contains([' ', '*', '{', '<', '…', ':']);
        plain
            && (tops.iter().any(|top| top == first)
                || (!word.contains('/') && looks_like_a_file(word)))
    };
    named
        .into_iter()
        .map(|word| word.split('#').next().unwrap_or_default())
        .filter(is_path)
        .collect()
}

/// A name with an extension of ours, such as `samconfig.toml`: it lies at the top, or somewhere below.
fn looks_like_a_file(word: &str) -> bool {
    let extensions = [
        "rs", "toml", "md", "yaml", "yml", "proto", "json", "html", "css",
    ];
    word.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty() && !stem.contains(['.', '(']) && extensions.contains(&extension)
    })
}

fn missing_paths(markdown: &str, tops: &[String], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let named = paths_named(markdown, tops).into_iter();
    named
        .filter(|path| !exists(path))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_map_names_only_what_is_there() {
    let Ok(map) = fs::read_to_string(root().join("ARCHITECTURE.md")) else {
        return;
    };
    let files = files();
    // What a run leaves behind is named in the map and is not in the tree.
    let left_by_runs = [
        "summary.json",
        "report.html",
        "scenario.toml",
        "evidence.json",
    ];
    let exists = |path: &str| {
        let at_top = root().join(path).exists();
        let below = !path.contains('/') && files.iter().any(|file| file.ends_with(path));
        at_top || below || left_by_runs.contains(&path)
    };
    let entries = fs::read_dir(root()).expect("the top of the repository");
    let mut tops: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    // Directories that the design names: a map must not name them before they are there.
    tops.extend(
        [
            "crates",
            "functions",
            "long-running",
            "simulator",
            "infra",
            "tests",
            ".github",
            ".ci",
        ]
        .map(str::to_owned),
    );
    expect_none(
        "named in ARCHITECTURE.md and not there",
        &missing_paths(&map, &tops, exists),
    );
}

#[test]
fn modules_say_what_they_are_for() {
    let texts = texts(|path| is_rust(path) && !is_test_module(path));
    assert!(texts.len() > 100, "the tree was read");
    let silent = texts.iter().filter(|(_, text)| !opens_with_a_purpose(text));
    let silent: Vec<String> = silent.map(|(path, _)| path.display().to_string()).collect();
    expect_none("files that do not open with //!", &silent);
}

#[test]
fn files_fit_the_head() {
    let long = |(path, text): &(PathBuf, String)| {
        let lines = text.lines().count();
        (lines > LINES_MAX).then(|| {
            format!(
                "{}: found {lines} lines, expected at most {LINES_MAX}",
                path.display()
            )
        })
    };
    let long: Vec<String> = texts(is_rust).iter().filter_map(long).collect();
    expect_none("long files", &long);
}

#[test]
fn the_deterministic_crates_are_linted_as_such() {
    let crates = root().join("crates");
    let rules = crates
        .join("deterministic.clippy.toml")
        .canonicalize()
        .expect("the rules are there");
    let resolved = |name: &&&str| {
        crates.join(name).join("clippy.toml").canonicalize().ok() != Some(rules.clone())
    };
    let without: Vec<String> = DETERMINISTIC
        .iter()
        .filter(resolved)
        .map(|name| (*name).to_owned())
        .collect();
    expect_none(
        "crates whose clippy.toml is not the deterministic one",
        &without,
    );
    let text = fs::read_to_string(&rules).expect("the rules can be read");
    for banned in [
        "Instant::now",
        "SystemTime::now",
        "HashMap",
        "HashSet",
        "thread::sleep",
    ] {
        assert!(text.contains(banned), "{banned} is banned");
    }
}

#[test]
fn every_package_comes_from_a_registry() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file is committed");
    assert!(lock.contains("source = \"registry+"));
    expect_none("packages from elsewhere", &foreign_sources(&lock));
}

#[test]
fn planted_faults_are_found() {
    assert!(opens_with_a_purpose("//! What it is for.\nuse a;"));
    for silent in ["", "use a;\n//! Late.", "// Not a doc.\n", "//!\n"] {
        assert!(!opens_with_a_purpose(silent), "{silent:?}");
    }
    assert!(is_test_module(Path::new("crates/a/src/b/tests.rs")));
    assert!(is_test_module(Path::new("crates/a/src/b/tests/world.rs")));
    assert!(!is_test_module(Path::new("tests/tests/one_ride.rs")));

    let lock = "[[package]]\nsource = \"registry+x\"\n\n[[package]]\nsource = \"git+https://example.org/x\"\n";
    assert_eq!(foreign_sources(lock), ["git+https://example.org/x"]);

    let map = "The rules are in `crates/domain` and [there](crates/gone/src/lib.rs#L3), set by `samconfig.toml`.\n\
        `POST /trips` and `TripStore` are no paths, and `crates/*` is many.\n\
        ```\ncrates/in-a-fence\n```\n`tests/nowhere.rs`, `gone.md`\n";
    let tops = ["crates".to_owned(), "tests".to_owned()];
    let exists = |path: &str| ["crates/domain", "samconfig.toml"].contains(&path);
    assert_eq!(
        missing_paths(map, &tops, exists),
        ["crates/gone/src/lib.rs", "tests/nowhere.rs", "gone.md"]
    );
    assert_eq!(paths_named(map, &tops).len(), 5);
}

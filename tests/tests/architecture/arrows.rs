//! The arrows between crates, from `cargo metadata`. Dependencies of tests and benchmarks do not count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::Command;

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::{expect_none, root};

const FUNCTIONS: &[&str] = &["pricing", "surge", "trips", "matching"];
const LONG_RUNNING: &[&str] = &["fleet-tracker"];
/// What a function or a long-running service may name.
const HOSTED: &[&str] = &[
    "domain",
    "services",
    "calls",
    "fleet",
    "wire",
    "aws",
    "identity",
    "lambda",
    "fleet-client",
    "host",
    "trace",
];

/// The crates that the twin is made of, and those whose rules must hold in it: no runtime, no cloud.
const PURE: &[&str] = &[
    "domain", "services", "fleet", "wire", "cloud", "workload", "report", "kernel", "drive",
    "study", "twin", "roads",
];

/// The ports on the SDK, and what an operator asks of a deployment.
const SDK_CRATES: &[&str] = &["aws", "deployed"];

/// `tonic` is where generated messages and service traits come from. It brings a part of `tokio` that has
/// no runtime in it; what `tonic` itself needs is looked at no further.
const LEAVES: &[&str] = &["tonic", "tonic-prost"];

/// Who may name whom, without the packages' common prefix. Who does not stand here may name nobody.
fn allowed() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut allowed = BTreeMap::from([
        ("fleet", vec!["domain"]),
        ("services", vec!["domain", "fleet"]),
        ("wire", vec!["domain"]),
        ("roads", vec!["domain"]),
        ("workload", vec!["domain", "kernel"]),
        ("study", vec!["domain", "kernel", "cloud", "workload"]),
        ("report", vec!["domain"]),
        ("identity", vec!["domain"]),
        ("aws", vec!["domain", "services", "wire", "calls", "trace"]),
        ("deployed", vec!["domain", "aws"]),
        (
            "fleet-client",
            vec!["domain", "services", "wire", "calls", "trace"],
        ),
        (
            "cloud",
            vec!["domain", "services", "fleet", "wire", "kernel"],
        ),
        (
            "drive",
            vec!["domain", "services", "cloud", "workload", "report"],
        ),
        (
            "twin",
            vec![
                "domain", "services", "fleet", "wire", "kernel", "cloud", "workload", "report",
                "drive",
            ],
        ),
        ("host", vec!["domain", "services", "trace", "roads"]),
        ("load", vec!["kernel", "report", "workload"]),
        (
            "lambda",
            vec!["domain", "services", "wire", "identity", "host", "trace"],
        ),
    ]);
    for hosted in FUNCTIONS.iter().chain(LONG_RUNNING) {
        allowed.insert(hosted, HOSTED.to_vec());
    }
    allowed.insert(
        "local",
        [HOSTED, FUNCTIONS, LONG_RUNNING, &["cloud"]].concat(),
    );
    let libraries: Vec<&str> = allowed
        .keys()
        .copied()
        .chain(["domain", "kernel", "calls", "template", "trace"])
        .collect();
    allowed.insert("simulator", libraries.clone());
    allowed.insert("benches", libraries.clone());
    allowed.insert("tests", libraries);
    allowed
}

/// Packages by name, each with the names of those it needs to be built and run.
type Graph = BTreeMap<String, BTreeSet<String>>;

struct Tree {
    graph: Graph,
    members: BTreeSet<String>,
}

fn short(package: &str) -> &str {
    match package.strip_prefix("rushhour-") {
        Some(short) => short,
        // The command is named as users call it.
        None if package == "rushhour" => "simulator",
        None => package,
    }
}

/// The platform of this machine: packages that only others need may not be here to be read.
fn platform() -> String {
    let said = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc says what it is");
    let said = String::from_utf8(said.stdout).expect("rustc speaks UTF-8");
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

fn tree() -> Tree {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options([
            "--offline".to_owned(),
            format!("--filter-platform={}", platform()),
        ])
        .exec()
        .expect("cargo metadata reads the workspace");
    let name = |id| short(&metadata[id].name).to_owned();
    let members = metadata.workspace_members.iter().map(name).collect();
    let mut graph = Graph::new();
    for node in &metadata.resolve.as_ref().expect("a resolved tree").nodes {
        let needs = node.deps.iter().filter(|dep| {
            dep.dep_kinds
                .iter()
                .any(|kind| kind.kind != DependencyKind::Development)
        });
        // Two versions of a package count as one that needs what either needs.
        graph
            .entry(name(&node.id))
            .or_default()
            .extend(needs.map(|dep| name(&dep.pkg)));
    }
    Tree { graph, members }
}

fn forbidden_arrows(tree: &Tree, allowed: &BTreeMap<&str, Vec<&str>>) -> Vec<String> {
    let mut found = Vec::new();
    for from in &tree.members {
        let may = allowed
            .get(from.as_str())
            .map(Vec::as_slice)
            .unwrap_or_default();
        let named = tree.graph[from]
            .iter()
            .filter(|to| tree.members.contains(*to));
        found.extend(
            named
                .filter(|to| !may.contains(&to.as_str()))
                .map(|to| format!("found {from} → {to}, expected {from} to name only {may:?}")),
        );
    }
    found
}

/// The shortest way from each package to something banned, not looking beyond the leaves.
fn forbidden_reach(
    graph: &Graph,
    from: &[&str],
    leaves: &[&str],
    banned: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    for start in from {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::from([(*start, "")]);
        let mut next = VecDeque::from([*start]);
        while let Some(at) = next.pop_front() {
            if banned(at) {
                let mut way = vec![at];
                while let Some(before) = came_from
                    .get(way[way.len() - 1])
                    .filter(|name| !name.is_empty())
                {
                    way.push(before);
                }
                way.reverse();
                found.push(format!("found {}", way.join(" → ")));
                continue;
            }
            if leaves.contains(&at) {
                continue;
            }
            for to in graph.get(at).into_iter().flatten() {
                if !came_from.contains_key(to.as_str()) {
                    came_from.insert(to, at);
                    next.push_back(to);
                }
            }
        }
    }
    found
}

fn names_an_sdk(tree: &Tree) -> Vec<String> {
    let others = tree
        .members
        .iter()
        .filter(|member| !SDK_CRATES.contains(&member.as_str()));
    others
        .flat_map(|from| tree.graph[from].iter().map(move |to| (from, to)))
        .filter(|(_, to)| to.starts_with("aws-sdk-"))
        .map(|(from, to)| {
            format!("found {from} → {to}, expected only {SDK_CRATES:?} to name an SDK")
        })
        .collect()
}

fn is_host(package: &str) -> bool {
    package == "tokio" || package == "lambda_runtime" || package.starts_with("aws-sdk-")
}

fn is_embedded(package: &str) -> bool {
    package == "local" || package.starts_with("dynoxide") || package.starts_with("rustack")
}

#[test]
fn crates_name_only_whom_they_may() {
    let tree = tree();
    assert!(
        tree.members.len() >= 15,
        "the workspace was read: {:?}",
        tree.members
    );
    expect_none("forbidden arrows", &forbidden_arrows(&tree, &allowed()));
    expect_none("SDKs", &names_an_sdk(&tree));
}

#[test]
fn the_pure_crates_reach_no_runtime_and_no_cloud() {
    let tree = tree();
    expect_none(
        "the twin's crates",
        &forbidden_reach(&tree.graph, PURE, LEAVES, is_host),
    );
    let core = [
        "domain", "services", "fleet", "workload", "report", "kernel", "roads",
    ];
    expect_none(
        "without exception",
        &forbidden_reach(&tree.graph, &core, &[], is_host),
    );
}

#[test]
fn functions_never_reach_the_embedded_servers() {
    let deployed = [FUNCTIONS, LONG_RUNNING].concat();
    expect_none(
        "deployed",
        &forbidden_reach(&tree().graph, &deployed, &[], is_embedded),
    );
}

#[test]
fn planted_arrows_are_found() {
    let graph = |arrows: &[(&str, &[&str])]| -> Graph {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        arrows
            .iter()
            .map(|(from, to)| ((*from).to_owned(), owned(to)))
            .collect()
    };
    let members = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let planted = Tree {
        graph: graph(&[
            ("domain", &["geo", "wire"]),
            ("wire", &["domain", "tonic"]),
            ("tonic", &["tokio"]),
            ("matching", &["aws", "helper"]),
            ("aws", &["aws-sdk-sqs"]),
            ("helper", &["dynoxide-rs"]),
            ("newcomer", &["domain", "aws-sdk-dynamodb"]),
            ("fleet", &["simulator"]),
            ("simulator", &["tests"]),
        ]),
        members: members(&[
            "domain",
            "wire",
            "matching",
            "aws",
            "newcomer",
            "fleet",
            "simulator",
            "tests",
        ]),
    };
    let mut planted = planted;
    planted.graph.insert("tests".to_owned(), BTreeSet::new());
    let arrows = forbidden_arrows(&planted, &allowed()).join("\n");
    for arrow in [
        "domain → wire",
        "newcomer → domain",
        "fleet → simulator",
        "simulator → tests",
    ] {
        assert!(arrows.contains(arrow), "{arrow} in {arrows}");
    }
    assert!(
        !arrows.contains("wire → domain") && !arrows.contains("matching → aws"),
        "{arrows}"
    );
    assert_eq!(names_an_sdk(&planted).len(), 1);
    let reach = |leaves: &[&str]| forbidden_reach(&planted.graph, &["domain"], leaves, is_host);
    assert_eq!(reach(&[]), ["found domain → wire → tonic → tokio"]);
    assert_eq!(reach(&["tonic"]), Vec::<String>::new());
    let embedded = forbidden_reach(&planted.graph, &["matching"], &[], is_embedded);
    assert_eq!(embedded, ["found matching → helper → dynoxide-rs"]);
}

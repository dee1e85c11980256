//! `infra/deploy`, with `aws` and `sam` that only take down what they are asked: what it tells SAM.
#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// Answers as the stack in the file `stack`, a parameter a line, which is none if there is no file.
const AWS: &str = r#"#!/bin/sh
root=$(dirname "$0")
case "$*" in
*describe-stacks*) [ -e "$root/stack" ] || { echo "the stack does not exist" >&2; exit 254; } ;;
esac
case "$*" in
*describe-stacks*text*) cat "$root/stack" ;;
*describe-stacks*) echo '["A=1"]' ;;
*get-template*) echo "Resources: {}" ;;
esac
"#;
const SAM: &str = r#"#!/bin/sh
printf '%s\n' "$@" > "$(dirname "$0")/told"
"#;

/// A tree with nothing in it but what `deploy` needs.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/deploy");
        tree.put("infra/deploy", &fs::read_to_string(deploy).unwrap());
        tree.put("bin/aws", AWS);
        tree.put("bin/sam", SAM);
        tree.put(".aws-sam/build/template.yaml", "Resources: {}");
        tree.put(".aws-sam/build/Pricing/bootstrap", "one");
        tree
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, parameters: &[&str]) -> Output {
        let bin = self.path("bin");
        let rest = std::env::var("PATH").unwrap();
        Command::new(Path::new("bash"))
            .arg(self.path("infra/deploy"))
            .arg("stage")
            .args(parameters)
            .env("PATH", format!("{}:{rest}", bin.display()))
            .output()
            .unwrap()
    }

    /// With these parameters, over a stack that has those.
    fn run_over(&self, stack: Option<&str>, parameters: &[&str]) -> Output {
        let there = self.path("bin/stack");
        match stack {
            Some(lines) => fs::write(there, lines).unwrap(),
            None => drop(fs::remove_file(there)),
        }
        let output = self.run(parameters);
        assert!(output.status.success(), "{output:?}");
        output
    }

    /// What SAM is told then.
    fn told(&self, stack: Option<&str>, parameters: &[&str]) -> Vec<String> {
        self.run_over(stack, parameters);
        let told = fs::read_to_string(self.path("bin/told")).unwrap();
        told.lines().map(str::to_owned).collect()
    }

    fn release(&self, stack: Option<&str>, parameters: &[&str]) -> String {
        let told = self.told(stack, parameters);
        let release = told.last().unwrap().strip_prefix("Release=\"").unwrap();
        let release = release.strip_suffix('"').unwrap().to_owned();
        assert_eq!(release.len(), 64, "{told:?}");
        assert!(
            release
                .chars()
                .all(|it| it.is_ascii_hexdigit() && !it.is_ascii_uppercase()),
            "the template's pattern: {release}"
        );
        release
    }
}

#[test]
fn a_release_is_what_was_built_and_the_parameters_as_they_will_be() {
    let tree = Tree::new();
    let market = r#"Market={"region":"a b"}"#;
    let first = tree.release(None, &["PricingMemory=512", market]);
    let same = [
        // What it was is no part of it.
        (
            Some("Release\t0123456789\nPricingMemory\t256\nMarket\tx\n"),
            vec![market, "PricingMemory=512"],
        ),
        // What is not given stays as the stack has it.
        (Some("PricingMemory\t512\n"), vec![market]),
        (
            Some("Market\t{\"region\":\"a b\"}\nPricingMemory\t512\n"),
            vec![],
        ),
    ];
    for (stack, parameters) in same {
        let release = tree.release(stack, &parameters);
        assert_eq!(release, first, "{stack:?} {parameters:?}");
    }
    assert_ne!(tree.release(None, &["PricingMemory=513", market]), first);
    let other = [
        (".aws-sam/build/Pricing/bootstrap", "two"),
        (".aws-sam/build/template.yaml", "Resources: { Other: {} }"),
    ];
    for (file, text) in other {
        let tree = Tree::new();
        tree.put(file, text);
        let release = tree.release(None, &["PricingMemory=512", market]);
        assert_ne!(release, first, "{file}");
    }
}

#[test]
fn parameters_arrive_whole() {
    let told = Tree::new().told(None, &[r#"Market={"region":"a b"}"#, "Prefix=stage-"]);
    let expected = [
        "deploy",
        "--stack-name",
        "stage",
        "--no-progressbar",
        "--parameter-overrides",
        r#"Market="{\"region\":\"a b\"}""#,
        "Prefix=\"stage-\"",
    ];
    assert_eq!(told[..told.len() - 1], expected);
}

#[test]
fn an_api_that_serves_nobody_is_said_to() {
    let tree = Tree::new();
    let warned = |stack, parameters: &[&str]| {
        let said = String::from_utf8(tree.run_over(stack, parameters).stderr).unwrap();
        said.contains("without an Issuer the API serves nobody")
    };
    let with = "Issuer\thttps://issuer.example\n";
    assert!(warned(None, &[]));
    assert!(warned(Some(with), &["Issuer="]));
    assert!(!warned(Some(with), &["PricingMemory=512"]));
    assert!(!warned(None, &["Issuer=https://issuer.example"]));
}

#[test]
fn what_cannot_be_deployed_says_what_was_expected() {
    let tree = Tree::new();
    let refused = |parameters: &[&str]| {
        let output = tree.run(parameters);
        let message = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), message)
    };
    for wrong in ["Release=0123456789", "PricingMemory", "=512"] {
        let (code, message) = refused(&[wrong]);
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains(&format!("found {wrong}, expected PARAMETER=VALUE")));
    }
    fs::remove_dir_all(tree.path(".aws-sam/build")).unwrap();
    let (code, message) = refused(&[]);
    assert_eq!(code, Some(3), "{message}");
    assert!(
        message.contains("expected what `sam build` makes"),
        "{message}"
    );
}

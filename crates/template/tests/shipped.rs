//! The template that is shipped: it breaks no rule, and each rule finds its mistake when one is planted in it.

use std::collections::BTreeMap;

use rushhour_template::{Api, Deployment, Template, rules};

fn shipped() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
    std::fs::read_to_string(path).expect("the template is shipped")
}

fn read(text: &str, parameters: &[(&str, &str)]) -> Template {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let parameters: BTreeMap<String, String> = parameters.iter().map(owned).collect();
    Template::parse("template.yaml", text, &parameters).expect("a template")
}

#[test]
fn it_breaks_no_rule_with_the_tracker_on_ecs_or_elsewhere_and_with_an_issuer_or_without() {
    for tracker in ["ecs", "elsewhere"] {
        for issuer in ["", "https://login.example"] {
            let template = read(&shipped(), &[("Tracker", tracker), ("Issuer", issuer)]);
            let broken = rules::broken(&template).unwrap();
            assert_eq!(broken, [], "tracker {tracker}, issuer {issuer:?}");
        }
    }
}

#[test]
fn each_rule_finds_its_mistake() {
    // Rule, what stands in the template, and the mistake that takes its place.
    let mistakes = [
        (
            "architecture",
            "Architectures: [!Ref Architecture]",
            "Architectures: [x86_64]",
        ),
        (
            "architecture",
            "CpuArchitecture: !If [OnArm, ARM64, X86_64]",
            "CpuArchitecture: X86_64",
        ),
        ("batch", "BatchSize: 10", "BatchSize: 100"),
        (
            "concurrency",
            "MaximumConcurrency: 2",
            "MaximumConcurrency: 1",
        ),
        (
            "visibility",
            "VisibilityTimeout: 60",
            "VisibilityTimeout: 59",
        ),
        ("timeout", "      Timeout: 5\n", "      Timeout: 4\n"),
        ("timeout", "      Timeout: 5\n", ""),
        (
            "dead-letters",
            "      RedrivePolicy: { deadLetterTargetArn: !GetAtt TripEventsDead.Arn, maxReceiveCount: 10 }\n",
            "",
        ),
        (
            "partial-failures",
            "            FunctionResponseTypes: [ReportBatchItemFailures]\n",
            "",
        ),
        (
            "retention",
            "/aws/lambda/${Prefix}surge\"\n      RetentionInDays: !Ref LogDays\n",
            "/aws/lambda/${Prefix}surge\"\n",
        ),
        (
            "retention",
            "      LoggingConfig: { LogGroup: !Ref SurgeLog, LogFormat: JSON }\n",
            "",
        ),
        ("release", "      AutoPublishCodeSha256: !Ref Release\n", ""),
        (
            "release",
            "AutoPublishCodeSha256: !Ref Release",
            "AutoPublishCodeSha256: 0123456789",
        ),
        (
            "least-privilege",
            "Action: sqs:SendMessage",
            "Action: sqs:*",
        ),
        (
            "least-privilege",
            "Resource: !GetAtt FleetTable.Arn",
            "Resource: \"*\"",
        ),
        ("one-tracker", "MaximumPercent: 100", "MaximumPercent: 200"),
        ("one-tracker", "DesiredCount: 1", "DesiredCount: 2"),
        (
            "on-demand",
            "BillingMode: PAY_PER_REQUEST",
            "BillingMode: PROVISIONED",
        ),
        (
            "recovery",
            "PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }",
            "PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false }",
        ),
        ("route", "RouteKey: POST /quotes", "RouteKey: POST quotes"),
        (
            "authorization",
            "AuthorizationType: !If [HasIssuer, JWT, AWS_IAM]",
            "AuthorizationType: NONE",
        ),
    ];
    for (rule, right, mistake) in mistakes {
        let text = shipped();
        assert!(text.contains(right), "{rule}: found no {right:?} to spoil");
        let template = read(&text.replacen(right, mistake, 1), &[("Tracker", "ecs")]);
        let broken = rules::broken(&template).unwrap();
        let mut rules: Vec<&str> = broken.iter().map(|broken| broken.rule).collect();
        // What stands in `Globals` is wrong in each function.
        rules.dedup();
        assert_eq!(rules, [rule], "{mistake:?}: {broken:#?}");
    }
}

#[test]
fn parameters_size_what_is_deployed() {
    let deployment = |given: &[(&str, &str)]| Deployment::of(&read(&shipped(), given)).unwrap();
    let usual = deployment(&[("Tracker", "ecs")]);
    let names: Vec<&str> = usual.functions.keys().map(String::as_str).collect();
    assert_eq!(names, ["matching", "pricing", "surge", "trips"]);
    assert_eq!(usual.functions["pricing"].memory_mb, 256);
    assert_eq!(usual.task.as_ref().map(|task| task.cpu_units), Some(1_024));
    let api = |requests_per_second| Api {
        requests_per_second: Some(requests_per_second),
        burst: Some(requests_per_second),
        integration_timeout_ms: Some(6_000),
    };
    assert_eq!(usual.api, Some(api(500)));
    let slow = deployment(&[("RequestsPerSecond", "5")]);
    assert_eq!(slow.api, Some(api(5)));
    let text = shipped().replace("ThrottlingBurstLimit: !Ref RequestsPerSecond", "Ignored: 1");
    let unlimited = Deployment::of(&read(&text, &[])).unwrap().api;
    let expected = Api {
        burst: None,
        ..api(500)
    };
    assert_eq!(unlimited, Some(expected));
    let other = deployment(&[("PricingMemory", "1024")]);
    assert_eq!(other.functions["pricing"].memory_mb, 1_024);
    assert_eq!(other.task, None);
    let (function, mapping, queue) = usual.from_queue("ride-requests").unwrap();
    assert_eq!(function, &usual.functions["matching"]);
    assert_eq!(
        (mapping.maximum_concurrency, queue.visibility_s),
        (Some(2), 60)
    );
    assert_eq!(queue.name, "rushhour-ride-requests");
}

//! Whoever states a figure of a profile means it: each of them changes what a run of the twin comes to.

use std::time::Duration;

use cloud::profile::{Architecture, Profile};
use rushhour_twin as twin;
use services::config::{Assignment, DispatchPolicy, Queue};
use toml::{Table, Value};
use twin::sizes::{Placement, Sizes, Streets};
use twin::textbook::Textbook;

/// A town with too little of everything for five minutes, so that bounds are felt.
fn town(profile: &Profile, sizes: Sizes) -> Textbook {
    Textbook {
        seed: 3,
        side_m: 5_000.0,
        speed_kmh: 30.0,
        drivers: 60,
        rides_per_hour: 1_200.0,
        ride: Some("120s".parse().expect("a law")),
        patience: Duration::from_secs(240),
        reaction: "lognormal 4s 0.5".parse().expect("a law"),
        dispatch: DispatchPolicy {
            assignment: Assignment::Batched {
                unserved_penalty: None,
            },
            window: Duration::from_secs(2),
            radius_m: None,
            candidates: 20,
            offer_timeout: Duration::from_secs(6),
            queue: Queue::Wait,
        },
        surge: true,
        span: Duration::from_secs(300),
        warmup: Duration::from_secs(60),
        profile: profile.clone(),
        sizes,
    }
}

fn outcome(profile: &Profile, sizes: &Sizes) -> String {
    let outcome = town(profile, sizes.clone()).run();
    let latencies = outcome.recorded.latencies.figures();
    format!("{latencies:?} {:?}", outcome.left.counted)
}

/// A thousandth, or where there is nothing, something.
fn less(figure: &Value) -> Value {
    match figure {
        Value::Integer(some) => less(&Value::Float(*some as f64)),
        Value::Float(some) => Value::Float(if *some == 0.0 { 50.0 } else { some / 1_000.0 }),
        Value::Array(all) => Value::Array(all.iter().map(less).collect()),
        other => other.clone(),
    }
}

/// Other figures: spans are a thousandth, bounds as low as they go or half as high.
fn others(figure: &Table) -> [Table; 2] {
    let other = |bound: fn(i64) -> i64| {
        let entry = |(key, value): (&String, &Value)| {
            let value = match (key.as_str(), value) {
                ("p50" | "p99" | "ms", value) => less(value),
                ("value", Value::Integer(some)) => Value::Integer(bound(*some)),
                ("value", Value::Float(_)) => Value::Float(0.5),
                ("value", value) => less(value),
                (_, value) => value.clone(),
            };
            (key.clone(), value)
        };
        figure.iter().map(entry).collect()
    };
    [other(|_| 1), other(|some| some.div_euclid(2).max(1))]
}

/// What no run of a town can tell, and why.
const NOT_FELT: [(&str, &str); 5] = [
    (
        "lambda.provisioned_per_minute",
        "what is provisioned is ready when a run begins",
    ),
    ("lambda.unreserved_min", "says which sizes are refused"),
    (
        "lambda.vcpus_by_mb",
        "is of processors beyond the first, and a call uses one",
    ),
    (
        "service.tracker.release.cpu",
        "no hold is given back in a textbook, where nobody cancels",
    ),
    ("service.trips.cancel.cpu", "nobody cancels in a textbook"),
];

/// A figure by its section and key.
fn set(figures: &mut Table, path: &[&str], figure: Table) {
    let (key, sections) = path.split_last().expect("a figure has a key");
    let section = sections.iter().fold(figures, |at, section| {
        let section = at.get_mut(*section).and_then(Value::as_table_mut);
        section.expect("a section of the profile")
    });
    section.insert((*key).to_owned(), Value::Table(figure));
}

/// All figures with their sections and keys.
fn all(figures: &Table) -> Vec<(Vec<&str>, &Table)> {
    let mut found = Vec::new();
    for (key, value) in figures {
        let Value::Table(inner) = value else { continue };
        if inner.contains_key("mark") {
            found.push((vec![key.as_str()], inner));
        } else {
            found.extend(all(inner).into_iter().map(|(mut path, figure)| {
                path.insert(0, key);
                (path, figure)
            }));
        }
    }
    found
}

fn value(of: i64) -> Table {
    figure("value", of)
}

fn span(ms: i64) -> Table {
    figure("ms", ms)
}

fn figure(kind: &str, of: i64) -> Table {
    let mut figure = toml::toml! { mark = "X" source = "unverified" };
    figure.insert(kind.to_owned(), Value::Integer(of));
    figure
}

fn read(figures: &Table) -> Profile {
    Profile::parse("changed", &figures.to_string()).expect("a profile that can be read")
}

/// Towns in each of which others of the figures are felt: profiles and sizes.
fn towns(figures: &Table) -> Vec<(Table, Sizes)> {
    let mut tight = figures.clone();
    for (path, bound) in [
        (["table", "initial_wru"], 1),
        (["table", "initial_rru"], 1),
        (["http_api", "burst"], 1),
        (["http_api", "throttle_rps"], 2),
        (["queue", "pollers_idle_floor"], 1),
        (["queue", "pollers_initial"], 1),
    ] {
        set(&mut tight, &path, value(bound));
    }
    set(&mut tight, &["table", "peak_window"], span(120_000));
    let mut functions = Sizes::hybrid();
    for placement in functions.placement.values_mut() {
        *placement = Placement::Lambda;
    }
    for function in functions.functions.values_mut() {
        function.memory_mb = 4_096;
        function.architecture = Architecture::X86_64;
        function.provisioned_concurrency = Some(2);
        function.reserved_concurrency = Some(100);
        function.streets = Streets {
            nodes: 100_000,
            periods: 2,
        };
    }
    let mut containers = Sizes::hybrid();
    for placement in containers.placement.values_mut() {
        *placement = Placement::Container;
    }
    for container in containers.containers.values_mut() {
        container.vcpu = 0.25;
        container.tasks_max = 4;
        container.scale_on_cpu = Some(0.002);
    }
    let mut quick = figures.clone();
    for key in ["metrics_period", "scale_decision", "task_start"] {
        set(&mut quick, &["container", key], span(10_000));
    }
    set(&mut quick, &["container", "scale_in_periods"], value(2));
    set(&mut quick, &["container", "scale_out_periods"], value(2));
    let mut small = figures.clone();
    set(&mut small, &["lambda", "unreserved_min"], value(1));
    set(&mut small, &["lambda", "account_concurrency"], value(2));
    set(&mut small, &["queue", "long_poll"], span(0));
    let mut batches = Sizes::hybrid();
    batches.trip_events.batch_window = Duration::from_secs(2);
    batches.trip_events.maximum_concurrency = Some(2);
    let hybrid = Sizes::hybrid();
    vec![
        (figures.clone(), hybrid.clone()),
        (tight, hybrid),
        (small, batches),
        (figures.clone(), functions),
        (quick, containers),
    ]
}

#[test]
fn each_figure_of_the_profile_changes_what_a_run_comes_to() {
    let text = Profile::aws_us_east_1().to_toml();
    let figures: Table = text.parse().expect("a profile is TOML");
    let towns: Vec<_> = towns(&figures)
        .into_iter()
        .map(|(figures, sizes)| {
            let comes_to = outcome(&read(&figures), &sizes);
            (figures, sizes, comes_to)
        })
        .collect();
    let is_felt = |path: &[&str], figure: &Table| {
        towns.iter().any(|(figures, sizes, comes_to)| {
            others(figure).into_iter().any(|other| {
                let mut changed = figures.clone();
                set(&mut changed, path, other);
                // One bound may not be below another.
                Profile::parse("changed", &changed.to_string())
                    .is_ok_and(|profile| outcome(&profile, sizes) != *comes_to)
            })
        })
    };
    let idle: Vec<String> = all(&figures)
        .into_iter()
        .filter(|(path, figure)| !is_felt(path, figure))
        .map(|(path, _)| path.join("."))
        .collect();
    let known: Vec<&str> = NOT_FELT.iter().map(|(figure, _)| *figure).collect();
    assert_eq!(idle, known);
}

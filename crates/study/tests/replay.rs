//! A seed replays a study to the last bit, and parts do not disturb each other.

use rushhour_study::{Changes, Figures, Part, Study};

const STUDY: &str = "
name = 'replay'
seed = 7
[[function]]
name = 'pricing'
arrivals = 'poisson 20/s'
service = 'lognormal 80ms 0.5'
cold_service = 'exponential 400ms'
idle_timeout = '10s'
routing = 'random'
maximum_concurrency = 5
duration = '2000s'
[[service]]
name = 'tracker'
arrivals = 'exponential 100ms'
service = 'exponential 700ms'
servers = 10
duration = '2000s'
[[queue]]
name = 'rings'
arrivals = 'poisson 8/s'
service = 'constant 50ms'
pollers = 2
duration = '2000s'
";
const ANOTHER: &str = "
[[function]]
name = 'another'
arrivals = 'poisson 50/s'
service = 'constant 30ms'
duration = '100s'
";

fn run(text: &str) -> std::collections::BTreeMap<String, Figures> {
    let study = Study::parse("replay.toml", text, &Changes::default(), &|_| {
        Err(String::new())
    });
    study.expect("the study is sound").run()
}

/// Every digit of a float is shown, so that equal texts are equal bits.
fn text(figures: &Figures) -> String {
    format!("{figures:?}")
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let (first, second) = (run(STUDY), run(STUDY));
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    let other = run(&STUDY.replace("seed = 7", "seed = 8"));
    for (name, figures) in &first {
        assert_ne!(text(figures), text(&other[name]), "{name}");
    }
}

#[test]
fn another_part_changes_nothing_for_the_others() {
    let alone = run(STUDY);
    // Before the others, so that it is drawn first.
    let beside = run(&STUDY.replacen("[[function]]", &format!("{ANOTHER}[[function]]"), 1));
    assert_eq!(beside.len(), 4);
    for (name, figures) in &alone {
        assert_eq!(text(figures), text(&beside[name]), "{name}");
    }
}

#[test]
fn changes_are_laid_over_the_file() {
    let span = std::time::Duration::from_secs(500);
    let mut changes = Changes {
        duration: Some(span),
        sets: vec!["seed=8".to_owned(), "service.tracker.servers=3".to_owned()],
    };
    let parse = |changes: &Changes| Study::parse("x", STUDY, changes, &|_| Err(String::new()));
    let study = parse(&changes).unwrap();
    assert_eq!(study.seed, 8);
    for part in study.parts.values() {
        assert_eq!(part.span().duration, span);
    }
    let Part::Service(tracker) = &study.parts["tracker"] else {
        panic!("found another part, expected the service");
    };
    assert_eq!(tracker.servers, 3);
    for (set, said) in [
        ("service.tracker.server=3", "expected `servers`"),
        ("service.nobody.servers=3", "known here: tracker"),
        ("seed=many", "expected"),
    ] {
        changes.sets = vec![set.to_owned()];
        let error = parse(&changes).unwrap_err().to_string();
        let place = format!("--set {set}: ");
        assert!(error.starts_with(&place) && error.contains(said), "{error}");
    }
}

//! One server: Pollaczek and Khinchine's formula, and arrivals that are not Poisson.

use rushhour_study::{Changes, Figures, Study};

use crate::{figures, holds};

fn one_server(arrivals: &str, service: &str) -> Figures {
    figures(&format!(
        "[[service]]\nname = 's'\narrivals = '{arrivals}'\nservice = '{service}'\nservers = 1\n\
         duration = '1500000s'"
    ))
}

/// M/G/1: the mean wait is λ E[S²] / 2 (1 - ρ), and as many wait as the server is busy.
#[test]
fn the_mean_wait_is_pollaczek_and_khinchine_s() {
    // Each of mean 1 s; the lognormal has exp(sigma²) as its second moment.
    let median = (-0.125_f64).exp();
    for (service, second_moment) in [
        ("exponential 1s".to_owned(), 2.0),
        ("constant 1s".to_owned(), 1.0),
        (format!("lognormal {median}s 0.5"), 0.25_f64.exp()),
    ] {
        let found = one_server("poisson 0.7/s", &service);
        let wait = found.wait_s.unwrap();
        holds(&service, Some(wait.mean), 0.7 * second_moment / 0.6, 0.05);
        holds(&service, found.wait_probability, 0.7, 0.01);
        holds(&service, found.busy_mean, 0.7, 0.01);
    }
}

/// D/M/1: a share σ of the calls waits, where σ = exp(-(1 - σ) / ρ), and those exponentially.
#[test]
fn even_arrivals_wait_less() {
    let load = 0.8_f64;
    let waits = (0..1_000).fold(0.5_f64, |waits, _| (-(1.0 - waits) / load).exp());
    let found = one_server("constant 0.8/s", "exponential 1s");
    holds("waits", found.wait_probability, waits, 0.02);
    let mean = found.wait_s.map(|wait| wait.mean);
    holds("wait", mean, waits / (1.0 - waits), 0.05);
}

#[test]
fn what_is_even_on_both_sides_never_waits() {
    let found = one_server("constant 0.9/s", "constant 1s");
    let wait = found.wait_s.unwrap();
    assert_eq!((wait.mean.value, wait.p99.value), (0.0, 0.0));
    assert_eq!(found.wait_probability.map(|wait| wait.value), Some(0.0));
}

/// Service of 0.5 s or 1.5 s, evenly: E[S²] is 1.25.
#[test]
fn recorded_spans_are_a_law_like_any_other() {
    let text = "[[service]]\nname = 's'\narrivals = 'poisson 0.7/s'\nservice = 'file spans.txt'\n\
        servers = 1\nduration = '1500000s'";
    let files = |path: &str| match path {
        "spans.txt" => Ok("500ms\n1.5\n".to_owned()),
        other => Err(format!("found {other}")),
    };
    let found = Study::parse("theory", text, &Changes::default(), &files)
        .unwrap()
        .run();
    let wait = found["s"].wait_s.map(|wait| wait.mean);
    holds("recorded", wait, 0.7 * 1.25 / 0.6, 0.05);
}

#[test]
fn what_never_comes_to_rest_has_no_figures() {
    for (text, load) in [
        (
            "[[service]]\nname = 's'\narrivals = 'poisson 2/s'\nservice = 'exponential 1s'\nservers = 2",
            1.0,
        ),
        (
            "[[service]]\nname = 's'\narrivals = 'poisson 3/s'\nservice = 'constant 1s'\nservers = 2",
            1.5,
        ),
        (
            "[[queue]]\nname = 'q'\narrivals = 'poisson 30/s'\nservice = 'constant 1s'\npollers = 2",
            1.5,
        ),
    ] {
        let found = figures(text);
        assert!((found.unstable.unwrap().load - load).abs() < 1e-12);
        assert_eq!((found.arrivals, found.wait_s), (None, None));
    }
    // A line with places for some always has figures.
    let bounded = figures(
        "[[service]]\nname = 's'\narrivals = 'poisson 3/s'\nservice = 'constant 1s'\nservers = 2\n\
         queue = 5\nduration = '10000s'",
    );
    holds("lost", bounded.rejected_probability, 1.0 / 3.0, 0.1);
}

//! Many servers: Erlang's formulas, and the infinite server.

use crate::{figures, holds};

/// Laws of a mean of 0.8 s: the formulas of loss do not ask for more.
const SERVICES: [&str; 3] = [
    "exponential 800ms",
    "constant 800ms",
    "lognormal 485.224528ms 1",
];

/// Erlang's B: how many of the calls find all servers busy.
fn erlang_b(servers: u32, offered: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, server| {
        offered * blocked / (f64::from(server) + offered * blocked)
    })
}

/// Erlang's C: how many of the calls wait.
fn erlang_c(servers: u32, offered: f64) -> f64 {
    let (blocked, load) = (erlang_b(servers, offered), offered / f64::from(servers));
    blocked / (1.0 - load * (1.0 - blocked))
}

#[test]
fn throttling_at_the_maximum_concurrency_is_erlang_b_whatever_the_law() {
    assert!(
        (erlang_b(10, 8.0) - 0.121_661).abs() < 1e-6,
        "a table's value"
    );
    for service in SERVICES {
        let found = figures(&format!(
            "[[function]]\nname = 'f'\narrivals = 'poisson 10/s'\nservice = '{service}'\n\
             maximum_concurrency = 10\nduration = '60000s'"
        ));
        let blocked = erlang_b(10, 8.0);
        holds(service, found.rejected_probability, blocked, 0.02);
        holds(service, found.busy_mean, 8.0 * (1.0 - blocked), 0.01);
        holds(service, found.arrivals, 540_000.0, 0.01);
    }
}

#[test]
fn a_line_without_places_loses_as_many() {
    let found = figures(
        "[[service]]\nname = 's'\narrivals = 'poisson 10/s'\nservice = 'exponential 800ms'\n\
         servers = 10\nqueue = 0\nduration = '60000s'",
    );
    holds("loss", found.rejected_probability, erlang_b(10, 8.0), 0.02);
    assert_eq!(found.wait_probability.map(|wait| wait.value), Some(0.0));
}

#[test]
fn waiting_for_many_servers_is_erlang_c() {
    for (servers, offered) in [(1, 0.7), (10, 8.0), (50, 45.0)] {
        let found = figures(&format!(
            "[[service]]\nname = 's'\narrivals = 'poisson {offered}/s'\nservice = 'exponential 1s'\n\
             servers = {servers}\nduration = '{}s'",
            1e6 / offered
        ));
        let what = format!("{servers} servers");
        let waits = erlang_c(servers, offered);
        let spare = f64::from(servers) - offered;
        holds(&what, found.wait_probability, waits, 0.05);
        holds(&what, found.busy_mean, offered, 0.01);
        holds(&what, found.idle_mean, spare, 0.05);
        let wait = found.wait_s.unwrap();
        holds(&what, Some(wait.mean), waits / spare, 0.1);
        // Of those who wait, the wait is exponential.
        holds(&what, Some(wait.p99), (waits / 0.01).ln() / spare, 0.1);
        assert_eq!(wait.p50.value > 0.0, waits > 0.5, "{what}");
    }
}

#[test]
fn a_bounded_line_loses_what_finds_it_full() {
    let (servers, places, offered) = (3, 4, 2.7);
    // Birth and death: states 0 to servers + places.
    let mut states = vec![1.0];
    for busy in 1..=servers + places {
        let last = *states.last().unwrap();
        states.push(last * offered / f64::from(busy.min(servers)));
    }
    let all: f64 = states.iter().sum();
    let lost = states.last().unwrap() / all;
    let in_line = (0..)
        .zip(&states[3..])
        .map(|(line, p)| f64::from(line) * p / all);
    let mean_wait_s = in_line.sum::<f64>() / (offered * (1.0 - lost));
    let waits = states[3..7].iter().sum::<f64>() / all / (1.0 - lost);
    let found = figures(
        "[[service]]\nname = 's'\narrivals = 'poisson 2.7/s'\nservice = 'exponential 1s'\n\
         servers = 3\nqueue = 4\nduration = '400000s'",
    );
    holds("lost", found.rejected_probability, lost, 0.05);
    holds("waits", found.wait_probability, waits, 0.05);
    holds(
        "wait",
        found.wait_s.map(|wait| wait.mean),
        mean_wait_s,
        0.05,
    );
}

#[test]
fn without_a_limit_concurrency_is_rate_times_service() {
    for service in SERVICES {
        let found = figures(&format!(
            "[[function]]\nname = 'f'\narrivals = 'poisson 50/s'\nservice = '{service}'\n\
             maximum_concurrency = 1000\nidle_timeout = '60s'\nduration = '10000s'"
        ));
        holds(service, found.busy_mean, 40.0, 0.02);
        assert_eq!(found.rejected_probability.map(|p| p.value), Some(0.0));
        let (instances, idle) = (found.instances_mean.unwrap(), found.idle_mean.unwrap());
        let busy = found.busy_mean.unwrap();
        assert!((instances.value - idle.value - busy.value).abs() < 1e-9);
    }
}

//! How a batch window fills: Poisson messages, one poller, and a function that takes no time, or some.

use rushhour_study::Figures;

use crate::{figures, holds};

fn queue(rate: f64, window_s: f64, size: u32, service: &str, more: &str) -> Figures {
    figures(&format!(
        "[[queue]]\nname = 'q'\narrivals = 'poisson {rate}/s'\nbatch_window = '{window_s}s'\n\
         batch_size = {size}\nservice = '{service}'\nduration = '{}s'\n{more}",
        200_000.0 / rate
    ))
}

/// Probability that at least `count` of a Poisson law come.
fn at_least(count: u32, mean: f64) -> f64 {
    let mut term = (-mean).exp();
    let fewer = (1..=count).map(|next| {
        let this = term;
        term *= mean / f64::from(next);
        this
    });
    1.0 - fewer.sum::<f64>()
}

/// A window opens with its first message, and the others are those of a Poisson law, as far as they fit.
#[test]
fn a_window_fills_with_what_comes_while_it_is_open() {
    for (rate, window_s, size) in [
        (8.0, 1.0, 10),
        (3.0, 0.5, 10),
        (40.0, 1.0, 10),
        (5.0, 2.0, 1_000),
    ] {
        let others: f64 = (1..size.min(200))
            .map(|k| at_least(k, rate * window_s))
            .sum();
        let found = queue(rate, window_s, size, "constant 0s", "");
        let what = format!("{rate}/s, {window_s} s, {size}");
        holds(&what, found.batch_mean, 1.0 + others, 0.01);
        holds(&what, found.batches_per_s, rate / (1.0 + others), 0.02);
    }
}

/// Without a limit the first message waits the whole window, and each other one half of it on average.
#[test]
fn waits_are_what_is_left_of_the_window() {
    let (rate, window_s) = (4.0, 1.5);
    let found = queue(rate, window_s, 1_000, "constant 0s", "");
    let others = rate * window_s;
    let wait = window_s * (1.0 + others / 2.0) / (1.0 + others);
    holds("wait", found.wait_s.map(|wait| wait.mean), wait, 0.01);
    let p99 = found.wait_s.unwrap().p99.value;
    assert!((p99 / window_s - 1.0).abs() < 2e-3, "{p99}");
}

/// While the function runs its poller does not poll. What came meanwhile opens the next window at once.
#[test]
fn a_busy_poller_finds_what_came_meanwhile() {
    let (rate, window_s, service_s) = (6.0_f64, 1.0, 0.4);
    let mean = rate * (window_s + service_s) + (-rate * service_s).exp();
    let found = queue(rate, window_s, 1_000, "constant 400ms", "");
    holds("batch", found.batch_mean, mean, 0.01);
    holds("busy", found.busy_mean, service_s * rate / mean, 0.01);
}

/// A batch with one message is held for longer on a quiet queue; a second one ends that.
#[test]
fn a_quiet_queue_is_held_back() {
    let (rate, window_s, quiet_s) = (0.4_f64, 1.0, 5.0);
    let mean = 1.0 + rate * window_s + (-rate * window_s).exp() - (-rate * quiet_s).exp();
    let held = "quiet_queue_delay = '5s'";
    let found = queue(rate, window_s, 1_000, "constant 0s", held);
    holds("batch", found.batch_mean, mean, 0.01);
}

#[test]
fn without_a_window_who_comes_alone_is_a_batch() {
    let found = queue(5.0, 0.0, 10, "constant 0s", "");
    assert_eq!(found.batch_mean.map(|batch| batch.value), Some(1.0));
    let wait = found.wait_s.unwrap();
    assert_eq!((wait.mean.value, wait.p99.value), (0.0, 0.0));
}

/// Pollers take turns: a window fills with the messages that its own poller gets.
#[test]
fn pollers_collect_each_a_batch_of_its_own() {
    let one = queue(8.0, 1.0, 1_000, "constant 0s", "pollers = 1");
    let four = queue(8.0, 1.0, 1_000, "constant 0s", "pollers = 4");
    let (one, four) = (
        one.batch_mean.unwrap().value,
        four.batch_mean.unwrap().value,
    );
    assert!(one > 2.5 * four && four > 1.0, "{one} and {four}");
    let bounded = queue(
        8.0,
        1.0,
        10,
        "constant 2s",
        "pollers = 50\nmaximum_concurrency = 2",
    );
    assert!(bounded.busy_mean.unwrap().value <= 2.0);
}

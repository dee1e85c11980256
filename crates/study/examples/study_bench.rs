//! Invocations per CPU second of a study: `cargo run --release -p rushhour-study --example study_bench`.
//!
//! Each case draws an exponential time between calls and an exponential service. The other side is a plain
//! loop in the same program that makes the same draws from the same streams, keeps the ends of calls in
//! the standard library's heap and counts how many are under way, with no environments, no routing, no
//! batches and no accounting: the least that any simulation of calls in time must do. Compare the two of one run, not
//! with another machine's. CPU time is the process's own, best of three rounds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

use kernel::Streams;
use rushhour_study::{Changes, Study};

const ROUNDS: usize = 3;

/// User and system time of this process so far (Linux: /proc counts it in hundredths).
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells of processes");
    let after_name = stat.rsplit_once(") ").expect("a name in brackets").1;
    let ticks = after_name.split(' ').skip(11).take(2);
    ticks
        .map(|field| field.parse::<f64>().expect("a number of ticks") / 100.0)
        .sum()
}

/// Events of the best round, per CPU second.
fn per_cpu_second(mut round: impl FnMut() -> u64) -> f64 {
    let rate = |_| {
        let start = cpu_s();
        let events = round();
        events as f64 / (cpu_s() - start)
    };
    (0..ROUNDS).map(rate).fold(0.0, f64::max)
}

fn plain_loop(rate: f64, service_s: f64, calls: u64) -> u64 {
    let streams = Streams::new(1);
    let mut arrivals = streams.stream("arrivals", 0);
    let mut services = streams.stream("service", 0);
    let mut ends = BinaryHeap::new();
    let (mut now_us, mut busy_us, mut under_way, mut last_us) = (0_u64, 0_u64, 0_u64, 0_u64);
    for _ in 0..calls {
        now_us += (arrivals.exponential(1e6 / rate)) as u64;
        while ends.peek().is_some_and(|Reverse(end)| *end <= now_us) {
            ends.pop();
            under_way -= 1;
        }
        busy_us += under_way * (now_us - last_us);
        last_us = now_us;
        under_way += 1;
        ends.push(Reverse(
            now_us + services.exponential(service_s * 1e6) as u64,
        ));
    }
    black_box(busy_us);
    calls
}

fn study(text: &str) -> u64 {
    let study = Study::parse("bench", text, &Changes::default(), &|_| {
        Err("no files".to_owned())
    });
    let figures = study.expect("the study is sound").run();
    let arrivals = |figures: &rushhour_study::Figures| figures.arrivals.expect("calls come").value;
    black_box(&figures).values().map(arrivals).sum::<f64>() as u64
}

fn function(routing: &str, rate: f64, service_s: f64, calls: f64) -> u64 {
    study(&format!(
        "[[function]]\nname = 'f'\narrivals = 'poisson {rate}/s'\nservice = 'exponential {service_s}s'\n\
         idle_timeout = '600s'\nrouting = '{routing}'\nmaximum_concurrency = 100000\n\
         duration = '{}s'\nwarmup = '0s'",
        calls / rate
    ))
}

fn main() {
    const CALLS: f64 = 1e7;
    println!("million events per CPU second, best of {ROUNDS} rounds");
    for (at_once, rate, service_s) in [(2, 0.9, 1.991), (100, 1_000.0, 0.1), (1_000, 2_000.0, 0.5)]
    {
        for routing in ["newest-idle", "least-recently-used", "random"] {
            let found = per_cpu_second(|| function(routing, rate, service_s, CALLS));
            println!(
                "function, {at_once:5} at once, {routing:19} {:6.2}",
                found / 1e6
            );
        }
        let plain = per_cpu_second(|| plain_loop(rate, service_s, CALLS as u64));
        println!(
            "plain loop, {at_once:5} at once                    {:6.2}",
            plain / 1e6
        );
    }
    for servers in [1, 10] {
        let found = per_cpu_second(|| {
            study(&format!(
                "[[service]]\nname = 's'\narrivals = 'poisson {}/s'\nservice = 'exponential 10ms'\n\
                 servers = {servers}\nduration = '{}s'\nwarmup = '0s'",
                80 * servers,
                CALLS / 80.0 / f64::from(servers)
            ))
        });
        println!(
            "service, {servers:2} servers                            {:6.2}",
            found / 1e6
        );
    }
    let found = per_cpu_second(|| {
        study(
            "[[queue]]\nname = 'q'\narrivals = 'poisson 20/s'\nservice = 'exponential 50ms'\n\
             duration = '100000s'\nwarmup = '0s'",
        )
    });
    println!(
        "queue, messages                                {:6.2}",
        found / 1e6
    );
}

//! Times the machines of the modelled cloud: `cargo run --release -p rushhour-cloud --example machines`.
//!
//! Each line is the mean of one operation over many, as the digital twin does them: a draw of a law, a job
//! of a processor at 80 % load, an operation of a table, a call of a function, the life of a message.
//! Three rounds; the best counts, because what else runs on the machine only ever adds.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use domain::Timestamp;
use kernel::Streams;
use rushhour_cloud::account::Account;
use rushhour_cloud::lambda_function::{FunctionConfig, LambdaFunction, Start};
use rushhour_cloud::lambda_pool::{Outcome, Routing};
use rushhour_cloud::processor_sharing::ProcessorSharing;
use rushhour_cloud::profile::Profile;
use rushhour_cloud::queue::{Queue, QueueConfig, no_draw};
use rushhour_cloud::table_capacity::{Access, TableCapacity};

const OPERATIONS: u32 = 500_000;
const ROUNDS: usize = 3;

fn at(us: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_micros(us)
}

#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark reads the clock"
)]
fn time(name: &str, mut round: impl FnMut()) {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let started = std::time::Instant::now();
        round();
        best = best.min(started.elapsed());
    }
    let each = best.as_secs_f64() * 1e9 / f64::from(OPERATIONS);
    println!("{name:<28} {each:>8.0} ns");
}

fn draws(profile: &Profile) {
    let laws = [
        ("draw, quantiles", &profile.queue.receive),
        ("draw, lognormal", &profile.table.get),
    ];
    for (name, law) in laws {
        let mut stream = Streams::new(1).stream("draws", 0);
        time(name, || {
            let sum: Duration = (0..OPERATIONS).map(|_| law.sample(&mut stream)).sum();
            black_box(sum);
        });
    }
}

fn jobs() {
    time("job of a processor", || {
        let mut stream = Streams::new(1).stream("jobs", 0);
        let mut processor = ProcessorSharing::new(at(0), 4.0);
        let mut now = at(0);
        for _ in 0..OPERATIONS {
            now = now + stream.exponential_span(Duration::from_nanos(312_500));
            while let Some((when, _)) = processor.next_completion().filter(|(when, _)| *when <= now)
            {
                while processor.pop_finished(when).is_some() {}
            }
            processor.arrive(now, Duration::from_millis(1));
        }
        black_box(processor.usage(now));
    });
}

fn table_operations(profile: &Profile) {
    time("operation of a table", || {
        let mut table = TableCapacity::new(&profile.table);
        for n in 0..u64::from(OPERATIONS) {
            let key = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let _ = black_box(table.take(at(400 * n), Access::Write, 1.0, key));
        }
    });
}

fn calls(profile: &Profile) {
    time("call of a function", || {
        let mut account = Account::of(&profile.lambda);
        let config = FunctionConfig {
            memory_mb: 512,
            reserved_concurrency: None,
            provisioned: None,
            routing: Routing::NewestIdle,
        };
        let mut stream = Streams::new(1).stream("function", 0);
        let mut function =
            LambdaFunction::new(config, &profile.lambda, &mut account, at(0), &mut stream)
                .expect("nothing is set aside");
        let mut running = VecDeque::new();
        for n in 0..u64::from(OPERATIONS) {
            let now = at(500 * n);
            while let Some((end, environment)) = running.front().copied()
                && end <= now
            {
                running.pop_front();
                function
                    .finish(environment, end, Outcome::Success, &mut account)
                    .expect("the call runs");
            }
            if let Ok(Start::Warm(environment) | Start::Cold(environment)) =
                function.invoke(now, &mut account)
            {
                running.push_back((now + Duration::from_millis(20), environment));
            }
        }
        black_box(function.counters());
    });
}

fn messages() {
    for (name, delay) in [
        ("message", Duration::ZERO),
        ("message, delayed by 2 s", Duration::from_secs(2)),
    ] {
        time(name, || {
            let mut queue = Queue::new(QueueConfig::default());
            for n in 0..u64::from(OPERATIONS) {
                let now = at(1_000 * n);
                queue.send(now, n, delay).expect("a short delay");
                let received = queue.receive(now, 10, None, &mut no_draw);
                for delivery in received.expect("ten at most") {
                    queue.delete(now, delivery.receipt);
                }
            }
            black_box(queue.len());
        });
    }
}

fn main() {
    let profile = Profile::aws_us_east_1();
    draws(&profile);
    jobs();
    table_operations(&profile);
    calls(&profile);
    messages();
}

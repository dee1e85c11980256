use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::cli::{Cli, Command};
use crate::exit::Exit;
use crate::scenario;
use crate::target::deployed::DeployedSystem;

fn resolved() -> Resolved {
    let settings = ["duration=1m", "warmup=30s", "speedup=30", "fleet.drivers=5"];
    scenario::load(None, &settings.map(str::to_owned)).unwrap()
}

/// Queues that are empty, as SQS says it.
const EMPTY: &str = r#"{"Attributes":{"ApproximateNumberOfMessages":"0","ApproximateNumberOfMessagesNotVisible":"0","ApproximateNumberOfMessagesDelayed":"0"}}"#;

/// Where so many questions are refused, and of all others the answer is that queues are empty.
async fn refusing(times: usize) -> SocketAddr {
    let asked_before = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let asked_before = asked_before.clone();
            tokio::spawn(async move {
                let mut asked = vec![0; 16 * 1024];
                while let Ok(1..) = stream.read(&mut asked).await {
                    let (status, body) = match asked_before.fetch_add(1, Ordering::Relaxed) {
                        before if before < times => ("403 Forbidden", "{}"),
                        _ => ("200 OK", EMPTY),
                    };
                    let length = body.len();
                    let answer =
                        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Watches a run that began now, without a load.
async fn watched(
    course: &mut Course<'_>,
    system: &mut System,
    recorder: &Recorder,
    span: Duration,
) -> (Ending, AtWarmup) {
    let started_at = WallClock.now();
    let mut watcher = Watcher {
        system,
        recorder,
        watched: &course.watched,
        calls: &course.calls,
        progress: &mut course.progress,
        started_at,
        until: started_at + span,
        all_drivers: 0,
        at_warmup: AtWarmup::default(),
        most: Counted::default(),
        redeploy: course.redeploy.as_mut(),
    };
    let ended = watcher.watch(&Interrupt::stands(false)).await;
    (ended, watcher.at_warmup)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_riders_saw_is_told_of_a_system_that_cannot_be_read() {
    let resolved = resolved();
    let target = Target::Embedded { port: None };
    let mut course = Course::plan(&resolved, &target, true).unwrap();
    let system = DeployedSystem::all_at(&resolved, refusing(usize::MAX).await).await;
    let mut system = System::Deployed(Box::new(system));
    let now = WallClock.now();
    let second = Duration::from_secs(1);
    let recorder = Recorder::new(now, Duration::ZERO, now + second);
    let (ended, at_warmup) = watched(&mut course, &mut system, &recorder, second).await;
    assert_eq!(ended, Ending::Whole);
    assert!(at_warmup.was_tried() && !at_warmup.is_read());
    course.counted = course
        .reads
        .counted(at_warmup, system.counted(second).await, system.counts());

    let in_window = course.recorder.counted_from();
    course.recorder.answered(in_window, None);
    let (outcome, ended) = course.collect(system, Instant::now(), ended).await.unwrap();
    assert_eq!(ended, Ending::Unread);
    assert_eq!(ended.exit(), Some(Exit::Unreachable));
    let told = outcome.tell().unwrap();
    let summary = &told.summary;
    assert_eq!(summary.load.completed, 1);
    let notes = summary.notes.join("\n");
    for said in [
        "could not be read at the end of the warm-up (",
        "could not be read at the end (",
        "The store's trips could not be read (",
    ] {
        assert!(notes.contains(said), "{notes}");
    }
    assert!(!summary.passed());
    let violation = &summary.audit.violations[0];
    assert!(
        violation.detail.contains("trips of the store unread"),
        "{violation:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    let directory = crate::run_dir::RunDir::create(folder.path()).unwrap();
    told.write(&directory, &resolved).unwrap();
    assert!(directory.evidence().unwrap().trips_unread.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_that_were_refused_are_asked_for_again_at_the_next_look() {
    let resolved = resolved();
    let target = Target::Embedded { port: None };
    let mut course = Course::plan(&resolved, &target, true).unwrap();
    let system = DeployedSystem::all_at(&resolved, refusing(1).await).await;
    let mut system = System::Deployed(Box::new(system));
    let (now, span) = (WallClock.now(), Duration::from_secs(3));
    let recorder = Recorder::new(now, Duration::ZERO, now + span);
    let (_, at_warmup) = watched(&mut course, &mut system, &recorder, span).await;
    let at_end = system.counted(span).await;
    course.reads.counted(at_warmup, at_end, system.counts());
    assert!(!course.reads.is_lacking, "{:?}", course.reads);
    let said = "could not be read at the end of the warm-up (";
    assert!(course.reads.notes[0].contains(said), "{:?}", course.reads);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tracker_that_does_not_start_again_ends_the_run() {
    let resolved = resolved();
    let args = ["--redeploy-tracker", "0s", "--redeploy-gap", "1s"];
    let line = ["rushhour", "run"].into_iter().chain(args);
    let Command::Run(args) = Cli::try_parse_from(line).unwrap().command else {
        panic!("it is a run");
    };
    let minute = Duration::from_secs(60);
    let mut target = Target::Embedded { port: None };
    let course = Course::plan(&resolved, &target, true).unwrap();
    let mut course = course.with_redeploy(Redeploy::of(&args, minute).unwrap());
    let mut system = course.start(&mut target).await.unwrap();
    let address = system.tracker_url();
    let address: SocketAddr = address.trim_start_matches("http://").parse().unwrap();
    // Somebody takes its place while it is away.
    let taking = tokio::spawn(async move {
        loop {
            if let Ok(taken) = TcpListener::bind(address).await {
                return taken;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let now = WallClock.now();
    let recorder = Recorder::new(now, Duration::ZERO, now + minute);
    let (ended, _) = watched(&mut course, &mut system, &recorder, minute).await;
    let Ending::Died(what) = &ended else {
        panic!("found {ended:?}, expected a tracker that is dead");
    };
    assert!(what.ends_with("s after the start"), "{what}");
    assert_eq!(ended.exit(), Some(Exit::Unreachable));
    drop(taking.await.unwrap());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_goes_by_the_time_that_its_usage_was_counted_in() {
    let resolved = resolved();
    let window = resolved.world.pace.in_run(Duration::from_secs(30));
    let mut bills = Vec::new();
    for (http_requests, counted_for) in [
        (1_000_000_000, None),
        (1_000_000_000, Some(window)),
        (3_000_000_000, Some(3 * window)),
    ] {
        let target = Target::Embedded { port: None };
        let course = Course::plan(&resolved, &target, true).unwrap();
        // The run is not over before its time is.
        let until = course.until;
        let system = DeployedSystem::all_at(&resolved, refusing(usize::MAX).await).await;
        let system = System::Deployed(Box::new(system));
        let collected = course.collect(system, Instant::now(), Ending::Whole).await;
        let (mut outcome, _) = collected.unwrap();
        outcome.ended_at = until;
        outcome.counted = Counted {
            http_requests,
            counted_for,
            ..Counted::default()
        };
        let cost = outcome.tell().unwrap().summary.cost_usd.unwrap();
        bills.push((cost.total, cost.per_month_at_this_load));
    }
    assert!(bills[0].0 > 1.0 && bills[0].1.is_some(), "{bills:?}");
    assert!(bills.iter().all(|bill| *bill == bills[0]), "{bills:?}");
}

//! Loads on servers of this process: what is counted, what is timed, and how loads end.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use crate::{Arrivals, Document, Ending, LoadError, Pace, Plan, Protocol, Request, Schedule};

mod secured;

/// Reads a request without a body; false at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> bool {
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        if line == "\r\n" {
            return true;
        }
        line.clear();
    }
    false
}

/// A server with a thread for each connection, which is given it and its number.
fn server(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (serve, stream) = (serve.clone(), stream.unwrap());
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || serve(number, stream));
        }
    });
    address
}

/// A server that answers each request with what it is told, after a while.
fn answering(answer: impl Fn() -> (Duration, &'static str) + Send + Sync + 'static) -> SocketAddr {
    server(move |_, stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        while read_request(&mut reader) {
            let (wait, text) = answer();
            std::thread::sleep(wait);
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    })
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn plan(address: SocketAddr, pace: Pace) -> Plan {
    Plan {
        target: format!("http://{address}/").parse().unwrap(),
        request: Request::new("GET", &[], Bytes::new()).unwrap(),
        protocol: Protocol::Http1,
        pace,
        connections: 4,
        streams: 4,
        in_flight: 1_000,
        threads: Some(1),
        timeout: Duration::from_secs(5),
        roots: None,
    }
}

fn open(stage: &str) -> Pace {
    Pace::Open(Schedule::new(vec![stage.parse().unwrap()], Arrivals::Constant).unwrap())
}

fn run(plan: Plan) -> (Document, Ending) {
    crate::run(plan, &mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn all_that_is_due_is_sent_and_counted() {
    let address = answering(|| (Duration::ZERO, OK));
    for threads in [1, 3] {
        let mut plan = plan(address, open("400ms:500"));
        plan.threads = Some(threads);
        let (told, ending) = run(plan);
        assert_eq!(ending, Ending::Whole);
        assert_eq!(
            (told.due, told.answered, told.errors, told.dropped),
            (200, 200, 0, 0)
        );
        assert_eq!(told.statuses, [("200".to_owned(), 200)].into());
        assert_eq!((told.connections_opened, told.connections_reopened), (4, 0));
        assert_eq!(told.bytes_in, 200 * OK.len() as u64);
        for name in ["latency", "service", "schedule_lag", "connection_wait"] {
            assert_eq!(told.latency_ms[name].count, 200, "{name}");
        }
    }
}

#[test]
fn a_server_that_stands_still_is_seen_to_by_all_who_were_due_meanwhile() {
    let began = Instant::now();
    // Half of each 400 ms it answers nothing. What is due in that half waits for its end, half of the half on average;
    // so of all latencies the 75th percentile is 100 ms, however few connections the waiting ones are sent over.
    let address = answering(move || {
        let phase = began.elapsed().as_millis() % 400;
        let left = 200_u64.saturating_sub(u64::try_from(phase).unwrap());
        (Duration::from_millis(left), OK)
    });
    let mut few = plan(address, open("1600ms:500"));
    few.connections = 2;
    let (told, _) = run(few);
    assert_eq!(told.answered, 800);
    let p75 = told.latency().unwrap().quantile_ms(0.75).unwrap();
    assert!((85.0..130.0).contains(&p75), "{p75}");
    // Counted from the sending, hardly any request was slow.
    let service = told.histograms.step("service").unwrap();
    assert!(
        service.quantile_ms(0.75).unwrap() < 40.0,
        "{:?}",
        service.figures()
    );
}

#[test]
fn what_is_due_while_too_much_is_in_flight_is_dropped_and_counted() {
    let address = answering(|| (Duration::from_millis(300), OK));
    let mut slow = plan(address, open("200ms:500"));
    slow.in_flight = 10;
    let (told, ending) = run(slow);
    assert_eq!((ending, told.due), (Ending::Whole, 100));
    assert_eq!(told.answered, 10, "{told:?}");
    assert_eq!(told.dropped, 90);
}

#[test]
fn a_closed_loop_goes_as_fast_as_answers_come() {
    let address = answering(|| (Duration::from_millis(20), OK));
    let (told, _) = run(plan(address, Pace::Closed(Duration::from_millis(400))));
    assert!((20..=84).contains(&told.answered), "{told:?}");
    assert_eq!(told.due, told.answered);
    assert!(told.latency_ms["latency"].p50.unwrap() >= 20.0);
    // It is sent when it is due.
    assert_eq!(told.latency_ms.len(), 1);
}

#[test]
fn answers_after_the_span_make_no_rate() {
    let address = answering(|| (Duration::from_millis(20), OK));
    let mut overloaded = plan(address, open("500ms:100"));
    overloaded.connections = 1;
    let (told, _) = run(overloaded);
    // All are answered, but one after the other, which takes twice the span.
    assert_eq!((told.answered, told.seconds), (50, 0.5), "{told:?}");
    assert!(told.last_answer_s.unwrap() >= 1.0, "{told:?}");
    assert!(told.rate_per_s <= 50.0, "{}", told.rate_per_s);
    let limit: crate::Threshold = "rate>95/s".parse().unwrap();
    assert!(!limit.judge(&told).kept);
    // Put together with others, it is no faster.
    let back = Document::from_json(&told.to_json()).unwrap();
    let merged = Document::merged(&[back.clone(), back]).unwrap();
    assert!(merged.rate_per_s <= 100.0, "{}", merged.rate_per_s);
}

#[test]
fn last_answers_of_a_closed_loop_make_no_rate() {
    let address = answering(|| (Duration::from_millis(80), OK));
    let (told, _) = run(plan(address, Pace::Closed(Duration::from_millis(100))));
    // Each of four connections has its second answer after the span, and 12.5 a second.
    assert!(told.rate_per_s <= 50.0, "{}", told.rate_per_s);
}

#[test]
fn connections_that_the_server_closes_are_opened_again_and_counted() {
    // Each connection takes five requests; the last is answered with or without a word on that.
    let address = server(|number, stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        for left in (0..5).rev() {
            if !read_request(&mut reader) {
                return;
            }
            let close = if left == 0 && number % 2 == 0 {
                "connection: close\r\n"
            } else {
                ""
            };
            let text = format!("HTTP/1.1 204 No Content\r\n{close}\r\n");
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    });
    let mut one = plan(address, open("400ms:250"));
    one.connections = 1;
    let (told, _) = run(one);
    assert_eq!(
        (told.due, told.answered, told.errors),
        (100, 100, 0),
        "{told:?}"
    );
    assert!((19..=20).contains(&told.connections_reopened), "{told:?}");
}

#[test]
fn what_may_not_be_done_twice_is_not_sent_twice() {
    let heard = Arc::new(AtomicUsize::new(0));
    let ears = heard.clone();
    // Hears every request, and answers every other one.
    let address = server(move |_, stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        while read_request(&mut reader) {
            if ears.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
                return;
            }
            stream.write_all(OK.as_bytes()).unwrap();
        }
    });
    let mut posts = plan(address, open("200ms:100"));
    posts.connections = 1;
    posts.request = Request::new("POST", &[], Bytes::new()).unwrap();
    let (told, _) = run(posts);
    assert_eq!(heard.load(Ordering::SeqCst), 20);
    assert_eq!((told.answered, told.errors), (10, 10), "{told:?}");
    assert_eq!(told.failures, [("connection closed".to_owned(), 10)].into());
}

#[test]
fn errors_are_told_by_kind() {
    let turn = AtomicUsize::new(0);
    let address = answering(move || {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        let text = match turn % 4 {
            0 => OK,
            1 => "HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
            2 => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            _ => "nonsense\r\n\r\n",
        };
        (Duration::ZERO, text)
    });
    let mut one = plan(address, open("400ms:100"));
    one.connections = 1;
    let (told, _) = run(one);
    assert_eq!(
        (told.due, told.answered, told.errors),
        (40, 30, 30),
        "{told:?}"
    );
    let statuses = [("200", 10), ("404", 10), ("503", 10)];
    assert_eq!(
        told.statuses,
        statuses.map(|(code, n)| (code.to_owned(), n)).into()
    );
    assert_eq!(told.failures, [("malformed answer".to_owned(), 10)].into());
}

#[test]
fn what_is_not_answered_in_time_is_given_up_and_is_in_the_tail() {
    let address = answering(|| (Duration::from_secs(3), OK));
    let mut impatient = plan(address, open("100ms:40"));
    impatient.timeout = Duration::from_millis(150);
    let began = Instant::now();
    let (told, ending) = run(impatient);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!((ending, told.answered, told.errors), (Ending::Whole, 0, 4));
    assert_eq!(told.failures, [("timed out".to_owned(), 4)].into());
    let p50 = told.latency_ms["latency"].p50.unwrap();
    assert!((150.0..400.0).contains(&p50), "{p50}");
}

#[test]
fn a_target_that_takes_no_connection_is_told_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let began = Instant::now();
    let plan = plan(address, open("10s:100"));
    let error = crate::run(plan, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, LoadError::Unreachable { .. }), "{error}");
    let said = error.to_string();
    assert!(
        said.contains(&address.to_string()) && said.contains("connection refused"),
        "{said}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_load_is_broken_off_within_bounds_and_still_told() {
    let turn = AtomicUsize::new(0);
    // The tenth request and all after it are never answered.
    let address = answering(move || {
        let stuck = turn.fetch_add(1, Ordering::SeqCst) >= 9;
        (
            if stuck {
                Duration::from_secs(60)
            } else {
                Duration::ZERO
            },
            OK,
        )
    });
    let began = Instant::now();
    let mut look = |glance: &crate::Glance| {
        if glance.answered >= 9 && glance.elapsed > Duration::from_millis(400) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let (told, ending) = crate::run(plan(address, open("30s:50")), &mut look).unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        (ending, told.ended.as_str(), told.answered),
        (Ending::Interrupted, "interrupted", 9)
    );
    assert_eq!(told.failures, [("broken off".to_owned(), 4)].into());
    assert_eq!(told.due, told.answered + told.dropped + 4);
    assert!(told.seconds < 2.0, "{}", told.seconds);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn every_request_due_is_answered_failed_or_dropped(
        rate in 50u32..2_000, connections in 1usize..9, in_flight in 1usize..40, threads in 1usize..4,
        seed in prop::option::of(any::<u64>()),
    ) {
        let turn = AtomicUsize::new(0);
        let address = answering(move || {
            let turn = turn.fetch_add(1, Ordering::SeqCst);
            (Duration::from_millis(turn as u64 % 7), if turn.is_multiple_of(5) { "no" } else { OK })
        });
        let stages = vec![format!("100ms:{rate}").parse().unwrap()];
        let arrivals = seed.map_or(Arrivals::Constant, |seed| Arrivals::Poisson { seed });
        let Ok(schedule) = Schedule::new(stages, arrivals) else { return Ok(()) };
        let due = schedule.due().count() as u64;
        let mut plan = plan(address, Pace::Open(schedule));
        (plan.connections, plan.in_flight, plan.threads) = (connections, in_flight, Some(threads));
        plan.timeout = Duration::from_millis(200);
        let (told, _) = run(plan);
        prop_assert_eq!(told.due, due);
        let failed: u64 = told.failures.values().sum();
        prop_assert_eq!(told.due, told.answered + failed + told.dropped);
        prop_assert!(!told.failures.contains_key("broken off"), "{:?}", told.failures);
    }
}

//! Loads over TLS, HTTP/2 and gRPC.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::CertifiedKey;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::{open, plan, run};
use crate::connect::Io;
use crate::limits::TRIES_MAX;
use crate::{LoadError, Pace, Plan, Protocol, Target, grpc_request};

/// The message that every answer brings: one empty frame of gRPC.
const FRAME: &[u8] = b"\0\0\0\0\0";

/// A server on loopback of either HTTP, under TLS if it is given a certificate. It answers with what it was asked in
/// its trailers: gRPC's status is the length of the request's body.
fn server(protocol: Protocol, certified: Option<&CertifiedKey<rcgen::KeyPair>>) -> SocketAddr {
    let tls = certified.map(|certified| {
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        let mut config = config
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    });
    listen(move |stream| serve(protocol, tls.clone(), stream))
}

/// A server on loopback with a task for each connection.
fn listen<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let (told, address) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            told.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream));
            }
        });
    });
    address.recv().unwrap()
}

async fn serve(protocol: Protocol, tls: Option<TlsAcceptor>, stream: tokio::net::TcpStream) {
    let stream: Box<dyn Io> = match tls {
        None => Box::new(stream),
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return,
        },
    };
    let answer = service_fn(|request: http::Request<Incoming>| async move {
        let body = request.into_body().collect().await?.to_bytes();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", (body.len() % 17).into());
        let trailers = std::future::ready(Some(Ok(trailers)));
        let body = Full::new(Bytes::from_static(FRAME)).with_trailers(trailers);
        Ok::<_, hyper::Error>(Response::new(body))
    });
    let io = TokioIo::new(stream);
    // How a connection ends is the client's to judge.
    let _ = match protocol {
        Protocol::Http1 => {
            hyper::server::conn::http1::Builder::new()
                .serve_connection(io, answer)
                .await
        }
        Protocol::Http2 => {
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder.serve_connection(io, answer).await
        }
    };
}

fn certified() -> CertifiedKey<rcgen::KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

fn at(url: &str, address: SocketAddr) -> Target {
    url.replace("PORT", &address.port().to_string())
        .parse()
        .unwrap()
}

#[test]
fn over_tls_either_http_is_spoken_to_whom_the_roots_vouch_for() {
    let certified = certified();
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, certified.cert.pem()).unwrap();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let address = server(protocol, Some(&certified));
        let mut secured = plan(address, open("200ms:100"));
        secured.target = at("https://localhost:PORT/", address);
        secured.protocol = protocol;
        secured.roots = Some(roots.clone());
        let (told, _) = run(secured.clone());
        assert_eq!((told.answered, told.errors), (20, 0), "{told:?}");
        assert_eq!(told.connections_opened, 4);

        // Another certificate for the same name.
        std::fs::write(
            folder.path().join("others.pem"),
            super::secured::certified().cert.pem(),
        )
        .unwrap();
        secured.roots = Some(folder.path().join("others.pem"));
        let error = crate::run(secured, &mut |_| std::ops::ControlFlow::Continue(())).unwrap_err();
        assert!(
            error.to_string().contains("found untrusted certificate"),
            "{error}"
        );
    }
}

#[test]
fn roots_that_are_none_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    for roots in [empty, PathBuf::from("absent.pem")] {
        let mut secured = plan("127.0.0.1:1".parse().unwrap(), open("1s:1"));
        secured.target = "https://127.0.0.1:1/".parse().unwrap();
        secured.roots = Some(roots.clone());
        let error = crate::run(secured, &mut |_| std::ops::ControlFlow::Continue(())).unwrap_err();
        assert!(matches!(error, LoadError::Tls(_)), "{error}");
        assert!(
            error.to_string().starts_with(&roots.display().to_string()),
            "{error}"
        );
    }
}

#[test]
fn requests_of_http2_share_connections() {
    let address = server(Protocol::Http2, None);
    let mut shared = plan(address, open("300ms:1000"));
    (shared.protocol, shared.connections, shared.streams) = (Protocol::Http2, 2, 40);
    let (told, _) = run(shared);
    assert_eq!(
        (told.answered, told.errors, told.connections_opened),
        (300, 0, 2),
        "{told:?}"
    );
    assert_eq!(told.bytes_in, 300 * FRAME.len() as u64);
}

/// A server of HTTP/2 that writes, for each request, the frames it is told for the connection's number and the stream.
fn framing(answer: impl Fn(usize, u32) -> Vec<Vec<u8>> + Send + Sync + 'static) -> SocketAddr {
    super::server(move |number, mut stream: TcpStream| {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let mut head = [0; 24];
        if stream.read_exact(&mut head).is_err() || head != *preface {
            return;
        }
        let mut written = frame(SETTINGS, 0, 0, &[]);
        let mut head = [0; 9];
        while stream.write_all(&written).is_ok() && stream.read_exact(&mut head).is_ok() {
            let [high, middle, low, kind, _, id @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
            if stream.read_exact(&mut payload).is_err() {
                return;
            }
            written = match kind {
                HEADERS => answer(number, u32::from_be_bytes(id)).concat(),
                _ => Vec::new(),
            };
        }
    })
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()];
    [&head.concat(), payload].concat()
}

/// An answer that is a head alone: the end of the stream and of the headers, `:status 204` of the static table.
fn answered(stream: u32) -> Vec<u8> {
    frame(HEADERS, 0x5, stream, &[0x89])
}

/// The end of a connection, without an error, which says up to which stream requests are seen to.
fn go_away(last: u32) -> Vec<u8> {
    let payload = [last.to_be_bytes(), [0; 4]].concat();
    frame(GOAWAY, 0, 0, &payload)
}

fn refused(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &7_u32.to_be_bytes())
}

fn posts(address: SocketAddr, pace: Pace, streams: usize) -> Plan {
    let mut plan = plan(address, pace);
    plan.request = crate::Request::new("POST", &[], Bytes::new()).unwrap();
    (plan.protocol, plan.connections, plan.streams) = (Protocol::Http2, 1, streams);
    plan
}

#[test]
fn what_a_retiring_connection_does_not_take_goes_to_another() {
    // Each connection sees to five requests. The next one finds it retired, or is above the last stream.
    for late in [false, true] {
        let address = framing(move |_, stream| match stream {
            9 if late => vec![answered(stream)],
            9 => vec![answered(stream), go_away(9)],
            ..9 => vec![answered(stream)],
            _ => vec![go_away(9)],
        });
        let (told, _) = run(posts(address, open("400ms:250"), 4));
        assert_eq!((told.answered, told.errors), (100, 0), "{told:?}");
        assert_eq!(told.connections_opened, 20);
    }
}

#[test]
fn what_is_refused_unread_is_sent_again_on_the_same_connection() {
    let address = framing(|_, stream| match stream % 4 {
        1 => vec![refused(stream)],
        _ => vec![answered(stream)],
    });
    let (told, _) = run(posts(address, open("400ms:250"), 1));
    assert_eq!((told.answered, told.errors), (100, 0), "{told:?}");
    assert_eq!(told.connections_opened, 1);
}

#[test]
fn a_server_that_takes_no_request_at_all_is_told_as_closed() {
    for retires in [false, true] {
        let heard = Arc::new(AtomicUsize::new(0));
        let ears = heard.clone();
        let address = framing(move |_, stream| {
            ears.fetch_add(1, Ordering::SeqCst);
            vec![if retires { go_away(0) } else { refused(stream) }]
        });
        let (told, _) = run(posts(address, open("100ms:100"), 1));
        assert_eq!(told.failures, [("connection closed".to_owned(), 10)].into());
        assert_eq!(heard.load(Ordering::SeqCst), 10 * TRIES_MAX);
    }
}

#[test]
fn what_the_server_may_have_read_is_not_sent_again() {
    // The second request is within the streams that the server said it would see to, and then it is gone.
    let address = framing(|_, stream| match stream {
        1 => vec![answered(stream)],
        _ => vec![go_away(stream), frame(SETTINGS, 0, 1, &[])],
    });
    let (told, _) = run(posts(address, open("400ms:50"), 1));
    assert_eq!((told.answered, told.errors), (10, 10), "{told:?}");
    assert_eq!(told.failures, [("connection closed".to_owned(), 10)].into());
}

/// A server that allows four streams at once, each answered after a while, and retires connections at an age.
fn allowing_four(answers_after: Duration, age: Duration) -> SocketAddr {
    listen(move |stream| async move {
        let answer = service_fn(move |_| async move {
            tokio::time::sleep(answers_after).await;
            Ok::<_, hyper::Error>(Response::new(Full::<Bytes>::default()))
        });
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(4);
        let mut served = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), answer));
        if tokio::time::timeout(age, served.as_mut()).await.is_err() {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    })
}

#[test]
fn requests_wait_for_the_streams_that_the_server_allows() {
    // Four at once for 50 ms each are 80 a second, of twice as many that are due.
    let address = allowing_four(Duration::from_millis(50), Duration::from_secs(60));
    let (told, _) = run(posts(address, open("500ms:160"), 40));
    assert_eq!((told.answered, told.errors), (80, 0), "{told:?}");
    let [service, wait, latency] =
        ["service", "connection_wait", "latency"].map(|name| told.latency_ms[name].p50.unwrap());
    assert!((50.0..100.0).contains(&service), "{service}");
    assert!(wait > 150.0, "{wait}");
    assert!((latency - wait - service).abs() < 50.0, "{latency}");
}

#[test]
fn who_waits_for_a_stream_of_a_retiring_connection_has_one_of_the_next() {
    let address = allowing_four(Duration::from_millis(10), Duration::from_millis(100));
    let (told, _) = run(posts(address, open("500ms:800"), 40));
    assert_eq!((told.answered, told.errors), (400, 0), "{told:?}");
    assert!(told.connections_reopened >= 4, "{told:?}");
    let service = told.latency_ms["service"].p50.unwrap();
    assert!((10.0..30.0).contains(&service), "{service}");
}

#[test]
fn a_server_may_change_how_many_streams_it_allows() {
    // Between one and three, and another connection after fifty requests.
    let address = framing(|_, stream| {
        let allowed = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, (stream / 2 % 3 + 1) as u8]);
        match stream {
            ..99 => vec![allowed, answered(stream)],
            99 => vec![allowed, answered(stream), go_away(99)],
            _ => vec![go_away(99)],
        }
    });
    let (told, _) = run(posts(address, open("250ms:2000"), 40));
    assert_eq!((told.answered, told.errors), (500, 0), "{told:?}");
    assert_eq!(told.connections_opened, 10);
}

#[test]
fn what_times_out_tells_how_long_it_waited_for_a_stream() {
    // One stream, of which the second request is never answered; each that follows has what is left to it of its time.
    let address = framing(|_, stream| match stream {
        1 => vec![frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1]), answered(1)],
        _ => Vec::new(),
    });
    let mut stuck = posts(address, open("100ms:50"), 10);
    stuck.timeout = Duration::from_millis(300);
    let (told, _) = run(stuck);
    assert_eq!(told.failures, [("timed out".to_owned(), 4)].into());
    let [latency, wait, service] =
        ["latency", "connection_wait", "service"].map(|name| told.latency_ms[name].p50.unwrap());
    assert!(latency >= 300.0, "{latency}");
    assert!(wait > 200.0 && service < 100.0, "{wait} {service}");
}

fn call(proto: &Path, address: SocketAddr, json: &str) -> Plan {
    let target = at("grpc://127.0.0.1:PORT/shop.Till/Buy", address);
    let mut plan = plan(address, Pace::Closed(Duration::from_millis(150)));
    plan.request = grpc_request(&target, proto, &[], &[], json).unwrap();
    plan.target = target;
    plan.protocol = Protocol::Http2;
    plan
}

#[test]
fn codes_of_grpc_other_than_ok_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let proto = folder.path().join("shop.proto");
    let text = "syntax = \"proto3\"; package shop; message Ask { string name = 1; } message Told {}
        service Till { rpc Buy(Ask) returns (Told); }";
    std::fs::write(&proto, text).unwrap();
    let address = server(Protocol::Http2, None);
    // The frame is 5 bytes, and so is the code: NotFound.
    let (told, _) = run(call(&proto, address, "{}"));
    assert!(
        told.answered > 0 && told.errors == told.answered,
        "{told:?}"
    );
    assert_eq!(
        told.statuses,
        [("5 NotFound".to_owned(), told.answered)].into()
    );
    // 5 bytes, 2 of the field and 10 of the name: 17, which is 0.
    let (told, _) = run(call(&proto, address, r#"{"name": "0123456789"}"#));
    assert!(told.answered > 0 && told.errors == 0, "{told:?}");
    assert_eq!(told.statuses, [("0 Ok".to_owned(), told.answered)].into());
}

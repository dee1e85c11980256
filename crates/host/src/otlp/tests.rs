use std::convert::Infallible;
use std::sync::Arc;

use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use trace::{Kind, TraceContext};

use super::message::Value;
use super::*;

/// A collector that keeps what it is sent, and where it is.
async fn collector(status: StatusCode) -> (String, Arc<Mutex<Vec<ExportTraceServiceRequest>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            let service = service_fn(move |request: Request<Incoming>| {
                let kept = Arc::clone(&kept);
                async move {
                    assert_eq!(request.uri().path(), "/v1/traces");
                    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let message = ExportTraceServiceRequest::decode(body).unwrap();
                    kept.lock().unwrap().push(message);
                    let mut answer = Response::new(Full::<Bytes>::default());
                    *answer.status_mut() = status;
                    Ok::<_, Infallible>(answer)
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, taken)
}

fn span(name: &str) -> FinishedSpan {
    FinishedSpan {
        context: TraceContext {
            trace_id: 0x0102,
            span_id: 0x03,
            sampled: true,
        },
        parent: Some(0x04),
        name: name.to_owned(),
        kind: Kind::Consumer,
        began: Duration::from_secs(5),
        took: Duration::from_millis(20),
        attributes: vec![("rushhour.trip", "t".into()), ("count", 7.into())],
        failed: true,
    }
}

#[tokio::test]
async fn spans_leave_as_the_protocol_has_them() {
    let (url, taken) = collector(StatusCode::OK).await;
    let exporter = OtlpExporter::new("trips", &url).unwrap();
    exporter.flush().await;
    assert!(taken.lock().unwrap().is_empty(), "there is nothing to say");
    exporter.ended(span("POST /trips"));
    exporter.flush().await;
    let taken = taken.lock().unwrap();
    let resource = &taken[0].resource_spans[0];
    let service = &resource.resource.as_ref().unwrap().attributes[0];
    assert_eq!(service.key, "service.name");
    let said = service.value.as_ref().unwrap().value.clone();
    assert_eq!(said, Some(Value::Text("trips".into())));
    let sent = &resource.scope_spans[0].spans[0];
    assert_eq!((sent.name.as_str(), sent.kind), ("POST /trips", 5));
    assert_eq!(sent.trace_id, 0x0102_u128.to_be_bytes());
    assert_eq!(sent.span_id, 3_u64.to_be_bytes());
    assert_eq!(sent.parent_span_id, 4_u64.to_be_bytes());
    assert_eq!(sent.start_time_unix_nano, 5_000_000_000);
    assert_eq!(sent.end_time_unix_nano, 5_020_000_000);
    assert_eq!(sent.attributes.len(), 2);
    assert_eq!(sent.status.as_ref().unwrap().code, 2);
}

#[tokio::test]
async fn many_spans_are_several_messages_and_too_many_are_dropped() {
    let (url, taken) = collector(StatusCode::OK).await;
    let exporter = OtlpExporter::new("trips", &url).unwrap();
    for _ in 0..SPANS_MAX + 5 {
        exporter.ended(span("s"));
    }
    assert_eq!(exporter.dropped.load(Ordering::Relaxed), 5);
    exporter.flush().await;
    let taken = taken.lock().unwrap();
    let spans =
        |message: &ExportTraceServiceRequest| message.resource_spans[0].scope_spans[0].spans.len();
    assert_eq!(taken.len(), SPANS_MAX / SPANS_PER_EXPORT_MAX);
    assert_eq!(taken.iter().map(spans).sum::<usize>(), SPANS_MAX);
}

#[tokio::test]
async fn a_collector_that_is_away_or_refuses_costs_spans_and_nothing_else() {
    let (url, _taken) = collector(StatusCode::SERVICE_UNAVAILABLE).await;
    for endpoint in [url.as_str(), "http://127.0.0.1:1"] {
        let exporter = OtlpExporter::new("trips", endpoint).unwrap();
        exporter.ended(span("s"));
        exporter.flush().await;
        assert!(exporter.waiting().is_empty());
    }
    for endpoint in ["", "collector:4318", "grpc://127.0.0.1:4317"] {
        assert!(OtlpExporter::new("trips", endpoint).is_err(), "{endpoint}");
    }
}

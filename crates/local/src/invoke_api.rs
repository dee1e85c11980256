//! Functions that run in processes of their own, called by Lambda's Invoke API as `cargo lambda watch` serves it
//! (docs: lambda/latest/api/API_Invoke).

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambda::{Function, FunctionError};

use crate::limits::PAYLOAD_BYTES_MAX;

/// What Lambda answers beside the body when the function failed.
const FUNCTION_ERROR: &str = "x-amz-function-error";
/// As much of an error's body as is told.
const DETAIL_CHARS_MAX: usize = 300;

/// A function behind the Invoke API, as one of its callers sees it.
#[derive(Debug, Clone)]
pub struct InvokedFunction {
    url: Uri,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl InvokedFunction {
    /// The function of that name at a base URL such as `http://127.0.0.1:9000`. To be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// If the URL is none.
    pub fn new(base: &str, name: &str) -> Result<Self, http::uri::InvalidUri> {
        let base = base.trim_end_matches('/');
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self {
            url: format!("{base}/2015-03-31/functions/{name}/invocations").parse()?,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }
}

impl Function for InvokedFunction {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, FunctionError> {
        let failed = |detail: String| FunctionError::Failed(format!("{}: {detail}", self.url));
        let request = Request::post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(payload))
            .expect("the URL is one");
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| failed(format!("no answer ({error})")))?;
        let status = answer.status();
        let well = status.is_success() && !answer.headers().contains_key(FUNCTION_ERROR);
        let body = Limited::new(answer.into_body(), PAYLOAD_BYTES_MAX).collect();
        let body = body.await.map_err(|error| failed(error.to_string()))?;
        let body = body.to_bytes();
        if well {
            return Ok(body);
        }
        let text = String::from_utf8_lossy(&body);
        let text: String = text.chars().take(DETAIL_CHARS_MAX).collect();
        Err(failed(format!("found {status}: {text}, expected 200")))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::Ipv4Addr;

    use http::Response;
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::net::TcpListener;

    use super::*;

    async fn serve(listener: TcpListener) {
        let answer = async |request: Request<Incoming>| {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let mut response = Response::new(Full::new(body));
            match path.as_str() {
                "/2015-03-31/functions/echo/invocations" => {}
                "/2015-03-31/functions/failing/invocations" => {
                    let unhandled = "Unhandled".parse().unwrap();
                    response.headers_mut().insert(FUNCTION_ERROR, unhandled);
                }
                _ => *response.status_mut() = http::StatusCode::NOT_FOUND,
            }
            Ok::<_, Infallible>(response)
        };
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    }

    #[tokio::test]
    async fn answers_and_errors_are_told_apart() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(serve(listener));
        let function = |name: &str| InvokedFunction::new(&base, name).unwrap();
        let payload = Bytes::from_static(b"{\"a\":1}");
        let answer = function("echo").invoke(payload.clone()).await;
        assert_eq!(answer, Ok(payload.clone()));
        for (name, said) in [("failing", "{\"a\":1}"), ("none", "404")] {
            let error = function(name).invoke(payload.clone()).await.unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
        serving.abort();
        let nobody = InvokedFunction::new("http://127.0.0.1:1", "echo").unwrap();
        assert!(nobody.invoke(payload).await.is_err());
    }
}

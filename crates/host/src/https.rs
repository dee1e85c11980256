//! A client of whoever is asked neither by the AWS SDK nor by gRPC: an issuer for its keys, a collector of spans.

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A client that sends bodies `B`, and trusts whom the system trusts.
pub type HttpsClient<B> = Client<HttpsConnector<HttpConnector>, B>;

/// A client over HTTP/1, with TLS where the URL asks for it.
///
/// # Errors
/// If the machine has no certificates.
pub fn client<B>() -> std::io::Result<HttpsClient<B>>
where
    B: http_body_util::BodyExt + Send,
    B::Data: Send,
{
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()?
        .https_or_http()
        .enable_http1()
        .build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

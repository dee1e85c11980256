//! DynamoDB as far as one read of an item that is not there, over TLS.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What the certificate is for. Names are looked up, as they are on AWS.
pub(super) const HOST: &str = "localhost";
/// Where systems keep the certificates that they trust, as one file.
const SYSTEM_BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Whom a function must trust, and the server that it then believes.
pub(super) struct Identity {
    /// A bundle as long as the system's own, and our authority in it: reading it takes what reading the system's
    /// takes.
    pub(super) bundle: PathBuf,
    /// TLS of the server.
    pub(super) acceptor: TlsAcceptor,
}

impl Identity {
    /// A new authority, and a server's certificate of it.
    ///
    /// # Errors
    /// If the system has no bundle or the new one cannot be written.
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(vec![HOST.to_owned()])?.signed_by(&key, &authority)?;

        let system = SYSTEM_BUNDLES
            .iter()
            .find_map(|path| fs::read_to_string(path).ok())
            .with_context(|| {
                format!("found none of {SYSTEM_BUNDLES:?}, expected ca-certificates")
            })?;
        let bundle = folder.join("bundle.pem");
        fs::write(&bundle, system + &authority.as_ref().pem())?;

        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            bundle,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }
}

/// Answers for as long as it is polled. A handshake that fails ends its connection alone: the function says why.
pub(super) async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    let read = request
        .headers()
        .get("x-amz-target")
        .is_some_and(|target| target == "DynamoDB_20120810.GetItem");
    request.into_body().collect().await?;
    let (status, body) = if read {
        (StatusCode::OK, "{}")
    } else {
        (
            StatusCode::BAD_REQUEST,
            r#"{"__type":"ValidationException","message":"expected GetItem"}"#,
        )
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        "application/x-amz-json-1.0"
            .parse()
            .expect("a header's value"),
    );
    Ok(response)
}

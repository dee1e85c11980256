//! Connections: TCP, under TLS where the URL says so.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, ClientConfig, Error, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tally::Failure;
use crate::target::Target;

/// A connection, whatever is below it.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Why there can be no TLS to a target.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// This machine's certificates.
    #[error("certificates of this machine: {0}, expected some")]
    Roots(std::io::Error),
    /// A file of certificates.
    #[error("{file}: found {found}, expected certificates (PEM)")]
    File {
        /// The file.
        file: String,
        /// What was found.
        found: String,
    },
    /// A host that no certificate can name.
    #[error("found host {0:?}, expected a name or an address that a certificate can hold")]
    Host(String),
}

/// Where connections go.
#[derive(Clone)]
pub(crate) struct Endpoint {
    addresses: Arc<[SocketAddr]>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Endpoint {
    /// The target at its addresses. `protocol` is what is asked for under TLS (ALPN); `roots` are certificates to
    /// believe in instead of this machine's.
    pub(crate) fn new(
        target: &Target,
        addresses: Vec<SocketAddr>,
        protocol: &[u8],
        roots: Option<&Path>,
    ) -> Result<Self, TlsError> {
        let tls = if target.tls {
            let builder = ClientConfig::builder();
            let builder = match roots {
                Some(file) => builder.with_root_certificates(read(file)?),
                None => builder.with_native_roots().map_err(TlsError::Roots)?,
            };
            let mut config = builder.with_no_client_auth();
            config.alpn_protocols = vec![protocol.to_vec()];
            let name = ServerName::try_from(target.host.clone());
            let name = name.map_err(|_| TlsError::Host(target.host.clone()))?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Self {
            addresses: addresses.into(),
            tls,
        })
    }

    /// Opens a connection to the first address that takes one.
    async fn connect(&self) -> Result<Box<dyn Io>, Failure> {
        let mut failure = Failure::Unreachable;
        for address in self.addresses.iter() {
            match TcpStream::connect(address).await {
                Ok(stream) => return self.secured(stream).await,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    failure = Failure::Refused;
                }
                Err(_) => {}
            }
        }
        Err(failure)
    }

    async fn secured(&self, stream: TcpStream) -> Result<Box<dyn Io>, Failure> {
        // A request is one write, and nothing is to be waited for behind it.
        stream.set_nodelay(true).map_err(|_| Failure::Closed)?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some((tls, name)) => {
                let secured = tls.connect(name.clone(), stream).await;
                Ok(Box::new(secured.map_err(|error| why_not(&error))?))
            }
        }
    }
}

/// Why TLS did not come about.
fn why_not(error: &std::io::Error) -> Failure {
    let cause = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
    match cause {
        Some(Error::InvalidCertificate(_)) => Failure::Untrusted,
        Some(
            Error::NoApplicationProtocol
            | Error::AlertReceived(AlertDescription::NoApplicationProtocol),
        ) => Failure::Unspoken,
        _ => Failure::Tls,
    }
}

fn read(file: &Path) -> Result<RootCertStore, TlsError> {
    let wrong = |found: String| TlsError::File {
        file: file.display().to_string(),
        found,
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("none".to_owned()));
    }
    Ok(roots)
}

/// Opens connections of one worker, and counts them.
pub(crate) struct Dialer {
    endpoint: Endpoint,
    opened: Cell<u64>,
}

impl Dialer {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            opened: Cell::new(0),
        }
    }

    /// Opens a connection.
    pub(crate) async fn dial(&self) -> Result<Box<dyn Io>, Failure> {
        let stream = self.endpoint.connect().await?;
        self.opened.set(self.opened.get() + 1);
        Ok(stream)
    }

    /// How many were opened.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.get()
    }
}

//! What is asked: an endpoint's URL, and the request that is sent to it again and again.

use std::fmt::{self, Display, Formatter};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};

use crate::limits::BODY_BYTES_MAX;

/// What an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP.
    Http,
    /// gRPC, on HTTP/2.
    Grpc,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    /// What it speaks.
    pub scheme: Scheme,
    /// Whether under TLS.
    pub tls: bool,
    /// Its name or address, without brackets.
    pub(crate) host: String,
    /// Host and port as they are named to the server.
    pub(crate) authority: String,
    port: u16,
    /// Path and query; of gRPC `/package.Service/Method`.
    pub(crate) path: String,
}

/// Why there is no such request.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A URL.
    #[error(
        "found URL {0:?}, expected http://HOST[:PORT]/PATH, https://…, grpc://HOST[:PORT]/package.Service/Method or grpcs://…"
    )]
    Url(String),
    /// A name that is no host's.
    #[error("{url}: found no address of {host:?} ({found}), expected one")]
    Address {
        /// The URL.
        url: String,
        /// The host in it.
        host: String,
        /// Why.
        found: String,
    },
    /// A method.
    #[error("found method {0:?}, expected one such as GET, POST or PUT")]
    Method(String),
    /// A header.
    #[error("found header {0:?}, expected NAME: VALUE")]
    Header(String),
    /// A header that is not the user's.
    #[error(
        "found header {0:?}, expected none of content-length, transfer-encoding, connection and te: they follow from the request"
    )]
    Framing(String),
    /// A body.
    #[error("found a body of {0} bytes, expected at most {BODY_BYTES_MAX}")]
    Body(u64),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let malformed = || TargetError::Url(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| malformed())?;
        let (scheme, tls) = match uri.scheme_str() {
            Some("http") => (Scheme::Http, false),
            Some("https") => (Scheme::Http, true),
            Some("grpc") => (Scheme::Grpc, false),
            Some("grpcs") => (Scheme::Grpc, true),
            _ => return Err(malformed()),
        };
        let authority = uri.authority().ok_or_else(malformed)?;
        // Names and passwords in URLs end up in logs.
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(malformed());
        }
        let port = match (authority.port(), tls) {
            (Some(port), _) if port.as_u16() > 0 => port.as_u16(),
            (Some(_), _) => return Err(malformed()),
            // `host:` and `host:99999` are no ports and no part of the host.
            (None, _) if authority.as_str() != authority.host() => return Err(malformed()),
            (None, true) => 443,
            (None, false) => 80,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        if scheme == Scheme::Grpc && path.split('/').filter(|part| !part.is_empty()).count() != 2 {
            return Err(malformed());
        }
        Ok(Self {
            url: text.to_owned(),
            scheme,
            tls,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            authority: authority.as_str().to_owned(),
            port,
            path: path.to_owned(),
        })
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Target {
    /// Its addresses, looked up once: a load is on one machine, whatever its name does meanwhile.
    ///
    /// # Errors
    /// If there are none.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, TargetError> {
        let none = |found: String| TargetError::Address {
            url: self.url.clone(),
            host: self.host.clone(),
            found,
        };
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let found: Vec<SocketAddr> = found.map_err(|error| none(error.to_string()))?.collect();
        if found.is_empty() {
            return Err(none("none".to_owned()));
        }
        Ok(found)
    }
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method; of gRPC `POST`.
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// The body; of gRPC one message in its frame.
    pub(crate) body: Bytes,
}

/// Headers that say how a message is framed.
const FRAMING: [HeaderName; 4] = [
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::TE,
];

impl Request {
    /// A request of a method with headers (`NAME: VALUE`) and a body.
    ///
    /// # Errors
    /// If there is no such method or header, or the body is longer than [`BODY_BYTES_MAX`].
    pub fn new(method: &str, headers: &[String], body: Bytes) -> Result<Self, TargetError> {
        let length = body.len() as u64;
        if length > BODY_BYTES_MAX {
            return Err(TargetError::Body(length));
        }
        let mut map = HeaderMap::new();
        for text in headers {
            let malformed = || TargetError::Header(text.clone());
            let (name, value) = text.split_once(':').ok_or_else(malformed)?;
            let name: HeaderName = name.trim().parse().map_err(|_| malformed())?;
            let value = HeaderValue::from_str(value.trim()).map_err(|_| malformed())?;
            if FRAMING.contains(&name) {
                return Err(TargetError::Framing(text.clone()));
            }
            map.append(name, value);
        }
        map.entry(header::USER_AGENT).or_insert(USER_AGENT);
        Ok(Self {
            method: method
                .parse()
                .ok()
                .filter(|found| *found != Method::CONNECT)
                .ok_or_else(|| TargetError::Method(method.to_owned()))?,
            headers: map,
            body,
        })
    }

    /// The bytes of it in HTTP/1.1, which are the same each time.
    pub(crate) fn http1(&self, target: &Target) -> Bytes {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, target.path).into_bytes();
        if !self.headers.contains_key(header::HOST) {
            text.extend_from_slice(format!("host: {}\r\n", target.authority).as_bytes());
        }
        for (name, value) in &self.headers {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        // RFC 9110, 8.6: of methods that have a meaning for a body the length is said even if it is 0.
        if !self.body.is_empty()
            || [Method::POST, Method::PUT, Method::PATCH].contains(&self.method)
        {
            text.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(&self.body);
        text.into()
    }
}

/// Who asks.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("rushhour/", env!("CARGO_PKG_VERSION")));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_with_the_ports_of_their_schemes() {
        let of = |url: &str| url.parse::<Target>().unwrap();
        let plain = of("http://127.0.0.1:8080/trips?id=3");
        assert_eq!((plain.port, plain.path.as_str()), (8080, "/trips?id=3"));
        assert_eq!(
            plain.addresses().unwrap(),
            ["127.0.0.1:8080".parse().unwrap()]
        );
        let secure = of("https://example.org");
        assert_eq!(
            (secure.port, secure.tls, secure.path.as_str()),
            (443, true, "/")
        );
        let grpc = of("grpc://[::1]:50051/rushhour.Fleet/Nearest");
        assert_eq!((grpc.host.as_str(), grpc.scheme), ("::1", Scheme::Grpc));
        assert_eq!(grpc.addresses().unwrap(), ["[::1]:50051".parse().unwrap()]);
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in [
            "",
            "127.0.0.1:80",
            "ftp://host/",
            "/path",
            "http://",
            "http://user:secret@host/",
            "http://host:99999/",
            "http://host:0/",
            "http://two words/",
            "grpc://host:80/",
            "grpc://host:80/Service",
        ] {
            let error = url.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains("expected http://HOST"), "{url}: {error}");
        }
    }

    #[test]
    fn a_request_is_written_once_with_what_the_user_said() {
        let target: Target = "http://localhost:8080/trips?a=b".parse().unwrap();
        let headers = ["X-Key: a b".to_owned(), "user-agent: me".to_owned()];
        let request = Request::new("POST", &headers, Bytes::from_static(b"{}")).unwrap();
        let text = String::from_utf8(request.http1(&target).to_vec()).unwrap();
        assert_eq!(
            text,
            "POST /trips?a=b HTTP/1.1\r\nhost: localhost:8080\r\nx-key: a b\r\nuser-agent: me\r\ncontent-length: 2\r\n\r\n{}"
        );
        let request = Request::new("GET", &["Host: other".to_owned()], Bytes::new()).unwrap();
        let text = String::from_utf8(request.http1(&target).to_vec()).unwrap();
        assert!(
            text.starts_with("GET /trips?a=b HTTP/1.1\r\nhost: other\r\nuser-agent: rushhour/")
        );
        assert!(!text.contains("content-length") && text.matches("ost:").count() == 1);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let of = |method: &str, header: &str| {
            Request::new(method, &[header.to_owned()], Bytes::new())
                .unwrap_err()
                .to_string()
        };
        assert!(of("GET IT", "a: b").contains("found method \"GET IT\""));
        assert!(of("CONNECT", "a: b").contains("found method"));
        for header in ["no colon", ": value", "a b: c", "a: b\r\nc: d"] {
            assert!(
                of("GET", header).contains("expected NAME: VALUE"),
                "{header}"
            );
        }
        assert!(of("GET", "Content-Length: 5").contains("they follow from the request"));
    }
}

//! gRPC: a message from JSON by the types of a `.proto` file, and the status of an answer.

use std::path::{Path, PathBuf};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use tonic::{Code, Status};

use crate::Request;
use crate::target::{Target, TargetError};

/// Why there is no such call.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// The file, or one that it imports.
    #[error("{file}: found {found}, expected a .proto file that compiles")]
    Proto {
        /// The file.
        file: String,
        /// What was found.
        found: String,
    },
    /// The method.
    #[error("found method {found:?}, expected one of {known}")]
    Method {
        /// What was asked for.
        found: String,
        /// Those in the file.
        known: String,
    },
    /// A method that takes a stream.
    #[error("{0}: found a method that takes a stream of messages, expected one that takes one")]
    Streaming(String),
    /// The message.
    #[error("body: found {found}, expected JSON of a {message}")]
    Body {
        /// What was found.
        found: String,
        /// The message's name.
        message: String,
    },
    /// Headers or size.
    #[error(transparent)]
    Request(#[from] TargetError),
}

/// The call of a target's method, with a message from JSON as protobuf maps it.
///
/// # Errors
/// If the file does not compile, has no such method, or the message is not of the method's type.
pub fn request(
    target: &Target,
    proto: &Path,
    includes: &[PathBuf],
    headers: &[String],
    json: &str,
) -> Result<Request, GrpcError> {
    let method = method(target, proto, includes)?;
    let input = method.input();
    let wrong = |error: serde_json::Error| GrpcError::Body {
        found: error.to_string(),
        message: input.full_name().to_owned(),
    };
    let mut reader = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(input.clone(), &mut reader).map_err(wrong)?;
    reader.end().map_err(wrong)?;
    Ok(Request::new("POST", headers, framed(&message)?)?)
}

/// Compression flag, length, message: the frame of gRPC over HTTP/2.
fn framed(message: &DynamicMessage) -> Result<Bytes, TargetError> {
    let length = message.encoded_len();
    let told = u32::try_from(length).map_err(|_| TargetError::Body(length as u64))?;
    let mut frame = BytesMut::with_capacity(5 + length);
    frame.put_u8(0);
    frame.put_u32(told);
    message
        .encode(&mut frame)
        .expect("the buffer grows as needed");
    Ok(frame.freeze())
}

fn method(
    target: &Target,
    proto: &Path,
    includes: &[PathBuf],
) -> Result<MethodDescriptor, GrpcError> {
    let broken = |found: String| GrpcError::Proto {
        file: proto.display().to_string(),
        // The compiler's own text goes over several lines.
        found: found.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let beside = proto.parent().map(Path::to_path_buf).unwrap_or_default();
    let beside = if beside.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        beside
    };
    let folders: Vec<PathBuf> = includes.iter().cloned().chain([beside]).collect();
    let files = protox::compile([proto], folders).map_err(|error| broken(error.to_string()))?;
    let pool = DescriptorPool::from_file_descriptor_set(files);
    let pool = pool.map_err(|error| broken(error.to_string()))?;
    let path = target.path.trim_start_matches('/');
    let methods: Vec<MethodDescriptor> = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    let name = |method: &MethodDescriptor| {
        format!("{}/{}", method.parent_service().full_name(), method.name())
    };
    let found = methods.iter().find(|method| name(method) == path);
    let found = found.ok_or_else(|| GrpcError::Method {
        found: path.to_owned(),
        known: methods.iter().map(name).collect::<Vec<_>>().join(", "),
    })?;
    if found.is_client_streaming() {
        return Err(GrpcError::Streaming(name(found)));
    }
    Ok(found.clone())
}

/// The code of an answer: from its trailers, or from its headers where there is no body; and else what the status of
/// HTTP stands for, as gRPC's `http-grpc-status-mapping` has it.
pub(crate) fn status(http: StatusCode, headers: &HeaderMap, trailers: Option<&HeaderMap>) -> u16 {
    let told = trailers
        .and_then(Status::from_header_map)
        .or_else(|| Status::from_header_map(headers));
    let code = match (told, http.as_u16()) {
        (Some(status), _) => status.code(),
        (None, 400) => Code::Internal,
        (None, 401) => Code::Unauthenticated,
        (None, 403) => Code::PermissionDenied,
        (None, 404) => Code::Unimplemented,
        (None, 429 | 502 | 503 | 504) => Code::Unavailable,
        (None, _) => Code::Unknown,
    };
    u16::try_from(i32::from(code)).unwrap_or(u16::MAX)
}

/// A code with its name, such as `14 Unavailable`.
pub(crate) fn name(code: u16) -> String {
    format!("{code} {:?}", Code::from(i32::from(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTO: &str = "syntax = \"proto3\"; package shop;
        message Ask { string name = 1; int32 count = 2; }
        message Told { bool yes = 1; }
        service Till { rpc Buy(Ask) returns (Told); rpc Pour(stream Ask) returns (Told); }";

    fn call(method: &str, json: &str) -> Result<Request, String> {
        let folder = tempfile::tempdir().unwrap();
        let proto = folder.path().join("shop.proto");
        std::fs::write(&proto, PROTO).unwrap();
        let target: Target = format!("grpc://127.0.0.1:1/{method}").parse().unwrap();
        request(&target, &proto, &[], &[], json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_message_is_framed_from_json() {
        let request = call("shop.Till/Buy", r#"{"name": "tea", "count": 3}"#).unwrap();
        assert_eq!(&request.body[..], b"\0\0\0\0\x07\x0a\x03tea\x10\x03");
        assert_eq!(
            &call("shop.Till/Buy", "{}").unwrap().body[..],
            b"\0\0\0\0\0"
        );
    }

    #[test]
    fn what_is_no_call_is_refused() {
        let error = call("shop.Till/Sell", "{}").unwrap_err();
        assert!(
            error.contains("\"shop.Till/Sell\", expected one of shop.Till/Buy"),
            "{error}"
        );
        assert!(
            call("shop.Till/Pour", "{}")
                .unwrap_err()
                .contains("takes a stream")
        );
        for json in [
            "",
            "[]",
            r#"{"nmae": "tea"}"#,
            r#"{"count": "many"}"#,
            "{} {}",
        ] {
            let error = call("shop.Till/Buy", json).unwrap_err();
            assert!(
                error.contains("expected JSON of a shop.Ask"),
                "{json}: {error}"
            );
        }
        let target: Target = "grpc://127.0.0.1:1/a.B/C".parse().unwrap();
        let error = request(&target, Path::new("absent.proto"), &[], &[], "{}").unwrap_err();
        assert!(
            error.to_string().starts_with("absent.proto: found"),
            "{error}"
        );
    }

    #[test]
    fn a_status_comes_from_trailers_headers_or_http() {
        let mut told = HeaderMap::new();
        told.insert("grpc-status", "5".parse().unwrap());
        let nothing = HeaderMap::new();
        let ok = StatusCode::OK;
        assert_eq!(status(ok, &nothing, Some(&told)), 5);
        assert_eq!(status(ok, &told, None), 5);
        assert_eq!(status(StatusCode::BAD_GATEWAY, &nothing, None), 14);
        assert_eq!(status(ok, &nothing, Some(&nothing)), 2);
        assert_eq!(
            (name(0), name(14)),
            ("0 Ok".to_owned(), "14 Unavailable".to_owned())
        );
    }
}

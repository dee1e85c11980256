//! JSON, protobuf and table-item shapes, their versions, and their conversions to the domain.
pub mod api;
pub mod grpc;
pub mod items;
pub mod messages;
pub mod resp;
mod supply;

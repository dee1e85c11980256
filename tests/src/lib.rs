//! What holds across crates: arrows, contracts, determinism, the protocol's races, the end-to-end run.

pub mod cloud;
pub mod contract;
pub mod dispatch;
pub mod sockets;

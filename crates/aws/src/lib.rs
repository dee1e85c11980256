//! The ports on the AWS SDK: the only crate that names aws-sdk-*.
//!
//! [`stack`] says what there is: the one definition of tables, indexes and queues. [`clients`] reaches
//! it, [`mod@provision`] creates it, and [`Stack`] is what every adapter is made of. Then read [`trips`],
//! [`holds`] and [`market`] for the tables, [`queues`] and [`receive`] for the queues, [`admin`] for
//! whole-table reads and writes at the start and end of a run, and [`meter`] for what it all consumed.

pub mod admin;
pub mod clients;
mod dynamo;
mod error;
pub mod holds;
mod https;
pub mod limits;
pub mod market;
pub mod meter;
mod nonce;
pub mod provision;
pub mod queues;
pub mod receive;
pub mod stack;
pub mod trips;

pub use clients::{Clients, account};
pub use holds::DynamoHolds;
pub use market::DynamoMarket;
pub use meter::Meter;
pub use provision::{ProvisionError, found, provision};
pub use queues::{SqsDoorbell, SqsMarketSnapshots, SqsTripEvents};
pub use receive::{QueueConsumer, ReceivedMessage};
pub use stack::{Queue, Resources, Stack, Table};
pub use trips::DynamoTrips;

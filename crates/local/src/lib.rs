//! The embedded host: HTTP front, Lambda host, event source mapping, in-process DynamoDB and SQS.

pub mod servers;

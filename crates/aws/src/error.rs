//! The one place where the SDK's errors become port errors.

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use services::ports::PortError;
use wire::items::ItemError;

/// Error codes of DynamoDB and SQS that mean: slow down.
const THROTTLES: [&str; 9] = [
    "OverLimit",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Whether an error code, or a cancellation reason's, means: slow down.
pub(crate) fn is_throttle(code: &str) -> bool {
    // SQS spells some of its codes with the namespace of its older protocol.
    let code = code.rsplit('.').next().unwrap_or(code);
    THROTTLES.contains(&code)
}

/// What a caller is told of a failed call.
pub(crate) fn port_error<E, R>(port: &'static str, error: &SdkError<E, R>) -> PortError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    let detail = DisplayErrorContext(error).to_string();
    if error.code().is_some_and(is_throttle) {
        PortError::Throttled { port, detail }
    } else {
        PortError::Unavailable { port, detail }
    }
}

/// What a caller is told of an item that cannot be read.
pub(crate) fn corrupt(port: &'static str, error: &ItemError) -> PortError {
    PortError::Corrupt {
        port,
        detail: error.to_string(),
    }
}

//! A deployment on AWS as its operator sees it, beside its tables and queues: what its stack says of itself
//! ([`outputs()`]), and what CloudWatch measured ([`metrics()`]).

mod metrics;
mod outputs;

use aws_sdk_cloudwatch::config::ProvideCredentials;

/// Region, credentials and endpoints.
pub use aws_config::SdkConfig as Account;
pub use metrics::{
    FunctionMetrics, Metrics, QueueMetrics, Span, TableMetrics, metrics, next_minute,
};
pub use outputs::{Outputs, outputs};

/// Why a deployment cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeployedError {
    /// Nobody to ask as.
    #[error(
        "AWS: found no credentials ({0}), expected those of the SDK's chain: AWS_ACCESS_KEY_ID, AWS_PROFILE, a role"
    )]
    NoCredentials(String),
    /// Nowhere to ask.
    #[error("AWS: found no region, expected AWS_REGION or one in the profile")]
    NoRegion,
    /// There is no such stack.
    #[error(
        "--stack: found no stack {0:?} in this account and region, expected one that sam deploy made"
    )]
    NoStack(String),
    /// The stack is not the one that the template makes.
    #[error("--stack: {stack}: found no output {output}, expected a stack of infra/template.yaml")]
    NoOutput {
        /// The stack.
        stack: String,
        /// What it lacks.
        output: &'static str,
    },
    /// AWS did not answer as it should.
    #[error("{call}: {detail}")]
    Refused {
        /// Which call.
        call: &'static str,
        /// What it said.
        detail: String,
    },
}

/// Region, credentials and endpoints by the SDK's chain, seen to be there.
///
/// # Errors
/// If there is no region, or there are no credentials.
pub async fn account() -> Result<Account, DeployedError> {
    let config = aws::account(None).await;
    if config.region().is_none() {
        return Err(DeployedError::NoRegion);
    }
    let none = || DeployedError::NoCredentials("there is no provider".to_owned());
    let credentials = config.credentials_provider().ok_or_else(none)?;
    match credentials.provide_credentials().await {
        Ok(_) => Ok(config),
        Err(error) => {
            let detail = aws_sdk_cloudwatch::error::DisplayErrorContext(&error).to_string();
            Err(DeployedError::NoCredentials(first_sentence(&detail)))
        }
    }
}

/// An error's context goes on for pages.
fn first_sentence(detail: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 240;
    detail.chars().take(SHOWN_CHARS_MAX).collect()
}

//! What a stack of `infra/template.yaml` says of itself.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata};

use crate::{DeployedError, first_sentence};

/// The outputs that a load needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// Where riders ask for quotes and rides.
    pub api_url: String,
    /// Where the streams of riders and drivers go.
    pub tracker_url: String,
    /// What the names of tables, queues and functions begin with.
    pub name_prefix: String,
    /// Whose tokens it takes; none: only AWS identities.
    pub issuer: Option<String>,
    /// Whom those tokens are for.
    pub audience: String,
    /// The market that is served, as one line of JSON.
    pub market: String,
}

/// The outputs of a stack.
///
/// # Errors
/// If there is no such stack, it lacks an output, or AWS refuses.
pub async fn outputs(account: &SdkConfig, stack: &str) -> Result<Outputs, DeployedError> {
    let client = aws_sdk_cloudformation::Client::new(account);
    let described = client.describe_stacks().stack_name(stack).send().await;
    let described = described.map_err(|error| {
        // CloudFormation says so of a stack that is not there.
        if error.code() == Some("ValidationError") {
            return DeployedError::NoStack(stack.to_owned());
        }
        DeployedError::Refused {
            call: "DescribeStacks",
            detail: first_sentence(&DisplayErrorContext(&error).to_string()),
        }
    })?;
    let none = || DeployedError::NoStack(stack.to_owned());
    let found = described.stacks().first().ok_or_else(none)?;
    let values = found.outputs().iter().filter_map(|output| {
        Some((
            output.output_key()?.to_owned(),
            output.output_value()?.to_owned(),
        ))
    });
    read(stack, &values.collect())
}

fn read(stack: &str, values: &BTreeMap<String, String>) -> Result<Outputs, DeployedError> {
    let value = |output: &'static str| {
        values
            .get(output)
            .cloned()
            .ok_or_else(|| DeployedError::NoOutput {
                stack: stack.to_owned(),
                output,
            })
    };
    Ok(Outputs {
        api_url: value("ApiUrl")?,
        tracker_url: value("TrackerEndpoint")?,
        name_prefix: value("NamePrefix")?,
        issuer: values.get("TokenIssuer").cloned(),
        audience: value("TokenAudience")?,
        market: value("ServedMarket")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_is_missing_is_named() {
        let mut values: BTreeMap<String, String> = [
            ("ApiUrl", "https://api"),
            ("TrackerEndpoint", "https://tracker"),
            ("NamePrefix", "rushhour-"),
            ("TokenAudience", "rushhour"),
            ("ServedMarket", "{}"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let outputs = read("mine", &values).unwrap();
        assert_eq!(outputs.api_url, "https://api");
        assert_eq!(outputs.issuer, None, "routes that take AWS identities only");
        values.remove("TrackerEndpoint");
        let error = read("mine", &values).unwrap_err().to_string();
        assert!(
            error.contains("mine") && error.contains("TrackerEndpoint"),
            "{error}"
        );
    }
}

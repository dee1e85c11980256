//! The Lambda runtime around a [`Function`].

use std::sync::Arc;

use bytes::Bytes;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;

use crate::account;
use crate::function::{DynFunction, Function, FunctionError};

impl From<FunctionError> for Diagnostic {
    fn from(error: FunctionError) -> Self {
        Self {
            error_type: error.error_type().to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// Polls for events and hands them to `function`, until the environment is shut down.
///
/// # Errors
/// If the runtime's interface cannot be reached.
pub async fn run<F: Function>(function: F) -> Result<(), Error> {
    // As an object, so that the compiler meets the runtime's deep types and the function's one by one.
    let function: Arc<dyn DynFunction> = Arc::new(function);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let function = Arc::clone(&function);
        async move {
            let name = &event.context.env_config.function_name;
            let (result, line) = account::keep(name, handle(&*function, event.payload)).await;
            // Not by the log, whose lines have a shape of their own.
            println!("{line}");
            // The environment may be frozen from the answer on.
            trace::flush().await;
            result
        }
    }))
    .await
}

async fn handle(
    function: &dyn DynFunction,
    payload: Box<RawValue>,
) -> Result<Box<RawValue>, FunctionError> {
    let payload = Bytes::from(String::from(Box::<str>::from(payload)));
    let response = function.invoke_boxed(payload).await.inspect_err(|error| {
        tracing::error!(error_type = error.error_type(), %error, "invocation failed");
    })?;
    serde_json::from_slice(&response).map_err(|error| {
        FunctionError::Failed(format!("found a response that is not JSON: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Function for Echo {
        async fn invoke(&self, payload: Bytes) -> Result<Bytes, FunctionError> {
            Ok(payload)
        }
    }

    #[tokio::test]
    async fn bytes_pass_through_unchanged() {
        let text = r#"{"b": 1, "a": [1.10, null]}"#;
        let payload = RawValue::from_string(text.to_owned()).unwrap();
        assert_eq!(handle(&Echo, payload).await.unwrap().get(), text);
    }
}

//! The bounds of the embedded host, in one place. Those of AWS have their source.

use std::time::Duration;

/// Largest request body of an HTTP API (docs: apigateway/latest/developerguide/http-api-quotas).
pub const HTTP_BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Longest integration of an HTTP API (same page).
pub const INTEGRATION_TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// Largest payload of a synchronous invocation (docs: lambda/latest/dg/gettingstarted-limits).
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Longest init of an environment (docs: lambda/latest/dg/lambda-runtime-environment).
pub const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest a function may run (docs: lambda/latest/dg/gettingstarted-limits).
pub const FUNCTION_TIMEOUT_MAX: Duration = Duration::from_secs(900);
/// HTTP connections that are open at once; more wait to be accepted.
pub const CONNECTIONS_MAX: usize = 8_192;
/// How long a client may take to send a request's head.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The wait after a connection that could not be accepted.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(20);
/// What a step of the drain may take when the host stops.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How often the drain looks whether it is over.
pub const DRAIN_POLL: Duration = Duration::from_millis(5);
/// Inputs of an event source mapping that wait for it. Each poller has one poll or invocation under way.
pub const MAPPING_INPUTS_MAX: usize = 4_096;
/// How often the depth of the queues is looked at.
pub const DEPTH_SAMPLE_EVERY: Duration = Duration::from_secs(1);

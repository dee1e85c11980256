//! The bounds of the adapters, in one place.

use std::time::Duration;

/// How long a connection may take to open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one attempt of a call may take.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a call may take with all its attempts.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// The same in a function: two of them have a chance before the function's own time is over. The first of an environment
/// of 128 MB needs most of a second, for certificates and keys.
pub const FUNCTION_ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How long a call may take in a function with all its attempts. A function that is stopped says nothing: it needs
/// [`FUNCTION_ANSWER_TIME`] more than this to answer that it failed. The template is held to that.
pub const FUNCTION_CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// What a function needs beside a call that takes as long as it may: its own work, and a second in which its
/// spans are sent.
pub const FUNCTION_ANSWER_TIME: Duration = Duration::from_secs(2);
/// Attempts of one call, the first included.
pub const CALL_ATTEMPTS_MAX: u32 = 4;
/// The mean of the first wait between attempts; the SDK doubles it and draws from zero to twice of it.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(50);
/// The longest wait between attempts.
pub const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Transactions on one hold before its caller is told that the table is throttled.
pub const HOLD_TRANSACTIONS_MAX: u32 = 8;
/// The wait after the first transaction that met another; it doubles.
pub const HOLD_BACKOFF_FIRST: Duration = Duration::from_millis(2);

/// Partitions of each sparse index: at 1,000 writes a second each they bear 4,000 trips a second.
pub const INDEX_SHARDS: u32 = 4;
/// Items in one batch write, set by DynamoDB.
pub const BATCH_WRITE_ITEMS_MAX: usize = 25;
/// Calls under way at once where one operation makes many.
pub const CALLS_IN_FLIGHT_MAX: usize = 16;
/// Times a batch's unprocessed rest is sent again.
pub const BATCH_RESENDS_MAX: u32 = 10;
/// Pages read of one index's shard or one table before the read is given up as endless.
pub const PAGES_MAX: usize = 10_000;

/// How long a round's lease is remembered after it ran out.
pub const LEASE_REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
/// How long a trip's ledger is remembered after its last deadline: longer than any trip is under way.
pub const LEDGER_REMEMBERED: Duration = Duration::from_secs(48 * 3_600);

/// Entries of one queue batch, set by SQS.
pub const QUEUE_BATCH_MAX: usize = 10;
/// The longest delay of a message, set by SQS.
pub const QUEUE_DELAY_MAX: Duration = Duration::from_secs(900);
/// The longest wait of one receive, set by SQS.
pub const RECEIVE_WAIT_MAX: Duration = Duration::from_secs(20);
/// What a receive's attempt may take beyond its wait.
pub const RECEIVE_GRACE: Duration = Duration::from_secs(5);

/// Times that provisioning asks whether a new table is ready.
pub const TABLE_READY_POLLS_MAX: u32 = 240;
/// The time between two such questions.
pub const TABLE_READY_POLL: Duration = Duration::from_millis(500);

//! What a live stack counted, in the terms that every way of driving a scenario shares.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::timed::TableUse;
use drive::counted::{ContainerUse, Counted, QueueUse, TrackerUse};
use local::stack::{QueueAccount, Stack};
use services::ports::PortError;

/// The counters now, when the stack's containers have run for so long.
///
/// # Errors
/// If the tracker or the queues cannot be asked.
pub async fn counted_now(stack: &Stack, running_for: Duration) -> Result<Counted, PortError> {
    let tracker = stack.tracker_metrics().await?.unwrap_or_default();
    // One task, which nobody starts a second of.
    let container = ContainerUse {
        tasks_max: 1,
        cpu: None,
        task_seconds: running_for.as_secs_f64(),
        messages: tracker.messages,
    };
    Ok(Counted {
        functions: stack.function_counters(),
        provisioned_ms: BTreeMap::new(),
        http_requests: stack.http_counters().requests,
        tables: stack
            .table_use()
            .iter()
            .map(|(name, used)| ((*name).to_owned(), table_use(used)))
            .collect(),
        queues: queues_now(stack).await?,
        tracker: TrackerUse {
            messages: tracker.messages,
            pings: tracker.pings,
            positions_told: 0,
            slow_readers: tracker.slow_readers,
            bad_messages: tracker.bad_messages,
        },
        containers: BTreeMap::from([("fleet-tracker".to_owned(), container)]),
        depth_max: BTreeMap::new(),
        counted_for: None,
    })
}

/// What the queues were used for until now, by name.
///
/// # Errors
/// If they cannot be asked.
pub async fn queues_now(stack: &Stack) -> Result<BTreeMap<String, QueueUse>, PortError> {
    let accounts = stack.queue_accounts().await?;
    Ok(accounts
        .iter()
        .map(|(name, account)| ((*name).to_owned(), queue_use(account)))
        .collect())
}

fn table_use(used: &aws::meter::TableUse) -> TableUse {
    TableUse {
        requests: used.requests,
        read_units: used.read_units,
        write_units: used.write_units,
        throttles: used.throttles,
        conditional_failures: used.conditional_failures,
    }
}

fn queue_use(account: &QueueAccount) -> QueueUse {
    QueueUse {
        requests: account.used.requests,
        sent: account.used.sent,
        received: account.used.received,
        redelivered: account.used.redelivered,
        deleted: account.used.deleted,
        dead_letters: account.dead_letters,
        age_max: account.mapping.age_max,
        depth_visible: account.depth.visible,
        depth_in_flight: account.depth.in_flight,
    }
}

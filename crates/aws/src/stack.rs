//! The one definition of the tables, their indexes and the queues, and the names they go by.
//!
//! | table | item | key | beside it |
//! | --- | --- | --- | --- |
//! | `trips` | a trip | `trip#<id>` | sparse index `open` while it waits for a driver, `due` until it is final |
//! | | a round's lease | `round#<region>#<round>` | expires |
//! | `pricing` | a region's market | `market#<region>` | |
//! | | a cell of it | `cell#<region>#<h3>` | |
//! | `fleet` | a driver's live hold | `driver#<n>` | |
//! | | a trip's ledger of holds | `trip#<id>` | expires |

use std::sync::Arc;
use std::time::Duration;

use calls::Calls;

use crate::clients::Clients;
use crate::meter::Meter;

/// A table, by the context that owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Trips and the leases of rounds; owned by dispatch.
    Trips,
    /// Markets and their cells; owned by pricing.
    Pricing,
    /// Holds; owned by the fleet.
    Fleet,
}

/// A queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Rings for match rounds.
    RideRequests,
    /// What happens to trips.
    TripEvents,
    /// Supply and demand for surge.
    MarketSnapshots,
}

/// A sparse index: an item without its partition attribute is not in it. It projects whole items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexSpec {
    /// The index's name.
    pub name: &'static str,
    /// The partition attribute, a text.
    pub partition: &'static str,
    /// The sort attribute, a number.
    pub sort: &'static str,
}

/// What a table is. Every table has the text partition key `pk`, no sort key, and is paid by request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSpec {
    /// Which table.
    pub table: Table,
    /// Its name without the prefix.
    pub name: &'static str,
    /// Its indexes.
    pub indexes: &'static [IndexSpec],
    /// The attribute after whose time items are dropped, if any are.
    pub expires: Option<&'static str>,
}

/// What a queue is. Every queue is a standard queue with a dead-letter queue of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSpec {
    /// Which queue.
    pub queue: Queue,
    /// Its name without the prefix.
    pub name: &'static str,
    /// The dead-letter queue's name without the prefix.
    pub dead_letters: &'static str,
    /// How long a received message stays hidden: six times the consumer's time limit, as AWS advises.
    pub visibility: Duration,
    /// How long a message is kept.
    pub retention: Duration,
    /// Receives after which a message goes to the dead-letter queue.
    pub receives_max: u32,
}

/// How long a dead letter is kept.
pub const DEAD_LETTER_RETENTION: Duration = Duration::from_secs(14 * 86_400);

/// Trips that wait for a driver, oldest first.
pub const OPEN_INDEX: IndexSpec = IndexSpec {
    name: "open",
    partition: "open_shard",
    sort: wire::items::trip::REQUESTED_AT,
};
/// Trips that the sweep is to look at, longest due first.
pub const DUE_INDEX: IndexSpec = IndexSpec {
    name: "due",
    partition: "due_shard",
    sort: "due_at_us",
};

/// Every table.
pub const TABLES: [TableSpec; 3] = [
    TableSpec {
        table: Table::Trips,
        name: "trips",
        indexes: &[OPEN_INDEX, DUE_INDEX],
        expires: Some(wire::items::EXPIRES),
    },
    TableSpec {
        table: Table::Pricing,
        name: "pricing",
        indexes: &[],
        expires: None,
    },
    TableSpec {
        table: Table::Fleet,
        name: "fleet",
        indexes: &[],
        expires: Some(wire::items::EXPIRES),
    },
];

/// Every queue. A ring or a snapshot of five minutes ago helps nobody: the next one says more.
pub const QUEUES: [QueueSpec; 3] = [
    QueueSpec {
        queue: Queue::RideRequests,
        name: "ride-requests",
        dead_letters: "ride-requests-dead",
        visibility: Duration::from_secs(60),
        retention: Duration::from_secs(300),
        receives_max: 3,
    },
    QueueSpec {
        queue: Queue::TripEvents,
        name: "trip-events",
        dead_letters: "trip-events-dead",
        visibility: Duration::from_secs(30),
        retention: Duration::from_secs(4 * 86_400),
        receives_max: 10,
    },
    QueueSpec {
        queue: Queue::MarketSnapshots,
        name: "market-snapshots",
        dead_letters: "market-snapshots-dead",
        visibility: Duration::from_secs(30),
        retention: Duration::from_secs(300),
        receives_max: 3,
    },
];

impl Table {
    /// What the table is.
    #[must_use]
    pub fn spec(self) -> &'static TableSpec {
        &TABLES[self as usize]
    }
}

impl Queue {
    /// What the queue is.
    #[must_use]
    pub fn spec(self) -> &'static QueueSpec {
        &QUEUES[self as usize]
    }
}

/// The names of one deployment: every table and queue carries its prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    prefix: String,
    queue_base_url: String,
}

impl Resources {
    /// The names under a prefix such as `rushhour-`. Queue URLs are `queue_base_url` and the name, so it
    /// ends with the account: `https://sqs.us-east-1.amazonaws.com/123456789012`.
    #[must_use]
    pub fn new(prefix: &str, queue_base_url: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            queue_base_url: queue_base_url.trim_end_matches('/').to_owned(),
        }
    }

    /// The names under a prefix in an account of AWS.
    #[must_use]
    pub fn on_aws(prefix: &str, region: &str, account: &str) -> Self {
        Self::new(
            prefix,
            &format!("https://sqs.{region}.amazonaws.com/{account}"),
        )
    }

    /// What every name begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A table's name.
    #[must_use]
    pub fn table_name(&self, table: Table) -> String {
        format!("{}{}", self.prefix, table.spec().name)
    }

    /// A queue's URL.
    #[must_use]
    pub fn queue_url(&self, queue: Queue) -> String {
        format!(
            "{}/{}{}",
            self.queue_base_url,
            self.prefix,
            queue.spec().name
        )
    }

    /// The URL of a queue's dead-letter queue.
    #[must_use]
    pub fn dead_letter_url(&self, queue: Queue) -> String {
        format!(
            "{}/{}{}",
            self.queue_base_url,
            self.prefix,
            queue.spec().dead_letters
        )
    }
}

/// What every adapter is made of. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stack {
    /// How DynamoDB and SQS are reached.
    pub clients: Clients,
    /// The names of the deployment.
    pub resources: Arc<Resources>,
    /// What is consumed.
    pub meter: Arc<Meter>,
    /// Who is told how long calls take.
    pub calls: Calls,
}

impl Stack {
    /// A stack with a meter of its own.
    #[must_use]
    pub fn new(clients: Clients, resources: Resources) -> Self {
        Self {
            clients,
            resources: Arc::new(resources),
            meter: Arc::default(),
            calls: Calls::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spec_stands_at_its_own_place() {
        for table in [Table::Trips, Table::Pricing, Table::Fleet] {
            assert_eq!(table.spec().table, table);
        }
        for queue in [
            Queue::RideRequests,
            Queue::TripEvents,
            Queue::MarketSnapshots,
        ] {
            assert_eq!(queue.spec().queue, queue);
        }
    }

    #[test]
    fn names_carry_the_prefix() {
        let names = Resources::on_aws("rushhour-", "eu-west-1", "123456789012");
        assert_eq!(names.table_name(Table::Trips), "rushhour-trips");
        assert_eq!(
            names.dead_letter_url(Queue::TripEvents),
            "https://sqs.eu-west-1.amazonaws.com/123456789012/rushhour-trip-events-dead"
        );
    }
}

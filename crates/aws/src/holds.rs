//! Holds, in table `fleet`: one item for each driver who is kept, one ledger for each trip.
//!
//! Reserving, accepting and ending write both items in one transaction, each under its condition, so
//! whoever asks, on whatever clock, one driver has one live hold, one trip keeps one driver per attempt,
//! and at most one attempt is accepted. A transaction that is cancelled wrote nothing: what stood in the
//! way is read back, and `decide` says what that means.

use domain::hold::{Hold, HoldKey, HoldStage, Refusal, accept};
use domain::{DriverId, Timestamp, TripId};
use services::ports::{HoldEnd, HoldStore, PortError, Reserved};
use wire::items::hold::{
    Ledger, decode_hold, decode_ledger, driver_key, encode_hold, encode_ledger, ledger_key,
};
use wire::items::{EXPIRES, Item, Value};

use crate::dynamo::{Change, Expression, TableHandle, Transacted, Write};
use crate::error::corrupt;
use crate::limits::{HOLD_BACKOFF_FIRST, HOLD_TRANSACTIONS_MAX, LEDGER_REMEMBERED};
use crate::stack::{Stack, Table};

mod decide;

use decide::{AfterCancel, accept_over, end_over, reserve_over};

/// [`HoldStore`] on DynamoDB. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DynamoHolds {
    table: TableHandle,
}

const DRIVER_IS_FREE: &str =
    "attribute_not_exists(pk) OR (stage <> :accepted AND deadline_us < :now)";
const TRIP_IS_FREE: &str = "attribute_not_exists(pk) \
     OR (attempt < :attempt AND (attribute_not_exists(accepted) OR attribute_exists(ended))) \
     OR (attempt = :attempt AND attribute_not_exists(accepted) \
         AND (driver = :driver OR attribute_exists(ended) OR deadline_us < :now))";
const IS_THIS_HOLD: &str = "trip = :trip AND attempt = :attempt";
const IS_THIS_HOLD_RESERVED: &str = "trip = :trip AND attempt = :attempt AND stage = :reserved";
const IS_THIS_HOLD_IN_TIME: &str =
    "trip = :trip AND attempt = :attempt AND stage = :offered AND deadline_us >= :now";
const IS_THIS_HOLD_UNACCEPTED: &str = "trip = :trip AND attempt = :attempt AND stage <> :accepted";
const LEDGER_IS_OF_THIS: &str = "attempt = :attempt AND driver = :driver";
const LEDGER_IS_OF_THIS_UNENDED: &str =
    "attempt = :attempt AND driver = :driver AND attribute_not_exists(ended)";

/// The ledger as a new hold leaves it.
pub(crate) fn ledger_item(hold: &Hold) -> Item {
    let mut item = encode_ledger(&Ledger {
        key: hold.key,
        deadline: hold.deadline,
        accepted: hold.stage == HoldStage::Accepted,
        ended: false,
    });
    let expires = (hold.deadline + LEDGER_REMEMBERED).as_secs();
    item.insert(EXPIRES.to_owned(), Value::Number(expires.into()));
    item
}

fn this_hold(key: HoldKey) -> Vec<(&'static str, Value)> {
    vec![
        (":trip", key.trip.to_string().into()),
        (":attempt", key.attempt.0.into()),
    ]
}

fn this_ledger(key: HoldKey) -> Vec<(&'static str, Value)> {
    vec![
        (":attempt", key.attempt.0.into()),
        (":driver", key.driver.to_string().into()),
    ]
}

fn with(
    text: &'static str,
    mut values: Vec<(&'static str, Value)>,
    more: impl IntoIterator<Item = (&'static str, Value)>,
) -> Expression {
    values.extend(more);
    Expression { text, values }
}

impl DynamoHolds {
    /// The holds of a stack.
    #[must_use]
    pub fn new(stack: &Stack) -> Self {
        Self {
            table: TableHandle::new(stack, Table::Fleet, "the hold store"),
        }
    }

    pub(crate) fn table(&self) -> &TableHandle {
        &self.table
    }

    pub(crate) fn read_hold(&self, item: &Item) -> Result<Hold, PortError> {
        decode_hold(item).map_err(|why| corrupt(self.table.port(), &why))
    }

    pub(crate) fn read_ledger(&self, item: &Item) -> Result<Ledger, PortError> {
        decode_ledger(item).map_err(|why| corrupt(self.table.port(), &why))
    }

    async fn hold_of(&self, driver: DriverId) -> Result<Option<Hold>, PortError> {
        let item = self.table.get(&driver_key(driver), true).await?;
        item.map(|item| self.read_hold(&item)).transpose()
    }

    async fn ledger_of(&self, trip: TripId) -> Result<Option<Ledger>, PortError> {
        let item = self.table.get(&ledger_key(trip), true).await?;
        item.map(|item| self.read_ledger(&item)).transpose()
    }

    async fn read_back(&self, key: HoldKey) -> Result<(Option<Hold>, Option<Ledger>), PortError> {
        futures_util::future::try_join(self.hold_of(key.driver), self.ledger_of(key.trip)).await
    }

    async fn back_off(&self, transaction: u32) {
        tokio::time::sleep(HOLD_BACKOFF_FIRST * 2u32.pow(transaction)).await;
    }

    fn conflicted(&self, key: HoldKey) -> PortError {
        PortError::Throttled {
            port: self.table.port(),
            detail: format!(
                "{HOLD_TRANSACTIONS_MAX} transactions on trip {} and {} met others",
                key.trip, key.driver
            ),
        }
    }

    fn reserving(&self, hold: &Hold, now: Timestamp) -> Vec<Change> {
        let at = (":now", Value::from(now));
        vec![
            Change::Put(
                encode_hold(hold),
                with(
                    DRIVER_IS_FREE,
                    vec![(":accepted", "accepted".into())],
                    [at.clone()],
                ),
            ),
            Change::Put(
                ledger_item(hold),
                with(TRIP_IS_FREE, this_ledger(hold.key), [at]),
            ),
        ]
    }

    fn accepting(&self, key: HoldKey, now: Timestamp) -> Vec<Change> {
        vec![
            Change::Update(
                driver_key(key.driver),
                "SET stage = :accepted, accepted_at_us = :now",
                with(
                    IS_THIS_HOLD_IN_TIME,
                    this_hold(key),
                    [
                        (":offered", "offered".into()),
                        (":accepted", "accepted".into()),
                        (":now", now.into()),
                    ],
                ),
            ),
            Change::Update(
                ledger_key(key.trip),
                "SET accepted = :one",
                with(
                    LEDGER_IS_OF_THIS_UNENDED,
                    this_ledger(key),
                    [(":one", Value::Number(1))],
                ),
            ),
        ]
    }

    fn is_this(key: HoldKey, why: HoldEnd) -> Expression {
        match why {
            HoldEnd::Released => with(IS_THIS_HOLD, this_hold(key), []),
            HoldEnd::Expired => with(
                IS_THIS_HOLD_UNACCEPTED,
                this_hold(key),
                [(":accepted", "accepted".into())],
            ),
        }
    }

    fn ending(&self, key: HoldKey, why: HoldEnd) -> Vec<Change> {
        vec![
            Change::Delete(driver_key(key.driver), Self::is_this(key, why)),
            Change::Update(
                ledger_key(key.trip),
                "SET ended = :one",
                with(
                    LEDGER_IS_OF_THIS,
                    this_ledger(key),
                    [(":one", Value::Number(1))],
                ),
            ),
        ]
    }
}

impl HoldStore for DynamoHolds {
    async fn reserve(&self, hold: &Hold, now: Timestamp) -> Result<Reserved, PortError> {
        for transaction in 0..HOLD_TRANSACTIONS_MAX {
            if self.table.transact(self.reserving(hold, now)).await? == Transacted::Done {
                return Ok(Reserved::Held);
            }
            let (driver, ledger) = self.read_back(hold.key).await?;
            match reserve_over(hold.key, now, driver.as_ref(), ledger.as_ref()) {
                AfterCancel::Decided(reserved) => return Ok(reserved),
                AfterCancel::Again => self.back_off(transaction).await,
            }
        }
        Err(self.conflicted(hold.key))
    }

    async fn mark_offered(&self, key: HoldKey) -> Result<bool, PortError> {
        let condition = with(
            IS_THIS_HOLD_RESERVED,
            this_hold(key),
            [
                (":reserved", "reserved".into()),
                (":offered", "offered".into()),
            ],
        );
        let driver = driver_key(key.driver);
        match self
            .table
            .update(&driver, "SET stage = :offered", condition)
            .await?
        {
            Write::Done => Ok(true),
            Write::Refused(None) => Ok(false),
            // What stands there and is this hold was not reserved: it had been offered already.
            Write::Refused(Some(item)) => Ok(self.read_hold(&item)?.key == key),
        }
    }

    async fn accept(
        &self,
        key: HoldKey,
        now: Timestamp,
    ) -> Result<Result<Hold, Refusal>, PortError> {
        let mut hold = self.hold_of(key.driver).await?;
        for transaction in 0..HOLD_TRANSACTIONS_MAX {
            let Some(found) = hold else {
                return Ok(Err(Refusal::NotOffered));
            };
            let accepted = match accept(&found, &key, now) {
                Err(refusal) => return Ok(Err(refusal)),
                Ok(accepted) if accepted == found => return Ok(Ok(found)),
                Ok(accepted) => accepted,
            };
            if self.table.transact(self.accepting(key, now)).await? == Transacted::Done {
                return Ok(Ok(accepted));
            }
            let (driver, ledger) = self.read_back(key).await?;
            if let AfterCancel::Decided(refusal) = accept_over(key, ledger.as_ref()) {
                return Ok(Err(refusal));
            }
            hold = driver;
            if hold == Some(found) {
                self.back_off(transaction).await;
            }
        }
        Err(self.conflicted(key))
    }

    async fn end(&self, key: HoldKey, why: HoldEnd) -> Result<bool, PortError> {
        for transaction in 0..HOLD_TRANSACTIONS_MAX {
            if self.table.transact(self.ending(key, why)).await? == Transacted::Done {
                return Ok(true);
            }
            let (driver, ledger) = self.read_back(key).await?;
            match end_over(key, why, driver.as_ref(), ledger.as_ref()) {
                AfterCancel::Decided(decide::Ended::Gone) => return Ok(true),
                AfterCancel::Decided(decide::Ended::Stays) => return Ok(false),
                AfterCancel::Decided(decide::Ended::VoidRemains) => {
                    let condition = Self::is_this(key, why);
                    match self
                        .table
                        .delete(&driver_key(key.driver), condition)
                        .await?
                    {
                        Write::Done => return Ok(true),
                        // It changed since it was read: look again.
                        Write::Refused(_) => {}
                    }
                }
                AfterCancel::Again => self.back_off(transaction).await,
            }
        }
        Err(self.conflicted(key))
    }

    async fn live(&self, now: Timestamp) -> Result<Vec<Hold>, PortError> {
        let items = self.table.scan("driver#").await?;
        let holds = items.iter().map(|item| self.read_hold(item));
        let mut holds = holds.collect::<Result<Vec<_>, _>>()?;
        holds.retain(|hold| hold.is_live(now));
        holds.sort_unstable_by_key(|hold| hold.key);
        Ok(holds)
    }
}

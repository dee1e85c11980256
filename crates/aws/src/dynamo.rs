//! A table, as the adapters use it: items in and out, conditions that hold or do not, capacity counted.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, Delete, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use calls::Calls;
use services::ports::PortError;
use wire::items::{Item, KEY, Value};

use crate::error::{is_throttle, port_error};
use crate::limits::PAGES_MAX;
use crate::meter::Meter;
use crate::stack::{IndexSpec, Stack, Table};

/// A table on behalf of a port.
#[derive(Debug, Clone)]
pub(crate) struct TableHandle {
    client: Client,
    name: String,
    table: Table,
    meter: Arc<Meter>,
    port: &'static str,
    calls: Calls,
}

/// What became of a conditional write.
#[derive(Debug)]
pub(crate) enum Write {
    /// The condition held.
    Done,
    /// It did not; this is the item that stood in the way, if there was one.
    Refused(Option<Item>),
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transacted {
    /// All of it was written.
    Done,
    /// Nothing was: a condition did not hold, or another transaction was under way.
    Cancelled,
}

/// An expression, and the values it names as `:name`.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    pub(crate) text: &'static str,
    pub(crate) values: Vec<(&'static str, Value)>,
}

/// One write of a transaction.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Put(Item, Expression),
    /// Key, update, condition.
    Update(String, &'static str, Expression),
    Delete(String, Expression),
}

type Attributes = HashMap<String, AttributeValue>;

pub(crate) fn to_attributes(item: Item) -> Attributes {
    item.into_iter()
        .map(|(name, value)| (name, to_attribute(value)))
        .collect()
}

fn to_attribute(value: Value) -> AttributeValue {
    match value {
        Value::Text(text) => AttributeValue::S(text),
        Value::Number(number) => AttributeValue::N(number.to_string()),
    }
}

/// Attributes of other types, and numbers that are not whole, are no items of ours: they are left out,
/// and whoever needs them says that they are missing.
pub(crate) fn to_item(attributes: Attributes) -> Item {
    attributes
        .into_iter()
        .filter_map(|(name, value)| match value {
            AttributeValue::S(text) => Some((name, Value::Text(text))),
            AttributeValue::N(number) => number.parse().ok().map(|n| (name, Value::Number(n))),
            _ => None,
        })
        .collect()
}

fn key(pk: &str) -> Attributes {
    HashMap::from([(KEY.to_owned(), AttributeValue::S(pk.to_owned()))])
}

fn named(values: Vec<(&'static str, Value)>) -> Option<Attributes> {
    let values: Attributes = values
        .into_iter()
        .map(|(name, value)| (name.to_owned(), to_attribute(value)))
        .collect();
    (!values.is_empty()).then_some(values)
}

fn capacity(consumed: Option<&ConsumedCapacity>) -> f64 {
    consumed
        .and_then(ConsumedCapacity::capacity_units)
        .unwrap_or(0.0)
}

/// The write units of an item: its names and values, numbers at two digits a byte, by the kilobyte.
fn write_units(item: &Item) -> f64 {
    let bytes: usize = item
        .iter()
        .map(|(name, value)| {
            name.len()
                + match value {
                    Value::Text(text) => text.len(),
                    Value::Number(number) => number.to_string().len().div_ceil(2) + 1,
                }
        })
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "items have at most 400 KB")]
    {
        bytes.div_ceil(1_024) as f64
    }
}

const TOTAL: ReturnConsumedCapacity = ReturnConsumedCapacity::Total;
const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

impl TableHandle {
    pub(crate) fn new(stack: &Stack, table: Table, port: &'static str) -> Self {
        Self {
            client: stack.clients.dynamodb.clone(),
            name: stack.resources.table_name(table),
            table,
            meter: Arc::clone(&stack.meter),
            port,
            calls: stack.calls.clone(),
        }
    }

    pub(crate) fn port(&self) -> &'static str {
        self.port
    }

    /// One item; `strong` sees every write that was acknowledged before.
    pub(crate) async fn get(&self, pk: &str, strong: bool) -> Result<Option<Item>, PortError> {
        let answer = self
            .calls
            .port(
                self.get_name(),
                self.client
                    .get_item()
                    .table_name(&self.name)
                    .set_key(Some(key(pk)))
                    .consistent_read(strong)
                    .return_consumed_capacity(TOTAL)
                    .send(),
            )
            .await
            .map_err(|error| self.failed(&error))?;
        self.meter
            .table_read(self.table, capacity(answer.consumed_capacity()));
        Ok(answer.item.map(to_item))
    }

    /// Writes a whole item if the condition holds over the one that is there.
    pub(crate) async fn put(&self, item: Item, condition: Expression) -> Result<Write, PortError> {
        let units = write_units(&item);
        let answer = self
            .calls
            .port(
                self.put_name(),
                self.client
                    .put_item()
                    .table_name(&self.name)
                    .set_item(Some(to_attributes(item)))
                    .condition_expression(condition.text)
                    .set_expression_attribute_values(named(condition.values))
                    .return_values_on_condition_check_failure(ALL_OLD)
                    .return_consumed_capacity(TOTAL)
                    .send(),
            )
            .await;
        match answer {
            Ok(done) => Ok(self.written(done.consumed_capacity())),
            Err(error) => {
                let refused = error.as_service_error().and_then(|e| match e {
                    aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(why) => Some(why),
                    _ => None,
                });
                self.refused(refused, units)
                    .ok_or_else(|| self.failed(&error))
            }
        }
    }

    /// Updates an item if the condition holds over the one that is there.
    pub(crate) async fn update(
        &self,
        pk: &str,
        update: &'static str,
        condition: Expression,
    ) -> Result<Write, PortError> {
        let answer = self
            .calls
            .port(
                self.put_name(),
                self.client
                    .update_item()
                    .table_name(&self.name)
                    .set_key(Some(key(pk)))
                    .update_expression(update)
                    .set_condition_expression(
                        (!condition.text.is_empty()).then(|| condition.text.to_owned()),
                    )
                    .set_expression_attribute_values(named(condition.values))
                    .return_values_on_condition_check_failure(ALL_OLD)
                    .return_consumed_capacity(TOTAL)
                    .send(),
            )
            .await;
        match answer {
            Ok(done) => Ok(self.written(done.consumed_capacity())),
            Err(error) => {
                let refused = error.as_service_error().and_then(|e| match e {
                    aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(why) => Some(why),
                    _ => None,
                });
                self.refused(refused, 1.0)
                    .ok_or_else(|| self.failed(&error))
            }
        }
    }

    /// Deletes an item if the condition holds over it.
    pub(crate) async fn delete(&self, pk: &str, condition: Expression) -> Result<Write, PortError> {
        let answer = self
            .calls
            .port(
                self.put_name(),
                self.client
                    .delete_item()
                    .table_name(&self.name)
                    .set_key(Some(key(pk)))
                    .condition_expression(condition.text)
                    .set_expression_attribute_values(named(condition.values))
                    .return_values_on_condition_check_failure(ALL_OLD)
                    .return_consumed_capacity(TOTAL)
                    .send(),
            )
            .await;
        match answer {
            Ok(done) => Ok(self.written(done.consumed_capacity())),
            Err(error) => {
                let refused = error.as_service_error().and_then(|e| match e {
                    aws_sdk_dynamodb::operation::delete_item::DeleteItemError::ConditionalCheckFailedException(why) => Some(why),
                    _ => None,
                });
                self.refused(refused, 1.0)
                    .ok_or_else(|| self.failed(&error))
            }
        }
    }

    /// Writes all changes or none.
    pub(crate) async fn transact(&self, changes: Vec<Change>) -> Result<Transacted, PortError> {
        let count = changes.len();
        let items = changes
            .into_iter()
            .map(|change| self.transact_item(change))
            .collect();
        let answer = self
            .calls
            .port(
                "table.transact",
                self.client
                    .transact_write_items()
                    .set_transact_items(Some(items))
                    .return_consumed_capacity(TOTAL)
                    .send(),
            )
            .await;
        let error = match answer {
            Ok(done) => {
                let units = done
                    .consumed_capacity()
                    .iter()
                    .map(|one| capacity(Some(one)))
                    .sum();
                self.meter.table_written(self.table, units);
                return Ok(Transacted::Done);
            }
            Err(error) => error,
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(why)) =
            error.as_service_error()
        else {
            return Err(self.failed(&error));
        };
        let reasons = why
            .cancellation_reasons()
            .iter()
            .filter_map(|reason| reason.code());
        if reasons.clone().any(is_throttle) {
            self.meter.table_throttled(self.table);
            return Err(PortError::Throttled {
                port: self.port,
                detail: format!("transaction cancelled: {:?}", reasons.collect::<Vec<_>>()),
            });
        }
        let expected = ["None", "ConditionalCheckFailed", "TransactionConflict"];
        if reasons.clone().any(|code| !expected.contains(&code)) {
            return Err(self.failed(&error));
        }
        // Hold items are below a kilobyte; a transaction costs each of them twice.
        #[expect(clippy::cast_precision_loss, reason = "a transaction has few items")]
        self.meter.condition_failed(self.table, 2.0 * count as f64);
        Ok(Transacted::Cancelled)
    }

    fn transact_item(&self, change: Change) -> TransactWriteItem {
        let item = TransactWriteItem::builder();
        let complete = "table, key and expression are given";
        match change {
            Change::Put(put, condition) => item.put(
                Put::builder()
                    .table_name(&self.name)
                    .set_item(Some(to_attributes(put)))
                    .condition_expression(condition.text)
                    .set_expression_attribute_values(named(condition.values))
                    .build()
                    .expect(complete),
            ),
            Change::Update(pk, update, condition) => item.update(
                Update::builder()
                    .table_name(&self.name)
                    .set_key(Some(key(&pk)))
                    .update_expression(update)
                    .condition_expression(condition.text)
                    .set_expression_attribute_values(named(condition.values))
                    .build()
                    .expect(complete),
            ),
            Change::Delete(pk, condition) => item.delete(
                Delete::builder()
                    .table_name(&self.name)
                    .set_key(Some(key(&pk)))
                    .condition_expression(condition.text)
                    .set_expression_attribute_values(named(condition.values))
                    .build()
                    .expect(complete),
            ),
        }
        .build()
    }

    /// Items of one partition of an index in the order of its sort attribute, those up to `until` if it
    /// is given, at most `limit`.
    pub(crate) async fn query(
        &self,
        index: &IndexSpec,
        partition: &str,
        until: Option<Value>,
        limit: usize,
    ) -> Result<Vec<Item>, PortError> {
        let mut condition = format!("{} = :partition", index.partition);
        let mut values = vec![(":partition", Value::from(partition))];
        if let Some(until) = until {
            condition = format!("{condition} AND {} <= :until", index.sort);
            values.push((":until", until));
        }
        let values = named(values);
        let (mut items, mut from) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let rest = i32::try_from(limit - items.len()).unwrap_or(i32::MAX);
            let page = self
                .client
                .query()
                .table_name(&self.name)
                .index_name(index.name)
                .key_condition_expression(&condition)
                .set_expression_attribute_values(values.clone())
                .set_exclusive_start_key(from)
                .limit(rest)
                .return_consumed_capacity(TOTAL)
                .send()
                .await
                .map_err(|error| self.failed(&error))?;
            self.meter
                .table_read(self.table, capacity(page.consumed_capacity()));
            items.extend(page.items.unwrap_or_default().into_iter().map(to_item));
            from = page.last_evaluated_key;
            if from.is_none() || items.len() >= limit {
                break;
            }
        }
        Ok(items)
    }

    /// Every item whose key begins so, in no order, with all writes that were acknowledged before.
    pub(crate) async fn scan(&self, key_prefix: &str) -> Result<Vec<Item>, PortError> {
        let values = named(vec![(":prefix", Value::from(key_prefix))]);
        let (mut items, mut from) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = self
                .calls
                .port(
                    "table.scan",
                    self.client
                        .scan()
                        .table_name(&self.name)
                        .filter_expression("begins_with(pk, :prefix)")
                        .set_expression_attribute_values(values.clone())
                        .set_exclusive_start_key(from)
                        .consistent_read(true)
                        .return_consumed_capacity(TOTAL)
                        .send(),
                )
                .await
                .map_err(|error| self.failed(&error))?;
            self.meter
                .table_read(self.table, capacity(page.consumed_capacity()));
            items.extend(page.items.unwrap_or_default().into_iter().map(to_item));
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(items);
            }
        }
        Err(PortError::Unavailable {
            port: self.port,
            detail: format!(
                "the scan of {} did not end within {PAGES_MAX} pages",
                self.name
            ),
        })
    }

    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    fn get_name(&self) -> &'static str {
        match self.table {
            Table::Trips | Table::Fleet => "table.get",
            Table::Pricing => "table.get_cell",
        }
    }

    /// What a write of one item is told as. The market's are apart: an update writes many cells side by side,
    /// each of which then takes longer than one alone.
    fn put_name(&self) -> &'static str {
        match self.table {
            Table::Trips | Table::Fleet => "table.put",
            Table::Pricing => "table.put_cell",
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn count_written(&self, consumed: &[ConsumedCapacity]) {
        let units = consumed.iter().map(|one| capacity(Some(one))).sum();
        self.meter.table_written(self.table, units);
    }

    fn written(&self, consumed: Option<&ConsumedCapacity>) -> Write {
        self.meter.table_written(self.table, capacity(consumed));
        Write::Done
    }

    fn refused(&self, why: Option<&ConditionalCheckFailedException>, units: f64) -> Option<Write> {
        let why = why?;
        self.meter.condition_failed(self.table, units);
        Some(Write::Refused(why.item().cloned().map(to_item)))
    }

    pub(crate) fn failed<E, R>(&self, error: &SdkError<E, R>) -> PortError
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: std::fmt::Debug,
    {
        let error = port_error(self.port, error);
        if matches!(error, PortError::Throttled { .. }) {
            self.meter.table_throttled(self.table);
        }
        error
    }
}

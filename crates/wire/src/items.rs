//! Table items: versioned attribute maps that name no database.
//!
//! What a condition, a key or an index looks at is an attribute of its own; all the rest of an item is
//! one JSON document in the attribute `doc`. That is what a reader of the AWS console finds readable
//! (a page of JSON instead of forty nested typed values), it is half the bytes and a fifth of the work
//! of a typed map, and the document has one version for all its fields.
//!
//! Start at [`trip`], then [`hold`] and [`market`]. Times are microseconds since the Unix epoch.

use std::collections::BTreeMap;

use domain::{Place, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub mod hold;
pub mod market;
pub mod trip;

#[cfg(test)]
mod tests;

/// The version of every item that is written, and the only one that is read.
pub const ITEM_VERSION: i128 = 1;
/// The partition key of every table.
pub const KEY: &str = "pk";
/// The item's version.
pub const VERSION: &str = "v";
/// The JSON document.
pub const DOC: &str = "doc";
/// When the database may drop the item, in whole seconds since the Unix epoch.
pub const EXPIRES: &str = "expires_s";

/// One attribute's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i128),
}

/// An item: its attributes by name.
pub type Item = BTreeMap<String, Value>;

/// Why an item could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("item {key:?}, attribute {attribute}: found {found}, expected {expected}")]
pub struct ItemError {
    /// The item's key, as far as it has one.
    pub key: String,
    /// Which attribute.
    pub attribute: &'static str,
    /// What was found.
    pub found: String,
    /// What should have stood there.
    pub expected: String,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Number(at.as_micros().into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

fn error(item: &Item, attribute: &'static str, found: &str, expected: &str) -> ItemError {
    let key = match item.get(KEY) {
        Some(Value::Text(key)) => key.clone(),
        _ => String::new(),
    };
    ItemError {
        key,
        attribute,
        found: found.chars().take(96).collect(),
        expected: expected.to_owned(),
    }
}

/// The text of an attribute.
///
/// # Errors
/// If it is absent or no text.
pub fn text<'a>(item: &'a Item, attribute: &'static str) -> Result<&'a str, ItemError> {
    match item.get(attribute) {
        Some(Value::Text(text)) => Ok(text),
        Some(Value::Number(number)) => Err(error(
            item,
            attribute,
            &format!("the number {number}"),
            "a text",
        )),
        None => Err(error(item, attribute, "nothing", "a text")),
    }
}

/// The number of an attribute, in the range of the type that is asked for.
///
/// # Errors
/// If it is absent, no number, or out of range.
pub fn number<N: TryFrom<i128>>(item: &Item, attribute: &'static str) -> Result<N, ItemError> {
    maybe_number(item, attribute)?.ok_or_else(|| error(item, attribute, "nothing", "a number"))
}

/// The number of an attribute, none if it is absent.
///
/// # Errors
/// If it is no number or out of range.
pub fn maybe_number<N: TryFrom<i128>>(
    item: &Item,
    attribute: &'static str,
) -> Result<Option<N>, ItemError> {
    let expected = || format!("a number that fits {}", std::any::type_name::<N>());
    match item.get(attribute) {
        Some(Value::Number(found)) => N::try_from(*found)
            .map(Some)
            .map_err(|_| error(item, attribute, &found.to_string(), &expected())),
        Some(Value::Text(found)) => Err(error(item, attribute, &format!("{found:?}"), &expected())),
        None => Ok(None),
    }
}

/// The time of an attribute.
///
/// # Errors
/// If it is absent or no time.
pub fn timestamp(item: &Item, attribute: &'static str) -> Result<Timestamp, ItemError> {
    number(item, attribute).map(Timestamp::from_micros)
}

/// The part of a key after its kind, such as the trip in `trip#…`.
///
/// # Errors
/// If the item's key is of another kind, or what follows cannot be read.
pub(crate) fn key_part<T: std::str::FromStr>(
    item: &Item,
    kind: &'static str,
) -> Result<T, ItemError> {
    let key = text(item, KEY)?;
    key.strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('#'))
        .and_then(|rest| rest.parse().ok())
        .ok_or_else(|| error(item, KEY, key, &format!("{kind}#…")))
}

/// The attribute parsed from its text.
///
/// # Errors
/// If it is absent or cannot be read.
pub(crate) fn parsed<T: std::str::FromStr>(
    item: &Item,
    attribute: &'static str,
    expected: &str,
) -> Result<T, ItemError> {
    let found = text(item, attribute)?;
    found
        .parse()
        .map_err(|_| error(item, attribute, found, expected))
}

fn check_version(item: &Item) -> Result<(), ItemError> {
    let found: i128 = number(item, VERSION)?;
    if found == ITEM_VERSION {
        return Ok(());
    }
    Err(error(
        item,
        VERSION,
        &found.to_string(),
        &ITEM_VERSION.to_string(),
    ))
}

fn write_doc(doc: &impl Serialize) -> Value {
    Value::Text(serde_json::to_string(doc).expect("documents have text keys and no failing field"))
}

fn read_doc<D: DeserializeOwned>(item: &Item) -> Result<D, ItemError> {
    read_json(item, DOC, "a document of version 1")
}

fn read_json<D: DeserializeOwned>(
    item: &Item,
    attribute: &'static str,
    expected: &str,
) -> Result<D, ItemError> {
    let found = text(item, attribute)?;
    serde_json::from_str(found)
        .map_err(|why| error(item, attribute, found, &format!("{expected}: {why}")))
}

/// A place as latitude and longitude in degrees.
#[derive(Serialize, Deserialize)]
struct PlaceDoc(f64, f64);

impl From<Place> for PlaceDoc {
    fn from(place: Place) -> Self {
        Self(place.lat(), place.lon())
    }
}

impl PlaceDoc {
    fn place(&self, item: &Item) -> Result<Place, ItemError> {
        Place::new(self.0, self.1).map_err(|why| error(item, DOC, &why.to_string(), "a place"))
    }
}

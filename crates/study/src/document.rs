//! A study as its file states it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) name: Option<String>,
    pub(crate) seed: Option<u64>,
    #[serde(default)]
    pub(crate) function: Vec<FunctionDocument>,
    #[serde(default)]
    pub(crate) service: Vec<ServiceDocument>,
    #[serde(default)]
    pub(crate) queue: Vec<QueueDocument>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionDocument {
    pub(crate) name: String,
    pub(crate) arrivals: String,
    pub(crate) service: String,
    pub(crate) cold_service: Option<String>,
    pub(crate) idle_timeout: Option<String>,
    pub(crate) routing: Option<String>,
    pub(crate) maximum_concurrency: Option<u64>,
    pub(crate) duration: Option<String>,
    pub(crate) warmup: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceDocument {
    pub(crate) name: String,
    pub(crate) arrivals: String,
    pub(crate) service: String,
    pub(crate) servers: u64,
    pub(crate) queue: Option<Places>,
    pub(crate) duration: Option<String>,
    pub(crate) warmup: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueDocument {
    pub(crate) name: String,
    pub(crate) arrivals: String,
    pub(crate) batch_window: Option<String>,
    pub(crate) batch_size: Option<u64>,
    pub(crate) service: String,
    pub(crate) maximum_concurrency: Option<u64>,
    pub(crate) pollers: Option<u64>,
    pub(crate) quiet_queue_delay: Option<String>,
    pub(crate) duration: Option<String>,
    pub(crate) warmup: Option<String>,
}

/// How many may wait: `"unbounded"` or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    Unbounded,
    Bounded(u64),
}

impl<'de> Deserialize<'de> for Places {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Places;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"unbounded\" or how many may wait, such as 10")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Places, E> {
                if text == "unbounded" {
                    return Ok(Places::Unbounded);
                }
                Err(E::custom(format!(
                    "queue: found {text:?}, expected \"unbounded\" or how many may wait, such as 10"
                )))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Places, E> {
                u64::try_from(number).map(Places::Bounded).map_err(|_| {
                    E::custom(format!(
                        "queue: found {number}, expected \"unbounded\" or how many may wait, such as 10"
                    ))
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

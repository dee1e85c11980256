//! The settings of a process, resolved once in `main` from the environment.
//!
//! Every key of ours begins with `RUSHHOUR_`; one that is not known is an error. The AWS SDK reads its own
//! (`AWS_REGION`, `AWS_ENDPOINT_URL`, …) itself.
//!
//! | key | holds |
//! | --- | --- |
//! | `RUSHHOUR_MARKET` | the market, JSON or TOML ([`crate::market`]) |
//! | `RUSHHOUR_STREETS` | pricing, matching: the path of the packed network of streets that the market names, if it names one |
//! | `RUSHHOUR_NAME_PREFIX` | what table and queue names begin with; may be empty or absent |
//! | `RUSHHOUR_QUEUE_BASE_URL` | what queue URLs begin with, account included, prefix not |
//! | `RUSHHOUR_QUOTE_KEYS` | `{"signing":"k1","keys":{"k1":"<base64 of 32 bytes or more>"}}` |
//! | `RUSHHOUR_FLEET_TRACKER_URL` | `http://host:port` of the tracker's gRPC |
//! | `RUSHHOUR_FLEET_TRACKER_TOKEN` | what functions show to the tracker, and the tracker takes for theirs; 32 bytes or more |
//! | `RUSHHOUR_IDENTITY_SECRET` | tracker: base64 of 32 bytes or more, by which development tokens are verified; this or an issuer |
//! | `RUSHHOUR_ISSUER`, `RUSHHOUR_AUDIENCE` | tracker: the OIDC issuer of riders' and drivers' tokens, and whom they are for |
//! | `RUSHHOUR_JWKS_URL` | tracker: where the issuer's keys are; as its discovery document says if absent |
//! | `RUSHHOUR_GRPC_LISTEN` | tracker: where gRPC listens; `0.0.0.0:8081` if absent |
//! | `RUSHHOUR_METRICS_LISTEN` | tracker: where `/metrics` and `/healthz` listen; `0.0.0.0:9090` if absent |
//! | `RUSHHOUR_REDIS_LISTEN` | tracker: where clients of Redis are answered; nowhere if absent |

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roads::Network;
use serde::Deserialize;
use services::config::Market;
use services::token::Keyring;

use crate::market::MarketDocument;

/// What every key of ours begins with.
pub const PREFIX: &str = "RUSHHOUR_";
/// Every key there is, without the prefix.
pub const KEYS: [&str; 14] = [
    "MARKET",
    "STREETS",
    "NAME_PREFIX",
    "QUEUE_BASE_URL",
    "QUOTE_KEYS",
    "FLEET_TRACKER_URL",
    "FLEET_TRACKER_TOKEN",
    "IDENTITY_SECRET",
    "ISSUER",
    "AUDIENCE",
    "JWKS_URL",
    "GRPC_LISTEN",
    "METRICS_LISTEN",
    "REDIS_LISTEN",
];

/// Why the environment does not say what is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A key of ours is none that is known.
    #[error("found {found} in the environment, expected one of {}", known())]
    UnknownKey {
        /// The key.
        found: String,
    },
    /// A key is needed and absent.
    #[error("found no {PREFIX}{key} in the environment, expected {expected}")]
    Missing {
        /// The key, without the prefix.
        key: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// A key holds what cannot be used.
    #[error("{PREFIX}{key}: {detail}")]
    Invalid {
        /// The key, without the prefix.
        key: &'static str,
        /// What was found, and what was expected.
        detail: String,
    },
}

fn known() -> String {
    KEYS.map(|key| format!("{PREFIX}{key}")).join(", ")
}

/// The keys whose values are nobody's business.
const SECRET_KEYS: [&str; 3] = ["QUOTE_KEYS", "FLEET_TRACKER_TOKEN", "IDENTITY_SECRET"];

/// By what the tracker knows its callers.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// By tokens that are signed with this secret, as on a developer's machine.
    Secret(Vec<u8>),
    /// By the tokens of an OIDC issuer.
    Issuer {
        /// Its URL.
        issuer: String,
        /// Whom its tokens are for.
        audience: String,
        /// Where its keys are; none: where its discovery document says.
        jwks_url: Option<String>,
    },
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("Secret"),
            Self::Issuer { issuer, .. } => write!(f, "Issuer({issuer})"),
        }
    }
}

/// What the environment says of us. Its debug form hides what is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<&'static str, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuoteKeys {
    signing: String,
    keys: BTreeMap<String, String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.values.iter().map(|(key, value)| {
            (
                *key,
                if SECRET_KEYS.contains(key) {
                    "(secret)"
                } else {
                    value.as_str()
                },
            )
        });
        f.debug_map().entries(shown).finish()
    }
}

impl Settings {
    /// Writes the settings to the log, as each function does when it starts.
    pub fn log(&self) {
        tracing::info!(settings = ?self, "starting");
    }

    /// From the process's environment.
    ///
    /// # Errors
    /// If a key of ours is not known.
    pub fn of_process() -> Result<Self, SettingsError> {
        let variables = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        Self::read(variables)
    }

    /// From variables; those that are not ours are passed over.
    ///
    /// # Errors
    /// If a key of ours is not known.
    pub fn read(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut values = BTreeMap::new();
        for (name, value) in variables {
            let Some(found) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let key = KEYS.into_iter().find(|key| *key == found);
            values.insert(key.ok_or(SettingsError::UnknownKey { found: name })?, value);
        }
        Ok(Self { values })
    }

    fn get(&self, key: &'static str) -> Option<&str> {
        self.values
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn required(&self, key: &'static str, expected: &'static str) -> Result<&str, SettingsError> {
        self.get(key)
            .ok_or(SettingsError::Missing { key, expected })
    }

    /// The market, for a part that reckons no ways: where the market names streets, it does not know them.
    ///
    /// # Errors
    /// If it is absent or cannot be used.
    pub fn market(&self) -> Result<Arc<Market>, SettingsError> {
        Ok(Arc::new(self.market_document()?.1))
    }

    /// The market, with its ways along the streets that it names.
    ///
    /// # Errors
    /// If it is absent or cannot be used, or the streets are not those that it names.
    pub fn market_with_streets(&self) -> Result<Arc<Market>, SettingsError> {
        const KEY: &str = "STREETS";
        let (document, mut market) = self.market_document()?;
        let invalid = |detail| SettingsError::Invalid { key: KEY, detail };
        let Some(named) = document.travel.streets else {
            return match self.get(KEY) {
                None => Ok(Arc::new(market)),
                Some(path) => Err(invalid(format!(
                    "found {path} beside a market that names no streets, expected the market that `rushhour market --streets` prints for them"
                ))),
            };
        };
        let expected = "the path of the packed network of streets that the market names";
        let path = self.required(KEY, expected)?;
        let bytes = std::fs::read(path).map_err(|error| {
            invalid(format!(
                "{path}: cannot be read ({error}), expected {expected}"
            ))
        })?;
        let (network, found) =
            Network::unpack(&bytes).map_err(|error| invalid(format!("{path}: {error}")))?;
        if found.to_string() != named {
            return Err(invalid(format!(
                "{path}: found streets of fingerprint {found}, expected {named}, which the market names"
            )));
        }
        market.travel = market.travel.along(Arc::new(network));
        Ok(Arc::new(market))
    }

    fn market_document(&self) -> Result<(MarketDocument, Market), SettingsError> {
        let text = self.required("MARKET", "the market as JSON or TOML")?;
        MarketDocument::parse(text)
            .and_then(|document| {
                let market = document.market()?;
                Ok((document, market))
            })
            .map_err(|error| SettingsError::Invalid {
                key: "MARKET",
                detail: error.to_string(),
            })
    }

    /// What table and queue names begin with.
    #[must_use]
    pub fn name_prefix(&self) -> &str {
        self.get("NAME_PREFIX").unwrap_or_default()
    }

    /// What queue URLs begin with, such as `https://sqs.us-east-1.amazonaws.com/123456789012`.
    ///
    /// # Errors
    /// If it is absent.
    pub fn queue_base_url(&self) -> Result<&str, SettingsError> {
        self.required(
            "QUEUE_BASE_URL",
            "https://sqs.<region>.amazonaws.com/<account>",
        )
    }

    /// The keys that sign and verify quotes.
    ///
    /// # Errors
    /// If they are absent or cannot be used. The error does not repeat them.
    pub fn keyring(&self) -> Result<Arc<Keyring>, SettingsError> {
        const EXPECTED: &str = r#"{"signing":"k1","keys":{"k1":"<base64 of 32 bytes or more>"}}"#;
        let invalid = |detail| SettingsError::Invalid {
            key: "QUOTE_KEYS",
            detail,
        };
        let text = self.required("QUOTE_KEYS", EXPECTED)?;
        let QuoteKeys { signing, keys } = serde_json::from_str(text)
            .map_err(|_| invalid(format!("found another shape, expected {EXPECTED}")))?;
        let decoded = keys
            .into_iter()
            .map(|(id, secret)| match STANDARD.decode(secret) {
                Ok(secret) => Ok((id, secret)),
                Err(_) => Err(invalid(format!(
                    "key {id:?}: found no base64, expected base64"
                ))),
            });
        Keyring::new(&signing, decoded.collect::<Result<_, _>>()?)
            .map(Arc::new)
            .map_err(|error| invalid(error.to_string()))
    }

    /// Where the tracker's gRPC is.
    ///
    /// # Errors
    /// If it is absent.
    pub fn fleet_tracker_url(&self) -> Result<&str, SettingsError> {
        self.required(
            "FLEET_TRACKER_URL",
            "http://host:port of the tracker's gRPC",
        )
    }

    /// What the functions show to the tracker, and the tracker takes for theirs.
    #[must_use]
    pub fn fleet_tracker_token(&self) -> Option<&str> {
        self.get("FLEET_TRACKER_TOKEN")
    }

    /// By what the tracker knows its callers.
    ///
    /// # Errors
    /// If there is neither a secret nor an issuer, or both, or something that goes with the one or the other is
    /// absent or cannot be used. The error does not repeat secrets.
    pub fn identity(&self) -> Result<Identity, SettingsError> {
        const EITHER: &str =
            "RUSHHOUR_ISSUER with RUSHHOUR_AUDIENCE, or RUSHHOUR_IDENTITY_SECRET for development";
        match (self.get("IDENTITY_SECRET"), self.get("ISSUER")) {
            (Some(secret), None) => {
                for key in ["AUDIENCE", "JWKS_URL"] {
                    if self.get(key).is_some() {
                        let detail = "found no RUSHHOUR_ISSUER beside it, expected one".to_owned();
                        return Err(SettingsError::Invalid { key, detail });
                    }
                }
                let secret = STANDARD.decode(secret);
                secret
                    .map(Identity::Secret)
                    .map_err(|_| SettingsError::Invalid {
                        key: "IDENTITY_SECRET",
                        detail: "found no base64, expected base64 of 32 bytes or more".to_owned(),
                    })
            }
            (None, Some(issuer)) => {
                self.required(
                    "FLEET_TRACKER_TOKEN",
                    "what the functions show, for no issuer speaks for them",
                )?;
                let audience = self.required("AUDIENCE", "whom the issuer's tokens are for")?;
                Ok(Identity::Issuer {
                    issuer: issuer.to_owned(),
                    audience: audience.to_owned(),
                    jwks_url: self.get("JWKS_URL").map(str::to_owned),
                })
            }
            (Some(_), Some(_)) => Err(SettingsError::Invalid {
                key: "ISSUER",
                detail: format!(
                    "found it beside RUSHHOUR_IDENTITY_SECRET, expected one of the two: {EITHER}"
                ),
            }),
            (None, None) => Err(SettingsError::Missing {
                key: "ISSUER",
                expected: EITHER,
            }),
        }
    }

    /// Where the tracker's gRPC listens.
    ///
    /// # Errors
    /// If it is no address with a port.
    pub fn grpc_listen(&self) -> Result<SocketAddr, SettingsError> {
        self.address_or_any("GRPC_LISTEN", 8081)
    }

    /// Where the tracker's `/metrics` and `/healthz` listen.
    ///
    /// # Errors
    /// If it is no address with a port.
    pub fn metrics_listen(&self) -> Result<SocketAddr, SettingsError> {
        self.address_or_any("METRICS_LISTEN", 9090)
    }

    /// Where the tracker answers clients of Redis, if it does.
    ///
    /// # Errors
    /// If it is no address with a port.
    pub fn redis_listen(&self) -> Result<Option<SocketAddr>, SettingsError> {
        self.address("REDIS_LISTEN", 6379)
    }

    /// The address that a key holds, of which one might have that port.
    fn address(&self, key: &'static str, port: u16) -> Result<Option<SocketAddr>, SettingsError> {
        let address = |text: &str| {
            text.parse().map_err(|_| SettingsError::Invalid {
                key,
                detail: format!("found {text:?}, expected an address such as 0.0.0.0:{port}"),
            })
        };
        self.get(key).map(address).transpose()
    }

    fn address_or_any(&self, key: &'static str, port: u16) -> Result<SocketAddr, SettingsError> {
        let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        Ok(self.address(key, port)?.unwrap_or(anywhere))
    }
}

#[cfg(test)]
mod tests;

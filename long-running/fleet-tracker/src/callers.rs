//! Who may call: tokens are verified, and the issuer's keys, by which they are, fetched and kept fresh.

mod fetch;

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use identity::{Caller, IdentityError, IssuerKeys, KeysError, SecretError, Verifier};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::limits::{
    KEY_FETCH_PAUSE, KEY_FETCHES_AT_START_MAX, KEYS_REFRESH_EVERY, KEYS_REFRESH_GAP,
};
use fetch::Fetcher;

/// An OIDC issuer, and whom its tokens are to be for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerConfig {
    /// The issuer's URL, as its tokens have it in `iss`.
    pub issuer: String,
    /// What its tokens have in `aud`, or in `client_id` where they have no `aud`.
    pub audience: String,
    /// Where its keys are; none: where its discovery document says.
    pub jwks_url: Option<String>,
    /// The least time between two fetches of its keys.
    pub refresh_gap: Duration,
}

impl IssuerConfig {
    /// An issuer that publishes a discovery document, as OpenID Connect Discovery 1.0 has it.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            jwks_url: None,
            refresh_gap: KEYS_REFRESH_GAP,
        }
    }
}

/// Why an issuer's keys are not known.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// Keys must not be fetched from there.
    #[error(
        "issuer: found the URL {found:?}, expected one with https, or with http on this machine"
    )]
    Url {
        /// Where.
        found: String,
    },
    /// A document did not come.
    #[error("issuer: {url} was not fetched: {detail}")]
    Fetch {
        /// Where it should be.
        url: String,
        /// Why not.
        detail: String,
    },
    /// The discovery document is another issuer's, or none.
    #[error("issuer: found {found} at {url}, expected the discovery document of {expected}")]
    Discovery {
        /// Where.
        url: String,
        /// What is there.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// What came has no keys for us.
    #[error("issuer: {url}: {source}")]
    Keys {
        /// Where.
        url: String,
        /// Why not.
        source: KeysError,
    },
    /// The machine has no certificates by which it would know the issuer.
    #[error("issuer: found no certificates of authorities on this machine: {0}")]
    Trust(std::io::Error),
}

/// An issuer's keys, and how they are kept fresh.
#[derive(Debug)]
struct Keeper {
    keys: IssuerKeys,
    fetcher: Fetcher,
    gap: Duration,
    /// When they were last asked for. Held while they are, so that whoever needs them too waits for the same.
    asked_at: Arc<Mutex<Instant>>,
}

impl Keeper {
    async fn fetch(&self) -> Result<usize, IssuerError> {
        let (url, document) = self.fetcher.key_set().await?;
        let known = self.keys.replace(&document);
        known.map_err(|source| IssuerError::Keys { url, source })
    }

    /// Fetches the keys unless that was tried a moment ago. Of what fails, the log tells; what was known is kept.
    /// The fetch is a task of its own: a caller who goes meanwhile neither ends it for others nor leaves room for
    /// another one.
    async fn refresh(self: &Arc<Self>) {
        let mut asked_at = Arc::clone(&self.asked_at).lock_owned().await;
        if asked_at.elapsed() < self.gap {
            return;
        }
        let keeper = Arc::clone(self);
        let fetching = tokio::spawn(async move {
            match keeper.fetch().await {
                Ok(known) => tracing::debug!(known, "the issuer's keys are fresh"),
                Err(error) => tracing::warn!(%error, "the issuer's keys are kept as they were"),
            }
            *asked_at = Instant::now();
        });
        // A panic has told of itself, and a runtime that ends takes along who waits here.
        drop(fetching.await);
    }
}

/// Who may call. Cheap to clone; clones share the issuer's keys.
#[derive(Debug, Clone)]
pub struct Callers {
    verifier: Verifier,
    keeper: Option<Arc<Keeper>>,
}

impl From<Verifier> for Callers {
    /// Callers whose tokens need no keys of an issuer.
    fn from(verifier: Verifier) -> Self {
        Self {
            verifier,
            keeper: None,
        }
    }
}

impl Callers {
    /// Callers with tokens of an OIDC issuer, whose keys are fetched now.
    ///
    /// # Errors
    /// If they cannot be, a few times in a row, or a URL cannot be used.
    pub async fn of_issuer(config: &IssuerConfig) -> Result<Self, IssuerError> {
        let keys = IssuerKeys::new(&config.issuer, &config.audience);
        let keeper = Keeper {
            keys: keys.clone(),
            fetcher: Fetcher::new(&config.issuer, config.jwks_url.as_deref())?,
            gap: config.refresh_gap,
            asked_at: Arc::new(Mutex::new(Instant::now())),
        };
        let mut asked = 1;
        loop {
            match keeper.fetch().await {
                Ok(known) => {
                    tracing::info!(issuer = config.issuer, known, "the issuer's keys are known");
                    break;
                }
                Err(error @ IssuerError::Fetch { .. }) if asked < KEY_FETCHES_AT_START_MAX => {
                    tracing::warn!(%error, "asking again for the issuer's keys");
                    asked += 1;
                    tokio::time::sleep(KEY_FETCH_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
        *keeper.asked_at.lock().await = Instant::now();
        Ok(Self {
            verifier: Verifier::of_issuer(keys),
            keeper: Some(Arc::new(keeper)),
        })
    }

    /// The same callers, and the system's own parts, which show `token`.
    ///
    /// # Errors
    /// If it is shorter than a secret may be.
    pub fn with_service_token(self, token: &str) -> Result<Self, SecretError> {
        Ok(Self {
            verifier: self.verifier.with_service_token(token)?,
            ..self
        })
    }

    /// Who a token speaks for. A key that is not known is asked for, within bounds: the issuer may have new ones.
    pub(crate) async fn verify(
        &self,
        token: &str,
        now: impl Fn() -> Timestamp,
    ) -> Result<Caller, IdentityError> {
        let verified = self.verifier.verify(token, now());
        let (Err(IdentityError::UnknownKey { .. }), Some(keeper)) = (&verified, &self.keeper)
        else {
            return verified;
        };
        keeper.refresh().await;
        self.verifier.verify(token, now())
    }

    /// Fetches the issuer's keys again and again; returns at once where there is no issuer.
    pub(crate) async fn keep_keys_fresh(self) {
        let Some(keeper) = self.keeper else {
            return;
        };
        loop {
            tokio::time::sleep(KEYS_REFRESH_EVERY).await;
            keeper.refresh().await;
        }
    }
}

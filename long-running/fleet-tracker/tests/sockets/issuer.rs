//! A tracker that knows its callers by the keys of an OIDC issuer, which is a small HTTP server here.

use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rushhour_fleet_tracker::{IssuerConfig, IssuerError};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{RwLock, watch};
use tonic::Code;

use super::*;

pub(super) const AUDIENCE: &str = "rushhour";
/// What the functions show.
pub(super) const SERVICE: &str = "what functions show, 32 bytes of it";

/// What the issuer's server answers.
#[derive(Clone, Default)]
struct Published {
    /// None: it is out of order.
    keys: Arc<Mutex<Option<Vec<Value>>>>,
    /// What its discovery document says it is; none: itself.
    calls_itself: Arc<Mutex<Option<String>>>,
    url: Arc<Mutex<String>>,
    fetches: watch::Sender<u32>,
    /// As long as a test holds it, keys that are asked for do not come.
    door: Arc<RwLock<()>>,
}

impl Published {
    async fn serve() -> Self {
        let published = Self::default();
        let listener = TcpListener::bind(ANYWHERE).await.unwrap();
        let address = listener.local_addr().unwrap();
        *published.url.lock().unwrap() = format!("http://{address}");
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .with_state(published.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        published
    }

    fn url(&self) -> String {
        self.url.lock().unwrap().clone()
    }

    fn publish(&self, keys: &[&Private]) {
        let keys = keys.iter().map(|key| key.public()).collect();
        *self.keys.lock().unwrap() = Some(keys);
    }

    fn break_down(&self) {
        *self.keys.lock().unwrap() = None;
    }

    fn fetches(&self) -> u32 {
        *self.fetches.borrow()
    }

    fn config(&self) -> IssuerConfig {
        IssuerConfig {
            refresh_gap: Duration::ZERO,
            ..IssuerConfig::new(self.url(), AUDIENCE)
        }
    }

    async fn tracker(&self, config: &IssuerConfig) -> FleetTracker {
        let callers = Callers::of_issuer(config).await.unwrap();
        tracker(callers.with_service_token(SERVICE).unwrap()).await
    }
}

async fn discovery(State(published): State<Published>) -> String {
    let url = published.url();
    let issuer = published.calls_itself.lock().unwrap().clone();
    let issuer = issuer.unwrap_or_else(|| url.clone());
    json!({ "issuer": issuer, "jwks_uri": format!("{url}/keys") }).to_string()
}

async fn keys(State(published): State<Published>) -> Result<String, StatusCode> {
    published.fetches.send_modify(|fetches| *fetches += 1);
    let _open = published.door.read().await;
    let keys = published.keys.lock().unwrap().clone();
    let keys = keys.ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(json!({ "keys": keys }).to_string())
}

/// A private key of the issuer's.
struct Private {
    id: &'static str,
    key: EncodingKey,
}

impl Private {
    fn new(id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        Self { id, key }
    }

    fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    /// A driver's token, with changed claims.
    fn token(&self, issuer: &str, changes: Value) -> String {
        let now = now().as_secs();
        let mut claims =
            json!({ "iss": issuer, "aud": AUDIENCE, "sub": "driver-9", "exp": now + 600 });
        for (claim, value) in changes.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id.to_owned());
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

/// What becomes of a stream that is opened with a token.
async fn opened(tracker: &FleetTracker, token: &str) -> Result<bool, Code> {
    match Stream::open(tracker, token).await {
        Ok(mut stream) => Ok(stream.is_alive().await),
        Err(status) => Err(status.code()),
    }
}

/// A call that only parts of the system may make.
fn hold() -> v1::HoldRequest {
    v1::HoldRequest {
        trip: vec![0; 16].into(),
        attempt: 1,
    }
}

const REFUSED: Result<bool, Code> = Err(Code::Unauthenticated);

#[tokio::test]
async fn good_tokens_are_taken_and_others_refused() {
    let published = Published::serve().await;
    let (key, stranger) = (Private::new("k1"), Private::new("k1"));
    published.publish(&[&key]);
    let tracker = published.tracker(&published.config()).await;
    let issuer = published.url();
    let opened = async |token: String| opened(&tracker, &token).await;
    assert_eq!(opened(key.token(&issuer, json!({}))).await, Ok(true));
    let an_hour_ago = now().as_secs() - 3_600;
    for (what, token) in [
        ("forged", stranger.token(&issuer, json!({}))),
        (
            "another issuer's",
            key.token("https://login.example", json!({})),
        ),
        ("for others", key.token(&issuer, json!({ "aud": "others" }))),
        ("expired", key.token(&issuer, json!({ "exp": an_hour_ago }))),
        (
            "a stranger's",
            key.token(&issuer, json!({ "sub": "0a1b2c" })),
        ),
        ("none", "token".to_owned()),
    ] {
        assert_eq!(opened(token).await, REFUSED, "{what}");
    }
    let rider = key.token(&issuer, json!({ "sub": "rider-9" }));
    assert_eq!(opened(rider).await, Err(Code::PermissionDenied));

    // The functions are known by their own secret; the issuer's users cannot pass for them.
    let mut client = client(&tracker).await;
    assert!(client.hold(shown(hold(), SERVICE)).await.is_ok());
    let service = key.token(&issuer, json!({ "sub": "service" }));
    for (token, code) in [
        (service, Code::Unauthenticated),
        (key.token(&issuer, json!({})), Code::PermissionDenied),
    ] {
        let refused = client.hold(shown(hold(), &token)).await.unwrap_err();
        assert_eq!(refused.code(), code);
    }
    tracker.stop().await;
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let published = Published::serve().await;
    let (old, new) = (Private::new("old"), Private::new("new"));
    published.publish(&[&old]);
    let tracker = published.tracker(&published.config()).await;
    let issuer = published.url();
    let token = new.token(&issuer, json!({}));
    assert_eq!(opened(&tracker, &token).await, REFUSED, "not yet");
    published.publish(&[&old, &new]);
    assert_eq!(opened(&tracker, &token).await, Ok(true));
    // The old one is withdrawn: that is seen when the keys are fetched next.
    published.publish(&[&new]);
    let unknown = Private::new("unknown").token(&issuer, json!({}));
    assert_eq!(opened(&tracker, &unknown).await, REFUSED);
    let withdrawn = old.token(&issuer, json!({}));
    assert_eq!(opened(&tracker, &withdrawn).await, REFUSED);
    tracker.stop().await;
}

#[tokio::test]
async fn keys_are_not_fetched_at_every_stranger_s_wish() {
    let published = Published::serve().await;
    let key = Private::new("k1");
    published.publish(&[&key]);
    let config = IssuerConfig::new(published.url(), AUDIENCE);
    let tracker = published.tracker(&config).await;
    for _ in 0..5 {
        let token = Private::new("unknown").token(&published.url(), json!({}));
        assert_eq!(opened(&tracker, &token).await, REFUSED);
    }
    assert_eq!(published.fetches(), 1, "the one at the start");
    tracker.stop().await;
}

#[tokio::test]
async fn a_fetch_goes_on_when_the_caller_who_wanted_it_goes() {
    const GAP: Duration = Duration::from_secs(1);
    let published = Published::serve().await;
    let (old, new) = (Private::new("old"), Private::new("new"));
    published.publish(&[&old]);
    let config = IssuerConfig {
        refresh_gap: GAP,
        ..published.config()
    };
    let tracker = published.tracker(&config).await;
    tokio::time::sleep(GAP).await;
    published.publish(&[&old, &new]);
    let token = new.token(&published.url(), json!({}));
    let mut client = client(&tracker).await;
    let closed = published.door.write().await;
    {
        let mut fetches = published.fetches.subscribe();
        let fetched = fetches.wait_for(|fetches| *fetches == 2);
        tokio::select! {
            found = client.hold(shown(hold(), &token)) => panic!("found {found:?}, expected a wait"),
            fetched = in_time("the keys to be asked for", fetched) => drop(fetched.unwrap()),
        }
    }
    // By the answer to another call of the same connection the tracker knows that the caller has gone.
    assert!(client.hold(shown(hold(), SERVICE)).await.is_ok());
    drop(closed);
    assert_eq!(opened(&tracker, &token).await, Ok(true));
    assert_eq!(
        published.fetches(),
        2,
        "the start's, and the one that went on"
    );
    tracker.stop().await;
}

#[tokio::test]
async fn keys_outlive_an_issuer_that_is_out_of_order() {
    let published = Published::serve().await;
    let key = Private::new("k1");
    published.publish(&[&key]);
    let tracker = published.tracker(&published.config()).await;
    let issuer = published.url();
    published.break_down();
    let unknown = Private::new("unknown").token(&issuer, json!({}));
    assert_eq!(opened(&tracker, &unknown).await, REFUSED);
    assert_eq!(published.fetches(), 2, "it was asked, and had no answer");
    let token = key.token(&issuer, json!({}));
    assert_eq!(opened(&tracker, &token).await, Ok(true));
    tracker.stop().await;
}

#[tokio::test]
async fn a_tracker_does_not_start_without_its_issuer_s_keys() {
    let published = Published::serve().await;
    let error = Callers::of_issuer(&published.config()).await.unwrap_err();
    assert!(matches!(error, IssuerError::Fetch { .. }), "{error}");
    assert!(error.to_string().contains("503"), "{error}");
    assert_eq!(published.fetches(), 3);

    published.publish(&[]);
    let error = Callers::of_issuer(&published.config()).await.unwrap_err();
    assert!(matches!(error, IssuerError::Keys { .. }), "{error}");

    published.publish(&[&Private::new("k1")]);
    *published.calls_itself.lock().unwrap() = Some("https://login.example".into());
    let error = Callers::of_issuer(&published.config()).await.unwrap_err();
    assert!(matches!(error, IssuerError::Discovery { .. }), "{error}");
    // Told where the keys are, nobody asks what it calls itself.
    let jwks_url = Some(format!("{}/keys", published.url()));
    let config = IssuerConfig {
        jwks_url,
        ..published.config()
    };
    assert!(Callers::of_issuer(&config).await.is_ok());

    let elsewhere = IssuerConfig::new("http://login.example", AUDIENCE);
    let error = Callers::of_issuer(&elsewhere).await.unwrap_err();
    assert!(matches!(error, IssuerError::Url { .. }), "{error}");
}

//! The fleet port over gRPC: how matching and trips call the tracker.
//!
//! Start at [`FleetClient::new`]. The connection is opened by the first call and again by the first call
//! after it was lost. Every call of the port is idempotent, so one that finds the connection broken is
//! sent once more: a function's environment may have been frozen for minutes between two calls. A connection
//! that was lost without a word (whoever should have said so was frozen too) is found out by a ping while the
//! call waits, well before the call's time is over. That time is for all of a call, connecting and sending again
//! included: its caller may be stopped at any moment after it.

mod convert;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::Duration;

use calls::Calls;
use domain::hold::{HoldKey, Offer};
use domain::{Attempt, Timestamp, TripId};
use services::ports::{Candidate, CandidateQuery, Fleet, HoldStatus, PortError, Reserved};
use tokio::time::{Instant, timeout_at};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use trace::{Kind, Span, TRACEPARENT};
use wire::grpc::v1;
use wire::grpc::v1::fleet_tracker_client::FleetTrackerClient;

/// How long opening a connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call may take, however often it is sent, unless the configuration says otherwise.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// For how much of a call's time its connection may be silent before the tracker is asked whether it is still there.
pub const PING_AFTER: f64 = 0.2;
/// How much of it the answer may take before the connection counts as lost: what is left is for the next one.
pub const PING_ANSWER_MAX: f64 = 0.4;
/// How often a call is sent at most: once, and once more over a new connection.
pub const SENDS_MAX: usize = 2;
/// The largest answer that is read: 10,000 riders with 100 candidates each are 30 MB.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

const PORT: &str = "fleet";

/// Where the tracker is, and how to call it.
#[derive(Debug, Clone)]
pub struct FleetClientConfig {
    /// `http://host:port`.
    pub url: String,
    /// The bearer token that is shown; none: no token is.
    pub token: Option<String>,
    /// How long a call may take, however often it is sent.
    pub call_timeout: Duration,
    /// Who is told how long calls take.
    pub calls: Calls,
}

impl FleetClientConfig {
    /// Calls of [`CALL_TIMEOUT`] at a URL, without a token.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            token: None,
            call_timeout: CALL_TIMEOUT,
            calls: Calls::default(),
        }
    }
}

/// Why there can be no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetClientError {
    /// The URL is none.
    #[error("fleet tracker: found the URL {found:?}, expected one such as http://127.0.0.1:7000")]
    Url {
        /// What it was.
        found: String,
    },
    /// The token cannot stand in a header.
    #[error(
        "fleet tracker: found a token with other characters than a header takes, expected a JSON web token"
    )]
    Token,
}

/// The fleet as a client sees it. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct FleetClient {
    channel: FleetTrackerClient<Channel>,
    authorization: Option<MetadataValue<Ascii>>,
    call_timeout: Duration,
    calls: Calls,
}

impl FleetClient {
    /// A client that has not connected yet. To be called within a tokio runtime.
    ///
    /// # Errors
    /// If the URL or the token cannot be used.
    pub fn new(config: &FleetClientConfig) -> Result<Self, FleetClientError> {
        let endpoint = Endpoint::from_shared(config.url.clone())
            .ok()
            .filter(|endpoint| endpoint.uri().scheme_str() == Some("http"))
            .ok_or_else(|| FleetClientError::Url {
                found: config.url.clone(),
            })?;
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(config.call_timeout.mul_f64(PING_AFTER))
            .keep_alive_timeout(config.call_timeout.mul_f64(PING_ANSWER_MAX))
            .connect_lazy();
        let authorization = config.token.as_ref().map(|token| {
            let mut value: MetadataValue<Ascii> = format!("Bearer {token}")
                .parse()
                .map_err(|_| FleetClientError::Token)?;
            value.set_sensitive(true);
            Ok(value)
        });
        let channel = FleetTrackerClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(Self {
            channel,
            authorization: authorization.transpose()?,
            call_timeout: config.call_timeout,
            calls: config.calls.clone(),
        })
    }

    /// Sends a call, in the trace of a trip's ride if it is about one, and once more if the connection was broken
    /// and there is time left.
    async fn call<M, R, F>(
        &self,
        name: &'static str,
        trip: Option<TripId>,
        message: M,
        send: impl Fn(FleetTrackerClient<Channel>, Request<M>) -> F,
    ) -> Result<R, PortError>
    where
        M: Clone,
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let parent = trace::carried(trip.map(|trip| trip.0));
        let mut span = parent.map(|parent| Span::new(name, Kind::Client, Some(parent)));
        let traceparent = span.as_ref().and_then(|span| {
            let context = span.context().to_string();
            MetadataValue::<Ascii>::try_from(context).ok()
        });
        let deadline = Instant::now() + self.call_timeout;
        let mut sent = 1;
        let error = loop {
            let mut request = Request::new(message.clone());
            if let Some(traceparent) = &traceparent {
                request
                    .metadata_mut()
                    .insert(TRACEPARENT, traceparent.clone());
            }
            if let Some(authorization) = &self.authorization {
                request
                    .metadata_mut()
                    .insert("authorization", authorization.clone());
            }
            let sending = timeout_at(deadline, send(self.channel.clone(), request));
            match self.calls.port(name, sending).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) if sent < SENDS_MAX && connection_broke(&status) => {
                    tracing::debug!(%status, "connection to the tracker broke, sending again");
                    sent += 1;
                }
                Ok(Err(status)) => break port_error(&status),
                // The tracker has it, and may have too much already: it is not sent again.
                Err(_) => {
                    break PortError::Unavailable {
                        port: PORT,
                        detail: format!("found no answer within {:?}", self.call_timeout),
                    };
                }
            }
        };
        if let Some(span) = &mut span {
            span.fail();
        }
        Err(error)
    }
}

/// Whether the call never reached the tracker or its answer was lost: the transport says `Unavailable`, or `Unknown`
/// or `Cancelled` where a connection ended in the middle, each with what broke behind it. Behind what the tracker
/// itself answers there is nothing.
fn connection_broke(status: &Status) -> bool {
    let code = status.code();
    matches!(code, Code::Unavailable | Code::Unknown | Code::Cancelled)
        && std::error::Error::source(status).is_some()
}

fn port_error(status: &Status) -> PortError {
    let detail = format!("{:?}: {}", status.code(), status.message());
    match status.code() {
        Code::ResourceExhausted => PortError::Throttled { port: PORT, detail },
        _ => PortError::Unavailable { port: PORT, detail },
    }
}

impl Fleet for FleetClient {
    async fn candidates(
        &self,
        queries: &[CandidateQuery],
        k: usize,
        radius_m: Option<f64>,
    ) -> Result<Vec<Vec<Candidate>>, PortError> {
        let request = convert::candidates_request(queries, k, radius_m);
        let reply = self
            .call(
                "grpc.candidates",
                None,
                request,
                |mut client, request| async move { client.candidates(request).await },
            )
            .await?;
        convert::candidates(&reply, queries.len())
    }

    async fn reserve(
        &self,
        key: HoldKey,
        deadline: Timestamp,
        offer: &Offer,
    ) -> Result<Reserved, PortError> {
        let request = v1::ReserveRequest {
            key: Some(key.into()),
            deadline_us: deadline.as_micros(),
            ride: Some(offer.into()),
        };
        let reply = self
            .call(
                "grpc.reserve",
                Some(key.trip),
                request,
                |mut client, request| async move { client.reserve(request).await },
            )
            .await?;
        convert::reserved(&reply)
    }

    async fn offer(&self, key: HoldKey) -> Result<bool, PortError> {
        let request = v1::OfferRequest {
            key: Some(key.into()),
        };
        let reply = self
            .call(
                "grpc.offer",
                Some(key.trip),
                request,
                |mut client, request| async move { client.offer(request).await },
            )
            .await?;
        Ok(reply.shown)
    }

    async fn release(&self, key: HoldKey) -> Result<(), PortError> {
        let request = v1::ReleaseRequest {
            key: Some(key.into()),
        };
        self.call(
            "grpc.release",
            Some(key.trip),
            request,
            |mut client, request| async move { client.release(request).await },
        )
        .await?;
        Ok(())
    }

    async fn hold(&self, trip: TripId, attempt: Attempt) -> Result<Option<HoldStatus>, PortError> {
        let request = v1::HoldRequest {
            trip: wire::grpc::trip_bytes(trip),
            attempt: attempt.0,
        };
        let reply = self
            .call(
                "grpc.hold",
                Some(trip),
                request,
                |mut client, request| async move { client.hold(request).await },
            )
            .await?;
        convert::hold(reply)
    }
}

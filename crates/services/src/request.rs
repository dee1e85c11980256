//! `POST /trips`, `GET /trips/{id}`, `POST /trips/{id}/cancel`: a rider's own trips.

use std::sync::Arc;
use std::time::Duration;

use domain::fare::Charge;
use domain::limits::PATIENCE_MAX;
use domain::trip::{Outcome, Stamps, Trip, TripState};
use domain::{Place, RiderId, Timestamp, TripId};
use sha2::{Digest, Sha256};

use crate::config::Market;
use crate::error::RideError;
use crate::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::ports::{Clock, Created, Doorbell, Fleet, TripStore};
use crate::ring::ring;
use crate::swap::{Changed, Decision, change};
use crate::token::{Keyring, Quote};

/// What a rider asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct RideRequest {
    /// Who asks.
    pub rider: RiderId,
    /// The rider's name for this request: the same again is the same trip.
    pub idempotency_key: String,
    /// The quote that is taken.
    pub quote_token: String,
    /// From where.
    pub pickup: Place,
    /// To where.
    pub dropoff: Place,
    /// How long the rider will wait for a driver.
    pub patience: Duration,
}

/// The rides use case: what a rider may do with trips.
#[derive(Debug, Clone)]
pub struct Riding<T, B, F, C> {
    market: Arc<Market>,
    keyring: Arc<Keyring>,
    trips: T,
    doorbell: B,
    fleet: F,
    clock: C,
}

impl<T: TripStore, B: Doorbell, F: Fleet, C: Clock> Riding<T, B, F, C> {
    /// Trips in `trips`, rings by `doorbell`, releases through `fleet`.
    pub fn new(
        market: Arc<Market>,
        keyring: Arc<Keyring>,
        trips: T,
        doorbell: B,
        fleet: F,
        clock: C,
    ) -> Self {
        Self {
            market,
            keyring,
            trips,
            doorbell,
            fleet,
            clock,
        }
    }

    /// Requests a ride: stores it as `requested`, then rings for the next match round.
    ///
    /// The same request again answers with the same trip, even when its quote has expired meanwhile.
    ///
    /// # Errors
    /// If the quote is forged, expired, or another's; if the key was used for another request; if a port fails.
    pub async fn request(&self, request: &RideRequest) -> Result<Trip, RideError> {
        check_bounds(request)?;
        let quote = self.keyring.verify(&request.quote_token)?;
        if quote.rider != request.rider {
            return Err(RideError::QuoteOfAnother);
        }
        if quote.pickup != request.pickup || quote.dropoff != request.dropoff {
            return Err(RideError::QuoteForOtherPlaces);
        }
        let now = self.clock.now();
        let trip = self.new_trip(request, &quote, now);
        if now > quote.expires_at {
            // A repeat of what was accepted in time is still a repeat.
            return match self.trips.get(trip.id).await? {
                Some(stored) if stored.fingerprint == trip.fingerprint => Ok(stored),
                _ => Err(RideError::QuoteExpired {
                    at: quote.expires_at,
                }),
            };
        }
        let trip = match self.trips.create(&trip).await? {
            Created::New => trip,
            Created::Exists(stored) if stored.fingerprint == trip.fingerprint => *stored,
            Created::Exists(_) => return Err(RideError::KeyReused),
        };
        if trip.state == TripState::Requested {
            // Also on a repeat: the first call may have died between the two steps.
            let market = &self.market;
            ring(&self.doorbell, &self.clock, market, &market.region).await?;
        }
        Ok(trip)
    }

    fn new_trip(&self, request: &RideRequest, quote: &Quote, now: Timestamp) -> Trip {
        Trip {
            id: trip_id(request.rider, &request.idempotency_key),
            region: self.market.region.clone(),
            rider: request.rider,
            product: quote.product,
            pickup: request.pickup,
            dropoff: request.dropoff,
            fare: quote.fare,
            distance_m: quote.distance_m,
            duration: quote.duration,
            fingerprint: fingerprint(request),
            patience: request.patience,
            requested_at: now,
            patience_until: now + request.patience,
            state: TripState::Requested,
            tries: Vec::new(),
            stamps: Stamps::default(),
            since: now,
            checked_at: Timestamp::ZERO,
            charge: Charge::default(),
            version: 1,
        }
    }

    /// Reads a trip of the rider's own.
    ///
    /// # Errors
    /// If there is none, or it is another's.
    pub async fn read(&self, rider: RiderId, id: TripId) -> Result<Trip, RideError> {
        match self.trips.get(id).await? {
            Some(trip) if trip.rider == rider => Ok(trip),
            _ => Err(RideError::NoSuchTrip(id)),
        }
    }

    /// Cancels a trip of the rider's own, and lets its driver go.
    ///
    /// # Errors
    /// If there is none, it is another's, or the rider is already in the car.
    pub async fn cancel(&self, rider: RiderId, id: TripId) -> Result<Trip, RideError> {
        let now = self.clock.now();
        let decide = |trip: &Trip| {
            if trip.rider != rider {
                return Decision::Leave(Err(RideError::NoSuchTrip(id)));
            }
            match trip.cancelled_by_rider(&self.market.tariff, now) {
                Ok(Outcome::Moved(next)) => Decision::Store(next, Ok(trip.hold_key())),
                // A repeat releases again, for the first call may have died before it did.
                Ok(_) => Decision::Leave(Ok(trip.last_hold_key())),
                Err(refused) => Decision::Leave(Err(RideError::WrongState {
                    found: refused.found,
                    expected: refused.expected,
                })),
            }
        };
        match change(&self.trips, id, decide).await? {
            Changed::NoSuchTrip => Err(RideError::NoSuchTrip(id)),
            Changed::Contended => Err(RideError::Contended),
            Changed::Done(trip, held) => {
                if let Some(key) = held?
                    && let Err(error) = self.fleet.release(key).await
                {
                    // The trip is cancelled: the hold ends by its deadline, or with the driver's next
                    // report, which the trip will refuse.
                    tracing::warn!(trip = %id, %error, "cancelled, release left to the driver's next report");
                }
                Ok(*trip)
            }
        }
    }
}

fn check_bounds(request: &RideRequest) -> Result<(), RideError> {
    let key_bytes = request.idempotency_key.len();
    if key_bytes == 0 || key_bytes > IDEMPOTENCY_KEY_BYTES_MAX {
        return Err(RideError::BadIdempotencyKey {
            found: key_bytes,
            limit: IDEMPOTENCY_KEY_BYTES_MAX,
        });
    }
    if request.patience.as_millis() == 0 || request.patience > PATIENCE_MAX {
        return Err(RideError::BadPatience {
            found_s: request.patience.as_secs(),
            limit_s: PATIENCE_MAX.as_secs(),
        });
    }
    Ok(())
}

/// The trip that a rider's idempotency key names. One conditional write of this id is all that
/// idempotency takes.
#[must_use]
pub fn trip_id(rider: RiderId, idempotency_key: &str) -> TripId {
    let mut hash = Sha256::new();
    hash.update(b"rushhour trip v1\0");
    hash.update(rider.0.to_be_bytes());
    hash.update(idempotency_key.as_bytes());
    TripId(u128::from_be_bytes(first_16(hash)))
}

fn fingerprint(request: &RideRequest) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(request.quote_token.as_bytes());
    hash.update([0]);
    for place in [request.pickup, request.dropoff] {
        let (lat, lon) = place.to_e7();
        hash.update(lat.to_be_bytes());
        hash.update(lon.to_be_bytes());
    }
    hash.update(request.patience.as_millis().to_be_bytes());
    first_16(hash)
}

fn first_16(hash: Sha256) -> [u8; 16] {
    let digest = hash.finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    first
}

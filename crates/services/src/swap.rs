//! Read, decide, compare-and-set, again if someone wrote meanwhile: the one loop behind every change
//! of a trip.

use domain::TripId;
use domain::trip::Trip;

use crate::limits::SWAP_ATTEMPTS_MAX;
use crate::ports::{PortError, Swap, TripStore};

/// What a decision makes of the trip it was shown.
pub(crate) enum Decision<T> {
    /// Store this, and answer with that.
    Store(Box<Trip>, T),
    /// Store nothing, and answer with that.
    Leave(T),
}

/// How a change ended.
pub(crate) enum Changed<T> {
    /// The decision's answer, with the trip as it stands now.
    Done(Box<Trip>, T),
    /// There is no such trip.
    NoSuchTrip,
    /// Others won every time.
    Contended,
}

/// Shows the stored trip to `decide` until its decision stands.
pub(crate) async fn change<S, T>(
    trips: &S,
    id: TripId,
    decide: impl Fn(&Trip) -> Decision<T> + Send,
) -> Result<Changed<T>, PortError>
where
    S: TripStore,
    T: Send,
{
    for _ in 0..SWAP_ATTEMPTS_MAX {
        let Some(trip) = trips.get(id).await? else {
            return Ok(Changed::NoSuchTrip);
        };
        match decide(&trip) {
            Decision::Leave(answer) => return Ok(Changed::Done(Box::new(trip), answer)),
            Decision::Store(next, answer) => {
                if trips.transition(&next).await? == Swap::Done {
                    return Ok(Changed::Done(next, answer));
                }
            }
        }
    }
    Ok(Changed::Contended)
}

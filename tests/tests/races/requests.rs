//! Requests that come twice, and tokens that are not the rider's.

use domain::trip::TripState;
use domain::{Place, RiderId, Timestamp};
use rushhour_tests::dispatch::executor::ready;
use rushhour_tests::dispatch::faults::{Call, Fault};
use rushhour_tests::dispatch::{Dispatch, corner};
use services::error::RideError;
use services::token::TokenError;

use crate::{FAR, NEAR, asked, seconds, settle};
use rushhour_tests::dispatch::drivers::Behaviour;
use rushhour_tests::dispatch::east_of_corner;

const RIDER: RiderId = RiderId(1);

#[test]
fn the_same_request_again_is_the_same_trip() {
    let world = Dispatch::default();
    world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
    let asking = world.asking(&world.quote(RIDER), "k");
    let first = world.send(&asking).unwrap();
    assert_eq!(world.send(&asking).unwrap(), first);
    world.advance(seconds(10));
    // Once it has moved on, the repeat shows how far, and rings for nothing.
    let rung = world.cloud.rings.counters().sent;
    assert_eq!(world.send(&asking).unwrap().state, TripState::Accepted);
    assert_eq!(world.cloud.rings.counters().sent, rung);
    settle(&world);
    assert_eq!(world.cloud.trips.all().len(), 1);
}

#[test]
fn a_repeat_after_the_quote_expired_is_still_a_repeat() {
    let world = Dispatch::default();
    let asking = world.asking(&world.quote(RIDER), "k");
    let first = world.send(&asking).unwrap();
    world.clock.advance(world.market.quote_ttl + seconds(1));
    assert_eq!(world.send(&asking).unwrap(), first);
    let mut other = asking;
    other.idempotency_key = "new".to_owned();
    assert!(matches!(
        world.send(&other),
        Err(RideError::QuoteExpired { .. })
    ));
    other.idempotency_key = "k".to_owned();
    other.patience = seconds(1);
    assert!(matches!(
        world.send(&other),
        Err(RideError::QuoteExpired { .. })
    ));
    settle(&world);
    assert_eq!(world.cloud.trips.all().len(), 1);
}

#[test]
fn the_same_key_with_another_body_is_a_conflict() {
    let world = Dispatch::default();
    let asking = world.asking(&world.quote(RIDER), "k");
    let first = world.send(&asking).unwrap();
    let mut patient = asking;
    patient.patience = seconds(1_000);
    assert!(matches!(world.send(&patient), Err(RideError::KeyReused)));
    world.clock.advance(seconds(1));
    let elsewhere = ready(
        world
            .quoting
            .quote(RIDER, corner(), east_of_corner(1_000.0), None),
    )
    .unwrap();
    assert!(matches!(
        world.send(&world.asking(&elsewhere, "k")),
        Err(RideError::KeyReused)
    ));
    // Another rider's key of the same letters is another key.
    let other = world.asking(&world.quote(RiderId(2)), "k");
    assert_ne!(world.send(&other).unwrap().id, first.id);
    settle(&world);
    assert_eq!(world.cloud.trips.all().len(), 2);
}

#[test]
fn a_request_whose_answer_was_lost_is_there_once() {
    for (call, fault) in [
        (Call::CreateTrip, Fault::AnswerLost),
        (Call::CreateTrip, Fault::Refused),
        (Call::Ring, Fault::AnswerLost),
        (Call::Ring, Fault::Refused),
    ] {
        let world = Dispatch::default();
        world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
        let asking = world.asking(&world.quote(RIDER), "k");
        world.faults.next(call, fault);
        assert!(
            matches!(world.send(&asking), Err(RideError::Port(_))),
            "{call:?}"
        );
        let trip = world.send(&asking).unwrap();
        settle(&world);
        assert_eq!(world.cloud.trips.all().len(), 1);
        assert_eq!(world.trip(trip.id).state, TripState::Completed, "{call:?}");
    }
}

#[test]
fn a_request_that_is_never_repeated_ends_all_the_same() {
    let world = Dispatch::default();
    world.driver(FAR, east_of_corner(900.0), Behaviour::Takes);
    world.faults.next(Call::Ring, Fault::Refused);
    let asking = world.asking(&world.quote(RIDER), "k");
    assert!(world.send(&asking).is_err());
    settle(&world);
    assert_eq!(
        world.cloud.trips.all()[0].state,
        TripState::Completed,
        "the sweep rings for it"
    );
}

#[test]
fn forged_and_foreign_tokens_store_nothing() {
    let world = Dispatch::default();
    let quote = world.quote(RIDER);
    let honest = world.asking(&quote, "k");
    let with_token = |token: String| {
        let mut asking = honest.clone();
        asking.quote_token = token;
        world.send(&asking).unwrap_err()
    };
    // Every single character matters.
    for at in 0..quote.token.len() {
        let mut forged = quote.token.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let error = with_token(String::from_utf8(forged).unwrap());
        assert!(
            matches!(error, RideError::BadQuote(_)),
            "character {at}: {error}"
        );
    }
    assert!(matches!(
        with_token(String::new()),
        RideError::BadQuote(TokenError::Malformed)
    ));
    assert!(matches!(
        with_token("x".repeat(10_000)),
        RideError::BadQuote(TokenError::Malformed)
    ));

    let mut thief = honest.clone();
    thief.rider = RiderId(2);
    assert!(matches!(world.send(&thief), Err(RideError::QuoteOfAnother)));
    for moved in [
        |r: &mut Place| *r = east_of_corner(5.0),
        |r: &mut Place| *r = Place::from_metres(0.0, 0.0),
    ] {
        let (mut from, mut to) = (honest.clone(), honest.clone());
        moved(&mut from.pickup);
        moved(&mut to.dropoff);
        assert!(matches!(
            world.send(&from),
            Err(RideError::QuoteForOtherPlaces)
        ));
        assert!(matches!(
            world.send(&to),
            Err(RideError::QuoteForOtherPlaces)
        ));
    }
    assert_eq!(world.cloud.trips.all(), []);
    assert_eq!(world.cloud.rings.counters().sent, 0);
    assert!(Timestamp::ZERO < world.now());
}

#[test]
fn a_trip_is_its_riders_alone() {
    let (world, trip) = asked();
    let stranger = RiderId(99);
    assert!(matches!(
        ready(world.riding.read(stranger, trip)),
        Err(RideError::NoSuchTrip(_))
    ));
    assert!(matches!(
        ready(world.riding.cancel(stranger, trip)),
        Err(RideError::NoSuchTrip(_))
    ));
    assert_eq!(world.trip(trip).state, TripState::Requested);
    world.behave(NEAR, Behaviour::Takes);
    settle(&world);
    assert_eq!(world.trip(trip).state, TripState::Completed);
}

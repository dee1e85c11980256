//! Round trips over every field, and what is said of what cannot be read.

use std::time::Duration;

use domain::fare::{Charge, Fare};
use domain::hold::{Hold, HoldKey, HoldStage, Offer};
use domain::surge::Multiplier;
use domain::trip::{
    CancelStage, CancelledBy, Stamps, Trip, TripState, Try, TryOutcome, UnservedReason,
};
use domain::{Attempt, Cell, Currency, DriverId, Money, Region, Resolution, RiderId, TripId};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::hold::{Ledger, decode_hold, decode_ledger, encode_hold, encode_ledger};
use super::market::{CellRow, MarketRow, decode_cell, decode_market, encode_cell, encode_market};
use super::trip::{decode_trip, encode_trip};
use super::*;

fn place() -> impl Strategy<Value = Place> {
    (-90.0..=90.0f64, -180.0..=180.0f64).prop_map(|(lat, lon)| Place::new(lat, lon).unwrap())
}

fn at() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

fn money() -> impl Strategy<Value = Money> {
    any::<i64>().prop_map(Money::from_minor)
}

fn span() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_nanos)
}

fn state() -> impl Strategy<Value = TripState> {
    let by = prop::sample::select(vec![
        CancelledBy::Rider,
        CancelledBy::Driver,
        CancelledBy::System,
    ]);
    let stage = prop::sample::select(vec![
        CancelStage::Requested,
        CancelStage::Offered,
        CancelStage::Accepted,
        CancelStage::Arrived,
        CancelStage::PickedUp,
    ]);
    let because = prop::sample::select(vec![
        UnservedReason::NoDriverInReach,
        UnservedReason::PatienceOver,
        UnservedReason::AttemptsExhausted,
        UnservedReason::NoneAvailableAtOnce,
    ]);
    prop_oneof![
        prop::sample::select(vec![
            TripState::Requested,
            TripState::Offered,
            TripState::Accepted,
            TripState::Arrived,
            TripState::PickedUp,
            TripState::Completed,
        ]),
        (by, stage).prop_map(|(by, stage)| TripState::Cancelled { by, stage }),
        because.prop_map(|because| TripState::Unserved { because }),
    ]
}

fn a_try() -> impl Strategy<Value = Try> {
    let outcome = prop::sample::select(vec![
        TryOutcome::Pending,
        TryOutcome::Accepted,
        TryOutcome::Declined,
        TryOutcome::Expired,
        TryOutcome::Withdrawn,
        TryOutcome::Lost,
    ]);
    (any::<u64>(), at(), at(), outcome, option::of(at())).prop_map(
        |(driver, offered_at, deadline, outcome, ended_at)| Try {
            driver: DriverId(driver),
            offered_at,
            deadline,
            outcome,
            ended_at,
        },
    )
}

fn stamps() -> impl Strategy<Value = Stamps> {
    (
        option::of(at()),
        option::of(at()),
        option::of(at()),
        option::of(at()),
    )
        .prop_map(
            |(accepted_at, arrived_at, picked_up_at, dropped_off_at)| Stamps {
                accepted_at,
                arrived_at,
                picked_up_at,
                dropped_off_at,
            },
        )
}

fn charge() -> impl Strategy<Value = Charge> {
    (money(), money(), money(), money(), money(), money()).prop_map(
        |(ride, booking_fee, wait_fee, cancel_fee, no_show_fee, driver_pay)| Charge {
            ride,
            booking_fee,
            wait_fee,
            cancel_fee,
            no_show_fee,
            driver_pay,
        },
    )
}

fn fare() -> impl Strategy<Value = Fare> {
    (money(), money(), money(), 100..=u32::MAX).prop_map(
        |(ride, booking_fee, driver_pay, surge)| Fare {
            currency: Currency::USD,
            ride,
            booking_fee,
            driver_pay,
            surge: Multiplier::from_hundredths(surge),
        },
    )
}

prop_compose! {
    fn trip()(
        (id, rider, fingerprint, version) in any::<(u128, u64, [u8; 16], u64)>(),
        (pickup, dropoff, distance_m) in (place(), place(), 0.0..1e6f64),
        (duration, patience) in (span(), span()),
        (requested_at, patience_until, since, checked_at) in (at(), at(), at(), at()),
        (state, stamps, fare, charge) in (state(), stamps(), fare(), charge()),
        tries in vec(a_try(), 0..4),
    ) -> Trip {
        Trip {
            id: TripId(id),
            region: Region::new("new-york").unwrap(),
            rider: RiderId(rider),
            product: None,
            pickup,
            dropoff,
            fare,
            distance_m,
            duration,
            fingerprint,
            patience,
            requested_at,
            patience_until,
            state,
            tries,
            stamps,
            since,
            checked_at,
            charge,
            version,
        }
    }
}

prop_compose! {
    fn hold()(
        (trip, attempt, driver, rider) in any::<(u128, u32, u64, u64)>(),
        stage in prop::sample::select(vec![
            HoldStage::Reserved,
            HoldStage::Offered,
            HoldStage::Accepted,
        ]),
        (deadline, accepted_at) in (at(), option::of(at())),
        (pickup, dropoff, driver_pay) in (place(), place(), money()),
        pickup_distance_m in 0.0..1e6f64,
    ) -> Hold {
        Hold {
            key: HoldKey {
                trip: TripId(trip),
                attempt: Attempt(attempt),
                driver: DriverId(driver),
            },
            stage,
            deadline,
            accepted_at,
            offer: Offer {
                rider: RiderId(rider),
                pickup,
                dropoff,
                driver_pay,
                pickup_distance_m,
            },
        }
    }
}

fn cell() -> impl Strategy<Value = Cell> {
    place().prop_map(|place| Cell::of(place, Resolution::new(8).unwrap()))
}

fn cell_row() -> impl Strategy<Value = CellRow> {
    (100..=u32::MAX, any::<u32>()).prop_map(|(multiplier, nearby)| CellRow {
        multiplier: Multiplier::from_hundredths(multiplier),
        nearby,
    })
}

proptest! {
    #[test]
    fn trips_survive(trip in trip()) {
        prop_assert_eq!(decode_trip(&encode_trip(&trip)), Ok(trip));
    }

    #[test]
    fn holds_and_ledgers_survive(hold in hold(), accepted: bool, ended: bool) {
        prop_assert_eq!(decode_hold(&encode_hold(&hold)), Ok(hold));
        let ledger = Ledger { key: hold.key, deadline: hold.deadline, accepted, ended };
        prop_assert_eq!(decode_ledger(&encode_ledger(&ledger)), Ok(ledger));
    }

    #[test]
    fn markets_survive(
        supply in btree_map(cell(), any::<u32>(), 0..5),
        demand in btree_map(cell(), any::<u32>(), 0..5),
        told in btree_map(cell(), cell_row(), 0..5),
        (supply_at, demand_at, version) in (at(), at(), any::<u64>()),
        (one, row) in (cell(), cell_row()),
    ) {
        let region = Region::new("x").unwrap();
        let market = MarketRow { supply, supply_at, demand, demand_at, told, version };
        prop_assert_eq!(decode_market(&encode_market(&region, &market)), Ok(market));
        prop_assert_eq!(decode_cell(&encode_cell(&region, one, row, version)), Ok(row));
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let ledger = Ledger {
        key: HoldKey {
            trip: TripId(1),
            attempt: Attempt(1),
            driver: DriverId(1),
        },
        deadline: Timestamp::ZERO,
        accepted: false,
        ended: false,
    };
    let good = encode_ledger(&ledger);
    let with = |attribute: &str, value: Value| {
        let mut item = good.clone();
        item.insert(attribute.to_owned(), value);
        decode_ledger(&item).unwrap_err().to_string()
    };
    let key = "trip#00000000000000000000000000000001";
    assert_eq!(
        with("v", Value::Number(2)),
        format!("item {key:?}, attribute v: found 2, expected 1")
    );
    assert_eq!(
        with("attempt", Value::Number(-1)),
        format!("item {key:?}, attribute attempt: found -1, expected a number that fits u32")
    );
    assert_eq!(
        with("driver", "nobody".into()),
        format!(
            "item {key:?}, attribute driver: found nobody, expected a driver such as driver-17"
        )
    );
    assert_eq!(
        with("pk", "driver#1".into()),
        r#"item "driver#1", attribute pk: found driver#1, expected trip#…"#
    );
}

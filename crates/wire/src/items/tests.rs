//! Round trips over every field, and what is said of what cannot be read.

use std::time::Duration;

use domain::fare::{Charge, Fare};
use domain::hold::{Hold, HoldKey, HoldStage, Offer};
use domain::surge::Multiplier;
use domain::trip::{
    CancelStage, CancelledBy, Stamps, Trip, TripState, Try, TryOutcome, UnservedReason,
};
use domain::{
    Attempt, Cell, Currency, DriverId, Money, Nearby, Region, Resolution, RiderId, Supply, TripId,
    VehicleClass,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::hold::{Ledger, decode_hold, decode_ledger, encode_hold, encode_ledger};
use super::market::{
    CellRow, MarketRow, NEARBY, NEARBY_BY_CLASS, decode_cell, decode_market, encode_cell,
    encode_market,
};
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
        UnservedReason::NeverOffered,
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

/// So many in all, and of some classes at most a sixteenth of them each.
fn counts() -> impl Strategy<Value = (u32, BTreeMap<VehicleClass, u32>)> {
    let class = (1..16u32).prop_map(|number| VehicleClass::new(number).unwrap());
    (any::<u32>(), btree_map(class, 1..=16u32, 0..4)).prop_map(|(all, shares)| {
        let shares = shares.into_iter();
        (
            all,
            shares
                .map(|(class, share)| (class, all / 16 / share))
                .collect(),
        )
    })
}

fn supply() -> impl Strategy<Value = Supply> {
    btree_map(cell(), counts(), 0..5).prop_map(|cells| {
        let mut others: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (cell, (_, of_classes)) in &cells {
            for (class, count) in of_classes {
                others.entry(*class).or_default().insert(*cell, *count);
            }
        }
        let all = cells.into_iter().map(|(cell, (all, _))| (cell, all));
        Supply::new(all.collect(), others).unwrap()
    })
}

fn cell_row() -> impl Strategy<Value = CellRow> {
    (100..=u32::MAX, counts()).prop_map(|(multiplier, (all, others))| CellRow {
        multiplier: Multiplier::from_hundredths(multiplier),
        nearby: Nearby::new(all, others).unwrap(),
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
        supply in supply(),
        demand in btree_map(cell(), any::<u32>(), 0..5),
        (told, untold) in (btree_map(cell(), cell_row(), 0..5), btree_set(cell(), 0..5)),
        (supply_at, demand_at, version) in (at(), at(), any::<u64>()),
        (one, row) in (cell(), cell_row()),
    ) {
        let region = Region::new("x").unwrap();
        let market = MarketRow { supply, supply_at, demand, demand_at, told, untold, version };
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

const HERE: &str = "882a1072d7fffff";

fn class(number: u32) -> VehicleClass {
    VehicleClass::new(number).unwrap()
}

/// A market with three drivers in a cell, so many of them of the second class.
fn market_row(others: u32) -> (Cell, MarketRow) {
    let cell: Cell = HERE.parse().unwrap();
    let of_class = BTreeMap::from([(cell, others)]);
    let told = CellRow {
        multiplier: Multiplier::from_hundredths(150),
        nearby: Nearby::new(3, [(class(1), others)]).unwrap(),
    };
    let row = MarketRow {
        supply: Supply::new([(cell, 3)].into(), [(class(1), of_class)].into()).unwrap(),
        supply_at: Timestamp::from_micros(7),
        demand: [(cell, 5)].into(),
        demand_at: Timestamp::from_micros(8),
        told: [(cell, told)].into(),
        untold: [].into(),
        version: 9,
    };
    (cell, row)
}

#[test]
fn a_market_of_one_class_is_written_as_before_there_were_classes() {
    let region = Region::new("x").unwrap();
    let (cell, mut row) = market_row(0);
    let doc = format!(
        r#"{{"supply_at_us":7,"demand_at_us":8,"supply":{{"{HERE}":3}},"demand":{{"{HERE}":5}},"told":{{"{HERE}":[150,3]}}}}"#
    );
    let expected = Item::from([
        (KEY.to_owned(), "market#x".into()),
        (VERSION.to_owned(), Value::Number(1)),
        ("market_version".to_owned(), Value::Number(9)),
        (DOC.to_owned(), doc.into()),
    ]);
    assert_eq!(encode_market(&region, &row), expected);
    assert_eq!(decode_market(&expected).as_ref(), Ok(&row));
    row.untold = [cell].into();
    let untold = text(&encode_market(&region, &row), DOC).unwrap().to_owned();
    assert!(
        untold.ends_with(&format!(r#","untold":["{HERE}"]}}"#)),
        "{untold}"
    );
    let expected = Item::from([
        (KEY.to_owned(), format!("cell#x#{HERE}").into()),
        (VERSION.to_owned(), Value::Number(1)),
        ("market_version".to_owned(), Value::Number(9)),
        ("multiplier_hundredths".to_owned(), Value::Number(150)),
        (NEARBY.to_owned(), Value::Number(3)),
    ]);
    assert_eq!(encode_cell(&region, cell, row.told[&cell], 9), expected);
    assert_eq!(decode_cell(&expected), Ok(row.told[&cell]));
}

#[test]
fn classes_of_a_market_that_cannot_be_are_damage() {
    let region = Region::new("x").unwrap();
    let (cell, row) = market_row(2);
    let good = encode_cell(&region, cell, row.told[&cell], 9);
    assert_eq!(good[NEARBY], Value::Number(3));
    assert_eq!(good[NEARBY_BY_CLASS], r#"{"1":2}"#.into());
    let cell_with = |value: Value| {
        let mut item = good.clone();
        item.insert(NEARBY_BY_CLASS.to_owned(), value);
        decode_cell(&item).unwrap_err().to_string()
    };
    let attribute = format!("item \"cell#x#{HERE}\", attribute nearby_by_class");
    assert_eq!(
        cell_with(r#"{"16":1}"#.into()),
        format!("{attribute}: found 16, expected a vehicle class from 1 to 15")
    );
    assert_eq!(
        cell_with(r#"{"1":2,"2":2}"#.into()),
        format!(
            "{attribute}: found 4 drivers of those classes among 3, expected no more than there are"
        )
    );
    assert_eq!(
        cell_with(Value::Number(2)),
        format!("{attribute}: found the number 2, expected a text")
    );
    let damaged = cell_with("{1}".into());
    let beginning = format!("{attribute}: found {{1}}, expected numbers by vehicle class: ");
    assert!(damaged.starts_with(&beginning), "{damaged}");

    let good = encode_market(&region, &row);
    let too_many = "drivers of those classes among";
    let damages = [
        (r#"class":{"1":{"#, r#"class":{"16":{"#, "16".to_owned()),
        (r#"{"1":2}"#, r#"{"0":2}"#, "0".to_owned()),
        (r#"{"1":2}"#, r#"{"1":4}"#, format!("4 {too_many} 3")),
        (r#":3},"#, r#":1},"#, format!("2 {too_many} 1")),
        (
            r#""told":{"#,
            r#""told":{},"_":{"#,
            format!("{HERE} told of classes alone"),
        ),
        (
            r#""told":{"#,
            r#""untold":["nowhere"],"told":{"#,
            "nowhere".to_owned(),
        ),
    ];
    for (found, instead, damage) in damages {
        let mut item = good.clone();
        let doc = text(&item, DOC).unwrap().replace(found, instead);
        item.insert(DOC.to_owned(), doc.into());
        let error = decode_market(&item).unwrap_err();
        assert_eq!((error.attribute, error.found), (DOC, damage), "{instead}");
    }
}

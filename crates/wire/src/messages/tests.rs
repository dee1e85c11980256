//! Round trips, and what is said of what cannot be read.

use super::*;
use domain::{Place, Resolution, VehicleClass};

fn event(kind: TripEventKind) -> TripEvent {
    TripEvent {
        key: HoldKey {
            trip: TripId(0xabc),
            attempt: Attempt(2),
            driver: DriverId(u64::MAX),
        },
        sequence: 3,
        kind,
        at: Timestamp::from_micros(1_700_000_000_123_456),
        stamps: Stamps {
            accepted_at: Some(Timestamp::from_micros(1)),
            arrived_at: Some(Timestamp::from_micros(-2)),
            picked_up_at: None,
            dropped_off_at: Some(Timestamp::MAX),
        },
    }
}

#[test]
fn every_kind_of_event_survives() {
    for kind in [
        TripEventKind::Accepted,
        TripEventKind::Declined,
        TripEventKind::Expired,
        TripEventKind::Arrived,
        TripEventKind::PickedUp,
        TripEventKind::DroppedOff,
        TripEventKind::NoShow,
    ] {
        assert_eq!(decode_event(&encode_event(&event(kind))), Ok(event(kind)));
    }
}

#[test]
fn rings_and_snapshots_survive() {
    let region = Region::new("new-york").unwrap();
    let ring = Ring {
        region: region.clone(),
        round: Round(i64::MIN),
    };
    assert_eq!(Ring::decode(&ring.encode()), Ok(ring));
    let cells = BTreeMap::from([(cell(), u32::MAX)]);
    let class = |number| VehicleClass::new(number).unwrap();
    let one = |number| (class(number), BTreeMap::from([(cell(), 1)]));
    let of_three = Supply::new(cells.clone(), [one(1), one(15)].into()).unwrap();
    for side in [
        SnapshotSide::Demand(cells.clone()),
        SnapshotSide::Supply(cells.into()),
        SnapshotSide::Supply(of_three),
    ] {
        let snapshot = Snapshot {
            region: region.clone(),
            side,
            at: Timestamp::from_micros(7),
        };
        assert_eq!(Snapshot::decode(&snapshot.encode()), Ok(snapshot));
    }
}

fn cell() -> Cell {
    Cell::of(
        Place::new(40.7, -74.0).unwrap(),
        Resolution::new(8).unwrap(),
    )
}

#[test]
fn the_shape_is_the_one_that_is_documented() {
    let ring = Ring {
        region: Region::new("x").unwrap(),
        round: Round(5),
    };
    assert_eq!(ring.encode(), r#"{"v":1,"region":"x","round":5}"#);
    let snapshot = |side| Snapshot {
        region: Region::new("x").unwrap(),
        side,
        at: Timestamp::from_micros(7),
    };
    let cells = BTreeMap::from([(cell(), 3)]);
    assert_eq!(
        snapshot(SnapshotSide::Demand(cells.clone())).encode(),
        r#"{"v":1,"region":"x","side":"demand","at_us":7,"cells":{"882a1072d7fffff":3}}"#
    );
    assert_eq!(
        snapshot(SnapshotSide::Supply(cells.clone().into())).encode(),
        r#"{"v":1,"region":"x","side":"supply","at_us":7,"cells":{"882a1072d7fffff":3}}"#,
        "as it was before there were classes"
    );
    let class = VehicleClass::new(2).unwrap();
    let of_class = BTreeMap::from([(cell(), 1)]);
    let of_two = Supply::new(cells, [(class, of_class)].into()).unwrap();
    assert_eq!(
        snapshot(SnapshotSide::Supply(of_two)).encode(),
        concat!(
            r#"{"v":1,"region":"x","side":"supply","at_us":7,"cells":{"882a1072d7fffff":3},"#,
            r#""classes":{"2":{"882a1072d7fffff":1}}}"#
        )
    );
}

#[test]
fn a_snapshot_of_classes_that_cannot_be_is_damaged() {
    let with = |classes: &str| {
        let before =
            r#"{"v":1,"region":"x","side":"supply","at_us":0,"cells":{"882a1072d7fffff":3}"#;
        let text = format!(r#"{before},"classes":{classes}}}"#);
        Snapshot::decode(&text).map_err(|why| why.to_string())
    };
    let of = |found: &str, expected: &str| {
        let what = "classes of a market snapshot";
        Err(format!("{what}: found {found:?}, expected {expected}"))
    };
    let class = "a vehicle class from 1 to 15";
    assert_eq!(with(r#"{"16":{}}"#), of("16", class));
    assert_eq!(with(r#"{"0":{"882a1072d7fffff":1}}"#), of("0", class));
    assert_eq!(with(r#"{"1":{"nowhere":1}}"#), of("nowhere", "an H3 cell"));
    assert_eq!(
        with(r#"{"1":{"882a1072d7fffff":2},"2":{"882a1072d7fffff":2}}"#),
        of(
            "4 drivers of those classes among 3",
            "no more than there are"
        )
    );
    assert_eq!(with("{}"), with(r#"{"1":{"882a1072d7fffff":0}}"#));
    assert!(with("{}").is_ok());
}

#[test]
fn what_cannot_be_read_is_named() {
    let newer = Ring::decode(r#"{"v":2,"area":"x"}"#).unwrap_err();
    assert_eq!(newer.to_string(), "found version 2 of a ring, expected 1");
    let same_shape = Ring::decode(r#"{"v":2,"region":"x","round":5}"#).unwrap_err();
    assert_eq!(same_shape, newer);
    let damaged = decode_event("{}").unwrap_err();
    assert!(matches!(damaged, MessageError::Shape { .. }), "{damaged}");
    let wrong = Ring::decode(r#"{"v":1,"region":"New York","round":5}"#).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        r#"region of a ring: found "New York", expected a region of a-z, 0-9 and -"#
    );
    let cell =
        Snapshot::decode(r#"{"v":1,"region":"x","side":"supply","at_us":0,"cells":{"nowhere":1}}"#);
    assert!(
        matches!(cell, Err(MessageError::Field { field: "cells", .. })),
        "{cell:?}"
    );
}

//! Round trips, and what is said of what cannot be read.

use super::*;
use domain::{Place, Resolution};

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
    let cell = Cell::of(
        Place::new(40.7, -74.0).unwrap(),
        Resolution::new(8).unwrap(),
    );
    let snapshot = Snapshot {
        region,
        side: SnapshotSide::Demand,
        at: Timestamp::from_micros(7),
        cells: BTreeMap::from([(cell, u32::MAX)]),
    };
    assert_eq!(Snapshot::decode(&snapshot.encode()), Ok(snapshot));
}

#[test]
fn the_shape_is_the_one_that_is_documented() {
    let ring = Ring {
        region: Region::new("x").unwrap(),
        round: Round(5),
    };
    assert_eq!(ring.encode(), r#"{"v":1,"region":"x","round":5}"#);
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

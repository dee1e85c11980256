//! What drivers, gateways and clients of Redis send, from bytes to the fleet: whatever it is, no panic, and the
//! fleet stays consistent.
#![no_main]

use domain::{DriverId, Place, Space, Timestamp};
use fleet::{FleetPolicy, Nearby, Ping, SharedFleet};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use wire::grpc::{self, v1};
use wire::resp::geo::{Command, Members};
use wire::resp::{CommandLimits, Reader};

const LIMITS: CommandLimits = CommandLimits {
    words: 100,
    bytes: 10_000,
};

fuzz_target!(|bytes: &[u8]| {
    let fleet = SharedFleet::new(Space::Sphere, FleetPolicy::default());
    let now = Timestamp::from_millis(1_000);
    if let Ok(v1::DriverMessage {
        message: Some(v1::driver_message::Message::Ping(ping)),
    }) = v1::DriverMessage::decode(bytes)
        && let Ok(place) = grpc::place(ping.place, "ping.place")
    {
        let ping = Ping {
            sequence: ping.sequence,
            place,
            sent_at: Timestamp::from_micros(ping.sent_at_us),
        };
        fleet.lock().ping(DriverId(1), ping, now);
    }
    if let Ok(batch) = v1::PingBatch::decode(bytes)
        && let Ok(rows) = grpc::batched_pings(&batch)
        && let Ok(vehicles) = grpc::batched_vehicles(&batch)
    {
        let pings = rows.filter_map(|row| {
            let ping = Ping {
                sequence: row.sequence,
                place: row.place?,
                sent_at: row.sent_at,
            };
            Some((row.driver, ping))
        });
        let mut fleet = fleet.lock();
        fleet.pings(pings, now, |_| ());
        for (driver, class) in vehicles {
            fleet.set_vehicle(driver, class);
        }
    }
    let mut reader = Reader::default();
    let mut members = Members::default();
    let mut rest = bytes;
    while let Ok(Some((words, taken))) = reader.read(rest, LIMITS) {
        match Command::read(words, &mut members) {
            Ok(Some(Command::GeoAdd { .. })) => fleet.lock().all_go_online(&members.places, now),
            Ok(Some(Command::GeoSearch(search))) => {
                let found = fleet.nearest(Nearby {
                    radius_m: Some(search.radius_m),
                    ..Nearby::any(search.place, search.count)
                });
                assert!(found.iter().all(|it| it.distance_m <= search.radius_m));
            }
            Ok(Some(Command::Remove)) => {
                for driver in &members.drivers {
                    fleet.lock().go_offline(*driver, now);
                }
            }
            _ => {}
        }
        rest = &rest[taken..];
    }
    let counts = fleet.lock().counts();
    let here = Place::new(0.0, 0.0).expect("a place");
    let found = fleet.nearest(Nearby::any(here, counts.online + 1));
    assert_eq!(found.len(), counts.available);
    let ways: Vec<f64> = found.iter().map(|candidate| candidate.distance_m).collect();
    assert!(ways.is_sorted(), "nearest first");
});

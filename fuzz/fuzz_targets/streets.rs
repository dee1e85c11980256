//! A packed network of streets, from bytes to ways: whatever they are, and though their fingerprint is right, an error or
//! a network that is driven on without a panic.
#![no_main]

use std::hash::Hasher as _;

use domain::travel::Streets as _;
use libfuzzer_sys::fuzz_target;
use roads::Network;
use twox_hash::XxHash64;

/// Nodes between which ways are looked for.
const ENDS: usize = 8;

fuzz_target!(|body: &[u8]| {
    // As they are, bytes hardly ever get past the fingerprint.
    let mut hasher = XxHash64::with_seed(0);
    hasher.write(body);
    let mut bytes = b"rushhour streets\x03\0\0\0".to_vec();
    bytes.extend(hasher.finish().to_le_bytes());
    bytes.extend(body);
    let Ok((network, fingerprint)) = Network::unpack(&bytes) else {
        return;
    };
    assert_eq!(network.pack().1, fingerprint);
    let places = network.graph().places();
    let ends: Vec<_> = places
        .iter()
        .take(ENDS)
        .chain(places.iter().rev().take(ENDS))
        .collect();
    // Each hour may have streets of its own.
    for hour in 0..24 {
        for from in &ends {
            for to in &ends {
                network.path(**from, **to, hour);
            }
            network.ways_to(**from, places, hour);
        }
    }
});

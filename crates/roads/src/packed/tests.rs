use domain::Place;
use domain::travel::Streets;
use proptest::prelude::*;

use super::*;
use crate::graph::{Draft, Street};
use crate::town::some_town;

fn town(seed: u64, columns: u32, rows: u32) -> Option<Network> {
    Network::new(some_town(seed, columns, rows)).ok()
}

/// The same bytes with the fingerprint that they have.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let fingerprint = Fingerprint::of_bytes(&bytes[HEAD..]);
    bytes[HEAD - 8..HEAD].copy_from_slice(&fingerprint.0.to_le_bytes());
    bytes
}

fn refused(bytes: &[u8]) -> UnpackError {
    Network::unpack(bytes).expect_err("these bytes are no network")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_unpacked_is_what_was_packed(seed in 0..1_000_u64, columns in 2..9_u32, rows in 2..9_u32) {
        let Some(network) = town(seed, columns, rows) else {
            return Ok(());
        };
        let bytes = network.pack();
        let (again, fingerprint) = Network::unpack(&bytes).unwrap();
        prop_assert_eq!(fingerprint, network.fingerprint());
        prop_assert_eq!(again.survey(), network.survey());
        prop_assert_eq!(again.graph(), network.graph());
        prop_assert_eq!(&again.pack(), &bytes);
        let places = network.graph().places();
        for (from, to) in places.iter().zip(places.iter().rev()) {
            let (way, path) = network.path(*from, *to).unwrap();
            let (same_way, same_path) = again.path(*from, *to).unwrap();
            prop_assert_eq!(way, same_way);
            prop_assert_eq!(path, same_path);
        }
    }

    /// Whatever a byte is changed to, with a fingerprint that does not tell of it: an error, or a network that finds ways.
    #[test]
    fn forged_bytes_do_no_harm(seed in 0..50_u64, at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let Some(network) = town(seed, 4, 4) else {
            return Ok(());
        };
        let mut bytes = network.pack();
        let at = HEAD + at.index(bytes.len() - HEAD);
        bytes[at] = to;
        if let Ok((network, _)) = Network::unpack(&sealed(bytes)) {
            let places = network.graph().places().to_vec();
            for (from, to) in places.iter().zip(places.iter().rev()) {
                network.path(*from, *to);
                network.ways_to(*to, &places);
            }
        }
    }
}

#[test]
fn damaged_bytes_are_told_from_others() {
    let bytes = town(7, 5, 5).unwrap().pack();
    assert_eq!(refused(b""), UnpackError::NoNetwork);
    assert_eq!(
        refused(b"node,lat,lon\n1,48.0,11.0\n"),
        UnpackError::NoNetwork
    );
    assert_eq!(refused(&bytes[..20]), UnpackError::NoNetwork);
    for cut in [HEAD, HEAD + 1, bytes.len() - 1] {
        assert!(matches!(
            refused(&bytes[..cut]),
            UnpackError::Damaged { .. }
        ));
        let inconsistent = refused(&sealed(bytes[..cut].to_vec()));
        assert!(matches!(inconsistent, UnpackError::Inconsistent(_)));
    }
    let mut longer = bytes.clone();
    longer.push(0);
    let more = UnpackError::Inconsistent("more bytes than they tell of");
    assert_eq!(refused(&sealed(longer)), more);
    let mut flipped = bytes.clone();
    flipped[HEAD + 100] ^= 1;
    assert!(matches!(refused(&flipped), UnpackError::Damaged { .. }));
    let mut newer = bytes;
    newer[MARK.len()] = 2;
    let error = refused(&newer);
    assert_eq!(error, UnpackError::Version { found: 2 });
    let said = "found streets packed in version 2, expected version 1: pack them anew";
    assert_eq!(error.to_string(), said);
}

#[test]
fn a_way_that_is_longer_than_told_is_found_out() {
    let corner = |at: f64| Place::from_metres(at * 100.0, (at % 2.0) * 10.0);
    let street = |from, to| Street {
        from,
        to,
        length_m: 100.0,
        speed_kmh: 36.0,
    };
    let there = (0..9).map(|at| street(at, at + 1));
    let draft = Draft {
        places: (0..10).map(|at| corner(f64::from(at))).collect(),
        streets: there.flat_map(|it| [it, it.back()]).collect(),
    };
    let network = Network::new(draft).unwrap();
    assert!(
        network.hierarchy().arcs() > network.graph().edges(),
        "a chain has shortcuts"
    );
    let mut bytes = network.pack();
    // The last number of all is what a shortcut or a street costs.
    let last = bytes.len() - 8;
    bytes[last] ^= 1;
    let wrong = UnpackError::Inconsistent("shortcuts of other streets");
    assert_eq!(refused(&sealed(bytes)), wrong);
}

#[test]
fn fingerprints_are_read_as_they_are_written() {
    let (one, other) = (town(1, 4, 4).unwrap(), town(2, 4, 4).unwrap());
    let text = one.fingerprint().to_string();
    assert_eq!(text.len(), 16);
    assert_eq!(text.parse(), Ok(one.fingerprint()));
    assert_ne!(one.fingerprint(), other.fingerprint());
    for text in ["", "abc", "+123456789abcdef", "0123456789ABCDEF"] {
        let error = text.parse::<Fingerprint>().unwrap_err();
        assert!(error.to_string().contains("16 digits"), "{error}");
    }
}

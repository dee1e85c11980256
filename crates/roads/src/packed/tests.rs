use domain::Place;
use domain::travel::Streets;
use proptest::prelude::*;

use super::*;
use crate::draft::{Draft, Street};
use crate::town::{rush_hours, some_turns};

fn town(seed: u64, columns: u32, rows: u32) -> Option<Network> {
    Network::in_traffic(some_turns(seed, columns, rows, 0.1), &rush_hours()).ok()
}

/// One hour of each flow.
const EACH_FLOW: [usize; 3] = [0, 8, 17];

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
        let (bytes, packed_as) = network.pack();
        let (again, fingerprint) = Network::unpack(&bytes).unwrap();
        prop_assert_eq!(fingerprint, packed_as);
        prop_assert_eq!(again.survey(), network.survey());
        prop_assert_eq!(again.graph(), network.graph());
        prop_assert_eq!(&again.pack().0, &bytes);
        let places = network.graph().places();
        for hour in EACH_FLOW {
            for (from, to) in places.iter().zip(places.iter().rev()) {
                let (way, path) = network.path(*from, *to, hour).unwrap();
                let (same_way, same_path) = again.path(*from, *to, hour).unwrap();
                prop_assert_eq!(way, same_way);
                prop_assert_eq!(path, same_path);
            }
        }
    }

    /// Whatever a byte is changed to, with a fingerprint that does not tell of it: an error, or a network that finds ways.
    #[test]
    fn forged_bytes_do_no_harm(seed in 0..50_u64, at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let Some(network) = town(seed, 4, 4) else {
            return Ok(());
        };
        let (mut bytes, _) = network.pack();
        let at = HEAD + at.index(bytes.len() - HEAD);
        bytes[at] = to;
        if let Ok((network, _)) = Network::unpack(&sealed(bytes)) {
            let places = network.graph().places().to_vec();
            for hour in EACH_FLOW {
                for (from, to) in places.iter().zip(places.iter().rev()) {
                    network.path(*from, *to, hour);
                    network.ways_to(*to, &places, hour);
                }
            }
        }
    }
}

#[test]
fn damaged_bytes_are_told_from_others() {
    let (bytes, _) = town(7, 5, 5).unwrap().pack();
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
    newer[MARK.len()] = 4;
    let error = refused(&newer);
    assert_eq!(error, UnpackError::Version { found: 4 });
    let said = "found streets packed in version 4, expected version 3: pack them anew";
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
        class: None,
    };
    let there = (0..9).map(|at| street(at, at + 1));
    let draft = Draft {
        places: (0..10).map(|at| corner(f64::from(at))).collect(),
        streets: there.flat_map(|it| [it, it.back()]).collect(),
        ..Draft::default()
    };
    let network = Network::new(draft).unwrap();
    assert!(
        network.flows().0[0].hierarchy.arcs() > network.graph().edges(),
        "a chain has shortcuts"
    );
    let (mut bytes, _) = network.pack();
    // The last number of all is what a shortcut or a street costs.
    let last = bytes.len() - 8;
    bytes[last] ^= 1;
    let wrong = UnpackError::Inconsistent("shortcuts of other streets");
    assert_eq!(refused(&sealed(bytes)), wrong);
}

/// A graph as bytes, then a hierarchy in which each node is more important than the next, of these arcs up and none down.
fn forged(places: &[Place], first: &[u32], to: &[u32], up: &[(u32, u32, u32)]) -> Vec<u8> {
    forged_corners(places, &[], first, to, up)
}

/// The same with corners that are several nodes.
fn forged_corners(
    places: &[Place],
    others: &[(u32, u32)],
    first: &[u32],
    to: &[u32],
    up: &[(u32, u32, u32)],
) -> Vec<u8> {
    let cost = Cost::new(10_000, 1_000);
    let mut body = Writer::default();
    for count in [0, 0, 1] {
        body.count(count);
    }
    body.all([[0]; HOURS]);
    body.count(places.len());
    body.count(to.len());
    body.all(places.iter().map(|place| place.to_e7().0.to_le_bytes()));
    body.all(places.iter().map(|place| place.to_e7().1.to_le_bytes()));
    body.count(0);
    body.count(others.len());
    body.all(others.iter().map(|(corner, _)| corner.to_le_bytes()));
    body.all(others.iter().map(|(_, node)| node.to_le_bytes()));
    body.all(first.iter().map(|it| it.to_le_bytes()));
    body.all(to.iter().map(|it| it.to_le_bytes()));
    body.all(to.iter().map(|_| cost.to_le_bytes()));
    let nodes = 0..places.len() as u32;
    body.all(nodes.clone().map(u32::to_le_bytes));
    let starts = |up: &[(u32, u32, u32)]| {
        let ends = nodes
            .clone()
            .map(|node| up.iter().filter(|arc| arc.0 <= node).count() as u32);
        std::iter::once(0)
            .chain(ends)
            .map(u32::to_le_bytes)
            .collect::<Vec<_>>()
    };
    for arcs in [up, &[]] {
        body.count(arcs.len());
        body.all(starts(arcs));
        body.all(arcs.iter().map(|(_, to, _)| to.to_le_bytes()));
        body.all(arcs.iter().map(|(_, _, via)| via.to_le_bytes()));
        body.all(arcs.iter().map(|_| cost.to_le_bytes()));
    }
    let mut bytes = [&MARK[..], &VERSION.to_le_bytes(), &[0; 8]].concat();
    bytes.extend(body.0);
    sealed(bytes)
}

#[test]
fn forged_streets_and_shortcuts_are_found_out() {
    const NO_VIA: u32 = u32::MAX;
    let at = |lat: f64| Place::new(lat, 11.0).unwrap();
    let near = [at(48.0), at(48.001)];
    let there_and_back = (&[0, 1, 2][..], &[1, 0][..]);
    let (first, to) = there_and_back;
    let good = Network::unpack(&forged(&near, first, to, &[(1, 0, NO_VIA)]));
    assert!(good.is_ok(), "{good:?}");
    let streets = UnpackError::Inconsistent("a street that leads nowhere");
    assert_eq!(refused(&forged(&near[..1], &[0, 1], &[0], &[])), streets);
    let nothing = refused(&forged(&[], &[0], &[], &[]));
    assert!(
        nothing.to_string().contains("found 0 streets of no length"),
        "{nothing}"
    );
    let apart = refused(&forged(&[at(48.0), at(50.0)], first, to, &[]));
    assert!(apart.to_string().contains("222390 m apart"), "{apart}");
    let twice = [(1, 0, NO_VIA), (1, 0, NO_VIA)];
    let disorder = UnpackError::Inconsistent("shortcuts that lead down, or in disorder");
    assert_eq!(refused(&forged(&near, first, to, &twice)), disorder);
    assert_eq!(
        refused(&forged(&near, first, to, &[(0, 1, NO_VIA)])),
        disorder
    );
    let wrong = UnpackError::Inconsistent("shortcuts of other streets");
    for via in [0, 1, 2] {
        assert_eq!(refused(&forged(&near, first, to, &[(1, 0, via)])), wrong);
    }
}

#[test]
fn forged_corners_are_found_out() {
    let at = |lat: f64| Place::new(lat, 11.0).unwrap();
    let (first, to) = (&[0, 1, 2][..], &[1, 0][..]);
    let cannot_be = UnpackError::Inconsistent("corners that cannot be");
    for (others, places) in [
        (&[(0, 1)][..], [at(48.0), at(48.001)]),
        (&[(0, 2)], [at(48.0); 2]),
        (&[(1, 0)], [at(48.0); 2]),
        (&[(0, 1), (0, 1)], [at(48.0); 2]),
    ] {
        let forged = forged_corners(&places, others, first, to, &[]);
        assert_eq!(refused(&forged), cannot_be, "{others:?}");
    }
    let nowhere = UnpackError::Inconsistent("a street that leads nowhere");
    let forged = forged_corners(&[at(48.0); 2], &[(0, 1)], first, to, &[]);
    assert_eq!(refused(&forged), nowhere);
}

#[test]
fn hours_of_flows_that_there_are_not_are_found_out() {
    let (bytes, _) = town(7, 5, 5).unwrap().pack();
    // Behind the counts of what was left out.
    let flows = HEAD + 2 * size_of::<u64>();
    let first_hour = flows + size_of::<u64>();
    assert_eq!((bytes[flows], bytes[first_hour + 17]), (3, 2));
    let hours = UnpackError::Inconsistent("hours that traffic cannot have");
    for (at, to) in [(first_hour + 17, 3), (flows, 2), (flows, 0), (flows, 200)] {
        let mut forged = bytes.clone();
        forged[at] = to;
        assert_eq!(refused(&sealed(forged)), hours, "{at} {to}");
    }
}

#[test]
fn fingerprints_are_read_as_they_are_written() {
    let [(_, one), (_, other)] = [1, 2].map(|seed| town(seed, 4, 4).unwrap().pack());
    let text = one.to_string();
    assert_eq!(text.len(), 16);
    assert_eq!(text.parse(), Ok(one));
    assert_ne!(one, other);
    for text in ["", "abc", "+123456789abcdef", "0123456789ABCDEF"] {
        let error = text.parse::<Fingerprint>().unwrap_err();
        assert!(error.to_string().contains("16 digits"), "{error}");
    }
}

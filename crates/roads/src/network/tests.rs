use domain::Space;
use kernel::{Stream, Streams};
use proptest::prelude::*;

use super::*;
use crate::dijkstra::Dijkstra;
use crate::graph::Street;
use crate::town::some_town as town;

/// Anywhere in a town, or a little outside.
fn anywhere(network: &Network, stream: &mut Stream) -> Place {
    let places = network.graph.places();
    let place = places[stream.below(places.len())];
    let mut off = || stream.uniform_in(-0.002, 0.002);
    Place::new(place.lat() + off(), place.lon() + off()).unwrap()
}

/// The way between two kerbs by Dijkstra's algorithm on the graph with the kerbs as nodes of it.
fn plainly(network: &Network, from: Place, to: Place) -> Cost {
    let (from, to) = (
        network.snap.nearest(from).unwrap(),
        network.snap.nearest(to).unwrap(),
    );
    let graph = &network.graph;
    let mut plain = Dijkstra::new(graph);
    let mut best = on_one_street(&from, &to);
    for (first, there) in leaving(&from) {
        for (last, rest) in arriving(&to) {
            if let Some(cost) = plain.cost(graph, first, last) {
                best = best.min(there + cost + rest);
            }
        }
    }
    best
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn ways_paths_and_many_ways_agree(seed in 0..1_000_u64, columns in 2..9_u32, rows in 2..9_u32) {
        let Ok(network) = Network::new(town(seed, columns, rows)) else {
            return Ok(());
        };
        let mut stream = Streams::new(seed).stream("places", 0);
        let places: Vec<Place> = (0..8).map(|_| anywhere(&network, &mut stream)).collect();
        for &to in &places {
            let many = network.ways_to(to, &places);
            for (&from, known) in places.iter().zip(many) {
                let expected = way(plainly(&network, from, to));
                prop_assert_eq!(network.way(from, to), Some(expected));
                prop_assert_eq!(known, Some(expected));
                let (found, path) = network.path(from, to).unwrap();
                prop_assert_eq!(found, expected);
                prop_assert_eq!(Some(path.begins()), network.kerb(from));
                prop_assert_eq!(Some(path.ends()), network.kerb(to));
                let last = path.points()[path.points().len() - 1];
                prop_assert!((last.metres - found.distance_m).abs() < 1e-9);
                prop_assert!(found.duration.is_zero() || (last.share - 1.0).abs() < 1e-9);
                // Streets of a town are up to a tenth longer than straight, and a way is made of streets.
                let straight: f64 = path
                    .points()
                    .windows(2)
                    .map(|pair| Space::Sphere.distance_m(pair[0].place, pair[1].place))
                    .sum();
                let rounding_m = path.points().len() as f64;
                prop_assert!(straight <= found.distance_m + rounding_m);
                prop_assert!(found.distance_m <= straight * 1.1 + 2.0 * rounding_m);
            }
        }
    }
}

/// Three streets in a row from west to east, 100 m each at 36 km/h; the middle one leads east only, and from its end
/// there is a way round.
fn row() -> Network {
    let at = |east_m: f64| Place::from_metres(east_m, 0.0);
    let street = |from, to, length_m| Street {
        from,
        to,
        length_m,
        speed_kmh: 36.0,
    };
    Network::new(Draft {
        places: [0.0, 100.0, 200.0, 300.0].map(at).to_vec(),
        streets: vec![
            street(0, 1, 100.0),
            street(1, 0, 100.0),
            street(1, 2, 100.0),
            street(2, 3, 100.0),
            street(3, 2, 100.0),
            street(3, 0, 5_000.0),
        ],
    })
    .unwrap()
}

#[test]
fn a_car_goes_down_a_one_way_and_round_to_come_back() {
    let network = row();
    let at = |east_m: f64| Place::from_metres(east_m, 10.0);
    let metres = |from: f64, to: f64| network.way(at(from), at(to)).unwrap().distance_m;
    // Within one street, both ways and one way.
    assert!((metres(20.0, 70.0) - 50.0).abs() < 0.2);
    assert!((metres(70.0, 20.0) - 50.0).abs() < 0.2);
    assert!((metres(120.0, 170.0) - 50.0).abs() < 0.2);
    assert!((metres(50.0, 250.0) - 200.0).abs() < 0.2);
    // Back up the one-way: on to its end, around, and in again.
    assert!((metres(170.0, 120.0) - (30.0 + 100.0 + 5_000.0 + 100.0 + 20.0)).abs() < 0.5);
    assert!(metres(150.0, 150.0).abs() < 1e-9);
    // From a corner any street may be taken, though the nearest one leads elsewhere.
    assert!((metres(100.0, 20.0) - 80.0).abs() < 0.2);
    assert!((metres(20.0, 200.0) - 180.0).abs() < 0.2);
}

#[test]
fn places_far_from_all_streets_have_no_way() {
    let network = row();
    let (near, far) = (
        Place::from_metres(10.0, 0.0),
        Place::from_metres(0.0, 5_000.0),
    );
    assert_eq!(network.kerb(far), None);
    assert_eq!(network.way(near, far), None);
    assert_eq!(network.way(far, near), None);
    assert!(network.path(far, near).is_none());
    assert_eq!(network.ways_to(far, &[near, far]), [None, None]);
    assert_eq!(
        network.ways_to(near, &[near, far]),
        [Some(way(Cost::ZERO)), None]
    );
    assert_eq!(network.ways_to(near, &[]), []);
}

#[test]
fn what_is_left_out_is_told() {
    let mut draft = town(1, 6, 6);
    let island = draft.places.len() as u32;
    draft.places.extend([Place::new(48.1, 11.0).unwrap(); 2]);
    draft.streets.push(Street {
        from: island,
        to: island + 1,
        length_m: 10.0,
        speed_kmh: 30.0,
    });
    let network = Network::new(draft).unwrap();
    assert!(network.survey().dropped.nodes >= 2);
    let text = network.survey().to_string();
    assert!(
        text.contains("left out, because not all others are reached"),
        "{text}"
    );
    assert!((20.0..90.0).contains(&network.survey().mean_kmh), "{text}");
}

#[test]
fn the_mean_speed_is_that_of_all_metres() {
    let speed = row().mean_speed_mps();
    assert!((speed - 10.0).abs() < 1e-9, "{speed}");
}

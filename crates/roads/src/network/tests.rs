use domain::Space;
use kernel::{Stream, Streams};
use proptest::prelude::*;

use super::*;
use crate::dijkstra::Dijkstra;
use crate::draft::Street;
use crate::town::{blocks, rush_hours, some_town as town, some_turns};
use crate::turns::Turn;

/// When all streets are free.
const NIGHT: usize = 0;

/// Anywhere in a town, or a little outside.
fn anywhere(network: &Network, stream: &mut Stream) -> Place {
    let places = network.graph().places();
    let place = places[stream.below(places.len())];
    let mut off = || stream.uniform_in(-0.002, 0.002);
    Place::new(place.lat() + off(), place.lon() + off()).unwrap()
}

/// The way between two kerbs by Dijkstra's algorithm on the graph with the kerbs as nodes of it.
fn plainly(network: &Network, from: Place, to: Place, hour: usize) -> Cost {
    let flow = network.flow(hour);
    let [from, to] = [from, to].map(|place| flow.stand(&network.snap.nearest(place).unwrap()));
    let graph = &flow.graph;
    let mut plain = Dijkstra::new(graph);
    let mut best = from.down_to(&to);
    for (first, there) in from.leaving() {
        for (last, rest) in to.arriving() {
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
    fn ways_paths_and_many_ways_agree(
        seed in 0..1_000_u64,
        columns in 2..9_u32,
        rows in 2..9_u32,
        forbidden in prop::sample::select(vec![0.0, 0.1]),
    ) {
        let draft = some_turns(seed, columns, rows, forbidden);
        let Ok(network) = Network::in_traffic(draft, &rush_hours()) else {
            return Ok(());
        };
        let mut stream = Streams::new(seed).stream("places", 0);
        let places: Vec<Place> = (0..8).map(|_| anywhere(&network, &mut stream)).collect();
        for (number, &to) in (0..).zip(&places) {
            let hour = [NIGHT, 8, 17][number % 3];
            let many = network.ways_to(to, &places, hour);
            for (&from, known) in places.iter().zip(many) {
                let expected = way(plainly(&network, from, to, hour));
                prop_assert_eq!(network.way(from, to, hour), Some(expected));
                prop_assert_eq!(known, Some(expected));
                let (found, path) = network.path(from, to, hour).unwrap();
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
        class: None,
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
        ..Draft::default()
    })
    .unwrap()
}

#[test]
fn a_car_goes_down_a_one_way_and_round_to_come_back() {
    let network = row();
    let at = |east_m: f64| Place::from_metres(east_m, 10.0);
    let metres = |from: f64, to: f64| network.way(at(from), at(to), NIGHT).unwrap().distance_m;
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

/// A square of 100 m, driven either way, with a street of 100 m from each of its corners outwards: 0 to 3 around it, and
/// 4 to 7 at the ends. Who comes from the south of corner 0, from 4, may not turn right into 1.
fn square() -> Network {
    let corners = [
        (0.0, 0.0),
        (1.0, 0.0),
        (1.0, 1.0),
        (0.0, 1.0),
        (0.0, -1.0),
        (1.0, -1.0),
        (1.0, 2.0),
        (0.0, 2.0),
    ];
    let ends = [
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 0),
        (0, 4),
        (1, 5),
        (2, 6),
        (3, 7),
    ];
    let turn = Turn {
        from: 4,
        via: 0,
        to: 1,
    };
    Network::new(blocks(&corners, &ends, vec![turn])).unwrap()
}

#[test]
fn who_stands_in_a_street_keeps_to_forbidden_turns_and_who_stands_on_the_corner_does_not_turn() {
    let networks = [square(), Network::unpack(&square().pack().0).unwrap().0];
    for network in networks {
        let metres = |from: (f64, f64), to: (f64, f64)| {
            let [from, to] = [from, to].map(|(east, north)| Place::from_metres(east, north));
            let way = network.way(from, to, NIGHT).unwrap();
            let many = network.ways_to(to, &[from], NIGHT);
            assert_eq!(many, [Some(way)]);
            assert_eq!(network.path(from, to, NIGHT).unwrap().0, way);
            way.distance_m.round()
        };
        // From the south into the street to the east: on to the next corner, round there, and left.
        assert_eq!(
            metres((0.0, -50.0), (50.0, 0.0)),
            50.0 + 100.0 + 100.0 + 50.0
        );
        assert_eq!(metres((50.0, 0.0), (0.0, -50.0)), 100.0);
        assert_eq!(metres((0.0, 50.0), (50.0, 0.0)), 100.0);
        // Who stops on the corner goes on by any street.
        assert_eq!(metres((0.0, -50.0), (0.0, 0.0)), 50.0);
        assert_eq!(metres((0.0, 0.0), (50.0, 0.0)), 50.0);
        assert_eq!(
            metres((0.0, -50.0), (100.0, 50.0)),
            50.0 + 100.0 + 100.0 + 50.0
        );
        assert_eq!(
            network.survey().to_string(),
            "8 nodes, 16 streets from node to node, 2 km, 36 km/h in the mean, forbidden turns: 1"
        );
    }
}

#[test]
fn places_far_from_all_streets_have_no_way() {
    let network = row();
    let (near, far) = (
        Place::from_metres(10.0, 0.0),
        Place::from_metres(0.0, 5_000.0),
    );
    assert_eq!(network.kerb(far), None);
    assert_eq!(network.way(near, far, NIGHT), None);
    assert_eq!(network.way(far, near, NIGHT), None);
    assert!(network.path(far, near, NIGHT).is_none());
    assert_eq!(network.ways_to(far, &[near, far], NIGHT), [None, None]);
    assert_eq!(
        network.ways_to(near, &[near, far], NIGHT),
        [Some(way(Cost::ZERO)), None]
    );
    assert_eq!(network.ways_to(near, &[], NIGHT), []);
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
        class: None,
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

/// An artery of 2 km at 72 km/h from west to east, and a lane of 3 km at 36 km/h around it.
fn artery_and_lane() -> Draft {
    let mut draft = Draft {
        places: [(0.0, 0.0), (2_000.0, 0.0), (1_000.0, 900.0)]
            .map(|(east_m, north_m)| Place::from_metres(east_m, north_m))
            .to_vec(),
        ..Draft::default()
    };
    for (from, to, length_m, speed_kmh, class) in [
        (0, 1, 2_000.0, 72.0, "primary"),
        (0, 2, 1_500.0, 36.0, "residential"),
        (2, 1, 1_500.0, 36.0, "residential"),
    ] {
        let street = Street {
            from,
            to,
            length_m,
            speed_kmh,
            class: draft.classes.class(class),
        };
        draft.streets.extend([street, street.back()]);
    }
    draft
}

#[test]
fn who_leaves_when_the_artery_is_full_goes_around_it() {
    let network = Network::in_traffic(artery_and_lane(), &rush_hours()).unwrap();
    let ends = [network.graph().place(0), network.graph().place(1)];
    for (hour, metres, seconds) in [
        // At seven and at nine nobody is in the way; at eight a fifth of the artery's speed is left, at five half of it.
        (7, 2_000.0, 100),
        (8, 3_000.0, 300),
        (9, 2_000.0, 100),
        (17, 2_000.0, 200),
    ] {
        let way = Way {
            distance_m: metres,
            duration: Duration::from_secs(seconds),
        };
        assert_eq!(network.way(ends[0], ends[1], hour), Some(way), "{hour}");
        assert_eq!(network.ways_to(ends[1], &ends[..1], hour), [Some(way)]);
        let (found, path) = network.path(ends[0], ends[1], hour).unwrap();
        assert_eq!(found, way);
        let lane = network.graph().place(2);
        let goes_around = path.points().iter().any(|point| point.place == lane);
        assert_eq!(goes_around, metres > 2_500.0);
    }
}

#[test]
fn of_parallel_streets_the_faster_one_of_the_hour_is_taken() {
    let mut draft = artery_and_lane();
    let beside = Street {
        length_m: 2_100.0,
        speed_kmh: 42.0,
        class: draft.classes.find("residential"),
        ..draft.streets[0]
    };
    draft.streets.extend([beside, beside.back()]);
    let network = Network::in_traffic(draft, &rush_hours()).unwrap();
    let network = Network::unpack(&network.pack().0).unwrap().0;
    let ends = [network.graph().place(0), network.graph().place(1)];
    for (hour, metres, seconds) in [(7, 2_000.0, 100), (8, 2_100.0, 180), (17, 2_100.0, 180)] {
        let way = Way {
            distance_m: metres,
            duration: Duration::from_secs(seconds),
        };
        assert_eq!(network.way(ends[0], ends[1], hour), Some(way), "{hour}");
        assert_eq!(network.way(ends[1], ends[0], hour), Some(way), "{hour}");
    }
}

#[test]
fn what_traffic_leaves_of_the_mean_speed_is_told() {
    let network = Network::in_traffic(artery_and_lane(), &rush_hours()).unwrap();
    // 5 km in 400 s; at eight the artery's 2 km take 500 s instead of 100.
    assert!((network.mean_speed_mps() - 12.5).abs() < 1e-9);
    let shares = [0, 8, 17].map(|hour| network.speed_share(hour));
    for (found, expected) in shares.iter().zip([1.0, 0.5, 0.8]) {
        assert!((found - expected).abs() < 1e-9, "{shares:?}");
    }
    let text = network.survey().to_string();
    let told = "45 km/h in the mean, 22 km/h when traffic is slowest";
    assert!(text.contains(told), "{text}");
}

#[test]
fn traffic_in_streets_that_there_are_not_is_refused() {
    let mut draft = artery_and_lane();
    draft.classes = Default::default();
    let error = Network::in_traffic(draft, &rush_hours()).unwrap_err();
    let said =
        "traffic: period 1: found the class `primary`, expected none: the streets have no class";
    assert_eq!(error.to_string(), said);
}

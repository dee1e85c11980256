//! Files of streets, good and bad.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, in which a panic is the message"
)]

mod osm_file;

use std::fs;
use std::path::PathBuf;

use domain::Place;
use domain::travel::Streets;
use rushhour_roads::{Network, csv, osm};
use tempfile::TempDir;

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

/// A block: three streets both ways, and one that leads only from 3 to 0.
const NODES: &str =
    "id,lat,lon,name\n0,55.000,3.000,a\nb,55.000,3.010,\n2,55.005,3.010,\n3,55.005,3.000,\n";
const EDGES: &str = "to,from,speed_kmh,oneway,length_m,class\nb,0,50,,,avenue\n2,b,,no,600,\n3,2,36,0,,lane\n0,3,72,YES,1000,avenue\n";

#[test]
fn nodes_and_edges_become_streets() {
    let files = Files::new();
    let nodes = files.write("nodes.csv", NODES);
    let edges = files.write("edges.csv", EDGES);
    let draft = csv::read(&nodes, &edges, None).unwrap();
    assert_eq!((draft.places.len(), draft.streets.len()), (4, 7));
    assert!((draft.streets[0].length_m - 637.8).abs() < 1.0);
    assert!((draft.streets[2].length_m - 600.0).abs() < 1e-9);
    assert!((draft.streets[2].speed_kmh - csv::SPEED_KMH).abs() < 1e-9);
    let [avenue, lane] = ["avenue", "lane"].map(|name| draft.classes.find(name));
    let classes: Vec<_> = draft.streets.iter().map(|it| it.class).collect();
    assert_eq!(classes, [avenue, avenue, None, None, lane, lane, avenue]);
    assert!(avenue.is_some() && lane.is_some() && avenue != lane);
    let network = Network::new(draft).unwrap();
    let at = |lat, lon| Place::new(lat, lon).unwrap();
    let down = network.way(at(55.005, 3.0), at(55.0, 3.0), 0).unwrap();
    assert!((down.distance_m - 1_000.0).abs() < 1e-9);
    assert!((down.duration.as_secs_f64() - 50.0).abs() < 1e-3);
    let up = network.way(at(55.0, 3.0), at(55.005, 3.0), 0).unwrap();
    assert!(
        (up.distance_m - (637.8 + 600.0 + 637.7)).abs() < 1.0,
        "{up:?}"
    );
}

#[test]
fn wrong_files_name_the_line() {
    let files = Files::new();
    let read = |nodes: &str, edges: &str| {
        let nodes = files.write("nodes.csv", nodes);
        let edges = files.write("edges.csv", edges);
        csv::read(&nodes, &edges, None).unwrap_err().to_string()
    };
    for (nodes, edges, expected) in [
        (
            "id,lat\n1,2\n",
            EDGES,
            "nodes.csv:1: found the columns `id, lat`, expected `id`, `lat`, `lon` among them",
        ),
        (
            "id,lat,lon\n1,91,3\n",
            EDGES,
            "nodes.csv:2: found the latitude \"91\", expected a number from -90 to 90",
        ),
        (
            "id,lat,lon\n1,1,NaN\n",
            EDGES,
            "nodes.csv:2: found the longitude \"NaN\"",
        ),
        (
            "id,lat,lon\n1,1,1\n1,2,2\n",
            EDGES,
            "nodes.csv:3: found the id \"1\", expected each id once",
        ),
        ("id,lat,lon\n1,1\n", EDGES, "nodes.csv: cannot be read"),
        ("", EDGES, "nodes.csv:1: found the columns ``"),
        (
            NODES,
            "from\n0\n",
            "edges.csv:1: found the columns `from`, expected `from`, `to`",
        ),
        (
            NODES,
            "from,to\n0,b\n0,9\n",
            "edges.csv:3: found to \"9\", expected the id of a node",
        ),
        (
            NODES,
            "from,to,speed_kmh\n0,b,0\n",
            "edges.csv:2: found the speed \"0\", expected a number from 1 to 200",
        ),
        (
            NODES,
            "from,to,length_m\n0,b,-3\n",
            "edges.csv:2: found the length \"-3\"",
        ),
        (
            NODES,
            "from,to,oneway\n0,b,maybe\n",
            "edges.csv:2: found oneway \"maybe\"",
        ),
        (
            NODES,
            &(0..65).fold("from,to,class\n".to_owned(), |edges, it| {
                format!("{edges}0,b,{it}\n")
            }),
            "edges.csv:66: found one more class, \"64\", expected at most 64 classes",
        ),
        (
            "id,lat,lon\n0,0,0\nb,50,50\n",
            "from,to\n0,b\n",
            "edges.csv:2: found a street of \"7",
        ),
    ] {
        let text = read(nodes, edges);
        assert!(text.contains(expected), "{text} has {expected}");
    }
    let missing = csv::read(
        &files.folder.path().join("none.csv"),
        &files.write("e", EDGES),
        None,
    );
    let text = missing.unwrap_err().to_string();
    assert!(text.contains("none.csv: cannot be read"), "{text}");
}

#[test]
fn forbidden_turns_are_read_beside_nodes_and_edges() {
    let files = Files::new();
    let nodes = files.write("nodes.csv", NODES);
    let edges = files.write("edges.csv", EDGES);
    let read = |turns: &str| {
        let turns = files.write("turns.csv", turns);
        csv::read(&nodes, &edges, Some(&turns))
    };
    let draft = read("to,via,from,why\n2,b,0,no left\n3,2,b,\n").unwrap();
    let turns: Vec<_> = draft
        .turns
        .iter()
        .map(|it| (it.from, it.via, it.to))
        .collect();
    assert_eq!(turns, [(0, 1, 2), (1, 2, 3)]);
    assert_eq!(read("from,via,to\n").unwrap().turns, []);
    for (turns, expected) in [
        (
            "from,to\n0,b\n",
            "turns.csv:1: found the columns `from, to`, expected `from`, `via`, `to` among them",
        ),
        (
            "from,via,to\n0,b,2\n0,b,9\n",
            "turns.csv:3: found to \"9\", expected the id of a node",
        ),
        (
            "from,via,to\n0,3,2\n",
            "turns.csv:2: found no street from \"0\" to \"3\", expected a turn from street to street",
        ),
    ] {
        let text = read(turns).unwrap_err().to_string();
        assert!(text.contains(expected), "{text} has {expected}");
    }
}

#[test]
fn files_of_nothing_are_no_network() {
    let files = Files::new();
    let network = |nodes: &str, edges: &str| {
        let nodes = files.write("nodes.csv", nodes);
        let edges = files.write("edges.csv", edges);
        Network::new(csv::read(&nodes, &edges, None).unwrap())
            .unwrap_err()
            .to_string()
    };
    assert!(network("id,lat,lon\n", "from,to\n").contains("found 0 nodes and no street"));
    assert!(network(NODES, "from,to\n").contains("found 4 nodes and no street"));
    let apart = network(NODES, "from,to,oneway\n0,b,1\nb,2,1\n");
    assert!(
        apart.contains("found 4 nodes of which no two reach each other"),
        "{apart}"
    );
    let no_length = network(NODES, "from,to,length_m\n0,b,0\n");
    assert!(
        no_length.contains("found 2 streets of no length"),
        "{no_length}"
    );
}

/// Four corners of a block.
const CORNERS: [osm_file::Node; 4] = [
    (70, 55.000, 3.000),
    (-3, 55.000, 3.010),
    (9_000_000_000, 55.005, 3.010),
    (12, 55.005, 3.000),
];

#[test]
fn an_extract_becomes_the_streets_that_cars_may_use() {
    let files = Files::new();
    let ways: [osm_file::Way<'_>; 12] = [
        (
            &[70, -3, 9_000_000_000],
            &[("highway", "residential"), ("name", "Main Street")],
        ),
        (
            &[9_000_000_000, 12],
            &[
                ("highway", "primary"),
                ("oneway", "yes"),
                ("access", "destination"),
                ("maxspeed", "50 mph"),
            ],
        ),
        (
            &[70, 12],
            &[("highway", "secondary_link"), ("oneway", "-1")],
        ),
        (&[12, 99], &[("highway", "primary")]),
        (&[70, 9_000_000_000], &[("highway", "footway")]),
        (
            &[70, 9_000_000_000],
            &[("highway", "service"), ("access", "private")],
        ),
        (
            &[70, 9_000_000_000],
            &[
                ("highway", "service"),
                ("access", "yes"),
                ("motor_vehicle", "no"),
            ],
        ),
        (
            &[70, 9_000_000_000],
            &[("highway", "residential"), ("area", "yes")],
        ),
        (
            &[70, 9_000_000_000],
            &[("highway", "service"), ("access", "emergency")],
        ),
        (
            &[70, 9_000_000_000],
            &[("highway", "service"), ("vehicle", "permit")],
        ),
        (&[70, 9_000_000_000], &[("building", "yes")]),
        (
            &[-3, 12],
            &[
                ("highway", "tertiary"),
                ("junction", "roundabout"),
                ("maxspeed", "signals"),
            ],
        ),
    ];
    let path = files.write("town.osm.pbf", osm_file::extract(&CORNERS, &ways, &[]));
    let draft = osm::read(&path).unwrap();
    // Nodes by id: -3, 12, 70, nine billion.
    assert_eq!(draft.places.len(), 4);
    assert!(
        (draft.places[2].lat() - 55.0).abs() < 1e-6 && (draft.places[2].lon() - 3.0).abs() < 1e-6
    );
    let streets: Vec<_> = draft
        .streets
        .iter()
        .map(|it| {
            (
                it.from,
                it.to,
                it.speed_kmh.round() as u32,
                it.length_m.round() as u32,
            )
        })
        .collect();
    assert_eq!(
        streets,
        [
            (2, 0, 30, 638),
            (0, 2, 30, 638),
            (0, 3, 30, 556),
            (3, 0, 30, 556),
            (3, 1, 80, 638),
            (1, 2, 45, 556),
            (0, 1, 45, 846),
        ]
    );
    let classes: Vec<_> = draft.streets.iter().map(|it| it.class).collect();
    let [side_street, primary, secondary, roundabout] =
        ["residential", "primary", "secondary", "tertiary"].map(|name| draft.classes.find(name));
    assert_eq!(classes[..4], [side_street; 4]);
    assert_eq!(classes[4..], [primary, secondary, roundabout]);
    // Nothing is known of what cars may not use.
    assert!(secondary.is_some() && draft.classes.find("service").is_none());
    let network = Network::new(draft).unwrap();
    assert_eq!(network.survey().dropped.nodes, 0);
}

#[test]
fn what_is_no_extract_says_so() {
    let files = Files::new();
    let whole = osm_file::extract(&CORNERS, &[(&[70, -3], &[("highway", "residential")])], &[]);
    for (name, content) in [
        (
            "text.osm.pbf",
            &b"<osm version='0.6'></osm>, and some more"[..],
        ),
        ("cut.osm.pbf", &whole[..whole.len() - 9]),
        (
            "tail.osm.pbf",
            &[&whole[..], &[0, 0, 0, 5, 1, 2, 3, 4, 5]].concat(),
        ),
    ] {
        let text = osm::read(&files.write(name, content))
            .unwrap_err()
            .to_string();
        assert!(
            text.contains(name) && text.contains("expected an extract as .osm.pbf"),
            "{text}"
        );
    }
    let empty = osm::read(&files.write("empty.osm.pbf", "")).unwrap();
    let error = Network::new(empty).unwrap_err().to_string();
    assert!(error.contains("found 0 nodes and no street"), "{error}");
    let no_ways = files.write("sea.osm.pbf", osm_file::extract(&CORNERS, &[], &[]));
    assert!(Network::new(osm::read(&no_ways).unwrap()).is_err());
    assert!(osm::read(&files.folder.path().join("none")).is_err());
}

/// A crossing, 5 in the middle: ways 1 from the south, 2 from the east, 3 to the north and 4 from the west, all driven either
/// way, and 5, one-way from the south-west to the north-east through the middle.
fn forbidden(relations: &[osm_file::Relation<'_>]) -> Vec<(u32, u32, u32)> {
    let nodes: [osm_file::Node; 7] = [
        (1, 54.999, 3.000),
        (2, 55.000, 3.002),
        (3, 55.001, 3.000),
        (4, 55.000, 2.998),
        (5, 55.000, 3.000),
        (6, 54.999, 2.998),
        (7, 55.001, 3.002),
    ];
    let road = &[("highway", "residential")][..];
    let ways: [osm_file::Way<'_>; 5] = [
        (&[1, 5], road),
        (&[2, 5], road),
        (&[5, 3], road),
        (&[4, 5], road),
        (&[6, 5, 7], &[("highway", "residential"), ("oneway", "yes")]),
    ];
    let files = Files::new();
    let path = files.write(
        "crossing.osm.pbf",
        osm_file::extract(&nodes, &ways, relations),
    );
    let draft = osm::read(&path).unwrap();
    // Nodes are numbered by id, from 0.
    let turns = draft.turns.iter();
    turns
        .map(|it| (it.from + 1, it.via + 1, it.to + 1))
        .collect()
}

#[test]
fn an_extract_tells_which_turns_are_forbidden() {
    const NODE: u64 = 0;
    const WAY: u64 = 1;
    let over = |from, to| [(WAY, from, "from"), (NODE, 5, "via"), (WAY, to, "to")];
    let left = over(1, 4);
    let restriction = ("type", "restriction");
    let no_left = ("restriction", "no_left_turn");
    assert_eq!(forbidden(&[(&[restriction, no_left], &left)]), [(1, 5, 4)]);
    let round = over(2, 2);
    let no_u_turn = [restriction, ("restriction", "no_u_turn")];
    assert_eq!(forbidden(&[(&no_u_turn, &round)]), [(2, 5, 2)]);
    // The only way on: all others are none, and to turn round is none.
    let on = over(1, 3);
    let only = [restriction, ("restriction", "only_straight_on")];
    let others = [(1, 5, 1), (1, 5, 2), (1, 5, 4), (1, 5, 7)];
    assert_eq!(forbidden(&[(&only, &on)]), others);
    // A one-way through the corner is come in by from one side and left by the other.
    let through = over(5, 5);
    let no_straight_on = [restriction, ("restriction", "no_straight_on")];
    assert_eq!(forbidden(&[(&no_straight_on, &through)]), [(6, 5, 7)]);
    // Several ways in.
    let entry = [
        (WAY, 1, "from"),
        (WAY, 2, "from"),
        (NODE, 5, "via"),
        (WAY, 3, "to"),
    ];
    let no_entry = [restriction, ("restriction", "no_exit")];
    assert_eq!(forbidden(&[(&no_entry, &entry)]), [(1, 5, 3), (2, 5, 3)]);
    let cars = [restriction, ("restriction:motorcar", "no_left_turn")];
    assert_eq!(forbidden(&[(&cars, &left)]), [(1, 5, 4)]);
}

#[test]
fn what_an_extract_says_to_others_or_not_over_a_corner_forbids_nothing() {
    const NODE: u64 = 0;
    const WAY: u64 = 1;
    let left = [(WAY, 1, "from"), (NODE, 5, "via"), (WAY, 4, "to")];
    let restriction = ("type", "restriction");
    let no_left = ("restriction", "no_left_turn");
    let except = [restriction, no_left, ("except", "bicycle; motorcar")];
    let lorries = [restriction, ("restriction:hgv", "no_left_turn")];
    let hours = [
        restriction,
        ("restriction:conditional", "no_left_turn @ (07:00-09:00)"),
    ];
    let words = [restriction, ("restriction", "give_way")];
    let route = [("type", "route"), no_left];
    for tags in [&except[..], &lorries, &hours, &words, &route] {
        assert_eq!(forbidden(&[(tags, &left)]), [], "{tags:?}");
    }
    let over_a_way = [(WAY, 1, "from"), (WAY, 2, "via"), (WAY, 4, "to")];
    let over_two = [
        (WAY, 1, "from"),
        (NODE, 5, "via"),
        (NODE, 3, "via"),
        (WAY, 4, "to"),
    ];
    let not_there = [(WAY, 1, "from"), (NODE, 5, "via"), (WAY, 99, "to")];
    let elsewhere = [(WAY, 1, "from"), (NODE, 3, "via"), (WAY, 4, "to")];
    let against = [(WAY, 1, "from"), (NODE, 1, "via"), (WAY, 1, "to")];
    for members in [&over_a_way[..], &over_two, &not_there, &elsewhere] {
        assert_eq!(
            forbidden(&[(&[restriction, no_left], members)]),
            [],
            "{members:?}"
        );
    }
    // At the end of a street nobody turns round.
    assert_eq!(
        forbidden(&[(&[restriction, no_left], &against)]),
        [(5, 1, 5)]
    );
    let only = [restriction, ("restriction", "only_left_turn")];
    assert_eq!(forbidden(&[(&only, &not_there)]), []);
}

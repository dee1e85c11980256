//! A network from an extract of OpenStreetMap (`.osm.pbf`): the ways that cars may use, every bend of them a node.
//!
//! Which ways those are, how fast, and in which directions, follows the tags `highway`, `maxspeed`, `oneway`,
//! `junction`, `access`, `motor_vehicle` and `area` (wiki.openstreetmap.org, Key:highway and those). A street's class is
//! its `highway`, `motorway_link` being a `motorway`. Turns are forbidden by
//! relations (`restrictions`).

mod restrictions;

use std::collections::BTreeMap;
use std::path::Path;

use domain::{Place, Space};
use osmpbf::{Element, ElementReader, TagIter, Way};

use crate::draft::{
    Draft, NODES_MAX, SPEED_MAX_KMH, SPEED_MIN_KMH, STREET_MAX_M, STREETS_MAX, Street,
};
use crate::file::{FileError, open};
use crate::traffic::{Class, Classes};

use restrictions::{Restriction, Ways};

/// Kilometres in a mile.
const KM_PER_MILE: f64 = 1.609_344;

/// Which way along its nodes a way may be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Both,
    Forward,
    Backward,
}

/// What matters of a way that cars may use.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Drivable {
    speed_kmh: f64,
    direction: Direction,
    class: Option<Class>,
}

/// Reads the drivable ways of an extract, and where their nodes are. What lies beyond the edge of the extract is left
/// out.
///
/// # Errors
/// If the file cannot be read, is no extract, or holds more than a network may.
pub fn read(path: &Path) -> Result<Draft, FileError> {
    let mut ways = Ways::new();
    let mut forbidding: Vec<Restriction> = Vec::new();
    let mut classes = Classes::default();
    let mut nodes: BTreeMap<i64, Option<Place>> = BTreeMap::new();
    // Nodes come before ways in a file: ways are read first, so that of all nodes only theirs are kept.
    elements(path, |element| match element {
        Element::Way(way) => {
            // What is too much is said below; here it is only not kept.
            let is_within = nodes.len() <= NODES_MAX;
            if let Some(drivable) = drivable(&way, &mut classes).filter(|_| is_within) {
                let refs: Vec<i64> = way.refs().collect();
                nodes.extend(refs.iter().map(|id| (*id, None)));
                ways.insert(way.id(), (drivable, refs));
            }
        }
        Element::Relation(relation) => forbidding.extend(Restriction::read(&relation)),
        _ => {}
    })?;
    let too_many = |what: &str, limit: usize| {
        let message =
            format!("found more than {limit} {what}, expected fewer: cut the extract to the city");
        FileError::unreadable(path, message)
    };
    if nodes.len() > NODES_MAX {
        return Err(too_many("nodes", NODES_MAX));
    }
    elements(path, |element| {
        let (id, lat, lon) = match element {
            Element::Node(node) => (node.id(), node.lat(), node.lon()),
            Element::DenseNode(node) => (node.id(), node.lat(), node.lon()),
            _ => return,
        };
        if let Some(known) = nodes.get_mut(&id) {
            *known = Place::new(lat, lon).ok();
        }
    })?;
    let (mut draft, mut numbers) = (Draft::default(), BTreeMap::new());
    draft.classes = classes;
    for (id, place) in &nodes {
        if let Some(place) = place {
            numbers.insert(*id, draft.places.len() as u32);
            draft.places.push(*place);
        }
    }
    for (drivable, refs) in ways.values() {
        for pair in refs.windows(2) {
            let ends = (numbers.get(&pair[0]), numbers.get(&pair[1]));
            if let (Some(&from), Some(&to)) = ends {
                add(&mut draft, *drivable, from, to);
            }
        }
        if draft.streets.len() > STREETS_MAX {
            return Err(too_many("streets", STREETS_MAX));
        }
    }
    draft.turns = restrictions::turns(&forbidding, &ways, &numbers, &draft.streets);
    Ok(draft)
}

fn elements(path: &Path, of: impl FnMut(Element<'_>)) -> Result<(), FileError> {
    let read = ElementReader::new(open(path)?).for_each(of);
    read.map_err(|error| {
        FileError::unreadable(path, format!("{error}, expected an extract as .osm.pbf"))
    })
}

fn add(draft: &mut Draft, drivable: Drivable, from: u32, to: u32) {
    let ends = [from, to].map(|node| draft.places[node as usize]);
    let street = Street {
        from,
        to,
        // Longer ones are slips of the map.
        length_m: Space::Sphere.distance_m(ends[0], ends[1]).min(STREET_MAX_M),
        speed_kmh: drivable.speed_kmh,
        class: drivable.class,
    };
    if drivable.direction != Direction::Backward {
        draft.streets.push(street);
    }
    if drivable.direction != Direction::Forward {
        draft.streets.push(street.back());
    }
}

/// What is said of something under a key.
fn tag<'a>(mut tags: TagIter<'a>, key: &str) -> Option<&'a str> {
    let found = tags.find(|(known, _)| *known == key);
    found.map(|(_, value)| value)
}

fn drivable(way: &Way<'_>, classes: &mut Classes) -> Option<Drivable> {
    let tag = |key| tag(way.tags(), key);
    let class = tag("highway")?;
    let usual_kmh = usual_speed_kmh(class)?;
    if tag("area") == Some("yes") {
        return None;
    }
    // The narrower tag decides.
    let access = ["motorcar", "motor_vehicle", "vehicle", "access"];
    let access = access.iter().find_map(|key| tag(key));
    if !access.is_none_or(is_open) {
        return None;
    }
    let stated_kmh = tag("maxspeed").and_then(speed_kmh);
    let is_one_way_by_itself =
        class == "motorway" || matches!(tag("junction"), Some("roundabout" | "circular"));
    Some(Drivable {
        speed_kmh: stated_kmh
            .unwrap_or(usual_kmh)
            .clamp(SPEED_MIN_KMH, SPEED_MAX_KMH),
        direction: match tag("oneway") {
            Some("yes" | "true" | "1") => Direction::Forward,
            Some("-1" | "reverse") => Direction::Backward,
            Some("no" | "false" | "0") => Direction::Both,
            _ if is_one_way_by_itself => Direction::Forward,
            _ => Direction::Both,
        },
        // What leads on to a street is of its class.
        class: classes.class(class.strip_suffix("_link").unwrap_or(class)),
    })
}

/// Whether a car that brings somebody may use a way of this access (wiki.openstreetmap.org, Key:access). There are many
/// more values that close one, from `private` to `emergency`, than that leave it open.
fn is_open(access: &str) -> bool {
    matches!(
        access,
        "yes"
            | "public"
            | "permissive"
            | "designated"
            | "official"
            | "destination"
            | "customers"
            | "delivery"
            | "unknown"
    )
}

/// What is driven where no limit is stated, in km/h; none where cars do not go. Assumptions, near the limits of
/// European cities.
fn usual_speed_kmh(class: &str) -> Option<f64> {
    Some(match class {
        "motorway" => 100.0,
        "trunk" => 80.0,
        "primary" => 60.0,
        "motorway_link" | "trunk_link" | "secondary" => 50.0,
        "tertiary" | "primary_link" | "secondary_link" => 45.0,
        "unclassified" | "tertiary_link" | "road" => 40.0,
        "residential" => 30.0,
        "service" => 15.0,
        "living_street" => 10.0,
        _ => return None,
    })
}

/// `50`, `50 km/h` or `30 mph`; none where it is said in words.
fn speed_kmh(text: &str) -> Option<f64> {
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit() && c != '.') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let number: f64 = number.parse().ok().filter(|it| *it > 0.0)?;
    match unit.trim() {
        "" | "km/h" | "kmh" | "kph" => Some(number),
        "mph" => Some(number * KM_PER_MILE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_with_their_units() {
        assert_eq!(speed_kmh("50"), Some(50.0));
        assert_eq!(speed_kmh("50 km/h"), Some(50.0));
        assert!((speed_kmh("30 mph").unwrap() - 48.28).abs() < 0.01);
        for words in ["DE:urban", "none", "walk", "", "50;30", "0", "-5"] {
            assert_eq!(speed_kmh(words), None, "{words}");
        }
    }
}

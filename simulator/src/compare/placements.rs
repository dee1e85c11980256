//! The placements that are compared: by name, or part by part.

use twin::sizes::Part;

use crate::exit::Failure;
use crate::scenario::model::{Host, Placement};

/// The most placements of a comparison: its table and its plots are for people.
pub const PLACEMENTS_MAX: usize = 8;
/// Names that are known.
const KNOWN: &str = "hybrid, all-lambda, all-container, scenario, or NAME:PART=lambda|container,…";

/// A placement by its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its name: a folder's, too.
    pub name: String,
    /// Where each part runs.
    pub placement: Placement,
}

/// Reads the list: names, and after `NAME:` parts with their hosts, which are laid over hybrid.
///
/// # Errors
/// Says what was found, and what was expected.
pub fn parse(list: &str, stated: &Placement) -> Result<Vec<Named>, Failure> {
    let wrong = |found: &str, expected: &str| {
        Failure::input(format!(
            "--placements: found {found:?}, expected {expected}"
        ))
    };
    let mut named: Vec<Named> = Vec::new();
    let mut open = false;
    for piece in list.split(',').map(str::trim) {
        let part = match piece.split_once(':') {
            Some((name, part)) => {
                if known(name, stated).is_some() || !is_name(name) {
                    return Err(wrong(
                        name,
                        "a name of its own, of letters, digits and dashes",
                    ));
                }
                named.push(Named {
                    name: name.to_owned(),
                    placement: Placement::default(),
                });
                open = true;
                part
            }
            None if open && piece.contains('=') => piece,
            None => {
                let placement = known(piece, stated).ok_or_else(|| wrong(piece, KNOWN))?;
                named.push(Named {
                    name: piece.to_owned(),
                    placement,
                });
                open = false;
                continue;
            }
        };
        let place = part.split_once('=').and_then(|(part, host)| {
            Some((
                Part::ALL
                    .into_iter()
                    .find(|known| known.name() == part.trim())?,
                host_of(host.trim())?,
            ))
        });
        let (part, host) = place.ok_or_else(|| {
            let parts = Part::ALL.map(Part::name).join(", ");
            wrong(
                part,
                &format!("PART=lambda or PART=container, the part one of {parts}"),
            )
        })?;
        if let Some(last) = named.last_mut() {
            *host_mut(&mut last.placement, part) = host;
        }
    }
    if named.len() > PLACEMENTS_MAX {
        return Err(wrong(list, &format!("at most {PLACEMENTS_MAX} placements")));
    }
    for (index, one) in named.iter().enumerate() {
        if named[..index]
            .iter()
            .any(|earlier| earlier.name == one.name)
        {
            return Err(wrong(&one.name, "each name once"));
        }
    }
    Ok(named)
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=40).contains(&name.len()) && name.chars().all(plain)
}

fn known(name: &str, stated: &Placement) -> Option<Placement> {
    let all = |host| Placement {
        pricing: host,
        surge: host,
        trips: host,
        matching: host,
        fleet_tracker: host,
    };
    match name {
        "hybrid" => Some(Placement::default()),
        "all-lambda" => Some(all(Host::Lambda)),
        "all-container" => Some(all(Host::Container)),
        "scenario" => Some(stated.clone()),
        _ => None,
    }
}

fn host_of(name: &str) -> Option<Host> {
    match name {
        "lambda" => Some(Host::Lambda),
        "container" => Some(Host::Container),
        _ => None,
    }
}

fn host_mut(placement: &mut Placement, part: Part) -> &mut Host {
    match part {
        Part::Pricing => &mut placement.pricing,
        Part::Surge => &mut placement.surge,
        Part::Trips => &mut placement.trips,
        Part::Matching => &mut placement.matching,
        Part::FleetTracker => &mut placement.fleet_tracker,
    }
}

/// Where a part runs.
pub fn host(placement: &Placement, part: Part) -> Host {
    *host_mut(&mut placement.clone(), part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_parts_are_read() {
        let list =
            "hybrid,mine:pricing=container,fleet-tracker=lambda,all-lambda, other:surge=container";
        let found = parse(list, &Placement::default()).unwrap();
        let names: Vec<&str> = found.iter().map(|named| named.name.as_str()).collect();
        assert_eq!(names, ["hybrid", "mine", "all-lambda", "other"]);
        assert_eq!(found[0].placement, Placement::default());
        let mine = &found[1].placement;
        assert_eq!(
            (mine.pricing, mine.fleet_tracker, mine.trips),
            (Host::Container, Host::Lambda, Host::Lambda)
        );
        assert!(
            Part::ALL
                .iter()
                .all(|part| host(&found[2].placement, *part) == Host::Lambda)
        );
        assert_eq!(found[3].placement.surge, Host::Container);
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (list, said) in [
            ("", "found \"\""),
            ("hybrid,moon", "found \"moon\", expected hybrid, all-lambda"),
            ("hybrid,pricing=lambda", "found \"pricing=lambda\""),
            (
                "mine:rides=lambda",
                "found \"rides=lambda\", expected PART=lambda",
            ),
            ("mine:pricing=ec2", "found \"pricing=ec2\""),
            ("mine:pricing", "found \"pricing\""),
            ("hybrid:pricing=lambda", "a name of its own"),
            ("../up:pricing=lambda", "a name of its own"),
            ("hybrid,hybrid", "each name once"),
        ] {
            let message = parse(list, &Placement::default()).unwrap_err().message;
            assert!(message.contains(said), "{list:?}: {message}");
        }
    }
}

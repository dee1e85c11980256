//! Forbidden turns, which an extract tells as relations (wiki.openstreetmap.org, Relation:restriction): from some ways over
//! a node into others, as what is forbidden (`no_left_turn`) or as the only turn that is not (`only_straight_on`).
//!
//! Those over ways instead of a node, and those of some hours or days (`restriction:conditional`), are passed over.

use std::collections::{BTreeMap, BTreeSet};

use osmpbf::{RelMemberType, Relation};

use super::{Direction, Drivable, tag};
use crate::draft::Street;
use crate::turns::Turn;

/// What a relation says of turns at a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Restriction {
    /// Whether these are the only turns that may be taken.
    is_only: bool,
    from: Vec<i64>,
    via: i64,
    to: Vec<i64>,
}

impl Restriction {
    /// What a relation says to cars; none if it says nothing of turns, or not over one node.
    pub(super) fn read(relation: &Relation<'_>) -> Option<Self> {
        let tag = |key| tag(relation.tags(), key);
        if tag("type") != Some("restriction") {
            return None;
        }
        // The narrower tag decides.
        let keys = [
            "restriction:motorcar",
            "restriction:motor_vehicle",
            "restriction",
        ];
        let kind = keys.iter().find_map(|key| tag(key))?;
        let is_only = kind.starts_with("only_");
        let excepted = tag("except").unwrap_or_default().split(';').map(str::trim);
        let are_cars = |kind: &str| matches!(kind, "motorcar" | "motor_vehicle" | "vehicle");
        if !(is_only || kind.starts_with("no_")) || excepted.into_iter().any(are_cars) {
            return None;
        }
        let (mut from, mut via, mut to) = (Vec::new(), Vec::new(), Vec::new());
        for member in relation.members() {
            match (member.role().ok()?, member.member_type) {
                ("from", RelMemberType::Way) => from.push(member.member_id),
                ("to", RelMemberType::Way) => to.push(member.member_id),
                ("via", RelMemberType::Node) => via.push(member.member_id),
                ("via", _) => return None,
                _ => {}
            }
        }
        let [via] = via.try_into().ok()?;
        Some(Self {
            is_only,
            from,
            via,
            to,
        })
    }
}

/// The ways of an extract by their ids, each with its nodes.
pub(super) type Ways = BTreeMap<i64, (Drivable, Vec<i64>)>;

/// The turns that restrictions forbid on streets between nodes of these numbers.
pub(super) fn turns(
    restrictions: &[Restriction],
    ways: &Ways,
    numbers: &BTreeMap<i64, u32>,
    streets: &[Street],
) -> Vec<Turn> {
    let vias = restrictions.iter().filter_map(|it| numbers.get(&it.via));
    let vias: BTreeSet<u32> = vias.copied().collect();
    let mut ends: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for street in streets.iter().filter(|it| vias.contains(&it.from)) {
        ends.entry(street.from).or_default().insert(street.to);
    }
    let mut turns = Vec::new();
    for it in restrictions {
        let Some((via, ends)) = numbers
            .get(&it.via)
            .and_then(|via| Some((*via, ends.get(via)?)))
        else {
            continue;
        };
        let beside = |of: &[i64], comes_in: bool| -> Vec<u32> {
            let ways = of.iter().filter_map(|way| ways.get(way));
            let nodes = ways.filter_map(|way| neighbour(way, it.via, comes_in));
            nodes.filter_map(|id| numbers.get(&id).copied()).collect()
        };
        let from = beside(&it.from, true);
        let mut to = beside(&it.to, false);
        if it.is_only && !to.is_empty() {
            let others = ends.iter().filter(|end| !to.contains(end));
            to = others.copied().collect();
        }
        let each = from
            .iter()
            .flat_map(|from| to.iter().map(move |to| (*from, *to)));
        turns.extend(each.map(|(from, to)| Turn { from, via, to }));
    }
    turns
}

/// The node from which a way comes to one of its nodes, or to which it goes from there; none if there is more than one.
fn neighbour((drivable, refs): &(Drivable, Vec<i64>), via: i64, comes_in: bool) -> Option<i64> {
    let pairs = refs.windows(2).map(|pair| (pair[0], pair[1]));
    let driven = |forward: (i64, i64)| {
        let backward = (forward.1, forward.0);
        match drivable.direction {
            Direction::Both => [Some(forward), Some(backward)],
            Direction::Forward => [Some(forward), None],
            Direction::Backward => [None, Some(backward)],
        }
    };
    let driven = pairs.flat_map(driven).flatten();
    let nodes: BTreeSet<i64> = driven
        .filter_map(|(from, to)| {
            let (here, other) = if comes_in { (to, from) } else { (from, to) };
            (here == via).then_some(other)
        })
        .collect();
    let only = nodes.first().copied();
    only.filter(|_| nodes.len() == 1)
}

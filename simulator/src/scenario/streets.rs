//! `[city] kind = "road"`: the network of streets that a scenario names.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use domain::travel::Streets;
use roads::traffic::{Period, Traffic};
use roads::{Network, NetworkError};

use super::model::{City, CityKind};
use super::parse::ScenarioError;

/// The files of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Files {
    Osm(PathBuf),
    Csv {
        nodes: PathBuf,
        edges: PathBuf,
        turns: Option<PathBuf>,
    },
}

impl Files {
    /// The key that names a file.
    fn key_of(&self, path: &Path) -> &'static str {
        match self {
            Self::Osm(_) => "city.network",
            Self::Csv { nodes, .. } if nodes == path => "city.nodes",
            Self::Csv { turns, .. } if turns.as_deref() == Some(path) => "city.turns",
            Self::Csv { .. } => "city.edges",
        }
    }
}

/// What was read: replicas, placements and points of a sweep drive in the same streets, unless their traffic is another,
/// and those of a large city take seconds to put in order.
static KNOWN: Mutex<Vec<(Files, Traffic, Arc<Network>)>> = Mutex::new(Vec::new());

/// The streets of a city; none if it has none.
///
/// # Errors
/// If it names no files, or too many, or they are no network, or traffic is not what it can be.
pub(super) fn network(city: &City) -> Result<Option<Arc<Network>>, ScenarioError> {
    let named = (
        city.network.clone(),
        city.nodes.clone(),
        city.edges.clone(),
        city.turns.clone(),
    );
    let files = match named {
        (None, None, None, None) if city.kind != CityKind::Road && city.traffic.is_empty() => {
            return Ok(None);
        }
        _ if city.kind != CityKind::Road => {
            let message = "found files of streets, or traffic in them, in a city of another kind, expected `kind = \"road\"`";
            return Err(ScenarioError::wrong("city.kind", message));
        }
        (Some(path), None, None, None) => Files::Osm(path),
        (None, Some(nodes), Some(edges), turns) => Files::Csv {
            nodes,
            edges,
            turns,
        },
        (network, nodes, edges, turns) => {
            let named = [
                network.map(|_| "network"),
                nodes.map(|_| "nodes"),
                edges.map(|_| "edges"),
                turns.map(|_| "turns"),
            ];
            let named: Vec<_> = named.into_iter().flatten().collect();
            let found = if named.is_empty() {
                "no files".to_owned()
            } else {
                format!("`{}`", named.join("`, `"))
            };
            let message = format!(
                "found {found} in a city of kind \"road\", expected `network` (.osm.pbf), or `nodes` and `edges` (CSV), and `turns` if some are forbidden"
            );
            return Err(ScenarioError::wrong("city", message));
        }
    };
    let periods = city.traffic.iter().map(|period| Period {
        hours: period.hours.clone(),
        speed_factor: period.speed_factor.clone(),
    });
    let wrong_traffic = |error| ScenarioError::wrong("city.traffic", error);
    let traffic = Traffic::new(periods.collect()).map_err(wrong_traffic)?;
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let is_it = |it: &&(Files, Traffic, _)| it.0 == files && it.1 == traffic;
    if let Some((.., network)) = known().iter().find(is_it) {
        return Ok(Some(network.clone()));
    }
    let (draft, last) = match &files {
        Files::Osm(path) => (roads::osm::read(path), path),
        Files::Csv {
            nodes,
            edges,
            turns,
        } => (roads::csv::read(nodes, edges, turns.as_deref()), edges),
    };
    let draft = draft.map_err(|error| ScenarioError::wrong(files.key_of(error.path()), error))?;
    let network = Network::in_traffic(draft, &traffic).map_err(|error| match error {
        NetworkError::Traffic(error) => wrong_traffic(error),
        error => ScenarioError::wrong(files.key_of(last), format!("{}: {error}", last.display())),
    })?;
    let network = Arc::new(network);
    known().push((files, traffic, network.clone()));
    Ok(Some(network))
}

/// A city driven in its streets.
///
/// # Errors
/// If none of them is in it.
pub(super) fn within(
    city: workload::city::City,
    network: Arc<Network>,
) -> Result<workload::city::City, ScenarioError> {
    let places = network.graph().places();
    if !places.iter().any(|place| city.contains(*place)) {
        let bounds = |of: fn(domain::Place) -> f64| {
            let all = places.iter().map(|place| of(*place));
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| {
                (low.min(it), high.max(it))
            })
        };
        let (south, north) = bounds(domain::Place::lat);
        let (west, east) = bounds(domain::Place::lon);
        let centre = city.centre();
        let message = format!(
            "found no street within the city around {:.4}, {:.4}, expected a centre and a radius, or zones, in which some lie: the network's are at {south:.4} to {north:.4}, {west:.4} to {east:.4}",
            centre.lat(),
            centre.lon(),
        );
        return Err(ScenarioError::wrong("city.centre", message));
    }
    Ok(city.along(network as Arc<dyn Streets>))
}

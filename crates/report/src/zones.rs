//! Where rides start: pick-ups, surge and waiting by H3 cell.

use std::collections::BTreeMap;

use domain::{Cell, Resolution};

use crate::distill::{Window, mean};
use crate::trips::TripRow;

/// Cells on a map at most: more are too small to tell apart.
pub const CELLS_MAX: usize = 320;
/// The finest cells used, about 0.1 km² each.
const FINEST: u8 = 9;
/// The coarsest cells used, about 250 km² each.
const COARSEST: u8 = 5;

/// What happened at the pick-ups of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Zone {
    /// The cell.
    pub cell: Cell,
    /// Rides requested there.
    pub requested: u64,
    /// Those that found no driver.
    pub unserved: u64,
    /// Mean surge multiplier quoted.
    pub surge_mean: f64,
    /// Mean wait from the request to the driver's arrival, in seconds.
    pub wait_s_mean: Option<f64>,
}

/// The rides requested inside the window by the cell of their pick-up, at the finest resolution that
/// has at most [`CELLS_MAX`] cells.
#[must_use]
pub fn zones(rows: &[TripRow], window: &Window) -> Vec<Zone> {
    let inside: Vec<&TripRow> = rows
        .iter()
        .filter(|row| !row.in_progress_at_start && window.holds(row.requested_at))
        .collect();
    for level in (COARSEST..=FINEST).rev() {
        let resolution = Resolution::new(level).expect("levels up to 15 exist");
        let mut cells: BTreeMap<Cell, Vec<&TripRow>> = BTreeMap::new();
        for row in &inside {
            cells
                .entry(Cell::of(row.pickup, resolution))
                .or_default()
                .push(row);
            if cells.len() > CELLS_MAX && level > COARSEST {
                break;
            }
        }
        if cells.len() <= CELLS_MAX {
            return cells
                .into_iter()
                .map(|(cell, rows)| zone(cell, &rows))
                .collect();
        }
        if level == COARSEST {
            return busiest(cells);
        }
    }
    Vec::new()
}

/// Of an area too large even for coarse cells, those with the most rides.
fn busiest(cells: BTreeMap<Cell, Vec<&TripRow>>) -> Vec<Zone> {
    let mut zones: Vec<Zone> = cells
        .into_iter()
        .map(|(cell, rows)| zone(cell, &rows))
        .collect();
    zones.sort_by_key(|zone| (std::cmp::Reverse(zone.requested), zone.cell));
    zones.truncate(CELLS_MAX);
    zones
}

fn zone(cell: Cell, rows: &[&TripRow]) -> Zone {
    let surge: Vec<f64> = rows
        .iter()
        .map(|row| f64::from(row.fare.surge.hundredths()) / 100.0)
        .collect();
    let waits: Vec<f64> = rows
        .iter()
        .filter_map(|row| Some(row.stamps.arrived_at?.since(row.asked_at()).as_secs_f64()))
        .collect();
    let unserved = rows
        .iter()
        .filter(|row| matches!(row.state, domain::trip::TripState::Unserved { .. }))
        .count();
    Zone {
        cell,
        requested: rows.len() as u64,
        unserved: unserved as u64,
        surge_mean: mean(&surge).unwrap_or(1.0),
        wait_s_mean: mean(&waits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::city::{Options, city};

    #[test]
    fn every_ride_lies_in_one_of_not_too_many_cells() {
        let city = city(Options {
            seed: 1,
            seconds: 1_200,
            drivers: 40,
            rides_per_second: 1.5,
        });
        let window = Window {
            from: city.evidence.started_at,
            until: city.evidence.ended_at,
        };
        let zones = zones(&city.rows, &window);
        assert!(
            zones.len() > 40 && zones.len() <= CELLS_MAX,
            "{}",
            zones.len()
        );
        let requested: u64 = zones.iter().map(|zone| zone.requested).sum();
        assert_eq!(requested, city.rows.len() as u64);
        assert!(zones.iter().any(|zone| zone.surge_mean > 1.0));
        assert!(zones.iter().any(|zone| zone.wait_s_mean.is_some()));
    }
}

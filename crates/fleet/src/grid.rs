//! Cells: two axes cut into equal pieces, and how far a cell lies from a point along each axis.
//!
//! Along an axis, coordinates are metres on a plane or torus and radians on the sphere. An axis covers
//! every possible coordinate, so no place falls outside.

use domain::place::METRES_PER_DEGREE;
use domain::{Place, Space};

use crate::limits::CELLS_PER_AXIS_MAX;
use crate::metric::EARTH_RADIUS_M;

/// A place as the index computes with it: `x` east and `y` north, in the units of the axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spot {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// One axis, cut into `count` cells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    origin: f64,
    cell: f64,
    cells_per_unit: f64,
    count: i32,
    wraps: bool,
}

/// Where a point lies on an axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// The cell it is in.
    pub(crate) cell: i32,
    /// From the cell's lower edge to the point.
    before: f64,
    /// From the point to the cell's upper edge.
    after: f64,
    /// The lowest offset from the cell at which there is another cell not counted on the other side.
    pub(crate) lowest: i32,
    /// The highest such offset.
    pub(crate) highest: i32,
}

impl Axis {
    fn new(origin: f64, span: f64, cell: f64, wraps: bool) -> Self {
        assert!(
            span.is_finite() && span > 0.0,
            "an axis of {span}, expected a finite extent above 0"
        );
        assert!(cell > 0.0, "cells of {cell}, expected an extent above 0");
        #[expect(
            clippy::cast_possible_truncation,
            reason = "clamped to the bounds of an i32"
        )]
        let count = (span / cell)
            .floor()
            .clamp(1.0, f64::from(CELLS_PER_AXIS_MAX)) as i32;
        let cell = span / f64::from(count);
        Self {
            origin,
            cell,
            cells_per_unit: cell.recip(),
            count,
            wraps,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float's cast saturates, then it is clamped"
    )]
    fn cell_of(&self, at: f64) -> i32 {
        (((at - self.origin) * self.cells_per_unit) as i32).clamp(0, self.count - 1)
    }

    fn standing(&self, at: f64) -> Standing {
        let cell = self.cell_of(at);
        let before = at - self.origin - f64::from(cell) * self.cell;
        let (lowest, highest) = if self.wraps {
            (-((self.count - 1) / 2), self.count / 2)
        } else {
            (-cell, self.count - 1 - cell)
        };
        Standing {
            cell,
            before,
            after: self.cell - before,
            lowest,
            highest,
        }
    }

    /// The cell at an offset between the standing's lowest and highest.
    pub(crate) fn cell_at(&self, standing: &Standing, offset: i32) -> i32 {
        let cell = standing.cell + offset;
        if cell < 0 {
            cell + self.count
        } else if cell >= self.count {
            cell - self.count
        } else {
            cell
        }
    }

    /// How far along this axis the nearest edge of the cell at an offset lies, the shorter way round.
    pub(crate) fn gap(&self, standing: &Standing, offset: i32) -> f64 {
        if offset == 0 {
            return 0.0;
        }
        let (direct, around) = if offset > 0 {
            (standing.after, standing.before)
        } else {
            (standing.before, standing.after)
        };
        let between = offset.abs() - 1;
        let direct = direct + f64::from(between) * self.cell;
        let gap = if self.wraps {
            direct.min(around + f64::from(self.count - between - 2) * self.cell)
        } else {
            direct
        };
        gap.max(0.0)
    }

    /// How far the rest of the axis is once all offsets up to `ring` either way were visited, if any is left.
    pub(crate) fn gap_beyond(&self, standing: &Standing, ring: i32) -> Option<f64> {
        let above = (ring < standing.highest).then(|| self.gap(standing, ring + 1));
        let below = (-ring > standing.lowest).then(|| self.gap(standing, -ring - 1));
        match (above, below) {
            (Some(above), Some(below)) => Some(above.min(below)),
            (one, other) => one.or(other),
        }
    }

    /// The extent of one cell.
    pub(crate) fn cell_extent(&self) -> f64 {
        self.cell
    }
}

/// The cells of a space.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    space: Space,
    pub(crate) columns: Axis,
    pub(crate) rows: Axis,
}

impl Grid {
    /// Cells of about `cell_m` metres. On the sphere that is their height and their width at the
    /// equator; they narrow towards the poles.
    pub(crate) fn new(space: Space, cell_m: f64) -> Self {
        use std::f64::consts::{FRAC_PI_2, PI, TAU};
        let (columns, rows) = match space {
            Space::Sphere => {
                let cell = cell_m / EARTH_RADIUS_M;
                (
                    Axis::new(-PI, TAU, cell, true),
                    Axis::new(-FRAC_PI_2, PI, cell, false),
                )
            }
            // A place may lie outside the city's rectangle, so the axes span what a place can say.
            Space::Plane { .. } => (
                Axis::new(
                    -180.0 * METRES_PER_DEGREE,
                    360.0 * METRES_PER_DEGREE,
                    cell_m,
                    false,
                ),
                Axis::new(
                    -90.0 * METRES_PER_DEGREE,
                    180.0 * METRES_PER_DEGREE,
                    cell_m,
                    false,
                ),
            ),
            Space::Torus { width_m, height_m } => (
                Axis::new(0.0, width_m, cell_m, true),
                Axis::new(0.0, height_m, cell_m, true),
            ),
        };
        Self {
            space,
            columns,
            rows,
        }
    }

    pub(crate) fn space(&self) -> Space {
        self.space
    }

    pub(crate) fn spot(&self, place: Place) -> Spot {
        match self.space {
            Space::Sphere => Spot {
                x: place.lon().to_radians(),
                y: place.lat().to_radians(),
            },
            Space::Plane { .. } => Spot {
                x: place.east_m(),
                y: place.north_m(),
            },
            Space::Torus { width_m, height_m } => Spot {
                x: wrapped(place.east_m(), width_m),
                y: wrapped(place.north_m(), height_m),
            },
        }
    }

    pub(crate) fn standings(&self, spot: Spot) -> (Standing, Standing) {
        (self.columns.standing(spot.x), self.rows.standing(spot.y))
    }

    /// The column and the row of the cell that a spot is in.
    pub(crate) fn cell_of(&self, spot: Spot) -> (i32, i32) {
        (self.columns.cell_of(spot.x), self.rows.cell_of(spot.y))
    }
}

fn wrapped(at: f64, extent: f64) -> f64 {
    // Nearly all places are on the torus already, and the remainder of floats is slow.
    if (0.0..extent).contains(&at) {
        at
    } else {
        at.rem_euclid(extent)
    }
}

//! Cells: two axes cut into equal pieces, and how far a cell lies from a point along each axis.
//!
//! Along an axis, coordinates are metres on a plane or torus and radians on the sphere. An axis covers
//! every possible coordinate, so no place falls outside.

use domain::place::PLANE_METRES_PER_DEGREE;
use domain::sphere::{EARTH_RADIUS_M, RADIANS_PER_E7};
use domain::{Place, Space};

use crate::limits::CELLS_PER_AXIS_MAX;

/// Blocks are squares of this many by this many cells.
pub(crate) const BLOCK_SIDE: i32 = 8;

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
    span: f64,
    cell: f64,
    cells_per_unit: f64,
    count: i32,
    wraps: bool,
}

/// Where a point lies on an axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// The cell it is in.
    cell: i32,
    /// How far from the axis' origin.
    along: f64,
}

/// Cells of an axis as seen from a standing: the offsets at which there is one not counted on the other side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offsets {
    lowest: i32,
    highest: i32,
}

impl Offsets {
    /// Those at most `ring` either way.
    pub(crate) fn within(self, ring: i32) -> std::ops::RangeInclusive<i32> {
        self.lowest.max(-ring)..=self.highest.min(ring)
    }

    pub(crate) fn contain(self, offset: i32) -> bool {
        (self.lowest..=self.highest).contains(&offset)
    }
}

/// How many pieces of the axis a search steps over at once: a cell, or a block of [`BLOCK_SIDE`] cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Cell,
    Block,
}

impl Step {
    fn cells(self) -> i32 {
        match self {
            Self::Cell => 1,
            Self::Block => BLOCK_SIDE,
        }
    }
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
            span,
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
    #[inline]
    fn cell_of(&self, at: f64) -> i32 {
        (((at - self.origin) * self.cells_per_unit) as i32).clamp(0, self.count - 1)
    }

    fn standing(&self, at: f64) -> Standing {
        Standing {
            cell: self.cell_of(at),
            along: at - self.origin,
        }
    }

    /// Whether the next cell up is nearer than the next one down.
    pub(crate) fn is_in_upper_half(&self, standing: Standing) -> bool {
        standing.along > (f64::from(standing.cell) + 0.5) * self.cell
    }

    fn pieces(&self, step: Step) -> i32 {
        (self.count - 1) / step.cells() + 1
    }

    /// Which offsets from the standing's own piece there are.
    pub(crate) fn offsets(&self, standing: Standing, step: Step) -> Offsets {
        let count = self.pieces(step);
        let own = standing.cell / step.cells();
        let (lowest, highest) = if self.wraps {
            (-((count - 1) / 2), count / 2)
        } else {
            (-own, count - 1 - own)
        };
        Offsets { lowest, highest }
    }

    /// The number of the piece at one of [`Axis::offsets`].
    #[inline]
    pub(crate) fn piece_at(&self, standing: Standing, step: Step, offset: i32) -> i32 {
        let count = self.pieces(step);
        let piece = standing.cell / step.cells() + offset;
        if piece < 0 {
            piece + count
        } else if piece >= count {
            piece - count
        } else {
            piece
        }
    }

    /// How many cells a cell is from the standing's, the shorter way round.
    #[inline]
    pub(crate) fn cells_between(&self, standing: Standing, cell: i32) -> i32 {
        let direct = (cell - standing.cell).abs();
        if self.wraps {
            direct.min(self.count - direct)
        } else {
            direct
        }
    }

    /// How far along this axis the nearest edge of a piece lies, the shorter way round.
    #[inline]
    pub(crate) fn gap(&self, standing: Standing, step: Step, piece: i32) -> f64 {
        let first = piece * step.cells();
        let last = (first + step.cells()).min(self.count);
        if (first..last).contains(&standing.cell) {
            return 0.0;
        }
        let (from, to) = (f64::from(first) * self.cell, f64::from(last) * self.cell);
        let ahead = from - standing.along;
        let behind = standing.along - to;
        let gap = if !self.wraps {
            ahead.max(behind)
        } else if first > standing.cell {
            ahead.min(behind + self.span)
        } else {
            behind.min(ahead + self.span)
        };
        gap.max(0.0)
    }

    /// How far the rest of the axis is once all offsets up to `ring` either way were visited, if any is left.
    pub(crate) fn gap_beyond(&self, standing: Standing, step: Step, ring: i32) -> Option<f64> {
        let Offsets { lowest, highest } = self.offsets(standing, step);
        let gap_at = |offset| self.gap(standing, step, self.piece_at(standing, step, offset));
        let above = (ring < highest).then(|| gap_at(ring + 1));
        let below = (-ring > lowest).then(|| gap_at(-ring - 1));
        match (above, below) {
            (Some(above), Some(below)) => Some(above.min(below)),
            (one, other) => one.or(other),
        }
    }

    /// The extent of a piece.
    pub(crate) fn extent(&self, step: Step) -> f64 {
        self.cell * f64::from(step.cells())
    }
}

/// The cells of a space.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    space: Space,
    cell_m: f64,
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
                    -180.0 * PLANE_METRES_PER_DEGREE,
                    360.0 * PLANE_METRES_PER_DEGREE,
                    cell_m,
                    false,
                ),
                Axis::new(
                    -90.0 * PLANE_METRES_PER_DEGREE,
                    180.0 * PLANE_METRES_PER_DEGREE,
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
            cell_m,
            columns,
            rows,
        }
    }

    pub(crate) fn space(&self) -> Space {
        self.space
    }

    /// The side of a cell as it was asked for, in metres.
    pub(crate) fn cell_m(&self) -> f64 {
        self.cell_m
    }

    #[inline]
    pub(crate) fn spot(&self, place: Place) -> Spot {
        match self.space {
            Space::Sphere => {
                let (lat_e7, lon_e7) = place.to_e7();
                Spot {
                    x: f64::from(lon_e7) * RADIANS_PER_E7,
                    y: f64::from(lat_e7) * RADIANS_PER_E7,
                }
            }
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
    #[inline]
    pub(crate) fn cell_of(&self, spot: Spot) -> (i32, i32) {
        (self.columns.cell_of(spot.x), self.rows.cell_of(spot.y))
    }
}

/// A coordinate of a torus between 0 and its extent.
pub(crate) fn wrapped(at: f64, extent: f64) -> f64 {
    // Nearly all places are on the torus already, and the remainder of floats is slow.
    if (0.0..extent).contains(&at) {
        at
    } else {
        at.rem_euclid(extent)
    }
}

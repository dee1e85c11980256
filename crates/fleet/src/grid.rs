//! Cells: two axes cut into equal pieces, and how far a cell lies from a point along each axis.
//!
//! Along an axis, coordinates are whole steps of 1e-7 degrees from its origin, so that finding a cell is one
//! multiplication; gaps between them are told in metres on a plane or torus and in radians on the sphere. An axis
//! covers every possible coordinate, so no place falls outside.

use domain::place::{LAT_E7_MAX, LON_E7_MAX, PLANE_METRES_PER_E7};
use domain::sphere::{EARTH_RADIUS_M, RADIANS_PER_E7};
use domain::{Place, Space};

use crate::limits::CELLS_PER_AXIS_MAX;

/// Blocks are squares of this many by this many cells.
pub(crate) const BLOCK_SIDE: i32 = 8;

/// How many cells from its own a search looks at before it asks whether there may be nearer drivers: where they are as
/// dense as cells are sized for, most of the nearest few are there.
pub(crate) const AROUND: i32 = 1;

/// 2³².
const TWO_32: f64 = 4_294_967_296.0;
/// Steps between the least and the greatest longitude there is, and latitude.
const LON_STEPS: f64 = 2.0 * LON_E7_MAX as f64;
const LAT_STEPS: f64 = 2.0 * LAT_E7_MAX as f64;

/// One axis, cut into `count` cells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    /// How long it is, in steps.
    span: f64,
    /// How long a cell is, in steps; the last may be cut short.
    cell: f64,
    /// Cells in 2³² steps.
    cells_per_2_32: u64,
    count: i32,
    wraps: bool,
    /// Of a step, in metres or radians.
    unit: f64,
}

/// Where a point lies on an axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// The cell it is in.
    cell: i32,
    /// How far from the axis' origin, in steps.
    along: f64,
}

impl Standing {
    /// The cell it is in.
    #[inline]
    pub(crate) fn cell(self) -> i32 {
        self.cell
    }

    /// How far from the axis' origin, in steps: the same however the axis is cut.
    #[inline]
    pub(crate) fn along(self) -> f64 {
        self.along
    }
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

/// A column or row of cells, and how far it is along its axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) cell: i32,
    pub(crate) gap: f64,
}

/// A standing's own column or row and the two beside it; none where the axis ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around {
    pub(crate) lines: [Option<Line>; 3],
    /// How far whatever lies beyond them is, if anything does.
    pub(crate) beyond: Option<f64>,
}

impl Axis {
    /// An axis `span` steps long with cells of about `cell` steps, of `unit` metres or radians each.
    fn new(span: f64, cell: f64, unit: f64, wraps: bool) -> Self {
        assert!(
            span.is_finite() && span > 0.0,
            "an axis of {span}, expected a finite extent above 0"
        );
        assert!(cell > 0.0, "cells of {cell}, expected an extent above 0");
        let smallest = (span / f64::from(CELLS_PER_AXIS_MAX)).max(1.0);
        let cell = cell.clamp(smallest, span.max(1.0));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and 2³², as cells are of one step to all there are"
        )]
        let cells_per_2_32 = ((TWO_32 / cell) as u64).max(1);
        let mut axis = Self {
            span,
            cell: TWO_32 / cells_per_2_32 as f64,
            cells_per_2_32,
            count: i32::MAX,
            wraps,
            unit,
        };
        axis.count = axis.cell_of(span as u32) + 1;
        axis
    }

    /// The cell of a coordinate in whole steps.
    #[inline]
    fn cell_of(&self, at: u32) -> i32 {
        ((u64::from(at) * self.cells_per_2_32) >> u32::BITS) as i32
    }

    /// The same axis with each cell cut in two.
    fn halved(self) -> Self {
        let mut axis = Self {
            cell: self.cell / 2.0,
            cells_per_2_32: self.cells_per_2_32 * 2,
            ..self
        };
        axis.count = axis.cell_of(axis.span as u32) + 1;
        axis
    }

    /// Where a point lies that is so many steps from the axis' origin.
    #[inline]
    pub(crate) fn standing(&self, along: f64) -> Standing {
        Standing {
            cell: self.cell_of(along as u32),
            along,
        }
    }

    /// A standing's own cell, the one beside it on the nearer side, and that on the farther: [`AROUND`] is 1.
    pub(crate) fn around(&self, standing: Standing) -> Around {
        let cell = standing.cell;
        let own = Some(Line { cell, gap: 0.0 });
        let edge = f64::from(cell) * self.cell;
        let down = standing.along - edge;
        let up = edge + self.cell - standing.along;
        let nearer = if up < down { 1 } else { -1 };
        if cell < 2 || self.count - cell < 4 {
            // Near an end, or where the axis meets itself.
            let at = |offset: i32| {
                let offsets = self.offsets(standing, Step::Cell);
                offsets.contain(offset).then(|| {
                    let cell = self.piece_at(standing, Step::Cell, offset);
                    let gap = self.gap(standing, Step::Cell, cell);
                    Line { cell, gap }
                })
            };
            return Around {
                lines: [own, at(nearer), at(-nearer)],
                beyond: self.gap_beyond(standing, Step::Cell, AROUND),
            };
        }
        // What lies within the step at the upper edge counts to the lower cell.
        let down = down - 1.0;
        let line = |offset: i32| {
            let gap = if offset > 0 { up } else { down };
            Some(Line {
                cell: cell + offset,
                gap: gap.max(0.0) * self.unit,
            })
        };
        Around {
            lines: [own, line(nearer), line(-nearer)],
            beyond: Some((up.min(down) + self.cell) * self.unit),
        }
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

    /// Whether the axis meets itself so soon that the far end of what is so many cells wide may be nearer the other way
    /// round than its near end.
    pub(crate) fn is_short_ring(&self, cells: i32) -> bool {
        self.wraps && self.count < 4 * cells + 8
    }

    /// Whether a cell is at most so many cells from the standing's. The cell is one of this axis halved `halvings` times,
    /// or doubled where they are less than none: then it is enough that a part of it is.
    pub(crate) fn is_within(
        &self,
        standing: Standing,
        cells: i32,
        cell: i32,
        halvings: i32,
    ) -> bool {
        if halvings >= 0 {
            return self.cells_between(standing, cell >> halvings) <= cells;
        }
        let first = cell << -halvings;
        let last = first.max((first + (1 << -halvings)).min(self.count) - 1);
        let nearest = standing.cell.clamp(first, last);
        [first, nearest, last]
            .into_iter()
            .any(|cell| self.cells_between(standing, cell) <= cells)
    }

    /// How far along this axis the nearest edge of a piece lies, the shorter way round.
    #[inline]
    pub(crate) fn gap(&self, standing: Standing, step: Step, piece: i32) -> f64 {
        let first = piece * step.cells();
        let last = (first + step.cells()).min(self.count);
        if (first..last).contains(&standing.cell) {
            return 0.0;
        }
        // What lies within the step at the upper edge counts to the lower cell.
        let from = f64::from(first) * self.cell;
        let to = (f64::from(last) * self.cell + 1.0).min(self.span);
        let ahead = from - standing.along;
        let behind = standing.along - to;
        let gap = if !self.wraps {
            ahead.max(behind)
        } else if first > standing.cell {
            ahead.min(behind + self.span)
        } else {
            behind.min(ahead + self.span)
        };
        gap.max(0.0) * self.unit
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
        (self.cell * f64::from(step.cells()) + 1.0) * self.unit
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
        let metres = PLANE_METRES_PER_E7;
        let (columns, rows) = match space {
            Space::Sphere => {
                let cell = cell_m / EARTH_RADIUS_M / RADIANS_PER_E7;
                (
                    Axis::new(LON_STEPS, cell, RADIANS_PER_E7, true),
                    Axis::new(LAT_STEPS, cell, RADIANS_PER_E7, false),
                )
            }
            // A place may lie outside the city's rectangle, so the axes span what a place can say.
            Space::Plane { .. } => (
                Axis::new(LON_STEPS, cell_m / metres, metres, false),
                Axis::new(LAT_STEPS, cell_m / metres, metres, false),
            ),
            Space::Torus { width_m, height_m } => (
                Axis::new(width_m / metres, cell_m / metres, metres, true),
                Axis::new(height_m / metres, cell_m / metres, metres, true),
            ),
        };
        Self {
            space,
            cell_m,
            columns,
            rows,
        }
    }

    /// The same with each cell cut in four.
    pub(crate) fn halved(self) -> Self {
        Self {
            cell_m: self.cell_m / 2.0,
            columns: self.columns.halved(),
            rows: self.rows.halved(),
            ..self
        }
    }

    pub(crate) fn space(&self) -> Space {
        self.space
    }

    /// The side of a cell as it was asked for, in metres.
    pub(crate) fn cell_m(&self) -> f64 {
        self.cell_m
    }

    /// How far along the columns' axis and the rows' a place lies.
    pub(crate) fn standings(&self, place: Place) -> (Standing, Standing) {
        let (x, y) = match self.space {
            Space::Sphere | Space::Plane { .. } => {
                let (x, y) = steps(place);
                (f64::from(x), f64::from(y))
            }
            Space::Torus { .. } => self.steps_on_torus(place),
        };
        (self.columns.standing(x), self.rows.standing(y))
    }

    /// The column and the row of the cell that a place is in.
    #[inline(always)]
    pub(crate) fn cell_of(&self, place: Place) -> (i32, i32) {
        let (x, y) = match self.space {
            Space::Sphere | Space::Plane { .. } => steps(place),
            Space::Torus { .. } => {
                let (x, y) = self.steps_on_torus(place);
                (x as u32, y as u32)
            }
        };
        (self.columns.cell_of(x), self.rows.cell_of(y))
    }

    fn steps_on_torus(&self, place: Place) -> (f64, f64) {
        let (lat_e7, lon_e7) = place.to_e7();
        (
            wrapped(f64::from(lon_e7), self.columns.span),
            wrapped(f64::from(lat_e7), self.rows.span),
        )
    }
}

/// Steps east and north of where there is nothing farther west or south.
#[inline]
fn steps(place: Place) -> (u32, u32) {
    let (lat_e7, lon_e7) = place.to_e7();
    (
        lon_e7.wrapping_add(LON_E7_MAX).cast_unsigned(),
        lat_e7.wrapping_add(LAT_E7_MAX).cast_unsigned(),
    )
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

//! Shortest augmenting paths: Dijkstra's search on reduced costs, ended at the first column available.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::matching::{ALONE, FAR, FREE, Rows, Side, refill};

/// Where a shortest path ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// At a column that is available.
    Column(u32),
    /// At a row that gives its column up, if it has one, and stays alone.
    Row(u32),
}

/// The buffers of a search.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Distance and previous row of each column; [`FAR`] where not reached.
    distance: Vec<i64>,
    previous: Vec<u32>,
    reached: Vec<u32>,
    settled: Vec<u32>,
    /// Reached columns by distance; those at the current distance are taken from `level` first.
    heap: BinaryHeap<Reverse<(i64, u32)>>,
    level: Vec<u32>,
    /// Pairs looked at since the last reset: the measure of how long searches take.
    pub(super) pairs_seen: usize,
}

impl Search {
    /// For so many columns.
    pub(super) fn reset(&mut self, columns: usize) {
        refill(&mut self.distance, columns, FAR);
        refill(&mut self.previous, columns, FREE);
        self.pairs_seen = 0;
    }

    /// Gives `source` a column or leaves a row alone, along the shortest path. Dual prices stay
    /// feasible and pairs tight.
    pub(super) fn augment(
        &mut self,
        graph: &Rows<'_>,
        rows: &mut Side,
        columns: &mut Side,
        source: u32,
    ) {
        rows.duals[source as usize] = 0;
        let mut best = (graph.alone[source as usize], End::Row(source));
        self.relax(graph, rows, columns, (source, 0), &mut best);
        self.order_level();
        while let Some((distance, column)) = self.nearest_open() {
            if distance >= best.0 {
                break;
            }
            self.settled.push(column);
            let row = columns.partners[column as usize];
            let alone = distance + graph.alone[row as usize] - rows.duals[row as usize];
            if alone < best.0 {
                best = (alone, End::Row(row));
            }
            self.relax(graph, rows, columns, (row, distance), &mut best);
        }
        rows.duals[source as usize] = best.0;
        for column in self.settled.drain(..) {
            let gain = best.0 - self.distance[column as usize];
            columns.duals[column as usize] -= gain;
            rows.duals[columns.partners[column as usize] as usize] += gain;
        }
        self.follow_back(rows, columns, source, best.1);
        for column in self.reached.drain(..) {
            self.distance[column as usize] = FAR;
        }
        self.heap.clear();
        self.level.clear();
    }

    /// Where costs are below zero, the source's columns at zero are not the nearest: they wait their turn.
    fn order_level(&mut self) {
        let nearer = |Reverse((distance, _)): &Reverse<(i64, u32)>| *distance < 0;
        if self.heap.peek().is_some_and(nearer) {
            let level = self.level.drain(..);
            self.heap.extend(level.map(|column| Reverse((0, column))));
        }
    }

    /// The column to settle next and its distance.
    fn nearest_open(&mut self) -> Option<(i64, u32)> {
        if let Some(column) = self.level.pop() {
            return Some((self.distance[column as usize], column));
        }
        while let Some(Reverse((distance, column))) = self.heap.pop() {
            if distance == self.distance[column as usize] {
                return Some((distance, column));
            }
        }
        None
    }

    /// Reaches the columns of a row at a distance. Columns that are available end the path and so bound
    /// it: nothing at or beyond the best end is looked at.
    fn relax(
        &mut self,
        graph: &Rows<'_>,
        rows: &Side,
        columns: &Side,
        (row, distance): (u32, i64),
        best: &mut (i64, End),
    ) {
        let offset = distance - rows.duals[row as usize];
        for (column, cost) in graph.row(row) {
            if offset + cost - graph.dual_max >= best.0 {
                break;
            }
            self.pairs_seen += 1;
            let at = column as usize;
            let reached = offset + cost - columns.duals[at];
            if reached >= best.0 || reached >= self.distance[at] {
                continue;
            }
            if self.distance[at] == FAR {
                self.reached.push(column);
            }
            self.distance[at] = reached;
            self.previous[at] = row;
            if columns.is_available(column) {
                *best = (reached, End::Column(column));
            } else if reached == distance {
                self.level.push(column);
            } else {
                self.heap.push(Reverse((reached, column)));
            }
        }
    }

    /// Hands the columns along the path back by one, from its end to the source.
    fn follow_back(&mut self, rows: &mut Side, columns: &mut Side, source: u32, end: End) {
        let mut column = match end {
            End::Column(column) => column,
            End::Row(row) => {
                let given_up = std::mem::replace(&mut rows.partners[row as usize], ALONE);
                if row == source {
                    return;
                }
                given_up
            }
        };
        loop {
            let row = self.previous[column as usize];
            columns.partners[column as usize] = row;
            column = std::mem::replace(&mut rows.partners[row as usize], column);
            if row == source {
                return;
            }
        }
    }
}

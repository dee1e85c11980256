//! What the index is held against: a bare grid, the R*-tree `rstar`, the k-d tree `kiddo`.

use std::hint::black_box;

use kiddo::{ImmutableKdTree, SquaredEuclidean};
use rstar::RTree;
use rstar::primitives::GeomWithData;
use rushhour_benches::bare_grid::BareGrid;
use rushhour_benches::city::{Density, SIDE_M, Spot};

use crate::{DRIVERS, NEAREST, QUERIES, ROUNDS, anywhere, city, nanoseconds, spent, update_ns};

pub(crate) fn bare_grid() -> (f64, f64) {
    let mut city = city(Density::Even, DRIVERS);
    let mut grid = BareGrid::new(SIDE_M, city.at());
    let (mut update, mut nearest, mut found) = (f64::INFINITY, f64::INFINITY, Vec::new());
    for _ in 0..ROUNDS {
        let took = update_ns(&mut city, |moves| {
            spent(|| {
                for it in &moves {
                    grid.put(it.driver, it.to);
                }
            })
        });
        update = update.min(took);
        let queries = anywhere(&mut city);
        let took = spent(|| {
            for at in &queries {
                grid.nearest(*at, NEAREST, &mut found);
                black_box(&found);
            }
        });
        nearest = nearest.min(nanoseconds(took, QUERIES));
    }
    (update, nearest)
}

pub(crate) fn rstar() -> (f64, f64) {
    let mut city = city(Density::Even, DRIVERS);
    let entry = |driver: u32, (x, y): Spot| GeomWithData::new([x, y], driver);
    let mut tree = RTree::bulk_load(
        (0..)
            .zip(city.at())
            .map(|(driver, at)| entry(driver, *at))
            .collect(),
    );
    // Its updates slow down what comes after: queries are of the tree as it was built.
    let queries = anywhere(&mut city);
    let took = spent(|| {
        for (x, y) in &queries {
            for found in tree.nearest_neighbor_iter([*x, *y]).take(NEAREST) {
                black_box(found);
            }
        }
    });
    let nearest = nanoseconds(took, QUERIES);
    let update = update_ns(&mut city, |moves| {
        spent(|| {
            for it in &moves {
                black_box(tree.remove(&entry(it.driver, it.from)));
                tree.insert(entry(it.driver, it.to));
            }
        })
    });
    (update, nearest)
}

pub(crate) fn kiddo(density: Density) -> (f64, f64) {
    let mut city = city(density, DRIVERS);
    let at: Vec<[f64; 2]> = city.at().iter().map(|(x, y)| [*x, *y]).collect();
    let (mut rebuild, mut nearest) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        let mut tree = None;
        let took = spent(|| tree = ImmutableKdTree::new_from_slice(&at).ok());
        rebuild = rebuild.min(nanoseconds(took, DRIVERS));
        let tree: ImmutableKdTree<f64, 2> = tree.expect("a city makes a tree");
        let queries = anywhere(&mut city);
        let took = spent(|| {
            for (x, y) in &queries {
                let found = tree
                    .query(&[*x, *y])
                    .nearest_n::<SquaredEuclidean<f64>>(10_usize.try_into().expect("not 0"))
                    .execute();
                black_box(found);
            }
        });
        nearest = nearest.min(nanoseconds(took, QUERIES));
    }
    (rebuild, nearest)
}

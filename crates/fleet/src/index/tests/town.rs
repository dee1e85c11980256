//! A town in which drivers crowd here and there.

use domain::{Place, Space};
use proptest::prelude::*;

use super::{PLANE, TORUS, place};
use crate::slot_table::hash_of;

/// Crowds of other sizes beside empty country, so that cells of all sizes lie side by side.
#[derive(Debug, Clone)]
pub(crate) struct Town {
    pub(crate) space: Space,
    pub(crate) cell_m: f64,
    /// Each at a share of the way along both axes, and how wide it is, in metres.
    crowds: Vec<((f64, f64), f64)>,
    pub(crate) seed: u64,
}

impl Town {
    /// Someone in one of the crowds. Near a pole or a seam on the sphere, at the seam of the torus too.
    pub(crate) fn anyone(&self, seed: u64) -> Place {
        let mut state = seed;
        let mut unit = || {
            state = hash_of(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let ((east, north), width_m) = self.crowds[(unit() * self.crowds.len() as f64) as usize];
        let mut off = || (unit() + unit() - 1.0) * width_m;
        let (east_m, north_m) = (east * 10_000.0 + off(), north * 7_000.0 + off());
        match self.space {
            Space::Sphere => {
                let lon = 179.95 + east_m / 111_195.0;
                let lat = 60.0 + north_m / 111_195.0;
                place(lat, if lon > 180.0 { lon - 360.0 } else { lon })
            }
            Space::Plane { .. } | Space::Torus { .. } => Place::from_metres(east_m, north_m),
        }
    }
}

pub(crate) fn town() -> impl Strategy<Value = Town> {
    let crowd = (
        (0.0..1.0f64, 0.0..1.0f64),
        prop::sample::select(vec![0.0, 40.0, 300.0, 2_000.0, 20_000.0]),
    );
    let narrow = |width_m, height_m| Space::Torus { width_m, height_m };
    let tori = [
        TORUS,
        narrow(640.0, 4_000.0),
        narrow(6_900.0, 900.0),
        narrow(1_500.0, 1_300.0),
    ];
    let spaces = [Space::Sphere, PLANE].into_iter().chain(tori);
    let space = prop::sample::select(spaces.collect::<Vec<_>>());
    let cell_m = prop::sample::select(vec![250.0, 1_000.0, 4_000.0]);
    let crowds = prop::collection::vec(crowd, 1..6);
    let town = (space, cell_m, crowds, any::<u64>());
    town.prop_map(|(space, cell_m, crowds, seed)| Town {
        space,
        cell_m,
        crowds,
        seed,
    })
}

//! The city that fleets are told of: 40 × 40 km, in which drivers move as cars in traffic do from one ping to the next.

use domain::place::METRES_PER_DEGREE;

use crate::random::Random;

/// Metres east and north of the city's corner.
pub type Spot = (f64, f64);

/// How long a side of the city is.
pub const SIDE_M: f64 = 40_000.0;
/// How far a driver gets between two pings, at most, either way.
const STEP_M: f64 = 45.0;
/// How far from the middle of a city with a centre density is 1/e of what it is there: Clark, Urban population densities
/// (Journal of the Royal Statistical Society A 114, 1951), finds it to fall like that, by some kilometres for large cities.
const THINS_OUT_OVER_M: f64 = 4_000.0;
/// New York.
const SOUTH_WEST: (f64, f64) = (40.55, -74.2);
/// A degree of longitude there is so many of latitude long.
const NARROWER: f64 = 0.759;

/// Where in the city drivers and riders are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Density {
    /// Everywhere alike.
    Even,
    /// Around its middle most of all.
    Centred,
}

/// One driver's move.
#[derive(Debug, Clone, Copy)]
pub struct Move {
    /// Whose.
    pub driver: u32,
    /// From where.
    pub from: Spot,
    /// Where to.
    pub to: Spot,
}

/// Drivers by number.
#[derive(Debug, Clone)]
pub struct City {
    density: Density,
    random: Random,
    at: Vec<Spot>,
}

impl City {
    /// A city with so many drivers in it.
    #[must_use]
    pub fn new(seed: u64, density: Density, drivers: u32) -> Self {
        let mut city = Self {
            density,
            random: Random::new(seed),
            at: Vec::new(),
        };
        city.at = (0..drivers).map(|_| city.anywhere()).collect();
        city
    }

    /// Where all drivers are.
    #[must_use]
    pub fn at(&self) -> &[Spot] {
        &self.at
    }

    /// Where somebody is who is not one of the drivers.
    pub fn anywhere(&mut self) -> Spot {
        loop {
            let spot = match self.density {
                Density::Even => (self.random.unit() * SIDE_M, self.random.unit() * SIDE_M),
                Density::Centred => {
                    // Of two exponentials the sum is how far one is from the middle, on a plane that thins out like that.
                    let product = (1.0 - self.random.unit()) * (1.0 - self.random.unit());
                    let far = -product.ln() * THINS_OUT_OVER_M;
                    let (north, east) = (self.random.unit() * std::f64::consts::TAU).sin_cos();
                    (SIDE_M / 2.0 + far * east, SIDE_M / 2.0 + far * north)
                }
            };
            if [spot.0, spot.1].iter().all(|at| (0.0..SIDE_M).contains(at)) {
                return spot;
            }
        }
    }

    /// Where a driver is after the next step.
    pub fn step(&mut self, driver: u32) -> Spot {
        let from = self.at[driver as usize];
        let mut step =
            |at: f64| (at + (self.random.unit() * 2.0 - 1.0) * STEP_M).clamp(0.0, SIDE_M);
        let to = (step(from.0), step(from.1));
        self.at[driver as usize] = to;
        to
    }

    /// Steps of drivers drawn at random.
    pub fn moves(&mut self, count: u32) -> Vec<Move> {
        let drivers = u32::try_from(self.at.len()).expect("drivers are numbered");
        let one = |_| {
            let driver = self.random.below(drivers);
            let from = self.at[driver as usize];
            let to = self.step(driver);
            Move { driver, from, to }
        };
        (0..count).map(one).collect()
    }
}

/// Latitude and longitude of a spot: the city lies in New York.
#[must_use]
pub fn degrees((east_m, north_m): Spot) -> (f64, f64) {
    let (south, west) = SOUTH_WEST;
    (
        south + north_m / METRES_PER_DEGREE,
        west + east_m / METRES_PER_DEGREE / NARROWER,
    )
}

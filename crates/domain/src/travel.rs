//! How long a way takes: straight-line distance, circuity, and a speed by hour of day; or, where a network of
//! streets is known, the fastest way along it.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crate::path::Path;
use crate::place::{Place, Space};
use crate::time::Timestamp;

/// About as long as a [`Timestamp`] reaches: 200,000 years.
const SPAN_MAX: Duration = Duration::from_secs(200_000 * 365 * 86_400);

/// The way between two places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Way {
    /// Length along the streets, in metres.
    pub distance_m: f64,
    /// Time to drive it.
    pub duration: Duration,
}

/// A network of streets, each with a speed of its own. Cars keep to it: a way goes from the point of a street
/// nearest to one place (its kerb) to the point nearest to another.
///
/// Ways are the fastest at what traffic leaves of the streets' own speeds in an hour of the city's day, 0 to 23, and take
/// what they take at those; which hour it is, and how fast the city is as a whole, [`Travel`] knows.
pub trait Streets: Debug + Send + Sync {
    /// The mean speed over all metres of the network where traffic slows none, in metres a second, above zero.
    fn mean_speed_mps(&self) -> f64;

    /// The share of it that traffic leaves in an hour: 1 where all streets are free.
    fn speed_share(&self, hour: usize) -> f64;

    /// The point of a street that is nearest to a place; none if the place is too far from all.
    fn kerb(&self, place: Place) -> Option<Place>;

    /// The way between two places; none if either is too far from all streets.
    fn way(&self, from: Place, to: Place, hour: usize) -> Option<Way>;

    /// The ways from many places to one: as many answers, each what [`Streets::way`] says.
    fn ways_to(&self, to: Place, from: &[Place], hour: usize) -> Vec<Option<Way>>;

    /// The same way as [`Streets::way`], with its points.
    fn path(&self, from: Place, to: Place, hour: usize) -> Option<(Way, Path)>;
}

/// A way, and the points that a car passes on it.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its length and time.
    pub way: Way,
    /// Its points; none where it is straight from place to place.
    pub path: Option<Arc<Path>>,
}

/// The one rule by which quotes, matching, drivers and the twin turn places into metres and minutes.
#[derive(Debug, Clone)]
pub struct Travel {
    space: Space,
    circuity: f64,
    /// By the hour of the city's day.
    speed_mps_by_hour: [f64; 24],
    /// The city's; none where the clock is.
    city_clock: Option<CityClock>,
    streets: Option<Arc<dyn Streets>>,
}

/// Why a travel rule cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum TravelError {
    /// Circuity is below 1 or not finite.
    #[error("found circuity {0}, expected a number of at least 1")]
    Circuity(f64),
    /// A speed is not positive and finite.
    #[error("found a speed of {0} km/h, expected a positive number")]
    Speed(f64),
    /// A city's clock stands, or runs backwards.
    #[error("found a speedup of {0}, expected a positive number")]
    Speedup(f64),
}

/// A city's clock by another, such as that of a run that begins at another time of day, or is faster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CityClock {
    /// When it begins to go, by the other.
    pub started_at: Timestamp,
    /// The time of the city's day until then, since midnight.
    pub day_offset: Duration,
    /// Seconds of the city in each of the other clock's.
    pub speedup: f64,
}

impl CityClock {
    /// How long a span of the city takes by the other clock.
    #[must_use]
    pub fn by_the_other(&self, city: Duration) -> Duration {
        scaled(city, 1.0 / self.speedup)
    }

    /// How long a span of the other clock is in the city.
    #[must_use]
    pub fn in_city(&self, span: Duration) -> Duration {
        scaled(span, self.speedup)
    }

    /// City time since it began to go; zero before.
    #[must_use]
    pub fn since_start(&self, now: Timestamp) -> Duration {
        self.in_city(now.since(self.started_at))
    }

    /// What it shows so much city time after it began to go.
    #[must_use]
    pub fn time_after(&self, since_start: Duration) -> Timestamp {
        Timestamp::ZERO + self.day_offset + since_start
    }

    /// The hour of the city's day.
    #[must_use]
    pub fn hour(&self, now: Timestamp) -> usize {
        self.time_after(self.since_start(now)).hour_of_day()
    }
}

/// Scaled in nanoseconds, exactly where the factor is 1.
fn scaled(span: Duration, factor: f64) -> Duration {
    if factor.to_bits() == 1f64.to_bits() {
        return span;
    }
    let seconds = span.as_secs_f64() * factor;
    if seconds > 0.0 {
        Duration::from_secs_f64(seconds.min(SPAN_MAX.as_secs_f64()))
    } else {
        Duration::ZERO
    }
}

impl Travel {
    /// A rule from a space, the ratio of street to straight distance, and km/h for each hour of the city's day, which is the
    /// clock's (UTC).
    ///
    /// # Errors
    /// If circuity is below 1, or a speed is not positive.
    pub fn new(space: Space, circuity: f64, speed_kmh: [f64; 24]) -> Result<Self, TravelError> {
        if !circuity.is_finite() || circuity < 1.0 {
            return Err(TravelError::Circuity(circuity));
        }
        if let Some(&speed) = speed_kmh.iter().find(|s| !s.is_finite() || **s <= 0.0) {
            return Err(TravelError::Speed(speed));
        }
        Ok(Self {
            space,
            circuity,
            speed_mps_by_hour: speed_kmh.map(|kmh| kmh / 3.6),
            city_clock: None,
            streets: None,
        })
    }

    /// The same rule for a clock that is not the city's.
    ///
    /// # Errors
    /// If the city's clock would stand.
    pub fn with_city_clock(self, clock: CityClock) -> Result<Self, TravelError> {
        if !clock.speedup.is_finite() || clock.speedup <= 0.0 {
            return Err(TravelError::Speedup(clock.speedup));
        }
        Ok(Self {
            city_clock: Some(clock),
            ..self
        })
    }

    /// The same rule with ways along streets. The hour's speed is then the mean over the network where traffic slows no
    /// street: every street is as much faster or slower than by itself. Traffic comes on top of it. Of a place that is
    /// too far from all streets, ways are straight ones by circuity, as slow as streets are in the mean.
    #[must_use]
    pub fn along(mut self, streets: Arc<dyn Streets>) -> Self {
        self.streets = Some(streets);
        self
    }

    /// The metric underneath.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Street metres for each straight metre.
    #[must_use]
    pub fn circuity(&self) -> f64 {
        self.circuity
    }

    /// The streets that ways follow; none where ways are straight.
    #[must_use]
    pub fn streets(&self) -> Option<&Arc<dyn Streets>> {
        self.streets.as_ref()
    }

    /// Where a car stands that comes to a place: at the nearest point of a street, or at the place itself.
    #[must_use]
    pub fn kerb(&self, place: Place) -> Place {
        let kerb = self.streets.as_ref().and_then(|it| it.kerb(place));
        kerb.unwrap_or(place)
    }

    /// The way from one place to another, leaving at a time.
    #[must_use]
    pub fn way(&self, from: Place, to: Place, leaving: Timestamp) -> Way {
        let streets = self.streets.as_ref();
        match streets.and_then(|it| Some((it, it.way(from, to, self.hour(leaving))?))) {
            Some((streets, way)) => self.at_hour(&**streets, way, leaving),
            None => self.way_of(self.space.distance_m(from, to) * self.circuity, leaving),
        }
    }

    /// The ways to a place from others, leaving at a time; `place` says of each where it is and how far, straight and
    /// in metres.
    #[must_use]
    pub fn ways_to<T>(
        &self,
        to: Place,
        from: &[T],
        place: impl Fn(&T) -> (Place, f64),
        leaving: Timestamp,
    ) -> Vec<Way> {
        let straight = |from: &T| self.way_of(place(from).1 * self.circuity, leaving);
        let Some(streets) = &self.streets else {
            return from.iter().map(straight).collect();
        };
        let places: Vec<Place> = from.iter().map(|it| place(it).0).collect();
        let along = streets.ways_to(to, &places, self.hour(leaving)).into_iter();
        let ways = along.zip(from).map(|(way, from)| match way {
            Some(way) => self.at_hour(&**streets, way, leaving),
            None => straight(from),
        });
        ways.collect()
    }

    /// The way from one place to another, with the points that a car passes, leaving at a time.
    #[must_use]
    pub fn route(&self, from: Place, to: Place, leaving: Timestamp) -> Route {
        let streets = self.streets.as_ref();
        match streets.and_then(|it| Some((it, it.path(from, to, self.hour(leaving))?))) {
            Some((streets, (way, path))) => Route {
                way: self.at_hour(&**streets, way, leaving),
                path: Some(Arc::new(path)),
            },
            None => Route {
                way: self.way_of(self.space.distance_m(from, to) * self.circuity, leaving),
                path: None,
            },
        }
    }

    /// The way of a known length along the streets, in metres, leaving at a time, at the hour's speed.
    #[must_use]
    pub fn way_of(&self, distance_m: f64, leaving: Timestamp) -> Way {
        let hour = self.hour(leaving);
        let share = self.streets.as_ref().map_or(1.0, |it| it.speed_share(hour));
        let seconds = distance_m / (self.speed_mps_by_hour[hour] * share);
        Way {
            distance_m,
            duration: Duration::from_secs_f64(seconds.clamp(0.0, 1e9)),
        }
    }

    /// The hour of the city's day.
    fn hour(&self, leaving: Timestamp) -> usize {
        let clock = self.city_clock.as_ref();
        clock.map_or(leaving.hour_of_day(), |clock| clock.hour(leaving))
    }

    fn at_hour(&self, streets: &dyn Streets, way: Way, leaving: Timestamp) -> Way {
        let slower = streets.mean_speed_mps() / self.speed_mps_by_hour[self.hour(leaving)];
        let seconds = way.duration.as_secs_f64() * slower;
        Way {
            distance_m: way.distance_m,
            duration: Duration::from_secs_f64(seconds.clamp(0.0, 1e9)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Waypoint;

    const SPACE: Space = Space::Plane {
        width_m: 10_000.0,
        height_m: 10_000.0,
    };

    #[test]
    fn a_way_is_circuity_and_speed() {
        let travel = Travel::new(SPACE, 1.5, [36.0; 24]).unwrap();
        let way = travel.way(
            Place::from_metres(0.0, 0.0),
            Place::from_metres(3_000.0, 4_000.0),
            Timestamp::ZERO,
        );
        assert!((way.distance_m - 7_500.0).abs() < 1e-6);
        assert!((way.duration.as_secs_f64() - 750.0).abs() < 1e-3);
    }

    #[test]
    fn a_standing_city_is_refused() {
        let error = Travel::new(Space::Sphere, 1.3, [0.0; 24]).unwrap_err();
        assert_eq!(error, TravelError::Speed(0.0));
        assert!(Travel::new(Space::Sphere, 0.9, [20.0; 24]).is_err());
    }

    /// One street along the equator, at 20 m/s; nothing north of 100 m is near it.
    #[derive(Debug)]
    struct OneStreet;

    impl Streets for OneStreet {
        fn mean_speed_mps(&self) -> f64 {
            20.0
        }

        /// At nine half of all streets is there to be driven on.
        fn speed_share(&self, hour: usize) -> f64 {
            if hour == 9 { 0.5 } else { 1.0 }
        }

        fn kerb(&self, place: Place) -> Option<Place> {
            (place.north_m() < 100.0).then(|| Place::from_metres(place.east_m(), 0.0))
        }

        fn way(&self, from: Place, to: Place, hour: usize) -> Option<Way> {
            let metres = (self.kerb(to)?.east_m() - self.kerb(from)?.east_m()).abs();
            Some(Way {
                distance_m: metres,
                duration: Duration::from_secs_f64(metres / (20.0 * self.speed_share(hour))),
            })
        }

        fn ways_to(&self, to: Place, from: &[Place], hour: usize) -> Vec<Option<Way>> {
            let way = |from: &Place| self.way(*from, to, hour);
            from.iter().map(way).collect()
        }

        fn path(&self, from: Place, to: Place, hour: usize) -> Option<(Way, Path)> {
            let way = self.way(from, to, hour)?;
            let point = |place, share, metres| {
                Some(Waypoint {
                    place: self.kerb(place)?,
                    share,
                    metres,
                })
            };
            let points = vec![point(from, 0.0, 0.0)?, point(to, 1.0, way.distance_m)?];
            Some((way, Path::new(points)?))
        }
    }

    #[test]
    fn ways_follow_streets_at_the_hours_speed_and_are_straight_off_them() {
        let mut speeds = [72.0; 24];
        speeds[8] = 36.0;
        let travel = Travel::new(SPACE, 1.5, speeds).unwrap();
        let travel = travel.along(Arc::new(OneStreet));
        let at = |east_m, north_m| Place::from_metres(east_m, north_m);
        let [eight, nine] = [8, 9].map(|hour| Timestamp::from_millis(hour * 3_600_000));
        let near = [at(0.0, 30.0), at(1_000.0, 40.0)];
        for (leaving, seconds) in [(Timestamp::ZERO, 50.0), (eight, 100.0), (nine, 100.0)] {
            let route = travel.route(near[0], near[1], leaving);
            assert!((route.way.distance_m - 1_000.0).abs() < 1e-6);
            assert!((route.way.duration.as_secs_f64() - seconds).abs() < 1e-6);
            assert_eq!(travel.way(near[0], near[1], leaving), route.way);
            let path = route.path.unwrap();
            assert_eq!(path.ends(), travel.kerb(near[1]));
        }
        // Ways that nobody knows are as much slower.
        let [free, full] = [Timestamp::ZERO, nine].map(|leaving| travel.way_of(100.0, leaving));
        assert!((full.duration.as_secs_f64() / free.duration.as_secs_f64() - 2.0).abs() < 1e-6);
        // A run from ten to one at night on, at half past seven in the city and twice as fast.
        let clock = CityClock {
            started_at: Timestamp::from_millis(50 * 60_000),
            day_offset: Duration::from_secs(7 * 3_600 + 1_800),
            speedup: 2.0,
        };
        let night = travel.clone().with_city_clock(clock).unwrap();
        for (minute, city_time) in [
            (0, Timestamp::ZERO),
            (64, Timestamp::ZERO),
            (65, eight),
            (94, eight),
            (95, nine),
            (124, nine),
            (125, Timestamp::ZERO),
            (24 * 60 + 5 * 60 + 5, Timestamp::ZERO),
            (12 * 60 + 65, eight),
        ] {
            let leaving = Timestamp::from_millis(minute * 60_000);
            let expected = travel.way(near[0], near[1], city_time);
            assert_eq!(night.way(near[0], near[1], leaving), expected, "{minute}");
            let unknown = night.way_of(100.0, leaving);
            assert_eq!(unknown, travel.way_of(100.0, city_time), "{minute}");
        }
        let stands = CityClock {
            speedup: 0.0,
            ..clock
        };
        let error = travel.clone().with_city_clock(stands).unwrap_err();
        assert_eq!(error, TravelError::Speedup(0.0));
        let far = at(0.0, 4_000.0);
        let route = travel.route(far, near[1], eight);
        assert!(route.path.is_none());
        assert!(route.way.distance_m > 1.5 * 4_000.0);
        assert_eq!(travel.kerb(far), far);
        let from = [(near[0], 1_000.1), (far, 4_083.0)];
        let ways = travel.ways_to(near[1], &from, |it| *it, eight);
        assert_eq!(ways[0], travel.way(near[0], near[1], eight));
        assert!((ways[1].distance_m - 1.5 * 4_083.0).abs() < 1e-6);
    }
}

//! Zones: polygons with a number each, as cities publish them for records that hold no coordinates.
//!
//! A trip between zones becomes a trip between places by drawing a place uniformly inside each zone, so
//! that a zone's trips spread over it instead of piling up at its centre. Start at [`ZoneMap`].

use std::collections::BTreeMap;

use domain::Place;
use kernel::Stream;

#[cfg(feature = "formats")]
mod geojson;

/// How many bands of latitude a zone's edges are sorted into: a place is tested against one band only.
const BANDS: usize = 64;
/// How often a place is drawn before the zone's own inner point is taken. A zone that fills a tenth of
/// its frame needs as many once in 10^11 draws.
const DRAWS_MAX: usize = 256;

/// A ring of a polygon: its corners in order. The last is joined to the first.
pub type Ring = Vec<Place>;

/// A frame of degrees: the service area of `--bbox W,S,E,N`. Its border belongs to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Frame {
    /// The frame between two corners; none if it has no inside.
    #[must_use]
    pub fn new(south_west: Place, north_east: Place) -> Option<Self> {
        let frame = Self {
            west: south_west.lon(),
            south: south_west.lat(),
            east: north_east.lon(),
            north: north_east.lat(),
        };
        (frame.west < frame.east && frame.south < frame.north).then_some(frame)
    }

    /// Whether the place lies in it.
    #[must_use]
    pub fn contains(&self, place: Place) -> bool {
        (self.west..=self.east).contains(&place.lon())
            && (self.south..=self.north).contains(&place.lat())
    }
}

/// Zones by their numbers.
#[derive(Debug, Clone, Default)]
pub struct ZoneMap {
    zones: BTreeMap<u32, Zone>,
}

#[derive(Debug, Clone)]
struct Zone {
    frame: Frame,
    /// The edges that cross each band of latitude, from south to north.
    bands: Vec<Vec<Edge>>,
    /// A place inside, for a zone so thin that drawing does not hit it.
    inner: Place,
}

/// From one corner to the next, in degrees.
#[derive(Debug, Clone, Copy)]
struct Edge {
    from_lon: f64,
    from_lat: f64,
    to_lon: f64,
    to_lat: f64,
}

impl Edge {
    /// Where the edge crosses a latitude, if it does. A corner belongs to the edge above it.
    fn crosses(&self, lat: f64) -> Option<f64> {
        ((self.from_lat > lat) != (self.to_lat > lat)).then(|| {
            let share = (lat - self.from_lat) / (self.to_lat - self.from_lat);
            self.from_lon + share * (self.to_lon - self.from_lon)
        })
    }
}

impl ZoneMap {
    /// Adds a zone made of these rings; holes and islands are rings as well, and a place is inside if an
    /// odd number of rings encloses it. False, and nothing is added, if the number is taken or the
    /// rings enclose nothing.
    pub fn insert(&mut self, id: u32, rings: &[Ring]) -> bool {
        if self.zones.contains_key(&id) {
            return false;
        }
        match Zone::new(rings) {
            Some(zone) => {
                self.zones.insert(id, zone);
                true
            }
            None => false,
        }
    }

    /// The numbers of the zones, ascending.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.zones.keys().copied()
    }

    /// A place in the zone that is always the same; none if there is no such zone.
    #[must_use]
    pub fn inner_place(&self, id: u32) -> Option<Place> {
        self.zones.get(&id).map(|zone| zone.inner)
    }

    /// Whether the place lies in the zone.
    #[must_use]
    pub fn contains(&self, id: u32, place: Place) -> bool {
        self.zones.get(&id).is_some_and(|zone| zone.contains(place))
    }

    /// Draws a place uniformly in the zone and, if one is given, in the frame. Where the zone hardly
    /// reaches into the frame the answer is its [inner place](Self::inner_place). None if there is no
    /// such zone.
    pub fn draw(&self, id: u32, within: Option<&Frame>, random: &mut Stream) -> Option<Place> {
        let zone = self.zones.get(&id)?;
        let frame = &zone.frame;
        for _ in 0..DRAWS_MAX {
            let lon = frame.west + random.uniform() * (frame.east - frame.west);
            let lat = frame.south + random.uniform() * (frame.north - frame.south);
            let place = Place::new(lat, lon).expect("a place between two places");
            if zone.contains(place) && within.is_none_or(|frame| frame.contains(place)) {
                return Some(place);
            }
        }
        Some(zone.inner)
    }
}

impl Zone {
    fn new(rings: &[Ring]) -> Option<Self> {
        let corners = || rings.iter().flatten();
        let extreme = |pick: fn(f64, f64) -> f64, of: fn(Place) -> f64| {
            corners().map(|place| of(*place)).reduce(pick)
        };
        let south_west = Place::new(
            extreme(f64::min, Place::lat)?,
            extreme(f64::min, Place::lon)?,
        )
        .ok()?;
        let north_east = Place::new(
            extreme(f64::max, Place::lat)?,
            extreme(f64::max, Place::lon)?,
        )
        .ok()?;
        let frame = Frame::new(south_west, north_east)?;
        let mut zone = Self {
            frame,
            bands: vec![Vec::new(); BANDS],
            inner: south_west,
        };
        for ring in rings {
            for (index, from) in ring.iter().enumerate() {
                let to = ring[(index + 1) % ring.len()];
                zone.add(Edge {
                    from_lon: from.lon(),
                    from_lat: from.lat(),
                    to_lon: to.lon(),
                    to_lat: to.lat(),
                });
            }
        }
        zone.inner = zone.find_inner()?;
        Some(zone)
    }

    fn band(&self, lat: f64) -> usize {
        let share = (lat - self.frame.south) / (self.frame.north - self.frame.south);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the bands"
        )]
        let band = (share * BANDS as f64).clamp(0.0, (BANDS - 1) as f64) as usize;
        band
    }

    fn add(&mut self, edge: Edge) {
        let (low, high) = (self.band(edge.from_lat), self.band(edge.to_lat));
        for band in low.min(high)..=low.max(high) {
            self.bands[band].push(edge);
        }
    }

    fn contains(&self, place: Place) -> bool {
        if !self.frame.contains(place) {
            return false;
        }
        let edges = &self.bands[self.band(place.lat())];
        let west_of = |edge: &&Edge| {
            edge.crosses(place.lat())
                .is_some_and(|lon| lon < place.lon())
        };
        edges.iter().filter(west_of).count() % 2 == 1
    }

    /// The middle of the widest stretch inside the zone on any band's middle latitude.
    fn find_inner(&self) -> Option<Place> {
        let height = self.frame.north - self.frame.south;
        let mut widest: Option<(f64, Place)> = None;
        for (band, edges) in self.bands.iter().enumerate() {
            let lat = self.frame.south + (band as f64 + 0.5) / BANDS as f64 * height;
            let mut crossings: Vec<f64> =
                edges.iter().filter_map(|edge| edge.crosses(lat)).collect();
            crossings.sort_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let width = pair[1] - pair[0];
                if width > widest.map_or(0.0, |(width, _)| width) {
                    let middle = Place::new(lat, f64::midpoint(pair[0], pair[1])).ok()?;
                    widest = Some((width, middle));
                }
            }
        }
        widest.map(|(_, place)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Streams;

    fn ring(corners: &[(f64, f64)]) -> Ring {
        corners
            .iter()
            .map(|(lat, lon)| Place::new(*lat, *lon).unwrap())
            .collect()
    }

    fn square(south: f64, west: f64, side: f64) -> Ring {
        ring(&[
            (south, west),
            (south, west + side),
            (south + side, west + side),
            (south + side, west),
        ])
    }

    #[test]
    fn draws_fill_a_square_with_a_hole_evenly() {
        let mut zones = ZoneMap::default();
        assert!(zones.insert(7, &[square(40.0, -74.0, 0.4), square(40.1, -73.9, 0.2)]));
        assert!(
            !zones.insert(7, &[square(1.0, 1.0, 1.0)]),
            "the number is taken"
        );
        assert!(
            !zones.contains(7, Place::new(40.2, -73.8).unwrap()),
            "in the hole"
        );
        assert!(zones.contains(7, zones.inner_place(7).unwrap()));
        let mut random = Streams::new(1).stream("zone place", 0);
        let mut quarters = [0; 4];
        for _ in 0..4_000 {
            let place = zones.draw(7, None, &mut random).unwrap();
            assert!(zones.contains(7, place));
            quarters[usize::from(place.lat() > 40.2) * 2 + usize::from(place.lon() > -73.8)] += 1;
        }
        // Four standard deviations of a binomial of 4,000 and a quarter are 110.
        assert!(
            quarters.iter().all(|n| (890..1_110).contains(n)),
            "{quarters:?}"
        );
    }

    #[test]
    fn draws_stay_within_the_service_area() {
        let mut zones = ZoneMap::default();
        zones.insert(1, &[square(40.0, -74.0, 0.4)]);
        let area = Frame::new(
            Place::new(40.3, -74.5).unwrap(),
            Place::new(41.0, -73.9).unwrap(),
        )
        .unwrap();
        let mut random = Streams::new(1).stream("zone place", 0);
        for _ in 0..100 {
            let place = zones.draw(1, Some(&area), &mut random).unwrap();
            assert!(area.contains(place) && zones.contains(1, place));
        }
        assert_eq!(zones.draw(2, None, &mut random), None);
    }

    #[test]
    fn a_zone_of_no_area_is_no_zone() {
        let mut zones = ZoneMap::default();
        for nothing in [vec![], vec![vec![]], vec![ring(&[(1.0, 1.0), (2.0, 2.0)])]] {
            assert!(!zones.insert(1, &nothing), "{nothing:?}");
        }
        assert_eq!(zones.ids().count(), 0);
    }
}

//! Where surge is, as drivers' apps show it: what riders were quoted lately, by zone.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use domain::{Cell, Place, Resolution, Timestamp};

/// How long a quote's surge is shown. Run time.
const SHOWN_FOR: Duration = Duration::from_secs(60);

/// The heat map.
#[derive(Debug)]
pub struct HeatMap {
    resolution: Resolution,
    zones: Mutex<BTreeMap<Cell, Hot>>,
}

/// A zone with surge.
#[derive(Debug)]
struct Hot {
    centre: Place,
    quoted_at: Timestamp,
    multiplier: f64,
}

impl Hot {
    fn is_shown(&self, now: Timestamp) -> bool {
        now.since(self.quoted_at) < SHOWN_FOR
    }
}

impl HeatMap {
    /// A map of zones of that size, cold everywhere.
    #[must_use]
    pub fn new(resolution: Resolution) -> Self {
        Self {
            resolution,
            zones: Mutex::default(),
        }
    }

    /// A rider was quoted that multiplier there.
    pub fn quoted(&self, pickup: Place, multiplier: f64, now: Timestamp) {
        let cell = Cell::of(pickup, self.resolution);
        let mut zones = self
            .zones
            .lock()
            .expect("no one panics while holding the map");
        if multiplier > 1.0 {
            let hot = zones.entry(cell).or_insert_with(|| Hot {
                centre: cell.centre(),
                quoted_at: now,
                multiplier,
            });
            (hot.quoted_at, hot.multiplier) = (now, multiplier);
        } else {
            zones.remove(&cell);
        }
    }

    /// Whether no zone has surge.
    pub fn is_cold(&self, now: Timestamp) -> bool {
        let zones = self
            .zones
            .lock()
            .expect("no one panics while holding the map");
        !zones.values().any(|hot| hot.is_shown(now))
    }

    /// Zones with surge, each by its centre.
    pub fn surging(&self, now: Timestamp) -> Vec<(Place, f64)> {
        let mut zones = self
            .zones
            .lock()
            .expect("no one panics while holding the map");
        zones.retain(|_, hot| hot.is_shown(now));
        zones
            .values()
            .map(|hot| (hot.centre, hot.multiplier))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surge_is_shown_for_a_while_and_until_it_ends() {
        let map = HeatMap::new(Resolution::new(8).unwrap());
        let place = Place::new(40.75, -73.98).unwrap();
        let now = Timestamp::from_millis(1_000);
        map.quoted(place, 1.5, now);
        assert!(!map.is_cold(now));
        assert!(map.is_cold(now + SHOWN_FOR));
        assert_eq!(map.surging(now).len(), 1);
        assert!(map.surging(now + SHOWN_FOR).is_empty());
        map.quoted(place, 1.5, now);
        map.quoted(place, 1.0, now);
        assert!(map.surging(now).is_empty());
    }
}

//! What traffic leaves of the speeds of streets, by their class and the hour of the day.

use std::collections::BTreeMap;

use crate::draft::{Draft, SPEED_MIN_KMH, Street};

/// Hours of a day.
pub const HOURS: usize = 24;
/// Periods at most: each has a hierarchy of its own, which takes as much room as the streets' own.
pub const PERIODS_MAX: usize = 8;
/// The least share of its speed that traffic may leave a street.
pub const SPEED_FACTOR_MIN: f64 = 0.05;

/// Classes of streets at most.
pub const CLASSES_MAX: usize = 64;

/// The class of a street: its number among the [`Classes`] of its draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class(u8);

/// The classes of a draft's streets, by the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classes(Vec<String>);

impl Classes {
    /// The class of a name; none if it is new and there are too many already.
    pub fn class(&mut self, name: &str) -> Option<Class> {
        self.find(name).or_else(|| {
            let class = u8::try_from(self.0.len()).ok()?;
            (self.0.len() < CLASSES_MAX).then(|| {
                self.0.push(name.to_owned());
                Class(class)
            })
        })
    }

    /// The class of a name, if any street may have it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Class> {
        let at = self.0.iter().position(|known| known == name)?;
        u8::try_from(at).ok().map(Class)
    }

    /// The name of one of them; nothing where there is none.
    #[must_use]
    pub fn name(&self, class: Option<Class>) -> &str {
        let name = class.and_then(|it| self.0.get(usize::from(it.0)));
        name.map_or("", String::as_str)
    }

    /// Their names in the order of the alphabet.
    fn names(&self) -> String {
        let mut names: Vec<&str> = self.0.iter().map(String::as_str).collect();
        names.sort_unstable();
        match names.as_slice() {
            [] => "none: the streets have no class".to_owned(),
            names => format!("one of `{}`", names.join("`, `")),
        }
    }
}

/// Hours of the day in which traffic slows some streets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Period {
    /// Which: 8 is from eight to nine.
    pub hours: Vec<u8>,
    /// The share of its speed that is left to a street, by the name of its class. All others are free.
    pub speed_factor: BTreeMap<String, f64>,
}

/// How traffic flows in the course of a day. In hours of no period all streets are free.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Traffic {
    periods: Vec<Period>,
    period_of: [Option<u8>; HOURS],
}

/// Why traffic is not what it can be. Periods are counted from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrafficError {
    /// More periods than there may be.
    #[error("found {0} periods of traffic, expected at most {PERIODS_MAX}")]
    Periods(usize),
    /// A period that never is.
    #[error("period {0}: found no hours, expected some of 0 to 23")]
    NoHours(usize),
    /// No hour of the day.
    #[error("period {period}: found hour {hour}, expected 0 to 23")]
    Hour {
        /// The period.
        period: usize,
        /// What was found.
        hour: u8,
    },
    /// An hour twice.
    #[error("period {period}: found hour {hour} a second time, expected each hour once")]
    Twice {
        /// The period where it is found again.
        period: usize,
        /// Which.
        hour: u8,
    },
    /// A period in which nothing is slowed.
    #[error("period {0}: found no speed factors, expected that of a class at least")]
    NoFactors(usize),
    /// A factor that cannot be.
    #[error(
        "period {period}: found the speed factor {factor} of `{class}`, expected a number from {SPEED_FACTOR_MIN} to 1"
    )]
    Factor {
        /// The period.
        period: usize,
        /// The class.
        class: String,
        /// What was found.
        factor: f64,
    },
    /// A class that is none of those of the streets.
    #[error("period {period}: found the class `{class}`, expected {expected}")]
    Class {
        /// The period.
        period: usize,
        /// What was found.
        class: String,
        /// The classes that there are.
        expected: String,
    },
}

impl Traffic {
    /// Traffic of some periods.
    ///
    /// # Errors
    /// If there are too many, an hour is none or in two, one has no hours or no factors, or a factor is not from
    /// [`SPEED_FACTOR_MIN`] to 1.
    pub fn new(periods: Vec<Period>) -> Result<Self, TrafficError> {
        if periods.len() > PERIODS_MAX {
            return Err(TrafficError::Periods(periods.len()));
        }
        let mut period_of = [None; HOURS];
        for (number, it) in (0..).zip(&periods) {
            let period = usize::from(number) + 1;
            if it.hours.is_empty() {
                return Err(TrafficError::NoHours(period));
            }
            for &hour in &it.hours {
                let taken = period_of.get_mut(usize::from(hour));
                let taken = taken.ok_or(TrafficError::Hour { period, hour })?;
                if taken.replace(number).is_some() {
                    return Err(TrafficError::Twice { period, hour });
                }
            }
            if it.speed_factor.is_empty() {
                return Err(TrafficError::NoFactors(period));
            }
            for (class, &factor) in &it.speed_factor {
                if !(SPEED_FACTOR_MIN..=1.0).contains(&factor) {
                    let class = class.clone();
                    return Err(TrafficError::Factor {
                        period,
                        class,
                        factor,
                    });
                }
            }
        }
        Ok(Self { periods, period_of })
    }

    /// The number of each hour's period, from 1 on; 0 where all streets are free.
    pub(crate) fn by_hour(&self) -> [u8; HOURS] {
        self.period_of.map(|period| period.map_or(0, |it| it + 1))
    }

    /// What traffic makes of a draft, one for each period.
    ///
    /// # Errors
    /// If a period names a class that is none of the draft's.
    pub fn slow(&self, draft: &Draft) -> Result<Vec<Draft>, TrafficError> {
        let periods = (1..).zip(&self.periods);
        periods
            .map(|(number, period)| {
                let mut factors = vec![1.0; draft.classes.0.len()];
                for (name, factor) in &period.speed_factor {
                    let class = draft.classes.find(name);
                    let class = class.ok_or_else(|| TrafficError::Class {
                        period: number,
                        class: name.clone(),
                        expected: draft.classes.names(),
                    })?;
                    factors[usize::from(class.0)] = *factor;
                }
                let slowed = |street: &Street| {
                    let factor = street.class.and_then(|it| factors.get(usize::from(it.0)));
                    let left_kmh = street.speed_kmh * factor.unwrap_or(&1.0);
                    Street {
                        // No street stands still.
                        speed_kmh: left_kmh.max(SPEED_MIN_KMH.min(street.speed_kmh)),
                        ..*street
                    }
                };
                Ok(Draft {
                    places: draft.places.clone(),
                    streets: draft.streets.iter().map(slowed).collect(),
                    classes: draft.classes.clone(),
                    turns: draft.turns.clone(),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(hours: &[u8], speed_factor: &[(&str, f64)]) -> Period {
        let factors = speed_factor.iter();
        Period {
            hours: hours.to_vec(),
            speed_factor: factors
                .map(|(name, it)| ((*name).to_owned(), *it))
                .collect(),
        }
    }

    #[test]
    fn traffic_that_cannot_be_says_why() {
        let half = &[("primary", 0.5)][..];
        for (periods, expected) in [
            (
                vec![period(&[1], half); 9],
                "found 9 periods of traffic, expected at most 8",
            ),
            (vec![period(&[], half)], "period 1: found no hours"),
            (vec![period(&[7], &[])], "period 1: found no speed factors"),
            (
                vec![period(&[24], half)],
                "period 1: found hour 24, expected 0 to 23",
            ),
            (
                vec![period(&[7, 7], half)],
                "period 1: found hour 7 a second time",
            ),
            (
                vec![period(&[7, 8], half), period(&[16, 8], half)],
                "period 2: found hour 8 a second time",
            ),
            (
                vec![period(&[7], &[("primary", 0.0)])],
                "period 1: found the speed factor 0 of `primary`, expected a number from 0.05 to 1",
            ),
            (vec![period(&[7], &[("primary", 1.5)])], "speed factor 1.5"),
            (
                vec![period(&[7], &[("primary", f64::NAN)])],
                "speed factor NaN",
            ),
        ] {
            let error = Traffic::new(periods).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn streets_of_a_class_are_slowed_and_none_stands_still() {
        let mut classes = Classes::default();
        let [primary, lane] = ["primary", "lane"].map(|name| classes.class(name));
        let street = |class, speed_kmh| Street {
            from: 0,
            to: 1,
            length_m: 100.0,
            speed_kmh,
            class,
        };
        let draft = Draft {
            places: Vec::new(),
            streets: vec![street(primary, 60.0), street(lane, 5.0), street(None, 30.0)],
            classes,
            turns: Vec::new(),
        };
        let traffic = Traffic::new(vec![
            period(&[8], &[("primary", 0.5), ("lane", 0.1)]),
            period(&[9], &[("primary", 1.0)]),
        ]);
        let traffic = traffic.unwrap();
        assert_eq!(traffic.by_hour()[7..11], [0, 1, 2, 0]);
        let slowed = traffic.slow(&draft).unwrap();
        let speeds = |draft: &Draft| -> Vec<f64> {
            let streets = draft.streets.iter();
            streets.map(|it| it.speed_kmh).collect()
        };
        assert_eq!(speeds(&slowed[0]), [30.0, 1.0, 30.0]);
        assert_eq!(slowed[1], draft);
    }

    #[test]
    fn a_class_that_no_street_has_is_named_beside_those_that_there_are() {
        let mut draft = Draft::default();
        let traffic = Traffic::new(vec![period(&[8], &[("primry", 0.5)])]).unwrap();
        let refused = |draft: &Draft| traffic.slow(draft).unwrap_err().to_string();
        assert_eq!(
            refused(&draft),
            "period 1: found the class `primry`, expected none: the streets have no class"
        );
        for name in ["secondary", "primary", "secondary"] {
            draft.classes.class(name);
        }
        assert_eq!(
            refused(&draft),
            "period 1: found the class `primry`, expected one of `primary`, `secondary`"
        );
    }

    #[test]
    fn there_are_no_more_classes_than_there_may_be() {
        let mut classes = Classes::default();
        let known: Vec<_> = (0..300).map(|it| classes.class(&it.to_string())).collect();
        assert_eq!(known.iter().flatten().count(), CLASSES_MAX);
        assert_eq!(classes.class("63"), known[63]);
        assert_eq!((classes.name(known[63]), classes.name(None)), ("63", ""));
    }
}

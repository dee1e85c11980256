//! At which rate of rides one placement overtakes another in what it costs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::summary::rounded;

/// What each placement costs by the rate of rides.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct BreakEven {
    /// The rates looked at: rides asked for in an hour, drivers in proportion.
    pub rides_per_hour: Vec<f64>,
    /// Drivers at each rate.
    pub drivers: Vec<f64>,
    /// Dollars of a month at each rate, by placement.
    pub per_month_usd: BTreeMap<String, Vec<f64>>,
    /// Where one overtakes another.
    pub crossings: Vec<Crossing>,
    /// Pairs of which one is cheaper at every rate looked at.
    pub none: Vec<NoCrossing>,
}

/// A rate at which two placements cost the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Crossing {
    /// The cheaper one below it.
    pub cheaper_below: String,
    /// The cheaper one above it.
    pub cheaper_above: String,
    /// Rides asked for in an hour, between the two rates looked at around it.
    pub rides_per_hour: f64,
    /// What both cost there, in dollars a month.
    pub per_month_usd: f64,
}

/// Two placements of which one is cheaper at every rate looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoCrossing {
    /// The cheaper one; where both cost the same throughout, the one asked for first.
    pub cheaper: String,
    /// The other.
    pub dearer: String,
}

impl BreakEven {
    /// From what placements cost at rates in rising order. `per_month_usd` is in the order asked for, and has a
    /// figure for each rate.
    #[must_use]
    pub fn of(
        rides_per_hour: Vec<f64>,
        drivers: Vec<f64>,
        per_month_usd: &[(String, Vec<f64>)],
    ) -> Self {
        let (mut crossings, mut none) = (Vec::new(), Vec::new());
        for (index, (first, first_usd)) in per_month_usd.iter().enumerate() {
            for (second, second_usd) in &per_month_usd[index + 1..] {
                let found = crossed(&rides_per_hour, first_usd, second_usd);
                if found.is_empty() {
                    let differences = first_usd.iter().zip(second_usd).map(|(a, b)| a - b);
                    let dearer = differences.sum::<f64>() > 0.0;
                    let (cheaper, dearer) = if dearer {
                        (second, first)
                    } else {
                        (first, second)
                    };
                    none.push(NoCrossing {
                        cheaper: cheaper.clone(),
                        dearer: dearer.clone(),
                    });
                }
                for Crossed {
                    rate,
                    usd,
                    first_is_cheaper_below,
                } in found
                {
                    let (below, above) = if first_is_cheaper_below {
                        (first, second)
                    } else {
                        (second, first)
                    };
                    crossings.push(Crossing {
                        cheaper_below: below.clone(),
                        cheaper_above: above.clone(),
                        rides_per_hour: rounded(rate, 1),
                        per_month_usd: rounded(usd, 2),
                    });
                }
            }
        }
        crossings.sort_by(|a, b| a.rides_per_hour.total_cmp(&b.rides_per_hour));
        Self {
            rides_per_hour,
            drivers,
            per_month_usd: per_month_usd.iter().cloned().collect(),
            crossings,
            none,
        }
    }

    /// The lowest and the highest rate looked at.
    #[must_use]
    pub fn range(&self) -> Option<(f64, f64)> {
        Some((*self.rides_per_hour.first()?, *self.rides_per_hour.last()?))
    }

    /// What was found, a sentence each.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        use crate::format::{Unit, decimals, show};
        let mut sentences: Vec<String> = self
            .crossings
            .iter()
            .map(|crossing| {
                format!(
                    "{} is cheaper than {} below {} rides an hour, and dearer above: both cost {} a month there.",
                    crossing.cheaper_below,
                    crossing.cheaper_above,
                    decimals(crossing.rides_per_hour, 0),
                    show(crossing.per_month_usd, Unit::Dollars),
                )
            })
            .collect();
        let Some((low, high)) = self.range() else {
            return sentences;
        };
        sentences.extend(self.none.iter().map(|pair| {
            format!(
                "{} is cheaper than {} at every rate looked at ({} to {} rides an hour): there is no break-even within.",
                pair.cheaper,
                pair.dearer,
                decimals(low, 0),
                decimals(high, 0),
            )
        }));
        sentences
    }
}

#[derive(Debug, PartialEq)]
struct Crossed {
    rate: f64,
    usd: f64,
    first_is_cheaper_below: bool,
}

/// Where two lines through points cross. A point at which both are equal belongs to the crossing around it,
/// and is none if neither overtakes.
fn crossed(rates: &[f64], first: &[f64], second: &[f64]) -> Vec<Crossed> {
    let mut found = Vec::new();
    let mut last: Option<(f64, f64, f64)> = None;
    for ((rate, a), b) in rates.iter().zip(first).zip(second) {
        let difference = a - b;
        if difference == 0.0 || !difference.is_finite() {
            continue;
        }
        if let Some((last_rate, last_difference, last_usd)) = last
            && (last_difference < 0.0) != (difference < 0.0)
        {
            let share = last_difference / (last_difference - difference);
            found.push(Crossed {
                rate: last_rate + share * (rate - last_rate),
                usd: last_usd + share * (a - last_usd),
                first_is_cheaper_below: last_difference < 0.0,
            });
        }
        last = Some((*rate, difference, *a));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rates: &[f64], lines: &[(&str, &[f64])]) -> BreakEven {
        let lines: Vec<_> = lines
            .iter()
            .map(|(name, usd)| ((*name).to_owned(), usd.to_vec()))
            .collect();
        BreakEven::of(rates.to_vec(), vec![0.0; rates.len()], &lines)
    }

    #[test]
    fn straight_lines_cross_where_algebra_says() {
        // 10 + 2 r and 100 + r / 2 are equal at r = 60, where both are 130.
        let rates = [10.0, 30.0, 100.0];
        let lambda = rates.map(|rate| 10.0 + 2.0 * rate);
        let containers = rates.map(|rate| 100.0 + 0.5 * rate);
        let found = of(&rates, &[("containers", &containers), ("lambda", &lambda)]);
        let expected = Crossing {
            cheaper_below: "lambda".into(),
            cheaper_above: "containers".into(),
            rides_per_hour: 60.0,
            per_month_usd: 130.0,
        };
        assert_eq!(found.crossings, [expected]);
        assert_eq!(found.none, []);
        assert!(found.sentences()[0].contains("below 60 rides an hour"));
    }

    #[test]
    fn lines_that_do_not_cross_are_said_not_to() {
        let found = of(&[1.0, 2.0], &[("a", &[5.0, 9.0]), ("b", &[4.0, 8.0])]);
        assert_eq!(found.crossings, []);
        let pair = NoCrossing {
            cheaper: "b".into(),
            dearer: "a".into(),
        };
        assert_eq!(found.none, [pair]);
        assert!(found.sentences()[0].contains("no break-even within"));
        let same = of(&[1.0, 2.0], &[("a", &[4.0, 8.0]), ("b", &[4.0, 8.0])]);
        assert_eq!(same.none[0].cheaper, "a");
    }

    #[test]
    fn what_touches_does_not_overtake_and_what_returns_crosses_twice() {
        let rates = [1.0, 2.0, 3.0];
        assert!(crossed(&rates, &[1.0, 2.0, 1.0], &[2.0, 2.0, 2.0]).is_empty());
        let through = crossed(&rates, &[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0]);
        assert_eq!(
            (through.len(), through[0].rate, through[0].usd),
            (1, 2.0, 2.0)
        );
        let twice = crossed(&rates, &[1.0, 3.0, 1.0], &[2.0, 2.0, 2.0]);
        let below: Vec<bool> = twice
            .iter()
            .map(|found| found.first_is_cheaper_below)
            .collect();
        assert_eq!(below, [true, false]);
        assert!(crossed(&[], &[], &[]).is_empty());
    }
}

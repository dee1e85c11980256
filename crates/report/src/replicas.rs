//! Figures over replicas: the same scenario under several seeds, each figure with its mean and the
//! half-width of its 95 % interval by Student's t.
//!
//! Replicas are paired: the n-th of two scenarios has the same seed, hence the same riders, places, times
//! and choices, so that [`paired`] differences are much surer than the difference of two means.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::format::{Unit, show};
use crate::latency::step;
use crate::summary::{Summary, rounded};

/// The fewest replicas that an interval can be made of.
pub const REPLICAS_MIN: u64 = 2;
/// The most replicas there may be.
pub const REPLICAS_MAX: u64 = 10_000;
/// Decimals that are written.
const DECIMALS: i32 = 9;

/// A mean over replicas.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Half the width of the 95 % interval around it.
    pub ci95: f64,
}

impl Interval {
    /// Whether the interval leaves zero out: of a difference, that there is one.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.mean.abs() > self.ci95
    }

    /// The mean and its half-width as people read them.
    #[must_use]
    pub fn show(&self, unit: Unit) -> String {
        format!("{} ± {}", show(self.mean, unit), show(self.ci95, unit))
    }
}

/// Figures over replicas.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Replicas {
    /// How many there were; their seeds follow each other.
    pub n: u64,
    /// Figures by name. One that any replica lacks is left out.
    pub figures: BTreeMap<String, Interval>,
}

/// A figure that is followed over replicas.
#[derive(Debug, Clone, Copy)]
pub struct Followed {
    /// Its name in files.
    pub key: &'static str,
    /// Its name for people.
    pub words: &'static str,
    /// Of what it is.
    pub unit: Unit,
    of: fn(&Summary) -> Option<f64>,
}

/// The figures that are followed, in the order of reading.
pub const FOLLOWED: [Followed; 26] = [
    followed("rides_requested", "rides requested", Unit::Count, |s| {
        Some(s.rides.requested as f64)
    }),
    followed(
        "served_share",
        "driver found",
        Unit::Share,
        Summary::served_share,
    ),
    followed("rides_completed", "rides completed", Unit::Count, |s| {
        Some(s.rides.completed as f64)
    }),
    followed("rides_cancelled", "rides cancelled", Unit::Count, |s| {
        Some(s.rides.cancelled as f64)
    }),
    followed("rides_unserved", "rides unserved", Unit::Count, |s| {
        Some(s.rides.unserved as f64)
    }),
    followed(
        "wait_mean_s",
        "wait for the car, mean",
        Unit::Seconds,
        |s| s.pickup.wait_s.mean,
    ),
    followed(
        "pickup_distance_mean_m",
        "way to the pick-up, mean",
        Unit::Metres,
        |s| s.pickup.distance_m.mean,
    ),
    followed("utilisation", "utilisation", Unit::Share, |s| {
        s.drivers.utilisation
    }),
    followed(
        "pay_per_online_hour",
        "driver pay an hour online",
        Unit::Money,
        |s| s.money.pay_per_online_hour.mean,
    ),
    followed("gross", "gross", Unit::Money, |s| Some(s.money.gross)),
    followed("surge_mean", "surge, mean", Unit::Factor, |s| s.surge.mean),
    followed("quote_p50_ms", "quote p50", Unit::Milliseconds, |s| {
        p50(s, step::QUOTE)
    }),
    followed("quote_p99_ms", "quote p99", Unit::Milliseconds, |s| {
        p99(s, step::QUOTE)
    }),
    followed("request_p50_ms", "request p50", Unit::Milliseconds, |s| {
        p50(s, step::REQUEST)
    }),
    followed("request_p99_ms", "request p99", Unit::Milliseconds, |s| {
        p99(s, step::REQUEST)
    }),
    followed(
        "request_to_offer_p50_ms",
        "request to offer p50",
        Unit::Milliseconds,
        |s| p50(s, step::REQUEST_TO_OFFER),
    ),
    followed(
        "request_to_offer_p99_ms",
        "request to offer p99",
        Unit::Milliseconds,
        |s| p99(s, step::REQUEST_TO_OFFER),
    ),
    followed(
        "request_to_accept_p50_ms",
        "request to accept p50",
        Unit::Milliseconds,
        |s| p50(s, step::REQUEST_TO_ACCEPT),
    ),
    followed(
        "request_to_accept_p99_ms",
        "request to accept p99",
        Unit::Milliseconds,
        |s| p99(s, step::REQUEST_TO_ACCEPT),
    ),
    followed("ping_ack_p50_ms", "ping ack p50", Unit::Milliseconds, |s| {
        p50(s, step::PING_ACK)
    }),
    followed("ping_ack_p99_ms", "ping ack p99", Unit::Milliseconds, |s| {
        p99(s, step::PING_ACK)
    }),
    followed("throttles", "throttles", Unit::Count, |s| {
        Some(throttles(s) as f64)
    }),
    followed("cold_starts", "cold starts", Unit::Count, |s| {
        Some(cold_starts(s) as f64)
    }),
    followed("cost_usd", "cost", Unit::Dollars, |s| {
        Some(s.cost_usd.as_ref()?.total)
    }),
    followed(
        "cost_per_month_usd",
        "cost a month at this load",
        Unit::Dollars,
        |s| s.cost_usd.as_ref()?.per_month_at_this_load,
    ),
    followed(
        "cost_per_completed_ride_usd",
        "cost a completed ride",
        Unit::Dollars,
        |s| s.cost_usd.as_ref()?.per_completed_ride,
    ),
];

const fn followed(
    key: &'static str,
    words: &'static str,
    unit: Unit,
    of: fn(&Summary) -> Option<f64>,
) -> Followed {
    Followed {
        key,
        words,
        unit,
        of,
    }
}

fn p50(summary: &Summary, step: &str) -> Option<f64> {
    summary.latency_ms.get(step)?.p50
}

fn p99(summary: &Summary, step: &str) -> Option<f64> {
    summary.latency_ms.get(step)?.p99
}

/// Calls and requests that functions and tables refused for their number.
pub(crate) fn throttles(summary: &Summary) -> u64 {
    let functions = summary
        .functions
        .values()
        .map(|function| function.throttles);
    let tables = summary.tables.values().map(|table| table.throttles);
    functions.chain(tables).sum()
}

/// Calls that had to start an environment.
pub(crate) fn cold_starts(summary: &Summary) -> u64 {
    let functions = summary.functions.values();
    functions.map(|function| function.cold_starts).sum()
}

impl Followed {
    /// The figure of a summary; none where nothing was measured.
    #[must_use]
    pub fn of(&self, summary: &Summary) -> Option<f64> {
        (self.of)(summary)
    }
}

/// The followed figures of one replica.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures(BTreeMap<&'static str, f64>);

impl Figures {
    /// Those of a summary.
    #[must_use]
    pub fn of(summary: &Summary) -> Self {
        let known = FOLLOWED.iter();
        Self(
            known
                .filter_map(|followed| Some((followed.key, followed.of(summary)?)))
                .collect(),
        )
    }

    fn less(&self, other: &Self) -> Self {
        let both = self.0.iter();
        Self(
            both.filter_map(|(key, value)| Some((*key, value - other.0.get(key)?)))
                .collect(),
        )
    }
}

/// Means and intervals over replicas; the half-width of a single one is not known, and given as 0.
#[must_use]
pub fn replicas(of: &[Figures]) -> Replicas {
    let keys = of.first().into_iter().flat_map(|first| first.0.keys());
    let interval_of = |key: &&'static str| {
        let values: Option<Vec<f64>> = of.iter().map(|one| one.0.get(key).copied()).collect();
        Some(((*key).to_owned(), interval(&values?)?))
    };
    Replicas {
        n: of.len() as u64,
        figures: keys.filter_map(interval_of).collect(),
    }
}

/// Differences of paired replicas: `of` less `from`, seed by seed.
#[must_use]
pub fn paired(of: &[Figures], from: &[Figures]) -> Replicas {
    let less: Vec<Figures> = of.iter().zip(from).map(|(a, b)| a.less(b)).collect();
    replicas(&less)
}

/// Figures over replicas as plain text, a line each.
#[must_use]
pub fn text(replicas: &Replicas) -> String {
    let mut out = format!(
        "\nOver {} paired seeds, ± half the width of a 95 % interval\n",
        replicas.n
    );
    for followed in FOLLOWED {
        if let Some(interval) = replicas.figures.get(followed.key) {
            let shown = interval.show(followed.unit);
            // Writing to a String cannot fail.
            let _ = writeln!(out, "  {:<28}{shown:>28}", followed.words);
        }
    }
    out
}

/// The mean of independent values and its 95 % half-width; none of no value.
#[must_use]
pub fn interval(values: &[f64]) -> Option<Interval> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let ci95 = match n {
        1 => 0.0,
        _ => student_t_95(n - 1) * (squares / (n - 1) as f64 / n as f64).sqrt(),
    };
    Some(Interval {
        mean: rounded(mean, DECIMALS),
        ci95: rounded(ci95, DECIMALS),
    })
}

/// The 97.5th percentile of Student's t by degrees of freedom, from one on.
const T: [f64; 30] = [
    12.706_205, 4.302_653, 3.182_446, 2.776_445, 2.570_582, 2.446_912, 2.364_624, 2.306_004,
    2.262_157, 2.228_139, 2.200_985, 2.178_813, 2.160_369, 2.144_787, 2.131_450, 2.119_905,
    2.109_816, 2.100_922, 2.093_024, 2.085_963, 2.079_614, 2.073_873, 2.068_658, 2.063_899,
    2.059_539, 2.055_529, 2.051_831, 2.048_407, 2.045_230, 2.042_272,
];
/// The 97.5th percentile of the normal law.
const Z: f64 = 1.959_964;

/// The 97.5th percentile of Student's t. Beyond the table by the expansion around the normal law
/// (Abramowitz and Stegun 26.7.5), which is right to five digits there.
#[must_use]
pub fn student_t_95(degrees: usize) -> f64 {
    if let Some(t) = degrees.checked_sub(1).and_then(|index| T.get(index)) {
        return *t;
    }
    if degrees == 0 {
        return f64::INFINITY;
    }
    let nu = degrees as f64;
    Z + (Z.powi(3) + Z) / (4.0 * nu)
        + (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / (96.0 * nu * nu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::ClockKind;

    #[test]
    fn the_interval_of_a_textbook_sample() {
        // Mean 5, standard deviation 1 over four: the standard error is 0.5, t with 3 degrees 3.182.
        let found = interval(&[4.0, 4.0, 6.0, 6.0]).unwrap();
        let deviation = (4.0f64 / 3.0).sqrt();
        assert_eq!(found.mean, 5.0);
        assert!((found.ci95 - 3.182_446 * deviation / 2.0).abs() < 1e-8);
        assert_eq!(interval(&[]), None);
        assert_eq!(
            interval(&[3.0; 5]).unwrap(),
            Interval {
                mean: 3.0,
                ci95: 0.0
            }
        );
    }

    #[test]
    fn t_goes_on_beyond_its_table() {
        for (degrees, expected) in [
            (1, 12.706),
            (9, 2.262),
            (30, 2.042),
            (31, 2.039_5),
            (60, 2.000_3),
            (120, 1.979_9),
        ] {
            assert!((student_t_95(degrees) - expected).abs() < 6e-4, "{degrees}");
        }
        assert!(student_t_95(0).is_infinite());
        let falls = (1..200).all(|degrees| student_t_95(degrees) > student_t_95(degrees + 1));
        assert!(falls);
    }

    #[test]
    fn nine_in_ten_intervals_and_more_hold_the_truth() {
        // Uniform draws of a plain congruential generator: the mean is one half.
        let mut state = 1u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let held = (0..1_000)
            .filter(|_| {
                let values: Vec<f64> = (0..10).map(|_| draw()).collect();
                let found = interval(&values).unwrap();
                (found.mean - 0.5).abs() <= found.ci95
            })
            .count();
        assert!((925..=975).contains(&held), "{held} of 1000");
    }

    fn replica(completed: u64, wait: Option<f64>) -> Figures {
        let mut summary = Summary::new("peak", 1, "twin", ClockKind::Virtual);
        summary.rides.completed = completed;
        summary.pickup.wait_s.mean = wait;
        Figures::of(&summary)
    }

    #[test]
    fn paired_differences_are_surer_than_means() {
        let before = [
            replica(100, Some(9.0)),
            replica(200, Some(9.0)),
            replica(300, None),
        ];
        let after = [
            replica(111, Some(8.0)),
            replica(210, Some(8.0)),
            replica(312, Some(8.0)),
        ];
        let difference = paired(&after, &before).figures["rides_completed"];
        assert_eq!(difference.mean, 11.0);
        assert!(difference.is_clear() && difference.ci95 < 3.0);
        let alone = replicas(&after);
        assert!(!alone.figures["rides_completed"].is_clear() && alone.n == 3);
        assert!(alone.figures.contains_key("wait_mean_s"));
        assert!(
            text(&alone).contains("Over 3 paired seeds") && text(&alone).contains("8.0 s ± 0.0 s")
        );
        assert!(
            !replicas(&before).figures.contains_key("wait_mean_s"),
            "one replica lacks it"
        );
    }
}

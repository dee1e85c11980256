//! A figure and its 95 % interval, from batches of one long run.
//!
//! Every figure is a ratio of two sums, R = Σ num / Σ den, over [`BATCHES`] batches of equal time. Its
//! interval is that of the ratio estimator (Cochran, *Sampling Techniques*, 6.3): the residuals
//! num − R · den of the batches are taken for independent draws of one law, and the half-width is
//! Student's t times their standard error over the mean den. While the residuals of neighbouring batches
//! show any positive correlation, batches are merged in pairs, down to [`BATCHES_MIN`]: fewer and longer
//! batches, and a wider interval. Independent ones are so merged every other time, which costs an eighth
//! of the width and no truth; correlated ones that were not merged would promise too much.
//!
//! What was seen hardly ever, or nearly always, says too little of its own spread: of a case that was never seen,
//! batches have none at all. There a probability's half-width is at least what independent draws leave open by
//! Wilson's score interval (E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927).

/// Batches that a run is cut into.
pub const BATCHES: usize = 32;
/// Fewest batches that are left after merging.
pub const BATCHES_MIN: usize = 8;
/// The 97.5th percentile of Student's t at 31, 15 and 7 degrees of freedom: one less than batches.
const T: [(usize, f64); 3] = [(32, 2.039_513), (16, 2.131_450), (8, 2.364_624)];
/// Fewer cases than these, or fewer draws that are none, are few.
const FEW: f64 = 10.0;
/// The 97.5th percentile of the normal law.
const Z: f64 = 1.959_964;

/// A figure and the half-width of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Half the width of the interval around it.
    pub ci95: f64,
}

/// What one batch adds to the two sums of a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Term {
    /// To the upper sum.
    pub num: f64,
    /// To the lower sum.
    pub den: f64,
}

/// A ratio of two sums over batches; none if the lower one is zero.
#[must_use]
pub fn ratio(batches: &[Term; BATCHES]) -> Option<Estimate> {
    let mut terms = batches.to_vec();
    let value = sum(&terms, |term| term.num) / sum(&terms, |term| term.den);
    if !value.is_finite() {
        return None;
    }
    let residual = |term: &Term| term.num - value * term.den;
    while terms.len() > BATCHES_MIN && correlated(&terms, residual) {
        terms = terms.chunks_exact(2).map(merged).collect();
    }
    let count = terms.len() as f64;
    let variance = sum(&terms, |term| residual(term).powi(2)) / (count - 1.0);
    let mean_den = sum(&terms, |term| term.den) / count;
    let t = T.iter().find(|(batches, _)| *batches == terms.len());
    let (_, t) = t.expect("batches are merged in pairs");
    Some(Estimate {
        value,
        ci95: t * (variance / count).sqrt() / mean_den,
    })
}

/// A ratio that is a probability: cases over draws.
#[must_use]
pub fn probability(batches: &[Term; BATCHES]) -> Option<Estimate> {
    let mut estimate = ratio(batches)?;
    let (cases, draws) = (sum(batches, |term| term.num), sum(batches, |term| term.den));
    let rare = cases.min(draws - cases);
    if rare < FEW {
        estimate.ci95 = estimate.ci95.max(left_open(rare, draws));
    }
    Some(estimate)
}

/// How far Wilson's score interval reaches from the share of few cases in independent draws. Its far end is, for up to
/// [`FEW`] cases, above that of the exact (Clopper-Pearson) interval, by some 4 % or less.
fn left_open(cases: f64, draws: f64) -> f64 {
    let (share, squared) = (cases / draws, Z * Z);
    let spread = (cases * (1.0 - share) + squared / 4.0).sqrt();
    let farthest = (cases + squared / 2.0 + Z * spread) / (draws + squared);
    farthest - share
}

fn merged(pair: &[Term]) -> Term {
    Term {
        num: sum(pair, |term| term.num),
        den: sum(pair, |term| term.den),
    }
}

fn correlated(terms: &[Term], residual: impl Fn(&Term) -> f64) -> bool {
    let products = terms
        .windows(2)
        .map(|two| residual(&two[0]) * residual(&two[1]));
    products.sum::<f64>() > 0.0
}

fn sum(terms: &[Term], part: impl Fn(&Term) -> f64) -> f64 {
    terms.iter().map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Streams;

    fn batches(mut of: impl FnMut(usize) -> (f64, f64)) -> [Term; BATCHES] {
        std::array::from_fn(|index| {
            let (num, den) = of(index);
            Term { num, den }
        })
    }

    #[test]
    fn equal_batches_have_no_doubt() {
        let found = ratio(&batches(|_| (3.0, 4.0))).unwrap();
        assert_eq!((found.value, found.ci95), (0.75, 0.0));
        assert_eq!(ratio(&batches(|_| (0.0, 0.0))), None);
    }

    #[test]
    fn what_was_not_seen_may_still_be() {
        let found = probability(&batches(|_| (0.0, 100.0))).unwrap();
        assert_eq!(found.value, 0.0);
        // (1 - p)^n: 2.5 % or little less.
        assert!((0.02..0.025).contains(&(1.0 - found.ci95).powi(3_200)));
    }

    #[test]
    fn what_was_always_seen_may_be_missing_yet() {
        let always = probability(&batches(|_| (100.0, 100.0))).unwrap();
        let never = probability(&batches(|_| (0.0, 100.0))).unwrap();
        assert_eq!((always.value, always.ci95), (1.0, never.ci95));
        // All of 93.
        let all = probability(&batches(
            |batch| if batch < 31 { (3.0, 3.0) } else { (0.0, 0.0) },
        ));
        assert!((all.unwrap().ci95 - 0.0397).abs() < 1e-4);
        // All but one, and one alone.
        let (one, all_but_one) = (
            probability(&batches(|batch| (f64::from(batch == 9), 3.0))).unwrap(),
            probability(&batches(|batch| (3.0 - f64::from(batch == 9), 3.0))).unwrap(),
        );
        assert!((one.value + all_but_one.value - 1.0).abs() < 1e-12);
        assert!((one.ci95 - all_but_one.ci95).abs() < 1e-12 && one.ci95 > 0.045);
    }

    /// Few cases, or few draws that are none: the interval holds the truth as often as it says.
    #[test]
    fn intervals_of_few_cases_hold_what_they_promise() {
        let mut stream = Streams::new(7).stream("estimate", 1);
        let (in_a_batch, runs) = (3, 2_000);
        let draws = (in_a_batch * BATCHES) as f64;
        for expected in [0.2, 1.0, 3.0, 5.0] {
            for truth in [expected / draws, 1.0 - expected / draws] {
                let held = (0..runs).filter(|_| {
                    let found = probability(&batches(|_| {
                        let cases = (0..in_a_batch).filter(|_| stream.uniform() < truth);
                        (cases.count() as f64, in_a_batch as f64)
                    }));
                    let found = found.unwrap();
                    (found.value - truth).abs() <= found.ci95
                });
                let share = held.count() as f64 / f64::from(runs);
                assert!(share > 0.945, "{expected} expected, {truth}: {share}");
            }
        }
    }

    /// The interval holds the truth in 95 of 100 runs, of independent batches and of drifting ones alike.
    #[test]
    fn intervals_hold_what_they_promise() {
        for (persistence, least) in [(0.0, 0.93), (0.6, 0.88)] {
            let mut stream = Streams::new(5).stream("estimate", 0);
            let runs = 4_000;
            let held = (0..runs).filter(|_| {
                let mut drift = 0.0;
                let found = ratio(&batches(|_| {
                    drift = persistence * drift + stream.normal();
                    let den = 50.0 + 5.0 * stream.normal();
                    (2.0 * den + drift, den)
                }));
                let found = found.unwrap();
                (found.value - 2.0).abs() <= found.ci95
            });
            let share = held.count() as f64 / f64::from(runs);
            assert!((least..0.975).contains(&share), "{persistence}: {share}");
        }
    }
}

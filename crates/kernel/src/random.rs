//! Seeded randomness: a stream for each agent and purpose, none of which disturbs another.
//!
//! A stream is ChaCha8 under a key derived from the seed, the purpose and (for
//! [`Streams::between`]) a first number, at ChaCha's own stream number. Streams of one key never
//! overlap, so that adding an agent, or drawing more for one of them, changes nothing for the others.

use std::convert::Infallible;
use std::time::Duration;

use rand::{RngExt, SeedableRng, TryRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};

/// The longest span that a draw returns: a hundred years, so that sums of spans cannot overflow.
pub const SPAN_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

/// All the streams of one seed.
///
/// ```
/// use rushhour_kernel::random::Streams;
///
/// let streams = Streams::new(7);
/// let mut of_rider_1 = streams.stream("rider", 1);
/// assert_eq!(of_rider_1.uniform(), streams.stream("rider", 1).uniform());
/// assert_ne!(of_rider_1.uniform(), streams.stream("driver", 1).uniform());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed, as a failing run prints it.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The stream of one agent (`id`) for one purpose (`kind`), from its beginning.
    #[must_use]
    pub fn stream(&self, kind: &str, id: u64) -> Stream {
        self.between(kind, 0, id)
    }

    /// The stream of a pair for one purpose: what a driver thinks of a rider depends on the two alone,
    /// whenever and however often they meet.
    #[must_use]
    pub fn between(&self, kind: &str, first: u64, second: u64) -> Stream {
        let mut rng = ChaCha8Rng::from_seed(key(self.seed, kind, first));
        rng.set_stream(second);
        Stream(rng)
    }
}

/// 256 bits from the seed, the purpose and a number: each word is absorbed through SplitMix64's mixer,
/// the purpose with its length, so that no two differ only in where one ends.
fn key(seed: u64, kind: &str, first: u64) -> [u8; 32] {
    let mut state = mix(seed);
    state = mix(state ^ kind.len() as u64);
    for chunk in kind.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = mix(state ^ u64::from_le_bytes(word));
    }
    state = mix(state ^ first);
    let mut key = [0; 32];
    for word in key.chunks_exact_mut(8) {
        state = mix(state);
        word.copy_from_slice(&state.to_le_bytes());
    }
    key
}

/// One step of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
fn mix(state: u64) -> u64 {
    let mut word = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// One stream of random numbers. Also a generator for anything in `rand_distr`.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.random()
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// Uniform in [low, high); `low` if the interval is empty.
    pub fn uniform_in(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low).max(0.0) * self.uniform()
    }

    /// Uniform among 0 to `count` - 1; 0 if `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        if count == 0 {
            0
        } else {
            self.0.random_range(0..count as u64) as usize
        }
    }

    /// True with a probability; never below 0, always from 1 on.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// Exponential with a mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        let unit: f64 = Exp1.sample(&mut self.0);
        mean * unit
    }

    /// Lognormal with a median, and the standard deviation of its logarithm.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// An exponential span with a mean, at most [`SPAN_MAX`].
    pub fn exponential_span(&mut self, mean: Duration) -> Duration {
        span(self.exponential(mean.as_secs_f64()))
    }

    /// A lognormal span with a median, at most [`SPAN_MAX`].
    pub fn lognormal_span(&mut self, median: Duration, sigma: f64) -> Duration {
        span(self.lognormal(median.as_secs_f64(), sigma))
    }

    /// A span uniform between zero and `below`.
    pub fn uniform_span(&mut self, below: Duration) -> Duration {
        span(below.as_secs_f64() * self.uniform())
    }
}

/// A span from seconds: zero if negative or not a number, at most [`SPAN_MAX`].
#[must_use]
pub fn span(seconds: f64) -> Duration {
    if seconds > 0.0 {
        Duration::from_secs_f64(seconds.min(SPAN_MAX.as_secs_f64()))
    } else {
        Duration::ZERO
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(streams: Streams, kind: &str, id: u64) -> [u64; 4] {
        let mut stream = streams.stream(kind, id);
        std::array::from_fn(|_| stream.bits())
    }

    /// These values are part of the product: a run is replayed by its seed, so they never change.
    #[test]
    fn a_seed_gives_the_numbers_it_always_gave() {
        let [bits, ..] = first(Streams::new(7), "rider", 1);
        let mut stream = Streams::new(7).between("answer", 3, 4);
        let found = [
            bits,
            stream.bits(),
            stream.uniform().to_bits(),
            stream.exponential(2.0).to_bits(),
            stream.normal().to_bits(),
        ];
        assert_eq!(
            found,
            [
                14269795610368131038,
                1027245820007197548,
                4603758166911854564,
                4612236876491790255,
                4604264181116638732
            ]
        );
    }

    #[test]
    fn seed_purpose_and_agent_each_make_another_stream() {
        let here = Streams::new(7);
        let mut seen: Vec<_> = (0..1_000).map(|id| first(here, "rider", id)).collect();
        seen.push(first(here, "driver", 1));
        seen.push(first(here, "rider\0", 1));
        seen.push(first(Streams::new(8), "rider", 1));
        seen.push(std::array::from_fn({
            let mut stream = here.between("rider", 1, 0);
            move |_| stream.bits()
        }));
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn drawing_more_for_one_agent_changes_nothing_for_the_next() {
        let streams = Streams::new(1);
        let alone = first(streams, "rider", 2);
        let mut busy = streams.stream("rider", 1);
        for _ in 0..10_000 {
            busy.bits();
        }
        assert_eq!(first(streams, "rider", 2), alone);
    }

    #[test]
    fn neighbouring_streams_are_uncorrelated() {
        let streams = Streams::new(3);
        let count = 20_000;
        let products = (0..count).map(|id| {
            let first = streams.stream("rider", id).uniform() - 0.5;
            first * (streams.stream("rider", id + 1).uniform() - 0.5)
        });
        // Each product has variance 1/144, so that the mean is within 5 standard errors.
        let mean = products.sum::<f64>() / count as f64;
        assert!(mean.abs() < 5.0 / 12.0 / (count as f64).sqrt(), "{mean}");
    }

    #[test]
    fn draws_have_the_moments_they_name() {
        let mut stream = Streams::new(11).stream("moments", 0);
        let count = 200_000;
        let mut mean_of = |draw: &mut dyn FnMut(&mut Stream) -> f64| {
            (0..count).map(|_| draw(&mut stream)).sum::<f64>() / f64::from(count)
        };
        let near = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.02;
        assert!(near(mean_of(&mut |s| s.uniform_in(2.0, 4.0)), 3.0));
        assert!(near(mean_of(&mut |s| s.exponential(5.0)), 5.0));
        assert!(near(mean_of(&mut |s| s.exponential(5.0).powi(2)), 50.0));
        assert!(near(mean_of(&mut |s| s.normal().powi(2)), 1.0));
        // The mean of a lognormal is its median times exp(sigma² / 2).
        assert!(near(
            mean_of(&mut |s| s.lognormal(3.0, 0.5)),
            3.0 * 0.125f64.exp()
        ));
        assert!(near(mean_of(&mut |s| s.below(10) as f64), 4.5));
        assert!(near(mean_of(&mut |s| f64::from(s.chance(0.3))), 0.3));
    }

    #[test]
    fn absurd_spans_are_bounded() {
        assert_eq!(span(f64::NAN), Duration::ZERO);
        assert_eq!(span(-1.0), Duration::ZERO);
        assert_eq!(span(f64::INFINITY), SPAN_MAX);
        let mut stream = Streams::new(1).stream("span", 0);
        assert_eq!(stream.uniform_in(3.0, 1.0).to_bits(), 3f64.to_bits());
        assert_eq!(stream.below(0), 0);
    }
}

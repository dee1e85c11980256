//! A bucket of tokens that fills at a rate: what lets requests through up to a rate and a burst.

use domain::Timestamp;

/// A token that lacks so little is there: sums of floats are not exact.
const ROUNDING: f64 = 1e-6;

/// Tokens, of which fractions count. It starts full.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenBucket {
    per_second: f64,
    burst: f64,
    level: f64,
    filled_at: Option<Timestamp>,
}

impl TokenBucket {
    /// A full bucket that gains `per_second` and holds `burst`; negative figures count as none.
    #[must_use]
    pub fn new(per_second: f64, burst: f64) -> Self {
        let burst = burst.max(0.0);
        Self {
            per_second: per_second.max(0.0),
            burst,
            level: burst,
            filled_at: None,
        }
    }

    /// Fills up to now and says whether `tokens` can be taken, at most the whole bucket being asked for:
    /// what is dearer than a full bucket takes it into debt.
    pub fn has(&mut self, now: Timestamp, tokens: f64) -> bool {
        self.fill(now);
        self.level >= tokens.min(self.burst) - ROUNDING
    }

    /// Takes tokens, whether they are there or not.
    pub fn draw(&mut self, tokens: f64) {
        self.level -= tokens.max(0.0);
    }

    /// Takes tokens if they are there, and says whether they were.
    pub fn take(&mut self, now: Timestamp, tokens: f64) -> bool {
        let enough = self.has(now, tokens);
        if enough {
            self.draw(tokens);
        }
        enough
    }

    /// Whether it is full now, as if nobody had ever drawn from it.
    pub fn is_full(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        self.level >= self.burst - ROUNDING
    }

    /// Changes rate and burst from now on; a level above the new burst overflows.
    pub fn set_rate(&mut self, now: Timestamp, per_second: f64, burst: f64) {
        self.fill(now);
        let grown = (burst - self.burst).max(0.0);
        self.per_second = per_second.max(0.0);
        self.burst = burst.max(0.0);
        self.level = (self.level + grown).min(self.burst);
    }

    fn fill(&mut self, now: Timestamp) {
        let from = self.filled_at.unwrap_or(now);
        if now > from {
            let gained = self.per_second * now.since(from).as_secs_f64();
            self.level = (self.level + gained).min(self.burst);
        }
        self.filled_at = Some(from.max(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let mut bucket = TokenBucket::new(10.0, 3.0);
        let taken = |bucket: &mut TokenBucket, ms: i64| {
            (0..10).filter(|_| bucket.take(at(ms), 1.0)).count()
        };
        assert_eq!(taken(&mut bucket, 0), 3);
        assert_eq!(taken(&mut bucket, 99), 0);
        assert_eq!(taken(&mut bucket, 200), 2);
        assert_eq!(taken(&mut bucket, 100), 0, "time does not go back");
        assert_eq!(taken(&mut bucket, 60_000), 3);
        assert!(!bucket.is_full(at(60_000)) && bucket.is_full(at(60_300)));
    }

    #[test]
    fn what_is_dearer_than_the_bucket_leaves_a_debt() {
        let mut bucket = TokenBucket::new(10.0, 3.0);
        assert!(bucket.take(at(0), 13.0));
        assert!(!bucket.take(at(1_299), 3.0));
        assert!(bucket.take(at(1_300), 3.0));
        bucket.set_rate(at(1_300), 20.0, 6.0);
        assert!(bucket.take(at(1_300), 3.0) && !bucket.take(at(1_300), 0.5));
    }
}

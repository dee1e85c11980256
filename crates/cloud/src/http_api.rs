//! The HTTP API in front of the functions: how many requests it lets through, and how long it waits.
//!
//! Start at [`HttpApi::admit`]. What the API adds to a request in time is a law of the profile
//! ([`crate::profile::HttpApiProfile`]), for the host to wait.

use std::time::Duration;

use domain::Timestamp;

use crate::profile::HttpApiProfile;
use crate::token_bucket::TokenBucket;

/// What was counted since the start or the last [`HttpApi::reset_counters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HttpApiCounters {
    /// Requests that came; those refused are billed nothing on AWS and are counted here all the same.
    pub requests: u64,
    /// Requests refused with status 429.
    pub throttles: u64,
    /// Requests answered with status 503 for want of a function's answer in time.
    pub timeouts: u64,
}

/// A request came faster than the API lets them through: status 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("found more requests than {per_second} a second and a burst of {burst}, expected fewer")]
pub struct TooManyRequests {
    /// The rate.
    pub per_second: u32,
    /// The burst.
    pub burst: u32,
}

/// One HTTP API of one account and region.
#[derive(Debug, Clone)]
pub struct HttpApi {
    per_second: u32,
    burst: u32,
    integration_timeout: Duration,
    bucket: TokenBucket,
    counters: HttpApiCounters,
}

impl HttpApi {
    /// An API that has let nobody through yet.
    #[must_use]
    pub fn new(profile: &HttpApiProfile) -> Self {
        let (per_second, burst) = (profile.throttle_rps, profile.burst);
        Self {
            per_second,
            burst,
            integration_timeout: profile.integration_timeout,
            bucket: TokenBucket::new(f64::from(per_second), f64::from(burst)),
            counters: HttpApiCounters::default(),
        }
    }

    /// A request comes. Answers the moment by which the function must have answered; if it has not, the
    /// host answers with status 503 then and says so to [`Self::timed_out`].
    ///
    /// # Errors
    /// If it is one too many.
    pub fn admit(&mut self, now: Timestamp) -> Result<Timestamp, TooManyRequests> {
        self.counters.requests += 1;
        if self.bucket.take(now, 1.0) {
            return Ok(now + self.integration_timeout);
        }
        self.counters.throttles += 1;
        Err(TooManyRequests {
            per_second: self.per_second,
            burst: self.burst,
        })
    }

    /// A request was not answered in time.
    pub fn timed_out(&mut self) {
        self.counters.timeouts += 1;
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> HttpApiCounters {
        self.counters
    }

    /// Forgets what was counted until now, as at the end of a warm-up.
    pub fn reset_counters(&mut self) {
        self.counters = HttpApiCounters::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    #[test]
    fn requests_beyond_rate_and_burst_are_refused() {
        let mut api = HttpApi::new(&Profile::aws_us_east_1().http_api);
        let now = Timestamp::from_millis(5);
        let deadline = now + Duration::from_secs(30);
        assert_eq!(api.admit(now), Ok(deadline));
        let refused = (0..9_999).filter(|_| api.admit(now).is_err()).count();
        assert_eq!(refused, 5_000, "a burst of 5,000 is let through");
        // 10,000 a second from there on, offered 12,000 a second.
        let refused = (0..12_000_i64)
            .filter(|n| {
                let later = Timestamp::from_micros(5_000 + 1_000_000 * (n + 1) / 12_000);
                api.admit(later).is_err()
            })
            .count();
        assert!((1_998..=2_002).contains(&refused), "{refused}");
        api.timed_out();
        let counted = api.counters();
        assert_eq!((counted.requests, counted.timeouts), (22_000, 1));
        assert_eq!(counted.throttles, 5_000 + refused as u64);
        api.reset_counters();
        assert_eq!(api.counters(), HttpApiCounters::default());
    }
}

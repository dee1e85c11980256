//! A rider's or driver's token, renewed before it expires, as an app does it.

use std::time::Duration;

use domain::Timestamp;
use identity::Subject;

use super::Shared;
use super::limits::RENEWALS_SPREAD;

/// A token, and when it is to be renewed.
pub(super) struct Pass {
    subject: Subject,
    token: String,
    renew_at: Timestamp,
}

impl Pass {
    pub(super) fn new(subject: Subject, shared: &Shared) -> Self {
        Self {
            subject,
            token: shared.issuer.issue(subject, shared.token_ttl),
            renew_at: shared.now() + renew_after(subject, shared.token_ttl),
        }
    }

    /// When it is to be renewed.
    pub(super) fn renew_at(&self) -> Timestamp {
        self.renew_at
    }

    /// The token, renewed if it is time.
    pub(super) fn token(&mut self, shared: &Shared) -> &str {
        if shared.now() >= self.renew_at {
            *self = Self::new(self.subject, shared);
        }
        &self.token
    }
}

/// Between half and three quarters of a token's time, so that those who came at once do not renew at once.
fn renew_after(subject: Subject, ttl: Duration) -> Duration {
    let number = match subject {
        Subject::Rider(number) | Subject::Driver(number) => number,
        Subject::Service => 0,
    };
    let share = u32::try_from(number % u64::from(RENEWALS_SPREAD)).unwrap_or(0);
    ttl / 2 + ttl / 4 * share / RENEWALS_SPREAD
}

#[cfg(test)]
mod tests {
    use super::super::limits::TOKEN_TTL;
    use super::*;

    #[test]
    fn tokens_are_renewed_in_time_and_not_all_at_once() {
        let all = (0..1_000).map(|number| renew_after(Subject::Driver(number), TOKEN_TTL));
        assert!(all.clone().all(|after| after < TOKEN_TTL * 3 / 4));
        assert_eq!(all.clone().min(), Some(TOKEN_TTL / 2));
        assert!(all.max().unwrap() > TOKEN_TTL * 7 / 10);
    }
}

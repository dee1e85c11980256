//! Waking when a request is due.
//!
//! The executor's own timers go by whole milliseconds, which is longer than many an answer takes. On Linux a timer of the
//! kernel wakes within a few microseconds instead.

#[cfg(target_os = "linux")]
pub(crate) use self::fine::Alarm;

#[cfg(not(target_os = "linux"))]
pub(crate) use self::coarse::Alarm;

#[cfg(target_os = "linux")]
mod fine {
    use std::io;
    use std::time::Instant;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::AsyncReadExt as _;
    use tokio::net::unix::pipe::Receiver;

    /// More than a timer's number of rings: a read that does not fill it tells the runtime that nothing is left.
    const RINGS_BYTES: usize = 16;

    /// One time that is waited for. To the runtime the timer is the reading end of a pipe, into which the kernel writes how
    /// often it rang.
    pub(crate) struct Alarm(Receiver);

    impl Alarm {
        /// An alarm of the runtime that this is called in.
        pub(crate) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self(Receiver::from_owned_fd_unchecked(timer)?))
        }

        /// Waits until a time; not at all if it has passed.
        pub(crate) async fn until(&mut self, at: Instant) -> io::Result<()> {
            let left = at.saturating_duration_since(Instant::now());
            // A timer set to nothing never rings.
            if left.is_zero() {
                return Ok(());
            }
            let zero = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            let after = Itimerspec {
                it_interval: zero,
                it_value: Timespec {
                    tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                    tv_nsec: left.subsec_nanos().into(),
                },
            };
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &after)?;
            self.0.read(&mut [0; RINGS_BYTES]).await.map(|_| ())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod coarse {
    use std::io;
    use std::time::Instant;

    /// One time that is waited for.
    pub(crate) struct Alarm;

    impl Alarm {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// Waits until a time, up to a millisecond too long.
        pub(crate) async fn until(&mut self, at: Instant) -> io::Result<()> {
            tokio::time::sleep_until(at.into()).await;
            Ok(())
        }
    }
}

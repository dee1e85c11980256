//! A schedule: an EventBridge rule that invokes a function at a fixed rate.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::lambda_host::LambdaHost;

/// A schedule that runs. It ends when this is dropped or stopped; a call under way goes on.
#[derive(Debug)]
pub struct Schedule {
    running: JoinHandle<()>,
}

impl Schedule {
    /// Invokes `function` each `every`, the first time after that long. A tick that comes while the last
    /// call is under way waits for it.
    #[must_use]
    pub fn start(host: Arc<LambdaHost>, function: &str, every: Duration) -> Self {
        let function = function.to_owned();
        let running = tokio::spawn(async move {
            let first = tokio::time::Instant::now() + every;
            let mut ticks = tokio::time::interval_at(first, every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for number in 0_u64.. {
                ticks.tick().await;
                if let Err(error) = host.invoke(&function, event(number)).await {
                    tracing::warn!(function, %error, "a scheduled call failed; the next one comes");
                }
            }
        });
        Self { running }
    }

    /// Ends the schedule.
    pub fn stop(self) {
        self.running.abort();
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// The event of EventBridge (docs: eventbridge/latest/userguide/eb-run-lambda-schedule).
fn event(number: u64) -> Bytes {
    let event = serde_json::json!({
        "version": "0",
        "id": format!("embedded-{number}"),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": "1970-01-01T00:00:00Z",
        "region": aws::clients::EMBEDDED_REGION,
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/sweep"],
        "detail": {},
    });
    Bytes::from(event.to_string())
}

#[cfg(test)]
mod tests {
    use cloud::lambda_pool::LambdaConfig;
    use lambda::event::EventKind;
    use lambda::{BoxFunction, Function, FunctionError};
    use tokio::sync::mpsc;

    use super::*;
    use crate::lambda_host::{EnvironmentFactory, FunctionSpec};

    struct Told(mpsc::UnboundedSender<EventKind>);

    impl Function for Told {
        async fn invoke(&self, payload: Bytes) -> Result<Bytes, FunctionError> {
            self.0.send(EventKind::of(&payload)?).unwrap();
            Ok(Bytes::from_static(b"null"))
        }
    }

    #[tokio::test]
    async fn ticks_invoke_with_a_scheduled_event_until_it_stops() {
        let (sender, mut told) = mpsc::unbounded_channel();
        let factory: EnvironmentFactory = Arc::new(move || {
            let sender = sender.clone();
            Box::pin(async move { Ok(Box::new(Told(sender)) as BoxFunction) })
        });
        let spec = FunctionSpec {
            name: "trips".into(),
            pool: LambdaConfig::default(),
            timeout: Duration::from_secs(1),
            added_latency: Duration::ZERO,
            factory,
        };
        let host = Arc::new(LambdaHost::new(vec![spec], None));
        let schedule = Schedule::start(Arc::clone(&host), "trips", Duration::from_millis(10));
        for _ in 0..3 {
            assert_eq!(told.recv().await, Some(EventKind::Schedule));
        }
        schedule.stop();
        let invoked = host.counters()["trips"].invocations;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(host.counters()["trips"].invocations <= invoked + 1);
    }
}

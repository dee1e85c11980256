//! Whether a deployment is still there: its tracker and its API are asked now and then, from outside.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::load::Api;

/// How often they are asked.
const EVERY: Duration = Duration::from_secs(2);
/// How long one of them may stay without an answer before it counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(15);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Asks until it is dropped.
pub(super) struct Probe {
    died: Arc<Mutex<Option<String>>>,
    asking: JoinHandle<()>,
}

impl Probe {
    pub(super) fn start(api: Api, tracker: Channel) -> Self {
        let died = Arc::new(Mutex::new(None));
        let says = Arc::clone(&died);
        let asking = tokio::spawn(async move {
            let mut tracker = HealthClient::new(tracker);
            let mut answered_at = [Instant::now(); 2];
            loop {
                tokio::time::sleep(EVERY).await;
                let check = tracker.check(HealthCheckRequest::default());
                let (check, answers) = tokio::join!(
                    tokio::time::timeout(ANSWER_MAX, check),
                    tokio::time::timeout(ANSWER_MAX, api.answers())
                );
                let well = [matches!(check, Ok(Ok(_))), matches!(answers, Ok(true))];
                for (part, is_well) in well.into_iter().enumerate() {
                    if is_well {
                        answered_at[part] = Instant::now();
                    } else if answered_at[part].elapsed() >= DEAD_AFTER {
                        let name = ["the fleet tracker", "the HTTP API"][part];
                        let what =
                            format!("{name} has not answered for {DEAD_AFTER:?}, found dead");
                        *says.lock().expect("no one panics while telling") = Some(what);
                    }
                }
            }
        });
        Self { died, asking }
    }

    pub(super) fn died(&self) -> Option<String> {
        self.died
            .lock()
            .expect("no one panics while telling")
            .clone()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

//! The greatest depth of each queue, sampled: SQS itself remembers none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws::QueueConsumer;
use aws::stack::QUEUES;
use tokio::task::JoinHandle;

use crate::limits::DEPTH_SAMPLE_EVERY;

type Depths = Arc<Mutex<BTreeMap<&'static str, u64>>>;

/// Samples until it is dropped.
#[derive(Debug)]
pub(super) struct DepthSampler {
    depths: Depths,
    running: JoinHandle<()>,
}

impl DepthSampler {
    pub(super) fn start(aws: &aws::Stack) -> Self {
        let depths = Depths::default();
        let consumers = QUEUES
            .each_ref()
            .map(|spec| (spec.name, QueueConsumer::new(aws, spec.queue)));
        let seen = Arc::clone(&depths);
        let running = tokio::spawn(async move {
            loop {
                tokio::time::sleep(DEPTH_SAMPLE_EVERY).await;
                for (name, consumer) in &consumers {
                    match consumer.depth().await {
                        Ok(depth) => {
                            let mut seen = seen.lock().expect("no one panics while sampling");
                            let most = seen.entry(*name).or_default();
                            *most = depth.visible.max(*most);
                        }
                        Err(error) => {
                            tracing::debug!(queue = name, %error, "depth was not sampled");
                        }
                    }
                }
            }
        });
        Self { depths, running }
    }

    /// The most messages that were seen waiting to be received, by queue.
    pub(super) fn depth_max(&self) -> BTreeMap<&'static str, u64> {
        self.depths
            .lock()
            .expect("no one panics while sampling")
            .clone()
    }

    /// Forgets what was seen until now.
    pub(super) fn reset(&self) {
        self.depths
            .lock()
            .expect("no one panics while sampling")
            .clear();
    }
}

impl Drop for DepthSampler {
    fn drop(&mut self) {
        self.running.abort();
    }
}

//! The tracker's process is told to stop.

use std::process::{Child, Command, ExitStatus};

use rushhour_fleet_tracker::limits::KEY_FETCH_MAX;
use tokio::net::TcpListener;

use super::issuer::{AUDIENCE, SERVICE};
use super::*;

const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The process, gone when this is dropped.
struct Process(Child);

impl Process {
    /// Starts it with settings of its own and none of this process.
    fn start(settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fleet-tracker"));
        command.env_clear().envs(settings.iter().copied());
        Self(command.spawn().unwrap())
    }

    /// What ECS and Kubernetes do to stop a task.
    fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.0.id());
        let sent = Command::new("bash").args(["-c", &kill]).status();
        assert!(sent.unwrap().success());
    }

    async fn ended(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended, which is as good.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test]
async fn a_stop_while_it_starts_ends_it_at_once() {
    // An issuer that never answers: the start waits for its keys.
    let issuer = TcpListener::bind(ANYWHERE).await.unwrap();
    let url = format!("http://{}", issuer.local_addr().unwrap());
    let mut process = Process::start(&[
        (
            "RUSHHOUR_MARKET",
            "region = 'here'\n[travel]\nspeed_kmh = 20",
        ),
        ("RUSHHOUR_QUEUE_BASE_URL", "http://127.0.0.1:1/0"),
        ("RUSHHOUR_ISSUER", &url),
        ("RUSHHOUR_AUDIENCE", AUDIENCE),
        ("RUSHHOUR_FLEET_TRACKER_TOKEN", SERVICE),
        ("AWS_REGION", "us-east-1"),
    ]);
    let (_asking, _) = in_time("the keys to be asked for", issuer.accept())
        .await
        .unwrap();
    process.terminate();
    // Sooner than it would give up on the issuer's first answer.
    let ended = tokio::time::timeout(KEY_FETCH_MAX, process.ended()).await;
    let ended = ended.expect("it ends before the start is over");
    assert!(ended.success(), "{ended}");
}

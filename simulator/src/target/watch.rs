//! `--target watch`: functions under `cargo lambda watch`, the fleet tracker as a process, and around them what
//! the embedded stack has too: the HTTP front, the mappings, the schedule, DynamoDB and SQS.
//!
//! Five ports in a row, from `--watch-port` on: `cargo lambda watch`, DynamoDB, SQS, the tracker's gRPC and its
//! metrics. So one who starts a part by hand, with the environment that `--print-settings` prints, has it found.

pub mod processes;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::Timestamp;
use drive::seed::Seed;
use fleet_tracker::health;
use host::market::MarketDocument;
use lambda::Function;
use local::invoke_api::InvokedFunction;
use local::servers::Ports;
use local::stack::environment::Surroundings;
use local::stack::{Endpoints, FunctionName, StackConfig};

use super::embedded;
use super::system::System;
use crate::cli::WatchArgs;
use crate::exit::Failure;
use crate::run_dir::write_whole;
use crate::scenario::{Resolved, market};
use processes::Processes;

/// Environments of each function that `cargo lambda watch` may run.
pub const CONCURRENCY: u16 = 4;
/// From the end of the build to the start of the run: four environments of each function start meanwhile, each
/// by a `cargo run` that finds nothing to build.
pub const HEAD_START: Duration = Duration::from_secs(45);
/// How long a part that has been built may take to answer.
const READY_MAX: Duration = Duration::from_secs(40);
/// The folder of the checkout that streets are written to, each network under its fingerprint: one that stands in the
/// settings of a part that was started by hand is there for as long as the folder is.
const STREETS: &str = "target/streets";
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// How long a port that may have nobody behind it is waited for.
const CONNECT_MAX: Duration = Duration::from_millis(500);

/// What functions and tracker are told of a scenario.
#[derive(Debug, Clone)]
pub struct Briefing {
    market: MarketDocument,
    /// The file of the streets that the market names.
    streets: Option<PathBuf>,
}

impl Briefing {
    /// For a run that begins at `started_at`.
    ///
    /// # Errors
    /// If there is no checkout, or they cannot be written.
    pub fn of(resolved: &Resolved, started_at: Timestamp) -> Result<Self, Failure> {
        let (market, packed) = market::with_streets(resolved, started_at);
        let streets = match (packed, &market.travel.streets) {
            (Some(packed), Some(fingerprint)) => {
                let folder = checkout()?.join(STREETS);
                std::fs::create_dir_all(&folder).map_err(|error| {
                    let shown = folder.display();
                    Failure::target(format!(
                        "{shown}: cannot be made ({error}), expected a folder for streets"
                    ))
                })?;
                let path = folder.join(fingerprint);
                write_whole(&path, &packed)?;
                Some(path)
            }
            _ => None,
        };
        Ok(Self { market, streets })
    }
}

/// What `--target watch` runs on.
#[derive(Debug, Clone)]
pub struct Watch {
    ports: local::stack::Processes,
    endpoints: Endpoints,
    quiet: bool,
}

impl Watch {
    /// As the command line says.
    ///
    /// # Errors
    /// If there is no room for five ports.
    pub fn of(args: &WatchArgs, quiet: bool) -> Result<Self, Failure> {
        let first = args.watch_port;
        let at = |offset: u16| {
            let port = first.checked_add(offset).filter(|_| first > 0);
            let port = port.ok_or_else(|| {
                Failure::input(format!(
                    "--watch-port: found {first}, expected 1 to {}: the four ports after it are used as well",
                    u16::MAX - 4
                ))
            })?;
            Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        };
        let endpoints = match (&args.dynamodb, &args.sqs) {
            (Some(dynamodb), Some(sqs)) => Endpoints::At {
                dynamodb: dynamodb.clone(),
                sqs: sqs.clone(),
            },
            _ => Endpoints::Embedded(Ports {
                dynamodb: at(1)?.port(),
                sqs: at(2)?.port(),
            }),
        };
        Ok(Self {
            ports: local::stack::Processes {
                functions: format!("http://{}", at(0)?),
                tracker_grpc: at(3)?,
                tracker_metrics: at(4)?,
            },
            endpoints,
            quiet,
        })
    }

    /// The environment of functions and tracker together, as a file that `cargo lambda watch --env-file` reads.
    ///
    /// # Errors
    /// If a value cannot stand in such a file.
    pub fn settings(&self, config: &StackConfig, briefing: &Briefing) -> Result<String, Failure> {
        let (dynamodb, sqs) = match &self.endpoints {
            Endpoints::At { dynamodb, sqs } => (dynamodb.clone(), sqs.clone()),
            Endpoints::Embedded(ports) => {
                let at = |port: u16| format!("http://{}:{port}", Ipv4Addr::LOCALHOST);
                (at(ports.dynamodb), at(ports.sqs))
            }
        };
        let [functions, tracker] = self.environments(config, briefing, (&dynamodb, &sqs))?;
        let all: BTreeMap<String, String> = functions.into_iter().chain(tracker).collect();
        all.iter().map(|(key, value)| line(key, value)).collect()
    }

    fn environments(
        &self,
        config: &StackConfig,
        briefing: &Briefing,
        (dynamodb, sqs): (&str, &str),
    ) -> Result<[BTreeMap<String, String>; 2], Failure> {
        let surroundings = Surroundings {
            dynamodb,
            sqs,
            name_prefix: &config.name_prefix,
            identity_secret: &config.identity_secret,
            processes: &self.ports,
            streets: briefing.streets.as_deref(),
        };
        let market = &briefing.market;
        let functions = surroundings.of_functions(market).map_err(Failure::target)?;
        Ok([functions, surroundings.of_tracker(market)])
    }

    /// Builds functions and tracker, so that starting them takes no longer than planned.
    ///
    /// # Errors
    /// If this is no checkout of the project, there is no cargo-lambda, or it does not build.
    pub fn build(&self) -> Result<(), Failure> {
        if !listens(address(&self.ports.functions)) {
            let asked = Command::new("cargo").args(["lambda", "--help"]).output();
            if !asked.is_ok_and(|asked| asked.status.success()) {
                return Err(Failure::target(
                    "cargo lambda: found no such command, expected cargo-lambda (cargo-lambda.info), or that it \
                     watches at --watch-port already",
                ));
            }
        }
        let mut command = Command::new("cargo");
        command.current_dir(checkout()?).arg("build");
        for function in FunctionName::ALL {
            command.args(["--bin", function.as_str()]);
        }
        command.args(["--bin", "fleet-tracker"]);
        let status = command.status();
        let status = status.map_err(|error| {
            Failure::target(format!(
                "cargo: cannot be started ({error}), expected it to run"
            ))
        })?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::target(format!(
            "cargo build of functions and tracker: {status}, expected it to succeed"
        )))
    }

    /// Starts or finds the parts, on tables that hold the rides under way.
    ///
    /// # Errors
    /// If a part does not start, or what is found does not answer.
    pub async fn start(
        &self,
        mut config: StackConfig,
        briefing: &Briefing,
        seed: &Seed,
    ) -> Result<System, Failure> {
        config.endpoints = self.endpoints.clone();
        let root = checkout()?;
        let provisioned = embedded::provision(config.clone(), seed).await?;
        let (dynamodb, sqs) = provisioned.endpoints();
        let [for_functions, for_tracker] =
            self.environments(&config, briefing, (&dynamodb, &sqs))?;
        let mut processes = Processes::default();
        if !listens(self.ports.tracker_grpc) {
            let mut command = Command::new("cargo");
            command.current_dir(&root);
            command.args(["run", "--quiet", "--bin", "fleet-tracker"]);
            processes.start("the fleet tracker", command, &for_tracker, self.quiet)?;
        }
        let metrics = self.ports.tracker_metrics;
        ready(&mut processes, "the fleet tracker", metrics, || {
            health::ask(metrics).is_ok()
        })
        .await?;
        let functions = address(&self.ports.functions);
        if !listens(functions) {
            let mut command = Command::new("cargo");
            command.current_dir(&root).args(["lambda", "watch"]);
            // The folder of a run lies below the checkout: files in it are no reason to build again.
            command.args(["--ignore-changes", "-A", "127.0.0.1", "-P"]);
            command.arg(functions.port().to_string());
            command.arg("--concurrency").arg(CONCURRENCY.to_string());
            processes.start("cargo lambda watch", command, &for_functions, self.quiet)?;
        }
        ready(&mut processes, "cargo lambda watch", functions, || {
            listens(functions)
        })
        .await?;
        self.warm_up(&mut processes).await?;
        let stack = provisioned.start_around(&self.ports).await;
        let stack = stack.map_err(embedded::stopped)?;
        Ok(System::Watch(Box::new(stack), processes))
    }

    /// Has every environment started: the first call of each waits for it.
    async fn warm_up(&self, processes: &mut Processes) -> Result<(), Failure> {
        for function in FunctionName::ALL {
            let name = function.as_str();
            let invoked =
                InvokedFunction::new(&self.ports.functions, name).map_err(Failure::input)?;
            let calls = (0..CONCURRENCY).map(|_| invoked.invoke(event(function)));
            let all = futures_util::future::try_join_all(calls);
            match tokio::time::timeout(READY_MAX, all).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(Failure::target(error)),
                Err(_) => {
                    let why = processes.died();
                    return Err(Failure::target(format!(
                        "{name} at {}: no answer within {READY_MAX:?}{}, expected a function that was started \
                         with the environment that --print-settings prints",
                        self.ports.functions,
                        why.map_or_else(String::new, |why| format!(", {why}")),
                    )));
                }
            }
        }
        Ok(())
    }
}

/// An event that each function answers, and that changes nothing while nobody rides.
fn event(function: FunctionName) -> Bytes {
    Bytes::from_static(match function {
        FunctionName::Pricing => include_bytes!("../../../functions/pricing/events/quote.json"),
        FunctionName::Trips => include_bytes!("../../../functions/trips/events/schedule.json"),
        FunctionName::Matching | FunctionName::Surge => br#"{"Records":[]}"#,
    })
}

/// The folder of the project's workspace, in or below which the command is run.
fn checkout() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir().map_err(Failure::input)?;
    let is_root = |folder: &&std::path::Path| folder.join("functions/pricing/Cargo.toml").is_file();
    here.ancestors()
        .find(is_root)
        .map(std::path::Path::to_owned)
        .ok_or_else(|| {
            Failure::input(format!(
                "--target watch: found no functions to build in {} or above it, expected a checkout of rushhour",
                here.display()
            ))
        })
}

fn address(url: &str) -> SocketAddr {
    let address = url.trim_start_matches("http://").parse();
    address.expect("the URL was made of an address")
}

fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, CONNECT_MAX).is_ok()
}

/// Waits until a part answers.
async fn ready(
    processes: &mut Processes,
    name: &str,
    at: SocketAddr,
    is: impl Fn() -> bool,
) -> Result<(), Failure> {
    let end = Instant::now() + READY_MAX;
    while !is() {
        if let Some(died) = processes.died() {
            return Err(Failure::target(format!(
                "{died}, expected it to serve at {at}"
            )));
        }
        if Instant::now() >= end {
            return Err(Failure::target(format!(
                "{name} at {at}: no answer within {READY_MAX:?}, expected it to serve there"
            )));
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    Ok(())
}

/// A line of a file of variables, as `cargo lambda watch` and shells alike read it: JSON has to be in quotes.
fn line(key: &str, value: &str) -> Result<String, Failure> {
    if value.contains(['\'', '\n']) {
        return Err(Failure::input(format!(
            "--print-settings: found a quote or a line's end in {key}, expected a value that fits between quotes: {value}"
        )));
    }
    Ok(format!("{key}='{value}'\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_stand_in_quotes_which_they_may_not_have() {
        let market = r#"{"region":"here"}"#;
        assert_eq!(line("A", market).unwrap(), "A='{\"region\":\"here\"}'\n");
        assert!(line("A", "it's").is_err());
        assert!(line("A", "two\nlines").is_err());
    }
}

//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod load;

pub use load::{ArrivalsArg, LoadArgs, LoadCommand, MergeArgs, PaceArgs, RequestArgs};

/// Rushhour: a ride-dispatch system on Lambda and containers, driven at its peak.
#[derive(Debug, Parser)]
#[command(
    name = "rushhour",
    version,
    about,
    after_help = "Example:\n  rushhour run                      the built-in peak hour, compressed to two minutes\n  rushhour run new-york-peak        New York at 18:00, in real time\n\nExit codes: 0 all well; 1 a limit or the audit failed; 2 bad usage, scenario or input;\n3 the target could not be reached, or the run not written; 130 interrupted."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a stack, drive a scenario against it in wall time, audit, report
    #[command(
        after_help = "Example:\n  rushhour run peak-hour --duration 20m --set fleet.drivers=1500 --out runs/small"
    )]
    Run(Box<RunArgs>),
    /// Predict a scenario in virtual time on the modelled cloud
    #[command(
        after_help = "Example:\n  rushhour predict new-york-peak --set cloud.profile=aws-us-east-1 --out runs/predicted\n  rushhour predict peak-hour --replicas 10\n  rushhour predict --template infra/template.yaml --parameter PricingMemory=512\n  rushhour predict peak-hour --sweep dispatch.window=1s,2s,4s --sweep fleet.drivers=1500,2100 --replicas 5"
    )]
    Predict(PredictArgs),
    /// Predict a scenario with its parts on Lambda, in containers and mixed: latency, rides, dollars, break-even
    #[command(
        after_help = "Example:\n  rushhour compare                  the built-in peak hour, three placements\n  rushhour compare peak-hour --placements hybrid,all-lambda,mixed:pricing=container,trips=container --replicas 10\n  rushhour compare --template infra/template.yaml --against deployed.yaml\n\nPlacements: hybrid (functions, the fleet tracker in a container), all-lambda, all-container, scenario (as its\nfile says), or NAME:PART=lambda|container,… on hybrid; parts: pricing, surge, trips, matching, fleet-tracker."
    )]
    Compare(CompareArgs),
    /// Predict single functions, services and queues under a load, with no rides in them
    #[command(
        after_help = "Example:\n  rushhour study cold-starts\n  rushhour study queueing --set service.erlang-c.servers=9 --json\n\nExit code 1: a queue is unstable (more comes than can be served), and has no figures."
    )]
    Study(StudyArgs),
    /// Fit a cloud profile to how long the calls of a live run took
    #[command(
        after_help = "Example:\n  rushhour run validation --out runs/measured\n  rushhour calibrate runs/measured -o mine.toml\n  rushhour predict --set cloud.profile=mine.toml"
    )]
    Calibrate(CalibrateArgs),
    /// Hold what the twin predicts against measured runs
    #[command(
        after_help = "Example:\n  rushhour validate --loads 0.5,1,2 --runs 3 --out runs/validated\n  rushhour validate runs/measured --profile mine.toml\n\nOf a scenario: runs it embedded at each load, calibrates on the lowest and predicts the others.\nExit code 1: a prediction is off by more than 3 % (throughput, concurrency), 10 % (medians) or 20 %\n(99th percentiles)."
    )]
    Validate(ValidateArgs),
    /// Print the market of a scenario as one line of JSON, as the deployment's parameter Market takes it
    #[command(
        after_help = "Example:\n  sam deploy --parameter-overrides Market=\"$(rushhour market peak-hour)\""
    )]
    Market(MarketArgs),
    /// Make what an OIDC issuer is: a private key to sign tokens with, and the documents to be served at its URL
    #[command(
        after_help = "Example:\n  rushhour issuer https://issuer.example.com --key issuer.pem -o public\n  aws s3 sync public s3://the-bucket-behind-that-url"
    )]
    Issuer(IssuerArgs),
    /// Put load on any HTTP or gRPC endpoint, open loop: percentiles from the time each request was due
    #[command(
        after_help = "Example:\n  rushhour load http://127.0.0.1:8080/ --rate 500 --duration 30s --threshold 'p99<200ms'\n  rushhour load https://example.org/ --stage 30s:10..200 --stage 2m:200 --arrivals poisson --seed 7\n  rushhour load http://127.0.0.1:8080/quotes --method POST --header 'content-type: application/json' --body '{}'\n  rushhour load grpc://127.0.0.1:50051/shop.Till/Buy --proto shop.proto --body '{\"name\": \"tea\"}' --rate 100\n  rushhour load merge here.json there.json --threshold 'errors<1%'\n\nExit code 1: a threshold was broken. 3: the target could not be reached, or answered nothing for 15 s."
    )]
    Load(Box<LoadArgs>),
    /// Turn trip records (CSV or Parquet) into a demand file; say what was kept and what was rejected, and why
    #[command(
        after_help = "Example:\n  rushhour import trips.csv --zones taxi_zones.geojson -o january.trips"
    )]
    Import(ImportArgs),
    /// Check the invariants again from what a run recorded
    #[command(after_help = "Example:\n  rushhour audit runs/peak-hour-20260923-181500")]
    Audit(AuditArgs),
    /// Render a run's report again, or the difference of two runs
    #[command(after_help = "Example:\n  rushhour report runs/after --against runs/before")]
    Report(ReportArgs),
}

/// What a run is driven against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Everything in this process, over real sockets on loopback.
    Embedded,
    /// Functions under `cargo lambda watch`, the fleet tracker as a process, the rest in this one.
    Watch,
    /// What was deployed to AWS, or to what answers in its place at `AWS_ENDPOINT_URL`.
    Aws,
}

/// Which scenario, and where its outcome goes: what commands that drive a scenario have in common.
#[derive(Debug, Clone, Args)]
pub struct ScenarioArgs {
    /// A scenario file, or a built-in scenario: peak-hour, new-york-peak, new-york-saturday, recorded, validation
    pub scenario: Option<String>,
    /// Replays the same riders, places, times and choices
    // As TOML has whole numbers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// How long riders ask for rides, in the city's time, such as 10m
    #[arg(long, value_name = "SPAN")]
    pub duration: Option<String>,
    /// How many drivers
    #[arg(long, value_name = "N")]
    pub drivers: Option<u32>,
    /// Quotes asked for in an hour of the city, of demand that has one rate
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub rides_per_hour: Option<f64>,
    /// Where to write the run; default `runs/<scenario>-<time>`
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Any key of the scenario
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    pub sets: Vec<String>,
    /// The summary to standard output, everything else to standard error
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

impl ScenarioArgs {
    /// The short options as the scenario keys they stand for, and `--set` after them.
    pub fn sets(&self) -> Vec<String> {
        let short = [
            self.seed.map(|seed| format!("seed={seed}")),
            self.duration
                .as_ref()
                .map(|span| format!("duration=\"{span}\"")),
            self.drivers
                .map(|drivers| format!("fleet.drivers={drivers}.0")),
            self.rides_per_hour
                .map(|rate| format!("demand.rides_per_hour={rate:?}")),
        ];
        short
            .into_iter()
            .flatten()
            .chain(self.sets.iter().cloned())
            .collect()
    }
}

/// A deployment template to take sizes from.
#[derive(Debug, Clone, Args)]
pub struct TemplateArgs {
    /// Memory, concurrency, windows, batches, time limits, queues, the API's limits and the tracker's task, from a template
    /// of AWS SAM
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// A parameter of the template; repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", requires = "template")]
    pub parameters: Vec<String>,
}

/// `rushhour run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The scenario.
    #[command(flatten)]
    pub driven: ScenarioArgs,
    /// What to drive against
    #[arg(long, value_enum, default_value = "embedded")]
    pub target: Target,
    /// The HTTP API's port on loopback; a free one if not given
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// City seconds to each second of the run
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub speedup: Option<f64>,
    /// Ends the fleet tracker so long after the start and starts it again, as a redeploy does; of the embedded stack
    #[arg(long, value_name = "SPAN")]
    pub redeploy_tracker: Option<String>,
    /// How long no tracker runs meanwhile; a task of Fargate takes as long as the default to start
    #[arg(long, value_name = "SPAN", default_value = TASK_START, requires = "redeploy_tracker")]
    pub redeploy_gap: String,
    /// Of `--target watch`.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// Of `--target aws`.
    #[command(flatten)]
    pub aws: AwsArgs,
}

/// `fargate.task_start` of `crates/cloud/profiles/aws-us-east-1.toml`.
const TASK_START: &str = "23s";

/// Where the parts of `--target watch` are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "With --target watch")]
pub struct WatchArgs {
    /// The port of cargo lambda watch, which is started there unless somebody listens; the four ports after it are
    /// DynamoDB's, SQS's, the fleet tracker's and that of its metrics
    #[arg(long, value_name = "PORT", default_value_t = WATCH_PORT)]
    pub watch_port: u16,
    /// A DynamoDB other than the embedded one
    #[arg(long, value_name = "URL", requires = "sqs")]
    pub dynamodb: Option<String>,
    /// An SQS other than the embedded one
    #[arg(long, value_name = "URL", requires = "dynamodb")]
    pub sqs: Option<String>,
    /// Prints the environment of functions and tracker, for `cargo lambda watch --env-file`, and ends
    #[arg(long)]
    pub print_settings: bool,
}

/// Where `cargo lambda watch` listens by itself.
const WATCH_PORT: u16 = 9_000;

impl WatchArgs {
    /// An option that was given.
    pub fn given(&self) -> Option<&'static str> {
        let given = [
            ("--watch-port", self.watch_port != WATCH_PORT),
            ("--dynamodb", self.dynamodb.is_some()),
            ("--print-settings", self.print_settings),
        ];
        given.into_iter().find(|(_, is)| *is).map(|(name, _)| name)
    }
}

/// Where the system of `--target aws` is, and how its tokens are signed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "With --target aws")]
pub struct AwsArgs {
    /// The stack that sam deploy made; its outputs say the rest
    #[arg(long, value_name = "NAME")]
    pub stack: Option<String>,
    /// The HTTP API's URL, where it is another than the stack says
    #[arg(long, value_name = "URL")]
    pub api: Option<String>,
    /// The fleet tracker's URL, where it is another than the stack says
    #[arg(long, value_name = "URL")]
    pub tracker: Option<String>,
    /// What the names of tables, queues and functions begin with
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,
    /// The private key of the issuer whose tokens the deployment takes: `rushhour issuer` makes one
    #[arg(long, value_name = "PEM")]
    pub issuer_key: Option<PathBuf>,
    /// That issuer's URL
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// Whom its tokens are for
    #[arg(long, value_name = "TEXT")]
    pub audience: Option<String>,
    /// Sends the load without asking
    #[arg(long)]
    pub yes: bool,
    /// How long CloudWatch is waited for afterwards
    #[arg(long, value_name = "SPAN", default_value = METRICS_WITHIN)]
    pub metrics_within: String,
}

/// CloudWatch shows most figures of a minute within the next two.
const METRICS_WITHIN: &str = "3m";

impl AwsArgs {
    /// An option that was given.
    pub fn given(&self) -> Option<&'static str> {
        let given = [
            ("--stack", self.stack.is_some()),
            ("--api", self.api.is_some()),
            ("--tracker", self.tracker.is_some()),
            ("--prefix", self.prefix.is_some()),
            ("--issuer-key", self.issuer_key.is_some()),
            ("--issuer", self.issuer.is_some()),
            ("--audience", self.audience.is_some()),
            ("--yes", self.yes),
            ("--metrics-within", self.metrics_within != METRICS_WITHIN),
        ];
        given.into_iter().find(|(_, is)| *is).map(|(name, _)| name)
    }
}

impl RunArgs {
    /// The short options as the scenario keys they stand for, and `--set` after them.
    pub fn sets(&self) -> Vec<String> {
        let speedup = self.speedup.map(|speedup| format!("speedup={speedup:?}"));
        speedup.into_iter().chain(self.driven.sets()).collect()
    }
}

/// `rushhour predict`
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The scenario.
    #[command(flatten)]
    pub driven: ScenarioArgs,
    /// Where sizes come from.
    #[command(flatten)]
    pub sized: TemplateArgs,
    /// Keep the scenario's speedup, as `run` does; without it virtual time compresses nothing
    #[arg(long)]
    pub as_run: bool,
    /// So many paired seeds, the scenario's and those after it: figures with 95 % intervals
    #[arg(long, value_name = "N")]
    pub replicas: Option<u64>,
    /// Predicts each of these values of a scenario key; repeated: every combination
    #[arg(long, value_name = "KEY.PATH=V1,V2,…")]
    pub sweep: Vec<String>,
    /// Start a sweep even if it runs longer than a day
    #[arg(long, requires = "sweep")]
    pub yes: bool,
}

/// `rushhour compare`
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The scenario.
    #[command(flatten)]
    pub driven: ScenarioArgs,
    /// Where sizes come from.
    #[command(flatten)]
    pub sized: TemplateArgs,
    /// The template before a change: both are predicted, and what the change does is shown, placements are not
    #[arg(
        long,
        value_name = "FILE",
        requires = "template",
        conflicts_with = "placements"
    )]
    pub against: Option<PathBuf>,
    /// Which placements, the first of which the others are held against
    #[arg(
        long,
        value_name = "NAMES",
        default_value = "hybrid,all-lambda,all-container"
    )]
    pub placements: String,
    /// So many paired seeds, the scenario's and those after it: figures and differences with 95 % intervals
    #[arg(long, value_name = "N")]
    pub replicas: Option<u64>,
}

/// `rushhour calibrate`
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// A run directory of the embedded stack
    pub run: PathBuf,
    /// The profile to write
    #[arg(short, long, value_name = "PROFILE")]
    pub output: PathBuf,
}

/// `rushhour validate`
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The scenario, or a run directory.
    #[command(flatten)]
    pub driven: ScenarioArgs,
    /// The scenario's demand and drivers, so many times
    #[arg(long, value_name = "X,Y,…", default_value = "0.5,1,2")]
    pub loads: String,
    /// Runs of each load, whose median counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub runs: u32,
    /// Predict on this cloud profile; without it one is calibrated on the run, or on the lowest load
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
}

/// `rushhour study`
#[derive(Debug, Args)]
pub struct StudyArgs {
    /// A study file, or a built-in study: cold-starts, queueing
    pub file: String,
    /// Replays the same arrivals and services; default: the study's
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How long each part is studied, the warm-up included, such as 10m; default: the study's
    #[arg(long, value_name = "SPAN")]
    pub duration: Option<String>,
    /// Any key of the study; a part is named: function.pricing.service=80ms
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    pub sets: Vec<String>,
    /// Where to write the summary; default `runs/<study>-<time>`
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The summary to standard output, everything else to standard error
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long)]
    pub quiet: bool,
}

/// `rushhour market`
#[derive(Debug, Args)]
pub struct MarketArgs {
    /// A scenario file, or a built-in scenario
    pub scenario: Option<String>,
    /// Any key of the scenario
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    pub sets: Vec<String>,
    /// Where the city's streets are written, put in order, for functions to read
    #[arg(long, value_name = "FILE")]
    pub streets: Option<PathBuf>,
}

/// `rushhour issuer`
#[derive(Debug, Args)]
pub struct IssuerArgs {
    /// The URL at which the documents will be served
    pub url: String,
    /// The private key (PEM); made if there is none, with you as its only reader
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Where to write the documents: `.well-known/openid-configuration` and `.well-known/jwks.json`
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
}

/// `rushhour import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Trip records, CSV or Parquet
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The demand file to write
    #[arg(short, long, value_name = "TRIPS")]
    pub output: PathBuf,
    /// For layouts that are not known: request=COL,dropoff=COL,pickup_lat=COL,…
    #[arg(long, value_name = "MAPPING")]
    pub columns: Option<String>,
    /// GeoJSON of zones, for records that name zones
    #[arg(long, value_name = "FILE")]
    pub zones: Option<PathBuf>,
    /// The area served: west,south,east,north in degrees
    #[arg(long, value_name = "W,S,E,N", allow_hyphen_values = true)]
    pub bbox: Option<String>,
    /// Longer trips are rejected
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    pub duration_limit: String,
    /// Spread stamps that were rounded when published
    #[arg(long)]
    pub dejitter: bool,
    /// Replays the places drawn in zones, and the spreading
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The figures to standard output as JSON
    #[arg(long)]
    pub json: bool,
}

/// `rushhour audit`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// A run directory
    pub run: PathBuf,
    /// What was found to standard output as JSON
    #[arg(long)]
    pub json: bool,
}

/// `rushhour report`
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A run directory
    pub run: PathBuf,
    /// Another one, to compare with
    #[arg(long, value_name = "RUN_DIR")]
    pub against: Option<PathBuf>,
    /// The difference or the summary to standard output as JSON
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_every_command_shows_an_example() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        assert!(command.render_long_help().to_string().contains("Example:"));
        let own = |sub: &&mut clap::Command| sub.get_name() != "help";
        for sub in command.get_subcommands_mut().filter(own) {
            let help = sub.render_long_help().to_string();
            assert!(help.contains("Example:"), "{}", sub.get_name());
        }
    }
}

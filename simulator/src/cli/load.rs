//! The command line of `rushhour load`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `rushhour load`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct LoadArgs {
    /// Or: put parts of a load together.
    #[command(subcommand)]
    pub command: Option<LoadCommand>,
    /// `http://HOST:PORT/PATH`, `https://…`, `grpc://HOST:PORT/package.Service/Method` or `grpcs://…`
    #[arg(required = true)]
    pub url: Option<String>,
    /// When.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// What.
    #[command(flatten)]
    pub request: RequestArgs,
    /// Connections, opened before the start; default 64, of HTTP/2 and gRPC 4
    #[arg(long, value_name = "N", help_heading = "How much at once")]
    pub connections: Option<usize>,
    /// Requests side by side on all connections of HTTP/2; default 100 on each, in a closed loop 10
    #[arg(long, value_name = "N", help_heading = "How much at once")]
    pub streams: Option<usize>,
    /// Requests under way and waiting for a connection, beyond which what falls due is dropped and counted
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        conflicts_with = "closed",
        help_heading = "How much at once"
    )]
    pub in_flight: usize,
    /// Threads that send; default: as many as the rate needs, in a closed loop as there are cores
    #[arg(long, value_name = "N", help_heading = "How much at once")]
    pub threads: Option<usize>,
    /// What the figures must keep to: p99<200ms, p99.9<1s, mean<50ms, max<2s, lag-p99<5ms, errors<1%, dropped<=0%, rate>950/s
    #[arg(
        long = "threshold",
        value_name = "LIMIT",
        help_heading = "What comes of it"
    )]
    pub thresholds: Vec<String>,
    /// Writes the figures and mergeable histograms there
    #[arg(long, value_name = "FILE", help_heading = "What comes of it")]
    pub json: Option<PathBuf>,
    /// No progress
    #[arg(long, help_heading = "What comes of it")]
    pub quiet: bool,
}

/// What else `rushhour load` does.
#[derive(Debug, Subcommand)]
pub enum LoadCommand {
    /// Put together what several processes measured of one target at the same time
    Merge(MergeArgs),
}

/// `rushhour load merge`
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// What they wrote with --json
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What the figures of all must keep to
    #[arg(long = "threshold", value_name = "LIMIT")]
    pub thresholds: Vec<String>,
    /// Writes figures and histograms of all there
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// How requests lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArrivalsArg {
    /// Evenly.
    Constant,
    /// As those of many who know nothing of each other.
    Poisson,
}

/// When requests are sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "When requests are sent")]
pub struct PaceArgs {
    /// Requests a second, however slow the target is
    #[arg(long, value_name = "N", conflicts_with_all = ["stage", "closed"], allow_negative_numbers = true)]
    pub rate: Option<f64>,
    /// How long
    #[arg(
        long,
        value_name = "SPAN",
        default_value = "10s",
        conflicts_with = "stage"
    )]
    pub duration: String,
    /// Instead of rate and duration: SPAN:RATE holds, SPAN:FROM..TO changes evenly; repeated, one after the other
    #[arg(long, value_name = "STAGE", conflicts_with = "closed")]
    pub stage: Vec<String>,
    /// How requests lie in time
    #[arg(
        long,
        value_enum,
        default_value = "constant",
        conflicts_with = "closed"
    )]
    pub arrivals: ArrivalsArg,
    /// Replays the same Poisson arrivals
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "closed")]
    pub seed: u64,
    /// Each connection's next request when the one before is answered: for throughput, not for latency
    #[arg(long)]
    pub closed: bool,
}

/// What is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is sent")]
pub struct RequestArgs {
    /// The method of HTTP; default GET, with a body POST
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// A header, of gRPC metadata; repeated
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// The body; of gRPC the message as JSON
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file")]
    pub body: Option<String>,
    /// A file with the body
    #[arg(long, value_name = "FILE")]
    pub body_file: Option<PathBuf>,
    /// How long an answer is waited for
    #[arg(long, value_name = "SPAN", default_value = "10s")]
    pub timeout: String,
    /// HTTP/2; of a target without TLS it must be known to speak it
    #[arg(long)]
    pub http2: bool,
    /// The file that describes a gRPC method
    #[arg(long, value_name = "FILE")]
    pub proto: Option<PathBuf>,
    /// Where its imports lie; repeated
    #[arg(long, value_name = "DIR", requires = "proto")]
    pub proto_path: Vec<PathBuf>,
    /// Certificates (PEM) to believe in instead of this machine's
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
}

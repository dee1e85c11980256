//! Starts the command, waits for it within bounds, and holds how it ended against what is promised.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a command may take: a run of ten seconds on a busy machine, many times over.
const COMMAND_MAX: Duration = Duration::from_secs(120);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The command, with nothing of the caller's environment that would change what it says.
pub(crate) fn rushhour(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rushhour"));
    command.args(args);
    alone(&mut command);
    command
}

/// A shell's script about the command, which is `$0`.
pub(crate) fn shell(script: &str, args: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_rushhour")])
        .args(args);
    alone(&mut command);
    command
}

fn alone(command: &mut Command) {
    // A panic would show its backtrace, which no message may.
    command
        .env_remove("RUST_LOG")
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::null());
}

/// Runs to the end.
pub(crate) fn run(args: &[&str]) -> Ended {
    Running::start(rushhour(args)).end()
}

/// A command under way. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    heard: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stderr(Stdio::piped());
        let piped = command.stdout(Stdio::piped());
        let mut child = piped.spawn().expect("the command starts");
        let stdout = lines(child.stdout.take().expect("it is piped"));
        let stderr = lines(child.stderr.take().expect("it is piped"));
        Self {
            child,
            stdout,
            stderr,
            heard: String::new(),
        }
    }

    /// Waits for a line on standard error that has this in it.
    pub(crate) fn wait_for(&mut self, wanted: &str) -> String {
        let give_up = Instant::now() + COMMAND_MAX;
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let Ok(line) = self.stderr.recv_timeout(left) else {
                panic!("heard {:?}, expected {wanted:?}", self.heard);
            };
            self.heard.push_str(&line);
            if line.contains(wanted) {
                return line;
            }
        }
    }

    /// Presses Control-C.
    pub(crate) fn interrupt(&self) {
        let kill = format!("kill -INT {}", self.child.id());
        let sent = Command::new("bash").args(["-c", &kill]).status();
        assert!(sent.expect("there is a shell").success());
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let give_up = Instant::now() + COMMAND_MAX;
        let code = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status.code();
            }
            assert!(
                Instant::now() < give_up,
                "it did not end within {COMMAND_MAX:?}"
            );
            std::thread::sleep(LOOK_EVERY);
        };
        let rest: String = self.stderr.iter().collect();
        let ended = Ended {
            code,
            stdout: self.stdout.iter().collect(),
            stderr: std::mem::take(&mut self.heard) + &rest,
        };
        for trace in ["panicked", "stack backtrace", "RUST_BACKTRACE"] {
            assert!(!ended.stderr.contains(trace), "{ended:?}");
        }
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test fails or wants no more of it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = String::new();
        while pipe.read_line(&mut line).is_ok_and(|read| read > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Ended {
    /// It ended well.
    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// It ended with a code and one message, which says each of these.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let message = self.stderr.strip_suffix('\n').unwrap_or(&self.stderr);
        assert!(
            message.starts_with("rushhour: ") && !message.contains('\n'),
            "one message: {self:?}"
        );
        for part in said {
            assert!(
                message.contains(part),
                "found {message:?}, expected {part:?} in it"
            );
        }
        assert_eq!(self.stdout, "", "{self:?}");
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Holds a value against a committed schema.
#[track_caller]
pub(crate) fn fits_schema(value: &Value, schema: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("schema")
        .join(schema);
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> = validator
        .iter_errors(value)
        .map(|e| e.to_string())
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are text")
}

/// A fixture of the import's own tests.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/workload/tests/fixtures")
        .join(name)
}

/// Options that make a run tiny: four minutes of the city in eight seconds, and no limits to keep.
pub(crate) const TINY: [&str; 14] = [
    "--duration",
    "4m",
    "--speedup",
    "30",
    "--drivers",
    "60",
    "--rides-per-hour",
    "600",
    "--set",
    "warmup=1m",
    "--set",
    "slo={}",
    "--seed",
    "7",
];

/// A tiny run into a directory.
pub(crate) fn tiny<'a>(out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", "--out", text(out)][..], &TINY, more].concat()
}

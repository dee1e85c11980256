//! How the command ends: documented codes, and one message.

use std::fmt::Display;
use std::process::ExitCode;

/// Exit codes, stable: scripts are written against them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All well.
    Well = 0,
    /// The run finished, but a limit or the audit failed.
    Failed = 1,
    /// Bad usage, scenario or input.
    BadInput = 2,
    /// The target could not be reached, or died, or could not be read in the end; or what was measured could not be written.
    Unreachable = 3,
    /// Interrupted, after writing what was measured so far.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the command stopped: one message, one code.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What was found where, and what was expected.
    pub message: String,
}

impl Failure {
    /// Bad usage, scenario or input.
    pub fn input(message: impl Display) -> Self {
        Self {
            exit: Exit::BadInput,
            message: message.to_string(),
        }
    }

    /// The target could not be reached, or what was measured could not be written.
    pub fn target(message: impl Display) -> Self {
        Self {
            exit: Exit::Unreachable,
            message: message.to_string(),
        }
    }
}

//! What is wrong with a file of streets: which file, which line, what was found, what was expected.

use std::fmt::Display;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Why a file is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not there, or cannot be read.
    #[error("{}: cannot be read ({because})", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        because: String,
    },
    /// A line is wrong.
    #[error("{}:{line}: {message}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What was found, and what was expected.
        message: String,
    },
}

impl FileError {
    /// Which file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Unreadable { path, .. } | Self::Line { path, .. } => path,
        }
    }

    pub(crate) fn unreadable(path: &Path, because: impl Display) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            because: because.to_string(),
        }
    }

    pub(crate) fn at(path: &Path, line: u64, message: String) -> Self {
        Self::Line {
            path: path.to_owned(),
            line,
            message,
        }
    }
}

/// A file that is there.
pub(crate) fn open(path: &Path) -> Result<BufReader<File>, FileError> {
    let file = File::open(path).map_err(|error| FileError::unreadable(path, error))?;
    Ok(BufReader::new(file))
}

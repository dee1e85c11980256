//! Why an import could not be done at all. Bad rows are not errors: they are counted.

use std::fmt;
use std::io;

/// Where in a file something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The file as a whole.
    File,
    /// A line, counted from 1.
    Line(u64),
    /// A column, by name.
    Column(String),
    /// A feature of a zone file, counted from 1.
    Feature(usize),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line(line) => write!(f, ", line {line}"),
            Self::Column(name) => write!(f, ", column {name:?}"),
            Self::Feature(feature) => write!(f, ", feature {feature}"),
        }
    }
}

/// A file that cannot be read or understood: bad input, exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be opened or read.
    #[error("{file}: found no readable file ({source}), expected one")]
    Unreadable {
        /// The path as given.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{file}{location}: found {found}, expected {expected}")]
    Wrong {
        /// The path as given.
        file: String,
        /// Where in it.
        location: Location,
        /// What was found there.
        found: String,
        /// What should have stood there.
        expected: String,
    },
}

/// An option of the import that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{option}: found {found:?}, expected {expected}")]
pub struct OptionError {
    /// The option's name, without dashes.
    pub option: &'static str,
    /// What was found.
    pub found: String,
    /// What should have stood there.
    pub expected: String,
}

/// At most this many characters of a file are quoted in a message.
const QUOTED_MAX: usize = 160;

/// Text from a file, short and printable enough for a message.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text.trim_end().chars().take(QUOTED_MAX).collect();
    let cut = if short.len() < text.trim_end().len() {
        " …"
    } else {
        ""
    };
    format!("{short:?}{cut}")
}

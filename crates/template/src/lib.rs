//! A deployment template as AWS SAM and CloudFormation read it, as far as we need to know what is in it.
//!
//! [`Template`] is the document with its parameters filled in; [`Deployment`] is what it gives each function,
//! queue, task and API, which is what the digital twin wants to know; [`rules`] finds what would deploy and then go
//! wrong, and what linters of templates do not look at.

mod conditions;
mod deployment;
mod document;
pub mod rules;
mod yaml;

pub use deployment::{Api, Deployment, Function, Mapping, Queue, Table, Task};
pub use document::Template;

/// Why a template cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is not YAML.
    #[error("{file}:{line}: {what}")]
    Yaml {
        /// The file.
        file: String,
        /// Where, from 1.
        line: usize,
        /// What was found.
        what: String,
    },
    /// It is not what a template is.
    #[error("{file}:{line}: {place}: {what}")]
    Wrong {
        /// The file.
        file: String,
        /// Where, from 1.
        line: usize,
        /// Which entry.
        place: String,
        /// What was found, and what was expected.
        what: String,
    },
    /// A parameter that the template does not have.
    #[error("{file}: found no parameter {name}, expected one of {known}")]
    UnknownParameter {
        /// The file.
        file: String,
        /// The name given.
        name: String,
        /// Those that it has.
        known: String,
    },
}

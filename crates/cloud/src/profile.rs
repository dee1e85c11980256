//! The cloud profile: how long each step of the modelled cloud takes, and what it allows.
//!
//! Start at [`Profile::aws_us_east_1`] and [`Profile::parse`]. A profile is a TOML file in which every
//! figure has a mark and a source; [`Profile::unverified`] names those that nobody has checked.
//! Machines and ports are given the typed fields; [`Profile::set`] is how `rushhour calibrate` puts a
//! measured figure into a profile, so that [`Profile::to_toml`] keeps its source beside it.
//!
//! ```
//! use rushhour_cloud::profile::{Architecture, Profile};
//! use kernel::Streams;
//!
//! let profile = Profile::aws_us_east_1();
//! let mut stream = Streams::new(1).stream("init", 0);
//! let init = profile.lambda.init(Architecture::Arm64).sample(&mut stream);
//! assert!((8..80).contains(&init.as_millis()));
//! // The first call at 128 MB opens its connections on 7 % of a processor.
//! assert!(profile.lambda.first_call(128).as_millis() > 800);
//! assert!(profile.lambda.first_call(1_769).as_millis() < 80);
//! ```

mod figure;
mod file;
mod law;
mod reader;
mod sections;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

pub use figure::{Figure, Provenance};
pub use law::{Factors, LawError, LawFigures, QUANTILES_MAX, Spans};
pub use sections::{
    Architecture, ContainerProfile, HttpApiProfile, LambdaProfile, QueueProfile, TableProfile,
    WORKS_OF_ITEMS,
};

use crate::mark::Mark;
use figure::Entry;

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// It is no TOML.
    #[error("cloud profile {profile}: {message}")]
    Syntax {
        /// Which profile.
        profile: String,
        /// What the reader of TOML says.
        message: String,
    },
    /// A key is missing, unknown or contradicts another.
    #[error("cloud profile {profile}: {key}: found {found}, expected {expected}")]
    Key {
        /// Which profile.
        profile: String,
        /// Which key.
        key: String,
        /// What there was.
        found: String,
        /// What there may be.
        expected: String,
    },
}

impl ProfileError {
    fn at(profile: &str, key: &str, found: impl ToString, expected: impl ToString) -> Self {
        Self::Key {
            profile: profile.to_owned(),
            key: key.to_owned(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }
}

/// Processor time of one call of a use case at one full vCPU, without its calls of ports.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceTime {
    /// Of the call itself.
    pub cpu: Spans,
    /// Of each item it handles besides: a rider of a round, a message of a batch. Of most use cases there are none.
    pub per_item: Duration,
}

/// A profile, read and checked.
///
/// The fields are what the twin draws from. Who changes one by hand changes what is drawn and not what
/// [`Self::to_toml`] writes; [`Self::set`] does both.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    name: String,
    head: file::Head,
    entries: BTreeMap<String, Entry>,
    /// Lambda.
    pub lambda: LambdaProfile,
    /// SQS and the event source mapping.
    pub queue: QueueProfile,
    /// DynamoDB.
    pub table: TableProfile,
    /// The HTTP API in front of the functions.
    pub http_api: HttpApiProfile,
    /// Containers, their load balancer and their scaling.
    pub container: ContainerProfile,
    /// Processor time by use case, such as `pricing.quote`.
    pub service: BTreeMap<String, ServiceTime>,
}

impl Profile {
    /// AWS in us-east-1, as published and measured by others.
    #[must_use]
    pub fn aws_us_east_1() -> Self {
        let text = include_str!("../profiles/aws-us-east-1.toml");
        Self::parse("aws-us-east-1", text).expect("the shipped profile is read in a test")
    }

    /// The embedded stack on one machine.
    #[must_use]
    pub fn embedded() -> Self {
        let text = include_str!("../profiles/embedded.toml");
        Self::parse("embedded", text).expect("the shipped profile is read in a test")
    }

    /// A shipped profile by its name.
    #[must_use]
    pub fn shipped(name: &str) -> Option<Self> {
        match name {
            "aws-us-east-1" => Some(Self::aws_us_east_1()),
            "embedded" => Some(Self::embedded()),
            _ => None,
        }
    }

    /// Reads a profile. `name` is what messages and reports call it.
    ///
    /// # Errors
    /// Names the first key that is missing, unknown or contradictory, what was found and expected.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProfileError> {
        file::parse(name, text)
    }

    /// The profile as a file that [`Self::parse`] reads.
    #[must_use]
    pub fn to_toml(&self) -> String {
        file::write(self)
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same profile under another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Its region, or the machine it was measured on.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.head.region
    }

    /// Its date.
    #[must_use]
    pub fn as_of(&self) -> &str {
        &self.head.as_of
    }

    /// Keys whose figure nobody has checked.
    #[must_use]
    pub fn unverified(&self) -> Vec<String> {
        let entries = self.entries.iter();
        entries
            .filter(|(_, entry)| entry.provenance.mark == Mark::Unverified)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Every key, its figure and where it comes from: mark, the source's text, and its date.
    pub fn figures(&self) -> impl Iterator<Item = (&str, &Figure, Mark, &str, &str)> {
        self.entries.iter().map(|(key, entry)| {
            let Provenance {
                mark,
                source,
                as_of,
            } = &entry.provenance;
            let text = self.head.sources.get(source).map_or("", String::as_str);
            let date = as_of.as_deref().unwrap_or(&self.head.as_of);
            (key.as_str(), &entry.figure, *mark, text, date)
        })
    }

    /// Names a source, for figures set afterwards.
    pub fn add_source(&mut self, name: &str, text: &str) {
        self.head.sources.insert(name.to_owned(), text.to_owned());
    }

    /// Puts figures in place of those of the same keys, or adds services, and checks the whole anew.
    ///
    /// # Errors
    /// As [`Self::parse`]; the profile is then as it was.
    pub fn set(
        &mut self,
        figures: impl IntoIterator<Item = (String, Figure)>,
        provenance: &Provenance,
    ) -> Result<(), ProfileError> {
        let mut entries = self.entries.clone();
        for (key, figure) in figures {
            let provenance = provenance.clone();
            entries.insert(key, Entry { figure, provenance });
        }
        *self = file::build(&self.name, self.head.clone(), entries)?;
        Ok(())
    }
}

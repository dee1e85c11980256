//! A network as bytes, put in order already: what a process that has no time for that reads instead of the files that
//! it was made from.
//!
//! Little-endian numbers, array after array: a mark, the version, a [`Fingerprint`] of all that follows, and then what was
//! left out, how many flows there are and which holds at each hour, the graph and its hierarchy, and of each further flow
//! what its streets cost and the hierarchy of that. The fingerprint tells damage and mistakes, not malice. What is read is
//! checked all the same before it is driven on, each shortcut against what it stands for.

use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;

use twox_hash::XxHash64;

use crate::components::Dropped;
use crate::cost::Cost;
use crate::graph::Graph;
use crate::hierarchy::Hierarchy;
use crate::network::{Network, NetworkError};
use crate::traffic::{HOURS, PERIODS_MAX};

/// What packed networks begin with.
const MARK: &[u8; 16] = b"rushhour streets";
/// The version of what follows. Another order of the arrays, or another meaning, is another version.
const VERSION: u32 = 3;
/// Bytes before those that the fingerprint is of.
const HEAD: usize = MARK.len() + size_of::<u32>() + size_of::<u64>();

/// Tells networks apart: equal of two that are the same, and of no others (64 bits of XXH64).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    fn of_bytes(bytes: &[u8]) -> Self {
        let mut hasher = XxHash64::with_seed(0);
        hasher.write(bytes);
        Self(hasher.finish())
    }
}

/// 16 digits, as text carries it.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Why a text is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {0:?}, expected the fingerprint of a network of streets, 16 digits 0-9 and a-f")]
pub struct NoFingerprint(String);

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = u64::from_str_radix(text, 16).map(Self).ok();
        number
            .filter(|it| it.to_string() == text)
            .ok_or_else(|| NoFingerprint(text.to_owned()))
    }
}

/// Why bytes are no network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum UnpackError {
    /// They do not begin as one.
    #[error("found something else, expected a packed network of streets")]
    NoNetwork,
    /// They were packed by a program of another version.
    #[error("found streets packed in version {found}, expected version {VERSION}: pack them anew")]
    Version {
        /// The version.
        found: u32,
    },
    /// They are not those that were packed.
    #[error(
        "found damaged streets of fingerprint {found}, expected {expected}: copy or pack them anew"
    )]
    Damaged {
        /// Of what is there.
        found: Fingerprint,
        /// Of what was packed.
        expected: Fingerprint,
    },
    /// They cannot have been packed from a network.
    #[error("found {0}, expected streets as they are packed")]
    Inconsistent(&'static str),
    /// They tell of streets that are none.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// Bytes being written.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn count(&mut self, count: usize) {
        self.0.extend((count as u64).to_le_bytes());
    }

    /// An array of numbers of `N` bytes.
    pub(crate) fn all<const N: usize>(&mut self, numbers: impl IntoIterator<Item = [u8; N]>) {
        self.0.extend(numbers.into_iter().flatten());
    }
}

/// Bytes being read.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn count(&mut self) -> Result<usize, UnpackError> {
        let bytes = self.take(size_of::<u64>())?;
        let number = u64::from_le_bytes(bytes.try_into().expect("as many as were taken"));
        usize::try_from(number).map_err(|_| UnpackError::Inconsistent("more than fits into memory"))
    }

    /// An array of `count` numbers of `N` bytes.
    pub(crate) fn all<const N: usize>(
        &mut self,
        count: usize,
    ) -> Result<impl Iterator<Item = [u8; N]> + use<'a, N>, UnpackError> {
        let length = count.saturating_mul(N);
        let numbers = self.take(length)?.chunks_exact(N);
        Ok(numbers.map(|bytes| bytes.try_into().expect("chunks of as many")))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], UnpackError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(UnpackError::Inconsistent("fewer bytes than they tell of"))?;
        self.0 = rest;
        Ok(taken)
    }
}

impl Network {
    /// The network as bytes, the same of the same network on every machine, and what tells it from others.
    #[must_use]
    pub fn pack(&self) -> (Vec<u8>, Fingerprint) {
        let mut body = Writer::default();
        let Dropped { nodes, edges } = self.survey().dropped;
        body.count(nodes);
        body.count(edges);
        let (flows, by_hour) = self.flows();
        body.count(flows.len());
        body.all(by_hour.map(u8::to_le_bytes));
        for (number, flow) in flows.iter().enumerate() {
            if number == 0 {
                flow.graph.write(&mut body);
            } else {
                flow.graph.write_costs(&mut body);
            }
            flow.hierarchy.write(&mut body);
        }
        let Writer(body) = body;
        let mut bytes = Vec::with_capacity(HEAD + body.len());
        bytes.extend(MARK);
        bytes.extend(VERSION.to_le_bytes());
        let fingerprint = Fingerprint::of_bytes(&body);
        bytes.extend(fingerprint.0.to_le_bytes());
        bytes.extend(body);
        (bytes, fingerprint)
    }

    /// The network that bytes tell of, and what tells it from others.
    ///
    /// # Errors
    /// If they are not those of a network that was packed.
    pub fn unpack(bytes: &[u8]) -> Result<(Self, Fingerprint), UnpackError> {
        let rest = bytes.strip_prefix(MARK).ok_or(UnpackError::NoNetwork)?;
        let (version, rest) = rest.split_first_chunk().ok_or(UnpackError::NoNetwork)?;
        let found = u32::from_le_bytes(*version);
        if found != VERSION {
            return Err(UnpackError::Version { found });
        }
        let (expected, body) = rest.split_first_chunk().ok_or(UnpackError::NoNetwork)?;
        let expected = Fingerprint(u64::from_le_bytes(*expected));
        let found = Fingerprint::of_bytes(body);
        if found != expected {
            return Err(UnpackError::Damaged { found, expected });
        }
        let mut body = Reader(body);
        let dropped = Dropped {
            nodes: body.count()?,
            edges: body.count()?,
        };
        let flows = body.count()?;
        let mut by_hour = [0; HOURS];
        for (hour, [flow]) in by_hour.iter_mut().zip(body.all(HOURS)?) {
            *hour = flow;
        }
        let holds = |flow: &u8| usize::from(*flow) < flows;
        if flows > 1 + PERIODS_MAX || !by_hour.iter().all(holds) {
            return Err(UnpackError::Inconsistent("hours that traffic cannot have"));
        }
        let mut graphs: Vec<(Graph, Hierarchy)> = Vec::with_capacity(flows);
        for _ in 0..flows {
            let graph = match graphs.first() {
                None => Graph::read(&mut body)?,
                Some((free, _)) => free.clone().read_costs(&mut body)?,
            };
            let hierarchy = Hierarchy::read(&mut body, &graph)?;
            graphs.push((graph, hierarchy));
        }
        if !body.0.is_empty() {
            return Err(UnpackError::Inconsistent("more bytes than they tell of"));
        }
        Ok((Self::ready(graphs, by_hour, dropped)?, found))
    }
}

/// Where each of `groups` groups of an array begins, and after the last where all end; checked.
pub(crate) fn read_starts(
    body: &mut Reader<'_>,
    groups: usize,
    end: usize,
) -> Result<Vec<u32>, UnpackError> {
    let first: Vec<u32> = body.all(groups + 1)?.map(u32::from_le_bytes).collect();
    let ordered = first.is_sorted() && first[0] == 0 && first[groups] as usize == end;
    ordered
        .then_some(first)
        .ok_or(UnpackError::Inconsistent("arrays whose parts overlap"))
}

/// Costs that a way may have.
pub(crate) fn read_costs(body: &mut Reader<'_>, count: usize) -> Result<Vec<Cost>, UnpackError> {
    let costs: Vec<Cost> = body.all(count)?.map(Cost::from_le_bytes).collect();
    let are_costs = costs.iter().all(|cost| *cost != Cost::NEVER);
    are_costs
        .then_some(costs)
        .ok_or(UnpackError::Inconsistent("a street that is never driven"))
}

#[cfg(test)]
mod tests;

//! Redis' protocol (RESP, <https://redis.io/docs/latest/develop/reference/protocol-spec/>), as far as a server needs
//! it: commands as they arrive, without I/O, and answers. Nothing is allocated for a word.
//!
//! [`Reader`] cuts commands from what a connection has brought; [`geo::Command`] is what one asks of the tracker;
//! [`Answers`] writes down what it is told.

mod answers;
pub mod geo;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use answers::Answers;

/// The longest line that tells a count or a length: a sign, ten digits, and the end of the line.
const LINE_MAX: usize = 13;

/// Why what arrives is no command: where the next one begins cannot be known, and the connection has to end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RespFault {
    /// A command does not begin as one.
    #[error("found '{}', expected '{expected}': a command is an array of bulk strings", found.escape_ascii())]
    Kind {
        /// The byte that is there.
        found: u8,
        /// The one that should be.
        expected: char,
    },
    /// A count or a length is no number.
    #[error("found '{found}', expected a number and the end of the line")]
    Number {
        /// What is there, shortened.
        found: String,
    },
    /// A command is too long.
    #[error("found a command of {found} {unit}, expected at most {most}")]
    TooLong {
        /// How long it is, or is to be.
        found: u64,
        /// In what.
        unit: &'static str,
        /// How long one may be.
        most: usize,
    },
    /// A word does not end where it should.
    #[error("found '{}' after a word, expected the end of the line", found.escape_ascii())]
    End {
        /// What is there.
        found: [u8; 2],
    },
}

/// How long a command may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandLimits {
    /// Its words.
    pub words: usize,
    /// All its bytes.
    pub bytes: usize,
}

/// The words of a command, the first of which is its name.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    bytes: &'a [u8],
    places: &'a [Range<usize>],
}

impl<'a> Words<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.places.len()
    }

    /// Whether there are none, as in a command that asks for nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.places.is_empty()
    }

    /// One of them.
    #[must_use]
    pub fn get(self, at: usize) -> Option<&'a [u8]> {
        self.places.get(at).map(|place| &self.bytes[place.clone()])
    }

    /// Those from one on.
    pub fn since(self, first: usize) -> impl ExactSizeIterator<Item = &'a [u8]> {
        let places = self.places.get(first..).unwrap_or_default();
        places.iter().map(move |place| &self.bytes[place.clone()])
    }
}

/// Reads commands as they arrive. What was read of one is not read again when more of it is there.
#[derive(Debug, Default)]
pub struct Reader {
    places: Vec<Range<usize>>,
    /// How many words the command has, once that is known.
    count: Option<usize>,
    /// How far it is read.
    read: usize,
}

impl Reader {
    /// Reads the command with which `bytes` begin: the words, and how many bytes they took. Nothing while there is not
    /// all of it: then `bytes` are to begin with the same and have more the next time.
    ///
    /// # Errors
    /// If it is no command, or too long.
    pub fn read<'a>(
        &'a mut self,
        bytes: &'a [u8],
        limits: CommandLimits,
    ) -> Result<Option<(Words<'a>, usize)>, RespFault> {
        let count = match self.count {
            Some(count) => count,
            None => {
                let Some((count, read)) = number(bytes, 0, b'*')? else {
                    return Ok(None);
                };
                // As with Redis, an array of nothing and none at all ask for nothing.
                let count = u64::try_from(count).unwrap_or(0);
                let words = bounded(count, "words", limits.words)?;
                self.places.clear();
                self.read = read;
                *self.count.insert(words)
            }
        };
        while self.places.len() < count {
            let Some((length, start)) = number(bytes, self.read, b'$')? else {
                break;
            };
            let length = u64::try_from(length).map_err(|_| RespFault::Number {
                found: length.to_string(),
            })?;
            // The end of its line included.
            let most = (start as u64 + 2).saturating_add(length);
            let end = bounded(most, "bytes", limits.bytes)? - 2;
            let Some(after) = bytes.get(end..end + 2) else {
                break;
            };
            if after != b"\r\n" {
                let found = [after[0], after[1]];
                return Err(RespFault::End { found });
            }
            self.places.push(start..end);
            self.read = end + 2;
        }
        if self.places.len() < count {
            return Ok(None);
        }
        self.count = None;
        let places = &self.places[..];
        Ok(Some((Words { bytes, places }, self.read)))
    }
}

fn bounded(found: u64, unit: &'static str, most: usize) -> Result<usize, RespFault> {
    let fits = usize::try_from(found).ok().filter(|fits| *fits <= most);
    fits.ok_or(RespFault::TooLong { found, unit, most })
}

/// The number of a line that begins at `at` with `kind`, and where the next line begins; nothing while it has no end.
fn number(bytes: &[u8], at: usize, kind: u8) -> Result<Option<(i64, usize)>, RespFault> {
    let line = &bytes[at..];
    let Some((found, line)) = line.split_first() else {
        return Ok(None);
    };
    if *found != kind {
        return Err(RespFault::Kind {
            found: *found,
            expected: char::from(kind),
        });
    }
    let line = &line[..line.len().min(LINE_MAX)];
    let (negative, digits) = match line {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let mut told = 0;
    let mut length = 0;
    // As many digits as a line may have fit.
    while let Some(digit @ b'0'..=b'9') = digits.get(length) {
        told = told * 10 + i64::from(digit - b'0');
        length += 1;
    }
    match digits.get(length..).unwrap_or_default() {
        [b'\r', b'\n', ..] if length > 0 => {
            let told = if negative { -told } else { told };
            let next = at + 1 + usize::from(negative) + length + 2;
            Ok(Some((told, next)))
        }
        [] | [b'\r'] if line.len() < LINE_MAX => Ok(None),
        _ => {
            let line = line.split(|byte| *byte == b'\r').next();
            let found = line.unwrap_or_default().escape_ascii().to_string();
            Err(RespFault::Number { found })
        }
    }
}

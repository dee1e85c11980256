//! Products: what a rider may choose of a market, such as a standard ride, a large car or one that takes a wheelchair.

use std::fmt;
use std::str::FromStr;

use crate::ids::{IdError, id_error};

const LENGTH_MAX: usize = 16;

/// A product by its name: lower-case letters, digits and dashes, at most 16.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductName {
    /// The letters, and zeros after them.
    bytes: [u8; LENGTH_MAX],
}

impl ProductName {
    /// Reads a product's name.
    ///
    /// # Errors
    /// If it is empty, longer than 16 characters, or holds anything but `a-z`, `0-9` and `-`.
    pub fn new(name: &str) -> Result<Self, IdError> {
        let in_a_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let mut bytes = [0; LENGTH_MAX];
        match bytes.get_mut(..name.len()) {
            Some(letters) if !name.is_empty() && name.bytes().all(in_a_name) => {
                letters.copy_from_slice(name.as_bytes());
                Ok(Self { bytes })
            }
            _ => Err(id_error(
                name,
                "a product of 1 to 16 characters a-z, 0-9 and -",
            )),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let letters = self.bytes.split(|b| *b == 0).next().unwrap_or_default();
        std::str::from_utf8(letters).expect("a product's name holds ASCII letters")
    }
}

impl fmt::Debug for ProductName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ProductName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProductName {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_refused() {
        for name in ["x", "standard", "wheelchair-0000", "0123456789abcdef"] {
            let read: ProductName = name.parse().unwrap();
            assert_eq!(read.to_string(), name);
        }
        for name in ["", "0123456789abcdefg", "XL", "a b", "a\0", "ü"] {
            let error = ProductName::new(name).unwrap_err();
            assert_eq!(error.found, name);
        }
    }

    #[test]
    fn names_are_ordered_as_texts_are() {
        let mut names = ["xl", "x", "black", "x-2"].map(|name| ProductName::new(name).unwrap());
        names.sort();
        assert_eq!(
            names.map(|name| name.to_string()),
            ["black", "x", "x-2", "xl"]
        );
    }
}

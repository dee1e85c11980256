//! How far a figure of a price file or a cloud profile can be trusted.

use std::fmt;

use serde::Deserialize;

/// Where a figure comes from, from the surest to the least sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Mark {
    /// Documentation of the provider.
    #[serde(rename = "D")]
    Documentation,
    /// The provider's price list.
    #[serde(rename = "P")]
    PriceList,
    /// A measurement: published by others, or made with `rushhour calibrate`.
    #[serde(rename = "M")]
    Measured,
    /// A guide by others that repeats the documentation.
    #[serde(rename = "G")]
    Guide,
    /// A claim of a single text.
    #[serde(rename = "C")]
    Claim,
    /// From memory, or a placeholder: nobody has checked it.
    #[serde(rename = "X")]
    Unverified,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Documentation,
        Self::PriceList,
        Self::Measured,
        Self::Guide,
        Self::Claim,
        Self::Unverified,
    ];

    /// The letter that a file has for it.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Documentation => "D",
            Self::PriceList => "P",
            Self::Measured => "M",
            Self::Guide => "G",
            Self::Claim => "C",
            Self::Unverified => "X",
        }
    }

    /// The mark of a letter.
    #[must_use]
    pub fn from_letter(letter: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mark| mark.letter() == letter)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter())
    }
}

/// Year, month and day, joined by dashes.
pub(crate) fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |index: usize, digits: usize| {
        parts
            .get(index)
            .filter(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|part| part.parse::<u32>().ok())
    };
    parts.len() == 3
        && number(0, 4).is_some()
        && number(1, 2).is_some_and(|month| (1..=12).contains(&month))
        && number(2, 2).is_some_and(|day| (1..=31).contains(&day))
}

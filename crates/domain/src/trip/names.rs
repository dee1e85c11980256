//! The words for states and reasons, the same in interfaces, tables and reports.

use super::{CancelStage, CancelledBy, TripState, TryOutcome, UnservedReason};

impl TripState {
    /// Such as `picked_up`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::Arrived => "arrived",
            Self::PickedUp => "picked_up",
            Self::Completed => "completed",
            Self::Cancelled { .. } => "cancelled",
            Self::Unserved { .. } => "unserved",
        }
    }

    /// Why it ended early, if it did: `rider_accepted` (by whom, in which stage) or `patience_over`.
    #[must_use]
    pub fn because(self) -> Option<String> {
        match self {
            Self::Cancelled { by, stage } => Some(format!("{}_{}", by.name(), stage.name())),
            Self::Unserved { because } => Some(because.name().to_owned()),
            _ => None,
        }
    }
}

impl TripState {
    /// The state that [`TripState::name`] and [`TripState::because`] stand for.
    #[must_use]
    pub fn from_words(name: &str, because: Option<&str>) -> Option<Self> {
        match name {
            "requested" => Some(Self::Requested),
            "offered" => Some(Self::Offered),
            "accepted" => Some(Self::Accepted),
            "arrived" => Some(Self::Arrived),
            "picked_up" => Some(Self::PickedUp),
            "completed" => Some(Self::Completed),
            "cancelled" => {
                let (by, stage) = because?.split_once('_')?;
                Some(Self::Cancelled {
                    by: CancelledBy::from_name(by)?,
                    stage: CancelStage::from_name(stage)?,
                })
            }
            "unserved" => Some(Self::Unserved {
                because: UnservedReason::from_name(because?)?,
            }),
            _ => None,
        }
    }
}

/// Gives each variant of a plain enum its word, both ways, and older words for it that are still read.
macro_rules! words {
    ($kind:ident { $($variant:ident => $word:literal $(| $older:literal)*),+ $(,)? }) => {
        impl $kind {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What the word stands for.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($word $(| $older)* => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words!(CancelledBy { Rider => "rider", Driver => "driver", System => "system" });
words!(CancelStage {
    Requested => "requested",
    Offered => "offered",
    Accepted => "accepted",
    Arrived => "arrived",
    PickedUp => "picked_up",
});
words!(UnservedReason {
    NeverOffered => "never_offered" | "no_driver_in_reach",
    PatienceOver => "patience_over",
    AttemptsExhausted => "attempts_exhausted",
    NoneAvailableAtOnce => "none_available_at_once",
});
words!(TryOutcome {
    Pending => "pending",
    Accepted => "accepted",
    Declined => "declined",
    Expired => "expired",
    Withdrawn => "withdrawn",
    Lost => "lost",
});

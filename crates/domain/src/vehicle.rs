//! Classes of vehicles, such as standard, large or wheelchair-accessible. A market says what each means; here they are
//! numbers, and a rider's wish is a set of them.

use crate::limits::VEHICLE_CLASSES;

/// A class of vehicles, by its number: below [`VEHICLE_CLASSES`]. The first is that of who names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VehicleClass(u8);

/// What was found for a class or a set of them, and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VehicleClassError {
    /// There is no class of that number.
    #[error("found vehicle class {0}, expected one below {VEHICLE_CLASSES}")]
    Class(u32),
    /// A set names a class that there is not.
    #[error("found the set {0:#b} of vehicle classes, expected no bit from {VEHICLE_CLASSES} on")]
    Set(u32),
}

impl VehicleClass {
    /// The class of a number.
    ///
    /// # Errors
    /// If it is [`VEHICLE_CLASSES`] or more.
    pub const fn new(number: u32) -> Result<Self, VehicleClassError> {
        if number < VEHICLE_CLASSES {
            Ok(Self(number as u8))
        } else {
            Err(VehicleClassError::Class(number))
        }
    }

    /// Every class, by its number.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..VEHICLE_CLASSES as u8).map(Self)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0 as u32
    }
}

/// A set of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VehicleClasses(u16);

const _: () = assert!(VEHICLE_CLASSES == u16::BITS);

impl VehicleClasses {
    /// All of them: of who wants a ride and does not mind in what.
    pub const ALL: Self = Self(u16::MAX);

    /// None of them.
    pub const NONE: Self = Self(0);

    /// Those whose bits are set, the first class's being the lowest.
    ///
    /// # Errors
    /// If a bit is set that is no class's.
    pub fn from_bits(bits: u32) -> Result<Self, VehicleClassError> {
        let set = u16::try_from(bits).map_err(|_| VehicleClassError::Set(bits))?;
        Ok(Self(set))
    }

    /// The same as bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// Those in the set, by their numbers.
    pub fn iter(self) -> impl Iterator<Item = VehicleClass> {
        VehicleClass::all().filter(move |class| self.contains(*class))
    }

    /// Whether a class is among them.
    #[must_use]
    pub const fn contains(self, class: VehicleClass) -> bool {
        self.0 >> class.0 & 1 == 1
    }
}

impl FromIterator<VehicleClass> for VehicleClasses {
    fn from_iter<I: IntoIterator<Item = VehicleClass>>(classes: I) -> Self {
        let bits = classes.into_iter().map(|class| 1 << class.0);
        Self(bits.fold(0, std::ops::BitOr::bitor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_that_there_is_not() {
        let class = |number| VehicleClass::new(number).unwrap();
        let set: VehicleClasses = [class(0), class(15)].into_iter().collect();
        assert_eq!(set, VehicleClasses::from_bits(0x8001).unwrap());
        let held: Vec<u32> = (0..VEHICLE_CLASSES)
            .filter(|number| set.contains(class(*number)))
            .collect();
        assert_eq!(held, [0, 15]);
        assert!((0..VEHICLE_CLASSES).all(|number| VehicleClasses::ALL.contains(class(number))));
        assert_eq!(VehicleClass::new(16), Err(VehicleClassError::Class(16)));
        let beyond = VehicleClasses::from_bits(1 << 16).unwrap_err();
        assert_eq!(
            beyond.to_string(),
            "found the set 0b10000000000000000 of vehicle classes, expected no bit from 16 on"
        );
    }
}

//! One number for a whole schedule, to say that two runs offered the same.

use std::fmt::{Debug, Write};

/// FNV-1a, 64 bits (Fowler, Noll, Vo).
struct Fnv(u64);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

/// The fingerprint of some plans in their order. Equal plans give equal fingerprints on every machine;
/// every digit of every number counts.
pub fn fingerprint<T: Debug>(plans: impl IntoIterator<Item = T>) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    for plan in plans {
        // Debug writes a float's shortest digits that read back as the same float.
        write!(hash, "{plan:?};").expect("hashing never fails");
    }
    hash.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_counts() {
        let of = |number: f64| fingerprint([("at", number)]);
        assert_eq!(of(0.1), of(0.1));
        assert_ne!(of(0.1), of(0.1 + f64::EPSILON / 8.0));
        assert_ne!(fingerprint([1, 2]), fingerprint([2, 1]));
    }
}

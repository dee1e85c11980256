//! What a client is told.

use std::fmt;

use domain::{DriverId, Place};

use super::geo::Shape;

/// Room for all that is told of one driver, each number as long as it may be, and for as much as is written at once
/// beyond it.
const ROOM: usize = 128;
/// Digits that are written at once, and the power of ten that has one more.
const EIGHT: (usize, u64) = (8, 100_000_000);
/// Steps of a place in a degree: its resolution, of seven decimals.
const PLACE_STEPS: (usize, u64) = (7, 10_000_000);
/// Steps of a distance in its unit: four decimals, as Redis has them.
const DISTANCE_STEPS: (usize, u64) = (4, 10_000);
/// Eight digits that are zero.
const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
/// Lengths of data that are told at once: beyond the longest number, with a point and a sign.
const LENGTHS: usize = 32;

/// `$`, a length, and the end of the line; and how long that is.
const LENGTH_LINES: [([u8; 8], usize); LENGTHS] = {
    let mut lines = [([0; 8], 0); LENGTHS];
    let mut length = 0;
    while length < LENGTHS {
        let (tens, ones) = (b'0' + (length / 10) as u8, b'0' + (length % 10) as u8);
        lines[length] = if length < 10 {
            ([b'$', ones, b'\r', b'\n', 0, 0, 0, 0], 4)
        } else {
            ([b'$', tens, ones, b'\r', b'\n', 0, 0, 0], 5)
        };
        length += 1;
    }
    lines
};

/// Answers in the order of their commands, ready to be sent.
#[derive(Debug, Default)]
pub struct Answers(Vec<u8>);

/// The eight digits of a number below [`EIGHT`], zeros first. All digits are found together, in one word.
fn eight_digits(number: u64) -> u64 {
    // Two numbers below 10,000 in the halves of the word, the greater digits in its lower bytes, as text has them.
    let halves = number / 10_000 + ((number % 10_000) << 32);
    // Four below 100 in its quarters: dividing by 100 is multiplying by 10,486 / 2^20 so far.
    let hundreds = ((halves * 10_486) >> 20) & 0x7f_0000_007f;
    let quarters = hundreds + ((halves - 100 * hundreds) << 16);
    // Eight below 10 in its bytes: dividing by 10 is multiplying by 103 / 2^10.
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    let bytes = tens + ((quarters - 10 * tens) << 8);
    bytes | ZEROS
}

/// A whole number as text.
#[derive(Debug, Clone, Copy)]
struct Digits {
    number: u64,
    count: usize,
    /// The last eight of them, or all, from the lowest byte on.
    last: u64,
}

impl Digits {
    #[inline]
    fn of(number: u64) -> Self {
        let (most, beyond) = EIGHT;
        if number >= beyond {
            return Self::of_many(number);
        }
        let digits = eight_digits(number);
        // Zeros first count for nothing, but for the one that is all there is.
        let zeros = (digits ^ ZEROS).trailing_zeros() as usize / 8;
        let count = most - zeros.min(most - 1);
        Self {
            number,
            count,
            last: digits >> (8 * (most - count)),
        }
    }

    #[cold]
    fn of_many(number: u64) -> Self {
        Self {
            number,
            count: number.ilog10() as usize + 1,
            last: eight_digits(number % EIGHT.1),
        }
    }
}

/// What is told of one driver, put together before it is added to the answers.
struct Told {
    room: [u8; ROOM],
    end: usize,
}

impl Told {
    /// Writes eight bytes of which as many count.
    #[inline]
    fn put(&mut self, bytes: [u8; 8], count: usize) {
        self.room[self.end..][..8].copy_from_slice(&bytes);
        self.end += count;
    }

    #[inline]
    fn digits(&mut self, digits: Digits) {
        let (most, beyond) = EIGHT;
        if digits.count > most {
            self.digits(Digits::of(digits.number / beyond));
        }
        self.put(digits.last.to_le_bytes(), digits.count.min(most));
    }

    /// That data of a length follows.
    #[inline]
    fn data(&mut self, length: usize) {
        let (line, count) = LENGTH_LINES[length];
        self.put(line, count);
    }

    /// The end of data and the beginning of what follows.
    #[inline]
    fn end_line(&mut self) {
        self.put(*b"\r\n\0\0\0\0\0\0", 2);
    }

    /// An array of fewer than ten.
    #[inline]
    fn array(&mut self, count: u8) {
        self.put([b'*', b'0' + count, b'\r', b'\n', 0, 0, 0, 0], 4);
    }

    /// A number that counts steps of which there are so many in one.
    #[inline]
    fn decimal(&mut self, negative: bool, number: u64, (decimals, steps): (usize, u64)) {
        let whole = Digits::of(number / steps);
        self.data(usize::from(negative) + whole.count + 1 + decimals);
        self.put([b'-'; 8], usize::from(negative));
        self.digits(whole);
        self.put([b'.'; 8], 1);
        let decimals_of = eight_digits(number % steps) >> (8 * (EIGHT.0 - decimals));
        self.put(decimals_of.to_le_bytes(), decimals);
        self.end_line();
    }
}

impl Answers {
    /// All that is there.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Forgets what was sent, and keeps the room unless it is more than `most`.
    pub fn clear(&mut self, most: usize) {
        self.0.clear();
        self.0.shrink_to(most);
    }

    /// A word that is no data, such as `OK`.
    pub fn simple(&mut self, word: &'static str) {
        self.line('+', word);
    }

    /// Why a command was not done. The first word says of what kind it is.
    pub fn error(&mut self, why: &impl fmt::Display) {
        // A line must not end within it.
        self.line('-', why.to_string().replace(['\r', '\n'], " "));
    }

    /// A count.
    pub fn integer(&mut self, count: u64) {
        self.line(':', count);
    }

    /// As many answers as follow belong together.
    pub fn array(&mut self, count: usize) {
        self.line('*', count);
    }

    /// As many pairs of answers as follow belong together, each a name and what it names: in the third version of the
    /// protocol.
    pub fn map(&mut self, pairs: usize) {
        self.line('%', pairs);
    }

    /// Data.
    pub fn bulk(&mut self, data: &[u8]) {
        self.line('$', data.len());
        self.0.extend_from_slice(data);
        self.0.extend_from_slice(b"\r\n");
    }

    /// What a search found: drivers, their places, and their distances in metres.
    pub fn nearest(
        &mut self,
        shape: Shape,
        found: impl ExactSizeIterator<Item = (DriverId, Place, f64)>,
    ) {
        self.0.reserve((found.len() + 1) * ROOM);
        self.array(found.len());
        let fields = 1 + u8::from(shape.places) + u8::from(shape.distances);
        for (driver, place, distance_m) in found {
            let mut told = Told {
                room: [0; ROOM],
                end: 0,
            };
            if fields > 1 {
                told.array(fields);
            }
            let digits = Digits::of(driver.0);
            told.data(digits.count);
            told.digits(digits);
            told.end_line();
            if shape.distances {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a distance is not below zero, and a float's cast saturates"
                )]
                let steps = (distance_m / shape.unit_m * DISTANCE_STEPS.1 as f64 + 0.5) as u64;
                told.decimal(false, steps, DISTANCE_STEPS);
            }
            if shape.places {
                told.array(2);
                let (lat, lon) = place.to_e7();
                for e7 in [lon, lat] {
                    told.decimal(e7 < 0, e7.unsigned_abs().into(), PLACE_STEPS);
                }
            }
            self.0.extend_from_slice(&told.room[..told.end]);
        }
    }

    fn line(&mut self, kind: char, told: impl fmt::Display) {
        use std::io::Write as _;
        write!(self.0, "{kind}{told}\r\n").expect("there is always room in memory");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_are_those_of_the_number() {
        for number in (0..EIGHT.1).step_by(9_973).chain([EIGHT.1 - 1]) {
            let digits = eight_digits(number).to_le_bytes();
            assert_eq!(digits, format!("{number:08}").as_bytes());
        }
        for (number, digits) in [
            (0, 1),
            (9, 1),
            (10, 2),
            (EIGHT.1 - 1, 8),
            (EIGHT.1, 9),
            (u64::MAX, 20),
        ] {
            assert_eq!(Digits::of(number).count, digits);
        }
    }
}

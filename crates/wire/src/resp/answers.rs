//! What a client is told.

use std::fmt;

use domain::{DriverId, Place};

/// The longest that a number is written here: a sign, the digits of the greatest 64-bit number, a point.
const DIGITS_MAX: usize = 24;
/// Decimals of a degree in a place: its resolution.
const PLACE_DECIMALS: usize = 7;
/// Decimals of a distance, as Redis has them.
const DISTANCE_DECIMALS: u32 = 4;

/// Answers in the order of their commands, ready to be sent.
#[derive(Debug, Default)]
pub struct Answers(Vec<u8>);

/// Digits of a number, written from the last to the first.
struct Digits {
    room: [u8; DIGITS_MAX],
    first: usize,
}

impl Digits {
    /// A whole number of units of which the last `decimals` digits are behind the point.
    fn of(mut number: u64, decimals: usize, negative: bool) -> Self {
        let mut digits = Self {
            room: [0; DIGITS_MAX],
            first: DIGITS_MAX,
        };
        for written in 0.. {
            if written == decimals && decimals > 0 {
                digits.put(b'.');
            }
            // There is one digit before the point, if only a zero.
            if written > decimals && number == 0 {
                break;
            }
            digits.put(b'0' + (number % 10) as u8);
            number /= 10;
        }
        if negative {
            digits.put(b'-');
        }
        digits
    }

    fn put(&mut self, byte: u8) {
        self.first -= 1;
        self.room[self.first] = byte;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.room[self.first..]
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
        self.line(b'+', word.as_bytes());
    }

    /// Why a command was not done. The first word says of what kind it is.
    pub fn error(&mut self, why: &impl fmt::Display) {
        // A line must not end within it.
        let why = why.to_string().replace(['\r', '\n'], " ");
        self.line(b'-', why.as_bytes());
    }

    /// A count.
    pub fn integer(&mut self, count: u64) {
        self.line(b':', Digits::of(count, 0, false).as_bytes());
    }

    /// As many answers as follow belong together.
    pub fn array(&mut self, count: usize) {
        self.line(b'*', Digits::of(count as u64, 0, false).as_bytes());
    }

    /// Data.
    pub fn bulk(&mut self, data: &[u8]) {
        self.line(b'$', Digits::of(data.len() as u64, 0, false).as_bytes());
        self.0.extend_from_slice(data);
        self.0.extend_from_slice(b"\r\n");
    }

    /// A driver as a member of a set: by number.
    pub fn driver(&mut self, driver: DriverId) {
        self.bulk(Digits::of(driver.0, 0, false).as_bytes());
    }

    /// A distance in the units that were asked for.
    pub fn distance(&mut self, distance: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a distance on the globe, and a float's cast saturates"
        )]
        let steps = (distance * f64::from(10_u32.pow(DISTANCE_DECIMALS))).round() as u64;
        self.bulk(Digits::of(steps, DISTANCE_DECIMALS as usize, false).as_bytes());
    }

    /// Longitude and latitude in degrees.
    pub fn place(&mut self, place: Place) {
        let (lat, lon) = place.to_e7();
        self.array(2);
        for e7 in [lon, lat] {
            let steps = u64::from(e7.unsigned_abs());
            self.bulk(Digits::of(steps, PLACE_DECIMALS, e7 < 0).as_bytes());
        }
    }

    fn line(&mut self, kind: u8, told: &[u8]) {
        self.0.push(kind);
        self.0.extend_from_slice(told);
        self.0.extend_from_slice(b"\r\n");
    }
}

//! What a client is told.

use std::fmt;

use domain::{DriverId, Place};

use super::geo::Shape;

/// Room for the longest of what is written at once: a driver with place and distance, each as long as it may be.
const ROOM: usize = 128;
/// Decimals of a degree in a place: its resolution.
const PLACE_DECIMALS: u32 = 7;
/// Decimals of a distance, as Redis has them.
const DISTANCE_DECIMALS: u32 = 4;

/// Answers in the order of their commands, ready to be sent.
#[derive(Debug, Default)]
pub struct Answers(Vec<u8>);

/// All numbers below a hundred, of two digits each.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    pairs
};

/// Something written from its end to its beginning, as digits come, and lengths are known once what they are of is there.
struct Backwards {
    room: [u8; ROOM],
    first: usize,
}

impl Backwards {
    const fn new() -> Self {
        Self {
            room: [0; ROOM],
            first: ROOM,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.room[self.first..]
    }

    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.first -= N;
        self.room[self.first..][..N].copy_from_slice(&bytes);
    }

    /// A whole number.
    fn number(&mut self, mut number: u64) {
        while number >= 100 {
            self.put(PAIRS[(number % 100) as usize]);
            number /= 100;
        }
        match number {
            0..10 => self.put([b'0' + number as u8]),
            _ => self.put(PAIRS[number as usize]),
        }
    }

    /// A number with so many decimals, in units of the last of them.
    fn decimal(&mut self, number: u64, decimals: u32) {
        let one = 10_u64.pow(decimals);
        let (whole, mut rest) = (number / one, number % one);
        for _ in 0..decimals / 2 {
            self.put(PAIRS[(rest % 100) as usize]);
            rest /= 100;
        }
        if decimals % 2 == 1 {
            self.put([b'0' + rest as u8]);
        }
        self.put([b'.']);
        self.number(whole);
    }

    /// Data.
    fn bulk(&mut self, written: impl FnOnce(&mut Self)) {
        self.put(*b"\r\n");
        let end = self.first;
        written(self);
        let length = end - self.first;
        self.line(b'$', length as u64);
    }

    fn line(&mut self, kind: u8, number: u64) {
        self.put(*b"\r\n");
        self.number(number);
        self.put([kind]);
    }

    /// Longitude and latitude in degrees.
    fn place(&mut self, place: Place) {
        let (lat, lon) = place.to_e7();
        for e7 in [lat, lon] {
            self.bulk(|it| {
                it.decimal(u64::from(e7.unsigned_abs()), PLACE_DECIMALS);
                if e7 < 0 {
                    it.put([b'-']);
                }
            });
        }
        self.line(b'*', 2);
    }

    /// A distance in any unit.
    fn distance(&mut self, distance: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a distance on the globe, and a float's cast saturates"
        )]
        let steps = (distance * f64::from(10_u32.pow(DISTANCE_DECIMALS))).round() as u64;
        self.bulk(|it| it.decimal(steps, DISTANCE_DECIMALS));
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
        self.number_line(b':', count);
    }

    /// As many answers as follow belong together.
    pub fn array(&mut self, count: usize) {
        self.number_line(b'*', count as u64);
    }

    /// Data.
    pub fn bulk(&mut self, data: &[u8]) {
        self.number_line(b'$', data.len() as u64);
        self.0.extend_from_slice(data);
        self.0.extend_from_slice(b"\r\n");
    }

    /// What a search found: drivers, their places, and their distances in metres.
    pub fn nearest(
        &mut self,
        shape: Shape,
        found: impl ExactSizeIterator<Item = (DriverId, Place, f64)>,
    ) {
        self.array(found.len());
        let fields = 1 + u64::from(shape.places) + u64::from(shape.distances);
        for (driver, place, distance_m) in found {
            let mut told = Backwards::new();
            if shape.places {
                told.place(place);
            }
            if shape.distances {
                told.distance(distance_m / shape.unit_m);
            }
            told.bulk(|it| it.number(driver.0));
            if fields > 1 {
                told.line(b'*', fields);
            }
            self.0.extend_from_slice(told.as_bytes());
        }
    }

    fn number_line(&mut self, kind: u8, number: u64) {
        let mut line = Backwards::new();
        line.line(kind, number);
        self.0.extend_from_slice(line.as_bytes());
    }

    fn line(&mut self, kind: u8, told: &[u8]) {
        self.0.push(kind);
        self.0.extend_from_slice(told);
        self.0.extend_from_slice(b"\r\n");
    }
}

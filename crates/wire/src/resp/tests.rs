use domain::{DriverId, Place, VehicleClass, VehicleClasses};
use proptest::prelude::*;

use super::geo::{Command, CommandFault, GeoSearch, Members, Shape};
use super::{Answers, CommandLimits, Reader, RespFault};

const LIMITS: CommandLimits = CommandLimits {
    words: 40,
    bytes: 400,
};

fn sent(words: &[&str]) -> Vec<u8> {
    let mut answers = Answers::default();
    answers.array(words.len());
    for word in words {
        answers.bulk(word.as_bytes());
    }
    answers.as_bytes().to_vec()
}

fn words_of(bytes: &[u8]) -> Result<Option<Vec<Vec<u8>>>, RespFault> {
    let mut reader = Reader::default();
    let read = reader.read(bytes, LIMITS)?;
    Ok(read.map(|(words, _)| words.since(0).map(<[u8]>::to_vec).collect()))
}

/// What a command asks for, or why it does not, and the members it names.
fn asked(line: &str) -> (Result<Option<Command<'static>>, CommandFault>, Members) {
    let bytes: &'static [u8] = sent(&line.split(' ').collect::<Vec<_>>()).leak();
    let reader: &'static mut Reader = Box::leak(Box::default());
    let (words, taken) = reader.read(bytes, LIMITS).unwrap().unwrap();
    assert_eq!(taken, bytes.len());
    let mut members = Members::default();
    (Command::read(words, &mut members), members)
}

fn refused(line: &str) -> String {
    asked(line).0.unwrap_err().to_string()
}

#[test]
fn commands_are_cut_from_what_arrives_wherever_it_is_split() {
    let words = [
        &["PING"][..],
        &["GEOADD", "drivers", "a\r\nb", ""],
        &["QUIT"],
    ];
    let bytes: Vec<u8> = words.iter().flat_map(|words| sent(words)).collect();
    for step in 1..bytes.len() {
        let mut reader = Reader::default();
        let (mut start, mut end) = (0, 0);
        let mut read: Vec<Vec<String>> = Vec::new();
        while end < bytes.len() {
            end = (end + step).min(bytes.len());
            while let Some((words, taken)) = reader.read(&bytes[start..end], LIMITS).unwrap() {
                let text = |word| std::str::from_utf8(word).unwrap().to_owned();
                read.push(words.since(0).map(text).collect());
                start += taken;
            }
        }
        assert_eq!(read, words, "in steps of {step}");
    }
}

#[test]
fn what_is_no_command_is_refused_as_soon_as_that_is_seen() {
    assert_eq!(words_of(b"*0\r\n"), Ok(Some(Vec::new())));
    assert_eq!(words_of(b"*-1\r\n"), Ok(Some(Vec::new())));
    for (found, why) in [
        ("PING\r\n", "found 'P', expected '*'"),
        ("*1\r\n:1\r\n", "found ':', expected '$'"),
        ("*1\r\n*1\r\n", "found '*', expected '$'"),
        ("*one\r\n", "found 'one', expected a number"),
        ("*1\rx", "found '1', expected a number"),
        (
            "*99999999999999",
            "found '9999999999999', expected a number",
        ),
        (
            "*41\r\n",
            "found a command of 41 words, expected at most 40",
        ),
        ("*1\r\n$-1\r\n", "found '-1', expected a number"),
        (
            "*1\r\n$397\r\n",
            "found a command of 409 bytes, expected at most 400",
        ),
        (
            "*1\r\n$9999999999\r\n",
            "found a command of 10000000018 bytes",
        ),
        ("*1\r\n$2\r\nPING", "found 'NG' after a word"),
    ] {
        let refused = words_of(found.as_bytes()).unwrap_err().to_string();
        assert!(refused.starts_with(why), "{found:?}: {refused}");
    }
}

#[test]
fn places_are_told_of_drivers_by_number() {
    let (asked_for, members) =
        asked("geoadd drivers:3 -74.0060 40.7128 7 180 -90 18446744073709551615");
    let class = Some(VehicleClass::new(3).unwrap());
    assert_eq!(asked_for, Ok(Some(Command::GeoAdd { class })));
    let place = |lat, lon| Place::new(lat, lon).unwrap();
    assert_eq!(
        members.places,
        [
            (DriverId(7), place(40.7128, -74.006)),
            (DriverId(u64::MAX), place(-90.0, 180.0))
        ]
    );
    let (asked_for, members) = asked("ZREM drivers 7 9");
    assert_eq!(asked_for, Ok(Some(Command::Remove)));
    assert_eq!(members.drivers, [DriverId(7), DriverId(9)]);
}

#[test]
fn the_nearest_are_asked_for_within_a_radius_in_any_order_of_options() {
    let search = |unit_m, radius_m, count, (places, distances)| {
        Ok(Some(Command::GeoSearch(GeoSearch {
            place: Place::new(40.5, -74.25).unwrap(),
            classes: VehicleClasses::ALL,
            radius_m,
            count,
            shape: Shape {
                places,
                distances,
                unit_m,
            },
        })))
    };
    let (all, _) = asked(
        "GEOSEARCH drivers FROMLONLAT -74.25 40.5 BYRADIUS 2.5 km ASC COUNT 10 WITHCOORD WITHDIST",
    );
    assert_eq!(all, search(1_000.0, 2_500.0, 10, (true, true)));
    let (few, _) =
        asked("geosearch drivers count 1 any byradius inf m withdist fromlonlat -74.25 40.5");
    assert_eq!(few, search(1.0, f64::INFINITY, 1, (false, true)));
    let (of_a_class, _) = asked("GEOSEARCH drivers:15 FROMLONLAT 0 0 BYRADIUS 1 mi COUNT 100");
    let Ok(Some(Command::GeoSearch(of_a_class))) = of_a_class else {
        panic!("found {of_a_class:?}, expected a search");
    };
    assert_eq!(of_a_class.classes.bits(), 1 << 15);
    assert!((of_a_class.radius_m - 1_609.34).abs() < 1e-9);
}

#[test]
fn clients_begin_as_they_do_with_redis() {
    let is = |line: &str, expected| assert_eq!(asked(line).0, Ok(Some(expected)), "{line}");
    is("AUTH t", Command::Auth { token: b"t" });
    is("AUTH default t", Command::Auth { token: b"t" });
    let hello = |is_third, token| Command::Hello { is_third, token };
    is("HELLO", hello(None, None));
    is(
        "HELLO 2 SETNAME n AUTH u t",
        hello(Some(false), Some(&b"t"[..])),
    );
    is("HELLO 3", hello(Some(true), None));
    is("PING", Command::Ping { message: None });
    let message = Some(&b"there"[..]);
    is("PING there", Command::Ping { message });
    is("CLIENT SETINFO LIB-NAME redis-py", Command::Noted);
    is("SELECT 0", Command::Noted);
    is("COMMAND DOCS", Command::Commands);
    is("INFO server", Command::Info);
    is("quit", Command::Quit);
}

#[test]
fn a_command_that_cannot_be_done_is_answered_with_what_was_expected() {
    for (line, why) in [
        (
            "SET a b",
            "ERR unknown command 'SET', expected GEOADD, GEOSEARCH, ZREM",
        ),
        ("GEOADD drivers", "ERR found 2 words, expected GEOADD key"),
        (
            "GEOADD drivers 1 2",
            "ERR found 4 words, expected GEOADD key",
        ),
        (
            "GEOADD drivers NX 1 2 3",
            "ERR found 6 words, expected GEOADD key",
        ),
        (
            "GEOADD cars 1 2 3",
            "ERR found 'cars', expected the key `drivers`",
        ),
        (
            "GEOADD drivers:16 1 2 3",
            "ERR found 'drivers:16', expected the key `drivers`",
        ),
        (
            "GEOADD driversx 1 2 3",
            "ERR found 'driversx', expected the key",
        ),
        ("GEOADD drivers x 2 3", "ERR found 'x', expected degrees"),
        (
            "GEOADD drivers 2 NaN 3",
            "ERR found latitude NaN and longitude 2",
        ),
        (
            "GEOADD drivers 2 91 3",
            "ERR found latitude 91 and longitude 2",
        ),
        (
            "GEOADD drivers 1 2 driver-3",
            "ERR found 'driver-3', expected a driver's number",
        ),
        (
            "GEOADD drivers 1 2 -3",
            "ERR found '-3', expected a driver's number",
        ),
        ("ZREM drivers", "ERR found 2 words, expected ZREM key"),
        (
            "ZREM drivers x",
            "ERR found 'x', expected a driver's number",
        ),
        (
            "GEOSEARCH drivers COUNT 1",
            "ERR found no FROMLONLAT, expected GEOSEARCH key",
        ),
        (
            "GEOSEARCH drivers FROMLONLAT 1 2 COUNT 1",
            "ERR found no BYRADIUS",
        ),
        (
            "GEOSEARCH drivers FROMLONLAT 1 2 BYRADIUS 1 m",
            "ERR found no COUNT",
        ),
        (
            "GEOSEARCH drivers FROMLONLAT 1 2 BYRADIUS 1",
            "ERR found 7 words, expected GEOSEARCH",
        ),
        (
            "GEOSEARCH drivers FROMLONLAT 1 2 BYRADIUS 1 nm COUNT 1",
            "ERR found 'nm', expected m, km",
        ),
        (
            "GEOSEARCH drivers FROMLONLAT 1 2 BYRADIUS -1 m COUNT 1",
            "ERR found '-1', expected a radius",
        ),
        (
            "GEOSEARCH drivers FROMLONLAT 1 2 BYRADIUS nan m COUNT 1",
            "ERR found 'nan', expected a radius",
        ),
        (
            "GEOSEARCH drivers FROMLONLAT 1 2 BYRADIUS 1 m COUNT 0",
            "ERR found COUNT 0, expected 1 to 100",
        ),
        (
            "GEOSEARCH drivers FROMLONLAT 1 2 BYRADIUS 1 m COUNT 101",
            "ERR found COUNT 101, expected 1 to 100",
        ),
        (
            "GEOSEARCH drivers FROMMEMBER 7 BYRADIUS 1 m COUNT 1",
            "ERR found 'FROMMEMBER', expected GEOSEARCH",
        ),
        (
            "GEOSEARCH drivers FROMLONLAT 1 2 BYRADIUS 1 m COUNT 1 DESC",
            "ERR found 'DESC', expected GEOSEARCH",
        ),
        ("HELLO 4", "NOPROTO found protocol '4', expected 2 or 3"),
        ("HELLO 2 AUTH name", "ERR found 4 words, expected HELLO"),
        ("HELLO 2 NOW", "ERR found 'NOW', expected HELLO"),
        ("AUTH", "ERR found 1 words, expected AUTH"),
        ("SELECT 1", "ERR found '1', expected the first database"),
        ("CLIENT KILL", "ERR found 'KILL', expected CLIENT SETINFO"),
    ] {
        let refused = refused(line);
        assert!(refused.starts_with(why), "{line}: {refused}");
    }
}

#[test]
fn answers_are_written_as_redis_writes_them() {
    let mut answers = Answers::default();
    answers.simple("OK");
    answers.error(&"ERR one\r\n+two");
    answers.integer(0);
    assert_eq!(answers.as_bytes(), b"+OK\r\n-ERR one  +two\r\n:0\r\n");
    answers.clear(0);
    let shape = Shape {
        places: true,
        distances: true,
        unit_m: 1_000.0,
    };
    let place = Place::new(0.05, -74.006).unwrap();
    answers.nearest(shape, [(DriverId(10), place, 1_234.56)].into_iter());
    let expected =
        "*1\r\n*3\r\n$2\r\n10\r\n$6\r\n1.2346\r\n*2\r\n$11\r\n-74.0060000\r\n$9\r\n0.0500000\r\n";
    assert_eq!(
        answers.as_bytes().escape_ascii().to_string(),
        expected.as_bytes().escape_ascii().to_string()
    );
    answers.clear(0);
    let bare = Shape {
        places: false,
        distances: false,
        unit_m: 1.0,
    };
    let found = [(DriverId(u64::MAX), place, 0.0), (DriverId(0), place, 1.0)];
    answers.nearest(bare, found.into_iter());
    let expected = b"*2\r\n$20\r\n18446744073709551615\r\n$1\r\n0\r\n";
    assert_eq!(answers.as_bytes(), expected);
}

proptest! {
    #[test]
    fn a_place_that_is_told_is_the_one_that_is_answered(lat in -90.0..=90.0_f64, lon in -180.0..=180.0_f64) {
        let place = Place::new(lat, lon).unwrap();
        let mut answers = Answers::default();
        let shape = Shape {
            places: true,
            distances: true,
            unit_m: 1.0,
        };
        answers.nearest(shape, [(DriverId(u64::MAX), place, f64::MAX)].into_iter());
        let told = std::str::from_utf8(answers.as_bytes()).unwrap();
        let words: Vec<&str> = told.split("\r\n").collect();
        prop_assert_eq!(words[0..3].join(" "), "*1 *3 $20");
        for (length, word) in [(words[2], words[3]), (words[4], words[5]), (words[7], words[8]), (words[9], words[10])] {
            prop_assert_eq!(length, format!("${}", word.len()));
        }
        let (told, members) = asked(&format!("GEOADD drivers {} {} 1", words[8], words[10]));
        told.unwrap();
        prop_assert_eq!(members.places, [(DriverId(1), place)]);
    }

    #[test]
    fn whatever_arrives_is_read_alike_however_it_is_cut(
        bytes in proptest::collection::vec(prop_oneof![Just(b'$'), Just(b'*'), Just(b'\r'), Just(b'\n'), b'0'..=b'9', any::<u8>()], 0..60),
        cut in 0..60_usize,
    ) {
        let bytes = [&b"*2\r\n$1\r\n"[..], &bytes].concat();
        let whole = words_of(&bytes);
        let mut reader = Reader::default();
        let first = reader.read(&bytes[..cut.min(bytes.len())], LIMITS).map(|read| read.is_some());
        // What is seen to be none with less of it is none with more.
        let Ok(false) = first else {
            prop_assert_eq!(first.is_err(), whole.is_err());
            return Ok(());
        };
        let again = reader.read(&bytes, LIMITS);
        let again = again.map(|read| read.map(|(words, _)| words.since(0).map(<[u8]>::to_vec).collect()));
        prop_assert_eq!(again, whole);
    }

    #[test]
    fn any_words_are_a_command_or_refused(
        name in "GEOADD|GEOSEARCH|ZREM|HELLO|AUTH|CLIENT|SELECT|PING|.{0,3}",
        words in proptest::collection::vec("drivers(:[0-9]{1,3})?|FROMLONLAT|BYRADIUS|COUNT|WITHDIST|km|[-+]?[0-9]{1,3}(\\.[0-9]{1,9})?(e[0-9]{1,3})?|inf|NaN|AUTH|[23]|.{0,4}", 0..14),
    ) {
        let words: Vec<&str> = std::iter::once(&name).chain(&words).map(String::as_str).collect();
        let bytes = sent(&words);
        let limits = CommandLimits { words: 40, bytes: 4_000 };
        let mut reader = Reader::default();
        let (read, _) = reader.read(&bytes, limits).unwrap().unwrap();
        let mut members = Members::default();
        match Command::read(read, &mut members) {
            Ok(Some(Command::GeoSearch(search))) => {
                prop_assert!(search.radius_m >= 0.0 && (1..=100).contains(&search.count));
            }
            Ok(Some(Command::GeoAdd { .. })) => prop_assert_eq!(members.places.len() * 3 + 2, words.len()),
            Ok(Some(Command::Remove)) => prop_assert_eq!(members.drivers.len() + 2, words.len()),
            Ok(_) => {}
            Err(fault) => prop_assert!(!fault.to_string().contains(['\r', '\n'])),
        }
    }
}

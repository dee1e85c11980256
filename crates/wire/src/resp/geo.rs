//! What Redis' clients may ask of the tracker: the commands by which places are told and the nearest found, and those by
//! which clients begin. Members are drivers by number; the key says of which vehicles.

use domain::limits::CANDIDATES_MAX;
use domain::{DriverId, Place, PlaceError, VehicleClass, VehicleClasses};

use super::Words;

/// The key of all drivers. Those of a vehicle class are under this, a colon, and the class' number.
pub const KEY: &str = "drivers";
/// How much of what was found an error repeats, in bytes.
const SHOWN_MAX: usize = 40;

/// Units of distance and their metres, as Redis has them (`extractUnitOrReply` of its `geo.c`, version 7).
const UNITS: [(&str, f64); 4] = [
    ("m", 1.0),
    ("km", 1_000.0),
    ("ft", 0.3048),
    ("mi", 1_609.34),
];

/// What a client wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Command<'a> {
    /// To be known by a token.
    Auth {
        /// The token.
        token: &'a [u8],
    },
    /// To speak a version of the protocol, and to be known by a token if it shows one.
    Hello {
        /// Whether it is the third, or the second; none: the same as before.
        is_third: Option<bool>,
        /// The token.
        token: Option<&'a [u8]>,
    },
    /// To hear something.
    Ping {
        /// What; if nothing, `PONG`.
        message: Option<&'a [u8]>,
    },
    /// To hear that something is as it should be, about which nothing is done: a client's name, the first database.
    Noted,
    /// To know what commands there are, of which nothing is told.
    Commands,
    /// To know how the server is, as clients ask before they begin.
    Info,
    /// To end.
    Quit,
    /// To tell where drivers are. They are in the buffer that was handed in.
    GeoAdd {
        /// What they drive, if the key says so.
        class: Option<VehicleClass>,
    },
    /// To find the nearest.
    GeoSearch(GeoSearch),
    /// That drivers go off. They are in the buffer that was handed in, by their numbers.
    Remove,
}

/// A search for the nearest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeoSearch {
    /// Near what.
    pub place: Place,
    /// Whose vehicles will do.
    pub classes: VehicleClasses,
    /// Within so many metres.
    pub radius_m: f64,
    /// How many at most.
    pub count: usize,
    /// How the answer is to look.
    pub shape: Shape,
}

/// How the answer to a search looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// With places.
    pub places: bool,
    /// With distances.
    pub distances: bool,
    /// Metres of the unit of distances.
    pub unit_m: f64,
}

/// Drivers of a command, and where they are if it says so.
#[derive(Debug, Default)]
pub struct Members {
    /// With their places: of `GEOADD`.
    pub places: Vec<(DriverId, Place)>,
    /// By number alone: of `ZREM`.
    pub drivers: Vec<DriverId>,
}

/// Why a command cannot be done. The next one can.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CommandFault {
    /// There is no such command here.
    #[error(
        "ERR unknown command '{found}', expected GEOADD, GEOSEARCH, ZREM, AUTH, HELLO, PING, CLIENT, SELECT, COMMAND, INFO or QUIT"
    )]
    Unknown {
        /// Its name, shortened.
        found: String,
    },
    /// A command has too few words, or too many.
    #[error("ERR found {found} words, expected {expected}")]
    Count {
        /// How many it has.
        found: usize,
        /// How it should be.
        expected: &'static str,
    },
    /// A word is not what should stand there.
    #[error("ERR found '{found}', expected {expected}")]
    Word {
        /// The word, shortened.
        found: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// A search says too little.
    #[error("ERR found no {missing}, expected {expected}")]
    Missing {
        /// What it does not say.
        missing: &'static str,
        /// How it should be.
        expected: &'static str,
    },
    /// A place is nowhere on the globe.
    #[error("ERR {0}")]
    Place(#[from] PlaceError),
    /// More are asked for than one is told.
    #[error("ERR found COUNT {found}, expected 1 to {CANDIDATES_MAX}")]
    TooMany {
        /// How many.
        found: u64,
    },
    /// A client wants another version of the protocol.
    #[error("NOPROTO found protocol '{found}', expected 2 or 3")]
    Protocol {
        /// Which.
        found: String,
    },
}

const ADD: &str = "GEOADD key longitude latitude member [longitude latitude member …]";
const SEARCH: &str = "GEOSEARCH key FROMLONLAT longitude latitude BYRADIUS radius m|km|ft|mi [ASC] COUNT count [ANY] [WITHCOORD] [WITHDIST]";
const REMOVE: &str = "ZREM key member [member …]";

fn shown(word: &[u8]) -> String {
    let shown = &word[..word.len().min(SHOWN_MAX)];
    shown.escape_ascii().to_string()
}

fn word_fault(found: &[u8], expected: &'static str) -> CommandFault {
    let found = shown(found);
    CommandFault::Word { found, expected }
}

fn parsed<T: std::str::FromStr>(word: &[u8], expected: &'static str) -> Result<T, CommandFault> {
    let read = std::str::from_utf8(word)
        .ok()
        .and_then(|word| word.parse().ok());
    read.ok_or_else(|| word_fault(word, expected))
}

fn driver(word: &[u8]) -> Result<DriverId, CommandFault> {
    parsed(word, "a driver's number").map(DriverId)
}

fn place(lon: &[u8], lat: &[u8]) -> Result<Place, CommandFault> {
    let degrees = |word| parsed::<f64>(word, "degrees");
    Ok(Place::new(degrees(lat)?, degrees(lon)?)?)
}

/// Of which vehicles a key is; none: of any.
fn class_of(key: &[u8]) -> Result<Option<VehicleClass>, CommandFault> {
    const EXPECTED: &str =
        "the key `drivers`, or `drivers:` and the number of a vehicle class below 16";
    let after = key.strip_prefix(KEY.as_bytes());
    let after = after.ok_or_else(|| word_fault(key, EXPECTED))?;
    if after.is_empty() {
        return Ok(None);
    }
    let number = after
        .strip_prefix(b":")
        .map(|number| parsed(number, EXPECTED));
    let class = VehicleClass::new(number.unwrap_or_else(|| Err(word_fault(key, EXPECTED)))?);
    class.map(Some).map_err(|_| word_fault(key, EXPECTED))
}

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

impl<'a> Command<'a> {
    /// What the words of a command ask for; nothing if there are none. Drivers are put into `members`, whose room is used
    /// again.
    ///
    /// # Errors
    /// If there is no such command here, or it is not as it should be: then nothing is to be done of it.
    pub fn read(words: Words<'a>, members: &mut Members) -> Result<Option<Self>, CommandFault> {
        let Some(name) = words.get(0) else {
            return Ok(None);
        };
        // The names are short, and the first two are nearly all there is.
        if is(name, "GEOSEARCH") {
            return geo_search(words).map(|search| Some(Self::GeoSearch(search)));
        }
        if is(name, "GEOADD") {
            return geo_add(words, &mut members.places).map(Some);
        }
        match name.to_ascii_uppercase().as_slice() {
            b"ZREM" => remove(words, &mut members.drivers),
            b"AUTH" => auth(words),
            b"HELLO" => hello(words),
            b"PING" => Ok(Self::Ping {
                message: words.get(1),
            }),
            b"CLIENT" => client(words),
            b"SELECT" => match words.get(1) {
                Some(b"0") => Ok(Self::Noted),
                other => Err(word_fault(
                    other.unwrap_or_default(),
                    "the first database, 0",
                )),
            },
            b"COMMAND" => Ok(Self::Commands),
            b"INFO" => Ok(Self::Info),
            b"QUIT" => Ok(Self::Quit),
            _ => Err(CommandFault::Unknown { found: shown(name) }),
        }
        .map(Some)
    }
}

fn auth(words: Words<'_>) -> Result<Command<'_>, CommandFault> {
    // Redis' clients show a name before the password where they are given one: whoever it is, the token says.
    let token = (2..=3)
        .contains(&words.len())
        .then(|| words.get(words.len() - 1));
    let token = token.flatten().ok_or(CommandFault::Count {
        found: words.len(),
        expected: "AUTH [name] token",
    })?;
    Ok(Command::Auth { token })
}

fn hello(words: Words<'_>) -> Result<Command<'_>, CommandFault> {
    const EXPECTED: &str = "HELLO [2|3 [AUTH name token] [SETNAME name]]";
    let mut rest = words.since(1);
    let is_third = match rest.next() {
        None => None,
        Some(b"2") => Some(false),
        Some(b"3") => Some(true),
        Some(version) => {
            let found = shown(version);
            return Err(CommandFault::Protocol { found });
        }
    };
    let mut token = None;
    while let Some(option) = rest.next() {
        let arguments = match option.to_ascii_uppercase().as_slice() {
            b"AUTH" => 2,
            b"SETNAME" => 1,
            _ => return Err(word_fault(option, EXPECTED)),
        };
        let last = rest.nth(arguments - 1).ok_or(CommandFault::Count {
            found: words.len(),
            expected: EXPECTED,
        })?;
        token = (arguments == 2).then_some(last).or(token);
    }
    Ok(Command::Hello { is_third, token })
}

fn client(words: Words<'_>) -> Result<Command<'_>, CommandFault> {
    let what = words.get(1).unwrap_or_default();
    if is(what, "SETINFO") || is(what, "SETNAME") {
        Ok(Command::Noted)
    } else {
        Err(word_fault(what, "CLIENT SETINFO or CLIENT SETNAME"))
    }
}

fn geo_add<'a>(
    words: Words<'a>,
    places: &mut Vec<(DriverId, Place)>,
) -> Result<Command<'a>, CommandFault> {
    let count_fault = || CommandFault::Count {
        found: words.len(),
        expected: ADD,
    };
    let class = class_of(words.get(1).ok_or_else(count_fault)?)?;
    let mut rest = words.since(2);
    if rest.len() == 0 || !rest.len().is_multiple_of(3) {
        return Err(count_fault());
    }
    places.clear();
    while let (Some(lon), Some(lat), Some(member)) = (rest.next(), rest.next(), rest.next()) {
        places.push((driver(member)?, place(lon, lat)?));
    }
    Ok(Command::GeoAdd { class })
}

fn remove<'a>(words: Words<'a>, drivers: &mut Vec<DriverId>) -> Result<Command<'a>, CommandFault> {
    let found = words.len();
    let few = CommandFault::Count {
        found,
        expected: REMOVE,
    };
    if found < 3 {
        return Err(few);
    }
    let key = words.get(1).unwrap_or_default();
    if class_of(key)?.is_some() {
        const WHY: &str = "the key `drivers`: one goes offline whatever one drives";
        return Err(word_fault(key, WHY));
    }
    drivers.clear();
    for member in words.since(2) {
        drivers.push(driver(member)?);
    }
    Ok(Command::Remove)
}

fn geo_search(words: Words<'_>) -> Result<GeoSearch, CommandFault> {
    let few = || CommandFault::Count {
        found: words.len(),
        expected: SEARCH,
    };
    let class = class_of(words.get(1).ok_or_else(few)?)?;
    let classes = class.map_or(VehicleClasses::ALL, |class| [class].into_iter().collect());
    let mut rest = words.since(2);
    let (mut near, mut radius, mut count) = (None, None, None);
    let (mut places, mut distances) = (false, false);
    while let Some(option) = rest.next() {
        let mut next = || rest.next().ok_or_else(few);
        if is(option, "FROMLONLAT") {
            near = Some(place(next()?, next()?)?);
        } else if is(option, "BYRADIUS") {
            radius = Some((next()?, next()?));
        } else if is(option, "COUNT") {
            count = Some(parsed::<u64>(next()?, "how many are wanted")?);
        } else if is(option, "WITHCOORD") {
            places = true;
        } else if is(option, "WITHDIST") {
            distances = true;
        } else if !is(option, "ASC") && !is(option, "ANY") {
            // The nearest come first, and of any that many the nearest are some.
            return Err(word_fault(option, SEARCH));
        }
    }
    let missing = |missing| CommandFault::Missing {
        missing,
        expected: SEARCH,
    };
    let place = near.ok_or_else(|| missing("FROMLONLAT"))?;
    let (radius, unit) = radius.ok_or_else(|| missing("BYRADIUS"))?;
    let unit_m = UNITS.iter().find(|(name, _)| is(unit, name));
    let (_, unit_m) = *unit_m.ok_or_else(|| word_fault(unit, "m, km, ft or mi"))?;
    let radius_m = parsed::<f64>(radius, "a radius")? * unit_m;
    // As with Redis nothing is too far; what is not a number is neither near nor far.
    if radius_m.is_nan() || radius_m < 0.0 {
        return Err(word_fault(radius, "a radius of 0 or more"));
    }
    let found = count.ok_or_else(|| missing("COUNT"))?;
    let count = usize::try_from(found)
        .ok()
        .filter(|count| (1..=CANDIDATES_MAX).contains(count))
        .ok_or(CommandFault::TooMany { found })?;
    Ok(GeoSearch {
        place,
        classes,
        radius_m,
        count,
        shape: Shape {
            places,
            distances,
            unit_m,
        },
    })
}

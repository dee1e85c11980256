//! A network as CSV files with headers: nodes, edges between them, and, where there are any, forbidden turns.
//!
//! `nodes`: `id` (any text), `lat` and `lon` in degrees. `edges`: `from` and `to` (ids of nodes), and, each optional,
//! `length_m` (straight from node to node if absent or empty), `speed_kmh` ([`SPEED_KMH`] if absent or empty), `oneway`
//! (`1`, `yes`, `true`; both directions otherwise) and `class` (any name, by which traffic tells streets apart; none if
//! absent or empty). `turns`: `from`, `via` and `to` (ids of nodes): who comes from the first to the second may not go on to
//! the third. Other columns are passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use csv::{Reader, StringRecord};
use domain::{Place, Space};

use crate::draft::{
    Draft, NODES_MAX, SPEED_MAX_KMH, SPEED_MIN_KMH, STREET_MAX_M, STREETS_MAX, Street,
};
use crate::file::{FileError, open};
use crate::traffic::{CLASSES_MAX, Classes};
use crate::turns::Turn;

/// The speed of a street of which none is stated, in km/h: as in a European town with a limit of 30 in side streets.
/// An assumption.
pub const SPEED_KMH: f64 = 30.0;

/// Reads a network from its files.
///
/// # Errors
/// Names the file, and the line where there is one, with what was found and what was expected.
pub fn read(nodes: &Path, edges: &Path, turns: Option<&Path>) -> Result<Draft, FileError> {
    let mut numbered = Nodes::read(nodes, open(nodes)?)?;
    let mut draft = numbered.draft(edges, open(edges)?)?;
    if let Some(turns) = turns {
        draft.turns = numbered.turns(&draft.streets, turns, open(turns)?)?;
    }
    Ok(draft)
}

/// A CSV file that is being read.
struct Rows<'a, R> {
    path: &'a Path,
    reader: Reader<R>,
    columns: Vec<Option<usize>>,
    record: StringRecord,
    line: u64,
}

impl<'a, R: Read> Rows<'a, R> {
    fn new(
        path: &'a Path,
        input: R,
        needed: &[&'static str],
        optional: &[&'static str],
    ) -> Result<Self, FileError> {
        let mut builder = csv::ReaderBuilder::new();
        let mut reader = builder.trim(csv::Trim::All).from_reader(input);
        let headers = reader
            .headers()
            .map_err(|error| FileError::unreadable(path, error))?;
        let place = |name: &str| headers.iter().position(|header| header == name);
        if needed.iter().any(|name| place(name).is_none()) {
            let found = headers.iter().collect::<Vec<_>>().join(", ");
            let message = format!(
                "found the columns `{found}`, expected `{}` among them",
                needed.join("`, `")
            );
            return Err(FileError::at(path, 1, message));
        }
        Ok(Self {
            path,
            columns: needed.iter().chain(optional).map(|it| place(it)).collect(),
            reader,
            record: StringRecord::new(),
            line: 1,
        })
    }

    fn next(&mut self) -> Result<bool, FileError> {
        let read = self.reader.read_record(&mut self.record);
        let more = read.map_err(|error| FileError::unreadable(self.path, error))?;
        if let Some(position) = self.record.position().filter(|_| more) {
            self.line = position.line();
        }
        Ok(more)
    }

    fn text(&self, column: usize) -> &str {
        let at = self.columns[column];
        at.and_then(|at| self.record.get(at)).unwrap_or_default()
    }

    fn wrong(&self, what: &str, found: &str, expected: &str) -> FileError {
        let message = format!("found {what} {found:?}, expected {expected}");
        FileError::at(self.path, self.line, message)
    }

    fn number(
        &self,
        column: usize,
        what: &str,
        (least, most): (f64, f64),
    ) -> Result<f64, FileError> {
        let text = self.text(column);
        text.parse()
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| self.wrong(what, text, &format!("a number from {least} to {most}")))
    }
}

#[derive(Debug, Default)]
struct Nodes {
    numbers: BTreeMap<String, u32>,
    places: Vec<Place>,
}

impl Nodes {
    fn read(path: &Path, input: impl Read) -> Result<Self, FileError> {
        let mut rows = Rows::new(path, input, &["id", "lat", "lon"], &[])?;
        let mut nodes = Self::default();
        while rows.next()? {
            let lat = rows.number(1, "the latitude", (-90.0, 90.0))?;
            let lon = rows.number(2, "the longitude", (-180.0, 180.0))?;
            let place = Place::new(lat, lon).expect("within the bounds of both");
            if nodes.places.len() == NODES_MAX {
                let message = format!("found more than {NODES_MAX} nodes, expected fewer");
                return Err(FileError::at(path, rows.line, message));
            }
            let number = nodes.places.len() as u32;
            let id = rows.text(0);
            if nodes.numbers.insert(id.to_owned(), number).is_some() {
                return Err(rows.wrong("the id", id, "each id once"));
            }
            nodes.places.push(place);
        }
        Ok(nodes)
    }

    /// The node whose id is in a column.
    fn node<R: Read>(
        &self,
        rows: &Rows<'_, R>,
        column: usize,
        what: &str,
    ) -> Result<u32, FileError> {
        let id = rows.text(column);
        let number = self.numbers.get(id).copied();
        number.ok_or_else(|| rows.wrong(what, id, "the id of a node"))
    }

    fn turns(
        &self,
        streets: &[Street],
        path: &Path,
        input: impl Read,
    ) -> Result<Vec<Turn>, FileError> {
        let streets: BTreeSet<(u32, u32)> = streets.iter().map(|it| (it.from, it.to)).collect();
        let mut rows = Rows::new(path, input, &["from", "via", "to"], &[])?;
        let mut turns = Vec::new();
        while rows.next()? {
            let node = |column, what| self.node(&rows, column, what);
            let (from, via, to) = (node(0, "from")?, node(1, "via")?, node(2, "to")?);
            for (ends, columns) in [((from, via), (0, 1)), ((via, to), (1, 2))] {
                if !streets.contains(&ends) {
                    let (one, other) = (rows.text(columns.0), rows.text(columns.1));
                    let message = format!(
                        "found no street from {one:?} to {other:?}, expected a turn from street to street"
                    );
                    return Err(FileError::at(path, rows.line, message));
                }
            }
            turns.push(Turn { from, via, to });
        }
        Ok(turns)
    }

    /// The draft, which has the places from now on.
    fn draft(&mut self, path: &Path, input: impl Read) -> Result<Draft, FileError> {
        let optional = ["length_m", "speed_kmh", "oneway", "class"];
        let mut rows = Rows::new(path, input, &["from", "to"], &optional)?;
        let (mut streets, mut classes) = (Vec::new(), Classes::default());
        while rows.next()? {
            let node = |column, what| self.node(&rows, column, what);
            let (from, to) = (node(0, "from")?, node(1, "to")?);
            let street = Street {
                from,
                to,
                length_m: match rows.text(2) {
                    "" => {
                        let ends = [from, to].map(|node| self.places[node as usize]);
                        Space::Sphere.distance_m(ends[0], ends[1])
                    }
                    _ => rows.number(2, "the length", (0.0, STREET_MAX_M))?,
                },
                speed_kmh: match rows.text(3) {
                    "" => SPEED_KMH,
                    _ => rows.number(3, "the speed", (SPEED_MIN_KMH, SPEED_MAX_KMH))?,
                },
                class: match rows.text(5) {
                    "" => None,
                    name => {
                        let class = classes.class(name);
                        let expected = format!("at most {CLASSES_MAX} classes");
                        Some(class.ok_or_else(|| rows.wrong("one more class,", name, &expected))?)
                    }
                },
            };
            if street.length_m > STREET_MAX_M {
                let found = format!("{:.0} m", street.length_m);
                let expected = format!("at most {STREET_MAX_M} m from node to node");
                return Err(rows.wrong("a street of", &found, &expected));
            }
            streets.push(street);
            match rows.text(4).to_ascii_lowercase().as_str() {
                "1" | "yes" | "true" => {}
                "" | "0" | "no" | "false" => streets.push(street.back()),
                other => return Err(rows.wrong("oneway", other, "1, yes, true, 0, no or false")),
            }
            if streets.len() > STREETS_MAX {
                let message = format!("found more than {STREETS_MAX} streets, expected fewer");
                return Err(FileError::at(path, rows.line, message));
            }
        }
        Ok(Draft {
            places: std::mem::take(&mut self.places),
            streets,
            classes,
            turns: Vec::new(),
        })
    }
}

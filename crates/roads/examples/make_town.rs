//! Writes the network of a town that never was, as the CSV files that lie beside the example scenario:
//! `cargo run -p rushhour-roads --features formats --example make_town -- simulator/scenarios/small-town`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

use domain::Place;
use kernel::Streams;
use rushhour_roads::town::Town;
use rushhour_roads::turns::Turn;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder =
        folder.ok_or("found no folder, expected one to write nodes, edges and turns to")?;
    let streams = Streams::new(1);
    let mut stream = streams.stream("town", 0);
    let town = Town {
        columns: 20,
        rows: 20,
        block_m: 220.0,
        // In the North Sea, where nobody drives.
        centre: Place::new(55.0, 3.0)?,
        missing: 0.12,
        one_way: 0.2,
        forbidden: 0.03,
    };
    let draft = town.build(|| stream.uniform());
    let mut nodes = "id,lat,lon\n".to_owned();
    for (id, place) in draft.places.iter().enumerate() {
        writeln!(nodes, "{id},{:.6},{:.6}", place.lat(), place.lon())?;
    }
    let mut edges = "from,to,length_m,speed_kmh,oneway,class\n".to_owned();
    let mut streets = draft.streets.iter().peekable();
    while let Some(street) = streets.next() {
        let both = streets.next_if(|next| **next == street.back()).is_some();
        let oneway = u8::from(!both);
        let (from, to) = (street.from, street.to);
        writeln!(
            edges,
            "{from},{to},{},{},{oneway},{}",
            street.length_m,
            street.speed_kmh,
            draft.classes.name(street.class)
        )?;
    }
    let mut turns = "from,via,to\n".to_owned();
    for Turn { from, via, to } in &draft.turns {
        writeln!(turns, "{from},{via},{to}")?;
    }
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("nodes.csv"), nodes)?;
    std::fs::write(folder.join("edges.csv"), edges)?;
    std::fs::write(folder.join("turns.csv"), turns)?;
    Ok(())
}

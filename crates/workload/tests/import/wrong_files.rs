//! Files and options that are wrong as a whole: one message, what was found where, what was expected.

use rushhour_workload::import::{ColumnMapping, ImportOptions, import, parse_service_area};

use super::{fixture, with_zones};

fn refused(content: &[u8], options: &ImportOptions) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trips.csv");
    std::fs::write(&path, content).unwrap();
    let message = import(&[path], options).unwrap_err().to_string();
    assert!(
        !message.contains('\n') && message.contains("expected "),
        "{message}"
    );
    message.split_once("trips.csv").unwrap().1.to_owned()
}

#[test]
fn a_wrong_file_is_said_to_be_wrong_and_where() {
    let options = ImportOptions::default();
    for (content, said) in [
        (
            &b""[..],
            ": found an empty file, expected the header of TLC yellow",
        ),
        (b"\n \n", ": found an empty file"),
        (
            b"\n\nid,name\n1,a\n",
            ", line 3: found \"id,name\", expected the header of TLC yellow",
        ),
        (
            b"\x1f\x8b\x08\x00",
            ": found gzip-compressed data, expected CSV",
        ),
        (
            b"\x89PNG\r\n\x1a\n\x00\x00",
            ", line 1: found a line that is no text",
        ),
        (b"a\0b,c\n", ", line 1: found a line that is no text"),
        (
            b"id,name\r1,a\r",
            ": found lines that end in a carriage return alone, expected a line feed",
        ),
        (b"{\"type\":\"FeatureCollection\"}", ": found JSON"),
        (
            b"tpep_pickup_datetime,tpep_dropoff_datetime,pulocationid,dolocationid\n",
            ", line 1: found \"tpep_pickup_datetime,tpep_dropoff_datetime,pulocationid,dolocationid\", \
             expected a column trip_distance or trip_miles in TLC yellow taxi records",
        ),
        (
            b"PAR1nonsense",
            ": found a Parquet file that cannot be read",
        ),
    ] {
        let message = refused(content, &options);
        assert!(message.starts_with(said), "{message}");
    }
    let long = vec![b'x'; 3 << 20];
    assert!(refused(&long, &options).starts_with(", line 1: found a line that is no text"));
}

#[test]
fn zone_numbers_without_a_zone_file_ask_for_one() {
    let error = import(&[fixture("hvfhv.csv")], &ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("given by --zones FILE"), "{error}");
}

#[test]
fn request_and_pick_up_times_do_not_mix() {
    let paths = [fixture("hvfhv.csv"), fixture("tlc_yellow_2009.csv")];
    let error = import(&paths, &with_zones(&fixture("zones.geojson")))
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with(
            "tlc_yellow_2009.csv: found pick-up times only, expected request times, as in the first \
             file: import the two apart"
        ),
        "{error}"
    );
}

#[test]
fn an_absent_file_is_named() {
    let error = import(&[fixture("absent.csv")], &ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("absent.csv: found no readable file ("),
        "{error}"
    );
}

#[test]
fn a_line_without_end_spoils_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trips.csv");
    let mut content = std::fs::read(fixture("tlc_yellow_2009.csv")).unwrap();
    let rows = content.iter().filter(|byte| **byte == b'\n').count();
    content.extend(vec![b','; 3 << 20]);
    content.push(b'\n');
    let lines = std::fs::read_to_string(fixture("tlc_yellow_2009.csv")).unwrap();
    content.extend(lines.lines().nth(1).unwrap().bytes());
    std::fs::write(&path, content).unwrap();
    let figures = import(&[path], &ImportOptions::default()).unwrap().figures;
    // A header and a blank line are no rows.
    assert_eq!((figures.rows, figures.kept), (rows as u64, 3));
}

#[test]
fn columns_that_make_no_trip_are_refused() {
    let places = "pickup_lat=a,pickup_lon=b,dropoff_lat=c,dropoff_lon=d";
    for (text, said) in [
        ("".to_owned(), "found \"\", expected KEY=COLUMN"),
        ("pickup".to_owned(), "found \"pickup\", expected KEY=COLUMN"),
        (
            "pick_up=x".to_owned(),
            "found \"pick_up\", expected one of request, pickup",
        ),
        ("pickup=".to_owned(), "expected a column's name"),
        (
            "pickup=x,pickup=y".to_owned(),
            "found \"pickup=y\", expected each column given once",
        ),
        (
            "distance_m=x,distance_km=y".to_owned(),
            "expected each column given once",
        ),
        (
            format!("dropoff=e,distance_m=m,{places}"),
            "expected request=… or pickup=…",
        ),
        (
            format!("pickup=e,distance_m=m,{places}"),
            "expected dropoff=… or duration_s=…",
        ),
        (
            format!("pickup=e,dropoff=f,{places}"),
            "expected distance_miles=…",
        ),
        (
            "pickup=e,dropoff=f,distance_m=m,pickup_lat=a".to_owned(),
            "expected either pickup_lat=…",
        ),
        (
            format!("pickup=e,dropoff=f,distance_m=m,pickup_zone=a,dropoff_zone=b,{places}"),
            "expected either pickup_lat=…",
        ),
        (
            format!("pickup=#1,dropoff=f,distance_m=m,{places}"),
            "not both",
        ),
    ] {
        let error = ColumnMapping::parse(&text).unwrap_err().to_string();
        assert!(
            error.starts_with("--columns: found ") && error.contains(said),
            "{error}"
        );
    }
    let columns = format!("pickup=p,dropoff=q,distance_m=m,{places}");
    let options = ImportOptions {
        columns: Some(ColumnMapping::parse(&columns).unwrap()),
        ..ImportOptions::default()
    };
    let message = refused(b"a,b,c,d,m,p\n", &options);
    assert_eq!(
        message,
        ", line 1: found \"a,b,c,d,m,p\", expected a column q"
    );
}

#[test]
fn a_service_area_has_an_inside() {
    assert!(parse_service_area(" -74.3, 40.5,-73.7,40.9 ").is_ok());
    for text in [
        "",
        "1,2,3",
        "1,2,3,x",
        "-73,40,-74,41",
        "-74,41,-73,40",
        "-200,40,-73,41",
        "a",
    ] {
        let error = parse_service_area(text).unwrap_err().to_string();
        assert!(error.starts_with("--bbox: found "), "{error}");
    }
}

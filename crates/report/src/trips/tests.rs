use super::columns::{read_trips, write_trips};
use crate::sample::city::{Options, city};

fn file() -> (Vec<super::TripRow>, Vec<u8>) {
    let mut rows = city(Options {
        seed: 3,
        seconds: 900,
        drivers: 40,
        rides_per_second: 0.3,
    })
    .rows;
    rows[0].in_progress_at_start = true;
    rows[1].seen = None;
    let mut bytes = Vec::new();
    write_trips(&mut bytes, &rows).unwrap();
    (rows, bytes)
}

#[test]
fn rows_survive_the_file() {
    let (rows, bytes) = file();
    assert_eq!(read_trips(bytes, "trips.parquet").unwrap(), rows);
}

#[test]
fn the_same_rows_are_the_same_bytes_in_whatever_order() {
    let (mut rows, bytes) = file();
    rows.reverse();
    let mut again = Vec::new();
    write_trips(&mut again, &rows).unwrap();
    assert_eq!(again, bytes);
}

#[test]
fn no_rows_are_a_file_too() {
    let mut bytes = Vec::new();
    write_trips(&mut bytes, &[]).unwrap();
    assert_eq!(read_trips(bytes, "trips.parquet").unwrap(), vec![]);
}

#[test]
fn what_is_no_parquet_file_is_named() {
    let error = read_trips(b"PAR1 nonsense".to_vec(), "x.parquet").unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("x.parquet: found "), "{text}");
    assert!(text.ends_with("expected a Parquet file"), "{text}");
}

#[test]
fn other_layouts_columns_and_fields_are_named() {
    use super::table::{Kind, Value, write};
    let made = |columns: &[(&'static str, Kind)], version, value: Value| {
        let mut bytes = Vec::new();
        let pairs = [(super::columns::VERSION_KEY, version)];
        write(&mut bytes, columns, 1, &|_, _| value.clone(), &pairs).unwrap();
        read_trips(bytes, "x.parquet").unwrap_err().to_string()
    };
    let trip = [("trip", Kind::Text)];
    assert_eq!(
        made(&trip, "9", Value::Text("1".into())),
        "x.parquet: found layout 9 under \"rushhour.trips\", expected 1"
    );
    assert_eq!(
        made(&trip, "1", Value::Text("1".into())),
        "x.parquet, column region: found no such column, expected text"
    );
    assert_eq!(
        made(&[("trip", Kind::Integer)], "1", Value::Integer(1)),
        "x.parquet, column trip: found physical type int64, expected text"
    );
    let all = super::columns::declaration();
    let wrong = |column: &'static str| {
        let mut bytes = Vec::new();
        let (rows, _) = file();
        let field = |_: usize, at: usize| {
            if all[at].0 == column {
                Value::Missing
            } else {
                super::columns::field_of(&rows[2], at)
            }
        };
        write(&mut bytes, &all, 1, &field, &[("rushhour.trips", "1")]).unwrap();
        read_trips(bytes, "x.parquet").unwrap_err().to_string()
    };
    assert_eq!(
        wrong("rider"),
        "x.parquet, row 1, column rider: found nothing, expected a rider's id"
    );
    assert_eq!(
        wrong("rider_pays"),
        "x.parquet, row 1, column rider_pays: found nothing, expected an integer"
    );
}

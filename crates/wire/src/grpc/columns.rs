//! Messages that carry many of a kind: a column for each field, so that nothing is allocated for one of them.

use domain::{DriverId, Place, Timestamp, VehicleClass, VehicleClasses};

use super::{MessageFault, fault, place_of, v1, vehicle_class};

/// The column of vehicles' classes.
const CLASSES: &str = "vehicle_classes";
/// The columns of places.
const PLACES: &str = "lat_e7, lon_e7";

/// A ping of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchedPing {
    /// Whose.
    pub driver: DriverId,
    /// Counts up from ping to ping of the driver.
    pub sequence: u64,
    /// Where; none if that is nowhere on the globe.
    pub place: Option<Place>,
    /// When, by the sender's clock.
    pub sent_at: Timestamp,
}

/// A query of many for candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchedQuery<'a> {
    /// Where the rider is.
    pub pickup: Place,
    /// Whose vehicles will do.
    pub classes: VehicleClasses,
    /// Drivers to leave out.
    pub excluded: &'a [u64],
}

/// Columns have to be as long as there are rows.
fn even(
    rows: usize,
    columns: &[(&'static str, usize)],
    expected: &'static str,
) -> Result<(), MessageFault> {
    let uneven = columns.iter().find(|(_, found)| *found != rows);
    uneven.map_or(Ok(()), |(column, found)| {
        Err(fault(
            column,
            format!("{found} values for {rows} rows"),
            expected,
        ))
    })
}

/// The pings of a batch, row by row. Allocates nothing.
///
/// # Errors
/// If a column is not as long as that of drivers.
pub fn batched_pings(
    batch: &v1::PingBatch,
) -> Result<impl Iterator<Item = BatchedPing> + '_, MessageFault> {
    let rows = batch.drivers.len();
    let columns = [
        ("sequences", batch.sequences.len()),
        ("lat_e7", batch.lat_e7.len()),
        ("lon_e7", batch.lon_e7.len()),
        ("sent_at_us", batch.sent_at_us.len()),
    ];
    even(rows, &columns, "one for each driver")?;
    Ok((0..rows).map(|at| BatchedPing {
        driver: DriverId(batch.drivers[at]),
        sequence: batch.sequences[at],
        place: Place::from_e7(batch.lat_e7[at], batch.lon_e7[at]).ok(),
        sent_at: Timestamp::from_micros(batch.sent_at_us[at]),
    }))
}

/// What drivers of a batch drive, row by row; nothing if the batch does not say. Allocates nothing.
///
/// # Errors
/// If the column is not as long as that of drivers, or names a class that there is not.
pub fn batched_vehicles(
    batch: &v1::PingBatch,
) -> Result<impl Iterator<Item = (DriverId, VehicleClass)> + '_, MessageFault> {
    let classes = &batch.vehicle_classes;
    if !classes.is_empty() {
        let column = [(CLASSES, classes.len())];
        even(batch.drivers.len(), &column, "one for each driver, or none")?;
    }
    // All before any: a batch is taken whole or not at all.
    for class in classes {
        vehicle_class(*class, CLASSES)?;
    }
    let drivers = batch.drivers.iter().zip(classes);
    Ok(drivers.map(|(driver, class)| {
        let class = VehicleClass::new(*class).expect("each was looked at");
        (DriverId(*driver), class)
    }))
}

/// A request for the nearest `k` drivers of each pick-up, with vehicles that will do and but for some drivers, within so
/// many metres if there is a limit.
pub fn candidates_request<'a>(
    queries: impl IntoIterator<Item = (Place, VehicleClasses, &'a [DriverId])>,
    k: u32,
    radius_m: Option<f64>,
) -> v1::CandidatesRequest {
    let mut request = v1::CandidatesRequest {
        k,
        radius_m: radius_m.unwrap_or(0.0),
        ..v1::CandidatesRequest::default()
    };
    let mut any_will_do = true;
    for (pickup, classes, excluded) in queries {
        let (lat_e7, lon_e7) = pickup.to_e7();
        request.lat_e7.push(lat_e7);
        request.lon_e7.push(lon_e7);
        let count = u32::try_from(excluded.len()).expect("fewer drivers than there are numbers");
        request.excluded_counts.push(count);
        request
            .excluded
            .extend(excluded.iter().map(|driver| driver.0));
        request.vehicle_classes.push(classes.bits());
        any_will_do &= classes == VehicleClasses::ALL;
    }
    if any_will_do {
        request.vehicle_classes.clear();
    }
    if request.excluded.is_empty() {
        request.excluded_counts.clear();
    }
    request
}

/// The queries of a request: where each pick-up is, whose vehicles will do, and whom to leave out.
///
/// # Errors
/// If a column is not as long as there are queries or as it is said to be, a place is not on the globe, or a set names a
/// class that there is not.
pub fn candidate_queries(
    request: &v1::CandidatesRequest,
) -> Result<impl Iterator<Item = Result<BatchedQuery<'_>, MessageFault>>, MessageFault> {
    const EACH: &str = "one for each query";
    let rows = request.lat_e7.len();
    even(rows, &[("lon_e7", request.lon_e7.len())], EACH)?;
    let counts = &request.excluded_counts;
    let is_told = !counts.is_empty() || !request.excluded.is_empty();
    if is_told {
        even(rows, &[("excluded_counts", counts.len())], EACH)?;
    }
    let classes = &request.vehicle_classes;
    if !classes.is_empty() {
        even(rows, &[(CLASSES, classes.len())], EACH)?;
    }
    let all = counts.iter().map(|count| *count as usize).sum();
    let excluded = [("excluded", request.excluded.len())];
    even(all, &excluded, "as many as excluded_counts say")?;
    let mut left = &request.excluded[..];
    Ok((0..rows).map(move |at| {
        let count = counts.get(at).map_or(0, |count| *count as usize);
        let (excluded, others) = left.split_at(count);
        left = others;
        let pickup = place_of(request.lat_e7[at], request.lon_e7[at], PLACES)?;
        let classes = match classes.get(at) {
            Some(bits) => VehicleClasses::from_bits(*bits)
                .map_err(|_| fault(CLASSES, bits, "bits of 16 classes"))?,
            None => VehicleClasses::ALL,
        };
        Ok(BatchedQuery {
            pickup,
            classes,
            excluded,
        })
    }))
}

/// A reply with room for so many candidates of so many queries.
#[must_use]
pub fn candidates_reply(queries: usize, room: usize) -> v1::CandidatesReply {
    v1::CandidatesReply {
        counts: Vec::with_capacity(queries),
        drivers: Vec::with_capacity(room),
        lat_e7: Vec::with_capacity(room),
        lon_e7: Vec::with_capacity(room),
        distances_m: Vec::with_capacity(room),
    }
}

/// Adds the candidates of the next query: who, where, and how many metres from the pick-up.
pub fn add_candidates(
    reply: &mut v1::CandidatesReply,
    found: impl IntoIterator<Item = (DriverId, Place, f64)>,
) {
    let before = reply.drivers.len();
    for (driver, place, distance_m) in found {
        let (lat_e7, lon_e7) = place.to_e7();
        reply.drivers.push(driver.0);
        reply.lat_e7.push(lat_e7);
        reply.lon_e7.push(lon_e7);
        reply.distances_m.push(distance_m);
    }
    let added = u32::try_from(reply.drivers.len() - before);
    reply
        .counts
        .push(added.expect("fewer drivers than there are numbers"));
}

/// The candidates of each query of a request: who, where, and how many metres from the pick-up.
///
/// # Errors
/// If a column is not as long as it is said to be, or a place is not on the globe.
pub fn candidate_lists<T>(
    reply: &v1::CandidatesReply,
    candidate: impl Fn(DriverId, Place, f64) -> T,
) -> Result<Vec<Vec<T>>, MessageFault> {
    let rows = reply.counts.iter().map(|count| *count as usize).sum();
    let columns = [
        ("drivers", reply.drivers.len()),
        ("lat_e7", reply.lat_e7.len()),
        ("lon_e7", reply.lon_e7.len()),
        ("distances_m", reply.distances_m.len()),
    ];
    even(rows, &columns, "as many as counts say")?;
    let mut at = 0..rows;
    let mut next = || {
        let at = at.next().expect("as many rows as counts say");
        let place = place_of(reply.lat_e7[at], reply.lon_e7[at], PLACES)?;
        let driver = DriverId(reply.drivers[at]);
        Ok(candidate(driver, place, reply.distances_m[at]))
    };
    let list = |count: &u32| (0..*count).map(|_| next()).collect();
    reply.counts.iter().map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(step: i32) -> Place {
        Place::from_e7(407_580_000 + step, -739_855_000).unwrap()
    }

    #[test]
    fn queries_come_back_as_they_were_asked() {
        let excluded = [DriverId(7), DriverId(8)];
        let (all, some) = (VehicleClasses::ALL, VehicleClasses::from_bits(6).unwrap());
        let queries = [
            (place(0), all, &excluded[..]),
            (place(1), some, &[]),
            (place(2), all, &excluded[1..]),
        ];
        let request = candidates_request(queries, 5, Some(90.0));
        let read: Vec<_> = candidate_queries(&request)
            .unwrap()
            .map(|row| row.map(|it| (it.pickup, it.classes, it.excluded)).unwrap())
            .collect();
        let expected = [
            (place(0), all, &[7, 8][..]),
            (place(1), some, &[]),
            (place(2), all, &[8]),
        ];
        assert_eq!(read, expected);
        // Of what does not matter nothing is said.
        let request = candidates_request([(place(0), all, &[][..])], 5, None);
        assert!(request.excluded_counts.is_empty() && request.vehicle_classes.is_empty());
        assert_eq!(candidate_queries(&request).unwrap().count(), 1);
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        let some = VehicleClasses::from_bits(1).unwrap();
        let good = candidates_request([(place(0), some, &[DriverId(7)][..])], 5, None);
        let bad = |change: fn(&mut v1::CandidatesRequest)| {
            let mut request = good.clone();
            change(&mut request);
            candidate_queries(&request).map(|_| ()).unwrap_err().field
        };
        assert_eq!(bad(|request| request.lon_e7.clear()), "lon_e7");
        assert_eq!(
            bad(|request| request.excluded_counts.clear()),
            "excluded_counts"
        );
        assert_eq!(
            bad(|request| request.excluded_counts[0] = u32::MAX),
            "excluded"
        );
        assert_eq!(bad(|request| request.excluded.push(8)), "excluded");
        assert_eq!(bad(|request| request.vehicle_classes.push(1)), CLASSES);
        let mut no_class = good.clone();
        no_class.vehicle_classes[0] = 1 << 16;
        let fault = candidate_queries(&no_class).unwrap().next().unwrap();
        assert_eq!(fault.unwrap_err().field, CLASSES);
        let mut off_the_globe = good.clone();
        off_the_globe.lat_e7[0] = i32::MAX;
        assert!(
            candidate_queries(&off_the_globe)
                .unwrap()
                .next()
                .unwrap()
                .is_err()
        );
    }

    #[test]
    fn a_batch_says_of_each_driver_what_it_is_or_of_none() {
        let mut batch = v1::PingBatch {
            drivers: vec![7, 8],
            ..v1::PingBatch::default()
        };
        assert_eq!(batched_vehicles(&batch).unwrap().count(), 0);
        batch.vehicle_classes = vec![0, 15];
        let class = |number| VehicleClass::new(number).unwrap();
        let expected = [(DriverId(7), class(0)), (DriverId(8), class(15))];
        assert!(batched_vehicles(&batch).unwrap().eq(expected));
        for wrong in [vec![0, 16], vec![0]] {
            batch.vehicle_classes = wrong;
            assert_eq!(batched_vehicles(&batch).err().unwrap().field, CLASSES);
        }
    }

    #[test]
    fn lists_come_back_as_they_were_found() {
        let found = [(DriverId(1), place(1), 10.0), (DriverId(2), place(2), 20.5)];
        let mut reply = candidates_reply(3, 3);
        add_candidates(&mut reply, found);
        add_candidates(&mut reply, []);
        add_candidates(&mut reply, found[1..].iter().copied());
        let all = |driver, place, distance_m| (driver, place, distance_m);
        let lists = candidate_lists(&reply, all).unwrap();
        assert_eq!(lists, [found.to_vec(), vec![], found[1..].to_vec()]);
        reply.distances_m.pop();
        assert_eq!(
            candidate_lists(&reply, all).unwrap_err().field,
            "distances_m"
        );
        reply.distances_m.push(20.5);
        reply.lat_e7[0] = i32::MIN;
        assert!(candidate_lists(&reply, all).is_err());
    }
}

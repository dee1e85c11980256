//! The port's words to and from the tracker's messages. What a tracker should never say is `Corrupt`.

use domain::DriverId;
use services::ports::{Candidate, CandidateQuery, HoldStatus, PortError, Reserved};
use wire::grpc::{MessageFault, v1};

use crate::PORT;

fn corrupt(detail: impl ToString) -> PortError {
    PortError::Corrupt {
        port: PORT,
        detail: detail.to_string(),
    }
}

fn faulty(fault: MessageFault) -> PortError {
    corrupt(fault)
}

pub(crate) fn candidates_request(
    queries: &[CandidateQuery],
    k: usize,
    radius_m: Option<f64>,
) -> v1::CandidatesRequest {
    let queries = queries
        .iter()
        .map(|query| (query.pickup, query.classes, &query.excluded[..]));
    wire::grpc::candidates_request(queries, u32::try_from(k).unwrap_or(u32::MAX), radius_m)
}

pub(crate) fn candidates(
    reply: &v1::CandidatesReply,
    asked: usize,
) -> Result<Vec<Vec<Candidate>>, PortError> {
    if reply.counts.len() != asked {
        let found = reply.counts.len();
        return Err(corrupt(format!(
            "found {found} lists of candidates, expected {asked}"
        )));
    }
    let candidate = |driver, place, distance_m| Candidate {
        driver,
        place,
        distance_m,
    };
    wire::grpc::candidate_lists(reply, candidate).map_err(faulty)
}

pub(crate) fn reserved(reply: &v1::ReserveReply) -> Result<Reserved, PortError> {
    match v1::ReserveOutcome::try_from(reply.outcome) {
        Ok(v1::ReserveOutcome::Held) => Ok(Reserved::Held),
        Ok(v1::ReserveOutcome::DriverTaken) => Ok(Reserved::DriverTaken),
        Ok(v1::ReserveOutcome::TripHeld) => Ok(Reserved::TripHeldBy(DriverId(reply.held_by))),
        Ok(v1::ReserveOutcome::Unspecified) | Err(_) => {
            let found = reply.outcome;
            Err(corrupt(format!(
                "found outcome {found}, expected held, driver taken or trip held"
            )))
        }
    }
}

pub(crate) fn hold(reply: v1::HoldReply) -> Result<Option<HoldStatus>, PortError> {
    let Some(live) = reply.hold else {
        return Ok(None);
    };
    let (hold, last_ping_at) = wire::grpc::hold(live).map_err(faulty)?;
    Ok(Some(HoldStatus { hold, last_ping_at }))
}

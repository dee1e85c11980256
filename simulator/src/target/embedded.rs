//! The embedded stack: everything in this process, over real sockets on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use calls::Calls;
use domain::Timestamp;
use drive::seed::Seed;
use drive::watched::Watched;
use host::WallClock;
use local::stack::{FunctionName, Provisioned, Stack, StackConfig, StackError};
use services::config::Market;
use services::ports::Clock;

use crate::exit::Failure;
use crate::scenario::values::Span;
use crate::scenario::{Resolved, Scenario, market};

/// What the stack is told of the scenario.
///
/// # Errors
/// If a value of the scenario cannot be.
pub fn config(
    resolved: &Resolved,
    started_at: Timestamp,
    port: Option<u16>,
    watched: &Arc<Watched>,
    calls: Calls,
) -> Result<StackConfig, Failure> {
    let mut config = StackConfig::new(market_of(resolved, started_at)?);
    if let Some(port) = port {
        config.http = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    }
    functions(&resolved.scenario, &mut config)?;
    let observer = watched.clone();
    config.observer = Some(Arc::new(move |invoked| {
        observer.invoked(invoked.function, invoked.duration);
    }));
    let observer = watched.clone();
    config.calls = calls;
    config.round_observer = Some(Arc::new(move |report| observer.round(report)));
    Ok(config)
}

fn functions(scenario: &Scenario, config: &mut StackConfig) -> Result<(), Failure> {
    for (name, sizes) in &scenario.functions {
        let known = FunctionName::ALL
            .into_iter()
            .find(|known| known.as_str() == name);
        let Some(known) = known else {
            let all = FunctionName::ALL.map(FunctionName::as_str).join(", ");
            return Err(Failure::input(format!(
                "functions.{name}: found no such function, expected one of {all}"
            )));
        };
        let settings = config.functions.get_mut(&known);
        let settings = settings.expect("a stack has settings of each function");
        settings.pool.memory_mb = sizes.memory_mb;
        settings.pool.reserved_concurrency = sizes.reserved_concurrency;
        settings.timeout = sizes.timeout.map_or(settings.timeout, |span| span.0);
        settings.added_latency = sizes.added_latency.0;
        for (queue, mapping) in &mut config.mappings {
            let serves = aws::stack::QUEUES
                .iter()
                .any(|spec| spec.name == *queue && FunctionName::of_queue(spec.queue) == known);
            if serves {
                let stated = sizes.visibility_timeout;
                let hidden = stated.unwrap_or(Span(mapping.visibility_timeout));
                check_hidden(name, Span(settings.timeout), queue, hidden)?;
                mapping.batch_size = sizes.batch_size as usize;
                mapping.batch_window = sizes.batch_window.0;
                if sizes.maximum_concurrency.is_some() {
                    mapping.maximum_concurrency = sizes.maximum_concurrency;
                }
            }
        }
    }
    Ok(())
}

/// Lambda takes from no queue that would give out a message again while a call with it may be under way.
fn check_hidden(function: &str, timeout: Span, queue: &str, hidden: Span) -> Result<(), Failure> {
    if timeout <= hidden {
        return Ok(());
    }
    Err(Failure::input(format!(
        "functions.{function}.timeout: found {timeout}, expected at most the {hidden} for which {queue} hides a message \
         that was received, as Lambda demands"
    )))
}

/// Starts the stack on tables that hold the rides under way.
///
/// # Errors
/// If a part does not start: a busy port, above all.
pub async fn start(config: StackConfig, seed: &Seed) -> Result<Stack, Failure> {
    let provisioned = provision(config, seed).await?;
    provisioned.start().await.map_err(stopped)
}

/// Has tables and queues made, and the rides under way put into them.
///
/// # Errors
/// If a server does not start or a table cannot be written.
pub async fn provision(config: StackConfig, seed: &Seed) -> Result<Provisioned, Failure> {
    let sweep = config.market.sweep;
    tokio::time::sleep(until_tick(WallClock.now())).await;
    let provisioned = Stack::provision(config).await.map_err(stopped)?;
    if !seed.trips.is_empty() {
        let trips = aws::DynamoTrips::new(provisioned.aws(), sweep);
        let holds = aws::DynamoHolds::new(provisioned.aws());
        trips
            .seed_trips(&seed.trips)
            .await
            .map_err(Failure::target)?;
        holds
            .seed_holds(&seed.holds)
            .await
            .map_err(Failure::target)?;
    }
    Ok(provisioned)
}

/// Shortly before a whole second: the embedded queues are made then, and show what was delayed on a tick of
/// one second that begins when they are made. Runs begin at any moment, but rounds are counted from the
/// epoch: without this the same run would match sooner or later each time.
const TICK_AT: Duration = Duration::from_millis(900);

fn until_tick(now: Timestamp) -> Duration {
    let second_us = 1_000_000;
    let at_us = i64::try_from(TICK_AT.as_micros()).unwrap_or(second_us);
    let wait_us = (at_us - now.as_micros()).rem_euclid(second_us);
    Duration::from_micros(wait_us.unsigned_abs())
}

/// What is said of a stack that does not start.
pub fn stopped(error: StackError) -> Failure {
    Failure::target(format!("the stack does not start: {error}"))
}

/// The market of a scenario: what the stack is told, and what is reckoned beside it.
///
/// # Errors
/// If a value of the scenario cannot be.
pub fn market_of(resolved: &Resolved, started_at: Timestamp) -> Result<Market, Failure> {
    let scenario = &resolved.scenario;
    let mut market = market::document(scenario, started_at)
        .market()
        .map_err(|error| Failure::input(format!("{}: {error}", scenario.name)))?;
    // One network for all: what the system reckons with is what drivers drive on.
    if let Some(network) = &resolved.network {
        market.travel = market.travel.along(network.clone());
    }
    Ok(market)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    fn stack(sets: &[&str]) -> Result<StackConfig, Failure> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let resolved = scenario::load(None, &sets).unwrap();
        config(
            &resolved,
            Timestamp::ZERO,
            None,
            &Watched::new(),
            Calls::default(),
        )
    }

    #[test]
    fn a_function_of_which_one_key_is_stated_has_all_else_of_the_stack() {
        let shipped = stack(&[]).unwrap();
        for name in FunctionName::ALL {
            let key = format!("functions.{}", name.as_str());
            let larger = stack(&[&format!("{key}.memory_mb=512")]).unwrap();
            let mut functions = shipped.functions.clone();
            functions.get_mut(&name).unwrap().pool.memory_mb = 512;
            assert_eq!(larger.functions, functions);
            assert_eq!(larger.mappings, shipped.mappings);
            let quicker = stack(&[&format!("{key}.timeout=\"6s\"")]).unwrap();
            assert_eq!(quicker.functions[&name].timeout, Duration::from_secs(6));
        }
    }

    #[test]
    fn no_call_may_take_longer_than_its_messages_are_hidden() {
        let sets = ["functions.trips.timeout=31s"];
        let said = stack(&sets).unwrap_err().message;
        let expected = "functions.trips.timeout: found 31s, expected at most the 30s for which trip-events hides";
        assert!(said.starts_with(expected), "{said}");
        stack(&["functions.trips.timeout=30s"]).unwrap();
        stack(&[sets[0], "functions.trips.visibility_timeout=31s"]).unwrap();
        let said = stack(&["functions.matching.visibility_timeout=9s"]);
        let said = said.unwrap_err().message;
        assert!(
            said.contains("found 10s, expected at most the 9s for which ride-requests"),
            "{said}"
        );
        // No queue calls it.
        stack(&["functions.pricing.timeout=60s"]).unwrap();
    }
}

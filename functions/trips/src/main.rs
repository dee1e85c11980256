//! Wiring of the trips function.

use aws::{Clients, Resources, Stack};
use fleet_client::{FleetClient, FleetClientConfig};
use host::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    host::log::start();
    let settings = Settings::of_process()?;
    settings.log();
    host::otlp::start("trips")?;
    let resources = Resources::new(settings.name_prefix(), settings.queue_base_url()?);
    let stack = Stack::new(Clients::in_function(), resources);
    let fleet = FleetClient::new(&FleetClientConfig {
        // The tracker is a call like others: one that stalls must leave time to say so.
        call_timeout: aws::limits::FUNCTION_CALL_TIMEOUT,
        token: settings.fleet_tracker_token().map(str::to_owned),
        ..FleetClientConfig::at(settings.fleet_tracker_url()?)
    })?;
    let function = rushhour_trips::wire(settings.market()?, settings.keyring()?, &stack, fleet);
    lambda::run::run(function)
        .await
        .map_err(|error| anyhow::anyhow!(error))
}

//! Wiring of the trips function.

use aws::{Clients, Resources, Stack};
use fleet_client::FleetClientConfig;
use host::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    host::log::start();
    let settings = Settings::of_process()?;
    settings.log();
    host::otlp::start("trips")?;
    let resources = Resources::new(settings.name_prefix(), settings.queue_base_url()?);
    let stack = Stack::new(Clients::in_function(), resources);
    let fleet = FleetClientConfig {
        token: settings.fleet_tracker_token().map(str::to_owned),
        ..FleetClientConfig::at(settings.fleet_tracker_url()?)
    };
    let function = rushhour_trips::wire(settings.market()?, settings.keyring()?, &stack, fleet)?;
    lambda::run::run(function)
        .await
        .map_err(|error| anyhow::anyhow!(error))
}

//! Wiring of the pricing function.

use aws::{Clients, Resources, Stack};
use host::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    host::log::start();
    let settings = Settings::of_process()?;
    settings.log();
    host::otlp::start("pricing")?;
    let resources = Resources::new(settings.name_prefix(), settings.queue_base_url()?);
    let stack = Stack::new(Clients::in_function(), resources);
    let function =
        rushhour_pricing::wire(settings.market_with_streets()?, settings.keyring()?, &stack);
    lambda::run::run(function)
        .await
        .map_err(|error| anyhow::anyhow!(error))
}

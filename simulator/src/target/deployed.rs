//! `--target aws`: a system that somebody has deployed, found by its stack or by its endpoints, and loaded as it
//! stands. Only its tables and queues are read beside what riders and drivers see.

mod estimate;
mod probe;
mod system;

use std::path::Path;
use std::time::Duration;

use aws::{Clients, Resources};
use deployed::{DeployedError, Outputs};
use domain::Timestamp;
use host::market::MarketDocument;
use identity::{Issuer, SigningKey};
use services::config::Market;
use services::products::{Product, Products};

use super::embedded;
use crate::cli::AwsArgs;
use crate::exit::Failure;
use crate::scenario::Resolved;
use crate::scenario::values::Span;

pub use system::DeployedSystem;

/// A deployment that was found, and whom its tokens are signed by.
pub struct Deployment {
    /// As it says of itself, with what the command line says instead.
    outputs: Outputs,
    /// Who signs riders' and drivers' tokens.
    issuer: Issuer,
    /// What it serves.
    market: Market,
    /// Its tables and queues.
    aws: aws::Stack,
    /// Region and credentials.
    account: deployed::Account,
    /// How long CloudWatch may take to have counted what was sent.
    metrics_within: Duration,
    /// What a reader of its figures must know.
    notes: Vec<String>,
}

impl Deployment {
    /// Finds it.
    ///
    /// # Errors
    /// If it is not to be found, its tokens cannot be signed, or it does not serve the scenario's city.
    pub async fn find(
        args: &AwsArgs,
        resolved: &Resolved,
        starts_at: Timestamp,
    ) -> Result<Self, Failure> {
        let key = signing_key(args)?;
        let account = deployed::account().await.map_err(refused)?;
        let outputs = outputs(args, &account).await?;
        let Some(name) = &outputs.issuer else {
            return Err(Failure::input(
                "--target aws: found a deployment without an issuer, whose routes take AWS identities only, expected \
                 one deployed with the parameter Issuer, or --issuer",
            ));
        };
        let issuer = key.issuer(name, &outputs.audience);
        let market = market(&outputs, resolved, starts_at)?;
        let clients = Clients::from_config(&account, None, None);
        let found = aws::found(&clients, &outputs.name_prefix).await;
        let resources: Resources = found.map_err(Failure::target)?;
        let mut notes = market_notes(&market, resolved, starts_at)?;
        notes.push(
            "Functions, queues and tables are as CloudWatch counted them, in whole minutes after the warm-up; it \
             counts no cold starts. The load generator's clock and the system's are two."
                .to_owned(),
        );
        let metrics_within = span(&args.metrics_within)?;
        Ok(Self {
            outputs,
            issuer,
            market,
            aws: aws::Stack::new(clients, resources),
            account,
            metrics_within,
            notes,
        })
    }

    /// Says what will be sent and about what it will cost; asks, unless told that the answer is yes.
    ///
    /// # Errors
    /// If the answer is no, or there is nobody to ask.
    pub fn agree(&self, resolved: &Resolved, yes: bool) -> Result<(), Failure> {
        estimate::agree(&self.outputs, resolved, yes)
    }
}

fn refused(error: DeployedError) -> Failure {
    match error {
        DeployedError::NoOutput { .. } | DeployedError::NoStack(_) => Failure::input(error),
        _ => Failure::target(error),
    }
}

fn span(text: &str) -> Result<Duration, Failure> {
    text.parse()
        .map(|Span(span)| span)
        .map_err(|error| Failure::input(format!("--metrics-within: {error}")))
}

fn signing_key(args: &AwsArgs) -> Result<SigningKey, Failure> {
    let Some(path) = &args.issuer_key else {
        return Err(Failure::input(
            "--target aws: found no --issuer-key, expected the private key of the issuer whose tokens the deployment \
             takes; `rushhour issuer` makes one",
        ));
    };
    read_key(path)
}

/// A signing key from a file.
///
/// # Errors
/// If it cannot be read, or is none.
pub fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::input(format!(
            "{shown}: cannot be read ({error}), expected a private key as PEM"
        ))
    })?;
    SigningKey::from_pem(&text).map_err(|error| Failure::input(format!("{shown}: {error}")))
}

/// What the stack says, or nothing without one, with the command line's own over it.
async fn outputs(args: &AwsArgs, account: &deployed::Account) -> Result<Outputs, Failure> {
    let stated = match &args.stack {
        Some(stack) => Some(deployed::outputs(account, stack).await.map_err(refused)?),
        None => None,
    };
    let needed = |given: &Option<String>, said: Option<String>, option: &str| {
        given.clone().or(said).ok_or_else(|| {
            Failure::input(format!(
                "--target aws: found neither --stack nor {option}, expected one of them"
            ))
        })
    };
    let said = |of: fn(&Outputs) -> String| stated.as_ref().map(of);
    Ok(Outputs {
        api_url: needed(&args.api, said(|it| it.api_url.clone()), "--api")?,
        tracker_url: needed(
            &args.tracker,
            said(|it| it.tracker_url.clone()),
            "--tracker",
        )?,
        name_prefix: needed(&args.prefix, said(|it| it.name_prefix.clone()), "--prefix")?,
        issuer: args
            .issuer
            .clone()
            .or(stated.as_ref().and_then(|it| it.issuer.clone())),
        audience: needed(&args.audience, said(|it| it.audience.clone()), "--audience")?,
        market: said(|it| it.market.clone()).unwrap_or_default(),
    })
}

/// What is said in the place of a fingerprint where ways are straight.
const NO_STREETS: &str = "that are none";

/// The market that the deployment says it serves; the scenario's own where it says nothing.
fn market(outputs: &Outputs, resolved: &Resolved, starts_at: Timestamp) -> Result<Market, Failure> {
    if outputs.market.is_empty() {
        return embedded::market_of(resolved, starts_at);
    }
    let document = MarketDocument::parse(&outputs.market);
    let served = document.and_then(|document| Ok((document.market()?, document.travel.streets)));
    let (mut market, streets) =
        served.map_err(|error| Failure::input(format!("the deployment's market: {error}")))?;
    let ours = resolved.network.as_ref();
    let found = streets.unwrap_or_else(|| NO_STREETS.to_owned());
    let expected = ours.map_or(NO_STREETS.to_owned(), |it| it.pack().1.to_string());
    if found != expected {
        return Err(Failure::input(format!(
            "{}: found a deployment whose ways are along streets {found}, expected {expected}: deploy with the market and the \
             streets that `rushhour market` gives",
            resolved.scenario.name
        )));
    }
    if let Some(network) = ours {
        market.travel = market.travel.along(network.clone());
    }
    Ok(market)
}

/// Where it differs from the scenario's, as far as riders would notice.
/// Riders choose, and drivers drive, what the scenario says: a deployment that knows other products would send them
/// other cars.
fn check_products(deployed: &Products, wanted: &Products) -> Result<(), Failure> {
    let served = |products: &Products| -> Vec<String> {
        let one = |it: &Product| {
            let classes = it.classes.iter().map(|class| class.number().to_string());
            format!("{} by {}", it.name, classes.collect::<Vec<_>>().join(" "))
        };
        products.iter().map(one).collect()
    };
    let (found, expected) = (served(wanted), served(deployed));
    if found == expected {
        return Ok(());
    }
    let words = |served: &[String]| match served {
        [] => "none".to_owned(),
        some => some.join(", "),
    };
    Err(Failure::input(format!(
        "products: found {} (classes of vehicles by number), expected the deployment's: {}; deploy with the market that \
         `rushhour market` prints",
        words(&found),
        words(&expected),
    )))
}

fn market_notes(
    market: &Market,
    resolved: &Resolved,
    starts_at: Timestamp,
) -> Result<Vec<String>, Failure> {
    let wanted = embedded::market_of(resolved, starts_at)?;
    let centre = resolved.world.city.centre();
    if let Some(area) = &market.service_area
        && !area.contains(centre)
    {
        return Err(Failure::input(format!(
            "{}: found a city around {:.4}, {:.4}, expected one within the deployment's service area: deploy with the \
             market that `rushhour market` prints",
            resolved.scenario.name,
            centre.lat(),
            centre.lon(),
        )));
    }
    check_products(&market.products, &wanted.products)?;
    let parts = [
        ("products' fares", market.products != wanted.products),
        (
            "tariff",
            format!("{:?}", market.tariff) != format!("{:?}", wanted.tariff),
        ),
        (
            "surge",
            format!("{:?}", market.surge) != format!("{:?}", wanted.surge),
        ),
        (
            "dispatch",
            format!("{:?}", market.dispatch) != format!("{:?}", wanted.dispatch),
        ),
    ];
    let other: Vec<&str> = parts
        .iter()
        .filter(|(_, is)| *is)
        .map(|(name, _)| *name)
        .collect();
    let note = format!(
        "The deployment serves another market than the scenario's (its {}): riders and drivers are the scenario's, \
         prices and rounds the deployment's.",
        other.join(", ")
    );
    Ok(if other.is_empty() {
        Vec::new()
    } else {
        vec![note]
    })
}

#[cfg(test)]
mod tests {
    use host::WallClock;
    use services::ports::Clock as _;

    use super::*;
    use crate::scenario::{self, market as documents};

    fn town() -> Resolved {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/small-town.toml");
        scenario::load(Some(path), &[]).unwrap()
    }

    fn serving(market: String) -> Outputs {
        Outputs {
            api_url: "http://127.0.0.1:1".to_owned(),
            tracker_url: "http://127.0.0.1:2".to_owned(),
            name_prefix: "rushhour-".to_owned(),
            issuer: None,
            audience: "rushhour".to_owned(),
            market,
        }
    }

    #[test]
    fn riders_choose_what_the_deployment_has() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/two-products.toml");
        let resolved = |set: &str| scenario::load(Some(path), &[set.to_owned()]).unwrap();
        let (two, dearer) = (resolved("seed=1"), resolved("products.xl.fare_factor=2"));
        let now = WallClock.now();
        let notes = |deployed: &Resolved| {
            let deployed = embedded::market_of(deployed, now).unwrap();
            market_notes(&deployed, &two, now)
        };
        assert_eq!(notes(&two).unwrap(), Vec::<String>::new());
        assert!(notes(&dearer).unwrap()[0].contains("(its products' fares)"));
        let other_classes = resolved("fleet.vehicles={electric=1,large=1,sedan=3}");
        for other in [resolved("products=[]"), other_classes] {
            let deployed = embedded::market_of(&other, now).unwrap();
            for (deployed, load) in [
                (deployed, &two),
                (embedded::market_of(&two, now).unwrap(), &other),
            ] {
                let error = market_notes(&deployed, load, now).unwrap_err();
                let said = error.message.starts_with("products: found ")
                    && error.message.contains("xl by 0");
                assert!(said, "{}", error.message);
            }
        }
    }

    #[test]
    fn riders_drive_in_the_streets_of_the_deployment_or_not_at_all() {
        let (town, straight) = (town(), scenario::load(None, &[]).unwrap());
        let now = WallClock.now();
        let (named, _) = documents::with_streets(&town, now);
        let served = market(&serving(named.to_json()), &town, now).unwrap();
        assert!(served.travel.streets().is_some());
        let fingerprint = named.travel.streets.clone().unwrap();
        let mut other = named.clone();
        other.travel.streets = Some("0123456789abcdef".to_owned());
        let (none, _) = documents::with_streets(&straight, now);
        for (document, resolved, found, expected) in [
            (&other, &town, "0123456789abcdef", fingerprint.as_str()),
            (&none, &town, NO_STREETS, fingerprint.as_str()),
            (&named, &straight, fingerprint.as_str(), NO_STREETS),
        ] {
            let error = market(&serving(document.to_json()), resolved, now).unwrap_err();
            let said = format!("along streets {found}, expected {expected}");
            assert!(error.message.contains(&said), "{}", error.message);
        }
        let served = market(&serving(none.to_json()), &straight, now).unwrap();
        assert!(served.travel.streets().is_none());
    }
}

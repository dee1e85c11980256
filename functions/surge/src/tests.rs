use cloud::memory::MemoryMarket;
use domain::surge::Multiplier;
use domain::{Nearby, Region};
use host::market::MarketDocument;
use serde_json::Value;
use services::ports::MarketReader;

use super::*;

const SNAPSHOTS: &str = include_str!("../events/market-snapshots.json");

#[tokio::test]
async fn supply_and_demand_become_surge_and_a_newer_version_fails_alone() {
    let market = "region = 'new-york'\n[travel]\nspeed_kmh = 20\n[surge]\nsmoothing_percent = 0";
    let market = Arc::new(MarketDocument::parse(market).unwrap().market().unwrap());
    let cells = MemoryMarket::new();
    let function = Surge::new(SurgeUpdate::new(market, cells.clone()));
    for _ in 0..2 {
        let response = function
            .invoke(Bytes::from_static(SNAPSHOTS.as_bytes()))
            .await
            .unwrap();
        let response: Value = serde_json::from_slice(&response).unwrap();
        let event: Value = serde_json::from_str(SNAPSHOTS).unwrap();
        let failed = response["batchItemFailures"].as_array().unwrap();
        assert_eq!(failed.len(), 1, "{response}");
        assert_eq!(
            failed[0]["itemIdentifier"],
            event["Records"][2]["messageId"]
        );
    }
    let snapshot = Snapshot::decode(
        serde_json::from_str::<Value>(SNAPSHOTS).unwrap()["Records"][1]["body"]
            .as_str()
            .unwrap(),
    );
    let SnapshotSide::Demand(demand) = snapshot.unwrap().side else {
        panic!("the second is of demand");
    };
    let cell = *demand.keys().next().unwrap();
    let told = cells
        .cell(&Region::new("new-york").unwrap(), cell)
        .await
        .unwrap()
        .unwrap();
    assert!(told.multiplier > Multiplier::NONE, "{told:?}");
    assert_eq!(told.nearby, Nearby::from(1));
}

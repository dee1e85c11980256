//! The contract of [`MarketReader`] and [`MarketStore`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::surge::Multiplier;
use domain::{Cell, Nearby, Resolution, Supply, VehicleClass};
use services::ports::{CellMarket, MarketReader, MarketState, MarketStore, Swap};

use super::samples::{place, region, second};
use super::{eventually, race};

fn cell(number: u32) -> Cell {
    Cell::of(
        place(number * 10_000),
        Resolution::new(8).expect("8 is a resolution"),
    )
}

fn class(number: u32) -> VehicleClass {
    VehicleClass::new(number).expect("a class")
}

fn market(multiplier: u32, nearby: u32) -> CellMarket {
    CellMarket {
        multiplier: Multiplier::from_hundredths(multiplier),
        nearby: Nearby::from(nearby),
    }
}

/// The same where one is of a class of its own.
fn market_of_two_classes(multiplier: u32, nearby: u32) -> CellMarket {
    CellMarket {
        nearby: Nearby::new(nearby, [(class(2), 1)]).expect("there is one"),
        ..market(multiplier, nearby)
    }
}

/// Every sentence of [`MarketReader`] and [`MarketStore`].
///
/// # Panics
/// If one is broken.
pub async fn market_contract<S: MarketReader + MarketStore + 'static>(store: Arc<S>) {
    let (here, there) = (region("market-here"), region("market-there"));
    assert_eq!(
        store.load(&here).await.unwrap(),
        MarketState::default(),
        "empty, version 0"
    );
    assert_eq!(
        store.cell(&here, cell(1)).await.unwrap(),
        None,
        "never counted"
    );

    let told = BTreeMap::from([
        (cell(1), market_of_two_classes(150, 4)),
        (cell(2), market(100, 8)),
    ]);
    let supply = Supply::new(
        [(cell(1), 3), (cell(3), u32::MAX)].into(),
        [(class(2), [(cell(1), 1)].into())].into(),
    );
    let first = MarketState {
        supply: supply.expect("one of three is of a class").into(),
        supply_at: second(1),
        demand: BTreeMap::from([(cell(2), 1)]).into(),
        demand_at: second(2),
        told: told.into(),
        untold: BTreeSet::from([cell(1), cell(2), cell(4)]).into(),
        version: 1,
    };
    assert_eq!(store.store(&here, &first).await.unwrap(), Swap::Done);
    assert_eq!(
        store.load(&here).await.unwrap(),
        first,
        "every field is kept"
    );
    assert_eq!(
        store.load(&there).await.unwrap(),
        MarketState::default(),
        "of this region"
    );
    let read = |cell| {
        let (store, here) = (Arc::clone(&store), here.clone());
        async move { store.cell(&here, cell).await.unwrap() }
    };
    assert_eq!(read(cell(1)).await, None, "what is stored is not told");
    store.tell(&here, &first).await.unwrap();
    let of_two = Some(market_of_two_classes(150, 4));
    eventually("a told cell", &of_two, || read(cell(1))).await;
    eventually("another", &Some(market(100, 8)), || read(cell(2))).await;
    let nothing = Some(CellMarket::NOTHING);
    eventually("one of nothing", &nothing, || read(cell(4))).await;
    assert_eq!(read(cell(3)).await, None, "a cell that was not named");
    assert_eq!(
        store.cell(&there, cell(1)).await.unwrap(),
        None,
        "of this region"
    );

    let second_state = MarketState {
        supply: Arc::default(),
        told: BTreeMap::from([(cell(1), market(200, 2)), (cell(2), market(900, 9))]).into(),
        untold: BTreeSet::from([cell(1)]).into(),
        version: 2,
        ..first.clone()
    };
    assert_eq!(store.store(&here, &second_state).await.unwrap(), Swap::Done);
    assert_eq!(
        store.load(&here).await.unwrap(),
        second_state,
        "replaced as a whole"
    );
    store.tell(&here, &second_state).await.unwrap();
    eventually("a changed cell", &Some(market(200, 2)), || read(cell(1))).await;
    assert_eq!(
        read(cell(2)).await,
        Some(market(100, 8)),
        "one that did not change"
    );
    let same_version = MarketState {
        told: BTreeMap::from([(cell(1), market(300, 0)), (cell(5), market(300, 3))]).into(),
        untold: BTreeSet::from([cell(1), cell(5)]).into(),
        ..second_state.clone()
    };
    for late in [&first, &same_version] {
        store.tell(&here, late).await.unwrap();
    }
    let those_left = Some(market(300, 3));
    eventually("a cell left untold", &those_left, || read(cell(5))).await;
    assert_eq!(
        read(cell(1)).await,
        Some(market(200, 2)),
        "a cell keeps what as late a state set"
    );

    for version in [1, 2, 4] {
        let stale = MarketState {
            version,
            ..first.clone()
        };
        assert_eq!(
            store.store(&here, &stale).await.unwrap(),
            Swap::Lost,
            "{version}"
        );
    }
    assert_eq!(
        store.load(&here).await.unwrap(),
        second_state,
        "a loser writes nothing"
    );

    one_of_many_stores(&store).await;
}

async fn one_of_many_stores<S: MarketReader + MarketStore + 'static>(store: &Arc<S>) {
    let here = region("market-race");
    for version in 1..=3 {
        let found = race(store, |store, number| {
            let here = here.clone();
            let mine = MarketState {
                told: BTreeMap::from([(cell(1), market(100, number))]).into(),
                untold: BTreeSet::from([cell(1)]).into(),
                version,
                ..MarketState::default()
            };
            async move {
                let swap = store.store(&here, &mine).await.unwrap();
                if swap == Swap::Done {
                    store.tell(&here, &mine).await.unwrap();
                }
                (swap, mine)
            }
        })
        .await;
        let done: Vec<_> = found
            .iter()
            .filter(|(swap, _)| *swap == Swap::Done)
            .collect();
        assert_eq!(
            done.len(),
            1,
            "one write takes place from version {}",
            version - 1
        );
        assert_eq!(store.load(&here).await.unwrap(), done[0].1, "the winner's");
        let told = done[0].1.told.get(&cell(1)).copied();
        let read = || async { store.cell(&here, cell(1)).await.unwrap() };
        eventually("the winner's cell", &told, read).await;
    }
}

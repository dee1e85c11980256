//! Properties of tariffs: they add up, never fall as a ride grows, and never go under the minimum.

use proptest::prelude::*;

use super::*;

fn way(distance_m: f64, seconds: f64) -> Way {
    Way {
        distance_m,
        duration: Duration::from_secs_f64(seconds),
    }
}

prop_compose! {
    fn tariffs()(
        amounts in prop::array::uniform6(0..10_000_i64),
        rates in prop::array::uniform5(0..500_000_000_i64),
        shares in prop::array::uniform2(0..=100_u32),
        spans in prop::array::uniform2(0..600_u64),
    ) -> Tariff {
        let [base, booking_fee, minimum, cancel_fee, no_show_fee, driver_minimum] =
            amounts.map(Money::from_minor);
        Tariff::new(TariffTerms {
            currency: Currency::USD,
            base,
            per_km_micros: rates[0],
            per_minute_micros: rates[1],
            booking_fee,
            minimum,
            wait_free: Duration::from_secs(spans[0]),
            wait_per_minute_micros: rates[2],
            cancel_fee,
            cancel_grace: Duration::from_secs(spans[1]),
            no_show_fee,
            driver_per_km_micros: rates[3],
            driver_per_minute_micros: rates[4],
            driver_minimum,
            driver_share_of_fees_percent: shares[0],
            driver_share_of_surge_percent: shares[1],
        })
        .expect("the ranges above are valid")
    }
}

fn stages() -> impl Strategy<Value = CancelStage> {
    prop::sample::select(vec![
        CancelStage::Requested,
        CancelStage::Offered,
        CancelStage::Accepted,
        CancelStage::Arrived,
        CancelStage::PickedUp,
    ])
}

fn cancellers() -> impl Strategy<Value = CancelledBy> {
    prop::sample::select(vec![
        CancelledBy::Rider,
        CancelledBy::Driver,
        CancelledBy::System,
    ])
}

fn check_adds_up(charge: &Charge) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        charge.rider_pays(),
        charge.driver_pay + charge.platform() + charge.fees()
    );
    for part in [
        charge.ride,
        charge.booking_fee,
        charge.wait_fee,
        charge.cancel_fee,
        charge.no_show_fee,
        charge.driver_pay,
    ] {
        prop_assert!(part >= Money::ZERO, "{charge:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn charges_add_up_and_a_completed_ride_costs_what_was_quoted(
        tariff in tariffs(),
        distance_m in 0.0..300_000.0,
        seconds in 0.0..20_000.0,
        surge in 100..1_000_u32,
        waited in 0..3_600_u64,
        stage in stages(),
        by in cancellers(),
        since_accepted in prop::option::of(0..3_600_u64),
    ) {
        let fare = tariff.quote(way(distance_m, seconds), Multiplier::from_hundredths(surge));
        let waited = Duration::from_secs(waited);
        let since_accepted = since_accepted.map(Duration::from_secs);

        let completed = tariff.settle_completed(&fare, waited);
        check_adds_up(&completed)?;
        prop_assert_eq!(completed.rider_pays(), fare.total() + completed.wait_fee);
        prop_assert!(waited > tariff.terms().wait_free || completed.wait_fee == Money::ZERO);

        let no_show = tariff.settle_no_show(&fare, waited);
        check_adds_up(&no_show)?;
        prop_assert_eq!(no_show.ride, Money::ZERO);
        // A driver is never paid more out of a fee than the fee.
        prop_assert!(no_show.platform() >= Money::ZERO);

        let cancelled = tariff.settle_cancelled(&fare, stage, since_accepted, by);
        check_adds_up(&cancelled)?;
        if by == CancelledBy::System || stage < CancelStage::Accepted {
            prop_assert_eq!(cancelled, Charge::default());
        }
    }

    #[test]
    fn a_fare_never_falls_as_the_ride_grows(
        tariff in tariffs(),
        distance_m in 0.0..300_000.0,
        seconds in 0.0..20_000.0,
        surge in 100..1_000_u32,
        further_m in 0.0..50_000.0,
        longer in 0.0..5_000.0,
        steeper in 0..500_u32,
    ) {
        let at = |distance_m, seconds, surge| {
            tariff.quote(way(distance_m, seconds), Multiplier::from_hundredths(surge))
        };
        let fare = at(distance_m, seconds, surge);
        prop_assert!(fare.ride >= tariff.terms().minimum);
        prop_assert!(fare.driver_pay >= tariff.terms().driver_minimum);
        for grown in [
            at(distance_m + further_m, seconds, surge),
            at(distance_m, seconds + longer, surge),
            at(distance_m, seconds, surge + steeper),
        ] {
            prop_assert!(grown.total() >= fare.total());
            prop_assert!(grown.driver_pay >= fare.driver_pay);
        }
        let plain = at(distance_m, seconds, 100);
        let share = tariff.terms().driver_share_of_surge_percent;
        let surcharge = fare.ride - plain.ride;
        let of_surge = surcharge.scale_hundredths(share);
        prop_assert_eq!(fare.driver_pay, plain.driver_pay + of_surge, "the driver's share of it");
        prop_assert!((Money::ZERO..=surcharge).contains(&of_surge));
        prop_assert_eq!(plain.booking_fee, fare.booking_fee);
    }

    #[test]
    fn the_default_never_pays_out_more_than_it_takes(
        distance_m in 0.0..300_000.0,
        seconds in 0.0..20_000.0,
        surge in 100..1_000_u32,
    ) {
        let tariff = Tariff::default_usd();
        let fare = tariff.quote(way(distance_m, seconds), Multiplier::from_hundredths(surge));
        prop_assert!(tariff.settle_completed(&fare, Duration::ZERO).platform() >= Money::ZERO);
    }
}

#[test]
fn new_yorks_mean_trip_pays_the_driver_the_minimum_of_the_city() {
    // 4.04 miles and 18.9 minutes: 4.04 × 1.360 + 18.9 × 0.583 = 5.4944 + 11.0187.
    let fare = Tariff::default_usd().quote(way(4.04 * 1_609.344, 18.9 * 60.0), Multiplier::NONE);
    assert_eq!(fare.driver_pay, Money::from_minor(549 + 1_102));
    assert_eq!(fare.ride, Money::from_minor(250 + 715 + 1_323));
    assert_eq!(fare.total(), Money::from_minor(2_288 + 275));
}

#[test]
fn surge_raises_the_ride_before_the_minimum_and_leaves_the_booking_fee() {
    let tariff = Tariff::default_usd();
    let short = tariff.quote(way(1_000.0, 120.0), Multiplier::from_hundredths(150));
    assert_eq!(
        short.ride,
        Money::from_minor(800),
        "(250 + 110 + 140) × 1.5 is under the minimum"
    );
    assert_eq!(short.booking_fee, Money::from_minor(275));
    let steep = tariff.quote(way(1_000.0, 120.0), Multiplier::from_hundredths(200));
    assert_eq!(steep.ride, Money::from_minor(1_000));
}

#[test]
fn the_driver_has_a_share_of_what_surge_adds() {
    let tariff = Tariff::default_usd();
    let quote = |tariff: &Tariff, surge| {
        tariff.quote(way(5_000.0, 900.0), Multiplier::from_hundredths(surge))
    };
    let (calm, dear) = (quote(&tariff, 100), quote(&tariff, 200));
    assert_eq!(
        dear.ride - calm.ride,
        Money::from_minor(1_850),
        "as much again"
    );
    let of_surge = dear.driver_pay - calm.driver_pay;
    assert_eq!(
        of_surge,
        Money::from_minor(1_388),
        "three quarters of it, rounded"
    );
    let charge = tariff.settle_completed(&dear, Duration::ZERO);
    assert_eq!(charge.driver_pay, dear.driver_pay);
    assert_eq!(charge.platform() + charge.driver_pay, dear.ride);
    // Where the fare stays at the minimum, surge adds nothing.
    let short = tariff.quote(way(1_000.0, 120.0), Multiplier::from_hundredths(150));
    assert_eq!(short.driver_pay, Money::from_minor(500));

    let share = |driver_share_of_surge_percent| {
        Tariff::new(TariffTerms {
            driver_share_of_surge_percent,
            ..TariffTerms::default_usd()
        })
    };
    let all_the_platforms = quote(&share(0).unwrap(), 200);
    assert_eq!(all_the_platforms.driver_pay, calm.driver_pay);
    let error = share(101).unwrap_err().to_string();
    assert_eq!(
        error,
        "driver_share_of_surge_percent: found 101, expected 0 to 100"
    );
}

#[test]
fn waiting_costs_beyond_the_free_minutes_and_goes_mostly_to_the_driver() {
    let tariff = Tariff::default_usd();
    let fare = tariff.quote(way(5_000.0, 900.0), Multiplier::NONE);
    let charge = tariff.settle_completed(&fare, Duration::from_secs(210));
    assert_eq!(
        charge.wait_fee,
        Money::from_minor(105),
        "a minute and a half at 70 cents"
    );
    assert_eq!(charge.driver_pay, fare.driver_pay + Money::from_minor(84));
}

#[test]
fn cancelling_costs_after_the_grace_and_only_the_rider() {
    let tariff = Tariff::default_usd();
    let fare = tariff.quote(way(5_000.0, 900.0), Multiplier::NONE);
    let cancel = |stage, seconds: Option<u64>, by| {
        let since = seconds.map(Duration::from_secs);
        tariff
            .settle_cancelled(&fare, stage, since, by)
            .rider_pays()
            .minor()
    };
    use CancelStage::{Accepted, Arrived, Offered, PickedUp};
    use CancelledBy::{Driver, Rider, System};
    assert_eq!(
        cancel(Accepted, Some(120), Rider),
        0,
        "the grace includes its last moment"
    );
    assert_eq!(cancel(Accepted, Some(121), Rider), 500);
    assert_eq!(cancel(Arrived, Some(121), Rider), 500);
    assert_eq!(cancel(Accepted, None, Rider), 0);
    assert_eq!(cancel(Offered, Some(500), Rider), 0);
    assert_eq!(
        cancel(Arrived, Some(500), Driver),
        700,
        "the rider was not there"
    );
    assert_eq!(cancel(Accepted, Some(500), Driver), 0);
    assert_eq!(cancel(PickedUp, Some(900), Rider), fare.total().minor());
    assert_eq!(cancel(PickedUp, Some(90_000), System), 0);
}

#[test]
fn absurd_ways_saturate_and_absurd_terms_are_refused() {
    let tariff = Tariff::default_usd();
    let surge = Multiplier::from_hundredths(u32::MAX);
    for distance_m in [f64::NAN, f64::NEG_INFINITY, -1.0] {
        assert_eq!(
            tariff
                .quote(way(distance_m, 0.0), Multiplier::NONE)
                .ride
                .minor(),
            800
        );
    }
    let endless = Way {
        distance_m: f64::INFINITY,
        duration: Duration::MAX,
    };
    let charge = tariff.settle_completed(&tariff.quote(endless, surge), Duration::MAX);
    assert!(charge.rider_pays().minor() > 0);

    let with = |change: fn(&mut TariffTerms)| {
        let mut terms = TariffTerms::default_usd();
        change(&mut terms);
        Tariff::new(terms)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        with(|terms| terms.base = Money::from_minor(-1)),
        Err("base: found -1 minor units, expected 0 to 1000000000".into())
    );
    assert_eq!(
        with(|terms| terms.per_km_micros = i64::MAX),
        Err("per_km_micros: found 9223372036854775807 millionths of a minor unit, expected 0 to 1000000000000".into())
    );
    assert_eq!(
        with(|terms| terms.driver_share_of_fees_percent = 101),
        Err("driver_share_of_fees_percent: found 101, expected 0 to 100".into())
    );
}

//! Prices by hand, and price files that cannot be.

use super::*;

fn close(found: f64, expected: f64) {
    let difference = (found - expected).abs();
    assert!(
        difference <= expected.abs() * 1e-9 + 1e-12,
        "found {found}, expected {expected}"
    );
}

fn dollars(item: Item, quantity: f64, allowances: Allowances) -> f64 {
    let mut usage = Usage::default();
    usage.add(item, quantity);
    Prices::aws_us_east_1().cost(&usage, allowances).total
}

/// Each line was computed by hand from the price file.
#[test]
fn goldens() {
    use Item::*;
    for (item, quantity, usd) in [
        (LambdaRequests, 1e6, 0.20),
        // 10 million calls of 100 ms at 512 MB: 500,000 GB-s.
        (LambdaGbSecondsX86, 500_000.0, 8.333_35),
        (LambdaGbSecondsArm, 500_000.0, 6.666_7),
        // 6e9 × 1.66667e-5 = 100,000.2; 9e9 × 1.5e-5 = 135,000; 1e9 × 1.33334e-5 = 13,333.4.
        (LambdaGbSecondsX86, 16e9, 248_333.6),
        // 7.5e9 × 1.33334e-5 = 100,000.5; 2.5e9 × 1.20001e-5 = 30,000.25.
        (LambdaGbSecondsArm, 10e9, 130_000.75),
        // 0.5 GB kept ready for an hour, and calls of 600 s in it.
        (LambdaProvisionedGbSecondsX86, 1_800.0, 0.007_500_06),
        (LambdaProvisionedGbSecondsArm, 1_800.0, 0.006_000_12),
        (LambdaProvisionedRunGbSecondsX86, 300.0, 0.002_916_66),
        (LambdaProvisionedRunGbSecondsArm, 300.0, 0.002_333_34),
        (RiderPolls, 400e6, 390.0),
        // 2,500 pings a second for a month: 6,570 million messages; 10,000 connections: 438 million minutes.
        (WebSocketMessages, 6_570e6, 5_456.0),
        (WebSocketConnectionMinutes, 438e6, 109.5),
        (MetricHours, 7_300.0, 3.0),
        (AlarmHours, 7_300.0, 1.0),
        (InterfaceEndpointGb, 50.0, 0.5),
        (GatewayEndpointHours, 730.0, 0.0),
        (CrossZoneGb, 200.0, 2.0),
        (HttpApiRequests, 300e6, 300.0),
        (HttpApiRequests, 400e6, 390.0),
        (SqsRequests, 2.5e6, 1.0),
        // 2,500 pings a second for 730 h, one write unit each: the sum that made the tracker a container.
        (DynamodbWriteUnits, 2_500.0 * 730.0 * 3_600.0, 4_106.25),
        (DynamodbReadUnits, 8e6, 1.0),
        (LogGb, 3.0, 1.5),
        // One task of 1 vCPU and 2 GB for a month.
        (FargateVcpuHoursX86, 730.0, 29.550_4),
        (FargateGbHoursX86, 1_460.0, 6.489_7),
        (FargateVcpuHoursArm, 730.0, 23.637_4),
        (FargateGbHoursArm, 1_460.0, 5.197_6),
        (LoadBalancerHours, 730.0, 16.425),
        (LoadBalancerCapacityUnitHours, 730.0, 5.84),
        (InterfaceEndpointHours, 730.0, 7.3),
        (PublicIpv4Hours, 730.0, 3.65),
        // 10,240 × 0.09 = 921.6; 760 × 0.085 = 64.6.
        (EgressGb, 11_000.0, 986.2),
        (ScheduleInvocations, 43_800.0, 0.043_8),
    ] {
        close(dollars(item, quantity, Allowances::Ignored), usd);
    }
}

#[test]
fn allowances_are_subtracted_on_demand() {
    close(
        dollars(Item::LambdaRequests, 3e6, Allowances::Subtracted),
        0.40,
    );
    close(
        dollars(Item::LambdaGbSecondsArm, 400_000.0, Allowances::Subtracted),
        0.0,
    );
    close(dollars(Item::EgressGb, 150.0, Allowances::Subtracted), 4.5);
    close(
        dollars(Item::SqsRequests, 1e6, Allowances::Subtracted),
        0.40,
    );
}

#[test]
fn a_run_is_summed_by_component_and_scaled_to_a_month() {
    let prices = Prices::aws_us_east_1();
    let mut usage = Usage::default();
    // One hour: 36,000 calls, 200 rides completed, one small task.
    usage
        .add(Item::LambdaRequests, 36_000.0)
        .add(Item::LambdaGbSecondsArm, 900.0)
        .add(Item::HttpApiRequests, 36_000.0)
        .add(Item::FargateVcpuHoursArm, 0.5)
        .add(Item::FargateGbHoursArm, 1.0)
        .add(Item::SqsRequests, -5.0);
    let summary = prices.summarise(&usage, Duration::from_secs(3_600), 200);
    // 0.0072 + 0.01200006; 0.036; 0.01619 + 0.00356.
    assert_eq!(summary.by_component.len(), 3);
    close(summary.by_component["lambda"], 0.019_200_06);
    close(summary.by_component["http_api"], 0.036);
    close(summary.by_component["fargate"], 0.019_75);
    close(summary.total, 0.074_950_06);
    close(summary.per_completed_ride.unwrap(), 0.000_374_750_3);
    close(summary.per_month_at_this_load.unwrap(), 54.713_543_8);
    assert_eq!(summary.prices_as_of, "2026-11-22");
    let nothing = prices.summarise(&Usage::default(), Duration::ZERO, 0);
    assert_eq!(
        (nothing.per_completed_ride, nothing.per_month_at_this_load),
        (None, None)
    );
    assert!(nothing.total.is_sign_positive(), "{:?}", nothing.total);
}

#[test]
fn a_month_reaches_the_tiers_that_its_hour_does_not() {
    let prices = Prices::aws_us_east_1();
    let mut usage = Usage::default();
    usage.add(Item::HttpApiRequests, 1e6);
    let summary = prices.summarise(&usage, Duration::from_secs(3_600), 1);
    close(summary.total, 1.0);
    // 730 million: 300 + 430 × 0.9.
    close(summary.per_month_at_this_load.unwrap(), 687.0);
}

#[test]
fn the_dimension_that_needs_most_capacity_is_billed() {
    close(capacity_units(50.0, 3_000.0, 0.5), 2.0);
    close(capacity_units(1.0, 24_000.0, 0.5), 8.0);
    close(capacity_units(1.0, 300.0, 12.0), 12.0);
}

#[test]
fn polls_are_told_apart_and_share_the_tiers_of_other_requests() {
    let prices = Prices::aws_us_east_1();
    let mut usage = Usage::default();
    usage
        .add(Item::RiderPolls, 200e6)
        .add(Item::HttpApiRequests, 200e6);
    let cost = prices.cost(&usage, Allowances::Ignored);
    close(cost.by_component["http_api"], 200.0);
    close(cost.by_component["rider_polls"], 190.0);
}

#[test]
fn unverified_prices_are_named_where_they_are_used() {
    let prices = Prices::aws_us_east_1();
    assert_eq!(prices.unverified().count(), 0, "the shipped file has none");
    assert_eq!(
        (prices.region(), prices.as_of()),
        ("us-east-1", "2026-11-22")
    );
    let good = include_str!("../../prices/aws-us-east-1.toml");
    let doubtful = good.replacen("mark = \"G\"", "mark = \"X\"", 1).replacen(
        "mark = \"C\"",
        "mark = \"X\"",
        1,
    );
    let prices = Prices::parse(&doubtful).unwrap();
    let unverified: Vec<Item> = prices.unverified().map(|(item, _)| item).collect();
    assert_eq!(unverified, [Item::MetricHours, Item::ScheduleInvocations]);
    let mut usage = Usage::default();
    usage
        .add(Item::ScheduleInvocations, 60.0)
        .add(Item::LogGb, 1.0);
    let summary = prices.summarise(&usage, Duration::from_secs(3_600), 1);
    assert_eq!(summary.unverified, ["price.schedule_invocations"]);
    let keys = ["profile.table.get", "price.schedule_invocations"].map(str::to_owned);
    assert_eq!(
        summary.resting_on(keys).unverified,
        ["price.schedule_invocations", "profile.table.get"]
    );
}

#[test]
fn a_price_file_that_cannot_be_names_its_key() {
    let good = include_str!("../../prices/aws-us-east-1.toml");
    for (from, to, expected) in [
        (
            "[price.log_gb]\nusd = 0.50\nmark = \"P\"\nsource = \"infracost-logs\"",
            "",
            "no price.log_gb",
        ),
        (
            "[price.log_gb]",
            "[price.log_tb]",
            "price: found log_tb, expected one of lambda_requests",
        ),
        (
            "usd = 0.50",
            "usd = -0.5",
            "price.log_gb.tiers: found -0.5, expected a price of at least 0",
        ),
        ("usd = 0.50", "usd = nan", "price.log_gb.tiers: found NaN"),
        (
            "usd = 0.50\n",
            "",
            "price.log_gb.usd: found neither usd nor tiers",
        ),
        (
            "usd = 0.50",
            "usd = 1.0\ntiers = []",
            "price.log_gb.usd: found both usd and tiers",
        ),
        (
            "source = \"infracost-logs\"",
            "source = \"hearsay\"",
            "price.log_gb.source: found hearsay",
        ),
        (
            "up_to = 15_000_000_000",
            "up_to = 5",
            "found 5, expected a tier that ends above 6000000000",
        ),
        (
            "    { usd = 1.33334e-5 },\n]\nfree = 400_000\nmark",
            "]\nmark",
            "a last tier without up_to",
        ),
        (
            "usd = 0.20\nper = 1_000_000",
            "usd = 0.20\nper = 0",
            "price.lambda_requests.per: found 0",
        ),
        (
            "free = 100\n",
            "free = -1\n",
            "price.egress_gb.free: found -1",
        ),
        (
            "as_of = \"2026-11-22\"",
            "as_of = \"today\"",
            "as_of: found today, expected a date",
        ),
        (
            "as_of = \"2026-11-22\"",
            "as_of = \"2026-13-22\"",
            "as_of: found 2026-13-22",
        ),
        (
            "month_hours = 730",
            "month_hours = 0",
            "month_hours: found 0, expected more than 0",
        ),
        (
            "currency = \"USD\"",
            "currency = \"EUR\"",
            "currency: found EUR, expected USD",
        ),
        ("prices/1", "prices/2", "schema: found rushhour.prices/2"),
        ("mark = \"P\"", "mark = \"Q\"", "unknown variant `Q`"),
        ("mark = \"P\"", "", "missing field `mark`"),
        (
            "month_hours = 730",
            "month_hours = 730\nmonth_days = 30",
            "unknown field `month_days`",
        ),
        ("schema", "= schema", "line"),
    ] {
        assert!(good.contains(from), "{from} is not in the file");
        let error = Prices::parse(&good.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("price file: "), "{error}");
        assert!(
            error.contains(expected),
            "found {error:?}, expected it to say {expected:?}"
        );
    }
}

//! The shipped profiles, laws held against their moments, and profiles that cannot be.

use kernel::Streams;
use proptest::prelude::*;

use super::*;

fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1e3)
}

fn close(found: Duration, expected: Duration, share: f64) {
    let (found, expected) = (found.as_secs_f64(), expected.as_secs_f64());
    assert!(
        (found - expected).abs() <= expected * share,
        "found {found}, expected {expected}"
    );
}

fn mean_of(spans: &Spans, count: u32) -> Duration {
    let mut stream = Streams::new(5).stream("mean", 0);
    let sum: Duration = (0..count).map(|_| spans.sample(&mut stream)).sum();
    sum / count
}

#[test]
fn shipped_profiles_are_read_and_read_back() {
    for profile in [Profile::aws_us_east_1(), Profile::embedded()] {
        let again = Profile::parse(profile.name(), &profile.to_toml()).unwrap();
        assert_eq!(again.to_toml(), profile.to_toml());
        assert_eq!(again.unverified(), profile.unverified());
        assert_eq!(again.service, profile.service);
        for name in [
            "pricing.quote",
            "trips.request",
            "trips.read",
            "trips.cancel",
            "trips.event",
            "trips.sweep",
            "matching.round",
            "surge.update",
        ] {
            assert!(profile.service.contains_key(name), "{name}");
        }
    }
    let aws = Profile::aws_us_east_1();
    assert_eq!((aws.region(), aws.as_of()), ("us-east-1", "2026-11-22"));
    let unverified = aws.unverified();
    for key in ["lambda.placement", "table.get", "service.pricing.quote.cpu"] {
        assert!(unverified.iter().any(|found| found == key), "{key}");
    }
    assert!(!unverified.iter().any(|key| key == "lambda.scale_per_10s"));
}

/// The machines' own defaults are what AWS documents; the profile says the same.
#[test]
fn the_profile_of_aws_agrees_with_the_defaults_of_the_machines() {
    use crate::event_source::{EMPTY_POLL_GAP, LONG_POLL_WAIT_MAX, PollerScaling};
    use crate::lambda_pool::{ACCOUNT_CONCURRENCY_DEFAULT, IDLE_TIMEOUT_DEFAULT, SCALE_PER_10S};
    let aws = Profile::aws_us_east_1();
    assert_eq!(aws.queue.pollers(), PollerScaling::default());
    assert_eq!(aws.queue.long_poll, LONG_POLL_WAIT_MAX);
    assert_eq!(aws.queue.poll_gap, EMPTY_POLL_GAP);
    assert_eq!(aws.lambda.account_concurrency, ACCOUNT_CONCURRENCY_DEFAULT);
    assert_eq!(aws.lambda.scale_per_10s, SCALE_PER_10S);
    assert_eq!(aws.lambda.idle_timeout.median(), IDLE_TIMEOUT_DEFAULT);
    let embedded = Profile::embedded().queue;
    assert_eq!(embedded.pollers(), PollerScaling::default());
    assert_eq!(embedded.faults(), crate::queue::Faults::default());
    assert_eq!(embedded.visibility_tick, Duration::from_secs(1));
}

#[test]
fn laws_have_the_moments_of_their_figures() {
    let table = Spans::from_quantiles(
        &[0.1, 0.5, 0.9, 0.99],
        &[ms(13.7), ms(16.2), ms(33.8), ms(105.0)],
    )
    .unwrap();
    assert_eq!(table.median(), ms(16.2));
    // 0.1 × 13.7 + 0.4 × 14.95 + 0.4 × 25 + 0.09 × 69.4 + 0.01 × 105.
    close(table.mean(), ms(24.646), 1e-6);
    close(mean_of(&table, 200_000), table.mean(), 0.01);
    let lognormal = Spans::lognormal(ms(3.0), ms(10.0)).unwrap();
    assert_eq!(lognormal.median(), ms(3.0));
    close(mean_of(&lognormal, 200_000), lognormal.mean(), 0.01);
    let mut stream = Streams::new(1).stream("tail", 0);
    let above = (0..100_000)
        .filter(|_| lognormal.sample(&mut stream) > ms(10.0))
        .count();
    assert!(
        (900..1_100).contains(&above),
        "{above} of 100,000 above p99"
    );
    assert_eq!(Spans::constant(ms(2.0)).sample(&mut stream), ms(2.0));
    assert_eq!(table.scaled(2.0).median(), ms(32.4));
    assert_eq!(lognormal.scaled(-1.0).mean(), Duration::ZERO);
}

#[test]
fn the_law_of_samples_keeps_their_mean_and_quantiles() {
    let law = Spans::lognormal(ms(1.0), ms(9.0)).unwrap();
    let mut stream = Streams::new(3).stream("samples", 0);
    let mut samples: Vec<Duration> = (0..20_000).map(|_| law.sample(&mut stream)).collect();
    samples.push(ms(4_000.0));
    let fitted = Spans::from_samples(&samples).unwrap();
    let mean = samples.iter().sum::<Duration>() / 20_001;
    close(fitted.mean(), mean, 0.02);
    close(fitted.median(), ms(1.0), 0.03);
    let one = Spans::from_samples(&[ms(7.0)]).unwrap();
    assert_eq!((one.mean(), one.median()), (ms(7.0), ms(7.0)));
    assert!(Spans::from_samples(&[]).is_err());
}

#[test]
fn processor_share_follows_memory() {
    let lambda = Profile::aws_us_east_1().lambda;
    for (memory, share) in [
        (128, 0.072_357),
        (1_769, 1.0),
        (3_008, 1.700_396),
        (10_240, 5.788_581),
    ] {
        let found = lambda.cpu_share(memory);
        assert!((found - share).abs() < 1e-6, "{memory} MB: {found}");
    }
    // Measured: 912 ms, less the 21 ms of a call that finds its connection open.
    close(lambda.first_call(128), ms(891.0), 0.005);
    assert_eq!(lambda.first_call(10_240), lambda.first_call(1_769));
    // Half a processor is 10 ms of each 20.
    for (cpu, takes) in [(1.0, 1.0), (9.9, 9.9), (10.5, 20.5), (100.0, 190.0)] {
        close(lambda.stretched(ms(cpu), 885), ms(takes), 0.005);
    }
    assert_eq!(lambda.stretched(ms(100.0), 1_769), ms(100.0));
    let embedded = Profile::embedded().lambda;
    assert_eq!(embedded.stretched(ms(7.0), 128), ms(7.0));
    close(lambda.init_of_streets(100_000, 0), ms(53.0), 0.005);
    close(lambda.init_of_streets(100_000, 2), ms(115.0), 0.005);
    assert_eq!(embedded.init_of_streets(100_000, 2), Duration::ZERO);
}

#[test]
fn a_day_moves_all_inits_alike() {
    let lambda = Profile::aws_us_east_1().lambda;
    let mut medians = Vec::new();
    for day in 0..200 {
        let drawn = lambda.for_day(&mut Streams::new(day).stream("day", 0));
        medians.push(drawn.init(Architecture::Arm64).median());
        assert_eq!(drawn.placement, lambda.placement);
    }
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*least >= ms(12.69) && *most <= ms(40.72) && *most > ms(15.0));
}

#[test]
fn a_measured_figure_replaces_a_placeholder_and_keeps_its_source() {
    let mut profile = Profile::aws_us_east_1().named("mine");
    profile.add_source("run-7", "rushhour calibrate runs/7");
    let provenance = |source: &str| Provenance {
        mark: Mark::Measured,
        source: source.to_owned(),
        as_of: Some("2026-11-26".to_owned()),
    };
    let cpu = Spans::from_samples(&[ms(1.0), ms(2.0)]).unwrap();
    let figures = [
        ("service.pricing.quote.cpu", Figure::Spans(cpu.clone())),
        ("queue.reorder_probability", Figure::Number(0.5)),
    ];
    let figures = figures.map(|(key, figure)| (key.to_owned(), figure));
    let error = profile
        .set(figures.clone(), &provenance("hearsay"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("found hearsay"), "{error}");
    profile.set(figures, &provenance("run-7")).unwrap();
    assert_eq!(profile.service["pricing.quote"].cpu, cpu);
    assert!(profile.queue.reorder_probability > 0.4);
    let again = Profile::parse("mine", &profile.to_toml()).unwrap();
    let (_, _, mark, source, date) = again
        .figures()
        .find(|(key, ..)| *key == "service.pricing.quote.cpu")
        .unwrap();
    assert_eq!(
        (mark, source, date),
        (Mark::Measured, "rushhour calibrate runs/7", "2026-11-26")
    );
    let unknown = [("queue.sned".to_owned(), Figure::Number(1.0))];
    let error = profile.set(unknown, &provenance("run-7")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("queue.sned: found an unknown key")
    );
}

#[test]
fn a_profile_that_cannot_be_names_its_key() {
    let good = include_str!("../../profiles/aws-us-east-1.toml");
    for (from, to, expected) in [
        (
            "get = { p50 = 3, p99 = 10, mark = \"X\", source = \"unverified\" }\n",
            "",
            "table.get: found nothing, expected a law of spans",
        ),
        ("get = {", "git = {", "table.get: found nothing"),
        (
            "poll_gap = {",
            "poll_pag = { ms = 1, mark = \"X\", source = \"unverified\" }\npoll_gap = {",
            "queue.poll_pag: found an unknown key",
        ),
        (
            "p50 = 3, p99 = 10",
            "p50 = 3, p99 = 2",
            "table.get.p99: found p99 = 2",
        ),
        (
            "p50 = 3, p99 = 10",
            "p50 = 3, p95 = 10",
            "table.get: found the key p95",
        ),
        ("p50 = 3, p99 = 10", "ms = -3", "table.get.ms: found -3"),
        (
            "p50 = 3, p99 = 10",
            "ms = nan",
            "table.get.ms: found nan, expected a number",
        ),
        ("p50 = 3, p99 = 10, ", "", "table.get: found no figure"),
        (
            "q = [0.10, 0.50, 0.90, 0.99]",
            "q = [0.50, 0.10, 0.90, 0.99]",
            "queue.receive.q: found the quantile 0.1 after 0.5, expected quantiles that rise",
        ),
        (
            "q = [0.10, 0.50, 0.90, 0.99]",
            "q = [0.10, 0.50, 0.90, 1.01]",
            "queue.receive.q: found the quantile 1.01, expected 0 to 1",
        ),
        (
            "ms = [13.7, 16.2, 33.8, 105]",
            "ms = [13.7, 16.2, 13.8, 105]",
            "queue.receive.q: found 13800000 after 16200000",
        ),
        (
            "ms = [13.7, 16.2, 33.8, 105]",
            "ms = [13.7, 16.2, 33.8]",
            "found 4 quantiles and 3 values",
        ),
        (
            "duplicate_probability = { value = 0.0001",
            "duplicate_probability = { value = 1.5",
            "queue.duplicate_probability: found 1.5, expected a probability of 0 to 1",
        ),
        (
            "pollers_max = { value = 1250",
            "pollers_max = { value = 4",
            "queue.pollers_initial: found 5, expected at most queue.pollers_max = 4",
        ),
        (
            "unreserved_min = { value = 100",
            "unreserved_min = { value = 1001",
            "lambda.unreserved_min: found 1001",
        ),
        (
            "scale_per_10s = { value = 1000",
            "scale_per_10s = { value = 0.5",
            "lambda.scale_per_10s: found 0.5, expected a whole number of at least 1",
        ),
        (
            "[5307, 3]",
            "[5307, 1]",
            "lambda.vcpus_by_mb.steps: found (5307.0, 1.0) after (3008.0, 2.0)",
        ),
        (
            "metrics_period = { ms = 60_000",
            "metrics_period = { ms = 0",
            "container.metrics_period: found 0 ms, expected more than 0 ms",
        ),
        (
            "task_start = { ms = 23_000",
            "task_start = { value = 23",
            "container.task_start: found the number 23, expected a law of spans",
        ),
        (
            "mark = \"X\"",
            "mark = \"Q\"",
            "lambda.placement.mark: found Q, expected one of the marks",
        ),
        ("mark = \"X\", ", "", "lambda.placement.mark: found nothing"),
        (
            "source = \"unverified\"",
            "source = \"hearsay\"",
            "lambda.placement.source: found hearsay, expected a name under [sources]",
        ),
        (
            "[service.pricing.quote]",
            "[service.pricing.quote]\nmemory = { ms = 1, mark = \"X\", source = \"placeholder\" }",
            "service.pricing.quote.memory: found an unknown key",
        ),
        (
            "[service.pricing.quote]",
            "[service.pricing.quote]\nper_item = { ms = 1, mark = \"X\", source = \"placeholder\" }",
            "service.pricing.quote.per_item: found a figure of an older version, on which nothing rests",
        ),
        (
            "[queue]",
            "[queues]",
            "queues: found an unknown key, expected schema, region",
        ),
        (
            "cloud_profile/1",
            "cloud_profile/0",
            "schema: found rushhour.cloud_profile/0, expected rushhour.cloud_profile/1",
        ),
        (
            "as_of = \"2026-11-22\"",
            "as_of = \"lately\"",
            "as_of: found lately, expected a date",
        ),
        ("schema =", "= ", "line"),
    ] {
        assert!(good.contains(from), "{from} is not in the file");
        let error = Profile::parse("mine", &good.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("cloud profile mine: "), "{error}");
        assert!(
            error.contains(expected),
            "found {error:?}, expected it to say {expected:?}"
        );
    }
}

proptest! {
    #[test]
    fn the_guide_finds_what_a_search_finds(
        mut quantiles in proptest::collection::btree_set(0_u32..=10_000, 2..60),
        seed in 0_u64..1_000,
    ) {
        quantiles.insert(10_000);
        let q: Vec<f64> = quantiles.iter().map(|q| f64::from(*q) / 1e4).collect();
        // The value at each quantile is the quantile itself, so a draw is its own uniform number.
        let at: Vec<Duration> = q.iter().map(|q| Duration::from_secs_f64(*q)).collect();
        let spans = Spans::from_quantiles(&q, &at).unwrap();
        let mut drawn = Streams::new(seed).stream("guide", 0);
        let mut same = Streams::new(seed).stream("guide", 0);
        for _ in 0..50 {
            let expected = same.uniform().max(q[0]);
            let found = spans.sample(&mut drawn).as_secs_f64();
            prop_assert!((found - expected).abs() < 2e-9, "found {found}, expected {expected}");
        }
    }
}

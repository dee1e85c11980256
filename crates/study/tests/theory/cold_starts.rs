//! Cold starts of a pool that keeps idle environments for a time.

use rushhour_study::Figures;

use crate::{figures, holds};

fn function(keys: &str, duration_s: f64) -> Figures {
    figures(&format!(
        "[[function]]\nname = 'f'\nduration = '{duration_s}s'\n{keys}"
    ))
}

/// Calls that take no time need one environment, and start it anew after each gap over the timeout.
#[test]
fn short_calls_start_cold_after_a_long_gap() {
    for (rate, timeout_s) in [(1.0_f64, 2.0), (0.2, 1.0), (5.0, 0.5)] {
        let found = function(
            &format!(
                "arrivals = 'poisson {rate}/s'\nservice = 'constant 0s'\nidle_timeout = '{timeout_s}s'"
            ),
            300_000.0 / rate,
        );
        let cold = (-rate * timeout_s).exp();
        holds("cold", found.cold_start_probability, cold, 0.05);
        holds("instances", found.instances_mean, 1.0 - cold, 0.01);
    }
}

/// One environment at most: a call that is taken in finds it gone if nothing came for the timeout after
/// the one before, whatever the law of service.
#[test]
fn a_single_environment_is_a_renewal_process() {
    let (rate, timeout_s) = (0.5_f64, 3.0);
    for service in ["exponential 1s", "constant 1s"] {
        let found = function(
            &format!(
                "arrivals = 'poisson {rate}/s'\nservice = '{service}'\ncold_service = 'constant 2.5s'\n\
                 maximum_concurrency = 1\nidle_timeout = '{timeout_s}s'"
            ),
            800_000.0,
        );
        let cold = (-rate * timeout_s).exp();
        let service_s = 1.0 - cold + 2.5 * cold;
        let taken_in = 1.0 / (1.0 + rate * service_s);
        let cycle_s = service_s + 1.0 / rate;
        holds("cold", found.cold_start_probability, cold * taken_in, 0.02);
        holds("rejected", found.rejected_probability, 1.0 - taken_in, 0.01);
        let kept_s = service_s + (1.0 - cold) / rate;
        holds("instances", found.instances_mean, kept_s / cycle_s, 0.01);
    }
}

/// Time and cold starts until two environments are busy again.
#[derive(Clone, Copy, Default)]
struct Until {
    time_s: f64,
    cold: f64,
}

impl Until {
    fn plus(self, factor: f64, other: Self) -> Self {
        Self {
            time_s: self.time_s + factor * other.time_s,
            cold: self.cold + factor * other.cold,
        }
    }
}

fn until(time_s: f64, cold: f64) -> Until {
    Until { time_s, cold }
}

/// At most two environments, the newer of which takes a call if both are idle; Poisson calls at rate `l`,
/// exponential service at rate `m`, idle timeout `t`. Every visit to "both busy" begins anew, because what
/// is left of an exponential service is exponential again. Between two visits the pool is
/// - `single`: one environment, busy;
/// - `alone(c)`: one environment, idle for c;
/// - `one_idle(c)`: two, the older idle for c, the newer busy (or the other way round, once, with c = 0);
/// - `both_idle(c)`: the older idle for c, the newer just now (or the other way round).
///
/// Each says what it adds and where it leads; integrals over c are solved backwards from c = t by the
/// trapezium rule. The share of cold starts is that of a cycle over the calls of a cycle, l × its time.
fn two_environments(l: f64, m: f64, t: f64) -> f64 {
    const STEPS: usize = 20_000;
    let step = t / STEPS as f64;
    let both = l + m;
    // single: a call starts a second environment, or the first falls idle, and a call comes to that.
    let per_visit = until(
        1.0 / both + m / both / l,
        l / both + m / both * (-l * t).exp(),
    );
    let single = Until::default().plus(both / l, per_visit);
    let alone = |idle_s: f64| until(1.0 / l, (-l * (t - idle_s)).exp()).plus(1.0, single);

    // f = ∫ m e^(-(l+m)(s-c)) both_idle(s) ds and g = ∫ l e^(-l(s-c)) one_idle(s) ds, both from c to t.
    let one_idle_at = |c: f64, f: Until| {
        let left = (-both * (t - c)).exp();
        until((1.0 - left) / both, 0.0)
            .plus(1.0, f)
            .plus(left, single)
    };
    let both_idle_at = |c: f64, g: Until| {
        let left = (-l * (t - c)).exp();
        until((1.0 - left) / l, 0.0)
            .plus(1.0, g)
            .plus(left, alone(t - c))
    };
    let (mut f, mut g) = (Until::default(), Until::default());
    let mut one_idle = vec![one_idle_at(t, f)];
    let mut both_idle = both_idle_at(t, g);
    for back in 1..=STEPS {
        let c = t - back as f64 * step;
        let (last_one, last_both) = (one_idle[back - 1], both_idle);
        let (decay_f, decay_g) = ((-both * step).exp(), (-l * step).exp());
        let fade = |sum: Until, decay: f64| Until::default().plus(decay, sum);
        // The new ends of the two intervals depend on each other, by a step's width: twice is enough.
        let (mut now_one, mut now_both) = (last_one, last_both);
        let (mut next_f, mut next_g) = (f, g);
        for _ in 0..3 {
            let half = step / 2.0;
            next_f = fade(f, decay_f)
                .plus(half * m * decay_f, last_both)
                .plus(half * m, now_both);
            next_g = fade(g, decay_g)
                .plus(half * l * decay_g, last_one)
                .plus(half * l, now_one);
            now_one = one_idle_at(c, next_f);
            now_both = both_idle_at(c, next_g);
        }
        (f, g) = (next_f, next_g);
        one_idle.push(now_one);
        both_idle = now_both;
    }
    one_idle.reverse();
    // The newer idle for c when the older falls idle: a call leaves the older idle for as long as it took.
    let (mut taken, mut newer_first) = (Until::default(), vec![Until::default(); STEPS + 1]);
    for at in 0..=STEPS {
        let c = t - at as f64 * step;
        let left = (-l * (t - c)).exp();
        newer_first[STEPS - at] = until((1.0 - left) / l, 0.0)
            .plus(1.0, taken)
            .plus(left, alone(t - c));
        if at < STEPS {
            let weight = |at: usize| step / 2.0 * l * (-l * at as f64 * step).exp();
            taken = taken
                .plus(weight(at), one_idle[at])
                .plus(weight(at + 1), one_idle[at + 1]);
        }
    }
    let newer_idle = (0..=STEPS).fold(Until::default(), |sum, at| {
        let weight = if at == 0 || at == STEPS { 0.5 } else { 1.0 };
        sum.plus(
            weight * step * m * (-both * at as f64 * step).exp(),
            newer_first[at],
        )
    });
    let newer_idle = one_idle_at(0.0, newer_idle);
    let cycle = until(0.5 / m, 0.0)
        .plus(0.5, one_idle[0])
        .plus(0.5, newer_idle);
    cycle.cold / (l * cycle.time_s)
}

#[test]
fn two_environments_start_cold_as_often_as_calculated() {
    for (rate, service_s, timeout_s) in [(1.0, 1.0, 1.0), (0.5, 1.0, 3.0), (3.0, 0.5, 0.5)] {
        let found = function(
            &format!(
                "arrivals = 'poisson {rate}/s'\nservice = 'exponential {service_s}s'\n\
                 maximum_concurrency = 2\nidle_timeout = '{timeout_s}s'"
            ),
            600_000.0 / rate,
        );
        let expected = two_environments(rate, 1.0 / service_s, timeout_s);
        let what = format!("{rate}/s, {service_s} s, {timeout_s} s");
        holds(&what, found.cold_start_probability, expected, 0.03);
    }
}

/// The worked example of SimFaaS (Mahmoudi and Khazaei 2021, table 1): 0.14 % cold starts, 7.68
/// instances, 1.79 of them busy.
#[test]
fn the_published_simulation_is_reproduced() {
    let found = function(
        "arrivals = 'poisson 0.9/s'\nservice = 'exponential 1.991s'\n\
         cold_service = 'exponential 2.244s'\nidle_timeout = '600s'",
        1_000_000.0,
    );
    holds("busy", found.busy_mean, 1.792, 0.01);
    let cold = found.cold_start_probability.unwrap();
    assert!((0.0013..0.0015).contains(&cold.value), "{cold:?}");
    let instances = found.instances_mean.unwrap();
    assert!((7.5..7.86).contains(&instances.value), "{instances:?}");
}

/// Who takes the longest idle keeps all environments alive, and who takes the newest lets old ones go.
#[test]
fn routings_differ_in_what_they_keep() {
    let keys = "arrivals = 'poisson 20/s'\nservice = 'exponential 200ms'\nidle_timeout = '5s'";
    let found = |routing: &str| function(&format!("{keys}\nrouting = '{routing}'"), 15_000.0);
    let instances = |found: &Figures| found.instances_mean.unwrap().value;
    let newest = found("newest-idle");
    let (random, longest) = (found("random"), found("least-recently-used"));
    assert!(instances(&newest) < instances(&random) && instances(&random) <= instances(&longest));
    let cold = |found: &Figures| found.cold_start_probability.unwrap().value;
    assert!(cold(&newest) > cold(&random) && cold(&random) >= cold(&longest));
}

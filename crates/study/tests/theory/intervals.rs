//! The intervals of real studies hold the truth about as often as they say.

use rushhour_study::{Changes, Study};

#[test]
fn of_a_hundred_intervals_about_95_hold_the_truth() {
    let (mut waits, mut means) = (0, 0);
    for seed in 0..100 {
        let text = format!(
            "seed = {seed}\n[[service]]\nname = 's'\narrivals = 'poisson 0.5/s'\n\
             service = 'exponential 1s'\nservers = 1\nduration = '40000s'"
        );
        let study = Study::parse(
            "theory",
            &text,
            &Changes::default(),
            &|_| Err(String::new()),
        )
        .unwrap();
        let found = study.run().remove("s").unwrap();
        let waiting = found.wait_probability.unwrap();
        waits += u32::from((waiting.value - 0.5).abs() <= waiting.ci95);
        let mean = found.wait_s.unwrap().mean;
        means += u32::from((mean.value - 1.0).abs() <= mean.ci95);
    }
    // Of 100 draws at 95 % fewer than 88 come once in five hundred.
    assert!((88..=100).contains(&waits), "found {waits} of 100");
    assert!((88..=100).contains(&means), "found {means} of 100");
}

//! The log of a deployed process.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging: a JSON object per line on standard output, which is where CloudWatch Logs reads.
/// `RUST_LOG` sets the level, `info` if absent, and levels by target (`info,aws_config=debug`). To be called once,
/// first of all.
pub fn start() {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_current_span(false)
        .without_time(); // CloudWatch stamps each line itself.
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    tracing_subscriber::registry()
        .with(levels(&asked))
        .with(lines)
        .init();
}

/// Levels by target. The subscriber's other filter also knows the fields of spans, for which it brings a compiler of
/// regular expressions: too much for a function.
fn levels(asked: &str) -> Targets {
    let usual = || Targets::new().with_default(LevelFilter::INFO);
    match asked.parse() {
        Ok(levels) if !asked.is_empty() => levels,
        _ => usual(),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_info() {
        for asked in ["", "info", "a=b=c"] {
            let levels = levels(asked);
            assert!(levels.would_enable("rushhour", &Level::INFO), "{asked}");
            assert!(!levels.would_enable("rushhour", &Level::DEBUG), "{asked}");
        }
        let levels = levels("warn,rushhour_aws=debug");
        assert!(levels.would_enable("rushhour_aws::dynamo", &Level::DEBUG));
        assert!(!levels.would_enable("rushhour", &Level::INFO));
    }
}

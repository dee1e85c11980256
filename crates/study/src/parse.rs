//! From text to a study, with one message for what is wrong: file, line or key, what was found, what was
//! expected.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use cloud::event_source::{
    BATCH_SIZE_DEFAULT, EventSourceConfig, LONG_POLL_WAIT_MAX, POLLERS_MAX, PollerScaling,
};
use cloud::lambda_pool::Routing;
use cloud::queue::VISIBILITY_TIMEOUT_MAX;
use kernel::random::{SPAN_MAX, span};
use workload::document::{explain, lay, line_at};
use workload::law::parse_span;

use crate::distribution::{self, Gaps, Resolver};
use crate::document::{Document, FunctionDocument, Places, QueueDocument, ServiceDocument};
use crate::limits::{
    ARRIVALS_DEFAULT, ARRIVALS_MAX, CONCURRENCY_MAX, IDLE_TIMEOUTS_DEFAULT, NAME_CHARS_MAX,
    PARTS_MAX, SERVERS_MAX, WAITING_MAX,
};
use crate::{Function, Part, Queue, Service, Span, Study};

/// The seed of a study that names none.
const SEED_DEFAULT: u64 = 1;
/// The name of a study that has none.
const NAME_DEFAULT: &str = "study";
/// Keep-alive of a function that names none.
const IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(600);
/// Concurrency of a function that names none: an account's.
const CONCURRENCY_DEFAULT: u32 = cloud::lambda_pool::ACCOUNT_CONCURRENCY_DEFAULT;
/// Window of a queue that names none.
const BATCH_WINDOW_DEFAULT: Duration = Duration::from_secs(1);
/// The shortest study: its batches are of whole microseconds.
const DURATION_MIN: Duration = Duration::from_millis(1);

/// What is wrong with a study.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct StudyError {
    /// File and line, or file, part and key.
    pub place: String,
    /// What was found, and what was expected.
    pub message: String,
}

type Parsed<T> = Result<T, StudyError>;

impl Study {
    /// Reads a study from text that came from `origin`, with `changes` laid over it. `files` gives the text
    /// of a file that the study names, or says why it cannot.
    ///
    /// # Errors
    /// If the text, a change, a value or a file is wrong.
    pub fn parse(
        origin: &str,
        text: &str,
        changes: &Changes,
        files: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Self, StudyError> {
        let mut document: Document = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_at(text, span.start));
            wrong(format!("{origin}:{line}"), explain(error.message()))
        })?;
        if !changes.sets.is_empty() {
            let table = toml::from_str(text);
            let mut table: toml::Table = table.map_err(|error| wrong(origin, error.message()))?;
            for set in &changes.sets {
                let place = || format!("--set {set}");
                lay(&mut table, set).map_err(|message| wrong(place(), message))?;
                let changed = table.clone().try_into();
                let explained = |error: toml::de::Error| wrong(place(), explain(error.message()));
                document = changed.map_err(explained)?;
            }
        }
        Reader {
            origin,
            duration: changes.duration,
            files,
        }
        .study(document)
    }
}

/// What is laid over a study's file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Stands for the duration of every part.
    pub duration: Option<Duration>,
    /// Values by path, in this order: `function.pricing.service=80ms`.
    pub sets: Vec<String>,
}

fn wrong(place: impl Into<String>, message: impl Display) -> StudyError {
    StudyError {
        place: place.into(),
        message: message.to_string(),
    }
}

struct Reader<'a> {
    origin: &'a str,
    duration: Option<Duration>,
    files: &'a Resolver<'a>,
}

impl Reader<'_> {
    fn study(&self, document: Document) -> Parsed<Study> {
        let top = self.at("", "");
        let name = document.name.unwrap_or_else(|| NAME_DEFAULT.to_owned());
        self.at("", "").key("name").name(&name)?;
        let mut parts = BTreeMap::new();
        let mut add = |kind: &str, name: &str, part: Part| {
            let at = self.at(kind, name).key("name");
            at.name(name)?;
            match parts.insert(name.to_owned(), part) {
                None => Ok(()),
                Some(_) => Err(at.wrong("found the name of another part, expected one of its own")),
            }
        };
        for function in document.function {
            add("function", &function.name, self.function(&function)?)?;
        }
        for service in document.service {
            add("service", &service.name, self.service(&service)?)?;
        }
        for queue in document.queue {
            add("queue", &queue.name, self.queue(&queue)?)?;
        }
        if !(1..=PARTS_MAX).contains(&parts.len()) {
            return Err(top.wrong(format!(
                "found {} parts, expected 1 to {PARTS_MAX} of [[function]], [[service]] and [[queue]]",
                parts.len()
            )));
        }
        Ok(Study {
            name,
            seed: document.seed.unwrap_or(SEED_DEFAULT),
            parts,
        })
    }

    fn function(&self, function: &FunctionDocument) -> Parsed<Part> {
        let at = self.at("function", &function.name);
        let arrivals = at.key("arrivals").arrivals(&function.arrivals)?;
        let service = at.key("service").distribution(&function.service)?;
        let cold_service = function.cold_service.as_deref().map_or_else(
            || Ok(service.clone()),
            |cold| at.key("cold_service").distribution(cold),
        )?;
        let idle_timeout = at
            .key("idle_timeout")
            .span_or(function.idle_timeout.as_deref(), IDLE_TIMEOUT_DEFAULT)?;
        let routing = match function.routing.as_deref() {
            None | Some("newest-idle") => Routing::NewestIdle,
            // The seed is the study's.
            Some("random") => Routing::Random(0),
            Some("least-recently-used") => Routing::LeastRecentlyUsed,
            Some(other) => {
                return Err(at.key("routing").wrong(format!(
                    "found {other:?}, expected newest-idle, random or least-recently-used"
                )));
            }
        };
        let maximum_concurrency = at.key("maximum_concurrency").count(
            function.maximum_concurrency,
            CONCURRENCY_DEFAULT,
            1..=CONCURRENCY_MAX,
        )?;
        let written = (function.duration.as_deref(), function.warmup.as_deref());
        let span = at.span(written, &arrivals, idle_timeout)?;
        Ok(Part::Function(Function {
            arrivals,
            service,
            cold_service,
            idle_timeout,
            routing,
            maximum_concurrency,
            span,
        }))
    }

    fn service(&self, service: &ServiceDocument) -> Parsed<Part> {
        let at = self.at("service", &service.name);
        let arrivals = at.key("arrivals").arrivals(&service.arrivals)?;
        let servers = at
            .key("servers")
            .count(Some(service.servers), 1, 1..=SERVERS_MAX)?;
        let places = match service.queue {
            None | Some(Places::Unbounded) => None,
            Some(Places::Bounded(places)) => {
                Some(at.key("queue").count(Some(places), 0, 0..=WAITING_MAX)?)
            }
        };
        let written = (service.duration.as_deref(), service.warmup.as_deref());
        let span = at.span(written, &arrivals, Duration::ZERO)?;
        Ok(Part::Service(Service {
            arrivals,
            service: at.key("service").distribution(&service.service)?,
            servers,
            places,
            span,
        }))
    }

    fn queue(&self, queue: &QueueDocument) -> Parsed<Part> {
        let at = self.at("queue", &queue.name);
        let arrivals = at.key("arrivals").arrivals(&queue.arrivals)?;
        let maximum_concurrency = queue.maximum_concurrency.map(|found| {
            at.key("maximum_concurrency")
                .count(Some(found), 0, 0..=u32::MAX)
        });
        let pollers = at.key("pollers").count(queue.pollers, 1, 1..=POLLERS_MAX)?;
        let batch_size = queue.batch_size.unwrap_or(BATCH_SIZE_DEFAULT as u64);
        let mapping = EventSourceConfig {
            batch_size: usize::try_from(batch_size).unwrap_or(usize::MAX),
            batch_window: at
                .key("batch_window")
                .span_or(queue.batch_window.as_deref(), BATCH_WINDOW_DEFAULT)?,
            maximum_concurrency: maximum_concurrency.transpose()?,
            visibility_timeout: VISIBILITY_TIMEOUT_MAX,
            report_batch_item_failures: false,
            pollers: PollerScaling::fixed(pollers),
            long_poll_wait: LONG_POLL_WAIT_MAX,
            quiet_queue_delay: at
                .key("quiet_queue_delay")
                .span_or(queue.quiet_queue_delay.as_deref(), Duration::ZERO)?,
            // Polls wait here as long as they ask to.
            empty_poll_gap: Duration::ZERO,
        };
        mapping.check().map_err(|error| {
            let message = format!("found {}, expected {}", error.found, error.expected);
            at.key(error.key).wrong(message)
        })?;
        let written = (queue.duration.as_deref(), queue.warmup.as_deref());
        let span = at.span(written, &arrivals, Duration::ZERO)?;
        Ok(Part::Queue(Queue {
            arrivals,
            service: at.key("service").distribution(&queue.service)?,
            mapping,
            span,
        }))
    }

    fn at<'a>(&'a self, kind: &'a str, name: &'a str) -> At<'a> {
        At {
            reader: self,
            kind,
            name,
            key: "",
        }
    }
}

/// A place in a study, and how values are read there.
#[derive(Clone, Copy)]
struct At<'a> {
    reader: &'a Reader<'a>,
    kind: &'a str,
    name: &'a str,
    key: &'a str,
}

impl<'a> At<'a> {
    fn key(self, key: &'a str) -> Self {
        Self { key, ..self }
    }

    fn wrong(self, message: impl Display) -> StudyError {
        let mut place = self.reader.origin.to_owned();
        if !self.kind.is_empty() {
            let name: String = self.name.chars().take(NAME_CHARS_MAX).collect();
            place.push_str(&format!(": {} {name:?}", self.kind));
        }
        if !self.key.is_empty() {
            place.push_str(&format!(": {}", self.key));
        }
        wrong(place, message)
    }

    fn name(self, name: &str) -> Parsed<()> {
        let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count())
            && !name.chars().any(char::is_control);
        if fits {
            return Ok(());
        }
        let found: String = name.chars().take(NAME_CHARS_MAX).collect();
        Err(self.wrong(format!(
            "found {found:?}, expected 1 to {NAME_CHARS_MAX} characters on one line"
        )))
    }

    fn arrivals(self, text: &str) -> Parsed<Gaps> {
        distribution::arrivals(text, self.reader.files).map_err(|error| self.wrong(error))
    }

    fn distribution(self, text: &str) -> Parsed<distribution::Distribution> {
        distribution::service(text, self.reader.files).map_err(|error| self.wrong(error))
    }

    fn span_or(self, text: Option<&str>, default: Duration) -> Parsed<Duration> {
        let parsed = text.map_or(Ok(default), parse_span);
        parsed.map_err(|error| self.wrong(error))
    }

    fn count(
        self,
        found: Option<u64>,
        default: u32,
        expected: std::ops::RangeInclusive<u32>,
    ) -> Parsed<u32> {
        let found = found.unwrap_or_else(|| u64::from(default));
        let count = u32::try_from(found).ok();
        count
            .filter(|count| expected.contains(count))
            .ok_or_else(|| {
                self.wrong(format!(
                    "found {found}, expected {} to {}",
                    expected.start(),
                    expected.end()
                ))
            })
    }

    /// `duration` and `warmup`, or what stands for them: so long that [`ARRIVALS_DEFAULT`] come and many
    /// idle timeouts pass; of that a tenth, and two idle timeouts, but never more than half.
    fn span(
        self,
        (duration, warmup): (Option<&str>, Option<&str>),
        arrivals: &Gaps,
        idle_timeout: Duration,
    ) -> Parsed<Span> {
        let rate = arrivals.rate_per_s();
        let fair = span(ARRIVALS_DEFAULT / rate)
            .max(idle_timeout.saturating_mul(IDLE_TIMEOUTS_DEFAULT))
            .min(span(ARRIVALS_MAX / rate));
        let at = self.key("duration");
        let duration = match self.reader.duration {
            Some(duration) => duration,
            None => at.span_or(duration, fair)?,
        };
        if !(DURATION_MIN..=SPAN_MAX).contains(&duration) {
            return Err(at.wrong(format!("found {duration:?}, expected 1 ms to 100 years")));
        }
        let comes = rate * duration.as_secs_f64();
        if comes > ARRIVALS_MAX * (1.0 + 1e-9) {
            return Err(at.wrong(format!(
                "found {duration:?}, in which {comes:.0} arrive, expected at most {ARRIVALS_MAX:.0}"
            )));
        }
        let fair = (duration / 10)
            .max(idle_timeout.saturating_mul(2))
            .min(duration / 2);
        let at = self.key("warmup");
        let warmup = at.span_or(warmup, fair)?;
        if duration.saturating_sub(warmup) < DURATION_MIN {
            return Err(at.wrong(format!(
                "found {warmup:?}, expected less than the duration of {duration:?}"
            )));
        }
        Ok(Span { duration, warmup })
    }
}

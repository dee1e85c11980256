//! Spans: pieces of work in a trace, told to a recorder as they end, if there is one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::TraceContext;

/// What a span is to the trace (OpenTelemetry's span kinds, as far as there are such here).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Work on its own account.
    Internal,
    /// A call that is answered.
    Server,
    /// A call that is made.
    Client,
    /// A message that is handled.
    Consumer,
}

/// What is said of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for AttributeValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedSpan {
    /// Its trace, and itself.
    pub context: TraceContext,
    /// The span that it was done for.
    pub parent: Option<u64>,
    /// What was done; of few different values.
    pub name: String,
    /// What it is to the trace.
    pub kind: Kind,
    /// When it began, since the Unix epoch.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// What is said of it.
    pub attributes: Vec<(&'static str, AttributeValue)>,
    /// Whether it failed.
    pub failed: bool,
}

/// What flushing waits for.
pub type Flush<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Who is told of spans as they end.
pub trait Recorder: Send + Sync {
    /// A span has ended.
    fn ended(&self, span: FinishedSpan);
    /// Has what it was told leave the process.
    fn flush(&self) -> Flush<'_>;
}

static RECORDER: OnceLock<Box<dyn Recorder>> = OnceLock::new();

/// Tells `recorder` of every span of this process from now on. Only the first one is.
pub fn record_with(recorder: Box<dyn Recorder>) {
    drop(RECORDER.set(recorder));
}

/// Waits until what was recorded has left the process, within the recorder's bounds. At once without a recorder.
pub async fn flush() {
    if let Some(recorder) = RECORDER.get() {
        recorder.flush().await;
    }
}

/// A piece of work in a trace. It ends when it is dropped.
pub struct Span {
    context: TraceContext,
    parent: Option<u64>,
    kind: Kind,
    began: Instant,
    /// What a recorder wants beside it; none where nobody listens.
    told: Option<Told>,
}

struct Told {
    name: String,
    began: Duration,
    attributes: Vec<(&'static str, AttributeValue)>,
    failed: bool,
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span({})", self.context)
    }
}

impl Span {
    /// A span that begins now, done for `parent`, or in a trace of its own.
    #[must_use]
    pub fn new(name: &str, kind: Kind, parent: Option<TraceContext>) -> Self {
        let context = parent.map_or_else(TraceContext::root, TraceContext::child);
        let told = (context.sampled && RECORDER.get().is_some()).then(|| Told {
            name: name.to_owned(),
            began: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            attributes: Vec::new(),
            failed: false,
        });
        Self {
            context,
            parent: parent.map(|parent| parent.span_id),
            kind,
            began: Instant::now(),
            told,
        }
    }

    /// Its trace, and itself.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// How long it has taken so far.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// Says something of it.
    pub fn say(&mut self, key: &'static str, value: impl Into<AttributeValue>) {
        if let Some(told) = &mut self.told {
            told.attributes.push((key, value.into()));
        }
    }

    /// Says that it failed.
    pub fn fail(&mut self) {
        if let Some(told) = &mut self.told {
            told.failed = true;
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let (Some(told), Some(recorder)) = (self.told.take(), RECORDER.get()) {
            recorder.ended(FinishedSpan {
                context: self.context,
                parent: self.parent,
                name: told.name,
                kind: self.kind,
                began: told.began,
                took: self.began.elapsed(),
                attributes: told.attributes,
                failed: told.failed,
            });
        }
    }
}

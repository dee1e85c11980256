//! The context of a trace, as it goes from part to part (W3C Trace Context, version 00).

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::str::FromStr;

/// The header, message attribute and metadata key that carries a context.
pub const TRACEPARENT: &str = "traceparent";

/// Bytes of a `traceparent` of version 00.
const TRACEPARENT_BYTES: usize = 55;

/// A trace, and the span in it that work is done for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; never 0.
    pub trace_id: u128,
    /// The span; never 0.
    pub span_id: u64,
    /// Whether whoever began the trace keeps it.
    pub sampled: bool,
}

/// What came is no context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "found something else, expected a traceparent such as 00-<32 hex digits>-<16 hex digits>-01"
)]
pub struct MalformedContext;

impl TraceContext {
    /// A trace of its own.
    #[must_use]
    pub fn root() -> Self {
        Self {
            trace_id: u128::from(random()) << 64 | u128::from(random()),
            span_id: random(),
            sampled: true,
        }
    }

    /// The trace, as logs and viewers write it.
    #[must_use]
    pub fn trace(self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// Another span of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: random(),
            ..self
        }
    }
}

/// Not 0. The standard library seeds each state from the system's entropy, and no two alike.
fn random() -> u64 {
    RandomState::new().build_hasher().finish().max(1)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(
            f,
            "00-{:032x}-{:016x}-{flags:02x}",
            self.trace_id, self.span_id
        )
    }
}

impl FromStr for TraceContext {
    type Err = MalformedContext;

    fn from_str(text: &str) -> Result<Self, MalformedContext> {
        let text = text.trim();
        // A later version may have more after what we know, and nothing else in between.
        let known = text.get(..TRACEPARENT_BYTES).ok_or(MalformedContext)?;
        let more = &text[TRACEPARENT_BYTES..];
        let version = &known[..2];
        let rest_fits = more.is_empty() || (version != "00" && more.starts_with('-'));
        let lower = known
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
        let mut fields = known.split('-');
        let mut field = |length| {
            let field = fields.next().filter(|field| field.len() == length);
            field.ok_or(MalformedContext)
        };
        field(2)?;
        let (trace_id, span_id, flags) = (field(32)?, field(16)?, field(2)?);
        let trace_id = u128::from_str_radix(trace_id, 16).map_err(|_| MalformedContext)?;
        let span_id = u64::from_str_radix(span_id, 16).map_err(|_| MalformedContext)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| MalformedContext)?;
        if !rest_fits || !lower || version == "ff" || trace_id == 0 || span_id == 0 {
            return Err(MalformedContext);
        }
        Ok(Self {
            trace_id,
            span_id,
            sampled: flags & 1 == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_written_is_read() {
        let context: TraceContext = GOOD.parse().unwrap();
        assert_eq!(context.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert!(context.sampled);
        assert_eq!(context.to_string(), GOOD);
        let child = context.child();
        assert_eq!(child.trace_id, context.trace_id);
        assert_ne!(child.span_id, context.span_id);
        let (one, other) = (TraceContext::root(), TraceContext::root());
        assert_ne!(one.trace_id, other.trace_id);
        assert_eq!(one.to_string().parse(), Ok(one));
        let later = GOOD.replacen("00-", "01-", 1) + "-more";
        assert_eq!(later.parse(), Ok(context), "a later version");
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "00",
            &GOOD[..54],
            &GOOD.to_uppercase(),
            &GOOD.replacen("00-", "ff-", 1),
            &format!("{GOOD}-more"),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &GOOD.replace('f', "ä"),
            &"-".repeat(55),
        ] {
            assert_eq!(
                text.parse::<TraceContext>(),
                Err(MalformedContext),
                "{text}"
            );
        }
    }
}

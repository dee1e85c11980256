//! The use cases, and the small ports they need.

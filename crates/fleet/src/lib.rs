//! The tracker's core without I/O: spatial index, driver status, holds, expiry.

//! The `rushhour` command as its users and their scripts meet it: exit codes, messages, files.
//!
//! `UPDATE_GOLDEN=1 cargo test -p rushhour-simulator --test cli` writes the golden files anew.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, in which a panic is the message"
)]

mod command;
mod comparing;
mod endings;
mod imports;
mod interruptions;
mod loads;
mod predictions;
mod products;
mod run_directory;
mod schedules;
mod streets;
mod studies;
mod usage;
mod validations;

//! Placements of the system's parts side by side: which there are, how large their tasks are, and what they cost
//! at other rates.

pub mod placements;
pub mod rates;
pub mod sizing;

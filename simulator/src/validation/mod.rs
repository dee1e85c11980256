//! How right the twin is: fitting a cloud profile to a measured run ([`fit`], [`settle`]), and holding what the twin
//! predicts against what was measured ([`compare`]). [`document`] is how the outcome is told.

pub mod compare;
pub mod document;
pub mod fit;
pub mod law;
pub mod runs;
pub mod settle;

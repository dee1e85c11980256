//! The made-up city of the sample report, for tests.

use crate as report;

#[path = "../examples/sample_report/city.rs"]
pub(crate) mod city;

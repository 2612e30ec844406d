//! Numbers as people write them: `100k`, `1KiB`, `30s`, `100k/s`.

use std::str::FromStr;

/// Parsers for plain quantities.
#[derive(Debug, Clone, Copy)]
pub struct Quantity;

impl Quantity {
    /// A count: digits with an optional decimal suffix `k`, `M`, `G`.
    pub fn count(_text: &str) -> Result<u64, QuantityError> {
        panic!("being built")
    }

    /// A size in bytes: digits with an optional suffix `B`, `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`.
    pub fn bytes(_text: &str) -> Result<u64, QuantityError> {
        panic!("being built")
    }

    /// A duration in nanoseconds: digits with a suffix `ns`, `us`, `ms`, `s`, `m`, `h`; bare digits are seconds.
    pub fn duration_ns(_text: &str) -> Result<u64, QuantityError> {
        panic!("being built")
    }
}

/// A number that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no {expected}")]
pub struct QuantityError {
    /// The text.
    pub got: String,
    /// What it should have been, with an example.
    pub expected: &'static str,
}

/// Messages a second, over all producers.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// A rate; `None` unless finite and positive.
    pub fn per_second(rate: f64) -> Option<Rate> {
        (rate.is_finite() && rate > 0.0).then_some(Rate(rate))
    }

    /// Messages a second.
    pub fn as_per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    /// `100000`, `100k`, `100k/s`, `6M/m`.
    fn from_str(_text: &str) -> Result<Self, Self::Err> {
        panic!("being built")
    }
}

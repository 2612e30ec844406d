//! One latency distribution.

use hdrhistogram::Histogram;

/// A distribution of latencies in nanoseconds: 3 significant digits, 1 µs to 1 hour.
#[derive(Debug, Clone)]
pub struct Latency {
    #[expect(dead_code, reason = "the first landing is signatures")]
    histogram: Histogram<u64>,
}

/// A quantile's value in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantile {
    /// At most this, to 3 digits.
    At(u64),
    /// More than this: too many messages were cut off unfinished.
    Above(u64),
    /// Nothing was recorded.
    Empty,
}

impl Latency {
    /// Records the time between two moments.
    pub fn record(&mut self, _from_ns: u64, _to_ns: u64) {
        panic!("being built")
    }

    /// The value at a quantile from 0 to 1, censored messages counted as longer than all others.
    pub fn quantile(&self, _quantile: f64) -> Quantile {
        panic!("being built")
    }

    /// The histogram of positive samples.
    pub fn histogram(&self) -> &Histogram<u64> {
        panic!("being built")
    }

    /// Samples of zero or less, which the histogram does not hold.
    pub fn non_positive(&self) -> u64 {
        panic!("being built")
    }

    /// Messages that were due and unfinished at the cut-off.
    pub fn censored(&self) -> u64 {
        panic!("being built")
    }
}

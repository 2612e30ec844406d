//! One latency distribution.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};

/// A distribution of latencies in nanoseconds, to 3 significant digits from 1 µs to 1 hour; shorter ones are told apart
/// to 0.5 µs only, longer ones count as an hour.
///
/// A sample of zero or less (a clock that went wrong, or a stamp from the future) is no latency: it is counted apart,
/// and stands in the histogram as its smallest value. A censored message, due and unfinished at the cut-off, ranks above all others.
#[derive(Debug, Clone)]
pub struct Latency {
    histogram: Histogram<u64>,
    non_positive: u64,
    censored: u64,
    censored_from_ns: Option<u64>,
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

const LOWEST_NS: u64 = 1_000;
const HIGHEST_NS: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    /// An empty distribution: 180 KiB, of which the kernel provides what is touched.
    pub fn new() -> Latency {
        let histogram = Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS).expect("constant bounds are valid");
        Latency { histogram, non_positive: 0, censored: 0, censored_from_ns: None }
    }

    /// Records the time between two moments.
    #[inline]
    pub fn record(&mut self, from_ns: u64, to_ns: u64) {
        self.non_positive += u64::from(to_ns <= from_ns);
        self.histogram.saturating_record(to_ns.saturating_sub(from_ns).max(1));
    }

    /// Counts a message that was due and is unfinished at the cut-off, having waited so long.
    pub fn record_censored(&mut self, waited_ns: u64) {
        self.censored += 1;
        self.censored_from_ns = Some(self.censored_from_ns.map_or(waited_ns, |least| least.min(waited_ns)));
    }

    /// Adds another distribution's samples to this one's.
    pub fn add(&mut self, other: &Latency) {
        self.histogram.add(&other.histogram).expect("all latencies have the same bounds");
        self.non_positive += other.non_positive;
        self.censored += other.censored;
        self.censored_from_ns = self.censored_from_ns.into_iter().chain(other.censored_from_ns).min();
    }

    /// The value at a quantile from 0 to 1, over all samples and censored messages.
    pub fn quantile(&self, quantile: f64) -> Quantile {
        let censored = self.censored_from_ns.map(|from_ns| (from_ns, self.censored));
        match reports::statistics::censored_quantile(Some(&self.histogram), censored, quantile) {
            None => Quantile::Empty,
            Some(found) if found.at_least => Quantile::Above(found.ns),
            Some(found) => Quantile::At(found.ns),
        }
    }

    /// The largest sample, 0 without any.
    pub fn max(&self) -> u64 {
        self.histogram.max()
    }

    /// Samples; censored messages are none.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The histogram of all samples.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// The histogram in HdrHistogram's V2 encoding.
    pub fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&self.histogram, &mut bytes).expect("a vector takes every byte");
        bytes
    }

    /// Samples of zero or less.
    pub fn non_positive(&self) -> u64 {
        self.non_positive
    }

    /// Messages that were due and unfinished at the cut-off.
    pub fn censored(&self) -> u64 {
        self.censored
    }

    /// The least that one of these had waited.
    pub fn censored_from_ns(&self) -> Option<u64> {
        self.censored_from_ns
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;

    use super::*;

    fn milliseconds(quantile: Quantile) -> f64 {
        match quantile {
            Quantile::At(ns) => ns as f64 / 1e6,
            other => panic!("{other:?} is no value"),
        }
    }

    #[test]
    fn quantiles_are_those_of_the_samples_to_three_digits() {
        let mut latency = Latency::new();
        (1..=1000).for_each(|ms| latency.record(5, 5 + ms * 1_000_000));
        for (quantile, expected) in [(0.0, 1.0), (0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0)] {
            let got = milliseconds(latency.quantile(quantile));
            assert!((got / expected - 1.0).abs() < 0.001, "{quantile}: {got} ms, expected {expected} ms");
        }
        assert_eq!(latency.count(), 1000);
    }

    #[test]
    fn samples_of_zero_or_less_are_counted_and_rank_lowest() {
        let mut latency = Latency::new();
        latency.record(10, 10);
        latency.record(10, 9);
        latency.record(0, 2_000_000);
        assert_eq!((latency.non_positive(), latency.count(), latency.histogram().len()), (2, 3, 3));
        assert!(milliseconds(latency.quantile(0.5)) < 0.001);
        assert!((milliseconds(latency.quantile(1.0)) - 2.0).abs() < 0.002);
    }

    #[test]
    fn where_too_many_are_censored_a_quantile_is_only_a_bound() {
        let mut latency = Latency::new();
        assert_eq!(latency.quantile(0.5), Quantile::Empty);
        (0..98).for_each(|_| latency.record(0, 1_000_000));
        latency.record_censored(5_000_000);
        assert!((milliseconds(latency.quantile(0.98)) - 1.0).abs() < 0.001);
        assert_eq!(latency.quantile(0.99), Quantile::Above(5_000_000));
    }

    #[test]
    fn what_is_longer_than_an_hour_counts_as_an_hour() {
        let mut latency = Latency::new();
        latency.record(0, u64::MAX);
        assert!((latency.max() as f64 / HIGHEST_NS as f64) < 1.3 && latency.max() >= HIGHEST_NS);
    }

    #[test]
    fn adding_is_recording_both_and_the_encoding_can_be_read_back() {
        let (mut first, mut second, mut both) = (Latency::new(), Latency::new(), Latency::new());
        for sample in (0..1000).map(|i| i * 7_919) {
            if sample % 3 == 0 { &mut first } else { &mut second }.record(0, sample);
            both.record(0, sample);
        }
        first.add(&second);
        assert_eq!((first.count(), first.non_positive()), (both.count(), both.non_positive()));
        assert_eq!(first.histogram(), both.histogram());
        let read: Histogram<u64> = Deserializer::new().deserialize(&mut &first.encoded()[..]).unwrap();
        assert_eq!(&read, first.histogram());
    }
}

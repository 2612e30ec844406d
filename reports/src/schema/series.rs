//! The per-second series of the measured window.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Heat-map buckets to each doubling of the latency.
pub const HEAT_BUCKETS_PER_DOUBLING: u32 = 4;

/// One second of the measured window.
///
/// Counts belong to the second the event took place in, latencies to the second the message finished in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Second {
    /// Seconds since the window opened; the first is 0.
    pub second: u32,
    /// Messages whose intended time lay in this second.
    pub due: u64,
    /// Messages submitted in it.
    pub sent: u64,
    /// Messages acknowledged in it.
    pub acked: u64,
    /// Bytes acknowledged in it.
    pub acked_bytes: u64,
    /// One record a consumer group, in the order of the totals.
    pub groups: Vec<GroupSecond>,
    /// Intended→ack.
    pub ack: LatencySlice,
    /// Intended→consumed, over all groups.
    pub consumed: LatencySlice,
    /// CPU time the broker's process used in this second (above 1,000,000 where it used several cores).
    pub broker_cpu_us: Option<u64>,
    /// The broker's resident set at its end.
    pub broker_rss_bytes: Option<u64>,
    /// CPU time the generator used in this second.
    pub generator_cpu_us: Option<u64>,
}

/// One group in one second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupSecond {
    /// Messages it read in this second.
    pub consumed: u64,
    /// Messages acknowledged but not yet read by it, at the end of the second; 0 where it reads as fast as the producers
    /// hear of their acknowledgements.
    pub lag: u64,
}

/// A second's latencies, small enough to keep for each second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LatencySlice {
    /// Messages in it.
    pub count: u64,
    /// Median; `null` in an empty second, as are the others.
    pub p50_ns: Option<u64>,
    /// 99th percentile.
    pub p99_ns: Option<u64>,
    /// Maximum.
    pub max_ns: Option<u64>,
    /// `[bucket, count]` in ascending order of [`heat_bucket`], non-empty ones only.
    pub heat: Vec<(u32, u64)>,
}

impl LatencySlice {
    /// Of a second's histogram in nanoseconds (merged over workers first: percentiles do not merge).
    pub fn from_histogram(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let mut heat: Vec<(u32, u64)> = Vec::new();
        for value in histogram.iter_recorded() {
            let bucket = heat_bucket(value.value_iterated_to());
            match heat.last_mut() {
                Some((last, count)) if *last == bucket => *count += value.count_at_value(),
                _ => heat.push((bucket, value.count_at_value())),
            }
        }
        Self {
            count: histogram.len(),
            p50_ns: Some(histogram.value_at_quantile(0.5)),
            p99_ns: Some(histogram.value_at_quantile(0.99)),
            max_ns: Some(histogram.max()),
            heat,
        }
    }
}

/// The heat-map bucket of a latency: `⌊4·log₂(latency / 1 µs)⌋`, and 0 below 1 µs.
pub fn heat_bucket(latency_ns: u64) -> u32 {
    let doublings = (latency_ns.max(1_000) as f64 / 1_000.0).log2();
    (doublings * f64::from(HEAT_BUCKETS_PER_DOUBLING)) as u32
}

/// The smallest latency of a heat-map bucket, in nanoseconds.
pub fn heat_bucket_floor_ns(bucket: u32) -> f64 {
    1_000.0 * (f64::from(bucket) / f64::from(HEAT_BUCKETS_PER_DOUBLING)).exp2()
}

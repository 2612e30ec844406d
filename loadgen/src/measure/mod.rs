//! What is measured: latencies in histograms, throughput in a series, without a lock.
//!
//! Each worker owns a [`Recorder`] and hands an [`Interval`] to the collector about once a second; the [`Collector`],
//! owned by one thread, adds them up. Histograms are only ever added. Times are nanoseconds of `CLOCK_MONOTONIC`.

pub mod collector;
pub mod latency;
pub mod recorder;

pub use collector::{Collector, Live, Measurements, Second};
pub use latency::{Latency, Quantile};
pub use recorder::{Counters, Interval, Metric, Recorder, Source};

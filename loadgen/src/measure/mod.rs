//! What is measured: latencies in histograms, throughput in a series, without a lock.
//!
//! Each worker owns a [`Recorder`] and hands an [`Interval`] to the collector about once a second; the [`Collector`],
//! owned by one thread, adds them up. Histograms are only ever added. Times are nanoseconds of `CLOCK_MONOTONIC`.
//!
//! The generator's own health is measured beside it, at no cost to a message: [`threads`] (CPU, and waiting for one) at the
//! window's two ends, [`jitter`] by a thread that only sleeps. [`validity`] judges by all of it whether the figures may
//! be used.

pub mod collector;
pub mod jitter;
pub mod latency;
pub mod recorder;
pub mod threads;
pub mod validity;

pub use collector::{Collector, Live, Measurements, Second};
pub use latency::{Latency, Quantile};
pub use recorder::{Counters, Interval, Metric, Recorder, Source};

//! All workers' measurements added up.

use super::latency::{Latency, Quantile};
use super::recorder::{Counters, Interval, Metric};

/// Adds intervals up; owned by one thread.
#[derive(Debug)]
pub struct Collector {}

/// One second of the run, over all workers.
#[derive(Debug, Clone)]
pub struct Second {
    /// Seconds since the run's start.
    pub second: u64,
    /// Messages and bytes.
    pub counters: Counters,
    /// Consumed messages by group.
    pub consumed_by_group: Vec<u64>,
    /// Latencies of the messages that finished in this second, as HdrHistogram V2 bytes.
    pub latencies: Vec<(Metric, Vec<u8>)>,
}

/// What a live display shows; cheap to take.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    /// Totals since the start.
    pub totals: Counters,
    /// The last whole second.
    pub last_second: Counters,
    /// Intended→ack p50 of the last whole second.
    pub p50: Quantile,
    /// Intended→ack p99 of the last whole second.
    pub p99: Quantile,
}

/// The run's measurements.
#[derive(Debug)]
pub struct Measurements {
    /// Second by second.
    pub seconds: Vec<Second>,
    /// Latencies of the measured phase's messages; consumers' over all groups.
    pub latencies: Vec<(Metric, Latency)>,
    /// Intended→consumed of each group.
    pub consumed_by_group: Vec<Latency>,
    /// Totals of the measured phase's messages, whenever their events happened.
    pub measured: Counters,
    /// Totals over all phases.
    pub totals: Counters,
}

impl Collector {
    /// A collector for so many groups.
    pub fn new(_groups: u16) -> Collector {
        panic!("being built")
    }

    /// Adds a worker's interval.
    pub fn accept(&mut self, _interval: Interval) {
        panic!("being built")
    }

    /// What to show now.
    pub fn live(&self) -> Live {
        panic!("being built")
    }

    /// The measurements, once every worker has finished.
    pub fn finish(self) -> Measurements {
        panic!("being built")
    }
}

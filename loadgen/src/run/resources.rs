//! What generator and broker use, sampled at the seconds of the measured window.

use std::num::NonZeroI32;

use crate::clock::NANOS_PER_SECOND;
use crate::target::process::Usage;

/// Samples both processes at the window's start, at each of its seconds, and at its end.
#[derive(Debug)]
pub(super) struct Sampler {
    broker: Option<NonZeroI32>,
    window_start_ns: u64,
    pub(super) samples: Vec<Sample>,
}

/// Both processes' totals at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The broker's; none where it is not on this machine, or gone.
    pub broker: Option<Usage>,
    /// This process's.
    pub generator: Option<Usage>,
}

impl Sampler {
    pub(super) fn new(broker: Option<NonZeroI32>, window_start_ns: u64) -> Self {
        Self { broker, window_start_ns, samples: Vec::new() }
    }

    /// When the next sample is due.
    pub(super) fn due_ns(&self) -> u64 {
        self.window_start_ns + self.samples.len() as u64 * NANOS_PER_SECOND
    }

    pub(super) fn sample(&mut self) {
        self.samples.push(Sample { broker: self.broker.and_then(Usage::of), generator: Usage::own() });
    }
}

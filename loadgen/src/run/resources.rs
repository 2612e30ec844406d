//! What generator and broker use, sampled at the seconds of the measured window.

use std::num::NonZeroI32;

use super::Surroundings;
use crate::clock::NANOS_PER_SECOND;
use crate::target::process::{Usage, has_ended};

/// Samples both processes at the window's start, at each of its seconds, and at its end.
pub(super) struct Sampler<'a> {
    surroundings: Surroundings<'a>,
    broker: Option<NonZeroI32>,
    /// Of this process, when it was last seen.
    latest: Usage,
    /// Of the processes whose place it took.
    earlier: Usage,
    window_start_ns: u64,
    pub(super) samples: Vec<Sample>,
}

/// Both processes' totals at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The broker's, with those of the processes whose place it took; none where it is not on this machine, or gone.
    pub broker: Option<Usage>,
    /// This process's.
    pub generator: Option<Usage>,
}

impl<'a> Sampler<'a> {
    pub(super) fn new(surroundings: Surroundings<'a>, window_start_ns: u64) -> Self {
        let (latest, earlier) = (Usage::default(), Usage::default());
        let broker = surroundings.broker_pid;
        Self { surroundings, broker, latest, earlier, window_start_ns, samples: Vec::new() }
    }

    /// When the next sample is due.
    pub(super) fn due_ns(&self) -> u64 {
        self.window_start_ns + self.samples.len() as u64 * NANOS_PER_SECOND
    }

    pub(super) fn sample(&mut self) {
        self.look_for_successor();
        let broker = self.broker.and_then(Usage::of);
        self.latest = broker.unwrap_or(self.latest);
        let broker = broker.map(|usage| usage.after(&self.earlier));
        self.samples.push(Sample { broker, generator: Usage::own() });
    }

    /// The broker's process, once it has ended and nobody took its place.
    pub(super) fn ended_broker(&mut self) -> Option<NonZeroI32> {
        self.look_for_successor();
        self.broker.filter(|broker| has_ended(*broker))
    }

    /// A broker that was restarted is another process at the same address.
    fn look_for_successor(&mut self) {
        if self.broker.is_some_and(has_ended)
            && let Some(successor) = self.surroundings.successor.and_then(|find| find())
        {
            self.earlier = std::mem::take(&mut self.latest).after(&self.earlier);
            self.broker = Some(successor);
        }
    }
}

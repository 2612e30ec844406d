//! When each message is due: an open loop.
//!
//! The run's operations are numbered from 0; producer `p` of `P` owns the operations `i ≡ p (mod P)`. Intended times
//! are nanoseconds since the run's start and a pure function of the index, the rate and the seed; nothing that happens
//! while the run goes on moves them.

use std::str::FromStr;

use super::quantity::Rate;

/// How operations follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrival {
    /// At equal distances.
    #[default]
    Constant,
    /// As a Poisson process of the given rate.
    Poisson,
}

impl FromStr for Arrival {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "constant" => Ok(Arrival::Constant),
            "poisson" => Ok(Arrival::Poisson),
            _ => Err(format!("{text:?} is no arrival process: constant, poisson")),
        }
    }
}

/// How much is measured after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// For so many nanoseconds.
    DurationNs(u64),
    /// So many messages.
    Messages(u64),
}

/// The part of the run that an intended time belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Before the measurement.
    Warmup,
    /// The measurement.
    Measured,
}

/// The schedule of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateSchedule {
    /// Messages a second over all producers.
    pub rate: Rate,
    /// How they follow one another.
    pub arrival: Arrival,
    /// Length of the warm-up, nanoseconds.
    pub warmup_ns: u64,
    /// What is measured after it.
    pub bound: Bound,
    /// Number of producers, at least 1.
    pub producers: u16,
    /// Seed of the arrival process.
    pub seed: u64,
}

/// One operation of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Index in the run, over all producers.
    pub index: u64,
    /// Nanoseconds since the run's start.
    pub intended_ns: u64,
}

impl RateSchedule {
    /// The phase of an intended time (nanoseconds since the run's start).
    pub fn phase(&self, intended_ns: u64) -> Phase {
        if intended_ns < self.warmup_ns { Phase::Warmup } else { Phase::Measured }
    }

    /// Nanoseconds from the start to the end of the measured phase, as planned.
    pub fn end_ns(&self) -> u64 {
        panic!("being built")
    }

    /// The operations of one producer, in order.
    pub fn operations(&self, _producer: u16) -> Operations {
        panic!("being built")
    }
}

/// Iterator over one producer's operations.
#[derive(Debug, Clone)]
pub struct Operations {}

impl Iterator for Operations {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        panic!("being built")
    }
}

//! One worker's measurements.

use std::sync::mpsc::Sender;

use crate::workload::Phase;

/// Which latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// From when a message was due to its acknowledgement.
    IntendedToAck,
    /// From when it was handed to the client to its acknowledgement.
    ActualToAck,
    /// From when it was due to when it was handed to the client: the schedule's lag.
    IntendedToSent,
    /// From when it was due to when a consumer had it.
    IntendedToConsumed,
}

/// Whose measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A producer worker, by index.
    Producer(u16),
    /// A consumer worker: group and member.
    Consumer {
        /// Index of the group.
        group: u16,
        /// Index of the member.
        member: u16,
    },
}

/// Messages and bytes (keys and values) of an interval, by the moment of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Handed to the client.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Acknowledged.
    pub acked: u64,
    /// Failed or unknown.
    pub failed: u64,
    /// Read by consumers.
    pub consumed: u64,
    /// Their bytes.
    pub consumed_bytes: u64,
}

/// A worker's measurements of one second.
#[derive(Debug)]
pub struct Interval {}

/// Records what one worker measures.
#[derive(Debug)]
pub struct Recorder {}

impl Recorder {
    /// A recorder whose seconds count from `start_ns`, the run's start.
    pub fn new(_source: Source, _start_ns: u64, _collector: Sender<Interval>) -> Recorder {
        panic!("being built")
    }

    /// A message was handed to the client.
    pub fn sent(&mut self, _phase: Phase, _intended_ns: u64, _actual_ns: u64, _size_bytes: usize) {
        panic!("being built")
    }

    /// A message was acknowledged.
    pub fn acked(&mut self, _phase: Phase, _intended_ns: u64, _actual_ns: u64, _acked_ns: u64) {
        panic!("being built")
    }

    /// A message failed, or will never be known about.
    pub fn failed(&mut self, _phase: Phase) {
        panic!("being built")
    }

    /// A consumer has a message of this run; `intended_ns` is none where its stamp is from another clock.
    pub fn consumed(&mut self, _phase: Phase, _intended_ns: Option<u64>, _consumed_ns: u64, _size_bytes: usize) {
        panic!("being built")
    }

    /// Messages that were due and are unfinished at the cut-off.
    pub fn censored(&mut self, _metric: Metric, _messages: u64) {
        panic!("being built")
    }

    /// To be called at least a few times a second, idle or not: hands the interval over once its second has passed.
    pub fn tick(&mut self, _now_ns: u64) {
        panic!("being built")
    }

    /// Hands over the last interval.
    pub fn finish(self) {
        panic!("being built")
    }
}

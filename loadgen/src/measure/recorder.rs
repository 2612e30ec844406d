//! One worker's measurements, second by second.

use std::ops::AddAssign;
use std::sync::mpsc::Sender;

use super::latency::Latency;
use crate::clock::NANOS_PER_SECOND;
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

impl Metric {
    /// All of them, in the order of their declaration.
    pub const ALL: [Metric; 4] =
        [Metric::IntendedToAck, Metric::ActualToAck, Metric::IntendedToSent, Metric::IntendedToConsumed];
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
    /// Their bytes.
    pub acked_bytes: u64,
    /// Failed or unknown.
    pub failed: u64,
    /// Read by consumers, over all groups.
    pub consumed: u64,
    /// Their bytes.
    pub consumed_bytes: u64,
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Counters) {
        self.sent += other.sent;
        self.sent_bytes += other.sent_bytes;
        self.acked += other.acked;
        self.acked_bytes += other.acked_bytes;
        self.failed += other.failed;
        self.consumed += other.consumed;
        self.consumed_bytes += other.consumed_bytes;
    }
}

/// A worker's measurements of one second, apart for each phase that the messages belong to.
#[derive(Debug)]
pub struct Interval {
    pub(super) source: Source,
    /// Seconds since the run's start.
    pub(super) second: u64,
    pub(super) phases: [PhaseInterval; 2],
}

/// The part of an interval that one phase's messages take.
#[derive(Debug, Default)]
pub(super) struct PhaseInterval {
    pub(super) counters: Counters,
    /// By [`Metric`]; made when first recorded.
    pub(super) latencies: [Option<Box<Latency>>; Metric::ALL.len()],
}

impl PhaseInterval {
    #[inline]
    fn latency(&mut self, metric: Metric) -> &mut Latency {
        self.latencies[metric as usize].get_or_insert_with(Box::default)
    }
}

/// Records what one worker measures; owned by its thread. Recording one message costs a histogram's increment or two;
/// once a second the interval goes to the collector's channel.
#[derive(Debug)]
pub struct Recorder {
    start_ns: u64,
    interval_end_ns: u64,
    interval: Interval,
    collector: Sender<Interval>,
}

impl Recorder {
    /// A recorder whose seconds count from `start_ns`, the run's start.
    pub fn new(source: Source, start_ns: u64, collector: Sender<Interval>) -> Recorder {
        let interval_end_ns = start_ns + NANOS_PER_SECOND;
        Recorder { start_ns, interval_end_ns, interval: Interval::new(source, 0), collector }
    }

    /// A message was handed to the client.
    #[inline]
    pub fn sent(&mut self, phase: Phase, intended_ns: u64, actual_ns: u64, size_bytes: usize) {
        let interval = &mut self.interval.phases[phase as usize];
        interval.counters.sent += 1;
        interval.counters.sent_bytes += size_bytes as u64;
        interval.latency(Metric::IntendedToSent).record(intended_ns, actual_ns);
    }

    /// A message was acknowledged.
    #[inline]
    pub fn acked(&mut self, phase: Phase, intended_ns: u64, actual_ns: u64, acked_ns: u64, size_bytes: usize) {
        let interval = &mut self.interval.phases[phase as usize];
        interval.counters.acked += 1;
        interval.counters.acked_bytes += size_bytes as u64;
        interval.latency(Metric::IntendedToAck).record(intended_ns, acked_ns);
        interval.latency(Metric::ActualToAck).record(actual_ns, acked_ns);
    }

    /// A message failed, or will never be known about.
    pub fn failed(&mut self, phase: Phase) {
        self.interval.phases[phase as usize].counters.failed += 1;
    }

    /// A consumer has a message of this run; `intended_ns` is none where its stamp is from another clock.
    #[inline]
    pub fn consumed(&mut self, phase: Phase, intended_ns: Option<u64>, consumed_ns: u64, size_bytes: usize) {
        let interval = &mut self.interval.phases[phase as usize];
        interval.counters.consumed += 1;
        interval.counters.consumed_bytes += size_bytes as u64;
        if let Some(intended_ns) = intended_ns {
            interval.latency(Metric::IntendedToConsumed).record(intended_ns, consumed_ns);
        }
    }

    /// A message of the measured phase was due and is unfinished at the cut-off, having waited so long.
    pub fn censored(&mut self, metric: Metric, waited_ns: u64) {
        self.interval.phases[Phase::Measured as usize].latency(metric).record_censored(waited_ns);
    }

    /// To be called at least a few times a second, idle or not: hands the interval over once its second has passed.
    #[inline]
    pub fn tick(&mut self, now_ns: u64) {
        if now_ns >= self.interval_end_ns {
            self.hand_over(now_ns);
        }
    }

    /// Hands over the last interval.
    pub fn finish(mut self) {
        let end_ns = self.interval_end_ns;
        self.hand_over(end_ns);
    }

    #[cold]
    fn hand_over(&mut self, now_ns: u64) {
        let second = (now_ns - self.start_ns) / NANOS_PER_SECOND;
        self.interval_end_ns = self.start_ns + (second + 1) * NANOS_PER_SECOND;
        let next = Interval::new(self.interval.source, second);
        // Without a collector nobody wants to know.
        let _ = self.collector.send(std::mem::replace(&mut self.interval, next));
    }
}

impl Interval {
    fn new(source: Source, second: u64) -> Interval {
        Interval { source, second, phases: Default::default() }
    }
}

//! All workers' measurements added up.
//!
//! An interval's events belong to the second in which its worker began it. The newest seconds stay open for workers that
//! hand over late; older ones are kept encoded, a few KiB each.

use std::collections::BTreeMap;

use super::latency::{Latency, Quantile};
use super::recorder::{Counters, Interval, Metric, Source};
use crate::workload::Phase;

/// Adds intervals up; owned by one thread.
#[derive(Debug)]
pub struct Collector {
    closed: Vec<Second>,
    open: BTreeMap<u64, OpenSecond>,
    /// Of the measured phase, by [`Metric`].
    latencies: [Latency; Metric::ALL.len()],
    consumed_by_group: Vec<Latency>,
    /// Intended→sent of each producer worker.
    lag_by_producer: BTreeMap<u16, Latency>,
    measured: Counters,
    totals: Counters,
}

/// How many of the newest seconds stay open.
const OPEN_SECONDS: u64 = 3;

#[derive(Debug)]
struct OpenSecond {
    counters: Counters,
    consumed_by_group: Vec<u64>,
    latencies: [Latency; Metric::ALL.len()],
}

/// One second of the run, over all workers and phases.
#[derive(Debug, Clone)]
pub struct Second {
    /// Seconds since the run's start.
    pub second: u64,
    /// Messages and bytes.
    pub counters: Counters,
    /// Consumed messages by group.
    pub consumed_by_group: Vec<u64>,
    /// Latencies of the messages that finished in this second, as HdrHistogram V2 bytes; empty ones left out.
    pub latencies: Vec<(Metric, Vec<u8>)>,
}

/// What a live display shows; taking it costs microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    /// Totals since the start.
    pub totals: Counters,
    /// The last second that every worker should have reported.
    pub last_second: Counters,
    /// Intended→ack p50 of that second.
    pub p50: Quantile,
    /// Intended→ack p99 of that second.
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
    /// Intended→sent of each producer worker, by its index.
    pub lag_by_producer: BTreeMap<u16, Latency>,
    /// Totals of the measured phase's messages, whenever their events happened.
    pub measured: Counters,
    /// Totals over all phases.
    pub totals: Counters,
}

impl Collector {
    /// A collector for so many groups.
    pub fn new(groups: u16) -> Collector {
        Collector {
            closed: Vec::new(),
            open: BTreeMap::new(),
            latencies: Default::default(),
            consumed_by_group: (0..groups).map(|_| Latency::new()).collect(),
            lag_by_producer: BTreeMap::new(),
            measured: Counters::default(),
            totals: Counters::default(),
        }
    }

    /// Adds a worker's interval.
    pub fn accept(&mut self, interval: Interval) {
        // A worker that was held up for seconds hands over an interval that covers them all.
        let earliest = self.closed.last().map_or(0, |last| last.second + 1);
        let groups = self.consumed_by_group.len();
        let second = self.open.entry(interval.second.max(earliest)).or_insert_with(|| OpenSecond::new(groups));
        for (phase, part) in [Phase::Warmup, Phase::Measured].into_iter().zip(&interval.phases) {
            self.totals += part.counters;
            second.counters += part.counters;
            for (metric, latency) in part.latencies.iter().enumerate() {
                let Some(latency) = latency else { continue };
                second.latencies[metric].add(latency);
                if phase == Phase::Measured {
                    self.latencies[metric].add(latency);
                }
            }
            if phase == Phase::Measured {
                self.measured += part.counters;
                if let (Source::Producer(index), Some(lag)) =
                    (interval.source, &part.latencies[Metric::IntendedToSent as usize])
                {
                    self.lag_by_producer.entry(index).or_default().add(lag);
                }
            }
            if let Source::Consumer { group, .. } = interval.source {
                let group = usize::from(group);
                second.consumed_by_group[group] += part.counters.consumed;
                let consumed = &part.latencies[Metric::IntendedToConsumed as usize];
                if let (Phase::Measured, Some(latency)) = (phase, consumed) {
                    self.consumed_by_group[group].add(latency);
                }
            }
        }
        while self.open.last_key_value().is_some_and(|(newest, _)| self.first_open() + OPEN_SECONDS <= *newest) {
            self.close_first();
        }
    }

    /// What to show now.
    pub fn live(&self) -> Live {
        let whole = self.open.iter().rev().nth(1).map(|(_, second)| second);
        let acked = |quantile| {
            whole.map_or(Quantile::Empty, |second| second.latencies[Metric::IntendedToAck as usize].quantile(quantile))
        };
        Live {
            totals: self.totals,
            last_second: whole.map_or_else(Counters::default, |second| second.counters),
            p50: acked(0.5),
            p99: acked(0.99),
        }
    }

    /// The measurements, once every worker has finished.
    pub fn finish(mut self) -> Measurements {
        while !self.open.is_empty() {
            self.close_first();
        }
        Measurements {
            seconds: self.closed,
            latencies: Metric::ALL.into_iter().zip(self.latencies).collect(),
            consumed_by_group: self.consumed_by_group,
            lag_by_producer: self.lag_by_producer,
            measured: self.measured,
            totals: self.totals,
        }
    }

    fn first_open(&self) -> u64 {
        self.open.first_key_value().map_or(u64::MAX, |(second, _)| *second)
    }

    fn close_first(&mut self) {
        let Some((second, OpenSecond { counters, consumed_by_group, latencies })) = self.open.pop_first() else {
            return;
        };
        let recorded = Metric::ALL.into_iter().zip(&latencies).filter(|(_, latency)| latency.count() > 0);
        let latencies = recorded.map(|(metric, latency)| (metric, latency.encoded())).collect();
        self.closed.push(Second { second, counters, consumed_by_group, latencies });
    }
}

impl OpenSecond {
    fn new(groups: usize) -> OpenSecond {
        OpenSecond { counters: Counters::default(), consumed_by_group: vec![0; groups], latencies: Default::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::super::recorder::Recorder;
    use super::*;
    use crate::clock::NANOS_PER_SECOND as SECOND;

    const START: u64 = 1_000 * SECOND;
    const MS: u64 = 1_000_000;

    fn collect(collector: &mut Collector, intervals: &Receiver<Interval>) {
        intervals.try_iter().for_each(|interval| collector.accept(interval));
    }

    #[test]
    fn a_message_belongs_to_the_phase_of_its_intended_time_and_its_events_to_their_second() {
        let (sender, intervals) = channel();
        let mut collector = Collector::new(1);
        let mut producer = Recorder::new(Source::Producer(0), START, sender.clone());
        let mut consumer = Recorder::new(Source::Consumer { group: 0, member: 0 }, START, sender);
        for i in 0..3000 {
            let due = START + i * MS;
            let phase = if i < 1000 { Phase::Warmup } else { Phase::Measured };
            producer.tick(due);
            producer.sent(phase, due, due + 1, 10);
            producer.acked(phase, due, due + 1, due + 2 * MS, 10);
            consumer.tick(due);
            consumer.consumed(phase, Some(due), due + 5 * MS, 10);
        }
        producer.failed(Phase::Measured);
        producer.finish();
        consumer.finish();
        collect(&mut collector, &intervals);
        let measurements = collector.finish();

        assert_eq!(measurements.totals.acked, 3000);
        let measured = Counters {
            sent: 2000,
            sent_bytes: 20_000,
            acked: 2000,
            acked_bytes: 20_000,
            failed: 1,
            consumed: 2000,
            consumed_bytes: 20_000,
        };
        assert_eq!(measurements.measured, measured);
        let per_second: Vec<(u64, u64, u64)> =
            measurements.seconds.iter().map(|s| (s.second, s.counters.sent, s.consumed_by_group[0])).collect();
        assert_eq!(per_second, [(0, 1000, 1000), (1, 1000, 1000), (2, 1000, 1000)]);
        for (metric, latency) in &measurements.latencies {
            assert_eq!(latency.count(), 2000, "{metric:?}");
        }
        assert_eq!(measurements.consumed_by_group[0].count(), 2000);
        assert_eq!(measurements.seconds[0].latencies.len(), Metric::ALL.len());
        assert_eq!(measurements.lag_by_producer.get(&0).map(Latency::count), Some(2000));
    }

    #[test]
    fn the_live_view_shows_the_last_whole_second() {
        let (sender, intervals) = channel();
        let mut collector = Collector::new(0);
        let mut recorder = Recorder::new(Source::Producer(0), START, sender);
        for i in 0..25 {
            let due = START + i * 100 * MS;
            recorder.tick(due);
            recorder.acked(Phase::Measured, due, due, due + (1 + i / 10) * MS, 10);
        }
        recorder.finish();
        collect(&mut collector, &intervals);
        let live = collector.live();
        assert_eq!((live.totals.acked, live.last_second.acked), (25, 10));
        assert!(matches!(live.p99, Quantile::At(ns) if ns.abs_diff(2 * MS) < MS / 100), "{live:?}");
    }

    #[test]
    fn what_a_stalled_worker_hands_over_late_is_not_lost() {
        let (sender, intervals) = channel();
        let mut collector = Collector::new(0);
        let mut stalled = Recorder::new(Source::Producer(1), START, sender.clone());
        stalled.acked(Phase::Measured, START, START, START + MS, 10);
        let mut recorder = Recorder::new(Source::Producer(0), START, sender);
        (1..20).for_each(|second| recorder.tick(START + second * SECOND));
        collect(&mut collector, &intervals);
        stalled.tick(START + 19 * SECOND);
        collect(&mut collector, &intervals);
        let measurements = collector.finish();
        assert_eq!(measurements.totals.acked, 1);
        assert_eq!(measurements.seconds.iter().map(|second| second.counters.acked).sum::<u64>(), 1);
        assert!(measurements.seconds.windows(2).all(|pair| pair[0].second < pair[1].second));
    }

    #[test]
    fn censored_messages_count_in_the_measured_phase() {
        let (sender, intervals) = channel();
        let mut collector = Collector::new(0);
        let mut recorder = Recorder::new(Source::Producer(0), START, sender);
        (1..=7).rev().for_each(|waited| recorder.censored(Metric::IntendedToAck, waited * MS));
        recorder.finish();
        collect(&mut collector, &intervals);
        let measurements = collector.finish();
        let latency = &measurements.latencies[0].1;
        assert_eq!((latency.censored(), latency.censored_from_ns()), (7, Some(MS)));
    }
}

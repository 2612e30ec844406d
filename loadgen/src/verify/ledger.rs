//! What became of one producer's messages.
//!
//! Acknowledgements are kept as runs: one that continues the last of its partition costs a comparison and an increment.
//! [`Ledger::take_evidence`] hands the runs over, so that the ledger itself stays small.

use super::evidence::{Evidence, Lane, LaneRun, LedgerEvidence};
use super::order::Order;
use super::runs::Run;
use super::verdict::{Anomaly, Example, ProducerTally};
use super::{RunShape, grown};
use crate::message::{CLIENT_CHOOSES, NO_OFFSET, Outcome, Producer};

/// One producer's record of outcomes; owned by the worker's thread.
#[derive(Debug)]
pub struct Ledger {
    producer: Producer,
    client_chooses: bool,
    /// By the partition that acknowledged.
    partitions: Vec<Acknowledged>,
    acked_by_partition: Vec<u64>,
    tally: ProducerTally,
    pending: LedgerEvidence,
}

/// What one partition acknowledged.
#[derive(Debug, Default)]
struct Acknowledged {
    /// The run that the next acknowledgement may continue.
    open: Option<Run>,
    /// Where all the runs before it stand.
    order: Order,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(producer: Producer, shape: RunShape) -> Ledger {
        let partitions = shape.partitions.max(0) as usize;
        Ledger {
            producer,
            client_chooses: shape.client_chooses,
            partitions: (0..partitions).map(|_| Acknowledged::default()).collect(),
            acked_by_partition: vec![0; partitions],
            tally: ProducerTally::default(),
            pending: LedgerEvidence::default(),
        }
    }

    /// Notes that a message was handed to the client.
    #[inline]
    pub fn submitted(&mut self) {
        self.tally.due += 1;
    }

    /// Notes messages that were due and never handed to the client.
    pub fn unsent(&mut self, messages: u64) {
        self.tally.due += messages;
        self.tally.unsent += messages;
    }

    /// Notes what became of a submitted message; `partition` as composed, maybe [`CLIENT_CHOOSES`].
    #[inline]
    pub fn settle(&mut self, partition: i32, sequence: u64, outcome: Outcome) {
        match outcome {
            Outcome::Acked { partition: acked_in, offset } => self.acked(partition, sequence, acked_in, offset),
            Outcome::Failed => self.tally.failed += 1,
            Outcome::Unknown => {
                self.tally.unknown += 1;
                let lane = Lane { producer: self.producer.index, partition };
                match self.pending.unknown.last_mut() {
                    Some((last, _, end)) if *last == lane && *end == sequence => *end += 1,
                    _ => self.pending.unknown.push((lane, sequence, sequence + 1)),
                }
            }
        }
    }

    /// Counts so far.
    pub fn tally(&self) -> ProducerTally {
        self.tally
    }

    /// Messages acknowledged in each partition.
    pub fn acked_by_partition(&self) -> &[u64] {
        &self.acked_by_partition
    }

    /// Hands over what was noted since the last time: about once a second, and at the end.
    pub fn take_evidence(&mut self) -> Evidence {
        for (index, acknowledged) in (0..).zip(&mut self.partitions) {
            let partition = if self.client_chooses { CLIENT_CHOOSES } else { index };
            acknowledged.close(Lane { producer: self.producer.index, partition }, &mut self.pending);
        }
        self.pending.producer = self.producer.index;
        self.pending.tally = self.tally;
        Evidence::Ledger(std::mem::take(&mut self.pending))
    }

    #[inline]
    fn acked(&mut self, lane: i32, sequence: u64, partition: i32, offset: i64) {
        self.tally.acked += 1;
        *grown(&mut self.acked_by_partition, partition) += 1;
        let lane = Lane { producer: self.producer.index, partition: lane };
        if lane.partition != CLIENT_CHOOSES && lane.partition != partition {
            return self.acked_elsewhere(lane, Run::one(partition, sequence, offset));
        }
        let acknowledged = grown(&mut self.partitions, partition);
        if !acknowledged.open.as_mut().is_some_and(|run| run.extend(partition, sequence, offset)) {
            acknowledged.close(lane, &mut self.pending);
            acknowledged.open = Some(Run::one(partition, sequence, offset));
        }
    }

    #[cold]
    fn acked_elsewhere(&mut self, lane: Lane, run: Run) {
        let example = Example { expected_partition: Some(lane.partition), ..first_of(lane, &run) };
        self.pending.findings.note(Anomaly::WrongPartition, 1, example);
        self.pending.runs.push(LaneRun { lane, run, backward: false });
    }
}

impl Acknowledged {
    fn close(&mut self, lane: Lane, pending: &mut LedgerEvidence) {
        let Some(run) = self.open.take() else { return };
        // Within a run, sequences and offsets rise together: only between two can an order break.
        let across_gaps = lane.partition == CLIENT_CHOOSES;
        if run.offset != NO_OFFSET && self.order.insert(&run, across_gaps).is_err() {
            pending.findings.note(Anomaly::NonmonotonicSend, u64::from(run.length), first_of(lane, &run));
        }
        pending.runs.push(LaneRun { lane, run, backward: false });
    }
}

/// The first message of a run, as the producer's side knows it.
fn first_of(lane: Lane, run: &Run) -> Example {
    Example {
        producer: Some(lane.producer),
        partition: run.partition,
        sequence: Some(run.sequence),
        offset: Some(run.offset).filter(|offset| *offset != NO_OFFSET),
        ..Example::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ledger() -> Ledger {
        let shape = RunShape { run_id: 1, producers: 1, partitions: 2, groups: 1, client_chooses: false };
        Ledger::new(Producer { run_id: 1, index: 0, epoch: 0 }, shape)
    }

    fn evidence(ledger: &mut Ledger) -> LedgerEvidence {
        match ledger.take_evidence() {
            Evidence::Ledger(evidence) => evidence,
            Evidence::Checker(_) => unreachable!("a ledger's evidence"),
        }
    }

    #[test]
    fn acknowledgements_in_order_are_one_run_for_each_partition() {
        let mut ledger = ledger();
        for sequence in 0..1000 {
            for partition in 0..2 {
                ledger.submitted();
                let offset = 5 + sequence as i64;
                ledger.settle(partition, sequence, Outcome::Acked { partition, offset });
            }
        }
        let evidence = evidence(&mut ledger);
        let runs: Vec<Run> = evidence.runs.iter().map(|run| run.run).collect();
        assert_eq!(runs, [0, 1].map(|partition| Run { sequence: 0, offset: 5, partition, length: 1000 }));
        assert_eq!(ledger.acked_by_partition(), [1000, 1000]);
        assert!(ledger.tally().adds_up());
    }

    #[test]
    fn unknown_messages_are_kept_apart_as_intervals_and_failed_ones_are_counted() {
        let mut ledger = ledger();
        for (sequence, outcome) in [(0, Outcome::Unknown), (1, Outcome::Unknown), (2, Outcome::Failed)] {
            ledger.submitted();
            ledger.settle(1, sequence, outcome);
        }
        ledger.unsent(4);
        let evidence = evidence(&mut ledger);
        assert_eq!(evidence.unknown, [(Lane { producer: 0, partition: 1 }, 0, 2)]);
        let tally = ProducerTally { due: 7, acked: 0, failed: 1, unknown: 2, unsent: 4 };
        assert!(evidence.runs.is_empty() && evidence.tally == tally && tally.adds_up());
    }

    #[test]
    fn every_message_of_a_run_that_stands_too_late_is_counted() {
        let mut ledger = ledger();
        for (sequence, offset) in [(5, 10), (0, 11), (1, 12), (2, 13), (6, 14)] {
            ledger.settle(0, sequence, Outcome::Acked { partition: 0, offset });
        }
        assert_eq!(evidence(&mut ledger).findings.disorder, [(0, 3)].into());
    }

    #[test]
    fn a_message_that_stands_before_one_of_a_lower_sequence_is_out_of_order_too() {
        let mut ledger = ledger();
        for (sequence, offset) in [(0, 10), (1, 5), (2, 11)] {
            ledger.settle(0, sequence, Outcome::Acked { partition: 0, offset });
        }
        assert_eq!(evidence(&mut ledger).findings.disorder, [(0, 1)].into());
    }

    proptest! {
        #[test]
        fn a_disorder_is_found_exactly_where_a_higher_sequence_has_a_lower_offset(
            swaps in proptest::collection::vec((0..30usize, 0..30usize), 0..6),
            arrival in Just((0..30usize).collect::<Vec<_>>()).prop_shuffle(),
            in_order_of_sequence in any::<bool>(),
            hand_over in proptest::collection::vec(any::<bool>(), 30),
        ) {
            let mut offsets: Vec<i64> = (0..30).map(|sequence| 100 + sequence).collect();
            swaps.iter().for_each(|(one, other)| offsets.swap(*one, *other));
            let mut ledger = ledger();
            let mut found = 0;
            for (turn, arrival) in arrival.into_iter().enumerate() {
                let sequence = if in_order_of_sequence { turn } else { arrival };
                let outcome = Outcome::Acked { partition: 0, offset: offsets[sequence] };
                ledger.settle(0, sequence as u64, outcome);
                if hand_over[turn] {
                    found += evidence(&mut ledger).findings.disorder.values().sum::<u64>();
                }
            }
            found += evidence(&mut ledger).findings.disorder.values().sum::<u64>();
            prop_assert_eq!(found > 0, !offsets.is_sorted());
            prop_assert!(found < 30, "one of them is in order");
        }
    }

    #[test]
    fn a_message_without_an_outcome_does_not_add_up() {
        let mut ledger = ledger();
        ledger.submitted();
        assert!(!ledger.tally().adds_up());
    }
}

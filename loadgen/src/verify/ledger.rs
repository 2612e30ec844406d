//! What became of one producer's messages.
//!
//! Acknowledgements are kept as runs: one that continues the last of its partition costs a comparison and an increment.
//! [`Ledger::take_evidence`] hands the runs over, so that the ledger itself stays small.

use super::evidence::{Evidence, Lane, LaneRun, LedgerEvidence};
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
#[derive(Debug, Clone, Default)]
struct Acknowledged {
    /// The run that the next acknowledgement may continue.
    open: Option<Run>,
    /// Whether it stands behind messages of a higher sequence.
    backward: bool,
    /// The highest sequence acknowledged, and its offset.
    highest: Option<(u64, i64)>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(producer: Producer, shape: RunShape) -> Ledger {
        let partitions = shape.partitions.max(0) as usize;
        Ledger {
            producer,
            client_chooses: shape.client_chooses,
            partitions: vec![Acknowledged::default(); partitions],
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
            self.begin(lane, Run::one(partition, sequence, offset));
        }
    }

    /// Begins a run: the place where an order can break.
    fn begin(&mut self, lane: Lane, run: Run) {
        let acknowledged = grown(&mut self.partitions, run.partition);
        acknowledged.close(lane, &mut self.pending);
        acknowledged.backward =
            acknowledged.highest.is_some_and(|(sequence, offset)| run.sequence < sequence && run.offset > offset);
        acknowledged.open = Some(run);
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
        if self.backward {
            pending.findings.note(Anomaly::NonmonotonicSend, u64::from(run.length), first_of(lane, &run));
        }
        let last = run.end() - 1;
        if self.highest.is_none_or(|(sequence, _)| last > sequence) {
            self.highest = Some((last, run.offset_of(last)));
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
    fn a_message_without_an_outcome_does_not_add_up() {
        let mut ledger = ledger();
        ledger.submitted();
        assert!(!ledger.tally().adds_up());
    }
}

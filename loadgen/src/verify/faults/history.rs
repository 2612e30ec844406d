//! What producers sent and were told, what the log holds, and what the groups' members read of it.

use crate::message::{CLIENT_CHOOSES, Outcome, Producer, STAMP_SIZE_BYTES, Stamp};
use crate::verify::*;
use crate::workload::random::SplitMix64;

pub(super) const RUN_ID: u64 = 42;
pub(super) const SHAPE: RunShape =
    RunShape { run_id: RUN_ID, producers: 3, partitions: 4, groups: 2, client_chooses: false };
pub(super) const MEMBERS: usize = 2;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) producer: u16,
    /// The partition in the stamp.
    pub(super) lane: i32,
    pub(super) sequence: u64,
    pub(super) offset: i64,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// What one producer was told of one message.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) producer: u16,
    pub(super) lane: i32,
    pub(super) sequence: u64,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Assigned(i32, i64),
    Revoked(i32),
    Read(i32, Record),
}

pub(super) struct History {
    pub(super) shape: RunShape,
    pub(super) random: SplitMix64,
    pub(super) told: Vec<Told>,
    /// By partition.
    pub(super) log: Vec<Vec<Record>>,
    /// By group: member and step.
    pub(super) reads: Vec<Vec<(usize, Step)>>,
}

pub(super) fn record(producer: u16, lane: i32, sequence: u64, offset: i64) -> Record {
    let key = format!("{:02}", sequence % 7).into_bytes();
    let mut value = vec![b'v'; STAMP_SIZE_BYTES + 8];
    let producer_id = Producer { run_id: RUN_ID, index: producer, epoch: 0 };
    let stamp = Stamp { producer: producer_id, partition: lane, sequence, intended_ns: 1, clock_domain: 2 };
    assert!(stamp.encode_into(Some(&key), &mut value));
    Record { producer, lane, sequence, offset, key, value }
}

impl History {
    /// Producers send in bursts; some messages fail, some are never answered, whether in the log or not.
    pub(super) fn new(seed: u64, shape: RunShape) -> History {
        let mut random = SplitMix64::new(seed, 0);
        let mut log = vec![Vec::new(); shape.partitions as usize];
        let mut sequences = vec![vec![0; shape.partitions as usize]; usize::from(shape.producers)];
        let mut told = Vec::new();
        for _ in 0..40 {
            let producer = random.below(u64::from(shape.producers)) as u16;
            let partition = random.below(shape.partitions as u64) as usize;
            for _ in 0..=random.below(8) {
                let lane = if shape.client_chooses { CLIENT_CHOOSES } else { partition as i32 };
                let sequence = &mut sequences[usize::from(producer)][if shape.client_chooses { 0 } else { partition }];
                let offset = log[partition].len() as i64;
                let (outcome, written) = match random.below(20) {
                    0 => (Outcome::Failed, false),
                    1 => (Outcome::Unknown, false),
                    2 => (Outcome::Unknown, true),
                    _ => (Outcome::Acked { partition: partition as i32, offset }, true),
                };
                if written {
                    log[partition].push(record(producer, lane, *sequence, offset));
                }
                told.push(Told { producer, lane, sequence: *sequence, outcome });
                *sequence += 1;
            }
        }
        History { shape, random, told, log, reads: Vec::new() }
    }

    /// Every group reads the whole log; now and then a partition moves to another member, which starts at an offset
    /// committed some messages ago.
    pub(super) fn read(mut self) -> History {
        let random = &mut self.random;
        for _ in 0..self.shape.groups {
            let mut steps = Vec::new();
            let mut owners: Vec<(usize, usize)> = vec![(0, 0); self.log.len()];
            for partition in 0..owners.len() {
                steps.push((0, Step::Assigned(partition as i32, 0)));
            }
            while owners.iter().zip(&self.log).any(|((_, next), log)| *next < log.len()) {
                let partition = random.below(owners.len() as u64) as usize;
                let (member, next) = &mut owners[partition];
                if random.below(6) == 0 {
                    steps.push((*member, Step::Revoked(partition as i32)));
                    *member = random.below(MEMBERS as u64) as usize;
                    *next -= (random.below(4) as usize).min(*next);
                    let position = self.log[partition].get(*next).map_or(*next as i64, |record| record.offset);
                    steps.push((*member, Step::Assigned(partition as i32, position)));
                }
                let until = self.log[partition].len().min(*next + random.below(6) as usize);
                let read = self.log[partition][*next..until].iter();
                steps.extend(read.map(|record| (*member, Step::Read(partition as i32, record.clone()))));
                *next = until;
            }
            self.reads.push(steps);
        }
        self
    }

    /// Feeds ledgers and checkers, takes their evidence at random moments, and reconciles it in random order.
    pub(super) fn verdict(self, max_waiting_runs: usize) -> Verdict {
        let History { shape, mut random, told, reads, .. } = self;
        let mut evidence = Vec::new();
        let mut ledgers: Vec<Ledger> = (0..shape.producers)
            .map(|index| Ledger::new(Producer { run_id: RUN_ID, index, epoch: 0 }, shape))
            .collect();
        for told in told {
            let ledger = &mut ledgers[usize::from(told.producer)];
            ledger.submitted();
            ledger.settle(told.lane, told.sequence, told.outcome);
        }
        for (group, steps) in (0..).zip(reads) {
            let mut checkers: Vec<Checker> = (0..MEMBERS).map(|_| Checker::new(group, shape)).collect();
            for (member, step) in steps {
                let checker = &mut checkers[member];
                match step {
                    Step::Assigned(partition, position) => checker.assigned(partition, Some(position)),
                    Step::Revoked(partition) => checker.revoked(partition),
                    Step::Read(partition, Record { offset, key, value, .. }) => {
                        let (key, value) = (Some(&key[..]), &value[..]);
                        checker.check(Consumed { partition, offset, key, value, stamp_header: None });
                    }
                }
                if random.below(10) == 0 {
                    evidence.push(checkers[member].take_evidence());
                }
            }
            evidence.extend(checkers.iter_mut().map(Checker::take_evidence));
        }
        evidence.extend(ledgers.iter_mut().map(Ledger::take_evidence));
        let mut reconciler = Reconciler::with_max_waiting_runs(shape, max_waiting_runs);
        while !evidence.is_empty() {
            let next = random.below(evidence.len() as u64) as usize;
            reconciler.accept(evidence.swap_remove(next)).unwrap();
        }
        reconciler.finish(&Expectations::strict()).unwrap()
    }

    /// An acknowledged record in the middle of a partition, which its neighbours surround.
    pub(super) fn victim(&mut self) -> (usize, usize) {
        loop {
            let partition = self.random.below(self.log.len() as u64) as usize;
            let records = self.log[partition].len() as u64;
            if records < 3 {
                continue;
            }
            let index = 1 + self.random.below(records - 2) as usize;
            if self.told_of(partition, index).is_some() {
                return (partition, index);
            }
        }
    }

    /// The acknowledgement of a record.
    pub(super) fn told_of(&mut self, partition: usize, index: usize) -> Option<&mut Told> {
        let Record { producer, lane, sequence, .. } = self.log[partition][index];
        self.told.iter_mut().find(|told| {
            (told.producer, told.lane, told.sequence) == (producer, lane, sequence)
                && matches!(told.outcome, Outcome::Acked { .. })
        })
    }

    pub(super) fn end_offset(&self, partition: usize) -> i64 {
        self.log[partition].last().map_or(0, |last| last.offset + 1)
    }
}

//! The detector under test: fault-free histories are clean, and each kind of fault put between a scripted cluster and
//! the checkers is named, with the exact message.
//!
//! A history is made in three steps, each from a seed: what producers sent and were told, what the log holds, and what
//! the groups' members read of it while partitions move between them. Faults change one of the three.

use proptest::prelude::*;

use super::*;
use crate::message::{CLIENT_CHOOSES, NO_OFFSET, Outcome, Producer, STAMP_SIZE_BYTES, Stamp};
use crate::workload::random::SplitMix64;

const RUN_ID: u64 = 42;
const SHAPE: RunShape = RunShape { run_id: RUN_ID, producers: 3, partitions: 4, groups: 2, client_chooses: false };
const MEMBERS: usize = 2;

#[derive(Debug, Clone, PartialEq)]
struct Record {
    producer: u16,
    /// The partition in the stamp.
    lane: i32,
    sequence: u64,
    offset: i64,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// What one producer was told of one message.
#[derive(Debug, Clone)]
struct Told {
    producer: u16,
    lane: i32,
    sequence: u64,
    outcome: Outcome,
}

#[derive(Debug, Clone)]
enum Step {
    Assigned(i32, i64),
    Revoked(i32),
    Read(i32, Record),
}

struct History {
    shape: RunShape,
    random: SplitMix64,
    told: Vec<Told>,
    /// By partition.
    log: Vec<Vec<Record>>,
    /// By group: member and step.
    reads: Vec<Vec<(usize, Step)>>,
}

fn record(producer: u16, lane: i32, sequence: u64, offset: i64) -> Record {
    let key = format!("{:02}", sequence % 7).into_bytes();
    let mut value = vec![b'v'; STAMP_SIZE_BYTES + 8];
    let producer_id = Producer { run_id: RUN_ID, index: producer, epoch: 0 };
    let stamp = Stamp { producer: producer_id, partition: lane, sequence, intended_ns: 1, clock_domain: 2 };
    assert!(stamp.encode_into(Some(&key), &mut value));
    Record { producer, lane, sequence, offset, key, value }
}

impl History {
    /// Producers send in bursts; some messages fail, some are never answered, whether in the log or not.
    fn new(seed: u64, shape: RunShape) -> History {
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
    fn read(mut self) -> History {
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
    fn verdict(self, max_waiting_runs: usize) -> Verdict {
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
    fn victim(&mut self) -> (usize, usize) {
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
    fn told_of(&mut self, partition: usize, index: usize) -> Option<&mut Told> {
        let Record { producer, lane, sequence, .. } = self.log[partition][index];
        self.told.iter_mut().find(|told| {
            (told.producer, told.lane, told.sequence) == (producer, lane, sequence)
                && matches!(told.outcome, Outcome::Acked { .. })
        })
    }

    fn end_offset(&self, partition: usize) -> i64 {
        self.log[partition].last().map_or(0, |last| last.offset + 1)
    }
}

/// A fault and what it must be called.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Drop,
    DropAndReuseOffset,
    Duplicate,
    Swap,
    /// As a swap, and acknowledged so.
    Reorder,
    CorruptByte,
    CorruptKey,
    MoveToAnotherPartition,
    Phantom,
    FailedButWritten,
    AckedOffsetLie,
    ReadOffsetLie,
    Foreign,
    SkipWhileReading,
    StepBackWhileReading,
    StopReadingEarly,
}

impl Fault {
    const ALL: [Fault; 16] = [
        Fault::Drop,
        Fault::DropAndReuseOffset,
        Fault::Duplicate,
        Fault::Swap,
        Fault::Reorder,
        Fault::CorruptByte,
        Fault::CorruptKey,
        Fault::MoveToAnotherPartition,
        Fault::Phantom,
        Fault::FailedButWritten,
        Fault::AckedOffsetLie,
        Fault::ReadOffsetLie,
        Fault::Foreign,
        Fault::SkipWhileReading,
        Fault::StepBackWhileReading,
        Fault::StopReadingEarly,
    ];

    fn names(self) -> &'static [Anomaly] {
        match self {
            Fault::Drop | Fault::SkipWhileReading => &[Anomaly::LostWrite],
            Fault::DropAndReuseOffset => &[Anomaly::LostWrite, Anomaly::InconsistentOffsets],
            Fault::Duplicate => &[Anomaly::Duplicate],
            Fault::Swap => &[Anomaly::InconsistentOffsets],
            Fault::Reorder => &[Anomaly::NonmonotonicSend],
            Fault::CorruptByte | Fault::CorruptKey => &[Anomaly::Corrupt],
            Fault::MoveToAnotherPartition => &[Anomaly::WrongPartition],
            Fault::Phantom | Fault::FailedButWritten => &[Anomaly::Phantom],
            Fault::AckedOffsetLie => &[Anomaly::InconsistentOffsets],
            Fault::ReadOffsetLie => &[Anomaly::InconsistentOffsets, Anomaly::NonmonotonicPoll],
            Fault::Foreign => &[Anomaly::Foreign],
            Fault::StepBackWhileReading => &[Anomaly::NonmonotonicPoll],
            Fault::StopReadingEarly => &[Anomaly::Unseen],
        }
    }

    /// What a member sees only where its assignment does not happen to begin or end there.
    fn may_name(self) -> &'static [Anomaly] {
        match self {
            Fault::Drop | Fault::SkipWhileReading | Fault::MoveToAnotherPartition | Fault::ReadOffsetLie => {
                &[Anomaly::PollSkip]
            }
            Fault::Swap => &[Anomaly::NonmonotonicSend],
            _ => &[],
        }
    }

    /// Makes a history with the fault in it; none where it has no place for one.
    fn inject(self, seed: u64) -> Option<History> {
        let mut history = History::new(seed, SHAPE);
        let (partition, index) = history.victim();
        let log = &mut history.log[partition];
        let reuse = |log: &mut Vec<Record>| log[index..].iter_mut().for_each(|record| record.offset -= 1);
        match self {
            Fault::Drop => drop(log.remove(index)),
            Fault::DropAndReuseOffset => {
                log.remove(index);
                reuse(log);
            }
            Fault::Duplicate => {
                let copy = Record { offset: history.end_offset(partition), ..history.log[partition][index].clone() };
                history.log[partition].push(copy);
            }
            Fault::Swap | Fault::Reorder => {
                let (first, second) = (&log[index - 1], &log[index]);
                if first.producer != second.producer {
                    return None;
                }
                let (one, other) = (first.offset, second.offset);
                log.swap(index - 1, index);
                (log[index - 1].offset, log[index].offset) = (one, other);
                for (index, offset) in [(index - 1, one), (index, other)].into_iter().filter(|_| self == Fault::Reorder)
                {
                    if let Some(told) = history.told_of(partition, index) {
                        told.outcome = Outcome::Acked { partition: partition as i32, offset };
                    }
                }
            }
            Fault::CorruptByte => log[index].value[STAMP_SIZE_BYTES + 3] ^= 0x10,
            Fault::CorruptKey => log[index].key[0] ^= 1,
            Fault::MoveToAnotherPartition => {
                let moved = log.remove(index);
                let other = (partition + 1) % history.log.len();
                let offset = history.end_offset(other);
                history.log[other].push(Record { offset, ..moved });
            }
            Fault::Phantom => {
                let offset = history.end_offset(partition);
                history.log[partition].push(record(1, partition as i32, 1_000_000, offset));
            }
            Fault::FailedButWritten => history.told_of(partition, index)?.outcome = Outcome::Failed,
            Fault::AckedOffsetLie => {
                let told = history.told_of(partition, index)?;
                let Outcome::Acked { partition, offset } = told.outcome else { return None };
                told.outcome = Outcome::Acked { partition, offset: offset + 1 };
            }
            Fault::Foreign => log[index].value = b"from another program".to_vec(),
            Fault::ReadOffsetLie | Fault::SkipWhileReading | Fault::StepBackWhileReading | Fault::StopReadingEarly => {
                return self.misread(history.read());
            }
        }
        if self == Fault::Foreign {
            // It is nobody's message, then.
            let Told { outcome, .. } = history.told_of(partition, index)?;
            *outcome = Outcome::Failed;
        }
        Some(history.read())
    }

    /// Changes what one group reads.
    fn misread(self, mut history: History) -> Option<History> {
        let (partition, index) = history.victim();
        let victim = history.log[partition][index].clone();
        let steps = &mut history.reads[1];
        let is_victim = |step: &Step| matches!(step, Step::Read(_, record) if *record == victim);
        match self {
            Fault::SkipWhileReading => steps.retain(|(_, step)| !is_victim(step)),
            Fault::StopReadingEarly => {
                let stop = steps.iter().position(|(_, step)| is_victim(step))?;
                let mut at = 0..;
                steps.retain(|(_, step)| {
                    let (Step::Assigned(of, _) | Step::Revoked(of) | Step::Read(of, _)) = step;
                    at.next() < Some(stop) || *of != partition as i32
                });
            }
            Fault::StepBackWhileReading => {
                let at = steps.iter().position(|(_, step)| is_victim(step))?;
                let again = steps[at].clone();
                steps.insert(at + 1, again);
            }
            _ => {
                for (_, step) in steps.iter_mut().filter(|(_, step)| is_victim(step)) {
                    let Step::Read(_, record) = step else { continue };
                    record.offset -= 1;
                }
            }
        }
        Some(history)
    }
}

const IN_MEMORY: usize = usize::MAX;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn histories_without_faults_are_clean_whatever_moves_between_members(seed in any::<u64>(), client in any::<bool>()) {
        let history = History::new(seed, RunShape { client_chooses: client, ..SHAPE });
        let mut told = history.told.clone();
        let written: usize = history.log.iter().map(Vec::len).sum();
        let mut verdict = history.read().verdict(IN_MEMORY);
        // Keys wander there: this cluster's own partitioner takes no notice of them.
        verdict.findings.retain(|finding| !(client && finding.anomaly == Anomaly::WrongPartition));
        prop_assert!(verdict.is_clean() && verdict.findings.is_empty(), "{verdict:#?}");
        prop_assert_eq!(verdict.producers.due, told.len() as u64);
        told.retain(|told| matches!(told.outcome, Outcome::Acked { .. }));
        prop_assert_eq!(verdict.producers.acked, told.len() as u64);
        prop_assert!(verdict.groups.iter().all(|group| group.distinct == written as u64));
    }

    #[test]
    fn every_single_fault_is_named(seed in any::<u64>(), fault in proptest::sample::select(&Fault::ALL[..])) {
        let history = fault.inject(seed);
        prop_assume!(history.is_some());
        let verdict = history.unwrap().verdict(IN_MEMORY);
        prop_assert!(!verdict.is_clean() && verdict.adds_up());
        for anomaly in fault.names() {
            prop_assert!(verdict.finding(*anomaly).is_some(), "{fault:?} without {anomaly}: {verdict:#?}");
        }
        for finding in &verdict.findings {
            let mut names = fault.names().iter().chain(fault.may_name());
            prop_assert!(names.any(|name| *name == finding.anomaly), "{fault:?} called {}: {verdict:#?}", finding.anomaly);
        }
    }

    #[test]
    fn spilling_changes_no_verdict(seed in any::<u64>(), fault in proptest::sample::select(&Fault::ALL[..])) {
        let histories = (fault.inject(seed), fault.inject(seed));
        prop_assume!(histories.0.is_some());
        let (in_memory, spilled) = (histories.0.unwrap().verdict(IN_MEMORY), histories.1.unwrap().verdict(0));
        let counts = |verdict: &Verdict| verdict.findings.iter().map(|f| (f.anomaly, f.count)).collect::<Vec<_>>();
        prop_assert_eq!((counts(&in_memory), in_memory.groups), (counts(&spilled), spilled.groups));
    }
}

#[test]
fn a_message_without_an_offset_of_its_own_is_cleared_by_one_that_was_acknowledged_elsewhere() {
    // A seed under which the lie is read before the message whose place it takes, which was never acknowledged.
    let history = Fault::ReadOffsetLie.inject(12_310_499_502_220_431_784).expect("the fault fits");
    let verdict = history.verdict(IN_MEMORY);
    assert_eq!(verdict.finding(Anomaly::InconsistentOffsets).map(|finding| finding.count), Some(1));
}

/// A history of one producer, one partition, one group and one member: four messages, acknowledged at 10 to 13.
fn four(reads: &[(u64, i64)]) -> Verdict {
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 1, groups: 1, client_chooses: false };
    let told = (0..4).map(|sequence| {
        let outcome = Outcome::Acked { partition: 0, offset: 10 + sequence as i64 };
        Told { producer: 0, lane: 0, sequence, outcome }
    });
    let reads = reads.iter().map(|(sequence, offset)| (0, Step::Read(0, record(0, 0, *sequence, *offset))));
    let reads = vec![[(0, Step::Assigned(0, 10))].into_iter().chain(reads).collect()];
    let random = SplitMix64::new(1, 1);
    History { shape, random, told: told.collect(), log: vec![Vec::new()], reads }.verdict(IN_MEMORY)
}

fn found(verdict: &Verdict) -> Vec<(Anomaly, u64)> {
    verdict.findings.iter().map(|finding| (finding.anomaly, finding.count)).collect()
}

#[test]
fn a_lost_message_is_named_by_producer_partition_sequence_and_offset() {
    let verdict = four(&[(0, 10), (2, 12), (3, 13)]);
    assert_eq!(found(&verdict), [(Anomaly::LostWrite, 1), (Anomaly::PollSkip, 1)]);
    let lost = &verdict.finding(Anomaly::LostWrite).unwrap().examples[0];
    assert_eq!(lost.to_string(), "producer 0 sequence 1 partition 0 offset 11 in group 0");
    let skip = &verdict.finding(Anomaly::PollSkip).unwrap().examples[0];
    assert_eq!(skip.to_string(), "partition 0 offset 12 (expected offset 11) in group 0");
}

#[test]
fn a_retry_that_was_written_twice_is_a_duplicate_and_nothing_else_whichever_copy_was_acknowledged() {
    let last_acked = four(&[(0, 8), (1, 9), (0, 10), (1, 11), (2, 12), (3, 13)]);
    assert_eq!(found(&last_acked), [(Anomaly::Duplicate, 2), (Anomaly::NonmonotonicPoll, 2)]);
    let first_acked = four(&[(0, 10), (1, 11), (2, 12), (3, 13), (1, 14), (2, 15)]);
    assert_eq!(found(&first_acked), [(Anomaly::Duplicate, 2)]);
}

#[test]
fn messages_that_changed_places_in_the_log_are_out_of_order_and_not_where_they_were_acknowledged() {
    let verdict = four(&[(0, 10), (2, 11), (1, 12), (3, 13)]);
    assert_eq!(found(&verdict), [(Anomaly::InconsistentOffsets, 2), (Anomaly::NonmonotonicSend, 1)]);
    let late = &verdict.finding(Anomaly::NonmonotonicSend).unwrap().examples[0];
    assert_eq!(late.to_string(), "producer 0 sequence 1 partition 0 offset 12 in group 0");
}

#[test]
fn messages_handed_over_out_of_order_are_a_nonmonotonic_poll() {
    let verdict = four(&[(0, 10), (2, 12), (1, 11), (3, 13)]);
    assert_eq!(found(&verdict), [(Anomaly::NonmonotonicPoll, 1), (Anomaly::PollSkip, 1)]);
}

#[test]
fn messages_at_the_end_that_nobody_read_are_unseen_and_not_lost() {
    let verdict = four(&[(0, 10), (1, 11)]);
    assert_eq!(found(&verdict), [(Anomaly::Unseen, 2)]);
    assert_eq!(verdict.findings[0].examples[0].offset, Some(12));
}

#[test]
fn without_offsets_in_acknowledgements_messages_are_still_accounted_for() {
    let told = (0..5).map(|sequence| {
        let outcome = Outcome::Acked { partition: 0, offset: NO_OFFSET };
        Told { producer: 0, lane: 0, sequence, outcome }
    });
    let reads = (0..4).map(|sequence| (0, Step::Read(0, record(0, 0, sequence, 100 + sequence as i64))));
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 1, groups: 1, client_chooses: false };
    let random = SplitMix64::new(1, 1);
    let history = History { shape, random, told: told.collect(), log: vec![Vec::new()], reads: vec![reads.collect()] };
    assert_eq!(found(&history.verdict(IN_MEMORY)), [(Anomaly::LostWrite, 1)]);
}

#[test]
fn what_is_read_is_freed_as_soon_as_every_group_has_it() {
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 1, groups: 2, client_chooses: false };
    let mut ledger = Ledger::new(Producer { run_id: RUN_ID, index: 0, epoch: 0 }, shape);
    let mut checkers = [Checker::new(0, shape), Checker::new(1, shape)];
    let mut reconciler = Reconciler::new(shape);
    for sequence in 0..1000u64 {
        let offset = 3 * sequence as i64;
        ledger.submitted();
        ledger.settle(0, sequence, Outcome::Acked { partition: 0, offset });
        let Record { key, value, .. } = record(0, 0, sequence, offset);
        let read = Consumed { partition: 0, offset, key: Some(&key), value: &value, stamp_header: None };
        checkers.iter_mut().for_each(|checker| assert!(matches!(checker.check(read), Sighting::Ours(_))));
    }
    reconciler.accept(ledger.take_evidence()).unwrap();
    reconciler.accept(checkers[0].take_evidence()).unwrap();
    assert_eq!(reconciler.waiting_runs(), 1000);
    reconciler.accept(checkers[1].take_evidence()).unwrap();
    assert_eq!(reconciler.waiting_runs(), 0);
}

#[test]
fn where_the_client_chooses_a_key_in_two_partitions_is_noticed_across_members() {
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 2, groups: 1, client_chooses: true };
    let mut reconciler = Reconciler::new(shape);
    for partition in 0..2 {
        let mut checker = Checker::new(0, shape);
        let Record { key, value, .. } = record(0, CLIENT_CHOOSES, 7 * partition as u64, 0);
        checker.check(Consumed { partition, offset: 0, key: Some(&key), value: &value, stamp_header: None });
        reconciler.accept(checker.take_evidence()).unwrap();
    }
    let verdict = reconciler.finish(&Expectations::strict()).unwrap();
    assert_eq!(verdict.finding(Anomaly::WrongPartition).map(|finding| finding.count), Some(1));
}

#[test]
fn where_the_client_chooses_an_empty_key_may_be_anywhere() {
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 2, groups: 1, client_chooses: true };
    let mut checker = Checker::new(0, shape);
    for partition in 0..2 {
        let mut value = vec![b'v'; STAMP_SIZE_BYTES];
        let producer = Producer { run_id: RUN_ID, index: 0, epoch: 0 };
        let sequence = partition as u64;
        let stamp = Stamp { producer, partition: CLIENT_CHOOSES, sequence, intended_ns: 1, clock_domain: 2 };
        assert!(stamp.encode_into(Some(b""), &mut value));
        let read = Consumed { partition, offset: 0, key: Some(b""), value: &value, stamp_header: None };
        assert!(matches!(checker.check(read), Sighting::Ours(_)));
    }
    let Evidence::Checker(evidence) = checker.take_evidence() else { panic!("a checker's evidence") };
    assert!(evidence.findings.judge(&Expectations::strict()).is_empty());
}

#[test]
fn messages_that_changed_places_where_a_partition_changed_hands_are_out_of_order() {
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 1, groups: 1, client_chooses: false };
    for members in [[0, 1], [1, 0]] {
        let mut checkers = [Checker::new(0, shape), Checker::new(0, shape)];
        for (member, sequence, offset) in [(0, 0, 0), (0, 2, 1), (1, 1, 2), (1, 3, 3)] {
            let Record { key, value, .. } = record(0, 0, sequence, offset);
            let read = Consumed { partition: 0, offset, key: Some(&key), value: &value, stamp_header: None };
            checkers[member].check(read);
        }
        let mut reconciler = Reconciler::new(shape);
        for member in members {
            reconciler.accept(checkers[member].take_evidence()).unwrap();
        }
        let verdict = reconciler.finish(&Expectations::strict()).unwrap();
        assert_eq!(verdict.finding(Anomaly::NonmonotonicSend).map(|finding| finding.count), Some(1), "{members:?}");
    }
}

//! The detector at scale: millions of stamped messages through ledgers, checkers and reconciler, a few of them faulty, and
//! every finding counted and placed exactly.
//!
//! Producers send bursts, some messages fail or are never answered, partitions move between members and are read again
//! from a little earlier. Of every `one_in` messages, one at a random place gets the fault. The fast variant runs with the
//! other tests; the full one (10 million messages for each fault, one in a million) prints the table:
//!
//! ```text
//! cargo test --release -p loadgen --lib -- --ignored --nocapture one_in_a_million
//! ```
//!
//! `SEED=N` in the environment replays a run; it is printed, and named where an assertion fails.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::time::Instant;

use super::*;

const PARTITIONS: i32 = 6;
const PRODUCERS: u16 = 3;
const MEMBERS: usize = 2;
const VALUE_BYTES: usize = 100;
/// A turn is a burst of one producer in one partition: from 5 messages up to this.
const LONGEST_BURST: u64 = 155;
const EVIDENCE_EVERY_TURNS: u64 = 300;

#[derive(Clone, Copy)]
struct Kept {
    offset: i64,
    key: [u8; 4],
    value: [u8; VALUE_BYTES],
}

/// A finding as it must be reported: the anomaly, and the example's partition and offset.
type Place = (Anomaly, i32, i64);

/// What one producer sends in one turn: what it is told, and what the partition holds of it.
struct Burst {
    producer: u16,
    partition: i32,
    told: Vec<(u64, Outcome)>,
    log: Vec<Kept>,
}

struct Cluster {
    fault: Option<Fault>,
    shape: RunShape,
    random: SplitMix64,
    ledgers: Vec<Ledger>,
    /// By group and member.
    checkers: Vec<[Checker; MEMBERS]>,
    /// By group and partition.
    owners: Vec<Vec<usize>>,
    /// By producer and partition.
    sequences: Vec<Vec<u64>>,
    /// By partition: the end offset, and the last burst unless it is faulty.
    ends: Vec<i64>,
    last: Vec<Vec<Kept>>,
    reconciler: Reconciler,
    expected: Vec<Place>,
}

impl Cluster {
    fn new(fault: Option<Fault>, groups: u16, seed: u64) -> Cluster {
        let shape =
            RunShape { run_id: RUN_ID, producers: PRODUCERS, partitions: PARTITIONS, groups, client_chooses: false };
        let ledger = |index| Ledger::new(Producer { run_id: RUN_ID, index, epoch: 0 }, shape);
        let mut checkers: Vec<[Checker; MEMBERS]> =
            (0..groups).map(|group| std::array::from_fn(|_| Checker::new(group, shape))).collect();
        for members in &mut checkers {
            (0..PARTITIONS).for_each(|partition| members[0].assigned(partition, Some(0)));
        }
        let partitions = PARTITIONS as usize;
        Cluster {
            fault,
            shape,
            random: SplitMix64::new(seed, 0),
            ledgers: (0..PRODUCERS).map(ledger).collect(),
            checkers,
            owners: vec![vec![0; partitions]; usize::from(groups)],
            sequences: vec![vec![0; partitions]; usize::from(PRODUCERS)],
            ends: vec![0; partitions],
            last: vec![Vec::new(); partitions],
            reconciler: Reconciler::new(shape),
            expected: Vec::new(),
        }
    }

    /// Sends so many messages with a fault in one of every `one_in`; returns how many faults there were.
    fn run(&mut self, messages: u64, one_in: u64) -> u64 {
        let (mut sent, mut turns, mut injected) = (0, 0, 0);
        let faults = if self.fault.is_some() { messages / one_in } else { 0 };
        let in_bursts = self.fault.is_some_and(|fault| fault != Fault::StopReadingEarly);
        let mut victim = self.random.below(one_in);
        while sent < messages {
            let mut burst = self.compose();
            let length = burst.told.len() as u64;
            let faulty = in_bursts && injected < faults && sent + length > victim;
            if faulty {
                injected += 1;
                victim = injected * one_in + self.random.below(one_in);
            }
            self.send(&mut burst, faulty);
            sent += length;
            turns += 1;
            if turns % EVIDENCE_EVERY_TURNS == 0 {
                self.hand_over();
            }
        }
        if !in_bursts && faults > 0 {
            (0..faults).for_each(|_| self.leave_unread());
            injected = faults;
        }
        self.hand_over();
        injected
    }

    fn compose(&mut self) -> Burst {
        let producer = self.random.below(u64::from(PRODUCERS)) as u16;
        let partition = self.random.below(PARTITIONS as u64) as i32;
        let messages = 5 + self.random.below(LONGEST_BURST - 4);
        let first = self.sequences[usize::from(producer)][partition as usize];
        self.sequences[usize::from(producer)][partition as usize] += messages;
        let end = &mut self.ends[partition as usize];
        let mut burst = Burst { producer, partition, told: Vec::new(), log: Vec::new() };
        for sequence in first..first + messages {
            let offset = *end;
            burst.told.push((sequence, Outcome::Acked { partition, offset }));
            burst.log.push(stamped(producer, partition, sequence, offset));
            *end += 1;
        }
        burst
    }

    /// One turn of the cluster: the fault, or what may happen to any burst; then what everybody is told and reads.
    fn send(&mut self, burst: &mut Burst, faulty: bool) {
        let partition = burst.partition;
        let mut victim = None;
        if faulty {
            let index = 1 + self.random.below(burst.told.len() as u64 - 3) as usize;
            victim = Some(index);
            self.spoil(burst, index);
        } else {
            self.disappoint(burst);
        }
        let ledger = &mut self.ledgers[usize::from(burst.producer)];
        for (sequence, outcome) in &burst.told {
            ledger.submitted();
            ledger.settle(partition, *sequence, *outcome);
        }
        for group in 0..self.checkers.len() {
            if !faulty && self.random.below(40) == 0 {
                self.move_partition(group, partition);
            }
            let misread = victim.filter(|_| group + 1 == self.checkers.len());
            match misread.and_then(|index| self.misread(burst, index)) {
                Some(records) => self.read(group, partition, &records),
                None => self.read(group, partition, &burst.log),
            }
        }
        self.last[partition as usize] = if faulty { Vec::new() } else { std::mem::take(&mut burst.log) };
    }

    /// Now and then the last message of a burst fails, or nobody knows; that is no anomaly.
    fn disappoint(&mut self, burst: &mut Burst) {
        let Some((_, outcome)) = burst.told.last_mut() else { return };
        let (fails, written) = match self.random.below(60) {
            0 => (Outcome::Failed, false),
            1 => (Outcome::Unknown, false),
            2 => (Outcome::Unknown, true),
            _ => return,
        };
        *outcome = fails;
        if !written {
            burst.log.pop();
            self.ends[burst.partition as usize] -= 1;
        }
    }

    /// Puts the fault into what was told and what the log holds, and says what must be found.
    fn spoil(&mut self, burst: &mut Burst, index: usize) {
        let Some(fault) = self.fault else { return };
        let Burst { partition, told, log, .. } = burst;
        let (partition, offset, end) = (*partition, log[index].offset, self.ends[*partition as usize]);
        let acked = |offset| Outcome::Acked { partition, offset };
        match fault {
            Fault::Drop => {
                log.remove(index);
            }
            Fault::DropAndReuseOffset => {
                log.remove(index);
                log[index..].iter_mut().for_each(|kept| kept.offset -= 1);
                let later = told[index + 1..].iter_mut().zip(offset..);
                later.for_each(|((_, outcome), offset)| *outcome = acked(offset));
                self.ends[partition as usize] -= 1;
            }
            Fault::Duplicate => {
                log.push(Kept { offset: end, ..log[index] });
                self.ends[partition as usize] += 1;
            }
            Fault::Swap | Fault::Reorder => {
                log.swap(index, index + 1);
                (log[index].offset, log[index + 1].offset) = (offset, offset + 1);
                if fault == Fault::Reorder {
                    (told[index].1, told[index + 1].1) = (acked(offset + 1), acked(offset));
                }
            }
            Fault::CorruptByte => log[index].value[STAMP_SIZE_BYTES + 3] ^= 0x10,
            Fault::CorruptKey => log[index].key[0] ^= 1,
            Fault::MoveToAnotherPartition => {
                let moved = log.remove(index);
                let other = (partition + 1) % PARTITIONS;
                let end = &mut self.ends[other as usize];
                let moved = Kept { offset: *end, ..moved };
                *end += 1;
                self.last[other as usize].clear();
                (0..self.checkers.len()).for_each(|group| self.read(group, other, &[moved]));
                self.expected.push((Anomaly::WrongPartition, other, moved.offset));
            }
            Fault::Phantom => {
                told.remove(index);
            }
            Fault::FailedButWritten => told[index].1 = Outcome::Failed,
            Fault::AckedOffsetLie => told[index].1 = acked(offset + 1),
            Fault::Foreign => {
                log[index].value = [b'f'; VALUE_BYTES];
                told[index].1 = Outcome::Failed;
            }
            Fault::ReadOffsetLie | Fault::SkipWhileReading | Fault::StepBackWhileReading | Fault::StopReadingEarly => {}
        }
        self.expect(fault, partition, offset, end);
    }

    /// What the fault must be called, and where: the message's offset, the one after it, or the partition's end.
    fn expect(&mut self, fault: Fault, partition: i32, offset: i64, end: i64) {
        use Anomaly::*;
        let places: &[(Anomaly, i64)] = match fault {
            Fault::Drop | Fault::SkipWhileReading => &[(LostWrite, offset), (PollSkip, offset + 1)],
            Fault::DropAndReuseOffset => &[(LostWrite, offset)],
            Fault::Duplicate => &[(Duplicate, end)],
            Fault::Swap => {
                &[(InconsistentOffsets, offset), (InconsistentOffsets, offset + 1), (NonmonotonicSend, offset + 1)]
            }
            // The reader names the one that stands too late, the producer's side the one that stands too early.
            Fault::Reorder => &[(NonmonotonicSend, offset), (NonmonotonicSend, offset + 1)],
            Fault::CorruptByte | Fault::CorruptKey => &[(Corrupt, offset)],
            // Beside the wrong partition, in the other one.
            Fault::MoveToAnotherPartition => &[(PollSkip, offset + 1)],
            Fault::Phantom | Fault::FailedButWritten => &[(Phantom, offset)],
            Fault::AckedOffsetLie => &[(InconsistentOffsets, offset)],
            Fault::ReadOffsetLie => {
                &[(InconsistentOffsets, offset - 1), (NonmonotonicPoll, offset - 1), (PollSkip, offset + 1)]
            }
            Fault::Foreign => &[(Foreign, offset)],
            Fault::StepBackWhileReading => &[(NonmonotonicPoll, offset)],
            Fault::StopReadingEarly => &[(Unseen, offset)],
        };
        self.expected.extend(places.iter().map(|(anomaly, offset)| (*anomaly, partition, *offset)));
    }

    /// What the last group reads where the fault is in its reading.
    fn misread(&self, burst: &Burst, index: usize) -> Option<Vec<Kept>> {
        let mut records = burst.log.clone();
        match self.fault? {
            Fault::SkipWhileReading => drop(records.remove(index)),
            Fault::StepBackWhileReading => records.insert(index + 1, records[index]),
            Fault::ReadOffsetLie => records[index].offset -= 1,
            _ => return None,
        }
        Some(records)
    }

    /// A message that is acknowledged and that the last group does not come to.
    fn leave_unread(&mut self) {
        let (producer, partition) = (0, 0);
        let (sequence, offset) = (self.sequences[0][0], self.ends[0]);
        self.sequences[0][0] += 1;
        self.ends[0] += 1;
        self.ledgers[0].submitted();
        self.ledgers[0].settle(partition, sequence, Outcome::Acked { partition, offset });
        let kept = stamped(producer, partition, sequence, offset);
        (0..self.checkers.len() - 1).for_each(|group| self.read(group, partition, &[kept]));
        self.expect(Fault::StopReadingEarly, partition, offset, offset);
    }

    /// To any member, which begins at an offset committed some messages ago.
    fn move_partition(&mut self, group: usize, partition: i32) {
        let again = self.random.below(12) as usize;
        let last = &self.last[partition as usize];
        let again = last[last.len() - again.min(last.len())..].to_vec();
        let owner = &mut self.owners[group][partition as usize];
        self.checkers[group][*owner].revoked(partition);
        *owner = self.random.below(MEMBERS as u64) as usize;
        self.checkers[group][*owner].assigned(partition, again.first().map(|kept| kept.offset));
        self.read(group, partition, &again);
    }

    fn read(&mut self, group: usize, partition: i32, records: &[Kept]) {
        let owner = self.owners[group][partition as usize];
        for Kept { offset, key, value } in records {
            let (offset, key) = (*offset, Some(&key[..]));
            self.checkers[group][owner].check(Consumed { partition, offset, key, value, stamp_header: None });
        }
    }

    /// All evidence so far, in random order.
    fn hand_over(&mut self) {
        let mut evidence: Vec<Evidence> = self.ledgers.iter_mut().map(Ledger::take_evidence).collect();
        evidence.extend(self.checkers.iter_mut().flatten().map(Checker::take_evidence));
        while !evidence.is_empty() {
            let next = self.random.below(evidence.len() as u64) as usize;
            self.reconciler.accept(evidence.swap_remove(next)).unwrap();
        }
    }
}

fn stamped(producer: u16, partition: i32, sequence: u64, offset: i64) -> Kept {
    let mut kept = Kept { offset, key: (sequence as u32 % 10_000).to_be_bytes(), value: [b'v'; VALUE_BYTES] };
    let producer = Producer { run_id: RUN_ID, index: producer, epoch: 0 };
    let stamp = Stamp { producer, partition, sequence, intended_ns: 1, clock_domain: 2 };
    stamp.encode_into(Some(&kept.key), &mut kept.value);
    kept
}

/// One row of the table.
struct Row {
    injected: u64,
    found: String,
    messages_per_second: f64,
}

/// Runs one fault, or none, and holds the verdict against what must be found.
fn detected(fault: Option<Fault>, groups: u16, messages: u64, one_in: u64, seed: u64) -> Row {
    let started = Instant::now();
    let mut cluster = Cluster::new(fault, groups, seed);
    let injected = cluster.run(messages, one_in);
    let Cluster { reconciler, expected, shape, .. } = cluster;
    let verdict = reconciler.finish(&Expectations::strict()).unwrap();
    let messages_per_second = messages as f64 / started.elapsed().as_secs_f64();
    let context = format!("{fault:?} with SEED={seed}: {verdict:#?}");
    assert!(verdict.adds_up() && verdict.groups.len() == usize::from(shape.groups), "{context}");
    assert_eq!(injected, if fault.is_some() { messages / one_in } else { 0 }, "{context}");
    let mut counts: BTreeMap<Anomaly, u64> = BTreeMap::new();
    expected.iter().for_each(|(anomaly, ..)| *counts.entry(*anomaly).or_default() += 1);
    let found: BTreeMap<Anomaly, u64> =
        verdict.findings.iter().map(|finding| (finding.anomaly, finding.count)).collect();
    assert_eq!(found, counts, "{context}");
    let places: BTreeSet<Place> = expected.into_iter().collect();
    for finding in &verdict.findings {
        for example in &finding.examples {
            let place = (finding.anomaly, example.partition, example.offset.unwrap_or(NO_OFFSET));
            assert!(places.contains(&place), "{place:?} of {context}");
        }
    }
    let found: Vec<String> = found.iter().map(|(anomaly, count)| format!("{anomaly} {count}")).collect();
    Row { injected, found: found.join(", "), messages_per_second }
}

fn seed() -> u64 {
    let given = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    given.unwrap_or_else(|| RandomState::new().hash_one(()))
}

#[test]
fn every_fault_is_counted_and_placed_exactly_among_many_messages_and_none_is_seen_where_none_is() {
    let seed = seed();
    detected(None, 2, 100_000, 1, seed);
    for fault in Fault::ALL {
        detected(Some(fault), 1, 20_000, 2_000, seed);
    }
}

#[test]
#[ignore = "10 million messages for each fault: a minute of a release build"]
fn every_fault_is_found_at_one_in_a_million_of_ten_million_messages() {
    const MESSAGES: u64 = 10_000_000;
    const ONE_IN: u64 = 1_000_000;
    let seed = seed();
    println!("{MESSAGES} messages each, one fault in {ONE_IN}; SEED={seed}");
    println!("| fault | injected | found, all of it exactly where injected | false | messages/s |");
    println!("|---|---|---|---|---|");
    let clean = (None, 2);
    for (fault, groups) in [clean].into_iter().chain(Fault::ALL.map(|fault| (Some(fault), 1))) {
        let Row { injected, found, messages_per_second } = detected(fault, groups, MESSAGES, ONE_IN, seed);
        let name = fault.map_or("none (two groups)".into(), |fault| format!("{fault:?}"));
        println!("| {name} | {injected} | {found} | 0 | {messages_per_second:.0} |");
    }
}

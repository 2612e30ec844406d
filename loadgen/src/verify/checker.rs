//! What one consumer read, checked message by message.
//!
//! On the way a message should go, a check is a checksum, two comparisons and two increments: the record continues its
//! partition, and the stamp continues the open run of its producer there. Everything else is the exception, and noted.
//! Whether a message was seen before is not decided here, since partitions move between members: runs go to the
//! reconciler.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::evidence::{CheckerEvidence, Evidence, Lane, LaneRun};
use super::runs::Run;
use super::verdict::{Anomaly, Example, GroupTally};
use super::{RunShape, grown};
use crate::message::{CLIENT_CHOOSES, Stamp, StampError};
use crate::workload::partitioner::murmur2;

/// A consumed record.
#[derive(Debug, Clone, Copy)]
pub struct Consumed<'a> {
    /// The partition it was read from.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value (empty where null).
    pub value: &'a [u8],
    /// The value of its record header [`crate::message::STAMP_HEADER`].
    pub stamp_header: Option<&'a [u8]>,
}

/// What a consumed record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// A message of this run, intact; it may still be a duplicate or out of order.
    Ours(Stamp),
    /// A stamped message, damaged.
    Corrupt,
    /// Another program's, or another run's.
    Foreign,
}

/// One consumer's checks; owned by the worker's thread.
#[derive(Debug)]
pub struct Checker {
    group: u16,
    shape: RunShape,
    partitions: Vec<Partition>,
    /// Where each key was first seen, by its hash; kept where the client chooses, for [`KEYS_KEPT`] keys.
    keys: HashMap<u64, i32>,
    total: GroupTally,
    pending: CheckerEvidence,
}

/// Keys beyond so many are not followed.
const KEYS_KEPT: usize = 1 << 20;

/// What one partition gave to this member.
#[derive(Debug, Clone, Default)]
struct Partition {
    /// The offset after the highest of this assignment.
    next: Option<i64>,
    /// The offset after the highest of all assignments.
    reached: i64,
    lanes: Vec<LaneSeen>,
}

/// What one producer's messages in a partition looked like.
#[derive(Debug, Clone, Default)]
struct LaneSeen {
    /// The run that the next message may continue.
    open: Option<Run>,
    backward: bool,
    /// The highest sequence closed, and its offset.
    highest: Option<(u64, i64)>,
}

impl Checker {
    /// A checker for a member of `group` (an index below the shape's `groups`).
    pub fn new(group: u16, shape: RunShape) -> Checker {
        Checker {
            group,
            shape,
            partitions: vec![Partition::default(); shape.partitions.max(0) as usize],
            keys: HashMap::new(),
            total: GroupTally::default(),
            pending: CheckerEvidence { group, ..CheckerEvidence::default() },
        }
    }

    /// The partition was assigned to this member, which reads on from `position` (the group's committed offset, or
    /// where the run begins) where that is known.
    pub fn assigned(&mut self, partition: i32, position: Option<i64>) {
        grown(&mut self.partitions, partition).begin(position);
    }

    /// The partition was taken from this member.
    pub fn revoked(&mut self, partition: i32) {
        grown(&mut self.partitions, partition).begin(None);
    }

    /// Checks one record.
    #[inline]
    pub fn check(&mut self, record: Consumed<'_>) -> Sighting {
        self.pending.tally.records += 1;
        let partition = grown(&mut self.partitions, record.partition);
        if partition.next == Some(record.offset) {
            partition.next = Some(record.offset.saturating_add(1));
        } else {
            self.jumped(&record);
        }
        match Stamp::decode(record.stamp_header, record.key, record.value) {
            Ok(stamp) if self.is_ours(&stamp) => {
                self.sight(&stamp, &record);
                Sighting::Ours(stamp)
            }
            Err(StampError::Corrupt { .. }) => {
                self.pending.tally.corrupt += 1;
                self.pending.corrupt.push((record.partition, record.offset));
                self.note(Anomaly::Corrupt, 1, &record, Example::default());
                Sighting::Corrupt
            }
            Ok(_) | Err(StampError::Missing | StampError::Version { .. }) => {
                self.pending.tally.foreign += 1;
                self.note(Anomaly::Foreign, 1, &record, Example::default());
                Sighting::Foreign
            }
        }
    }

    /// Counts so far of this member; `distinct`, `redelivered` and `duplicates` are known to the reconciler alone.
    pub fn tally(&self) -> GroupTally {
        let mut tally = self.total;
        tally += self.pending.tally;
        tally
    }

    /// Hands over what was noted since the last time: about once a second, and at the end.
    pub fn take_evidence(&mut self) -> Evidence {
        let mut pending =
            std::mem::replace(&mut self.pending, CheckerEvidence { group: self.group, ..Default::default() });
        for (index, partition) in (0..).zip(&mut self.partitions) {
            for (producer, lane) in (0..).zip(&mut partition.lanes) {
                let partition = if self.shape.client_chooses { CLIENT_CHOOSES } else { index };
                lane.close(Lane { producer, partition }, &mut pending.runs);
            }
            pending.reached.push((index, partition.reached.max(partition.next.unwrap_or(0))));
        }
        self.total += pending.tally;
        Evidence::Checker(pending)
    }

    /// Of this run, by one of its producers, in a lane there is.
    #[inline]
    fn is_ours(&self, stamp: &Stamp) -> bool {
        let lane = if self.shape.client_chooses {
            stamp.partition == CLIENT_CHOOSES
        } else {
            (0..self.shape.partitions).contains(&stamp.partition)
        };
        stamp.producer.run_id == self.shape.run_id && stamp.producer.index < self.shape.producers && lane
    }

    #[inline]
    fn sight(&mut self, stamp: &Stamp, record: &Consumed<'_>) {
        let run = Run::one(record.partition, stamp.sequence, record.offset);
        let lane = Lane { producer: stamp.producer.index, partition: stamp.partition };
        if stamp.partition == CLIENT_CHOOSES {
            self.follow_key(stamp, record);
        } else if stamp.partition != record.partition {
            self.pending.runs.push(LaneRun { lane, run, backward: false });
            let example = Example { expected_partition: Some(stamp.partition), ..of(stamp) };
            self.note(Anomaly::WrongPartition, 1, record, example);
            return;
        }
        let lanes = &mut grown(&mut self.partitions, record.partition).lanes;
        let seen = grown(lanes, i32::from(stamp.producer.index));
        if !seen.open.as_mut().is_some_and(|open| open.extend(record.partition, stamp.sequence, record.offset)) {
            seen.close(lane, &mut self.pending.runs);
            seen.begin(run);
        }
    }

    /// The record does not follow the one before it in its partition.
    #[cold]
    fn jumped(&mut self, record: &Consumed<'_>) {
        let partition = grown(&mut self.partitions, record.partition);
        let expected = partition.next;
        partition.next = Some(expected.unwrap_or(0).max(record.offset.saturating_add(1)));
        let Some(expected) = expected else { return };
        let example = Example { expected_offset: Some(expected), ..Example::default() };
        if record.offset > expected {
            self.note(Anomaly::PollSkip, record.offset.saturating_sub(expected) as u64, record, example);
        } else {
            self.note(Anomaly::NonmonotonicPoll, 1, record, example);
        }
    }

    /// Holds the partition of a key against the one where it was first seen.
    fn follow_key(&mut self, stamp: &Stamp, record: &Consumed<'_>) {
        // librdkafka's default, consistent_random, scatters empty keys like absent ones.
        let Some(key) = record.key.filter(|key| !key.is_empty()) else { return };
        // Two independent hashes of 32 bits: among a million keys the chance of any collision is 3 in 10^8.
        let hash = u64::from(murmur2(key) as u32) << 32 | u64::from(crc32c::crc32c(key));
        let full = self.keys.len() >= KEYS_KEPT;
        match self.keys.entry(hash) {
            Entry::Vacant(vacant) if !full => {
                vacant.insert(record.partition);
                self.pending.keys.push((hash, record.partition, record.offset));
            }
            Entry::Occupied(first) if *first.get() != record.partition => {
                let expected_partition = Some(*first.get());
                let example = Example { expected_partition, ..of(stamp) };
                self.note(Anomaly::WrongPartition, 1, record, example);
            }
            Entry::Vacant(_) | Entry::Occupied(_) => {}
        }
    }

    fn note(&mut self, anomaly: Anomaly, count: u64, record: &Consumed<'_>, example: Example) {
        let (group, offset) = (Some(self.group), Some(record.offset));
        let example = Example { group, partition: record.partition, offset, ..example };
        self.pending.findings.note(anomaly, count, example);
    }
}

fn of(stamp: &Stamp) -> Example {
    Example { producer: Some(stamp.producer.index), sequence: Some(stamp.sequence), ..Example::default() }
}

impl Partition {
    /// Begins or ends an assignment.
    fn begin(&mut self, position: Option<i64>) {
        self.reached = self.reached.max(self.next.unwrap_or(0));
        self.next = position;
    }
}

impl LaneSeen {
    fn begin(&mut self, run: Run) {
        self.backward = self.highest.is_some_and(|(sequence, offset)| run.sequence < sequence && run.offset > offset);
        self.open = Some(run);
    }

    fn close(&mut self, lane: Lane, runs: &mut Vec<LaneRun>) {
        let Some(run) = self.open.take() else { return };
        let last = run.end() - 1;
        if self.highest.is_none_or(|(sequence, _)| last > sequence) {
            self.highest = Some((last, run.offset_of(last)));
        }
        runs.push(LaneRun { lane, run, backward: self.backward });
    }
}

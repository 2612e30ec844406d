//! What was acknowledged held against what each group read.
//!
//! Evidence comes from many workers in any order, so nothing here depends on it: an acknowledged run cancels what a
//! group has seen of it and waits for the rest, a seen run the other way round. Memory follows the slowest group's lag;
//! past a bound, what a group will read last waits in a temporary file, and comes back when the group gets there.
//!
//! A message that a group reads is one of four things:
//!
//! | | its offset is new to the group | the group has read at that offset |
//! |---|---|---|
//! | **its sequence is new** | first sight | inconsistent-offsets: the offset held another message |
//! | **the sequence was seen** | duplicate | redelivered |
//!
//! Which of two copies is the acknowledged one, and whether a message out of order is merely a late duplicate, shows
//! only when both are in; such cases are kept aside until the end.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;

use super::RunShape;
use super::evidence::{CheckerEvidence, Evidence, Lane, LaneRun, LedgerEvidence};
use super::expectations::Expectations;
use super::grown;
use super::order::Order;
use super::runs::{Intervals, Run, Runs};
use super::spill::{Spill, Unseen};
use super::verdict::{Anomaly, Example, Findings, GroupTally, ProducerTally, Verdict};
use crate::message::{CLIENT_CHOOSES, NO_OFFSET};

/// Why reconciliation stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The temporary file cannot be written or read.
    #[error("cannot keep unreconciled messages in a temporary file: {source}")]
    Spill {
        /// Why.
        #[from]
        source: std::io::Error,
    },
}

/// Owned by one thread; merges the evidence of all workers, in any order.
#[derive(Debug)]
pub struct Reconciler {
    shape: RunShape,
    lanes: Vec<LaneState>,
    groups: Vec<GroupState>,
    /// By producer.
    producers: Vec<ProducerTally>,
    /// Where each key was first seen, where the client chooses.
    keys: HashMap<u64, i32>,
    findings: Findings,
    max_waiting_runs: usize,
    spill: Spill,
}

/// One lane, as known so far.
#[derive(Debug, Default)]
struct LaneState {
    unknown: Intervals,
    /// By group.
    views: Vec<View>,
}

/// What one group knows of a lane.
#[derive(Debug, Default)]
struct View {
    /// Acknowledged and not seen.
    acked: Unseen,
    /// Seen and not acknowledged.
    seen: Runs,
    /// Every sequence seen.
    ever_seen: Intervals,
    /// Where they stand.
    order: Order,
}

/// What one group read.
#[derive(Debug, Default)]
struct GroupState {
    tally: GroupTally,
    /// Offsets of this run's messages, by partition.
    offsets: Vec<Intervals>,
    /// The offset after the highest read, by partition.
    reached: Vec<i64>,
    /// Partition and offset of damaged messages.
    corrupt: BTreeSet<(i32, i64)>,
    /// Copies beyond the first: lane, sequence, offset.
    duplicates: BTreeSet<(usize, u64, i64)>,
    /// Seen elsewhere than acknowledged: (lane, sequence) → where it was seen, and where it should have been.
    displaced: BTreeMap<(usize, u64), Displaced>,
    /// Seen after a higher sequence: (lane, sequence) → where.
    backward: BTreeMap<(usize, u64), (i32, i64)>,
    /// Lane and run on the wrong side of a sequence that another member, or another assignment, has seen.
    misplaced: Vec<(usize, Run, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Displaced {
    partition: i32,
    offset: i64,
    acked: Option<(i32, i64)>,
}

impl Reconciler {
    /// Runs that wait in memory, over all groups, before some go to a temporary file: about 0.5 GiB.
    pub const MAX_WAITING_RUNS: usize = 8 << 20;

    /// An empty reconciler, which keeps [`Reconciler::MAX_WAITING_RUNS`] in memory.
    pub fn new(shape: RunShape) -> Reconciler {
        Self::with_max_waiting_runs(shape, Self::MAX_WAITING_RUNS)
    }

    /// An empty reconciler that keeps no more than `max_waiting_runs` in memory between two pieces of evidence.
    pub fn with_max_waiting_runs(shape: RunShape, max_waiting_runs: usize) -> Reconciler {
        Reconciler {
            shape,
            lanes: Vec::new(),
            groups: (0..shape.groups).map(|_| GroupState::default()).collect(),
            producers: vec![ProducerTally::default(); usize::from(shape.producers)],
            keys: HashMap::new(),
            findings: Findings::default(),
            max_waiting_runs,
            spill: Spill::default(),
        }
    }

    /// Takes a worker's evidence.
    ///
    /// # Errors
    /// The temporary file cannot be written or read.
    pub fn accept(&mut self, evidence: Evidence) -> Result<(), ReconcileError> {
        match evidence {
            Evidence::Ledger(evidence) => self.accept_ledger(evidence),
            Evidence::Checker(evidence) => self.accept_checker(evidence)?,
        }
        Ok(self.keep_within_bound()?)
    }

    /// Runs in memory that wait for their counterpart, over all groups.
    pub fn waiting_runs(&self) -> usize {
        self.lanes.iter().flat_map(|lane| &lane.views).map(|view| view.acked.count() + view.seen.count()).sum()
    }

    /// The most that the temporary file ever held.
    pub fn spilled_bytes(&self) -> u64 {
        self.spill.size_bytes()
    }

    /// The verdict, once every worker's last evidence is in.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn finish(mut self, expectations: &Expectations) -> Result<Verdict, ReconcileError> {
        (0..self.lanes.len()).try_for_each(|lane| self.judge_lane(lane))?;
        (0..self.groups.len()).for_each(|group| self.judge_exceptions(group));
        let mut producers = ProducerTally::default();
        self.producers.iter().for_each(|tally| producers += *tally);
        let groups = self.groups.iter().map(|group| group.tally).collect();
        let disorder_by_partition = std::mem::take(&mut self.findings.disorder);
        Ok(Verdict { producers, groups, findings: self.findings.judge(expectations), disorder_by_partition })
    }

    fn accept_ledger(&mut self, evidence: LedgerEvidence) {
        if let Some(tally) = self.producers.get_mut(usize::from(evidence.producer)) {
            *tally = evidence.tally;
        }
        self.findings.merge(evidence.findings);
        for (lane, from, to) in evidence.unknown {
            let lane = self.lane_index(lane);
            self.lane(lane).unknown.insert(from, to);
        }
        for lane_run in &evidence.runs {
            self.acked(self.lane_index(lane_run.lane), lane_run.run);
        }
    }

    fn accept_checker(&mut self, evidence: CheckerEvidence) -> io::Result<()> {
        let group = &mut self.groups[usize::from(evidence.group)];
        group.tally += evidence.tally;
        group.corrupt.extend(evidence.corrupt);
        for (partition, offset) in evidence.reached {
            let reached = grown(&mut group.reached, partition);
            *reached = offset.max(*reached);
        }
        self.findings.merge(evidence.findings);
        for (hash, partition, offset) in evidence.keys {
            match self.keys.entry(hash) {
                Entry::Vacant(vacant) => {
                    vacant.insert(partition);
                }
                Entry::Occupied(first) if *first.get() != partition => {
                    let (group, offset, expected_partition) = (Some(evidence.group), Some(offset), Some(*first.get()));
                    let example = Example { group, partition, offset, expected_partition, ..Example::default() };
                    self.findings.note(Anomaly::WrongPartition, 1, example);
                }
                Entry::Occupied(_) => {}
            }
        }
        let group = usize::from(evidence.group);
        evidence.runs.iter().try_for_each(|run| self.read(self.lane_index(run.lane), group, run))
    }

    /// Moves runs to the temporary file where too many wait in memory: of the group and lane with most of them first.
    fn keep_within_bound(&mut self) -> io::Result<()> {
        let mut waiting = self.waiting_runs();
        if waiting <= self.max_waiting_runs {
            return Ok(());
        }
        // Some more than must be, so that the next evidence does not bring the next turn.
        let enough = self.max_waiting_runs / 4 * 3;
        let mut waits: Vec<&mut Unseen> =
            self.lanes.iter_mut().flat_map(|lane| &mut lane.views).map(|view| &mut view.acked).collect();
        waits.sort_unstable_by_key(|acked| std::cmp::Reverse(acked.count()));
        for acked in waits {
            while waiting > enough && acked.count() > 0 {
                waiting -= acked.page_out(&mut self.spill)?;
            }
        }
        Ok(())
    }

    fn acked(&mut self, lane: usize, run: Run) {
        for group in 0..self.groups.len() {
            let doubted = !self.groups[group].displaced.is_empty();
            let mut places = Vec::new();
            let view = &mut self.lane(lane).views[group];
            view.seen.cancel(run, view.acked.in_memory(), |seen, acked| {
                if doubted || differ(&acked, &seen) {
                    places.push((acked, seen));
                }
            });
            places.into_iter().for_each(|(acked, seen)| self.compare(lane, group, acked, seen));
        }
    }

    fn read(&mut self, lane: usize, group: usize, lane_run: &LaneRun) -> io::Result<()> {
        let run = lane_run.run;
        let seen = self.lane(lane).views[group].ever_seen.touches(run.sequence, run.end());
        let offsets = grown_intervals(&mut self.groups[group].offsets, run.partition);
        if !seen && !offsets.touches(run.offset.max(0) as u64, run.end_offset().max(0) as u64) {
            return self.first_sight(lane, group, lane_run);
        }
        let mut messages = run.messages().map(|(sequence, offset)| Run::one(run.partition, sequence, offset));
        messages.try_for_each(|run| self.read_one(lane, group, &LaneRun { run, ..*lane_run }))
    }

    fn read_one(&mut self, lane: usize, group: usize, message: &LaneRun) -> io::Result<()> {
        let Run { sequence, offset, partition, .. } = message.run;
        let at = offset.max(0) as u64;
        let seen = self.lane(lane).views[group].ever_seen.contains(sequence);
        let state = &mut self.groups[group];
        let offsets = grown_intervals(&mut state.offsets, partition);
        match (seen, offsets.contains(at)) {
            (false, false) => self.first_sight(lane, group, message)?,
            (false, true) => {
                state.displaced.insert((lane, sequence), Displaced { partition, offset, acked: None });
                self.first_sight(lane, group, message)?;
            }
            (true, true) => state.tally.redelivered += 1,
            (true, false) => {
                offsets.insert(at, at + 1);
                state.tally.duplicates += 1;
                state.duplicates.insert((lane, sequence, offset));
                let here = Some((partition, offset));
                if state.displaced.get(&(lane, sequence)).is_some_and(|displaced| displaced.acked == here) {
                    state.displaced.remove(&(lane, sequence));
                }
                let example = self.example(lane, group, sequence, partition, Some(offset));
                self.findings.note(Anomaly::Duplicate, 1, example);
            }
        }
        Ok(())
    }

    fn first_sight(&mut self, lane: usize, group: usize, lane_run: &LaneRun) -> io::Result<()> {
        let run = lane_run.run;
        let state = &mut self.groups[group];
        state.tally.distinct += u64::from(run.length);
        grown_intervals(&mut state.offsets, run.partition)
            .insert(run.offset.max(0) as u64, run.end_offset().max(0) as u64);
        if lane_run.backward {
            let places = run.messages().map(|(sequence, offset)| ((lane, sequence), (run.partition, offset)));
            state.backward.extend(places);
        }
        let doubted = !state.displaced.is_empty();
        let mut places = Vec::new();
        let client_chooses = self.shape.client_chooses;
        self.lane(lane);
        let view = &mut self.lanes[lane].views[group];
        view.ever_seen.insert(run.sequence, run.end());
        // What its own reader found out of order is known, and measures nothing else.
        let ordered = if lane_run.backward { Ok(()) } else { view.order.insert(&run, client_chooses) };
        view.acked.cancel(run, &mut view.seen, &mut self.spill, |acked, seen| {
            if doubted || differ(&acked, &seen) {
                places.push((acked, seen));
            }
        })?;
        if let Err(other) = ordered {
            self.groups[group].misplaced.push((lane, run, other));
        }
        places.into_iter().for_each(|(acked, seen)| self.compare(lane, group, acked, seen));
        Ok(())
    }

    /// Holds the places of the same messages against each other, and keeps aside those that differ.
    fn compare(&mut self, lane: usize, group: usize, acked: Run, seen: Run) {
        let state = &mut self.groups[group];
        if !differ(&acked, &seen) {
            // Where the message was acknowledged it stands by right; the other one at its offset does not.
            if acked.offset != NO_OFFSET {
                for (sequence, _) in acked.messages() {
                    state.displaced.remove(&(lane, sequence));
                }
            }
            return;
        }
        // In another partition than its stamp says, a message is wrong-partition, which the checker has noted.
        if acked.partition != seen.partition && !self.shape.client_chooses {
            return;
        }
        for ((sequence, expected), (_, offset)) in acked.messages().zip(seen.messages()) {
            if !state.duplicates.contains(&(lane, sequence, expected)) {
                let acked = Some((acked.partition, expected));
                state.displaced.insert((lane, sequence), Displaced { partition: seen.partition, offset, acked });
            }
        }
    }

    /// What is left of a lane when all evidence is in; frees it.
    fn judge_lane(&mut self, lane: usize) -> io::Result<()> {
        let LaneState { unknown, views } = std::mem::take(&mut self.lanes[lane]);
        for (group, mut view) in views.into_iter().enumerate() {
            loop {
                let missing = view.acked.take_some(&mut self.spill)?;
                if missing.is_empty() {
                    break;
                }
                missing.iter().for_each(|run| self.judge_missing(lane, group, run));
            }
            for run in view.seen.iter() {
                for (sequence, offset) in run.messages().filter(|(sequence, _)| !unknown.contains(*sequence)) {
                    let example = self.example(lane, group, sequence, run.partition, Some(offset));
                    self.findings.note(Anomaly::Phantom, 1, example);
                }
            }
        }
        Ok(())
    }

    /// Judges a run that was acknowledged and not seen: damaged messages are no loss on top of it.
    fn judge_missing(&mut self, lane: usize, group: usize, run: &Run) {
        let state = &mut self.groups[group];
        let reached = *grown(&mut state.reached, run.partition);
        let (mut lost, mut unseen) = ((0, None), (0, None));
        for (sequence, offset) in run.messages() {
            if state.corrupt.contains(&(run.partition, offset)) {
                continue;
            }
            let (count, first) = if offset < reached { &mut lost } else { &mut unseen };
            *count += 1;
            first.get_or_insert((sequence, offset));
        }
        for (anomaly, (count, first)) in [(Anomaly::LostWrite, lost), (Anomaly::Unseen, unseen)] {
            let Some((sequence, offset)) = first else { continue };
            let example = self.example(lane, group, sequence, run.partition, Some(offset).filter(|o| *o != NO_OFFSET));
            self.findings.note(anomaly, count, example);
        }
    }

    /// Judges what was kept aside: messages at other offsets than acknowledged, and out of order.
    fn judge_exceptions(&mut self, group: usize) {
        self.judge_misplaced(group);
        let mut displaced = std::mem::take(&mut self.groups[group].displaced);
        // Of two messages at one offset, one that was acknowledged elsewhere clears the other.
        let intruders = displaced.values().filter(|displaced| displaced.acked.is_some());
        let intruded: HashSet<(i32, i64)> = intruders.map(|intruder| (intruder.partition, intruder.offset)).collect();
        displaced.retain(|_, displaced| {
            displaced.acked.is_some() || !intruded.contains(&(displaced.partition, displaced.offset))
        });
        for ((lane, sequence), Displaced { partition, offset, acked }) in displaced {
            let example = self.example(lane, group, sequence, partition, Some(offset));
            let expected_partition = acked.map(|(expected, _)| expected).filter(|expected| *expected != partition);
            let example =
                Example { expected_offset: acked.map(|(_, expected)| expected), expected_partition, ..example };
            self.findings.note(Anomaly::InconsistentOffsets, 1, example);
        }
        let backward = std::mem::take(&mut self.groups[group].backward);
        for ((lane, sequence), (partition, offset)) in backward {
            let mut copies =
                self.groups[group].duplicates.range((lane, sequence, i64::MIN)..=(lane, sequence, i64::MAX));
            if copies.next().is_none() {
                let example = self.example(lane, group, sequence, partition, Some(offset));
                self.findings.note(Anomaly::NonmonotonicSend, 1, example);
            }
        }
    }

    /// Adds to the messages out of order those that only several readers together show. A message that stands twice, or
    /// not where it was acknowledged, has a name already, and shows nothing about others.
    fn judge_misplaced(&mut self, group: usize) {
        let GroupState { duplicates, displaced, backward, misplaced, .. } = &mut self.groups[group];
        let named = |lane, sequence| {
            displaced.contains_key(&(lane, sequence))
                || duplicates.range((lane, sequence, i64::MIN)..=(lane, sequence, i64::MAX)).next().is_some()
        };
        for (lane, run, other) in misplaced.drain(..) {
            if !named(lane, other) {
                let places = run.messages().filter(|(sequence, _)| !named(lane, *sequence));
                backward.extend(places.map(|(sequence, offset)| ((lane, sequence), (run.partition, offset))));
            }
        }
    }

    fn example(&self, lane: usize, group: usize, sequence: u64, partition: i32, offset: Option<i64>) -> Example {
        Example {
            group: Some(group as u16),
            producer: Some(self.lane_of(lane).producer),
            partition,
            sequence: Some(sequence),
            offset,
            ..Example::default()
        }
    }

    fn lanes_per_producer(&self) -> usize {
        if self.shape.client_chooses { 1 } else { self.shape.partitions.max(1) as usize }
    }

    fn lane_index(&self, lane: Lane) -> usize {
        usize::from(lane.producer) * self.lanes_per_producer() + lane.partition.max(0) as usize
    }

    fn lane_of(&self, index: usize) -> Lane {
        let (producer, partition) = (index / self.lanes_per_producer(), index % self.lanes_per_producer());
        let partition = if self.shape.client_chooses { CLIENT_CHOOSES } else { partition as i32 };
        Lane { producer: producer as u16, partition }
    }

    fn lane(&mut self, index: usize) -> &mut LaneState {
        if index >= self.lanes.len() {
            self.lanes.resize_with(index + 1, LaneState::default);
        }
        let lane = &mut self.lanes[index];
        lane.views.resize_with(self.groups.len(), View::default);
        lane
    }
}

/// Whether the same messages are at different places.
fn differ(acked: &Run, seen: &Run) -> bool {
    acked.offset != NO_OFFSET && (acked.offset, acked.partition) != (seen.offset, seen.partition)
}

fn grown_intervals(offsets: &mut Vec<Intervals>, partition: i32) -> &mut Intervals {
    let index = partition.max(0) as usize;
    if index >= offsets.len() {
        offsets.resize_with(index + 1, Intervals::default);
    }
    &mut offsets[index]
}

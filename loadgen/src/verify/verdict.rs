//! What the verification found.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use super::expectations::{Expectations, Treatment};

/// What can go wrong with a message. The names are Jepsen's (its Kafka workload) where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// Acknowledged, and a group read past its offset without seeing it.
    LostWrite,
    /// The checksum does not match.
    Corrupt,
    /// In another partition than the one chosen, or a key in two partitions.
    WrongPartition,
    /// A message is not at the offset it was acknowledged with, or an offset held two messages.
    InconsistentOffsets,
    /// One message at two offsets.
    Duplicate,
    /// A producer's later message stands before its earlier one in the log.
    NonmonotonicSend,
    /// Within an assignment, a consumer's offsets went back.
    NonmonotonicPoll,
    /// Within an assignment, a consumer's offsets jumped.
    PollSkip,
    /// Seen, though it failed or was never sent.
    Phantom,
    /// Acknowledged, and a group never read as far.
    Unseen,
    /// Not of this run.
    Foreign,
}

impl Anomaly {
    /// All of them, gravest first.
    pub const ALL: [Anomaly; 11] = [
        Anomaly::LostWrite,
        Anomaly::Corrupt,
        Anomaly::WrongPartition,
        Anomaly::InconsistentOffsets,
        Anomaly::Duplicate,
        Anomaly::NonmonotonicSend,
        Anomaly::NonmonotonicPoll,
        Anomaly::PollSkip,
        Anomaly::Phantom,
        Anomaly::Unseen,
        Anomaly::Foreign,
    ];

    /// Its name, such as `lost-write`.
    pub fn name(self) -> &'static str {
        match self {
            Anomaly::LostWrite => "lost-write",
            Anomaly::Corrupt => "corrupt",
            Anomaly::WrongPartition => "wrong-partition",
            Anomaly::InconsistentOffsets => "inconsistent-offsets",
            Anomaly::Duplicate => "duplicate",
            Anomaly::NonmonotonicSend => "nonmonotonic-send",
            Anomaly::NonmonotonicPoll => "nonmonotonic-poll",
            Anomaly::PollSkip => "poll-skip",
            Anomaly::Phantom => "phantom",
            Anomaly::Unseen => "unseen",
            Anomaly::Foreign => "foreign",
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One message that shows an anomaly. Absent facts are those nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Example {
    /// The group that saw (or missed) it; none where the producer's side shows it.
    pub group: Option<u16>,
    /// The producer's index.
    pub producer: Option<u16>,
    /// The partition it stands in (for a lost one: was acknowledged in).
    pub partition: i32,
    /// Its sequence.
    pub sequence: Option<u64>,
    /// The offset where it was seen, or acknowledged where it was not.
    pub offset: Option<i64>,
    /// Where it should have been: the acknowledged offset, or the offset that was due next.
    pub expected_offset: Option<i64>,
    /// The partition it should have been in.
    pub expected_partition: Option<i32>,
}

impl fmt::Display for Example {
    /// Such as `producer 1 sequence 17 partition 3 offset 40 (expected offset 39) in group 0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(producer) = self.producer {
            write!(f, "producer {producer} ")?;
        }
        if let Some(sequence) = self.sequence {
            write!(f, "sequence {sequence} ")?;
        }
        write!(f, "partition {}", self.partition)?;
        if let Some(offset) = self.offset {
            write!(f, " offset {offset}")?;
        }
        if let Some(partition) = self.expected_partition {
            write!(f, " (expected partition {partition})")?;
        }
        if let Some(offset) = self.expected_offset {
            write!(f, " (expected offset {offset})")?;
        }
        match self.group {
            Some(group) => write!(f, " in group {group}"),
            None => Ok(()),
        }
    }
}

/// One kind of anomaly found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub anomaly: Anomaly,
    /// Messages, counted once for each observer: each group, and the producers' side.
    pub count: u64,
    /// Whether it fails the run.
    pub treatment: Treatment,
    /// The first few.
    pub examples: Vec<Example>,
}

/// Anomalies as they are found, without judgement.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kinds: [(u64, Vec<Example>); Anomaly::ALL.len()],
    /// Messages out of order, by partition.
    pub(super) disorder: BTreeMap<i32, u64>,
}

impl Findings {
    /// Examples kept of each anomaly.
    const EXAMPLES: usize = 10;

    pub(super) fn note(&mut self, anomaly: Anomaly, count: u64, example: Example) {
        let (total, examples) = &mut self.kinds[anomaly as usize];
        *total += count;
        if examples.len() < Self::EXAMPLES {
            examples.push(example);
        }
        if matches!(anomaly, Anomaly::NonmonotonicSend | Anomaly::NonmonotonicPoll) {
            *self.disorder.entry(example.partition).or_default() += count;
        }
    }

    pub(super) fn merge(&mut self, other: Findings) {
        for ((total, examples), (more, others)) in self.kinds.iter_mut().zip(other.kinds) {
            *total += more;
            examples.extend(others);
            examples.truncate(Self::EXAMPLES);
        }
        for (partition, count) in other.disorder {
            *self.disorder.entry(partition).or_default() += count;
        }
    }

    pub(super) fn judge(self, expectations: &Expectations) -> Vec<Finding> {
        let found = Anomaly::ALL.into_iter().zip(self.kinds).filter(|(_, (count, _))| *count > 0);
        found
            .map(|(anomaly, (count, examples))| Finding {
                anomaly,
                count,
                treatment: expectations.treatment(anomaly),
                examples,
            })
            .collect()
    }
}

/// What became of messages on the way in: `due = acked + failed + unknown + unsent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProducerTally {
    /// Due by the schedule.
    pub due: u64,
    /// Acknowledged.
    pub acked: u64,
    /// Certainly not written.
    pub failed: u64,
    /// Sent and never answered.
    pub unknown: u64,
    /// Never handed to the client.
    pub unsent: u64,
}

impl ProducerTally {
    /// Whether every message that was due is accounted for, once.
    pub fn adds_up(&self) -> bool {
        self.due == self.acked + self.failed + self.unknown + self.unsent
    }
}

impl AddAssign for ProducerTally {
    fn add_assign(&mut self, other: ProducerTally) {
        self.due += other.due;
        self.acked += other.acked;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.unsent += other.unsent;
    }
}

/// What one group (or one of its members) read:
/// `records = distinct + redelivered + duplicates + corrupt + foreign`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupTally {
    /// Records read.
    pub records: u64,
    /// This run's messages, each once.
    pub distinct: u64,
    /// Read again at the same offset after an assignment moved.
    pub redelivered: u64,
    /// Read again at another offset.
    pub duplicates: u64,
    /// Damaged.
    pub corrupt: u64,
    /// Not of this run.
    pub foreign: u64,
}

impl GroupTally {
    /// Whether every record read is accounted for, once.
    pub fn adds_up(&self) -> bool {
        self.records == self.distinct + self.redelivered + self.duplicates + self.corrupt + self.foreign
    }
}

impl AddAssign for GroupTally {
    fn add_assign(&mut self, other: GroupTally) {
        self.records += other.records;
        self.distinct += other.distinct;
        self.redelivered += other.redelivered;
        self.duplicates += other.duplicates;
        self.corrupt += other.corrupt;
        self.foreign += other.foreign;
    }
}

/// The verdict on a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// All producers together.
    pub producers: ProducerTally,
    /// Each group.
    pub groups: Vec<GroupTally>,
    /// What was found, gravest first; empty where there was nothing.
    pub findings: Vec<Finding>,
    /// Messages out of order (nonmonotonic-send and nonmonotonic-poll) by partition; others have none.
    pub disorder_by_partition: BTreeMap<i32, u64>,
}

impl Verdict {
    /// Whether nothing was found that fails the run, and every count adds up.
    pub fn is_clean(&self) -> bool {
        self.adds_up() && !self.findings.iter().any(|finding| finding.treatment == Treatment::Fails)
    }

    /// Whether every message due and every record read is accounted for.
    pub fn adds_up(&self) -> bool {
        self.producers.adds_up() && self.groups.iter().all(GroupTally::adds_up)
    }

    /// The finding of an anomaly.
    pub fn finding(&self, anomaly: Anomaly) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.anomaly == anomaly)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_kept_by_their_place_in_the_order_of_gravity() {
        assert!(Anomaly::ALL.iter().enumerate().all(|(place, anomaly)| *anomaly as usize == place));
    }

    #[test]
    fn the_first_examples_are_kept_and_everything_is_counted() {
        let (mut findings, mut more) = (Findings::default(), Findings::default());
        for offset in 0..8 {
            findings.note(Anomaly::Corrupt, 1, Example { offset: Some(offset), ..Example::default() });
            more.note(Anomaly::NonmonotonicPoll, 3, Example { partition: offset as i32 % 2, ..Example::default() });
            more.note(Anomaly::Corrupt, 2, Example { offset: Some(100 + offset), ..Example::default() });
        }
        findings.merge(more);
        assert_eq!(findings.disorder, [(0, 12), (1, 12)].into());
        let expectations = Expectations::strict();
        let judged = findings.judge(&expectations);
        assert_eq!((judged.len(), judged[0].count, judged[0].examples.len()), (2, 24, 10));
        assert_eq!(judged[0].examples[8].offset, Some(100));
    }

    #[test]
    fn an_example_reads_as_the_exact_place() {
        let example = Example {
            group: Some(0),
            producer: Some(1),
            partition: 3,
            sequence: Some(17),
            offset: Some(40),
            expected_offset: Some(39),
            expected_partition: None,
        };
        assert_eq!(example.to_string(), "producer 1 sequence 17 partition 3 offset 40 (expected offset 39) in group 0");
    }
}

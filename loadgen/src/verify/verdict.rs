//! What the verification found.

use super::expectations::Treatment;

/// What can go wrong with a message. The names are Jepsen's (its Kafka workload) where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// Acknowledged, and a group read past its offset without seeing it.
    LostWrite,
    /// One message at two offsets.
    Duplicate,
    /// Within an assignment, a consumer's offsets went back.
    NonmonotonicPoll,
    /// A producer's later message stands before its earlier one in the log.
    NonmonotonicSend,
    /// Within an assignment, a consumer's offsets jumped.
    PollSkip,
    /// A message is not at the offset it was acknowledged with, or an offset held two messages.
    InconsistentOffsets,
    /// Acknowledged, and a group never read as far.
    Unseen,
    /// The checksum does not match.
    Corrupt,
    /// In another partition than the one chosen, or a key in two partitions.
    WrongPartition,
    /// Seen, though it failed or was never sent.
    Phantom,
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
        panic!("being built")
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

/// One kind of anomaly found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub anomaly: Anomaly,
    /// Messages, counted once for each group that observed it.
    pub count: u64,
    /// Whether it fails the run.
    pub treatment: Treatment,
    /// The first few.
    pub examples: Vec<Example>,
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

/// The verdict on a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// All producers together.
    pub producers: ProducerTally,
    /// Each group.
    pub groups: Vec<GroupTally>,
    /// What was found, gravest first; empty where the run is clean.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Whether nothing was found that fails the run.
    pub fn is_clean(&self) -> bool {
        !self.findings.iter().any(|finding| finding.treatment == Treatment::Fails)
    }
}

//! What workers hand to the reconciler.

use super::runs::Run;
use super::verdict::{Findings, GroupTally, ProducerTally};

/// What a ledger or a checker noted; sent to the thread that owns the [`Reconciler`](super::Reconciler).
#[derive(Debug)]
pub enum Evidence {
    /// A producer's.
    Ledger(LedgerEvidence),
    /// A consumer's.
    Checker(CheckerEvidence),
}

/// One stream of sequences: (producer, partition), or (producer, any) with
/// [`CLIENT_CHOOSES`](crate::message::CLIENT_CHOOSES).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) producer: u16,
    pub(super) partition: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LaneRun {
    pub(super) lane: Lane,
    pub(super) run: Run,
    /// The consumer had seen a higher sequence of the lane at a lower offset: out of order, unless a duplicate.
    pub(super) backward: bool,
}

/// A producer's evidence.
#[derive(Debug, Default)]
pub struct LedgerEvidence {
    pub(super) producer: u16,
    pub(super) runs: Vec<LaneRun>,
    /// Lane, first sequence, sequence after the last.
    pub(super) unknown: Vec<(Lane, u64, u64)>,
    pub(super) findings: Findings,
    /// Since the start.
    pub(super) tally: ProducerTally,
}

/// A consumer's evidence.
#[derive(Debug, Default)]
pub struct CheckerEvidence {
    pub(super) group: u16,
    pub(super) runs: Vec<LaneRun>,
    /// Partition and offset of damaged messages.
    pub(super) corrupt: Vec<(i32, i64)>,
    /// Partition, and the offset after the highest that was read.
    pub(super) reached: Vec<(i32, i64)>,
    /// Hashes of keys and the partition they were first seen in, where the client chooses.
    pub(super) keys: Vec<(u64, i32, i64)>,
    pub(super) findings: Findings,
    /// Since the last evidence; `distinct`, `redelivered` and `duplicates` are the reconciler's to say.
    pub(super) tally: GroupTally,
}

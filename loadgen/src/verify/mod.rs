//! Whether every message came back: lost, duplicated, reordered, moved, corrupt.
//!
//! A [`Ledger`] for each producer notes what became of its messages, a [`Checker`] for each consumer what it read; both
//! hand over [`Evidence`] now and then, and one [`Reconciler`] holds the two against each other, and frees what every
//! group has read. [`Expectations`] say which [`Anomaly`] fails the run under its settings; the [`Verdict`] names each
//! with exact messages. This room knows no sockets, no client library, no clock.
//!
//! A *lane* is one stream of sequences: (producer, partition), or (producer, any) where the client chooses.

pub mod checker;
pub mod expectations;
pub mod ledger;
pub mod reconciler;
pub mod verdict;

pub use checker::{Checker, Consumed, Sighting};
pub use expectations::{Acks, Expectations, Promises, Treatment};
pub use ledger::Ledger;
pub use reconciler::{Evidence, ReconcileError, Reconciler};
pub use verdict::{Anomaly, Example, Finding, GroupTally, ProducerTally, Verdict};

/// What the parts of one run's verification agree upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunShape {
    /// The run's id, in every stamp.
    pub run_id: u64,
    /// Number of producers; their indexes are below it.
    pub producers: u16,
    /// Number of the topic's partitions.
    pub partitions: i32,
    /// Number of consumer groups.
    pub groups: u16,
    /// Whether the client's own partitioner chooses, so that sequences count per producer.
    pub client_chooses: bool,
}

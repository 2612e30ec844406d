//! Whether every message came back: lost, duplicated, reordered, moved, corrupt.
//!
//! A [`Ledger`] for each producer notes what became of its messages, a [`Checker`] for each consumer what it read; both
//! hand over [`Evidence`] now and then, and one [`Reconciler`] holds the two against each other, and frees what every
//! group has read. [`Expectations`] say which [`Anomaly`] fails the run under its settings; the [`Verdict`] names each
//! with exact messages. This room knows no sockets, no client library, no clock.
//!
//! A *lane* is one stream of sequences: (producer, partition), or (producer, any) where the client chooses.

mod checker;
mod evidence;
mod expectations;
mod ledger;
mod order;
mod reconciler;
mod runs;
mod spill;
mod verdict;

#[cfg(test)]
mod faults;

pub use checker::{Checker, Consumed, Sighting};
pub use evidence::Evidence;
pub use expectations::{Acks, Expectations, Promises, Treatment};
pub use ledger::Ledger;
pub use reconciler::{ReconcileError, Reconciler};
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

/// The element of a partition (or producer); topics may grow while a run goes on, and then the vector does.
#[inline]
fn grown<T: Default>(elements: &mut Vec<T>, index: i32) -> &mut T {
    let index = index.max(0) as usize;
    if index >= elements.len() {
        elements.resize_with(index + 1, T::default);
    }
    &mut elements[index]
}

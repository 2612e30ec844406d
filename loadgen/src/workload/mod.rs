//! What is sent, and when: pure functions of a seed, so that a run replays.
//!
//! [`schedule`] gives intended times, [`keys`] and [`partitioner`] choose, [`payload`] fills; [`Workload`] puts one
//! producer's next message together in buffers of its own. This room knows no sockets, no client library and no clock:
//! times come in as numbers.

pub mod keys;
pub mod partitioner;
pub mod payload;
pub mod quantity;
pub mod schedule;

pub use keys::{FieldPath, KeySpec};
pub use partitioner::{PartitionError, PartitionerSpec};
pub use payload::{Lines, LinesError, PayloadSource, SizeSpec};
pub use quantity::{Quantity, QuantityError, Rate};
pub use schedule::{Arrival, Bound, Operation, Operations, Phase, RateSchedule};

use crate::message::Producer;

/// What every message of a run is made of.
#[derive(Debug, Clone)]
pub struct WorkloadSpec {
    /// Where values come from.
    pub source: PayloadSource,
    /// Which keys.
    pub key: KeySpec,
    /// Which partition.
    pub partitioner: PartitionerSpec,
    /// Partitions of the topic, at least 1.
    pub partitions: i32,
    /// Seed of everything random; each producer derives its own.
    pub seed: u64,
}

/// A combination of choices that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// Keys from the payload need a payload file.
    #[error("keys from the payload ({key}) need a payload file: add --payload-file")]
    KeyNeedsLines {
        /// The key specification.
        key: String,
    },
    /// murmur2 and `key[…]` need keys.
    #[error("partitioner {partitioner} needs keys, and --key is none")]
    PartitionerNeedsKeys {
        /// The partitioner specification.
        partitioner: String,
    },
    /// The topic has no partitions.
    #[error("{partitions} partitions, expected at least 1")]
    NoPartitions {
        /// What was asked for.
        partitions: i32,
    },
}

/// The next message of one producer, borrowed from its buffers until the next is composed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// The record's value; its first bytes are the stamp unless `stamp_header` is given.
    pub value: &'a [u8],
    /// The stamp as value of the record header [`crate::message::STAMP_HEADER`].
    pub stamp_header: Option<&'a [u8]>,
    /// The partition, or [`crate::message::CLIENT_CHOOSES`].
    pub partition: i32,
    /// The stamp's sequence.
    pub sequence: u64,
}

/// Composes one producer's messages.
#[derive(Debug)]
pub struct Workload {}

impl Workload {
    /// The workload of one producer of the run.
    pub fn new(_spec: &WorkloadSpec, _producer: Producer) -> Result<Workload, WorkloadError> {
        panic!("being built")
    }

    /// Composes the next message, due at `intended_ns` of `CLOCK_MONOTONIC`. Allocates nothing once warm.
    pub fn compose(&mut self, _intended_ns: u64) -> Result<Outgoing<'_>, PartitionError> {
        panic!("being built")
    }
}

//! Why a plan cannot be made, each in one sentence that says what to do.

use crate::workload::{LinesError, RehearsalError};

/// Options that make no sense together.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Idempotence needs every in-sync replica's acknowledgement.
    #[error("--idempotent needs --acks all: leave one of the two out")]
    IdempotentWithoutAcks,
    /// A property that has an option of its own, which the verification also has to know.
    #[error("-X {property} is what {option} sets: use that")]
    PropertyHasOption {
        /// The property.
        property: String,
        /// The option.
        option: &'static str,
    },
    /// A property that the run depends on.
    #[error("-X {property} cannot be changed: {reason}")]
    PropertyReserved {
        /// The property.
        property: String,
        /// Why.
        reason: &'static str,
    },
    /// Nothing to measure.
    #[error("{what} of zero: there would be nothing to measure; choose a larger one")]
    Nothing {
        /// The option.
        what: &'static str,
    },
    /// Where the load goes was said twice.
    #[error("--bootstrap-servers and --target {target} both say where the load goes: leave one of the two out")]
    TwoTargets {
        /// The target.
        target: String,
    },
    /// The target's data go with it.
    #[error(
        "--keep-topic keeps nothing of --target {target}, whose data end with the run: leave it out, or name a cluster"
    )]
    KeepsNothing {
        /// The target.
        target: String,
    },
    /// More than one existing target: the target names no address.
    #[error("--target existing needs --bootstrap-servers HOST:PORT")]
    NoAddress,
    /// Murmur2 and expressions over the key need keys.
    #[error("--partitioner {partitioner} needs keys: add --key, such as --key 10k")]
    PartitionerNeedsKeys {
        /// The partitioner.
        partitioner: String,
    },
    /// Keys from the payload need lines.
    #[error("--key {key} takes the key from the payload: add --payload-file")]
    KeyNeedsPayload {
        /// The key choice.
        key: String,
    },
    /// The partitioner and the topic's partitions.
    #[error(transparent)]
    Rehearsal(#[from] RehearsalError),
    /// The payload file.
    #[error("--payload-file: {0}")]
    Lines(#[from] LinesError),
}

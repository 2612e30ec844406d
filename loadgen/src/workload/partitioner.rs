//! Which partition each message goes to.

use std::fmt;
use std::str::FromStr;

/// `--partitioner`: who chooses the partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionerSpec {
    /// `round-robin`: each producer takes the partitions in turn.
    RoundRobin,
    /// `murmur2`: by the key's hash as the Java client; messages without a key in turn.
    Murmur2,
    /// `explicit:EXPR`.
    Explicit(Expression),
    /// `client`: the client library's own.
    Client,
}

/// An explicit choice: numbers, `seq` (the producer's message count), `producer` and `key[A:B]` (those characters of
/// the key as a decimal number), with `+ - * / %` and parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {}

/// A `--partitioner` that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no partitioner ({reason}); expected round-robin, murmur2, client or explicit:EXPR")]
pub struct PartitionerSpecError {
    /// The text.
    pub got: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A message for which an explicit choice names no partition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// The number is no partition of the topic.
    #[error("the partitioner chose {got}, expected 0 to {last}")]
    OutOfRange {
        /// What it chose.
        got: i64,
        /// The topic's last partition.
        last: i32,
    },
    /// The key's part is no decimal number.
    #[error("{part:?} of key {key:?} is no decimal number")]
    NotANumber {
        /// The key, lossily as text.
        key: String,
        /// The part of it.
        part: String,
    },
    /// Division by zero, or a result past 64 bits.
    #[error("the partitioner's expression has no value for this message (division by zero or overflow)")]
    NoValue,
}

impl FromStr for PartitionerSpec {
    type Err = PartitionerSpecError;

    fn from_str(_text: &str) -> Result<Self, Self::Err> {
        panic!("being built")
    }
}

impl fmt::Display for PartitionerSpec {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("being built")
    }
}

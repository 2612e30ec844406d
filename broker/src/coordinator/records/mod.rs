//! Kafka's own key and value formats of `__consumer_offsets`, in both directions.
//!
//! A key begins with its kind, an `i16`; a value with its version, an `i16`; a missing value (a tombstone) deletes the
//! key. Integers are big-endian, strings have an `i16` length, bytes and arrays an `i32`; the flexible versions use
//! unsigned varints of length + 1 and end each structure in tagged fields.
//!
//! | kind | key | value |
//! |---|---|---|
//! | 0, 1 | group string, topic string, partition i32 | [`OffsetCommitValue`] |
//! | 2 | group string | [`GroupMetadataValue`] |
//!
//! Kind 0 is Kafka's before 0.9, read and never written. Other kinds (3 and up: the consumer, share and streams
//! protocols, which this broker does not host) are passed over, as Kafka passes over kinds it does not know.

mod group_metadata;
mod offset_commit;
pub(crate) mod wire;

use std::sync::Arc;

use thiserror::Error;

pub use group_metadata::{GroupMetadataValue, MemberMetadata};
pub use offset_commit::OffsetCommitValue;
use wire::{Reader, WireError};

const LEGACY_OFFSET_COMMIT_KEY: i16 = 0;
const OFFSET_COMMIT_KEY: i16 = 1;
const GROUP_METADATA_KEY: i16 = 2;

/// One record of `__consumer_offsets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A committed offset, or its end.
    Offset {
        /// The group.
        group_id: Arc<str>,
        /// The topic consumed.
        topic: Arc<str>,
        /// The partition consumed.
        partition: i32,
        /// `None` deletes the offset.
        value: Option<OffsetCommitValue>,
    },
    /// A group's generation and members, or its end.
    Group {
        /// The group.
        group_id: Arc<str>,
        /// `None` deletes the group.
        value: Option<GroupMetadataValue>,
    },
}

/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Malformed bytes.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A version that Kafka did not have when this was written.
    #[error("{what} has version {got}, at most {known} is known")]
    UnknownVersion {
        /// Name of the format.
        what: &'static str,
        /// Version found.
        got: i16,
        /// Newest version known.
        known: i16,
    },
}

impl Record {
    /// The record's key.
    pub fn encode_key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(64);
        match self {
            Record::Offset { group_id, topic, partition, .. } => {
                key.extend_from_slice(&OFFSET_COMMIT_KEY.to_be_bytes());
                wire::put_string(&mut key, group_id);
                wire::put_string(&mut key, topic);
                key.extend_from_slice(&partition.to_be_bytes());
            }
            Record::Group { group_id, .. } => {
                key.extend_from_slice(&GROUP_METADATA_KEY.to_be_bytes());
                wire::put_string(&mut key, group_id);
            }
        }
        key
    }

    /// The record's value; `None` for a tombstone.
    pub fn encode_value(&self) -> Option<Vec<u8>> {
        match self {
            Record::Offset { value, .. } => value.as_ref().map(OffsetCommitValue::encode),
            Record::Group { value, .. } => value.as_ref().map(GroupMetadataValue::encode),
        }
    }

    /// Reads a record; `None` if it is of a kind that this broker does not host.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Self>, RecordError> {
        let mut reader = Reader::new(key);
        Ok(match reader.i16()? {
            LEGACY_OFFSET_COMMIT_KEY | OFFSET_COMMIT_KEY => Some(Record::Offset {
                group_id: reader.string()?.into(),
                topic: reader.string()?.into(),
                partition: reader.i32()?,
                value: value.map(OffsetCommitValue::decode).transpose()?,
            }),
            GROUP_METADATA_KEY => Some(Record::Group {
                group_id: reader.string()?.into(),
                value: value.map(GroupMetadataValue::decode).transpose()?,
            }),
            _ => None,
        })
    }
}

/// Reads a value's version and checks that it is known.
fn version(reader: &mut Reader<'_>, what: &'static str, known: i16) -> Result<i16, RecordError> {
    match reader.i16()? {
        got if (0..=known).contains(&got) => Ok(got),
        got => Err(RecordError::UnknownVersion { what, got, known }),
    }
}

#[cfg(test)]
mod tests;

//! The value of a committed offset.

use super::wire::{self, Reader};
use super::{RecordError, version};

const NEWEST_VERSION: i16 = 4;

/// A committed offset (`OffsetCommitValue.json`): `version i16 | offset i64 | leader epoch i32 (v3+) | metadata string |
/// commit timestamp i64 | expire timestamp i64 (v1) | tagged fields (v4+)`.
///
/// Written as version 4, or 1 where a client chose the retention, as Kafka 4.3 does. The topic id, a tagged field of
/// version 4, is neither kept nor written: offsets belong to names here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitValue {
    /// The next offset to be consumed.
    pub offset: i64,
    /// Epoch of the last consumed record; −1 if unknown.
    pub leader_epoch: i32,
    /// Whatever the client keeps with it.
    pub metadata: String,
    /// When it was committed, ms since the epoch.
    pub commit_timestamp_ms: i64,
    /// When it expires, if the client chose.
    pub expire_timestamp_ms: Option<i64>,
}

impl OffsetCommitValue {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(40 + self.metadata.len());
        match self.expire_timestamp_ms {
            Some(expire_timestamp_ms) => {
                to.extend_from_slice(&1i16.to_be_bytes());
                to.extend_from_slice(&self.offset.to_be_bytes());
                wire::put_string(&mut to, &self.metadata);
                to.extend_from_slice(&self.commit_timestamp_ms.to_be_bytes());
                to.extend_from_slice(&expire_timestamp_ms.to_be_bytes());
            }
            None => {
                to.extend_from_slice(&NEWEST_VERSION.to_be_bytes());
                to.extend_from_slice(&self.offset.to_be_bytes());
                to.extend_from_slice(&self.leader_epoch.to_be_bytes());
                wire::put_compact_string(&mut to, &self.metadata);
                to.extend_from_slice(&self.commit_timestamp_ms.to_be_bytes());
                wire::put_uvarint(&mut to, 0);
            }
        }
        to
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(value);
        let version = version(&mut reader, "OffsetCommitValue", NEWEST_VERSION)?;
        let flexible = version >= 4;
        let offset = reader.i64()?;
        let leader_epoch = if version >= 3 { reader.i32()? } else { -1 };
        let metadata = reader.string_as(flexible)?.to_owned();
        let commit_timestamp_ms = reader.i64()?;
        let expire_timestamp_ms = if version == 1 { Some(reader.i64()?).filter(|&at| at != -1) } else { None };
        if flexible {
            reader.skip_tagged_fields()?;
        }
        Ok(Self { offset, leader_epoch, metadata, commit_timestamp_ms, expire_timestamp_ms })
    }
}

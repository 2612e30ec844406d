//! An [`Image`] at an offset, as a file, so that loading a partition reads the tail of its log only.
//!
//! ```text
//! magic "KGRP" | format u16 = 1 | topic id 16 bytes | partition i32 | offset i64 | records u32
//! records × ( key length u32 | key | value length u32 | value )
//! CRC-32C u32 of everything before
//! ```
//!
//! Integers are big-endian; keys and values are those of the log ([`super::records`]). `offset` is that of the first
//! record which is not in the image. The file is replaced by a rename, and on stable storage when that is done.
//!
//! As long as the log reaches back to its first record, a snapshot is a cache: one that is damaged, of another topic or
//! ahead of its log (which lost its tail in a power cut) is dropped, and the log is read from its start. Once segments
//! that it stands for are gone, it is all there is of them, and one that cannot be used is kept aside for a person.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use uuid::Uuid;

use super::image::Image;
use super::records::wire::{Reader, WireError};
use super::records::{Record, RecordError};
use crate::replacement;

const MAGIC: &[u8; 4] = b"KGRP";
const FORMAT: i16 = 1;
const CRC_BYTES: usize = 4;

/// What a snapshot is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotOf {
    /// Id of `__consumer_offsets`.
    pub topic_id: Uuid,
    /// Its partition.
    pub partition: i32,
}

/// Why a snapshot cannot be used.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The checksum is wrong: damaged, or cut short.
    #[error("CRC-32C is {got:#010x}, the file says {expected:#010x}")]
    Checksum {
        /// Computed.
        got: u32,
        /// Stored.
        expected: u32,
    },
    /// Not a snapshot, or of a later format.
    #[error("not a snapshot of format {FORMAT}")]
    Format,
    /// Of another topic or partition.
    #[error("of {got:?}, not of {expected:?}")]
    Foreign {
        /// What it is of.
        got: SnapshotOf,
        /// What it should be of.
        expected: SnapshotOf,
    },
    /// Fields that the checksum holds for and that make no sense.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A record that makes no sense.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The file's name.
pub fn path(directory: &Path, partition: i32) -> PathBuf {
    directory.join(format!("__consumer_offsets-{partition}.snapshot"))
}

/// The bytes of a snapshot.
pub fn encode(of: SnapshotOf, offset: i64, image: &Image) -> Vec<u8> {
    let mut to = Vec::with_capacity(4096);
    to.extend_from_slice(MAGIC);
    to.extend_from_slice(&FORMAT.to_be_bytes());
    to.extend_from_slice(of.topic_id.as_bytes());
    to.extend_from_slice(&of.partition.to_be_bytes());
    to.extend_from_slice(&offset.to_be_bytes());
    let count_at = to.len();
    to.extend_from_slice(&[0; 4]);
    let mut count = 0u32;
    for record in image.records() {
        put(&mut to, &record.encode_key());
        put(&mut to, &record.encode_value().unwrap_or_default());
        count += 1;
    }
    to[count_at..count_at + 4].copy_from_slice(&count.to_be_bytes());
    let crc = crc32c::crc32c(&to);
    to.extend_from_slice(&crc.to_be_bytes());
    to
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    super::records::wire::put_bytes(to, bytes);
}

/// The image and its offset.
pub fn decode(bytes: &[u8], expected: SnapshotOf) -> Result<(Image, i64), SnapshotError> {
    let (body, crc) = bytes.split_at_checked(bytes.len().saturating_sub(CRC_BYTES)).ok_or(SnapshotError::Format)?;
    let (got, crc) = (crc32c::crc32c(body), u32::from_be_bytes(crc.try_into().map_err(|_| SnapshotError::Format)?));
    if got != crc {
        return Err(SnapshotError::Checksum { got, expected: crc });
    }
    let mut reader = Reader::new(body);
    if reader.take(MAGIC.len())? != MAGIC || reader.i16()? != FORMAT {
        return Err(SnapshotError::Format);
    }
    let topic_id = Uuid::from_slice(reader.take(16)?).map_err(|_| SnapshotError::Format)?;
    let got = SnapshotOf { topic_id, partition: reader.i32()? };
    if got != expected {
        return Err(SnapshotError::Foreign { got, expected });
    }
    let offset = reader.i64()?;
    let mut image = Image::default();
    for _ in 0..reader.i32()? {
        let key = reader.bytes_as(false)?;
        let value = reader.bytes_as(false)?;
        if let Some(record) = Record::decode(key, Some(value))? {
            image.replay(record);
        }
    }
    Ok((image, offset))
}

/// Reads a snapshot; `None` if there is none.
pub fn read(directory: &Path, of: SnapshotOf) -> Result<Option<(Image, i64)>, SnapshotError> {
    match fs::read(path(directory, of.partition)) {
        Ok(bytes) => decode(&bytes, of).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Puts a snapshot in place of the one before, durably. Not to be called for one partition from two threads at once.
pub fn replace(directory: &Path, partition: i32, bytes: &[u8]) -> io::Result<()> {
    replacement::replace(&path(directory, partition), bytes)
}

/// Keeps a snapshot that cannot be used under another name; returns which.
pub fn put_aside(directory: &Path, partition: i32) -> io::Result<PathBuf> {
    let path = path(directory, partition);
    let aside = path.with_extension("snapshot.rot");
    fs::rename(&path, &aside)?;
    Ok(aside)
}

/// Drops a snapshot that cannot be used.
pub fn remove(directory: &Path, partition: i32) -> io::Result<()> {
    match fs::remove_file(path(directory, partition)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::records::OffsetCommitValue;

    const OF: SnapshotOf = SnapshotOf { topic_id: Uuid::from_u128(7), partition: 3 };

    fn image() -> Image {
        let mut image = Image::default();
        for partition in 0..3 {
            let value = OffsetCommitValue {
                offset: i64::from(partition) * 10,
                leader_epoch: -1,
                metadata: "m".to_owned(),
                commit_timestamp_ms: 1,
                expire_timestamp_ms: None,
            };
            image.replay(Record::Offset { group_id: "g".into(), topic: "t".into(), partition, value: Some(value) });
        }
        image
    }

    #[test]
    fn a_snapshot_reads_back_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        replace(directory.path(), 3, &encode(OF, 42, &image())).unwrap();
        let (read, offset) = read(directory.path(), OF).unwrap().unwrap();
        assert_eq!(offset, 42);
        assert_eq!(read.records().collect::<Vec<_>>(), image().records().collect::<Vec<_>>());
    }

    #[test]
    fn a_snapshot_cut_or_changed_anywhere_is_refused() {
        let bytes = encode(OF, 42, &image());
        for at in 0..bytes.len() {
            assert!(decode(&bytes[..at], OF).is_err(), "cut at {at}");
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(decode(&changed, OF).is_err(), "changed at {at}");
        }
    }

    #[test]
    fn a_snapshot_of_another_topic_is_refused() {
        let other = SnapshotOf { topic_id: Uuid::from_u128(8), partition: 3 };
        assert!(matches!(decode(&encode(OF, 42, &image()), other), Err(SnapshotError::Foreign { .. })));
    }
}

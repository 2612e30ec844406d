//! The records of a batch.
//!
//! A record is: length (varint), attributes (i8, unused), timestamp delta (varlong), offset delta (varint), key length
//! (varint, -1 for null), key, value length (likewise), value, header count (varint), headers of (key length, key, value
//! length or -1, value). Varints are zig-zag encoded, as Protocol Buffers' sint.

use std::borrow::Cow;

use super::batch::Batch;
use super::compression::DecompressError;
use super::header::TimestampType;

/// A record that is not in its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end inside a field.
    #[error("the batch ends inside a record")]
    Short,
    /// A variable-length integer longer than its type.
    #[error("a varint is too long")]
    Varint,
    /// A length or count that cannot be.
    #[error("length {got} cannot be")]
    Length {
        /// What was claimed.
        got: i64,
    },
    /// The record's fields do not add up to its length.
    #[error("{left} bytes are left over in a record")]
    LeftOver {
        /// Bytes too many.
        left: usize,
    },
    /// The header's count differs from what is there.
    #[error("the batch holds more or fewer records than the {expected} it claims")]
    Count {
        /// The header's count.
        expected: i32,
    },
    /// A header key that is not UTF-8.
    #[error("a record header's key is not UTF-8")]
    HeaderKey,
}

/// A header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// Its name.
    pub key: &'a str,
    /// Its value, which may be null.
    pub value: Option<&'a [u8]>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Its key, which may be null.
    pub key: Option<&'a [u8]>,
    /// Its value; null is a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: Vec<RecordHeader<'a>>,
}

/// A batch's records, decompressed if need be.
#[derive(Debug)]
pub struct Records<'a> {
    payload: Cow<'a, [u8]>,
    base_offset: i64,
    base_timestamp: i64,
    /// Stands for every record's timestamp under `LogAppendTime`.
    log_append_time_ms: Option<i64>,
    record_count: i32,
}

impl<'a> Records<'a> {
    pub(super) fn new(_batch: &Batch<'a>, _max_bytes: usize) -> Result<Records<'a>, DecompressError> {
        panic!("being built")
    }

    /// Iterates over the records; ends after the first error. The batch's own count must be met exactly.
    pub fn iter(&self) -> impl Iterator<Item = Result<Record<'_>, RecordError>> {
        std::iter::empty()
    }
}

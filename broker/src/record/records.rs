//! The records of a batch.

use std::borrow::Cow;

use super::batch::Batch;
use super::compression::DecompressError;
use super::header::TimestampType;
use super::varint::{take_int, take_long};

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
        got: i32,
    },
    /// The record's fields do not add up to its length, or bytes follow the last record.
    #[error("{left} bytes are left over after a record")]
    LeftOver {
        /// Bytes too many.
        left: usize,
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
    /// Milliseconds since the epoch; -1 for none.
    pub timestamp: i64,
    /// Its key, which may be null.
    pub key: Option<&'a [u8]>,
    /// Its value; null is a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: Vec<RecordHeader<'a>>,
}

/// A batch's records, decompressed if need be.
///
/// A record is: length (varint), attributes (i8, unused), timestamp delta (varlong), offset delta (varint), key length
/// (varint, -1 for null), key, value length (likewise), value, header count (varint), and headers of key length, key,
/// value length (-1 for null), value.
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
    pub(super) fn new(batch: &Batch<'a>, max_bytes: usize) -> Result<Records<'a>, DecompressError> {
        let header = &batch.header;
        let codec = header.compression().ok_or(DecompressError::UnknownCodec { code: header.codec() })?;
        Ok(Records {
            payload: codec.decompress(batch.payload(), max_bytes)?,
            base_offset: header.base_offset,
            base_timestamp: header.base_timestamp,
            log_append_time_ms: (header.timestamp_type() == TimestampType::LogAppendTime)
                .then_some(header.max_timestamp),
            record_count: header.record_count,
        })
    }

    /// Iterates over the records; ends after the first error. There must be exactly as many as the batch claims.
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter { rest: &self.payload, left: self.record_count, records: self }
    }
}

impl<'a> IntoIterator for &'a Records<'_> {
    type Item = Result<Record<'a>, RecordError>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.iter()
    }
}

/// See [`Records::iter`].
#[derive(Debug, Clone)]
pub struct RecordIter<'a> {
    rest: &'a [u8],
    /// Records to come; negative once an error was returned.
    left: i32,
    records: &'a Records<'a>,
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left <= 0 {
            let left = std::mem::take(&mut self.rest).len();
            return (self.left == 0 && left > 0).then_some(Err(RecordError::LeftOver { left }));
        }
        let record = self.take_record();
        self.left = if record.is_ok() { self.left - 1 } else { -1 };
        Some(record)
    }
}

impl<'a> RecordIter<'a> {
    fn take_record(&mut self) -> Result<Record<'a>, RecordError> {
        let mut body = take_bytes(&mut self.rest)?.ok_or(RecordError::Length { got: -1 })?;
        let body = &mut body;
        let (_attributes, rest) = body.split_first().ok_or(RecordError::Short)?;
        *body = rest;
        let timestamp_delta = take_long(body)?;
        let offset_delta = take_int(body)?;
        let key = take_bytes(body)?;
        let value = take_bytes(body)?;
        let header_count = take_int(body)?;
        if header_count < 0 {
            return Err(RecordError::Length { got: header_count });
        }
        // Grows as headers are found: the claimed count allocates nothing.
        let mut headers = Vec::new();
        for _ in 0..header_count {
            let key = take_bytes(body)?.ok_or(RecordError::Length { got: -1 })?;
            let key = std::str::from_utf8(key).map_err(|_| RecordError::HeaderKey)?;
            headers.push(RecordHeader { key, value: take_bytes(body)? });
        }
        if !body.is_empty() {
            return Err(RecordError::LeftOver { left: body.len() });
        }
        let created_ms = self.records.base_timestamp.saturating_add(timestamp_delta);
        Ok(Record {
            offset: self.records.base_offset.saturating_add(i64::from(offset_delta)),
            timestamp: self.records.log_append_time_ms.unwrap_or(created_ms),
            key,
            value,
            headers,
        })
    }
}

/// A length-prefixed run of bytes; `None` if its length is -1.
#[inline]
pub(super) fn take_bytes<'a>(input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, RecordError> {
    let length = take_int(input)?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| RecordError::Length { got: length })?;
    let (bytes, rest) = input.split_at_checked(length).ok_or(RecordError::Short)?;
    *input = rest;
    Ok(Some(bytes))
}

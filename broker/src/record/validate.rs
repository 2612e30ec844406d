//! What a producer may send (Kafka's `LogValidator`), without decompressing it.

use super::batch::Batch;
use super::compression::{Compression, DecompressError};
use super::header::{BatchHeader, TimestampType};
use super::records::{RecordError, take_bytes};
use super::varint::{take_int, take_long};

/// Bytes of the smallest record: each of its seven fields takes at least one.
const MIN_RECORD_BYTES: usize = 7;

/// A batch in its format, with a right CRC, that no producer may send.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBatch {
    /// Offsets are the leader's to assign.
    #[error("base offset is {got}, not 0")]
    BaseOffset {
        /// What was sent.
        got: i64,
    },
    /// No records, or fewer or more than the offsets span.
    #[error("{record_count} records do not fit last offset delta {last_offset_delta}")]
    RecordCount {
        /// The header's count.
        record_count: i32,
        /// The header's delta.
        last_offset_delta: i32,
    },
    /// More records than the batch's bytes can be decompressed to.
    #[error("{record_count} records cannot come out of {payload_bytes} bytes of {codec:?} data")]
    TooManyRecords {
        /// The header's count.
        record_count: i32,
        /// Bytes after the header.
        payload_bytes: usize,
        /// The header's codec.
        codec: Compression,
    },
    /// A record is out of line.
    #[error("the record at position {expected} has offset delta {got}")]
    OffsetDelta {
        /// What the record says.
        got: i32,
        /// Counted from the batch's first record.
        expected: i32,
    },
    /// Markers are the transaction coordinator's to write.
    #[error("control batches are not a client's to write")]
    Control,
    /// An idempotent producer numbers its records from 0 on.
    #[error("producer {producer_id} sent epoch {producer_epoch} and sequence {base_sequence}")]
    Sequence {
        /// Who.
        producer_id: i64,
        /// The header's epoch.
        producer_epoch: i16,
        /// The header's sequence.
        base_sequence: i32,
    },
    /// A codec number that stands for none.
    #[error("unknown compression codec {code}")]
    Codec {
        /// The number.
        code: i16,
    },
    /// Only a broker stamps batches with its own clock.
    #[error("the timestamp type is LogAppendTime, which is not a client's to set")]
    TimestampType,
    /// A compacted topic needs keys.
    #[error("the record at position {index} has no key, which a compacted topic needs")]
    MissingKey {
        /// Counted from the batch's first record.
        index: usize,
    },
    /// The records cannot be decompressed.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// A record is not in its format.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Checks a batch that a client sent, without looking at its records.
pub fn validate_shape(header: &BatchHeader) -> Result<(), InvalidBatch> {
    if header.base_offset != 0 {
        return Err(InvalidBatch::BaseOffset { got: header.base_offset });
    }
    if header.record_count <= 0 || i64::from(header.last_offset_delta) + 1 != i64::from(header.record_count) {
        return Err(InvalidBatch::RecordCount {
            record_count: header.record_count,
            last_offset_delta: header.last_offset_delta,
        });
    }
    if header.is_control() {
        return Err(InvalidBatch::Control);
    }
    if header.has_producer_id() && (header.base_sequence < 0 || header.producer_epoch < 0) {
        return Err(InvalidBatch::Sequence {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
        });
    }
    if header.compression().is_none() {
        return Err(InvalidBatch::Codec { code: header.codec() });
    }
    if header.timestamp_type() == TimestampType::LogAppendTime {
        return Err(InvalidBatch::TimestampType);
    }
    Ok(())
}

/// Checks that the header's count of records can be true. Uncompressed records are counted, by their lengths and offsets,
/// which is what consumers step through them by; what is inside is theirs to read. Compressed ones, which Kafka would
/// decompress, are only held against the most that their bytes can become.
pub fn validate_records(batch: &Batch<'_>) -> Result<(), InvalidBatch> {
    let header = &batch.header;
    let codec = header.compression().ok_or(InvalidBatch::Codec { code: header.codec() })?;
    let (record_count, mut rest) = (header.record_count, batch.payload());
    if codec != Compression::None {
        let (payload_bytes, most) = (rest.len(), rest.len().saturating_mul(codec.max_expansion()) / MIN_RECORD_BYTES);
        let fits = usize::try_from(record_count).is_ok_and(|count| count <= most);
        return fits.then_some(()).ok_or(InvalidBatch::TooManyRecords { record_count, payload_bytes, codec });
    }
    for expected in 0..record_count {
        let mut record = take_bytes(&mut rest)?.ok_or(RecordError::Length { got: -1 })?;
        let _attributes = record.split_off_first().ok_or(RecordError::Short)?;
        let _timestamp_delta = take_long(&mut record)?;
        let got = take_int(&mut record)?;
        if got != expected {
            return Err(InvalidBatch::OffsetDelta { got, expected });
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(RecordError::LeftOver { left: rest.len() }.into()) }
}

/// Checks that every record has a key, decompressing to at most `max_bytes`.
pub fn validate_keys(batch: &Batch<'_>, max_bytes: usize) -> Result<(), InvalidBatch> {
    for (index, record) in batch.records(max_bytes)?.iter().enumerate() {
        if record?.key.is_none() {
            return Err(InvalidBatch::MissingKey { index });
        }
    }
    Ok(())
}

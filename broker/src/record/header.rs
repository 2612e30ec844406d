//! The header of a record batch, at fixed offsets.

use super::batch::BatchError;
use super::compression::Compression;

/// Bytes of a batch before its records.
pub const HEADER_BYTES: usize = 61;
/// Bytes of a batch that its length field does not count: base offset and the field itself.
pub(super) const LENGTH_OVERHEAD_BYTES: usize = 12;
/// First byte that the CRC covers: the attributes.
pub(super) const CRC_START: usize = 21;

const COMPRESSION_MASK: i16 = 0x07;
const LOG_APPEND_TIME_FLAG: i16 = 0x08;
const TRANSACTIONAL_FLAG: i16 = 0x10;
const CONTROL_FLAG: i16 = 0x20;

/// Which clock a batch's timestamps come from (`message.timestamp.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, at the append: every record of the batch has the batch's largest timestamp.
    LogAppendTime,
}

/// A batch's header, decoded. Fields are as on the wire; none is believed beyond its type until validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record; 0 from a producer.
    pub base_offset: i64,
    /// Bytes after this field.
    pub batch_length: i32,
    /// Leader epoch the batch was appended in; the broker's to set.
    pub partition_leader_epoch: i32,
    /// Format version; 2.
    pub magic: i8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Compression (bits 0–2), timestamp type (3), transactional (4), control (5), delete horizon (6).
    pub attributes: i16,
    /// Last offset minus base offset. Compaction keeps it, so it can exceed the record count.
    pub last_offset_delta: i32,
    /// Milliseconds since the epoch that records' timestamp deltas count from; -1 for none.
    pub base_timestamp: i64,
    /// Largest timestamp of the batch; -1 for none.
    pub max_timestamp: i64,
    /// -1 for a producer that is not idempotent.
    pub producer_id: i64,
    /// -1 for a producer that is not idempotent.
    pub producer_epoch: i16,
    /// Sequence of the first record; -1 for a producer that is not idempotent.
    pub base_sequence: i32,
    /// Number of records.
    pub record_count: i32,
}

fn at<const N: usize>(bytes: &[u8; HEADER_BYTES], position: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[position..position + N]);
    field
}

impl BatchHeader {
    /// Decodes the header at the start of `bytes`, of which only the first [`HEADER_BYTES`] are looked at. The magic and
    /// the length are checked for plausibility; the CRC and the shape are not ([`super::Batch`] does that).
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        let head: &[u8; HEADER_BYTES] =
            bytes.first_chunk().ok_or(BatchError::Short { got: bytes.len(), expected: HEADER_BYTES })?;
        let header = BatchHeader {
            base_offset: i64::from_be_bytes(at(head, 0)),
            batch_length: i32::from_be_bytes(at(head, 8)),
            partition_leader_epoch: i32::from_be_bytes(at(head, 12)),
            magic: i8::from_be_bytes(at(head, 16)),
            crc: u32::from_be_bytes(at(head, 17)),
            attributes: i16::from_be_bytes(at(head, 21)),
            last_offset_delta: i32::from_be_bytes(at(head, 23)),
            base_timestamp: i64::from_be_bytes(at(head, 27)),
            max_timestamp: i64::from_be_bytes(at(head, 35)),
            producer_id: i64::from_be_bytes(at(head, 43)),
            producer_epoch: i16::from_be_bytes(at(head, 51)),
            base_sequence: i32::from_be_bytes(at(head, 53)),
            record_count: i32::from_be_bytes(at(head, 57)),
        };
        if header.magic != 2 {
            return Err(BatchError::Magic { got: header.magic });
        }
        if header.batch_length < (HEADER_BYTES - LENGTH_OVERHEAD_BYTES) as i32 {
            return Err(BatchError::Length { got: header.batch_length });
        }
        Ok(header)
    }

    /// Encodes the header.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        bytes[16..17].copy_from_slice(&self.magic.to_be_bytes());
        bytes[17..21].copy_from_slice(&self.crc.to_be_bytes());
        bytes[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        bytes[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        bytes[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        bytes[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        bytes[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        bytes[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        bytes[57..61].copy_from_slice(&self.record_count.to_be_bytes());
        bytes
    }

    /// Size of the whole batch, header included.
    pub fn size_bytes(&self) -> usize {
        LENGTH_OVERHEAD_BYTES + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Sequence of the last record, which wraps from `i32::MAX` to 0; -1 without sequences.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        let sequence = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        i32::try_from(sequence).unwrap_or_else(|_| (sequence - i64::from(i32::MAX) - 1) as i32)
    }

    /// The codec, or `None` for a number that stands for none.
    pub fn compression(&self) -> Option<Compression> {
        Compression::from_code(self.codec())
    }

    /// The codec's number, which may stand for none.
    pub fn codec(&self) -> i16 {
        self.attributes & COMPRESSION_MASK
    }

    /// Whose clock the timestamps are from.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & LOG_APPEND_TIME_FLAG == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_FLAG != 0
    }

    /// Written by a transaction coordinator: commit and abort markers.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_FLAG != 0
    }

    /// Sent by an idempotent producer.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id >= 0
    }

    /// Stamps the batch whose records are `payload` with the broker's clock, and computes the CRC anew, since it covers
    /// what this changes.
    pub fn set_log_append_time(&mut self, now_ms: i64, payload: &[u8]) {
        self.attributes |= LOG_APPEND_TIME_FLAG;
        self.max_timestamp = now_ms;
        self.crc = crc32c::crc32c_append(crc32c::crc32c(&self.to_bytes()[CRC_START..]), payload);
    }
}

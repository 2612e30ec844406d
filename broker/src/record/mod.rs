//! Record batches (magic 2), in place: header view, CRC-32C, validation, iteration, builder.
//!
//! A batch is a header at fixed offsets and its records, all integers big-endian:
//!
//! | byte | field | |
//! |---|---|---|
//! | 0 | base offset, i64 | a leader sets it |
//! | 8 | length, i32 | bytes after this field |
//! | 12 | partition leader epoch, i32 | a leader sets it |
//! | 16 | magic, i8 | 2 |
//! | 17 | CRC-32C, u32 | of everything from byte 21 on |
//! | 21 | attributes, i16 | codec (bits 0–2), timestamp type (3), transactional (4), control (5), delete horizon (6) |
//! | 23 | last offset delta, i32 | |
//! | 27 | base timestamp, i64 | |
//! | 35 | max timestamp, i64 | |
//! | 43 | producer id, i64 | |
//! | 51 | producer epoch, i16 | |
//! | 53 | base sequence, i32 | |
//! | 57 | record count, i32 | |
//! | 61 | records | compressed together, as the attributes say; see [`Records`] |
//!
//! What a leader sets lies before the CRC, so appending needs no new one; only `LogAppendTime`, whose timestamp and flag
//! lie inside, does ([`BatchHeader::set_log_append_time`]). Nothing is decompressed unless someone asks for
//! [`Batch::records`], and then never to more than the bytes allowed. Arbitrary bytes give an error, never a panic.
//!
//! Never knows: files, offsets' meaning in a log, the protocol.

mod batch;
mod builder;
mod compression;
mod header;
mod records;
mod validate;
mod varint;

pub use batch::{Batch, BatchError, Batches, batches};
pub use builder::BatchBuilder;
pub use compression::{Compression, DecompressError};
pub use header::{BatchHeader, HEADER_BYTES, TimestampType};
pub use records::{Record, RecordError, RecordHeader, RecordIter, Records};
pub use validate::{InvalidBatch, validate_keys, validate_records, validate_shape};

#[cfg(test)]
mod tests;

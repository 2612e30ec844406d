//! What can go wrong, with the facts needed to act.

use std::io;
use std::path::PathBuf;

use crate::record::{BatchError, InvalidBatch};

/// A file operation failed, or a file holds what it cannot hold.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried, e.g. `open`.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A small file (checkpoint, metadata) is not in its format.
    #[error("{} is malformed: {reason}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An earlier failure left the log in a state that only a restart can mend.
    #[error("the log takes no more writes: {0}")]
    Poisoned(String),
}

impl LogError {
    /// Wraps an I/O error with what was tried on which path.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> LogError {
        let path = path.into();
        move |source| LogError::Io { action, path, source }
    }

    /// A file was not there.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, LogError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Why an append was refused. Nothing of it was written, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// CORRUPT_MESSAGE: not a batch, cut short, or its CRC is wrong.
    #[error("corrupt batch: {0}")]
    Corrupt(BatchError),
    /// INVALID_RECORD: well-formed bytes that no producer may send.
    #[error("invalid batch: {0}")]
    InvalidRecord(#[from] InvalidBatch),
    /// INVALID_RECORD: a client sends exactly one batch for a partition.
    #[error("{got} batches where there must be one")]
    BatchCount {
        /// How many were sent.
        got: usize,
    },
    /// MESSAGE_TOO_LARGE: a batch above `max.message.bytes`.
    #[error("a batch of {size_bytes} bytes is above max.message.bytes = {max_bytes}")]
    BatchTooLarge {
        /// The batch's size.
        size_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// RECORD_LIST_TOO_LARGE: an append that fits no segment.
    #[error("{size_bytes} bytes fit no segment (segment.bytes = {segment_bytes})")]
    RecordListTooLarge {
        /// The append's size.
        size_bytes: usize,
        /// The limit.
        segment_bytes: u32,
    },
    /// INVALID_TIMESTAMP.
    #[error("timestamp {timestamp} is not within {earliest}..={latest}")]
    InvalidTimestamp {
        /// The batch's largest timestamp.
        timestamp: i64,
        /// The earliest allowed.
        earliest: i64,
        /// The latest allowed.
        latest: i64,
    },
    /// OUT_OF_ORDER_SEQUENCE_NUMBER.
    #[error("producer {producer_id} sent sequence {got} after {last}")]
    OutOfOrderSequence {
        /// Who.
        producer_id: i64,
        /// First sequence of the batch.
        got: i32,
        /// Last sequence in the log; -1 if none in this epoch.
        last: i32,
    },
    /// INVALID_PRODUCER_EPOCH.
    #[error("producer {producer_id} is fenced: epoch {got} is older than {current}")]
    InvalidProducerEpoch {
        /// Who.
        producer_id: i64,
        /// The batch's epoch.
        got: i16,
        /// The epoch in the log.
        current: i16,
    },
    /// A leader's batches go back before the log end offset.
    #[error("batch at offset {got} does not follow offset {expected}")]
    UnexpectedOffset {
        /// Base offset of the batch.
        got: i64,
        /// The next offset.
        expected: i64,
    },
    /// KAFKA_STORAGE_ERROR: no space is left; what was half written is cut away again, and reads go on.
    #[error("the disk is full")]
    DiskFull,
    /// KAFKA_STORAGE_ERROR.
    #[error(transparent)]
    Storage(#[from] LogError),
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// OFFSET_OUT_OF_RANGE.
    #[error("offset {offset} is outside {log_start_offset}..={log_end_offset}")]
    OffsetOutOfRange {
        /// What was asked for.
        offset: i64,
        /// First readable offset.
        log_start_offset: i64,
        /// Offset the next record gets.
        log_end_offset: i64,
    },
    /// A batch on disk is damaged.
    #[error("damaged batch in {} at byte {position}: {source}", path.display())]
    Damaged {
        /// Which segment.
        path: PathBuf,
        /// Where.
        position: u64,
        /// What is wrong.
        source: BatchError,
    },
    /// KAFKA_STORAGE_ERROR.
    #[error(transparent)]
    Storage(#[from] LogError),
}

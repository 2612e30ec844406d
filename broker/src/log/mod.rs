//! (being built)
mod error;
mod settings;

use std::path::{Path, PathBuf};

use uuid::Uuid;

pub use error::{AppendError, LogError, ReadError};
pub use settings::{CleanupPolicy, LogSettings};

use crate::region::FileRegion;

/// Who appends, which decides what is allowed (Kafka's `AppendOrigin`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A producer: exactly one batch, no control batch, sequences checked.
    Client,
    /// The broker itself (coordinators, tools): one or more batches, control batches allowed.
    Coordinator,
}

/// What an append did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Largest timestamp, milliseconds since the epoch; -1 if the records have none.
    pub max_timestamp: i64,
    /// The time the broker gave the records, where `message.timestamp.type` is `LogAppendTime`.
    pub log_append_time_ms: Option<i64>,
    /// The log start offset after the append.
    pub log_start_offset: i64,
    /// Bytes written; 0 for a duplicate.
    pub size_bytes: usize,
    /// The batch had been appended before (same producer, epoch and sequences); the offsets are the original ones.
    pub duplicate: bool,
}

/// Whole batches to send.
#[derive(Debug, Clone, Default)]
pub struct ReadPlan {
    /// Where the batches are, in order; empty if there is nothing to read.
    pub regions: Vec<FileRegion>,
    /// Sum of the regions' lengths.
    pub size_bytes: usize,
}

/// A timestamp found in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampOffset {
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Offset of the record that carries it.
    pub offset: i64,
    /// Leader epoch of that record's batch.
    pub leader_epoch: i32,
}

/// Files renamed away by retention, for the caller to unlink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "the files stay on disk until they are unlinked"]
pub struct Retired {
    /// Renamed to `….deleted`; what is left of them after a crash is unlinked at the next open.
    pub files: Vec<PathBuf>,
    /// Wait this long first (`file.delete.delay.ms`).
    pub delay_ms: u64,
}

/// What opening found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of batches read and verified; 0 after a clean close.
    pub verified_bytes: u64,
    /// Bytes of a torn tail that were cut off.
    pub truncated_bytes: u64,
    /// Damage below data that is good: moved aside and reported, never silently cut.
    pub rot: Vec<Rot>,
}

/// A damaged stretch of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rot {
    /// First offset that cannot be served.
    pub first_offset: i64,
    /// First offset after the damage.
    pub next_offset: i64,
    /// Where the bytes were moved to.
    pub quarantined: PathBuf,
}

/// One partition's log. All methods may be called from any thread.
#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
}

impl Log {
    /// Opens the log in `dir`, creating it if needed, and recovers it if it was not closed cleanly.
    pub fn open(dir: &Path, _settings: LogSettings, _now_ms: i64) -> Result<Log, LogError> {
        Ok(Log { dir: dir.to_owned() })
    }

    /// The partition's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What opening found and did.
    pub fn recovery(&self) -> &Recovery {
        panic!("being built")
    }

    /// Appends `records` (one batch from a client), assigning offsets and `leader_epoch`.
    pub fn append_as_leader(
        &self,
        _records: &[u8],
        _origin: Origin,
        _leader_epoch: i32,
        _now_ms: i64,
    ) -> Result<Appended, AppendError> {
        panic!("being built")
    }

    /// Appends batches fetched from a leader, keeping their offsets and epochs.
    pub fn append_as_follower(&self, _records: &[u8], _now_ms: i64) -> Result<Appended, AppendError> {
        panic!("being built")
    }

    /// Removes everything at and past `offset`. Regions planned past it must no longer be sent.
    pub fn truncate_to(&self, _offset: i64) -> Result<Retired, LogError> {
        panic!("being built")
    }

    /// Plans whole batches from the one that holds offset `from` up to the exclusive offset `below`, at most
    /// `max_bytes`; the first batch is planned even if it is larger where `at_least_one`.
    pub fn read(&self, _from: i64, _below: i64, _max_bytes: usize, _at_least_one: bool) -> Result<ReadPlan, ReadError> {
        panic!("being built")
    }

    /// First offset that can be read.
    pub fn log_start_offset(&self) -> i64 {
        panic!("being built")
    }

    /// Offset the next record gets.
    pub fn log_end_offset(&self) -> i64 {
        panic!("being built")
    }

    /// Everything below is on stable storage.
    pub fn flushed_offset(&self) -> i64 {
        panic!("being built")
    }

    /// The first record below offset `below` whose timestamp is at least `timestamp`.
    pub fn offset_for_timestamp(&self, _timestamp: i64, _below: i64) -> Result<Option<TimestampOffset>, ReadError> {
        panic!("being built")
    }

    /// The first record that carries the log's largest timestamp.
    pub fn max_timestamp(&self) -> Result<Option<TimestampOffset>, ReadError> {
        panic!("being built")
    }

    /// The newest leader epoch that wrote to this log.
    pub fn latest_epoch(&self) -> Option<i32> {
        panic!("being built")
    }

    /// The largest epoch at or below `epoch`, and the offset where it ends (Kafka's `endOffsetFor`).
    pub fn end_offset_for_epoch(&self, _epoch: i32) -> Option<(i32, i64)> {
        panic!("being built")
    }

    /// Deletes whole segments by `retention.ms`, `retention.bytes` and the log start offset, none past offset `below`
    /// (the high watermark).
    pub fn apply_retention(&self, _now_ms: i64, _below: i64) -> Result<Retired, LogError> {
        panic!("being built")
    }

    /// Raises the log start offset to `offset` (DeleteRecords); returns the new one. Retention removes the files.
    pub fn delete_before(&self, _offset: i64) -> Result<i64, LogError> {
        panic!("being built")
    }

    /// Closes the active segment if `segment.ms` has passed, so that retention can reach it.
    pub fn roll_if_due(&self, _now_ms: i64) -> Result<bool, LogError> {
        panic!("being built")
    }

    /// The offset to flush to now, by `flush.ms` or because a segment was closed.
    pub fn flush_due(&self, _now_ms: i64) -> Option<i64> {
        panic!("being built")
    }

    /// Brings everything below `offset` to stable storage; returns [`Log::flushed_offset`].
    pub fn flush_to(&self, _offset: i64, _now_ms: i64) -> Result<i64, LogError> {
        panic!("being built")
    }

    /// Brings everything to stable storage.
    pub fn flush(&self, _now_ms: i64) -> Result<i64, LogError> {
        panic!("being built")
    }

    /// Bytes appended since the last checkpoint: what a recovery would have to read.
    pub fn bytes_since_checkpoint(&self) -> u64 {
        panic!("being built")
    }

    /// Notes how far the log is written, so that a recovery after a process crash starts there. Needs no fsync.
    pub fn checkpoint(&self) -> Result<(), LogError> {
        panic!("being built")
    }

    /// Flushes, snapshots and leaves the mark of a clean shutdown. Later appends are refused.
    pub fn close(&self, _now_ms: i64) -> Result<(), LogError> {
        panic!("being built")
    }

    /// Takes new settings; they hold from the next call on.
    pub fn update_settings(&self, _settings: LogSettings) {
        panic!("being built")
    }

    /// Bytes in all segments.
    pub fn size_bytes(&self) -> u64 {
        panic!("being built")
    }
}

/// The topic id in `dir`'s `partition.metadata`, if there is one.
pub fn read_topic_id(_dir: &Path) -> Result<Option<Uuid>, LogError> {
    panic!("being built")
}

/// Writes `partition.metadata` durably.
pub fn write_topic_id(_dir: &Path, _topic_id: Uuid) -> Result<(), LogError> {
    panic!("being built")
}

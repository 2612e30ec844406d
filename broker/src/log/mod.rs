//! One partition's log, in Kafka's own format, as synchronous functions.
//!
//! # On disk
//!
//! A directory a partition, with these files; `{n}` is an offset in 20 digits, integers are big-endian.
//!
//! | file | holds |
//! |---|---|
//! | `{base}.log` | a segment: batches ([`crate::record`]) from offset `base` on |
//! | `{base}.index` | (relative offset i32, position i32) of a batch every `index.interval.bytes` (`index`) |
//! | `{base}.timeindex` | (timestamp i64, relative offset i32), the largest timestamp so far (`index`) |
//! | `{base}.txnindex` | aborted transactions; not written yet, deleted with its segment |
//! | `{offset}.snapshot` | idempotent producers before that offset (`producers`) |
//! | `leader-epoch-checkpoint` | where leader epochs begin (`epochs`) |
//! | `partition.metadata` | the topic's id (`partition_metadata`) |
//! | `recovery-point` | ours: clean mark, log start offset, recovery points (`checkpoint`) |
//! | `{offset}.rot` | ours: damaged bytes moved aside by a recovery (`recovery`) |
//! | `*.deleted`, `*.tmp` | to be removed; gone at the next open |
//!
//! Other files are left alone. Segments that another tool put there, with or without indexes, with preallocated zeros at
//! their end, are picked up when the log is opened.
//!
//! # Invariants
//!
//! - `log_start_offset ≤ log_end_offset`, `flushed_offset ≤ log_end_offset`;
//! - a segment holds offsets from its base offset up to the next one's, within `i32` of it; gaps are what compaction or
//!   damage left;
//! - only the active (last) segment is written, at its end, and only ever by appending; readers see whole batches;
//! - index entries point at the start of a batch, and ascend; the newest ones of the active segment may be in memory only
//!   (`index`), for after a crash its indexes are made anew.
//!
//! # Who may touch what
//!
//! Locks are taken in this order: `flushing` (fsync, truncation), `writer` (appending, rolling, retention), `epochs` or
//! `checkpoint`, a segment's `extent`, an index's `tail`. The writer lock is held across `write(2)`; reading takes none but
//! the last two, which are held for a few memory accesses. Segment list and watermarks are published atomically, each after what it makes
//! visible.
//!
//! Never knows: tokio, the protocol, topics, the high watermark (callers pass an upper offset).

mod checkpoint;
mod epochs;
mod error;
mod flush;
mod index;
mod partition_metadata;
mod producers;
mod read;
mod recovery;
mod retention;
mod scan;
mod segment;
mod settings;
mod storage;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use uuid::Uuid;

pub use error::{AppendError, LogError, ReadError};
pub use partition_metadata::{read_topic_id, write_topic_id};
pub use retention::Retired;
pub use settings::{CleanupPolicy, LogSettings};

use crate::region::FileRegion;
use checkpoint::Checkpoint;
use epochs::LeaderEpochs;
use recovery::Loaded;
use scan::HeaderScan;
use segment::{Segment, lock};
use writer::Writer;

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

/// Why an abandoned log refuses.
const ABANDONED: &str = "its topic was deleted";

/// One partition's log. All methods may be called from any thread.
#[derive(Debug)]
pub struct Log {
    dir: Arc<Path>,
    settings: ArcSwap<LogSettings>,
    /// Ascending, never empty; the last one is active.
    segments: ArcSwap<Vec<Arc<Segment>>>,
    log_start_offset: AtomicI64,
    log_end_offset: AtomicI64,
    flushed_offset: AtomicI64,
    flushing: Mutex<()>,
    writer: Mutex<Writer>,
    epochs: Mutex<LeaderEpochs>,
    /// What the file says, and what it will say next.
    checkpoint: Mutex<Checkpoint>,
    marked_clean: AtomicBool,
    /// Names changed since the directory was synced.
    dir_unsynced: AtomicBool,
    /// The directory's name is another topic's to use; set under all locks.
    abandoned: AtomicBool,
    /// When the oldest unflushed message came; `i64::MAX` for none.
    unflushed_since_ms: AtomicI64,
    since_checkpoint_bytes: AtomicU64,
    recovery: Recovery,
}

impl Log {
    /// Opens the log in `dir`, creating it if needed. After [`Log::close`] no batch is read; otherwise what may be torn is
    /// verified and cut ([`Recovery`]).
    pub fn open(dir: &Path, settings: LogSettings, now_ms: i64) -> Result<Log, LogError> {
        let dir: Arc<Path> = dir.into();
        let loaded = recovery::load(&dir, &settings, now_ms)?;
        Log::of(dir, settings, loaded, now_ms)
    }

    /// Begins the log of a partition of topic `topic_id` in `dir`, which was just created and is empty.
    pub fn create(dir: &Path, topic_id: Uuid, settings: LogSettings, now_ms: i64) -> Result<Log, LogError> {
        let dir: Arc<Path> = dir.into();
        partition_metadata::write_new(&dir, topic_id)?;
        let loaded = recovery::create(&dir, &settings)?;
        Log::of(dir, settings, loaded, now_ms)
    }

    fn of(dir: Arc<Path>, settings: LogSettings, loaded: Loaded, now_ms: i64) -> Result<Log, LogError> {
        let active = loaded.segments[loaded.segments.len() - 1].clone();
        let log_end_offset = active.end_offset();
        let mut epochs = match loaded.has_epochs {
            true => LeaderEpochs::open(&dir, |assign| walk_epochs(&loaded.segments, assign))?,
            false => LeaderEpochs::none(&dir),
        };
        epochs.truncate_end(log_end_offset)?;
        let writer = Writer {
            active: active.clone(),
            resumption: loaded.resumption,
            created_ms: now_ms,
            producers: loaded.producers,
            unflushed_messages: 0,
            refusal: None,
        };
        let flushed_offset = loaded.checkpoint.flushed.offset.min(log_end_offset);
        let since_checkpoint_bytes = active.size_bytes().saturating_sub(loaded.checkpoint.written.position);
        let unflushed_since_ms = if flushed_offset < log_end_offset { now_ms } else { i64::MAX };
        Ok(Log {
            dir,
            settings: ArcSwap::from_pointee(settings),
            segments: ArcSwap::from_pointee(loaded.segments),
            log_start_offset: AtomicI64::new(loaded.checkpoint.log_start_offset.min(log_end_offset)),
            log_end_offset: AtomicI64::new(log_end_offset),
            flushed_offset: AtomicI64::new(flushed_offset),
            flushing: Mutex::new(()),
            writer: Mutex::new(writer),
            epochs: Mutex::new(epochs),
            marked_clean: AtomicBool::new(loaded.checkpoint.clean),
            checkpoint: Mutex::new(loaded.checkpoint),
            dir_unsynced: AtomicBool::new(true),
            abandoned: AtomicBool::new(false),
            unflushed_since_ms: AtomicI64::new(unflushed_since_ms),
            since_checkpoint_bytes: AtomicU64::new(since_checkpoint_bytes),
            recovery: loaded.recovery,
        })
    }

    /// Ends all changes, for good: when this returns, those under way are done, and later ones are refused. To be called
    /// before the directory is renamed, since a log that begins there afterwards would have its files changed by us.
    pub fn abandon(&self) {
        let _flushing = lock(&self.flushing);
        let mut writer = lock(&self.writer);
        writer.refusal = Some(ABANDONED.into());
        self.abandoned.store(true, Ordering::Release);
        // Who has one of these looked before, and finishes.
        drop(lock(&self.checkpoint));
        drop(lock(&self.epochs));
    }

    /// For who changes files without the writer lock; asked under the lock that guards them.
    fn refuse_if_abandoned(&self) -> Result<(), LogError> {
        match self.abandoned.load(Ordering::Acquire) {
            true => Err(LogError::Poisoned(ABANDONED.into())),
            false => Ok(()),
        }
    }

    /// The partition's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What opening found and did.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// First offset that can be read.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start_offset.load(Ordering::Acquire)
    }

    /// Offset the next record gets.
    pub fn log_end_offset(&self) -> i64 {
        self.log_end_offset.load(Ordering::Acquire)
    }

    /// Everything below is on stable storage.
    pub fn flushed_offset(&self) -> i64 {
        self.flushed_offset.load(Ordering::Acquire)
    }

    /// Bytes of batches in all segments.
    pub fn size_bytes(&self) -> u64 {
        self.segments.load().iter().map(|segment| segment.size_bytes()).sum()
    }

    /// Number of segments.
    pub fn segment_count(&self) -> usize {
        self.segments.load().len()
    }

    /// Takes new settings; they hold from the next call on.
    pub fn update_settings(&self, settings: LogSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// Closes the active segment if it is older than `segment.ms` and not empty, so that retention can reach it. Appends
    /// do this themselves; a quiet log needs the call.
    pub fn roll_if_due(&self, now_ms: i64) -> Result<bool, LogError> {
        let settings = self.settings.load();
        let mut writer = lock(&self.writer);
        writer.refuse_if_stopped()?;
        if writer.active.size_bytes() == 0 || !writer.is_old(now_ms, &settings, now_ms)? {
            return Ok(false);
        }
        self.start_writing()?;
        self.roll(&mut writer, self.log_end_offset(), &settings, now_ms)?;
        Ok(true)
    }
}

/// The leader epoch and base offset of every batch, from the headers.
fn walk_epochs(segments: &[Arc<Segment>], assign: &mut dyn FnMut(i32, i64)) -> Result<(), LogError> {
    for segment in segments {
        let mut headers = HeaderScan::new(segment.file()?, 0, segment.size_bytes());
        // Damage is for who reads there to report.
        while let Ok(Some((_, header))) = headers.next() {
            assign(header.partition_leader_epoch, header.base_offset);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

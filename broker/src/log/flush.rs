//! Bringing the log to stable storage, and noting how far that went.
//!
//! What was appended is in the page cache: it survives the death of the process, and a power cut only once it is flushed.
//! `flush.messages` flushes inside the append that reaches it, before the append returns; appends that come meanwhile
//! share the next one. `flush.ms`, and closed segments, are flushed by a background task that asks [`Log::flush_due`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::checkpoint::Point;
use super::segment::{Segment, file_path, lock};
use super::storage::{self, Durability};
use super::{Log, LogError};

impl Log {
    /// The offset to flush to now, if any: by `flush.ms`, or because a segment was closed.
    pub fn flush_due(&self, now_ms: i64) -> Option<i64> {
        let oldest_ms = self.unflushed_since_ms.load(Ordering::Acquire);
        let due = |flush_ms: &i64| oldest_ms != i64::MAX && now_ms.saturating_sub(oldest_ms) >= *flush_ms;
        if self.settings.load().flush_ms.as_ref().is_some_and(due) {
            return Some(self.log_end_offset());
        }
        let active = self.segments.load().last().map_or(0, |segment| segment.base_offset);
        (self.flushed_offset() < active).then_some(active)
    }

    /// Brings everything below `offset` to stable storage and notes it in the recovery point; returns
    /// [`Log::flushed_offset`]. A failed fsync ends all appending: what the kernel dropped cannot be written again.
    pub fn flush_to(&self, offset: i64) -> Result<i64, LogError> {
        self.sync_to(offset)?;
        self.checkpoint()?;
        Ok(self.flushed_offset())
    }

    /// Brings everything to stable storage.
    pub fn flush(&self) -> Result<i64, LogError> {
        self.flush_to(self.log_end_offset())
    }

    /// Brings everything below `offset` to stable storage. Whoever waits for its turn finds the work done, more often
    /// than not: that is group commit.
    pub(super) fn sync_to(&self, offset: i64) -> Result<(), LogError> {
        let _flushing = lock(&self.flushing);
        self.refuse_if_abandoned()?;
        let flushed_offset = self.flushed_offset();
        if flushed_offset >= offset {
            return Ok(());
        }
        let (segments, target) = {
            let mut writer = lock(&self.writer);
            let active = &writer.active;
            let closed_only = offset <= active.base_offset;
            let position = if closed_only { 0 } else { active.size_bytes() };
            let end_offset = if closed_only { active.base_offset } else { self.log_end_offset() };
            let target = Point { offset: end_offset, segment: active.base_offset, position };
            if !closed_only {
                writer.unflushed_messages = 0;
                self.unflushed_since_ms.store(i64::MAX, Ordering::Release);
            }
            (self.segments.load_full(), target)
        };
        let synced = self.sync(&segments, flushed_offset, target);
        if let Err(error) = &synced {
            tracing::error!(dir = %self.dir.display(), "flushing failed, the log takes no more appends: {error}");
            lock(&self.writer).refusal = Some(format!("flushing failed: {error}"));
            return synced;
        }
        lock(&self.checkpoint).flushed = target;
        self.flushed_offset.fetch_max(target.offset, Ordering::AcqRel);
        debug_assert!(self.flushed_offset() <= self.log_end_offset());
        Ok(())
    }

    pub(super) fn sync(&self, segments: &[Arc<Segment>], flushed_offset: i64, target: Point) -> Result<(), LogError> {
        let unflushed = |segment: &&Arc<Segment>| {
            segment.end_offset() > flushed_offset && (segment.base_offset < target.segment || target.position > 0)
        };
        for segment in segments.iter().filter(unflushed) {
            match self.sync_segment(segment, target) {
                // Retention took it away meanwhile.
                Err(error) if error.is_not_found() && !self.holds(segment) => {}
                synced => synced?,
            }
        }
        let epochs_synced = lock(&self.epochs).sync()?;
        if (self.dir_unsynced.swap(false, Ordering::AcqRel) || epochs_synced)
            && let Err(error) = storage::sync_dir(&self.dir)
        {
            self.dir_unsynced.store(true, Ordering::Release);
            return Err(error);
        }
        Ok(())
    }

    fn sync_segment(&self, segment: &Segment, target: Point) -> Result<(), LogError> {
        storage::sync_data(segment.file()?).map_err(LogError::io("fsync", segment.path("log")))?;
        if segment.base_offset < target.segment {
            // A closed segment is not looked at again by a recovery: its indexes must be whole.
            segment.indexes()?.sync()?;
            storage::sync_file(&file_path(&self.dir, segment.end_offset(), "snapshot"))?;
        }
        Ok(())
    }

    fn holds(&self, segment: &Arc<Segment>) -> bool {
        self.segments.load().iter().any(|held| Arc::ptr_eq(held, segment))
    }

    /// Bytes appended since the last checkpoint: what a recovery after a crash would have to verify.
    pub fn bytes_since_checkpoint(&self) -> u64 {
        self.since_checkpoint_bytes.load(Ordering::Relaxed)
    }

    /// Notes how far the log is written, so that a recovery after a crash of the process starts there, and writes out what the
    /// indexes have gathered. Without fsync.
    pub fn checkpoint(&self) -> Result<(), LogError> {
        // A truncation must not come between taking the point and writing it.
        let _flushing = lock(&self.flushing);
        self.refuse_if_abandoned()?;
        let written = {
            let writer = lock(&self.writer);
            writer.active.indexes()?.write_out()?;
            // Taken under the same lock as the point it belongs to.
            self.since_checkpoint_bytes.store(0, Ordering::Relaxed);
            self.written(&writer.active)
        };
        let mut checkpoint = lock(&self.checkpoint);
        if checkpoint.clean {
            return Ok(());
        }
        checkpoint.written = written;
        checkpoint.log_start_offset = self.log_start_offset();
        checkpoint.write(&self.dir, Durability::Relaxed)
    }

    fn written(&self, active: &Segment) -> Point {
        Point { offset: self.log_end_offset(), segment: active.base_offset, position: active.size_bytes() }
    }

    /// Takes back the mark of a clean shutdown before anything changes.
    pub(super) fn start_writing(&self) -> Result<(), LogError> {
        if !self.marked_clean.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut checkpoint = lock(&self.checkpoint);
        checkpoint.clean = false;
        checkpoint.write(&self.dir, Durability::Synced)?;
        self.marked_clean.store(false, Ordering::Release);
        Ok(())
    }

    /// Flushes, snapshots the producers and leaves the mark of a clean shutdown, with which the next open reads no batch.
    /// Later appends are refused; reads go on.
    pub fn close(&self, now_ms: i64) -> Result<(), LogError> {
        {
            let mut writer = lock(&self.writer);
            writer.refuse_if_stopped()?;
            writer.refusal = Some("it was closed".into());
            let expiration_ms = self.settings.load().producer_id_expiration_ms;
            writer.producers.expire(now_ms, expiration_ms);
            let checkpoint = lock(&self.checkpoint);
            if checkpoint.clean && checkpoint.written == self.written(&writer.active) {
                // Nothing was appended: the mark of the last time holds.
                return Ok(());
            }
        }
        self.sync_to(self.log_end_offset())?;
        let mut writer = lock(&self.writer);
        let end_offset = self.log_end_offset();
        self.write_snapshot(&writer, end_offset)?;
        storage::sync_file(&file_path(&self.dir, end_offset, "snapshot"))?;
        let largest = writer.resumption()?.pace.largest;
        let indexes = writer.active.indexes()?;
        indexes.finish(largest)?;
        indexes.sync()?;
        let mut checkpoint = lock(&self.checkpoint);
        let end = self.written(&writer.active);
        checkpoint.clean = true;
        checkpoint.log_start_offset = self.log_start_offset();
        (checkpoint.written, checkpoint.flushed) = (end, end);
        checkpoint.write(&self.dir, Durability::Synced)
    }
}

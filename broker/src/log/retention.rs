//! Taking away: old segments at the start, and what a leader does not have at the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::checkpoint::Point;
use super::recovery;
use super::segment::{Segment, lock};
use super::storage::{self, Access, Durability};
use super::writer::Writer;
use super::{Log, LogError, LogSettings, ReadError};

/// Files that were renamed away, for the caller to unlink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "the files stay on disk until they are unlinked"]
pub struct Retired {
    /// All end in `.deleted`; what is left of them after a crash is unlinked at the next open.
    pub files: Vec<PathBuf>,
    /// Wait this long first (`file.delete.delay.ms`).
    pub delay_ms: u64,
}

impl Log {
    /// Takes away whole segments that are older than `retention.ms`, that make the log larger than `retention.bytes`, or
    /// that lie below the log start offset; none that reaches past offset `below` (the high watermark). The log start
    /// offset moves first. Forgets idle producers, too.
    pub fn apply_retention(&self, now_ms: i64, below: i64) -> Result<Retired, LogError> {
        let settings = self.settings.load();
        let start_offset = {
            let mut writer = lock(&self.writer);
            writer.refuse_if_stopped()?;
            writer.producers.expire(now_ms, settings.producer_id_expiration_ms);
            let segments = self.segments.load_full();
            let mut count = self.expired(&segments, &settings, now_ms, below)?;
            if count == segments.len()
                && let Err(error) = self.roll(&mut writer, self.log_end_offset(), &settings, now_ms)
            {
                // A full disk has no room for a new segment, and all the more need for the others to go.
                tracing::warn!(dir = %self.dir.display(), "the active segment stays for now: {error}");
                count -= 1;
            }
            if count == 0 {
                return Ok(Retired::default());
            }
            self.segments.load()[count].base_offset
        };
        if let Err(error) = self.advance_start(start_offset) {
            // Nor does it have room for this; the base offset of the first segment that is left says the same.
            tracing::warn!(dir = %self.dir.display(), "the new log start offset is not noted yet: {error}");
        }
        Ok(Retired { files: self.remove_below_start()?, delay_ms: settings.file_delete_delay_ms })
    }

    /// Renames the segments below the log start offset out of the way; returns their files. Those that cannot be renamed
    /// stay listed, so that the next call finds them.
    fn remove_below_start(&self) -> Result<Vec<PathBuf>, LogError> {
        // The list changes under this lock.
        let writer = lock(&self.writer);
        writer.refuse_if_stopped()?;
        let log_start_offset = self.log_start_offset();
        let mut kept = Vec::clone(&self.segments.load());
        let count = kept.partition_point(|segment| segment.end_offset() <= log_start_offset).min(kept.len() - 1);
        let gone: Vec<_> = kept.drain(..count).collect();
        self.segments.store(Arc::new(kept.clone()));
        tracing::info!(dir = %self.dir.display(), segments = count, log_start_offset, "retention takes segments away");
        let (mut files, mut staying) = (Vec::new(), Vec::new());
        for segment in gone {
            if let Err(error) = segment.retire(&mut files) {
                tracing::warn!(dir = %self.dir.display(), "an old segment stays for now: {error}");
                staying.push(segment);
            }
        }
        self.dir_unsynced.store(true, Ordering::Release);
        if !staying.is_empty() {
            staying.append(&mut kept);
            self.segments.store(Arc::new(staying));
        }
        Ok(files)
    }

    /// How many segments at the start may go.
    fn expired(
        &self,
        segments: &[Arc<Segment>],
        settings: &LogSettings,
        now_ms: i64,
        below: i64,
    ) -> Result<usize, LogError> {
        let log_start_offset = self.log_start_offset();
        let retention_ms = settings.retention_ms.filter(|_| settings.cleanup.delete);
        let retention_bytes = settings.retention_bytes.filter(|_| settings.cleanup.delete);
        let size_bytes: u64 = segments.iter().map(|segment| segment.size_bytes()).sum();
        let mut excess_bytes = retention_bytes.map_or(0, |limit| size_bytes.saturating_sub(limit));
        for (index, segment) in segments.iter().enumerate() {
            let (end_offset, size_bytes) = (segment.end_offset(), segment.size_bytes());
            let empty_active = index + 1 == segments.len() && size_bytes == 0;
            if end_offset > below || empty_active {
                return Ok(index);
            }
            let unneeded = end_offset <= log_start_offset;
            let too_large = size_bytes <= excess_bytes && excess_bytes > 0;
            let too_old = match retention_ms {
                Some(retention_ms) if !unneeded && !too_large => {
                    now_ms.saturating_sub(segment.newest_ms()?) > retention_ms
                }
                _ => false,
            };
            if !(unneeded || too_large || too_old) {
                return Ok(index);
            }
            excess_bytes = excess_bytes.saturating_sub(size_bytes);
        }
        Ok(segments.len())
    }

    /// Raises the log start offset to `offset` (DeleteRecords), durably; returns what it is then. The bytes go with the
    /// next [`Log::apply_retention`].
    pub fn delete_before(&self, offset: i64) -> Result<i64, ReadError> {
        let log_end_offset = self.log_end_offset();
        if offset > log_end_offset || offset < 0 {
            let log_start_offset = self.log_start_offset();
            return Err(ReadError::OffsetOutOfRange { offset, log_start_offset, log_end_offset });
        }
        Ok(self.advance_start(offset)?)
    }

    /// Raises the log start offset to `offset`, durably; returns what it is then.
    fn advance_start(&self, offset: i64) -> Result<i64, LogError> {
        let log_start_offset = self.log_start_offset.fetch_max(offset, Ordering::AcqRel).max(offset);
        {
            let mut checkpoint = lock(&self.checkpoint);
            self.refuse_if_abandoned()?;
            checkpoint.log_start_offset = log_start_offset;
            checkpoint.write(&self.dir, Durability::Synced)?;
        }
        let mut epochs = lock(&self.epochs);
        self.refuse_if_abandoned()?;
        epochs.truncate_start(log_start_offset)?;
        Ok(log_start_offset)
    }

    /// Removes everything at and past `offset`; where that falls inside a batch, the whole batch. Below the log's first
    /// segment, the log becomes empty and starts at `offset`. Regions planned past it must no longer be sent.
    pub fn truncate_to(&self, offset: i64, now_ms: i64) -> Result<(), LogError> {
        if offset >= self.log_end_offset() {
            return Ok(());
        }
        let _flushing = lock(&self.flushing);
        let mut writer = lock(&self.writer);
        writer.refuse_if_stopped()?;
        let settings = self.settings.load();
        let mut kept = Vec::clone(&self.segments.load());
        let first_gone = kept.partition_point(|segment| segment.base_offset < offset).max(1);
        let mut gone = kept.split_off(first_gone);
        let cut = match kept[0].base_offset < offset {
            true => self.cut_position(&kept[first_gone - 1], offset)?,
            false => None,
        };
        if kept[0].base_offset >= offset {
            gone.append(&mut kept);
        }
        // A crash from here on must not trust points past the cut.
        self.pull_back(kept.last(), cut, offset)?;
        if let (Some(segment), Some(position)) = (kept.last(), cut) {
            storage::truncate(segment.file()?, position).map_err(LogError::io("truncate", segment.path("log")))?;
        }
        // What is renamed here is unlinked by the reload; readers keep what they have open.
        for segment in gone {
            segment.retire(&mut Vec::new())?;
        }
        self.dir_unsynced.store(true, Ordering::Release);
        self.reload(&mut writer, &settings, offset, now_ms)
    }

    /// Where the batch with `offset` starts, if the segment has it.
    fn cut_position(&self, segment: &Segment, offset: i64) -> Result<Option<u64>, LogError> {
        match segment.locate(offset, segment.size_bytes(), Access::MayWait) {
            Ok(found) => Ok(found.map(|(position, _)| position)),
            Err(ReadError::Storage(error)) => Err(error),
            Err(error) => Err(LogError::Malformed { path: segment.path("log"), reason: error.to_string() }),
        }
    }

    /// Moves the recovery points, and the flushed offset, to at most the end after a cut.
    fn pull_back(&self, last: Option<&Arc<Segment>>, cut: Option<u64>, offset: i64) -> Result<(), LogError> {
        let start = last.map_or(offset, |segment| segment.base_offset);
        let (point, log_start_offset) = match (last, cut) {
            (Some(segment), None) => {
                let position = segment.size_bytes();
                (Point { offset: offset.min(segment.end_offset()), segment: start, position }, None)
            }
            _ => (Point { offset: start, segment: start, position: 0 }, last.is_none().then_some(offset)),
        };
        let mut checkpoint = lock(&self.checkpoint);
        checkpoint.clean = false;
        if checkpoint.written.offset > point.offset {
            checkpoint.written = point;
        }
        if checkpoint.flushed.offset > point.offset {
            checkpoint.flushed = point;
        }
        if let Some(log_start_offset) = log_start_offset {
            checkpoint.log_start_offset = log_start_offset;
        }
        checkpoint.write(&self.dir, Durability::Synced)
    }

    /// Opens the directory again, as after a crash, and takes the log's place.
    fn reload(&self, writer: &mut Writer, settings: &LogSettings, offset: i64, now_ms: i64) -> Result<(), LogError> {
        let loaded = recovery::load(&self.dir, settings, now_ms)?;
        let active = loaded.segments[loaded.segments.len() - 1].clone();
        let log_end_offset = active.end_offset();
        lock(&self.epochs).truncate_end(log_end_offset)?;
        self.log_start_offset.store(loaded.checkpoint.log_start_offset.min(log_end_offset), Ordering::Release);
        self.flushed_offset.store(loaded.checkpoint.flushed.offset.min(log_end_offset), Ordering::Release);
        self.log_end_offset.store(log_end_offset, Ordering::Release);
        self.segments.store(Arc::new(loaded.segments));
        *lock(&self.checkpoint) = loaded.checkpoint;
        debug_assert!(log_end_offset <= offset);
        *writer = Writer {
            active,
            resumption: loaded.resumption,
            created_ms: now_ms,
            producers: loaded.producers,
            unflushed_messages: writer.unflushed_messages,
            refusal: None,
        };
        Ok(())
    }
}

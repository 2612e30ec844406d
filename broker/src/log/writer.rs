//! Appending: one writer at a time, and no reader waits for it.

use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::index::Pace;
use super::producers::{Producers, SentBatch};
use super::scan::{HeaderScan, ScanError};
use super::segment::{Segment, file_path, lock};
use super::storage::{self, Durability};
use super::{AppendError, Appended, Log, LogError, LogSettings, Origin};
use crate::record::{self, Batch, BatchHeader, HEADER_BYTES, TimestampType, batches};

/// Records of a compacted topic are decompressed, for their keys, to at most so many times `max.message.bytes`.
const DECOMPRESSED_FACTOR: usize = 64;

/// What only who appends needs to know; behind the log's writer lock.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) active: Arc<Segment>,
    /// What the active segment goes on with; `None` until that is needed, after a clean close.
    pub(super) resumption: Option<Resumption>,
    /// When the active segment was created or opened.
    pub(super) created_ms: i64,
    pub(super) producers: Producers,
    pub(super) unflushed_messages: u64,
    /// Why nothing can be appended any more.
    pub(super) refusal: Option<String>,
}

/// What the next batch of a segment needs to know of those before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resumption {
    pub(super) pace: Pace,
    /// Largest timestamp of the first batch.
    pub(super) first_timestamp: Option<i64>,
}

impl Resumption {
    /// Before the first batch.
    pub(super) const START: Resumption = Resumption { pace: Pace::START, first_timestamp: None };

    /// From the files of a segment that was closed cleanly.
    fn read(segment: &Segment) -> Result<Self, LogError> {
        let (indexes, size_bytes) = (segment.indexes()?, segment.size_bytes());
        let first_timestamp = match HeaderScan::new(segment.file()?, 0, size_bytes).next() {
            Ok(first) => first.map(|(_, header)| header.max_timestamp),
            // Damage is for who reads there to report.
            Err(ScanError::Batch { .. }) => None,
            Err(ScanError::Io(error)) => return Err(LogError::io("read", segment.path("log"))(error)),
        };
        Ok(Resumption { pace: Pace::resume(indexes, size_bytes)?, first_timestamp })
    }
}

/// One append, as it will be written: the headers have their offsets and epochs.
struct Prepared<'a> {
    batches: Vec<Batch<'a>>,
    size_bytes: usize,
    log_append_time_ms: Option<i64>,
}

impl Prepared<'_> {
    fn base_offset(&self) -> i64 {
        self.batches.first().map_or(-1, |batch| batch.header.base_offset)
    }

    fn last_offset(&self) -> i64 {
        self.batches.last().map_or(-1, |batch| batch.header.last_offset())
    }

    fn max_timestamp(&self) -> i64 {
        self.batches.iter().map(|batch| batch.header.max_timestamp).max().unwrap_or(-1)
    }
}

/// Whether an append must be on stable storage before the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flush {
    Now,
    Later,
}

impl Log {
    /// Appends `records`, giving them offsets and `leader_epoch`: one `pwritev(2)`, in which only headers differ from what
    /// was sent. A client's append is one batch; a batch that its idempotent producer sent before is not written again.
    ///
    /// Where `flush.messages` is reached, the call returns after an fsync; appends that wait for one share it.
    pub fn append_as_leader(
        &self,
        records: &[u8],
        origin: Origin,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        let settings = self.settings.load();
        let mut batches = validate(records, origin, &settings, now_ms)?;
        let mut writer = lock(&self.writer);
        writer.refuse_if_stopped()?;
        if origin == Origin::Client {
            for batch in batches.iter().filter(|batch| batch.header.has_producer_id()) {
                if let Some(sent) = writer.producers.check(&batch.header)? {
                    drop(writer);
                    return self.repeated(sent, &settings);
                }
            }
        }
        let log_append_time_ms = (settings.timestamp_type == TimestampType::LogAppendTime).then_some(now_ms);
        let mut next_offset = self.log_end_offset();
        for batch in &mut batches {
            batch.header.base_offset = next_offset;
            batch.header.partition_leader_epoch = leader_epoch;
            next_offset = batch.header.last_offset() + 1;
            if let Some(now_ms) = log_append_time_ms {
                batch.header.set_log_append_time(now_ms, batch.payload());
            }
        }
        let prepared = Prepared { batches, size_bytes: records.len(), log_append_time_ms };
        let flush = self.append(&mut writer, &prepared, &settings, now_ms)?;
        drop(writer);
        self.finish(&prepared, flush)
    }

    /// Whether an append may wait for the disk: for an fsync, or for files that are not open yet. Otherwise it writes to
    /// the page cache, and is over when the call is.
    pub fn append_may_wait(&self) -> bool {
        self.settings.load().flush_messages.is_some()
            || self.marked_clean.load(Ordering::Acquire)
            || self.segments.load().last().is_some_and(|active| !active.is_open())
    }

    /// Appends batches fetched from a leader, keeping their offsets and epochs.
    pub fn append_as_follower(&self, records: &[u8], now_ms: i64) -> Result<Appended, AppendError> {
        let settings = self.settings.load();
        let mut prepared = Prepared { batches: Vec::new(), size_bytes: records.len(), log_append_time_ms: None };
        let mut writer = lock(&self.writer);
        writer.refuse_if_stopped()?;
        let mut expected = self.log_end_offset();
        for batch in batches(records) {
            let batch = batch.map_err(AppendError::Corrupt)?;
            batch.verify_crc().map_err(AppendError::Corrupt)?;
            // Compaction leaves gaps; going back, or in circles, is another matter.
            if batch.header.base_offset < expected || batch.header.last_offset_delta < 0 {
                return Err(AppendError::UnexpectedOffset { got: batch.header.base_offset, expected });
            }
            expected = batch.header.last_offset() + 1;
            prepared.batches.push(batch);
        }
        if prepared.batches.is_empty() {
            return Err(AppendError::BatchCount { got: 0 });
        }
        let flush = self.append(&mut writer, &prepared, &settings, now_ms)?;
        drop(writer);
        self.finish(&prepared, flush)
    }

    /// Writes what is prepared, and publishes it.
    fn append(
        &self,
        writer: &mut Writer,
        prepared: &Prepared<'_>,
        settings: &LogSettings,
        now_ms: i64,
    ) -> Result<Flush, AppendError> {
        self.start_writing().map_err(disk_full)?;
        if prepared.size_bytes as u64 > u64::from(settings.segment_bytes) {
            let (size_bytes, segment_bytes) = (prepared.size_bytes, settings.segment_bytes);
            return Err(AppendError::RecordListTooLarge { size_bytes, segment_bytes });
        }
        if writer.must_roll(prepared, settings, now_ms).map_err(disk_full)? {
            self.roll(writer, prepared.base_offset(), settings, now_ms).map_err(disk_full)?;
        }
        {
            let mut epochs = lock(&self.epochs);
            for Batch { header, .. } in &prepared.batches {
                epochs.assign(header.partition_leader_epoch, header.base_offset).map_err(disk_full)?;
            }
        }
        let file = writer.active.file()?.clone();
        let position = writer.active.size_bytes();
        self.write(writer, &file, prepared, position)?;

        let mut position = position;
        let mut resumption = writer.resumption()?;
        for Batch { header, .. } in &prepared.batches {
            if let Some((offset, time)) = resumption.pace.step(header, position, settings.index_interval_bytes) {
                let indexes = writer.active.indexes()?;
                // The index is sparse: without this entry it is only sparser.
                if let Err(error) = indexes.append_offset(offset).and_then(|()| indexes.append_time(time)) {
                    tracing::warn!("no index entry for offset {}: {error}", offset.offset);
                }
            }
            writer.active.publish(header, position, resumption.pace.largest);
            writer.producers.update(header);
            resumption.first_timestamp.get_or_insert(header.max_timestamp);
            position += header.size_bytes() as u64;
        }
        writer.resumption = Some(resumption);
        writer.unflushed_messages += (prepared.last_offset() - prepared.base_offset() + 1) as u64;
        let _ = self.unflushed_since_ms.compare_exchange(i64::MAX, now_ms, Ordering::AcqRel, Ordering::Relaxed);
        self.since_checkpoint_bytes.fetch_add(prepared.size_bytes as u64, Ordering::Relaxed);
        self.log_end_offset.store(prepared.last_offset() + 1, Ordering::Release);
        debug_assert!(self.flushed_offset() <= self.log_end_offset());
        debug_assert!(self.log_start_offset() <= self.log_end_offset());
        // Decided here: another append's flush may have begun, and started the count anew, before this one is asked for.
        let due = settings.flush_messages.is_some_and(|flush_messages| writer.unflushed_messages >= flush_messages);
        Ok(if due { Flush::Now } else { Flush::Later })
    }

    /// One vectored write; what a failed one leaves is cut off again.
    fn write(
        &self,
        writer: &mut Writer,
        file: &File,
        prepared: &Prepared<'_>,
        position: u64,
    ) -> Result<(), AppendError> {
        let heads: Vec<[u8; HEADER_BYTES]> = prepared.batches.iter().map(|batch| batch.header.to_bytes()).collect();
        let pairs = heads.iter().zip(&prepared.batches);
        let mut slices: Vec<IoSlice<'_>> =
            pairs.flat_map(|(head, batch)| [IoSlice::new(head), IoSlice::new(batch.payload())]).collect();
        let Err(error) = storage::write_all_at(file, &mut slices, position) else { return Ok(()) };
        let path = writer.active.path("log");
        if let Err(cut) = storage::truncate(file, position) {
            let refusal = format!("a write failed ({error}), and what it left could not be cut off ({cut})");
            tracing::error!(segment = %path.display(), "{refusal}");
            writer.refusal = Some(refusal);
        }
        Err(disk_full(LogError::io("write", path)(error)))
    }

    /// Closes the active segment and begins the next one at `base_offset`, which is where the log ends, or past it.
    pub(super) fn roll(
        &self,
        writer: &mut Writer,
        base_offset: i64,
        settings: &LogSettings,
        now_ms: i64,
    ) -> Result<(), LogError> {
        writer.producers.expire(now_ms, settings.producer_id_expiration_ms);
        self.write_snapshot(writer, base_offset)?;
        // First, so that a crash leaves no closed segment whose time index lacks its end.
        let largest = writer.resumption()?.pace.largest;
        writer.active.close(largest)?;
        let segment = Arc::new(Segment::create(self.dir.clone(), base_offset, settings.index_interval_bytes)?);
        let mut segments = Vec::clone(&self.segments.load());
        segments.push(segment.clone());
        self.segments.store(Arc::new(segments));
        self.dir_unsynced.store(true, Ordering::Release);
        writer.active = segment;
        writer.resumption = Some(Resumption::START);
        writer.created_ms = now_ms;
        Ok(())
    }

    pub(super) fn write_snapshot(&self, writer: &Writer, offset: i64) -> Result<(), LogError> {
        let path = file_path(&self.dir, offset, "snapshot");
        storage::replace(&path, &writer.producers.to_snapshot(), Durability::Relaxed)
    }

    /// Reports an append that was made before. Where appends are flushed before they are acknowledged, so is this one:
    /// what was sent first may be waiting for its fsync still, or have failed in it.
    fn repeated(&self, sent: SentBatch, settings: &LogSettings) -> Result<Appended, AppendError> {
        if settings.flush_messages.is_some() {
            self.sync_to(sent.last_offset + 1)?;
        }
        let stamped = settings.timestamp_type == TimestampType::LogAppendTime;
        Ok(Appended {
            base_offset: sent.base_offset(),
            last_offset: sent.last_offset,
            max_timestamp: sent.timestamp,
            log_append_time_ms: stamped.then_some(sent.timestamp),
            log_start_offset: self.log_start_offset(),
            size_bytes: 0,
            duplicate: true,
        })
    }

    /// Flushes, if that is due, and reports.
    fn finish(&self, prepared: &Prepared<'_>, flush: Flush) -> Result<Appended, AppendError> {
        if flush == Flush::Now {
            self.sync_to(prepared.last_offset() + 1)?;
        }
        Ok(Appended {
            base_offset: prepared.base_offset(),
            last_offset: prepared.last_offset(),
            max_timestamp: prepared.max_timestamp(),
            log_append_time_ms: prepared.log_append_time_ms,
            log_start_offset: self.log_start_offset(),
            size_bytes: prepared.size_bytes,
            duplicate: false,
        })
    }
}

impl Writer {
    /// Fails if an earlier failure, or closing, ended all appending.
    pub(super) fn refuse_if_stopped(&self) -> Result<(), LogError> {
        self.refusal.clone().map_or(Ok(()), |refusal| Err(LogError::Poisoned(refusal)))
    }

    /// What the active segment goes on with.
    pub(super) fn resumption(&mut self) -> Result<Resumption, LogError> {
        if let Some(resumption) = self.resumption {
            return Ok(resumption);
        }
        let resumption = Resumption::read(&self.active)?;
        self.resumption = Some(resumption);
        Ok(resumption)
    }

    /// Kafka's `LogSegment.shouldRoll`: size, age, a full index, or offsets too far from the base offset.
    fn must_roll(&mut self, prepared: &Prepared<'_>, settings: &LogSettings, now_ms: i64) -> Result<bool, LogError> {
        let size_bytes = self.active.size_bytes();
        let too_far = prepared.last_offset() - self.active.base_offset > i64::from(i32::MAX);
        let too_large = size_bytes + prepared.size_bytes as u64 > u64::from(settings.segment_bytes);
        let too_old = self.is_old(prepared.max_timestamp(), settings, now_ms)?;
        Ok(too_far || (size_bytes > 0 && (too_large || too_old || self.index_is_full(settings))))
    }

    /// Whether the active segment is older than `segment.ms`: by timestamps where records have them (so that replayed
    /// history rolls as it did), else by the clock.
    pub(super) fn is_old(&mut self, timestamp: i64, settings: &LogSettings, now_ms: i64) -> Result<bool, LogError> {
        let age_ms = match self.resumption()?.first_timestamp {
            Some(first) if first >= 0 => timestamp.saturating_sub(first),
            _ => now_ms.saturating_sub(self.created_ms),
        };
        Ok(age_ms > settings.segment_ms)
    }

    fn index_is_full(&self, settings: &LogSettings) -> bool {
        let bytes = u64::from(settings.segment_index_bytes);
        self.active
            .indexes()
            .is_ok_and(|indexes| indexes.offset_entries() >= bytes / 8 || indexes.time_entries() + 1 >= bytes / 12)
    }
}

/// Checks what was sent, without the lock.
fn validate<'a>(
    records: &'a [u8],
    origin: Origin,
    settings: &LogSettings,
    now_ms: i64,
) -> Result<Vec<Batch<'a>>, AppendError> {
    let batches = batches(records).collect::<Result<Vec<_>, _>>().map_err(AppendError::Corrupt)?;
    if batches.is_empty() || (origin == Origin::Client && batches.len() > 1) {
        return Err(AppendError::BatchCount { got: batches.len() });
    }
    let max_bytes = settings.max_message_bytes as usize;
    for batch in &batches {
        let size_bytes = batch.bytes.len();
        if size_bytes > max_bytes {
            return Err(AppendError::BatchTooLarge { size_bytes, max_bytes });
        }
        batch.verify_crc().map_err(AppendError::Corrupt)?;
        if origin == Origin::Coordinator && batch.header.last_offset_delta < 0 {
            let (record_count, last_offset_delta) = (batch.header.record_count, batch.header.last_offset_delta);
            return Err(record::InvalidBatch::RecordCount { record_count, last_offset_delta }.into());
        }
        if origin == Origin::Client {
            record::validate_shape(&batch.header)?;
            record::validate_records(batch)?;
            validate_timestamp(&batch.header, settings, now_ms)?;
            if settings.cleanup.compact {
                record::validate_keys(batch, max_bytes.saturating_mul(DECOMPRESSED_FACTOR))?;
            }
        }
    }
    Ok(batches)
}

/// `message.timestamp.{before,after}.max.ms`, by the batch's largest timestamp.
fn validate_timestamp(header: &BatchHeader, settings: &LogSettings, now_ms: i64) -> Result<(), AppendError> {
    let timestamp = header.max_timestamp;
    if settings.timestamp_type == TimestampType::LogAppendTime || timestamp == -1 {
        return Ok(());
    }
    let earliest = settings.timestamp_before_max_ms.map_or(i64::MIN, |max_ms| now_ms.saturating_sub(max_ms));
    let latest = settings.timestamp_after_max_ms.map_or(i64::MAX, |max_ms| now_ms.saturating_add(max_ms));
    if (earliest..=latest).contains(&timestamp) {
        Ok(())
    } else {
        Err(AppendError::InvalidTimestamp { timestamp, earliest, latest })
    }
}

/// Tells a full disk from other failures.
fn disk_full(error: LogError) -> AppendError {
    match &error {
        LogError::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
        {
            AppendError::DiskFull
        }
        _ => error.into(),
    }
}

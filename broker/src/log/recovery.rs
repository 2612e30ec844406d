//! Opening a log: what is in the directory, and from where it must be read.
//!
//! After a clean close nothing is read but the checkpoint, the last producer snapshot, and the ends of the active segment
//! and its indexes. Otherwise batches are read from a point on, CRC and all: after a crash of the process (the kernel's
//! boot id is the checkpoint's) from the point known to be written, and no earlier than the active segment, since closed
//! ones are whole; after a power cut from the point known to be flushed. The headers of the active segment are walked from
//! its start, which rebuilds its indexes and the producers' state on top of the snapshot taken when it began.
//!
//! A bad batch ends a segment. Past the flushed point, with nothing valid and in line after it, it is the torn tail of the
//! last append, and cut off; zeros are preallocated space, and cut off. Anything else is rot: the bytes move to
//! `{first offset lost:020}.rot`, for a person to look at; valid batches after them become a segment of their own, so that
//! the damage is confined; reading goes on at the next offset that is left, and [`Recovery::rot`] and an error in the
//! broker's log say what was lost. Offsets are never given twice.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use super::checkpoint::{Checkpoint, Point, boot_id};
use super::epochs;
use super::index::IndexBuilder;
use super::producers::Producers;
use super::scan::{self, HeaderScan, ScanError};
use super::segment::{Segment, file_path, remove_files};
use super::storage::{self, Durability};
use super::writer::Resumption;
use super::{LogError, LogSettings, Recovery, Rot};

/// What opening gives.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) segments: Vec<Arc<Segment>>,
    /// `None` after a clean close: the active segment is not opened before it is needed.
    pub(super) resumption: Option<Resumption>,
    pub(super) producers: Producers,
    /// Whether leader epochs were noted.
    pub(super) has_epochs: bool,
    pub(super) checkpoint: Checkpoint,
    pub(super) recovery: Recovery,
}

/// The files of a partition's directory.
#[derive(Debug, Default)]
struct Listing {
    /// Base offset and size of every segment, ascending.
    segments: Vec<(i64, u64)>,
    /// Offsets of producer snapshots, ascending.
    snapshots: Vec<i64>,
    /// Whether there is a checkpoint of leader epochs.
    has_epochs: bool,
}

impl Listing {
    /// Lists `dir`, which is created if it is not there; what an earlier run meant to delete, or did not finish, goes.
    /// As Kafka's `LogLoader` does it, index files without their segment go, too.
    fn read(dir: &Path) -> Result<Listing, LogError> {
        let mut listing = Listing::default();
        let mut indexes = Vec::new();
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(dir).map_err(LogError::io("create", dir))?;
                return Ok(listing);
            }
            entries => entries.map_err(LogError::io("list", dir))?,
        };
        for entry in entries {
            let entry = entry.map_err(LogError::io("list", dir))?;
            let name = entry.file_name();
            listing.has_epochs |= name == epochs::FILE_NAME;
            let Some((stem, extension)) = name.to_str().and_then(|name| name.rsplit_once('.')) else { continue };
            let numbered = stem.len() == 20 && stem.bytes().all(|byte| byte.is_ascii_digit());
            let Some(offset) = numbered.then(|| stem.parse::<i64>().ok()).flatten() else {
                if matches!(extension, "deleted" | "tmp") {
                    storage::remove(&entry.path())?;
                }
                continue;
            };
            match extension {
                "log" => {
                    let metadata = entry.metadata().map_err(LogError::io("stat", entry.path()))?;
                    listing.segments.push((offset, metadata.len()));
                }
                "snapshot" => listing.snapshots.push(offset),
                "index" | "timeindex" | "txnindex" => indexes.push((offset, entry.path())),
                "tmp" => storage::remove(&entry.path())?,
                _ => {}
            }
        }
        listing.segments.sort_unstable();
        listing.snapshots.sort_unstable();
        for (base_offset, path) in indexes {
            if listing.segments.binary_search_by_key(&base_offset, |(base, _)| *base).is_err() {
                tracing::warn!(index = %path.display(), "removing an index without its segment");
                storage::remove(&path)?;
            }
        }
        Ok(listing)
    }

    /// Takes out empty segments that a later one follows, or that begin inside their predecessor: they are left of a roll
    /// that failed, after which the log went on in the segment before. `rolled_to` is one that is known to be none.
    fn remove_stray_segments(&mut self, dir: &Path, rolled_to: Option<i64>) -> Result<(), LogError> {
        let Some((&(first, _), &(last, last_bytes))) = self.segments.first().zip(self.segments.last()) else {
            return Ok(());
        };
        let inner = |(base, size_bytes): &(i64, u64)| *size_bytes == 0 && ![first, last].contains(base);
        let (mut strays, kept): (Vec<_>, Vec<_>) = self.segments.iter().copied().partition(inner);
        self.segments = kept;
        if last_bytes == 0
            && rolled_to != Some(last)
            && let [.., (base_offset, size_bytes), _] = self.segments[..]
            && ends_past(&file_path(dir, base_offset, "log"), size_bytes, last)?
        {
            strays.extend(self.segments.pop());
        }
        for (base_offset, _) in strays {
            tracing::warn!(dir = %dir.display(), base_offset, "removing an empty segment that was never used");
            remove_files(dir, base_offset)?;
        }
        Ok(())
    }

    /// Snapshots are kept where a segment begins and at the log's end. Others are of a past that may not have been.
    fn remove_stray_snapshots(&self, dir: &Path, end_offset: i64) -> Result<(), LogError> {
        let begins = |offset: &i64| self.segments.binary_search_by_key(offset, |(base, _)| *base).is_ok();
        for offset in self.snapshots.iter().filter(|offset| **offset != end_offset && !begins(offset)) {
            storage::remove(&file_path(dir, *offset, "snapshot"))?;
        }
        Ok(())
    }
}

/// Whether the segment at `path` has a batch that reaches past `offset`.
fn ends_past(path: &Path, size_bytes: u64, offset: i64) -> Result<bool, LogError> {
    let file = storage::open_existing(path)?;
    let mut headers = HeaderScan::new(&file, 0, size_bytes);
    loop {
        match headers.next() {
            Ok(Some((_, header))) if header.last_offset() >= offset => return Ok(true),
            Ok(Some(_)) => {}
            Ok(None) | Err(ScanError::Batch { .. }) => return Ok(false),
            Err(ScanError::Io(error)) => return Err(LogError::io("read", path)(error)),
        }
    }
}

/// Opens what is in `dir`.
pub(super) fn load(dir: &Arc<Path>, settings: &LogSettings, now_ms: i64) -> Result<Loaded, LogError> {
    let mut listing = Listing::read(dir)?;
    let (checkpoint, distrusted) = match Checkpoint::read(dir)? {
        Some(Ok(checkpoint)) => (Some(checkpoint), false),
        Some(Err(reason)) => {
            tracing::warn!(dir = %dir.display(), "the recovery point is unreadable ({reason}): verifying everything");
            (None, true)
        }
        None => (None, false),
    };
    listing.remove_stray_segments(dir, checkpoint.as_ref().map(|checkpoint| checkpoint.written.segment))?;
    if listing.segments.is_empty() {
        let base_offset = checkpoint.map_or(0, |checkpoint| checkpoint.log_start_offset);
        let loaded = Loaded { has_epochs: listing.has_epochs, ..first_segment(dir, settings, base_offset)? };
        loaded.checkpoint.write(dir, Durability::Relaxed)?;
        return Ok(loaded);
    }
    if let Some(checkpoint) = checkpoint.as_ref().filter(|checkpoint| checkpoint.clean)
        && let Some(loaded) = load_clean(dir, settings, &listing, checkpoint)?
    {
        return Ok(loaded);
    }
    let first = listing.segments[0].0;
    let active = listing.segments[listing.segments.len() - 1].0;
    let start_of = |segment| Point { offset: segment, segment, position: 0 };
    let verify_from = match &checkpoint {
        Some(checkpoint) if checkpoint.boot_id == boot_id() && !checkpoint.boot_id.is_empty() => {
            if checkpoint.written.segment == active { checkpoint.written } else { start_of(active) }
        }
        Some(checkpoint) => checkpoint.flushed,
        None => start_of(if distrusted { first } else { active }),
    };
    let start_of_active = start_of(active);
    let flushed_offset = checkpoint.as_ref().map_or(first, |checkpoint| checkpoint.flushed.offset);
    let log_start_offset = checkpoint.as_ref().map_or(first, |checkpoint| checkpoint.log_start_offset.max(first));
    let mut walk = Walk {
        dir,
        settings,
        verify_from,
        flushed_offset,
        producers: Producers::default(),
        snapshot_offset: i64::MIN,
        segments: Vec::new(),
        recovery: Recovery::default(),
    };
    let resumption = walk.run(&listing)?;
    walk.producers.expire(now_ms, settings.producer_id_expiration_ms);
    let active = &walk.segments[walk.segments.len() - 1];
    listing.remove_stray_snapshots(dir, active.end_offset())?;
    let end = Point { offset: active.end_offset(), segment: active.base_offset, position: active.size_bytes() };
    // Nothing past the flushed point is known to be on stable storage, even if it was read just now.
    let flushed = match &checkpoint {
        Some(checkpoint) if checkpoint.flushed.offset <= end.offset => checkpoint.flushed,
        // Closed segments that were here before us are trusted: reading them all only to flush them helps nobody.
        None if !distrusted => start_of_active,
        _ => start_of(first),
    };
    // A truncation can end below the start, where DeleteRecords had put it inside a batch.
    let log_start_offset = log_start_offset.min(end.offset);
    let found = checkpoint;
    let mut checkpoint =
        Checkpoint { boot_id: boot_id().to_owned(), clean: false, log_start_offset, written: end, flushed };
    match found.filter(|found| found.holds_for(&checkpoint)) {
        // The next checkpoint is soon enough: a start after a crash writes nothing that it need not write.
        Some(found) => checkpoint = found,
        None => checkpoint.write(dir, Durability::Relaxed)?,
    }
    let (segments, producers, recovery) = (walk.segments, walk.producers, walk.recovery);
    let has_epochs = listing.has_epochs;
    Ok(Loaded { segments, resumption: Some(resumption), producers, has_epochs, checkpoint, recovery })
}

/// Begins a log in `dir`, which was just created.
pub(super) fn create(dir: &Arc<Path>, settings: &LogSettings) -> Result<Loaded, LogError> {
    let loaded = first_segment(dir, settings, 0)?;
    loaded.checkpoint.write_new(dir)?;
    Ok(loaded)
}

/// A log without segments gets its first.
fn first_segment(dir: &Arc<Path>, settings: &LogSettings, base_offset: i64) -> Result<Loaded, LogError> {
    let segment = Segment::create(dir.clone(), base_offset, settings.index_interval_bytes)?;
    let start = Point { offset: base_offset, segment: base_offset, position: 0 };
    let checkpoint = Checkpoint {
        boot_id: boot_id().to_owned(),
        clean: false,
        log_start_offset: base_offset,
        written: start,
        flushed: start,
    };
    Ok(Loaded {
        segments: vec![Arc::new(segment)],
        resumption: Some(Resumption::START),
        producers: Producers::default(),
        has_epochs: false,
        checkpoint,
        recovery: Recovery::default(),
    })
}

/// The listed segments, none opened; the last one ends at `end_offset`.
fn closed_segments(
    dir: &Arc<Path>,
    settings: &LogSettings,
    listed: &[(i64, u64)],
    end_offset: i64,
) -> Vec<Arc<Segment>> {
    let ends = listed.iter().skip(1).map(|(base_offset, _)| *base_offset).chain([end_offset]);
    let segment = |((base_offset, size_bytes), end_offset): (&(i64, u64), i64)| {
        Arc::new(Segment::existing(dir.clone(), *base_offset, end_offset, *size_bytes, settings.index_interval_bytes))
    };
    listed.iter().zip(ends).map(segment).collect()
}

/// Trusts the mark of a clean shutdown, if everything it speaks of is as it says.
fn load_clean(
    dir: &Arc<Path>,
    settings: &LogSettings,
    listing: &Listing,
    checkpoint: &Checkpoint,
) -> Result<Option<Loaded>, LogError> {
    let end = checkpoint.written;
    if listing.segments.last() != Some(&(end.segment, end.position)) {
        return Ok(None);
    }
    let Some(Ok(producers)) = read_snapshot(dir, end.offset)? else { return Ok(None) };
    let segments = closed_segments(dir, settings, &listing.segments, end.offset);
    listing.remove_stray_snapshots(dir, end.offset)?;
    // Retention may have moved the start since the mark was left.
    let log_start_offset = checkpoint.log_start_offset.max(listing.segments[0].0).min(end.offset);
    let checkpoint = Checkpoint { boot_id: boot_id().to_owned(), log_start_offset, ..checkpoint.clone() };
    let recovery = Recovery::default();
    let has_epochs = listing.has_epochs;
    Ok(Some(Loaded { segments, resumption: None, producers, has_epochs, checkpoint, recovery }))
}

fn read_snapshot(dir: &Path, offset: i64) -> Result<Option<Result<Producers, String>>, LogError> {
    Ok(storage::read_file(&file_path(dir, offset, "snapshot"))?.map(|bytes| Producers::from_snapshot(&bytes)))
}

/// A recovery under way.
struct Walk<'a> {
    dir: &'a Arc<Path>,
    settings: &'a LogSettings,
    verify_from: Point,
    flushed_offset: i64,
    producers: Producers,
    /// Batches below are in the snapshot already.
    snapshot_offset: i64,
    segments: Vec<Arc<Segment>>,
    recovery: Recovery,
}

/// Where and how the walk through a segment ended.
struct Walked {
    end: u64,
    end_offset: i64,
    builder: IndexBuilder,
    first_timestamp: Option<i64>,
}

impl Walk<'_> {
    /// Reads what must be read; the active segment's state is returned.
    fn run(&mut self, listing: &Listing) -> Result<Resumption, LogError> {
        let holding = |offset| listing.segments.partition_point(|(base, _)| *base <= offset).saturating_sub(1);
        let mut from = holding(self.verify_from.segment);
        for snapshot in listing.snapshots.iter().rev().filter(|offset| **offset <= listing.segments[from].0) {
            match read_snapshot(self.dir, *snapshot)? {
                Some(Ok(producers)) => {
                    self.producers = producers;
                    self.snapshot_offset = *snapshot;
                    from = from.min(holding(*snapshot));
                    break;
                }
                Some(Err(reason)) => {
                    let path = file_path(self.dir, *snapshot, "snapshot");
                    tracing::warn!(snapshot = %path.display(), "unreadable producer snapshot: {reason}");
                    storage::remove(&path)?;
                }
                None => {}
            }
        }
        let (untouched, walked) = listing.segments.split_at(from);
        self.segments = closed_segments(self.dir, self.settings, untouched, walked[0].0);
        let mut todo: VecDeque<(i64, u64)> = walked.iter().copied().collect();
        let mut active = Resumption::START;
        while let Some((base_offset, size_bytes)) = todo.pop_front() {
            active = self.segment(base_offset, size_bytes, &mut todo)?;
        }
        Ok(active)
    }

    /// Reads one segment; what must be read next comes first in `todo`.
    fn segment(
        &mut self,
        base_offset: i64,
        size_bytes: u64,
        todo: &mut VecDeque<(i64, u64)>,
    ) -> Result<Resumption, LogError> {
        let path = file_path(self.dir, base_offset, "log");
        let file = storage::open_existing(&path)?;
        let failed = |action| LogError::io(action, &path);
        let next_base = todo.front().map(|(base, _)| *base);
        let walked = self.walk(&file, base_offset, size_bytes, next_base).map_err(failed("read"))?;
        if walked.end < size_bytes {
            let zeros = scan::is_zero(&file, walked.end, size_bytes).map_err(failed("read"))?;
            let expected = next_base.unwrap_or(self.flushed_offset);
            let offsets = walked.end_offset..next_base.unwrap_or(i64::MAX);
            let found = match zeros {
                true => None,
                false => scan::find_batch(&file, walked.end + 1, size_bytes, offsets).map_err(failed("read"))?,
            };
            if found.is_some() || walked.end_offset < expected || (!zeros && next_base.is_some()) {
                let next = found.map(|(position, header)| (position, header.base_offset));
                self.quarantine(&file, &walked, size_bytes, next, expected, todo)?;
            } else if !zeros {
                self.recovery.truncated_bytes += size_bytes - walked.end;
                let cut_bytes = size_bytes - walked.end;
                tracing::info!(segment = %path.display(), position = walked.end, cut_bytes, "cut a torn tail");
            }
            storage::truncate(&file, walked.end).map_err(failed("truncate"))?;
        } else if next_base.is_none() && walked.end_offset < self.flushed_offset {
            self.quarantine(&file, &walked, size_bytes, None, self.flushed_offset, todo)?;
        }
        let closed = !todo.is_empty();
        let end_offset = todo.front().map_or(walked.end_offset, |(next_base, _)| *next_base);
        let interval_bytes = self.settings.index_interval_bytes;
        let segment = Segment::existing(self.dir.clone(), base_offset, end_offset, walked.end, interval_bytes);
        let (pace, indexes) = (walked.builder.pace, segment.open_tables()?);
        walked.builder.write(&indexes, closed)?;
        segment.set_opened(file, indexes, pace.largest);
        self.segments.push(Arc::new(segment));
        Ok(Resumption { pace, first_timestamp: walked.first_timestamp })
    }

    /// Walks the headers of a segment, and verifies the batches past the recovery point.
    fn walk(&mut self, file: &File, base_offset: i64, size_bytes: u64, next_base: Option<i64>) -> io::Result<Walked> {
        let verify_position = match base_offset.cmp(&self.verify_from.segment) {
            std::cmp::Ordering::Less => u64::MAX,
            std::cmp::Ordering::Equal => self.verify_from.position,
            std::cmp::Ordering::Greater => 0,
        };
        let builder = IndexBuilder::new(base_offset, self.settings.index_interval_bytes);
        let mut walked = Walked { end: 0, end_offset: base_offset, builder, first_timestamp: None };
        let (mut headers, mut buffer) = (HeaderScan::new(file, 0, size_bytes), Vec::new());
        loop {
            let (position, header) = match headers.next() {
                Ok(Some(found)) => found,
                Ok(None) | Err(ScanError::Batch { .. }) => return Ok(walked),
                Err(ScanError::Io(error)) => return Err(error),
            };
            let in_line = header.base_offset >= walked.end_offset
                && header.last_offset_delta >= 0
                && header.last_offset() < next_base.unwrap_or(i64::MAX)
                && header.last_offset() - base_offset <= i64::from(i32::MAX);
            if !in_line {
                return Ok(walked);
            }
            if position >= verify_position {
                if !scan::crc_holds(file, position, &header, &mut buffer)? {
                    return Ok(walked);
                }
                self.recovery.verified_bytes += header.size_bytes() as u64;
            }
            walked.builder.add(&header, position);
            walked.first_timestamp.get_or_insert(header.max_timestamp);
            walked.end = position + header.size_bytes() as u64;
            walked.end_offset = header.last_offset() + 1;
            if header.base_offset >= self.snapshot_offset {
                self.producers.update(&header);
            }
        }
    }

    /// Moves damaged bytes aside. `next` is where valid batches go on, and at which offset.
    fn quarantine(
        &mut self,
        file: &File,
        walked: &Walked,
        size_bytes: u64,
        next: Option<(u64, i64)>,
        expected_offset: i64,
        todo: &mut VecDeque<(i64, u64)>,
    ) -> Result<(), LogError> {
        let quarantined = file_path(self.dir, walked.end_offset, "rot");
        let (rot_end, next_offset) = next.unwrap_or((size_bytes, expected_offset.max(walked.end_offset)));
        copy(file, walked.end..rot_end, &quarantined)?;
        if let Some((position, base_offset)) = next {
            copy(file, position..size_bytes, &file_path(self.dir, base_offset, "log"))?;
            todo.push_front((base_offset, size_bytes - position));
        } else if todo.is_empty() {
            // The log goes on where it would have without the damage: no offset is given twice.
            drop(Segment::create(self.dir.clone(), next_offset, self.settings.index_interval_bytes)?);
            todo.push_front((next_offset, 0));
        }
        let first_offset = walked.end_offset;
        tracing::error!(
            first_offset, next_offset, quarantined = %quarantined.display(),
            "damaged batches: the offsets between cannot be served, the bytes were moved aside"
        );
        self.recovery.rot.push(Rot { first_offset, next_offset, quarantined });
        Ok(())
    }
}

/// Copies a range of `file` to a file of its own, durably.
fn copy(file: &File, range: std::ops::Range<u64>, path: &Path) -> Result<(), LogError> {
    storage::replace_by(path, Durability::Synced, |target| {
        let (mut buffer, mut at) = (vec![0; 1 << 20], range.start);
        while at < range.end {
            let wanted = buffer.len().min((range.end - at) as usize);
            let read = storage::read_at(file, &mut buffer[..wanted], at).map_err(LogError::io("read", path))?;
            if read == 0 {
                break;
            }
            storage::write_all_at(target, &mut [IoSlice::new(&buffer[..read])], at - range.start)
                .map_err(LogError::io("write", path))?;
            at += read as u64;
        }
        Ok(())
    })
}

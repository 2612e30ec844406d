//! One segment: a file of batches, its indexes, and how far readers may look into it.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::UNIX_EPOCH;

use super::index::{IndexBuilder, Indexes, TimeEntry};
use super::scan::{self, HeaderScan, ScanError};
use super::storage::{self, Access};
use super::{LogError, ReadError};
use crate::record::{BatchHeader, HEADER_BYTES};

/// Batches at the end of the active segment whose positions are kept in memory: where consumers that keep up read.
const RECENT_BATCHES: usize = 64;

/// Locks, also after a panic elsewhere: what these locks guard is whole between any two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A batch that was appended moments ago.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recent {
    pub(super) base_offset: i64,
    pub(super) last_offset: i64,
    pub(super) position: u64,
    pub(super) end: u64,
}

/// How far a segment goes. Always whole batches.
#[derive(Debug, Clone)]
pub(super) struct Extent {
    /// One past the last offset; of a closed segment, the next one's base offset.
    pub(super) end_offset: i64,
    pub(super) size_bytes: u64,
    /// `None` until someone needed to know.
    pub(super) largest: Option<TimeEntry>,
    /// The last batches, in order and without gaps up to `size_bytes`; empty in a closed segment.
    pub(super) recent: VecDeque<Recent>,
}

/// See the module. The log file and the indexes of a closed segment are opened when first needed.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base_offset: i64,
    dir: Arc<Path>,
    interval_bytes: u32,
    extent: Mutex<Extent>,
    file: OnceLock<Arc<File>>,
    indexes: OnceLock<Indexes>,
    /// Held while the file or the indexes are opened, so that they are repaired once.
    opening: Mutex<()>,
}

impl Segment {
    /// A segment whose file is there and holds `size_bytes`, all below `end_offset`. Nothing is opened.
    pub(super) fn existing(
        dir: Arc<Path>,
        base_offset: i64,
        end_offset: i64,
        size_bytes: u64,
        interval_bytes: u32,
    ) -> Self {
        let extent = Mutex::new(Extent { end_offset, size_bytes, largest: None, recent: VecDeque::new() });
        let (file, indexes, opening) = (OnceLock::new(), OnceLock::new(), Mutex::new(()));
        Segment { base_offset, dir, interval_bytes, extent, file, indexes, opening }
    }

    /// A new, empty segment with its files: all of them or none. What an open goes by, the log, comes last.
    pub(super) fn create(dir: Arc<Path>, base_offset: i64, interval_bytes: u32) -> Result<Self, LogError> {
        let segment = Segment::existing(dir, base_offset, base_offset, 0, interval_bytes);
        if let Err(error) = segment.create_files() {
            if let Err(left) = remove_files(&segment.dir, base_offset) {
                tracing::warn!("an empty segment is left for the next open to remove: {left}");
            }
            return Err(error);
        }
        Ok(segment)
    }

    fn create_files(&self) -> Result<(), LogError> {
        let indexes = Indexes::create(self.base_offset, &self.path("index"), &self.path("timeindex"))?;
        let file = storage::create(&self.path("log"))?;
        self.set_opened(file, indexes, TimeEntry::NONE);
        Ok(())
    }

    /// Puts in place what was opened and repaired by who made the segment.
    pub(super) fn set_opened(&self, file: File, indexes: Indexes, largest: TimeEntry) {
        // A segment is opened before it is shared; there is nothing to replace.
        let _ = (self.file.set(Arc::new(file)), self.indexes.set(indexes));
        lock(&self.extent).largest = Some(largest);
    }

    /// `{base offset}.{extension}`.
    pub(super) fn path(&self, extension: &str) -> PathBuf {
        file_path(&self.dir, self.base_offset, extension)
    }

    /// How far the segment goes now.
    pub(super) fn extent(&self) -> MutexGuard<'_, Extent> {
        lock(&self.extent)
    }

    /// Bytes of batches.
    pub(super) fn size_bytes(&self) -> u64 {
        self.extent().size_bytes
    }

    /// One past the last offset.
    pub(super) fn end_offset(&self) -> i64 {
        self.extent().end_offset
    }

    /// Lets readers see a batch that was written at the segment's end.
    pub(super) fn publish(&self, header: &BatchHeader, position: u64, largest: TimeEntry) {
        let mut extent = self.extent();
        let end = position + header.size_bytes() as u64;
        if extent.recent.len() == RECENT_BATCHES {
            extent.recent.pop_front();
        }
        let (base_offset, last_offset) = (header.base_offset, header.last_offset());
        extent.recent.push_back(Recent { base_offset, last_offset, position, end });
        extent.end_offset = last_offset + 1;
        extent.size_bytes = end;
        extent.largest = Some(largest);
    }

    /// No more batches will come.
    pub(super) fn close(&self, largest: TimeEntry) -> Result<(), LogError> {
        self.extent().recent = VecDeque::new();
        self.indexes()?.finish(largest)
    }

    /// The log file.
    pub(super) fn file(&self) -> Result<&Arc<File>, LogError> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let _opening = lock(&self.opening);
        if self.file.get().is_none() {
            let file = storage::open_existing(&self.path("log"))?;
            self.leave_out_zero_tail(&file).map_err(LogError::io("read", self.path("log")))?;
            return Ok(self.file.get_or_init(|| Arc::new(file)));
        }
        self.file()
    }

    /// Whether its files are open.
    pub(super) fn is_open(&self) -> bool {
        self.file.get().is_some() && self.indexes.get().is_some()
    }

    /// The log file, opened now or not.
    pub(super) fn file_by(&self, access: Access) -> Result<&Arc<File>, LogError> {
        match self.file.get() {
            Some(file) => Ok(file),
            None if access == Access::MayWait => self.file(),
            None => Err(LogError::io("open", self.path("log"))(io::ErrorKind::WouldBlock.into())),
        }
    }

    /// The indexes, opened now or not.
    fn indexes_by(&self, access: Access) -> Result<&Indexes, LogError> {
        match self.indexes.get() {
            Some(indexes) => Ok(indexes),
            None if access == Access::MayWait => self.indexes(),
            None => Err(LogError::io("open", self.path("index"))(io::ErrorKind::WouldBlock.into())),
        }
    }

    /// A segment that another tool preallocated may end in zeros: they are no batches.
    fn leave_out_zero_tail(&self, file: &File) -> std::io::Result<()> {
        let size_bytes = self.size_bytes();
        if size_bytes == 0 || !scan::is_zero(file, size_bytes.saturating_sub(HEADER_BYTES as u64), size_bytes)? {
            return Ok(());
        }
        let mut walk = HeaderScan::new(file, 0, size_bytes);
        let mut end = 0;
        loop {
            match walk.next() {
                Ok(Some((position, header))) => end = position + header.size_bytes() as u64,
                Ok(None) => break,
                Err(ScanError::Io(error)) => return Err(error),
                Err(ScanError::Batch { .. }) => {
                    if scan::is_zero(file, end, size_bytes)? {
                        self.extent().size_bytes = end;
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    /// The indexes, rebuilt if they are missing or cannot be this segment's.
    pub(super) fn indexes(&self) -> Result<&Indexes, LogError> {
        if let Some(indexes) = self.indexes.get() {
            return Ok(indexes);
        }
        let file = self.file()?;
        let _opening = lock(&self.opening);
        if let Some(indexes) = self.indexes.get() {
            return Ok(indexes);
        }
        let whole = self.path("index").exists() && self.path("timeindex").exists();
        let indexes = self.open_tables()?;
        let (size_bytes, end_offset) = {
            let extent = self.extent();
            (extent.size_bytes, extent.end_offset)
        };
        if !(whole && indexes.plausible(file, size_bytes, end_offset, self.interval_bytes)?) {
            tracing::info!(segment = %self.path("log").display(), "rebuilding the indexes");
            self.rebuild(file, size_bytes)?.write(&indexes, true)?;
        }
        Ok(self.indexes.get_or_init(|| indexes))
    }

    /// Opens the index files as they are.
    pub(super) fn open_tables(&self) -> Result<Indexes, LogError> {
        Indexes::open(self.base_offset, &self.path("index"), &self.path("timeindex"))
    }

    fn rebuild(&self, file: &File, size_bytes: u64) -> Result<IndexBuilder, LogError> {
        let mut builder = IndexBuilder::new(self.base_offset, self.interval_bytes);
        let mut walk = HeaderScan::new(file, 0, size_bytes);
        loop {
            match walk.next() {
                Ok(Some((position, header))) => builder.add(&header, position),
                // Damage is met again, and reported, by who reads there.
                Ok(None) | Err(ScanError::Batch { .. }) => return Ok(builder),
                Err(ScanError::Io(error)) => return Err(LogError::io("read", self.path("log"))(error)),
            }
        }
    }

    /// The segment's largest timestamp, from the end of the time index.
    pub(super) fn largest(&self) -> Result<TimeEntry, LogError> {
        if let Some(largest) = self.extent().largest {
            return Ok(largest);
        }
        let largest = self.indexes()?.last_time_entry()?.unwrap_or(TimeEntry::NONE);
        self.extent().largest = Some(largest);
        Ok(largest)
    }

    /// How old the segment's newest record is: by its largest timestamp, or by the file's where records have none.
    pub(super) fn newest_ms(&self) -> Result<i64, LogError> {
        let largest = self.largest()?;
        if largest.timestamp >= 0 {
            return Ok(largest.timestamp);
        }
        let path = self.path("log");
        let modified = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
        let since = modified.map_err(LogError::io("stat", path))?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// The first batch below byte `limit` whose last offset is at least `offset`.
    pub(super) fn locate(
        &self,
        offset: i64,
        limit: u64,
        access: Access,
    ) -> Result<Option<(u64, BatchHeader)>, ReadError> {
        let indexed = self.indexes_by(access)?.up_to_offset(offset, self.end_offset(), access)?;
        let start = indexed.map_or(0, |entry| entry.position);
        self.find_from(start, limit, access, |header| header.last_offset() >= offset)
    }

    /// The first batch from the one at byte `start` up to byte `limit` that `wanted` holds for.
    pub(super) fn find_from(
        &self,
        start: u64,
        limit: u64,
        access: Access,
        wanted: impl Fn(&BatchHeader) -> bool,
    ) -> Result<Option<(u64, BatchHeader)>, ReadError> {
        let mut walk = HeaderScan::new(self.file_by(access)?, start, limit).by(access);
        while let Some((position, header)) = walk.next().map_err(|error| self.damaged(error))? {
            if wanted(&header) {
                return Ok(Some((position, header)));
            }
        }
        Ok(None)
    }

    /// The end of the last batch that ends at or before byte `limit`, walking from the batch at byte `start`.
    pub(super) fn last_end(&self, start: u64, limit: u64, size_bytes: u64, access: Access) -> Result<u64, ReadError> {
        let indexed = self.indexes_by(access)?.up_to_position(limit, size_bytes, access)?;
        let indexed = indexed.map_or(start, |entry| entry.position.max(start));
        let mut walk = HeaderScan::new(self.file_by(access)?, indexed, size_bytes).by(access);
        let mut end = indexed;
        while let Some((position, header)) = walk.next().map_err(|error| self.damaged(error))? {
            let batch_end = position + header.size_bytes() as u64;
            if batch_end > limit {
                break;
            }
            end = batch_end;
        }
        Ok(end)
    }

    /// What a failed walk means to a reader.
    pub(super) fn damaged(&self, error: ScanError) -> ReadError {
        match error {
            ScanError::Io(source) => LogError::io("read", self.path("log"))(source).into(),
            ScanError::Batch { position, source } => ReadError::Damaged { path: self.path("log"), position, source },
        }
    }

    /// Renames the segment's files out of the way; adds their new names to `retired`.
    pub(super) fn retire(&self, retired: &mut Vec<PathBuf>) -> Result<(), LogError> {
        for extension in ["log", "index", "timeindex", "txnindex", "snapshot"] {
            let (from, to) = (self.path(extension), self.path(&format!("{extension}.deleted")));
            match storage::rename(&from, &to) {
                Ok(()) => retired.push(to),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Removes the files of a segment that holds nothing.
pub(super) fn remove_files(dir: &Path, base_offset: i64) -> Result<(), LogError> {
    ["log", "index", "timeindex"].iter().try_for_each(|file| storage::remove(&file_path(dir, base_offset, file)))
}

/// `dir/{base offset}.{extension}`.
pub(super) fn file_path(dir: &Path, base_offset: i64, extension: &str) -> PathBuf {
    dir.join(format!("{base_offset:020}.{extension}"))
}

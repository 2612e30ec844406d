//! The sparse indexes of a segment: tables of fixed-size entries, ascending, searched on disk.
//!
//! - `.index`: entries of (relative offset i32, position i32): the last offset of a batch, less the segment's base offset,
//!   and the byte where that batch starts.
//! - `.timeindex`: entries of (timestamp i64, relative offset i32): the largest timestamp so far, and the last offset of
//!   the batch that brought it.
//!
//! A table grows by appending. The newest entries, at most [`GATHERED_ENTRIES`], are in memory only: they are written
//! in one call when so many have come together, at a checkpoint, and before the segment or the log is closed. Searches
//! see them; the tables of a closed segment, and of a log that was closed, are whole on disk. After a crash the tables of
//! the active segment are not trusted but made again from its batches ([`super::recovery`]), so nothing hangs on what was
//! not written yet. What lies past the last whole entry of a file when it is opened is not looked at.

use std::fs::File;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::LogError;
use super::scan::HeaderScan;
use super::segment::lock;
use super::storage::{self, Access};
use crate::record::BatchHeader;

/// Entries that a search reads at once.
const PAGE_ENTRIES: u64 = 256;
/// Entries that are in memory only, at most.
const GATHERED_ENTRIES: usize = 128;

/// A file of `N`-byte entries, and the entries that are yet to be written to it.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    path: PathBuf,
    file: File,
    /// Held for a few memory accesses, never across a system call.
    tail: Mutex<Tail<N>>,
}

/// The end of a table. Only who appends to the log changes it.
#[derive(Debug)]
struct Tail<const N: usize> {
    /// Entries in the file; they do not change any more.
    written: u64,
    /// The entries after those.
    gathered: Vec<[u8; N]>,
}

impl<const N: usize> Table<N> {
    /// Opens the table, creating it if needed.
    pub(super) fn open(path: &Path) -> Result<Self, LogError> {
        let file = storage::open(path)?;
        let size_bytes = file.metadata().map_err(LogError::io("stat", path))?.len();
        let tail = Mutex::new(Tail { written: size_bytes / N as u64, gathered: Vec::new() });
        Ok(Table { path: path.to_owned(), file, tail })
    }

    /// A table without entries, whatever was there.
    fn create(path: &Path) -> Result<Self, LogError> {
        let tail = Mutex::new(Tail { written: 0, gathered: Vec::new() });
        Ok(Table { path: path.to_owned(), file: storage::create(path)?, tail })
    }

    /// Number of entries.
    pub(super) fn len(&self) -> u64 {
        let tail = lock(&self.tail);
        tail.written + tail.gathered.len() as u64
    }

    /// The last entry.
    pub(super) fn last(&self) -> Result<Option<[u8; N]>, LogError> {
        let written = {
            let tail = lock(&self.tail);
            if let Some(last) = tail.gathered.last() {
                return Ok(Some(*last));
            }
            tail.written
        };
        written.checked_sub(1).map(|last| self.written_entry(last, Access::MayWait)).transpose()
    }

    /// The last of the leading entries that satisfy `holds`, which must hold for a prefix only. The search begins around
    /// entry `guess`: where batches are much alike, one read finds it, and none where it was gathered last.
    pub(super) fn last_where(
        &self,
        guess: u64,
        access: Access,
        holds: impl Fn(&[u8; N]) -> bool,
    ) -> Result<Option<[u8; N]>, LogError> {
        let (mut low, mut high) = {
            let tail = lock(&self.tail);
            match tail.gathered.partition_point(&holds) {
                0 => (0, tail.written),
                some => return Ok(Some(tail.gathered[some - 1])),
            }
        };
        let mut page = [[0; N]; PAGE_ENTRIES as usize];
        let mut middle = guess;
        // Entries below `low` hold; those from `high` on do not.
        while low < high {
            let start = middle.saturating_sub(PAGE_ENTRIES / 2).min(high.saturating_sub(PAGE_ENTRIES)).max(low);
            let page = &mut page[..(high - start).min(PAGE_ENTRIES) as usize];
            self.read(start, page.as_flattened_mut(), access)?;
            match page.partition_point(&holds) {
                0 => high = start,
                all if all == page.len() => low = start + all as u64,
                some => return Ok(Some(page[some - 1])),
            }
            middle = low + (high - low) / 2;
        }
        low.checked_sub(1).map(|last| self.written_entry(last, access)).transpose()
    }

    /// Adds an entry. Should it fail, for want of room to write out those before it, the table is as before.
    pub(super) fn append(&self, entry: [u8; N]) -> Result<(), LogError> {
        if lock(&self.tail).gathered.len() >= GATHERED_ENTRIES {
            self.write_out()?;
        }
        lock(&self.tail).gathered.push(entry);
        Ok(())
    }

    /// Writes what was gathered. For who appends to the log alone; searches go on meanwhile.
    pub(super) fn write_out(&self) -> Result<(), LogError> {
        let (written, gathered) = {
            let tail = lock(&self.tail);
            (tail.written, tail.gathered.clone())
        };
        storage::write_all_at(&self.file, &mut [IoSlice::new(gathered.as_flattened())], written * N as u64)
            .map_err(LogError::io("write", &self.path))?;
        let mut tail = lock(&self.tail);
        debug_assert_eq!((tail.written, tail.gathered.len()), (written, gathered.len()));
        tail.written += gathered.len() as u64;
        tail.gathered = Vec::new();
        Ok(())
    }

    /// Puts `entries` in place of all there were. Of the file, what is as it should be stays; what it lacks is gathered.
    pub(super) fn replace(&self, mut entries: Vec<[u8; N]>) -> Result<(), LogError> {
        let kept = self.common_start(&entries)?;
        *lock(&self.tail) = Tail { written: kept as u64, gathered: Vec::new() };
        let (kept_bytes, stat) = ((kept * N) as u64, self.file.metadata());
        if stat.map_err(LogError::io("stat", &self.path))?.len() > kept_bytes {
            self.file.set_len(kept_bytes).map_err(LogError::io("truncate", &self.path))?;
        }
        entries.drain(..kept);
        let is_much = entries.len() > GATHERED_ENTRIES;
        lock(&self.tail).gathered = entries;
        if is_much { self.write_out() } else { Ok(()) }
    }

    /// How many of `entries` the file begins with.
    fn common_start(&self, entries: &[[u8; N]]) -> Result<usize, LogError> {
        let written = usize::try_from(lock(&self.tail).written).unwrap_or(usize::MAX).min(entries.len());
        let mut found = vec![[0; N]; written];
        if written > 0 {
            self.read(0, found.as_flattened_mut(), Access::MayWait)?;
        }
        Ok(found.iter().zip(entries).take_while(|(found, entry)| found == entry).count())
    }

    /// Brings the table to stable storage.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        self.file.sync_data().map_err(LogError::io("fsync", &self.path))
    }

    /// Entry `index`, which must be in the file.
    fn written_entry(&self, index: u64, access: Access) -> Result<[u8; N], LogError> {
        let mut entry = [0; N];
        self.read(index, &mut entry, access)?;
        Ok(entry)
    }

    fn read(&self, index: u64, entries: &mut [u8], access: Access) -> Result<(), LogError> {
        let read = storage::read_at_by(access, &self.file, entries, index * N as u64)
            .map_err(LogError::io("read", &self.path))?;
        if read < entries.len() {
            return Err(LogError::Malformed { path: self.path.clone(), reason: "shorter than when opened".into() });
        }
        Ok(())
    }
}

/// An entry of an offset index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetEntry {
    /// Last offset of a batch.
    pub(super) offset: i64,
    /// Where that batch starts.
    pub(super) position: u64,
}

impl OffsetEntry {
    fn from_bytes(bytes: &[u8; 8], base_offset: i64) -> Self {
        let word = u64::from_be_bytes(*bytes);
        let relative = (word >> 32) as i32;
        OffsetEntry { offset: base_offset + i64::from(relative), position: word & u64::from(u32::MAX) }
    }

    /// Offsets of a segment lie within `i32` of its base, and positions within `i32` of its start: rolling sees to it.
    pub(super) fn to_bytes(self, base_offset: i64) -> [u8; 8] {
        let relative = (self.offset - base_offset) as u64;
        (relative << 32 | self.position).to_be_bytes()
    }
}

/// An entry of a time index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeEntry {
    /// Largest timestamp up to and including the batch.
    pub(super) timestamp: i64,
    /// Last offset of the batch that has it.
    pub(super) offset: i64,
}

impl TimeEntry {
    /// No record had a timestamp yet.
    pub(super) const NONE: TimeEntry = TimeEntry { timestamp: -1, offset: -1 };

    fn from_bytes(bytes: &[u8; 12], base_offset: i64) -> Self {
        let [timestamp @ .., r0, r1, r2, r3] = *bytes;
        let relative = i32::from_be_bytes([r0, r1, r2, r3]);
        TimeEntry { timestamp: i64::from_be_bytes(timestamp), offset: base_offset + i64::from(relative) }
    }

    /// See [`OffsetEntry::to_bytes`].
    pub(super) fn to_bytes(self, base_offset: i64) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..].copy_from_slice(&((self.offset - base_offset) as i32).to_be_bytes());
        bytes
    }
}

/// Both indexes of a segment.
#[derive(Debug)]
pub(super) struct Indexes {
    base_offset: i64,
    offsets: Table<8>,
    times: Table<12>,
}

impl Indexes {
    /// Opens both tables, creating what is missing.
    pub(super) fn open(base_offset: i64, offset_path: &Path, time_path: &Path) -> Result<Self, LogError> {
        Ok(Indexes { base_offset, offsets: Table::open(offset_path)?, times: Table::open(time_path)? })
    }

    /// Two tables without entries, whatever was there.
    pub(super) fn create(base_offset: i64, offset_path: &Path, time_path: &Path) -> Result<Self, LogError> {
        Ok(Indexes { base_offset, offsets: Table::create(offset_path)?, times: Table::create(time_path)? })
    }

    /// False if the tables cannot be those of the segment `log` of `size_bytes`, with offsets below `end_offset`.
    pub(super) fn plausible(
        &self,
        log: &File,
        size_bytes: u64,
        end_offset: i64,
        interval_bytes: u32,
    ) -> Result<bool, LogError> {
        if self.offsets.len() == 0 {
            return Ok(!reaches_past(log, size_bytes, interval_bytes));
        }
        let within = |offset| (self.base_offset..end_offset).contains(&offset);
        let last = self.last_offset_entry()?;
        let time = self.last_time_entry()?;
        Ok(last.is_some_and(|last| within(last.offset) && last.position > 0 && last.position < size_bytes)
            && time.is_none_or(|time| within(time.offset) && time.timestamp >= 0))
    }

    /// Entries in the offset index.
    pub(super) fn offset_entries(&self) -> u64 {
        self.offsets.len()
    }

    /// Entries in the time index.
    pub(super) fn time_entries(&self) -> u64 {
        self.times.len()
    }

    /// The last entry whose offset is at most `offset`, in a segment that ends at `end_offset`.
    pub(super) fn up_to_offset(
        &self,
        offset: i64,
        end_offset: i64,
        access: Access,
    ) -> Result<Option<OffsetEntry>, LogError> {
        let (ahead, all) = (offset - self.base_offset, end_offset - self.base_offset);
        self.last_offset_entry_where(ahead.max(0) as u64, all.max(0) as u64, access, |entry| entry.offset <= offset)
    }

    /// The last entry whose position is at most `position`, in a segment of `size_bytes`.
    pub(super) fn up_to_position(
        &self,
        position: u64,
        size_bytes: u64,
        access: Access,
    ) -> Result<Option<OffsetEntry>, LogError> {
        self.last_offset_entry_where(position, size_bytes, access, |entry| entry.position <= position)
    }

    /// `ahead` of `all` is how far into the segment the entry should be.
    fn last_offset_entry_where(
        &self,
        ahead: u64,
        all: u64,
        access: Access,
        holds: impl Fn(OffsetEntry) -> bool,
    ) -> Result<Option<OffsetEntry>, LogError> {
        let decode = |bytes: &[u8; 8]| OffsetEntry::from_bytes(bytes, self.base_offset);
        let guess = u128::from(self.offsets.len()) * u128::from(ahead.min(all)) / u128::from(all.max(1));
        Ok(self.offsets.last_where(guess as u64, access, |bytes| holds(decode(bytes)))?.map(|bytes| decode(&bytes)))
    }

    /// The last entry whose timestamp is below `timestamp`: everything up to its offset is older than that.
    pub(super) fn below_timestamp(&self, timestamp: i64) -> Result<Option<TimeEntry>, LogError> {
        let decode = |bytes: &[u8; 12]| TimeEntry::from_bytes(bytes, self.base_offset);
        let found = self
            .times
            .last_where(self.times.len() / 2, Access::MayWait, |bytes| decode(bytes).timestamp < timestamp)?;
        Ok(found.map(|bytes| decode(&bytes)))
    }

    /// The last entry of the offset index.
    pub(super) fn last_offset_entry(&self) -> Result<Option<OffsetEntry>, LogError> {
        Ok(self.offsets.last()?.map(|bytes| OffsetEntry::from_bytes(&bytes, self.base_offset)))
    }

    /// The last entry of the time index: the segment's largest timestamp, once it is closed.
    pub(super) fn last_time_entry(&self) -> Result<Option<TimeEntry>, LogError> {
        Ok(self.times.last()?.map(|bytes| TimeEntry::from_bytes(&bytes, self.base_offset)))
    }

    /// Adds to the offset index.
    pub(super) fn append_offset(&self, entry: OffsetEntry) -> Result<(), LogError> {
        self.offsets.append(entry.to_bytes(self.base_offset))
    }

    /// Adds to the time index, unless its last timestamp is as large already.
    pub(super) fn append_time(&self, entry: TimeEntry) -> Result<(), LogError> {
        let last = self.last_time_entry()?.map_or(-1, |last| last.timestamp);
        if entry.timestamp > last { self.times.append(entry.to_bytes(self.base_offset)) } else { Ok(()) }
    }

    /// Writes what both tables have gathered.
    pub(super) fn write_out(&self) -> Result<(), LogError> {
        self.offsets.write_out()?;
        self.times.write_out()
    }

    /// Makes the tables whole on disk, for a segment that gets no more batches: the time index ends with its `largest`.
    pub(super) fn finish(&self, largest: TimeEntry) -> Result<(), LogError> {
        self.append_time(largest)?;
        self.write_out()
    }

    /// Puts rebuilt tables in place.
    fn replace(&self, offsets: Vec<[u8; 8]>, times: Vec<[u8; 12]>) -> Result<(), LogError> {
        self.offsets.replace(offsets)?;
        self.times.replace(times)
    }

    /// Brings both to stable storage.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        self.offsets.sync()?;
        self.times.sync()
    }
}

/// Whether the segment `log` has a batch so far from its start that it gets an entry, or ends in something else.
fn reaches_past(log: &File, size_bytes: u64, interval_bytes: u32) -> bool {
    let mut walk = HeaderScan::new(log, 0, size_bytes);
    loop {
        match walk.next() {
            Ok(Some((position, _))) if position <= u64::from(interval_bytes) => {}
            Ok(None) => return false,
            Ok(Some(_)) | Err(_) => return true,
        }
    }
}

/// Decides which batches of a segment get entries (Kafka's `LogSegment.append`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    since_entry_bytes: u64,
    /// The segment's largest timestamp so far.
    pub(super) largest: TimeEntry,
}

impl Pace {
    /// Before the first batch of a segment.
    pub(super) const START: Pace = Pace { since_entry_bytes: 0, largest: TimeEntry::NONE };

    /// Goes on with a segment of `size_bytes` whose indexes are on disk.
    pub(super) fn resume(indexes: &Indexes, size_bytes: u64) -> Result<Pace, LogError> {
        let entry = indexes.last_offset_entry()?.map_or(0, |entry| entry.position);
        let largest = indexes.last_time_entry()?.unwrap_or(TimeEntry::NONE);
        Ok(Pace { since_entry_bytes: size_bytes.saturating_sub(entry), largest })
    }

    /// The next batch, at `position`; its entries, if it gets any.
    pub(super) fn step(
        &mut self,
        header: &BatchHeader,
        position: u64,
        interval_bytes: u32,
    ) -> Option<(OffsetEntry, TimeEntry)> {
        let offset = header.last_offset();
        if header.max_timestamp > self.largest.timestamp {
            self.largest = TimeEntry { timestamp: header.max_timestamp, offset };
        }
        let entries = (self.since_entry_bytes > u64::from(interval_bytes)).then(|| {
            self.since_entry_bytes = 0;
            (OffsetEntry { offset, position }, self.largest)
        });
        self.since_entry_bytes += header.size_bytes() as u64;
        entries
    }
}

/// Collects the entries of a segment that is read from its start.
#[derive(Debug)]
pub(super) struct IndexBuilder {
    base_offset: i64,
    interval_bytes: u32,
    pub(super) pace: Pace,
    offsets: Vec<[u8; 8]>,
    times: Vec<[u8; 12]>,
    last_time: i64,
}

impl IndexBuilder {
    /// For the segment at `base_offset`.
    pub(super) fn new(base_offset: i64, interval_bytes: u32) -> Self {
        let (offsets, times) = (Vec::new(), Vec::new());
        IndexBuilder { base_offset, interval_bytes, pace: Pace::START, offsets, times, last_time: -1 }
    }

    /// The next batch.
    pub(super) fn add(&mut self, header: &BatchHeader, position: u64) {
        if let Some((offset, time)) = self.pace.step(header, position, self.interval_bytes) {
            self.offsets.push(offset.to_bytes(self.base_offset));
            self.add_time(time);
        }
    }

    /// Puts the entries into `indexes`. A closed segment's are whole on disk, and its time index ends with its largest
    /// timestamp.
    pub(super) fn write(mut self, indexes: &Indexes, closed: bool) -> Result<(), LogError> {
        if closed {
            self.add_time(self.pace.largest);
        }
        indexes.replace(self.offsets, self.times)?;
        if closed { indexes.write_out() } else { Ok(()) }
    }

    fn add_time(&mut self, entry: TimeEntry) {
        if entry.timestamp > self.last_time {
            self.last_time = entry.timestamp;
            self.times.push(entry.to_bytes(self.base_offset));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_search_finds_the_entry_wherever_it_begins(
            mut values in vec(0..5_000u64, 0..1_500),
            target in 0..5_001u64,
            guess in any::<prop::sample::Index>(),
            replaced in any::<prop::sample::Index>(),
        ) {
            values.sort_unstable();
            values.dedup();
            let dir = tempfile::tempdir().unwrap();
            let table = Table::<8>::open(&dir.path().join("index")).unwrap();
            let entries: Vec<_> = values.iter().map(|value| value.to_be_bytes()).collect();
            let (replaced, appended) = entries.split_at(replaced.index(entries.len() + 1));
            table.replace(replaced.to_vec()).unwrap();
            for entry in appended {
                table.append(*entry).unwrap();
            }
            prop_assert_eq!(table.len(), entries.len() as u64);
            prop_assert_eq!(table.last().unwrap(), entries.last().copied());
            let found = table.last_where(guess.index(2_000) as u64, Access::Resident, |entry| u64::from_be_bytes(*entry) <= target);
            let expected = values.iter().rfind(|value| **value <= target);
            prop_assert_eq!(found.unwrap().map(u64::from_be_bytes), expected.copied());
            table.write_out().unwrap();
            prop_assert_eq!(std::fs::read(dir.path().join("index")).unwrap(), entries.concat());
        }
    }

    #[test]
    fn a_torn_entry_is_not_looked_at_and_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        std::fs::write(&path, [7; 11]).unwrap();
        let table = Table::<8>::open(&path).unwrap();
        assert_eq!(table.len(), 1);
        table.append([9; 8]).unwrap();
        table.write_out().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [[7; 8], [9; 8]].concat());
    }

    #[test]
    fn what_a_full_disk_has_no_room_for_stays_in_memory_up_to_a_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        let table = Table::<8>::open(&path).unwrap();
        let entry = |index: usize| (index as u64).to_be_bytes();
        storage::faults::set_space(Some(100));
        let kept = (0..2 * GATHERED_ENTRIES).take_while(|index| table.append(entry(*index)).is_ok()).count();
        assert_eq!(kept, GATHERED_ENTRIES);
        assert_eq!(table.last_where(0, Access::MayWait, |_| true).unwrap(), Some(entry(kept - 1)));
        storage::faults::set_space(None);
        table.append(entry(kept)).unwrap();
        table.write_out().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), (0..=kept).map(entry).collect::<Vec<_>>().concat());
    }
}

//! The metadata's two files.
//!
//! `metadata.log` and `metadata.snapshot` begin alike: `magic "brkrmeta" | format version u32`, which is 1. After it come
//! frames, in the log any number, in the snapshot exactly one. Numbers are big-endian.
//!
//! ```text
//! length u32       bytes of the frame after this field
//! crc u32          CRC-32C of the bytes after this field
//! first entry u64  number of the frame's first entry, counted from 1 (log);
//!                  number of the newest entry that went into the snapshot (snapshot)
//! count u32        entries in the frame
//! entries          as `entry` describes them
//! ```
//!
//! Invariants:
//! - A frame is what one fsync made durable: the next one is written after it. So a bad frame with a good one behind it
//!   was damaged after it had been durable, which is an error for a human; a bad frame with nothing behind it was
//!   never acknowledged, and is cut.
//! - Entries are numbered without gaps across frames; those that the snapshot covers are skipped. So the snapshot is
//!   put in place (temporary file, fsync, rename, fsync of the directory) before the log is emptied, and a crash
//!   between the two does no harm.
//! - A log is emptied once it is larger than [`SNAPSHOT_AFTER_BYTES`] and than the snapshot, so replaying it costs no
//!   more than reading the snapshot does.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::Image;
use super::entry::{Entry, EntryError};
use crate::replacement::replace;

const LOG: &str = "metadata.log";
const SNAPSHOT: &str = "metadata.snapshot";
const MAGIC: &[u8; 8] = b"brkrmeta";
const FORMAT: u32 = 1;
const FILE_HEADER_BYTES: usize = 12;
const FRAME_HEADER_BYTES: usize = 20;
/// Below this size a log is not worth emptying.
const SNAPSHOT_AFTER_BYTES: u64 = 1 << 20;

/// Why the metadata could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what this broker writes.
    #[error(
        "{path} was not written by this broker, or by a newer one: move it away, or start the version that wrote it"
    )]
    ForeignFile {
        /// The file.
        path: PathBuf,
    },
    /// A frame that had been durable does not hold any more.
    #[error(
        "{path} is damaged at byte {position} ({what}): restore it from a copy, or move metadata.log and metadata.snapshot \
         away to have the topics adopted from their directories, without their settings"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the bad frame begins.
        position: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// The open files. Owned by the writer thread.
#[derive(Debug)]
pub(super) struct Journal {
    data_dir: PathBuf,
    log: File,
    /// Where the next frame goes.
    end: u64,
    snapshot_bytes: u64,
    /// After a failed fsync nobody knows what is on disk, so nothing more is acknowledged.
    failed: bool,
}

impl Journal {
    /// Reads the snapshot, then the log; cuts what a crash left at its end.
    pub(super) fn open(data_dir: &Path) -> Result<(Self, Image), JournalError> {
        let mut image = Image::default();
        let snapshot_bytes = read_snapshot(&data_dir.join(SNAPSHOT), &mut image)?;
        let path = data_dir.join(LOG);
        let at = |source| JournalError::Io { path: path.clone(), source };
        if !path.try_exists().map_err(at)? {
            replace(&path, &file_header()).map_err(at)?;
        }
        let bytes = fs::read(&path).map_err(at)?;
        let end = replay(&path, &bytes, &mut image)?;
        let log = OpenOptions::new().read(true).write(true).open(&path).map_err(at)?;
        if end < bytes.len() as u64 {
            tracing::warn!(path = %path.display(), cut_bytes = bytes.len() as u64 - end, "cut an unfinished metadata frame");
            log.set_len(end).and_then(|()| log.sync_all()).map_err(at)?;
        }
        Ok((Journal { data_dir: data_dir.to_owned(), log, end, snapshot_bytes, failed: false }, image))
    }

    /// Makes `entries`, of which the first has the number `first_entry`, durable. After an error they are not there.
    pub(super) fn append(&mut self, first_entry: u64, entries: &[Entry]) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("an earlier write failed; restart the broker"));
        }
        let frame = frame(first_entry, entries);
        if let Err(error) = self.log.write_all_at(&frame, self.end) {
            // What was written of the frame would be cut at the next start; cutting it now frees a full disk.
            self.failed = self.log.set_len(self.end).is_err();
            return Err(error);
        }
        self.log.sync_data().inspect_err(|_| self.failed = true)?;
        self.end += frame.len() as u64;
        Ok(())
    }

    /// Whether the log has grown enough to be replaced by a snapshot.
    pub(super) fn wants_snapshot(&self) -> bool {
        self.end > SNAPSHOT_AFTER_BYTES.max(self.snapshot_bytes)
    }

    /// Writes `image`, which is what all entries so far led to, and empties the log.
    pub(super) fn snapshot(&mut self, image: &Image) -> io::Result<()> {
        if self.failed || self.end == FILE_HEADER_BYTES as u64 {
            return Ok(());
        }
        let mut bytes = file_header();
        bytes.extend(frame(image.last_entry, &image.to_entries()));
        replace(&self.data_dir.join(SNAPSHOT), &bytes)?;
        self.snapshot_bytes = bytes.len() as u64;
        self.log.set_len(FILE_HEADER_BYTES as u64)?;
        self.end = FILE_HEADER_BYTES as u64;
        self.log.sync_all()
    }
}

fn file_header() -> Vec<u8> {
    [MAGIC.as_slice(), &FORMAT.to_be_bytes()].concat()
}

fn frame(first_entry: u64, entries: &[Entry]) -> Vec<u8> {
    let mut bytes = vec![0; FRAME_HEADER_BYTES];
    bytes[8..16].copy_from_slice(&first_entry.to_be_bytes());
    bytes[16..20].copy_from_slice(&(entries.len() as u32).to_be_bytes());
    entries.iter().for_each(|entry| entry.encode(&mut bytes));
    let length = (bytes.len() - 4) as u32;
    let crc = crc32c::crc32c(&bytes[8..]);
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes[4..8].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// A frame whose checksum holds.
struct Frame<'a> {
    first_entry: u64,
    count: u32,
    entries: &'a [u8],
    size_bytes: usize,
}

impl<'a> Frame<'a> {
    /// The frame at the front of `bytes`, if it is whole and unharmed.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = u32::from_be_bytes(*length) as usize;
        let (crc, covered) = rest.get(..length)?.split_first_chunk()?;
        let (first_entry, after) = covered.split_first_chunk()?;
        let (count, entries) = after.split_first_chunk()?;
        (crc32c::crc32c(covered) == u32::from_be_bytes(*crc)).then(|| Frame {
            first_entry: u64::from_be_bytes(*first_entry),
            count: u32::from_be_bytes(*count),
            entries,
            size_bytes: 4 + length,
        })
    }

    fn entries(&self) -> Result<Vec<Entry>, EntryError> {
        let mut bytes = self.entries;
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            entries.push(Entry::decode(&mut bytes)?);
        }
        Ok(entries)
    }
}

/// Reads the snapshot if there is one; returns its size.
fn read_snapshot(path: &Path, image: &mut Image) -> Result<u64, JournalError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(JournalError::Io { path: path.to_owned(), source }),
    };
    let body = check_file_header(path, &bytes)?;
    let damaged = |what: &dyn ToString| JournalError::Damaged {
        path: path.to_owned(),
        position: FILE_HEADER_BYTES as u64,
        what: what.to_string(),
    };
    let frame = Frame::parse(body).ok_or_else(|| damaged(&"its checksum does not hold"))?;
    for entry in frame.entries().map_err(|error| damaged(&error))? {
        image.apply(entry);
    }
    image.last_entry = frame.first_entry;
    Ok(bytes.len() as u64)
}

/// Applies the log's frames; returns where the good ones end.
fn replay(path: &Path, bytes: &[u8], image: &mut Image) -> Result<u64, JournalError> {
    check_file_header(path, bytes)?;
    let mut position = FILE_HEADER_BYTES;
    while position < bytes.len() {
        let damaged = |what: String| JournalError::Damaged { path: path.to_owned(), position: position as u64, what };
        let Some(frame) = Frame::parse(&bytes[position..]) else {
            if let Some(next) = next_frame(&bytes[position + 1..], image.last_entry) {
                return Err(damaged(format!("the frame is bad, yet a good one follows {} bytes later", next + 1)));
            }
            break;
        };
        let entries = frame.entries().map_err(|error| damaged(error.to_string()))?;
        if entries.len() != frame.count as usize {
            return Err(damaged(format!("{} entries where {} were announced", entries.len(), frame.count)));
        }
        if frame.first_entry > image.last_entry + 1 {
            return Err(damaged(format!("entry {} is missing", image.last_entry + 1)));
        }
        for (number, entry) in (frame.first_entry..).zip(entries) {
            if number > image.last_entry {
                image.apply(entry);
            }
        }
        position += frame.size_bytes;
    }
    Ok(position as u64)
}

/// Where a good frame begins in `bytes` whose entries come after `last_entry`. The entry number is looked at first:
/// it rules out almost every place, so that the search costs a pass over the bytes.
fn next_frame(bytes: &[u8], last_entry: u64) -> Option<usize> {
    let plausible = last_entry..last_entry.saturating_add(1 << 24);
    bytes.windows(FRAME_HEADER_BYTES).enumerate().find_map(|(at, header)| {
        let (_, number) = header[..16].split_last_chunk::<8>()?;
        let frame = plausible.contains(&u64::from_be_bytes(*number)).then(|| Frame::parse(&bytes[at..]))?;
        frame.filter(|frame| frame.count > 0).map(|_| at)
    })
}

fn check_file_header<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a [u8], JournalError> {
    bytes.strip_prefix(file_header().as_slice()).ok_or_else(|| JournalError::ForeignFile { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: std::ops::Range<i64>) -> Vec<Entry> {
        numbers.map(Entry::NextProducerId).collect()
    }

    /// A directory with three frames: entries 1 and 2, entry 3, entry 4.
    fn three_frames() -> (tempfile::TempDir, Image) {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, mut image) = Journal::open(dir.path()).unwrap();
        for numbers in [1..3, 3..4, 4..5] {
            journal.append(image.last_entry + 1, &ids(numbers.clone())).unwrap();
            ids(numbers).into_iter().for_each(|entry| image.apply(entry));
        }
        (dir, image)
    }

    #[test]
    fn what_was_appended_is_there_after_a_restart() {
        let (dir, image) = three_frames();
        assert_eq!(Journal::open(dir.path()).unwrap().1, image);
        assert_eq!(image.last_entry, 4);
    }

    #[test]
    fn a_frame_torn_at_any_byte_is_cut_and_the_ones_before_stay() {
        let (dir, image) = three_frames();
        let path = dir.path().join(LOG);
        let whole = fs::read(&path).unwrap();
        let last = whole.len() - frame(4, &ids(4..5)).len();
        for length in last..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let (journal, read) = Journal::open(dir.path()).unwrap();
            assert_eq!((read.last_entry, read.next_producer_id), (3, 3), "cut at {length}");
            assert_eq!(journal.end, last as u64);
            assert_eq!(fs::metadata(&path).unwrap().len(), last as u64);
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(Journal::open(dir.path()).unwrap().1, image);
    }

    #[test]
    fn zeroes_after_the_last_frame_are_cut() {
        let (dir, image) = three_frames();
        let path = dir.path().join(LOG);
        let mut bytes = fs::read(&path).unwrap();
        let length = bytes.len() as u64;
        bytes.extend([0; 5000]);
        fs::write(&path, &bytes).unwrap();
        assert_eq!(Journal::open(dir.path()).unwrap().1, image);
        assert_eq!(fs::metadata(&path).unwrap().len(), length);
    }

    #[test]
    fn damage_before_the_last_frame_stops_the_start_at_any_byte() {
        let (dir, _) = three_frames();
        let path = dir.path().join(LOG);
        let whole = fs::read(&path).unwrap();
        let last = whole.len() - frame(4, &ids(4..5)).len();
        for at in FILE_HEADER_BYTES..last {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            fs::write(&path, &bytes).unwrap();
            let error = Journal::open(dir.path()).unwrap_err();
            assert!(matches!(error, JournalError::Damaged { .. }), "byte {at}: {error}");
        }
        assert_eq!(fs::read(&path).unwrap().len(), whole.len(), "nothing was cut");
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(LOG), "hello, world").unwrap();
        assert!(matches!(Journal::open(dir.path()), Err(JournalError::ForeignFile { .. })));
        assert_eq!(fs::read(dir.path().join(LOG)).unwrap(), b"hello, world");
    }

    #[test]
    fn a_snapshot_takes_the_place_of_the_log() {
        let (dir, image) = three_frames();
        let (mut journal, _) = Journal::open(dir.path()).unwrap();
        let log = fs::read(dir.path().join(LOG)).unwrap();
        journal.snapshot(&image).unwrap();
        assert_eq!(fs::metadata(dir.path().join(LOG)).unwrap().len(), FILE_HEADER_BYTES as u64);
        journal.append(5, &ids(5..6)).unwrap();
        let (_, read) = Journal::open(dir.path()).unwrap();
        assert_eq!((read.last_entry, read.next_producer_id), (5, 5));

        // A crash after the snapshot was put in place and before the log was emptied.
        fs::write(dir.path().join(LOG), log).unwrap();
        assert_eq!(Journal::open(dir.path()).unwrap().1, image);
    }

    #[test]
    fn a_damaged_snapshot_stops_the_start() {
        let (dir, image) = three_frames();
        Journal::open(dir.path()).unwrap().0.snapshot(&image).unwrap();
        let path = dir.path().join(SNAPSHOT);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(Journal::open(dir.path()), Err(JournalError::Damaged { .. })));
    }
}

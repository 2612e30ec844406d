use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::record::BatchBuilder;

mod appends_are_flushed_when_due;
mod batches_are_checked_before_they_are_written;
mod batches_are_read_as_they_were_sent;
mod crash;
mod failures;
mod followers_keep_to_their_leader;
mod model;
mod producers_are_remembered;
mod segments_roll_and_old_ones_go;
mod waiting;

/// A day in 2023.
const NOW_MS: i64 = 1_700_000_000_000;

fn small_segments() -> LogSettings {
    LogSettings { segment_bytes: 1_000, index_interval_bytes: 150, ..LogSettings::default() }
}

fn open(dir: &TempDir) -> Log {
    open_with(dir, small_segments())
}

fn open_with(dir: &TempDir, settings: LogSettings) -> Log {
    Log::open(dir.path(), settings, NOW_MS).unwrap()
}

/// A batch of `records` records of `value_bytes` each, all with `timestamp`.
fn batch_at(timestamp: i64, records: usize, value_bytes: usize) -> Bytes {
    let value = vec![b'v'; value_bytes];
    let builder = BatchBuilder::new();
    (0..records).fold(builder, |builder, _| builder.record(timestamp, Some(b"k"), Some(&value))).build()
}

fn batch(records: usize, value_bytes: usize) -> Bytes {
    batch_at(NOW_MS, records, value_bytes)
}

/// A batch of one record from idempotent producer 7.
fn produced(sequence: i32, epoch: i16) -> Bytes {
    BatchBuilder::new().producer(7, epoch, sequence).record(NOW_MS, None, Some(b"v")).build()
}

fn append(log: &Log, batch: &[u8]) -> Appended {
    log.append_as_leader(batch, Origin::Client, 0, NOW_MS).unwrap()
}

/// The bytes that a plan would send.
fn sent(plan: &ReadPlan) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let mut bytes = Vec::new();
    for region in &plan.regions {
        let mut part = vec![0; region.len];
        region.file.read_exact_at(&mut part, region.position).unwrap();
        bytes.extend(part);
    }
    assert_eq!(bytes.len(), plan.size_bytes);
    bytes
}

/// Base and last offset of every batch from `from` on, read in steps of `max_bytes`.
fn offsets(log: &Log, mut from: i64, max_bytes: usize) -> Vec<(i64, i64)> {
    let mut offsets = Vec::new();
    while from < log.log_end_offset() {
        let plan = log.read(from, i64::MAX, max_bytes, true).unwrap();
        let bytes = sent(&plan);
        assert!(!bytes.is_empty(), "nothing at {from}, below {}", log.log_end_offset());
        for batch in crate::record::batches(&bytes) {
            let batch = batch.unwrap();
            batch.verify_crc().unwrap();
            offsets.push((batch.header.base_offset, batch.header.last_offset()));
            from = batch.header.last_offset() + 1;
        }
    }
    offsets
}

/// The files in `dir` with this extension, sorted.
fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

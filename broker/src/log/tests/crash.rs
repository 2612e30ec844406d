use std::fs;

use super::*;
use crate::log::segment::file_path;
use crate::record::BatchHeader;

/// A log that was dropped without being closed, as by `kill -9`; its files, the last being the active segment.
fn crashed(dir: &TempDir, batches: usize) -> Vec<PathBuf> {
    let log = open(dir);
    for index in 0..batches {
        append(&log, &batch(1 + index % 2, 60));
    }
    drop(log);
    files(dir.path(), "log")
}

fn copy_dir(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

/// Start and size of the last batch in a segment's bytes.
fn last_batch(bytes: &[u8]) -> (usize, BatchHeader) {
    let mut position = 0;
    loop {
        let header = BatchHeader::parse(&bytes[position..]).unwrap();
        if position + header.size_bytes() == bytes.len() {
            return (position, header);
        }
        position += header.size_bytes();
    }
}

/// Pretends that the machine was restarted since.
fn power_cut(dir: &Path) {
    let mut checkpoint = checkpoint::Checkpoint::read(dir).unwrap().unwrap().unwrap();
    checkpoint.boot_id = "another boot".into();
    checkpoint.write(dir, storage::Durability::Relaxed).unwrap();
}

#[test]
fn nothing_is_lost_when_the_process_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let segments = crashed(&dir, 30);
    let log = open(&dir);
    assert_eq!(offsets(&log, 0, 1).len(), 30);
    let active_bytes = fs::metadata(segments.last().unwrap()).unwrap().len();
    assert_eq!(log.recovery().verified_bytes, active_bytes, "closed segments are not read");
    assert_eq!(append(&log, &batch(1, 10)).base_offset, 45);
}

#[test]
fn a_checkpoint_bounds_what_is_verified_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(&dir, LogSettings::default());
    for _ in 0..50 {
        append(&log, &batch(1, 100));
    }
    let size = batch(1, 100).len() as u64;
    assert_eq!(log.bytes_since_checkpoint(), 50 * size);
    log.checkpoint().unwrap();
    assert_eq!(log.bytes_since_checkpoint(), 0);
    append(&log, &batch(1, 100));
    drop(log);
    let log = open_with(&dir, LogSettings::default());
    assert_eq!(log.recovery().verified_bytes, size);
    assert_eq!(offsets(&log, 0, 1_000).len(), 51);
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let segments = crashed(&dir, 13);
    let active = segments.last().unwrap();
    let bytes = fs::read(active).unwrap();
    let (start, last) = last_batch(&bytes);
    for cut in start..bytes.len() {
        let dir = copy_dir(dir.path());
        let active = dir.path().join(active.file_name().unwrap());
        fs::write(&active, &bytes[..cut]).unwrap();
        let log = open(&dir);
        assert_eq!(log.log_end_offset(), last.base_offset, "cut at {cut}");
        // The first bytes of a batch are zeros: alone they look like preallocated space.
        let zeros = bytes[start..cut].iter().all(|byte| *byte == 0);
        assert_eq!(log.recovery().truncated_bytes as usize, if zeros { 0 } else { cut - start });
        assert!(log.recovery().rot.is_empty());
        assert_eq!(fs::metadata(&active).unwrap().len() as usize, start);
        assert_eq!(append(&log, &batch(1, 10)).base_offset, last.base_offset);
        assert_eq!(offsets(&log, 0, 1).len(), 13);
    }
}

#[test]
fn a_last_batch_damaged_at_any_byte_is_cut_if_it_was_not_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let segments = crashed(&dir, 13);
    let active = segments.last().unwrap();
    let bytes = fs::read(active).unwrap();
    let (start, last) = last_batch(&bytes);
    for at in start..bytes.len() {
        let dir = copy_dir(dir.path());
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        fs::write(dir.path().join(active.file_name().unwrap()), &damaged).unwrap();
        let log = open(&dir);
        // The leader epoch lies outside the CRC, as in Kafka.
        let harmless = (start + 12..start + 16).contains(&at);
        // A base offset that grew is what compaction leaves: the CRC does not cover it either.
        if harmless || (at < start + 8 && log.log_end_offset() != last.base_offset) {
            assert!(log.log_end_offset() > last.base_offset);
            continue;
        }
        assert_eq!(log.log_end_offset(), last.base_offset, "byte {}", at - start);
        assert!(log.recovery().rot.is_empty(), "byte {}", at - start);
        assert_eq!(offsets(&log, 0, 1).len(), 12);
    }
}

#[test]
fn damage_with_good_batches_after_it_is_moved_aside_and_confined() {
    let dir = tempfile::tempdir().unwrap();
    let segments = crashed(&dir, 16);
    let active = segments.last().unwrap();
    let mut bytes = fs::read(active).unwrap();
    let first = BatchHeader::parse(&bytes).unwrap();
    let second = BatchHeader::parse(&bytes[first.size_bytes()..]).unwrap();
    let before = bytes.clone();
    bytes[first.size_bytes() + 80] ^= 1;
    fs::write(active, &bytes).unwrap();
    let log = open(&dir);
    let [rot] = &log.recovery().rot[..] else { panic!("{:?}", log.recovery()) };
    assert_eq!((rot.first_offset, rot.next_offset), (second.base_offset, second.last_offset() + 1));
    let range = first.size_bytes()..first.size_bytes() + second.size_bytes();
    assert_eq!(fs::read(&rot.quarantined).unwrap(), bytes[range.clone()], "the bytes are kept");
    let read = offsets(&log, 0, 1);
    assert_eq!(read.len(), 15, "all but the damaged batch: {read:?}");
    assert!(!read.iter().any(|(base_offset, _)| *base_offset == second.base_offset));
    assert_eq!(append(&log, &batch(1, 10)).base_offset, 24);
    log.close(NOW_MS).unwrap();
    drop(log);
    let log = open(&dir);
    assert!(log.recovery().rot.is_empty(), "it was told once");
    assert_eq!(offsets(&log, 0, 1).len(), 16);
    assert_eq!(before.len() - range.len(), {
        let sizes = files(dir.path(), "log").into_iter().skip(segments.len() - 1);
        sizes.map(|path| fs::metadata(path).unwrap().len() as usize).sum::<usize>() - batch(1, 10).len()
    });
}

#[test]
fn a_flushed_batch_that_is_damaged_is_rot_even_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for _ in 0..3 {
        append(&log, &batch(2, 60));
    }
    log.flush().unwrap();
    drop(log);
    power_cut(dir.path());
    let active = files(dir.path(), "log").pop().unwrap();
    let mut bytes = fs::read(&active).unwrap();
    let (start, last) = last_batch(&bytes);
    bytes.truncate(start + 70);
    fs::write(&active, &bytes).unwrap();
    let log = open(&dir);
    assert_eq!(log.recovery().truncated_bytes, 0);
    let [rot] = &log.recovery().rot[..] else { panic!("{:?}", log.recovery()) };
    assert_eq!((rot.first_offset, rot.next_offset), (last.base_offset, 6));
    assert_eq!(append(&log, &batch(1, 10)).base_offset, 6, "no offset is given twice");
    assert_eq!(offsets(&log, 0, 1), [(0, 1), (2, 3), (6, 6)]);
}

#[test]
fn after_a_power_cut_everything_past_the_flushed_point_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for _ in 0..6 {
        append(&log, &batch(1, 200));
    }
    log.flush().unwrap();
    let flushed_bytes = log.size_bytes();
    for _ in 0..9 {
        append(&log, &batch(1, 200));
    }
    let size_bytes = log.size_bytes();
    drop(log);
    power_cut(dir.path());
    let log = open(&dir);
    assert_eq!(log.recovery().verified_bytes, size_bytes - flushed_bytes);
    assert_eq!(offsets(&log, 0, 1_000).len(), 15);
}

#[test]
fn an_unreadable_recovery_point_makes_everything_be_verified() {
    let dir = tempfile::tempdir().unwrap();
    crashed(&dir, 20);
    fs::write(dir.path().join("recovery-point"), "").unwrap();
    let log = open(&dir);
    assert_eq!(log.recovery().verified_bytes, log.size_bytes());
    assert_eq!(offsets(&log, 0, 1).len(), 20);
}

#[test]
fn missing_and_nonsensical_indexes_are_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for index in 0..40 {
        append(&log, &batch_at(NOW_MS + index, 1, 60));
    }
    log.close(NOW_MS).unwrap();
    let indexes: Vec<_> = ["index", "timeindex"].iter().flat_map(|extension| files(dir.path(), extension)).collect();
    let good: Vec<_> = indexes.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(good.iter().filter(|bytes| !bytes.is_empty()).count() > 6);
    for damage in [None, Some(vec![]), Some(vec![0; 96]), Some(vec![0xff; 24])] {
        for path in &indexes {
            match &damage {
                None => fs::remove_file(path).unwrap(),
                Some(bytes) => fs::write(path, bytes).unwrap(),
            }
        }
        let log = open(&dir);
        assert_eq!(offsets(&log, 0, 100).len(), 40);
        for index in 0..40 {
            assert_eq!(log.offset_for_timestamp(NOW_MS + index, i64::MAX).unwrap().unwrap().offset, index);
        }
        log.close(NOW_MS).unwrap();
        for (path, good) in indexes.iter().zip(&good) {
            assert_eq!(&fs::read(path).unwrap(), good, "{damage:?} {path:?}");
        }
    }
}

#[test]
fn index_entries_that_were_in_memory_when_the_process_was_killed_are_made_again() {
    let settings = LogSettings { index_interval_bytes: 150, ..LogSettings::default() };
    let [killed, closed] = [(), ()].map(|()| {
        let dir = tempfile::tempdir().unwrap();
        let log = open_with(&dir, settings.clone());
        for index in 0..500 {
            append(&log, &batch_at(NOW_MS + index, 1, 60));
        }
        // Found in the file and in memory alike.
        for index in 0..500 {
            assert_eq!(log.offset_for_timestamp(NOW_MS + index, i64::MAX).unwrap().unwrap().offset, index);
        }
        (dir, log)
    });
    closed.1.close(NOW_MS).unwrap();
    drop(killed.1);
    let indexes = |dir: &TempDir| {
        let paths = ["index", "timeindex"].map(|extension| files(dir.path(), extension).remove(0));
        paths.map(|path| fs::read(path).unwrap())
    };
    let whole = indexes(&closed.0);
    for (cut, whole) in indexes(&killed.0).iter().zip(&whole) {
        assert!(cut.len() < whole.len() && whole.starts_with(cut), "written in groups");
    }
    let log = open_with(&killed.0, settings);
    assert_eq!(offsets(&log, 0, 1).len(), 500);
    log.close(NOW_MS).unwrap();
    assert_eq!(indexes(&killed.0), whole);
}

#[test]
fn segments_from_elsewhere_are_adopted_zeros_at_their_end_and_all() {
    let source = tempfile::tempdir().unwrap();
    let segments = crashed(&source, 30);
    let dir = tempfile::tempdir().unwrap();
    for path in &segments[1..] {
        let mut bytes = fs::read(path).unwrap();
        bytes.resize(bytes.len() + 5_000, 0);
        fs::write(dir.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    fs::write(dir.path().join("notes.txt"), "not ours").unwrap();
    fs::write(dir.path().join("12.log"), "not a segment").unwrap();
    let start: i64 = segments[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let log = open(&dir);
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (start, 45));
    assert_eq!(log.flush_due(NOW_MS), None, "what is old is not read again to be flushed");
    let expected = offsets(&open(&source), start, 1);
    assert_eq!(offsets(&log, start, 1), expected);
    assert_eq!(log.recovery().truncated_bytes, 0);
    assert_eq!(append(&log, &batch(1, 10)).base_offset, 45);
    assert_eq!(offsets(&log, start, 1 << 20).len(), expected.len() + 1);
    assert!(dir.path().join("notes.txt").exists());
}

#[test]
fn a_clean_mark_is_not_trusted_once_something_was_appended() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, &batch(1, 10));
    log.close(NOW_MS).unwrap();
    drop(log);
    let log = open(&dir);
    append(&log, &batch(1, 10));
    drop(log);
    let log = open(&dir);
    assert!(log.recovery().verified_bytes > 0);
    assert_eq!(offsets(&log, 0, 1).len(), 2);
}

#[test]
fn a_closed_log_is_believed_whatever_the_size_of_its_batches() {
    for sizes in [&[5_000][..], &[50, 5_000], &[100, 100, 5_000], &[50, 50, 50, 50], &[200, 10, 400, 10]] {
        let dir = tempfile::tempdir().unwrap();
        let settings = LogSettings { index_interval_bytes: 300, ..LogSettings::default() };
        for (batches, size) in sizes.iter().enumerate() {
            // Opened anew for each batch: where the last index entry was is not forgotten.
            let log = open_with(&dir, settings.clone());
            assert_eq!(log.marked_clean.load(Ordering::Acquire), batches > 0, "{sizes:?}");
            append(&log, &batch(1, *size));
            log.close(NOW_MS).unwrap();
        }
        let log = open_with(&dir, settings);
        assert!(log.marked_clean.load(Ordering::Acquire), "{sizes:?}");
        assert_eq!(offsets(&log, 0, 1).len(), sizes.len());
    }
}

#[test]
fn index_files_without_their_segment_are_removed_and_other_files_stay() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, &batch(1, 200));
    drop(log);
    let orphans = ["index", "timeindex", "txnindex"].map(|extension| file_path(dir.path(), 77, extension));
    let foreign = dir.path().join("notes.index");
    for path in orphans.iter().chain([&foreign]) {
        std::fs::write(path, "what a segment left behind").unwrap();
    }
    let log = open(&dir);
    assert_eq!((log.log_end_offset(), orphans.iter().any(|path| path.exists()), foreign.exists()), (1, false, true));
}

#[test]
fn a_log_that_was_closed_is_opened_and_closed_again_without_opening_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, &batch(2, 200));
    log.close(NOW_MS).unwrap();
    let point = dir.path().join("recovery-point");
    let noted = std::fs::metadata(&point).unwrap().modified().unwrap();
    let log = open(&dir);
    assert!(lock(&log.writer).resumption.is_none());
    log.close(NOW_MS).unwrap();
    assert_eq!(std::fs::metadata(&point).unwrap().modified().unwrap(), noted);

    let log = open(&dir);
    append(&log, &batch(1, 200));
    assert!(lock(&log.writer).resumption.is_some_and(|resumption| resumption.first_timestamp == Some(NOW_MS)));
    log.close(NOW_MS).unwrap();
    assert_eq!(open(&dir).log_end_offset(), 3);
}

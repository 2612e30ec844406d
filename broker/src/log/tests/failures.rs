//! File operations that fail, and races that are lost, half-way.

use super::*;
use crate::log::storage::faults;

fn refused(log: &Log, batch: &[u8]) -> AppendError {
    log.append_as_leader(batch, Origin::Client, 0, NOW_MS).unwrap_err()
}

#[test]
fn a_repetition_is_acknowledged_no_sooner_than_what_it_repeats() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, &produced(0, 0));
    assert_eq!(log.flushed_offset(), 0);
    log.update_settings(LogSettings { flush_messages: Some(1), ..small_segments() });
    assert!(append(&log, &produced(0, 0)).duplicate);
    assert_eq!(log.flushed_offset(), 1);
    faults::set_sync_fails(true);
    assert!(matches!(refused(&log, &produced(1, 0)), AppendError::Storage(LogError::Io { action: "fsync", .. })));
    faults::set_sync_fails(false);
    let repeated = refused(&log, &produced(1, 0));
    assert!(matches!(repeated, AppendError::Storage(LogError::Poisoned(_))), "it is not on stable storage: {repeated}");
}

#[test]
fn a_flush_does_not_miss_what_retention_took_away_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for _ in 0..20 {
        append(&log, &batch(1, 200));
    }
    drop(log);
    let log = open_with(&dir, LogSettings { retention_bytes: Some(1_500), ..small_segments() });
    let (listed, target) = (log.segments.load_full(), lock(&log.checkpoint).written);
    assert_eq!(log.flushed_offset(), 0);
    assert!(!log.apply_retention(NOW_MS, 20).unwrap().files.is_empty());
    log.sync(&listed, 0, target).unwrap();
    drop(log);
    let log = open(&dir);
    std::fs::remove_file(files(dir.path(), "log").remove(0)).unwrap();
    let missed = log.sync(&log.segments.load(), 0, target);
    assert!(matches!(missed, Err(LogError::Io { .. })), "what should be there is missed: {missed:?}");
}

#[test]
fn a_segment_that_cannot_be_renamed_goes_with_the_next_retention() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(&dir, LogSettings { retention_bytes: Some(1_500), ..small_segments() });
    for _ in 0..20 {
        append(&log, &batch(1, 200));
    }
    let first = files(dir.path(), "log").remove(0);
    faults::set_name(Some("00000000000000000000.log"));
    let retired = log.apply_retention(NOW_MS, 20).unwrap();
    faults::set_name(None);
    assert!(!retired.files.is_empty() && first.exists(), "the others went: {retired:?}");
    assert_eq!(files(dir.path(), "log").len(), log.segment_count(), "nothing is forgotten");
    let noted = checkpoint::Checkpoint::read(dir.path()).unwrap().unwrap().unwrap().log_start_offset;
    assert_eq!(noted, log.log_start_offset(), "what stays is not read again, whatever happens now");
    assert!(noted > 0);
    assert!(!log.apply_retention(NOW_MS, 20).unwrap().files.is_empty());
    assert!(!first.exists());
    assert_eq!(files(dir.path(), "log").len(), log.segment_count());
}

#[test]
fn a_roll_that_failed_half_way_takes_nothing_with_it() {
    for failing in [".log", ".index", ".timeindex"] {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&dir);
        append(&log, &batch(1, 700));
        let existing = |dir: &Path| ["log", "index", "timeindex"].map(|extension| files(dir, extension).len());
        assert_eq!(existing(dir.path()), [1; 3]);
        faults::set_name(Some(failing));
        let full = refused(&log, &batch(1, 700));
        faults::set_name(None);
        assert!(matches!(full, AppendError::Storage(LogError::Io { action: "create", .. })), "{full:?}");
        assert_eq!(existing(dir.path()), [1; 3], "{failing}");
        append(&log, &batch(1, 10));
        append(&log, &batch(1, 10));
        drop(log);
        assert_eq!(offsets(&open(&dir), 0, 1), [(0, 0), (1, 1), (2, 2)]);
    }
}

#[test]
fn an_empty_segment_inside_another_is_not_believed() {
    for (stray, closed) in [(1, false), (1, true), (3, false), (3, true)] {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&dir);
        for value_bytes in [600, 10, 600, 10] {
            append(&log, &batch(1, value_bytes));
        }
        assert_eq!(files(dir.path(), "log").len(), 2);
        if closed {
            log.close(NOW_MS).unwrap();
        }
        drop(log);
        let path = segment::file_path(dir.path(), stray, "log");
        std::fs::write(&path, "").unwrap();
        let log = open(&dir);
        assert_eq!(offsets(&log, 0, 1), [(0, 0), (1, 1), (2, 2), (3, 3)], "{stray} {closed}");
        assert!(log.recovery().rot.is_empty() && !path.exists());
        assert_eq!(closed, *log.recovery() == Recovery::default(), "a clean close stays one");
        assert_eq!(append(&log, &batch(1, 10)).base_offset, 4);
    }
}

#[test]
fn an_empty_segment_after_another_is_where_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(&dir, LogSettings { segment_ms: 10, ..small_segments() });
    append(&log, &batch(1, 10));
    assert!(log.roll_if_due(NOW_MS + 100).unwrap());
    drop(log);
    let log = open(&dir);
    assert_eq!((log.segment_count(), log.log_end_offset()), (2, 1));
}

#[test]
fn a_full_disk_refuses_appends_keeps_what_is_there_and_recovers_with_space() {
    for space_bytes in [0, 1, 61, 70] {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&dir);
        append(&log, &batch(2, 10));
        let size = log.size_bytes();
        faults::set_space(Some(space_bytes));
        let refused = log.append_as_leader(&batch(1, 10), Origin::Client, 0, NOW_MS);
        faults::set_space(None);
        assert!(matches!(refused, Err(AppendError::DiskFull)), "{space_bytes}: {refused:?}");
        assert_eq!(log.log_end_offset(), 2);
        assert_eq!(std::fs::metadata(&files(dir.path(), "log")[0]).unwrap().len(), size, "the short write is cut off");
        assert_eq!(offsets(&log, 0, 1), [(0, 1)]);
        assert_eq!(append(&log, &batch(1, 10)).base_offset, 2);
        assert_eq!(offsets(&log, 0, 1), [(0, 1), (2, 2)]);
    }
}

#[test]
fn a_short_write_that_cannot_be_cut_off_ends_appending_but_not_reading() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, &batch(2, 10));
    faults::set_space(Some(30));
    faults::set_truncate_fails(true);
    let full = log.append_as_leader(&batch(1, 10), Origin::Client, 0, NOW_MS);
    faults::set_space(None);
    faults::set_truncate_fails(false);
    assert!(matches!(full, Err(AppendError::DiskFull)));
    let refused = log.append_as_leader(&batch(1, 10), Origin::Client, 0, NOW_MS);
    assert!(matches!(refused, Err(AppendError::Storage(LogError::Poisoned(_)))), "{refused:?}");
    assert_eq!(offsets(&log, 0, 1), [(0, 1)]);
    drop(log);
    let log = open(&dir);
    assert_eq!(log.recovery().truncated_bytes, 30);
    assert_eq!(append(&log, &batch(1, 10)).base_offset, 2);
}

#[test]
fn retention_makes_room_on_a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(&dir, LogSettings { retention_ms: Some(1), ..small_segments() });
    for _ in 0..20 {
        append(&log, &batch(1, 200));
    }
    faults::set_space(Some(0));
    let retired = log.apply_retention(NOW_MS + 10, 20);
    faults::set_space(None);
    assert!(!retired.unwrap().files.is_empty());
    assert_eq!(log.segment_count(), 1, "the active segment stays, since there is no room for its successor");
    assert!(log.log_start_offset() > 10 && log.log_end_offset() == 20);
}

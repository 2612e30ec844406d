//! Segments are closed, and removed from the front by retention and deletion.

use std::fs;

use super::*;

#[test]
fn segments_roll_by_size_age_and_index() {
    let dir = tempfile::tempdir().unwrap();
    let settings = LogSettings { segment_ms: 1_000, ..LogSettings::default() };
    let log = open_with(&dir, settings.clone());
    append(&log, &batch_at(NOW_MS - 2_000, 1, 10));
    append(&log, &batch_at(NOW_MS - 1_000, 1, 10));
    assert_eq!(log.segment_count(), 1);
    append(&log, &batch_at(NOW_MS - 999, 1, 10));
    assert_eq!(log.segment_count(), 2, "by the records' own time");
    assert!(!log.roll_if_due(NOW_MS).unwrap());
    assert!(log.roll_if_due(NOW_MS + 2).unwrap(), "a quiet segment is closed, too");
    assert!(!log.roll_if_due(NOW_MS + 9_000).unwrap(), "an empty one is not");

    log.update_settings(LogSettings { index_interval_bytes: 1, segment_index_bytes: 40, ..LogSettings::default() });
    let before = log.segment_count();
    drop(log);
    let log = open_with(&dir, LogSettings { index_interval_bytes: 1, segment_index_bytes: 40, ..settings });
    for _ in 0..20 {
        append(&log, &batch(1, 10));
    }
    assert!(log.segment_count() > before + 1);
    assert_eq!(offsets(&log, 0, 100).len(), 23);
}

#[test]
fn retention_takes_old_segments_by_time_and_their_files_are_handed_over() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(&dir, LogSettings { retention_ms: Some(1_000), ..small_segments() });
    for age_ms in (0..40).rev() {
        append(&log, &batch_at(NOW_MS - age_ms * 100, 1, 200));
    }
    let before = files(dir.path(), "log").len();
    let nothing = log.apply_retention(NOW_MS, 0).unwrap();
    assert!(nothing.files.is_empty(), "nothing past the high watermark goes");
    let retired = log.apply_retention(NOW_MS, log.log_end_offset()).unwrap();
    assert_eq!(retired.delay_ms, 60_000);
    assert!(retired.files.iter().all(|path| path.exists() && path.extension().unwrap() == "deleted"));
    assert!(files(dir.path(), "log").len() < before / 2);
    let start = log.log_start_offset();
    assert!(start > 20 && start <= 30, "{start}");
    assert!(log.read(start - 1, i64::MAX, 1, true).is_err());
    assert_eq!(offsets(&log, start, 1).len() as i64, 40 - start);
    drop(log);
    let log = open(&dir);
    assert_eq!(log.log_start_offset(), start);
    assert!(files(dir.path(), "deleted").is_empty(), "what was left of them goes at the next open");
}

#[test]
fn retention_by_size_keeps_at_least_so_much() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for _ in 0..40 {
        append(&log, &batch(1, 200));
    }
    log.update_settings(LogSettings { retention_bytes: Some(3_000), ..small_segments() });
    let _ = log.apply_retention(NOW_MS, log.log_end_offset()).unwrap();
    assert!((3_000..4_000).contains(&log.size_bytes()), "{}", log.size_bytes());
    let cleanup = CleanupPolicy { delete: false, compact: true };
    log.update_settings(LogSettings { retention_bytes: Some(0), cleanup, ..small_segments() });
    assert!(log.apply_retention(NOW_MS, log.log_end_offset()).unwrap().files.is_empty());
}

#[test]
fn the_log_start_offset_is_right_after_retention_and_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for _ in 0..20 {
        append(&log, &batch(1, 200));
    }
    log.close(NOW_MS).unwrap();
    let log = open_with(&dir, LogSettings { retention_bytes: Some(1_500), ..small_segments() });
    let _ = log.apply_retention(NOW_MS, 20).unwrap();
    let start = log.log_start_offset();
    assert!(start > 0);
    drop(log);
    assert_eq!(open(&dir).log_start_offset(), start);
}

#[test]
fn a_reader_keeps_what_it_planned_after_retention() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(&dir, LogSettings { retention_ms: Some(1), ..small_segments() });
    let first = batch(1, 200);
    append(&log, &first);
    let plan = log.read(0, 1, 1, true).unwrap();
    let retired = log.apply_retention(NOW_MS + 10, 1).unwrap();
    retired.files.iter().for_each(|path| fs::remove_file(path).unwrap());
    assert_eq!(sent(&plan)[16..], first[16..]);
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.size_bytes()), (1, 1, 0));
    assert_eq!(append(&log, &first).base_offset, 1, "offsets go on");
    drop(log);
    assert_eq!(open(&dir).log_start_offset(), 1);
}

#[test]
fn deleted_records_stay_deleted_and_their_segments_go() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for _ in 0..20 {
        append(&log, &batch(1, 200));
    }
    assert_eq!(log.delete_before(10).unwrap(), 10);
    assert_eq!(log.delete_before(5).unwrap(), 10, "it never goes back");
    drop(log);
    let log = open(&dir);
    assert_eq!(log.log_start_offset(), 10);
    let segments = log.segment_count();
    let _ = log.apply_retention(NOW_MS, 20).unwrap();
    assert!(log.segment_count() < segments);
    assert_eq!(log.log_start_offset(), 10);
    assert_eq!(log.read(10, 20, 1, true).unwrap().regions.len(), 1);
}

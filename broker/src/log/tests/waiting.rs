//! What may wait for the disk, and says so before it does.

use super::*;

#[test]
fn an_append_waits_for_the_first_change_after_a_clean_close_and_for_what_is_flushed_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    assert!(!log.append_may_wait());
    append(&log, &batch(1, 60));
    assert!(!log.append_may_wait());
    log.update_settings(LogSettings { flush_messages: Some(10), ..small_segments() });
    assert!(log.append_may_wait());
    log.close(NOW_MS).unwrap();

    let log = open(&dir);
    assert!(log.append_may_wait(), "the clean mark is taken back on stable storage");
    append(&log, &batch(1, 60));
    assert!(!log.append_may_wait());
}

#[test]
fn a_read_of_what_is_not_open_is_not_done_while_waiting_is_not_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for _ in 0..20 {
        append(&log, &batch(1, 200));
    }
    let end = log.log_end_offset();
    let recent = log.read_resident(end - 1, end, 1 << 20, true).unwrap();
    assert_eq!(recent.map(|plan| plan.regions.len()), Some(1));
    drop(log);

    let log = open(&dir);
    assert!(log.segment_count() > 2);
    assert!(log.read_resident(0, end, 1 << 20, true).unwrap().is_none());
    let planned = sent(&log.read(0, end, 1 << 20, true).unwrap());
    // A file system that cannot say what is in memory has every such read done elsewhere.
    if let Some(plan) = log.read_resident(0, end, 1 << 20, true).unwrap() {
        assert_eq!(sent(&plan), planned);
    }
    let out_of_range = log.read_resident(end + 1, end, 1 << 20, true);
    assert!(matches!(out_of_range, Err(ReadError::OffsetOutOfRange { .. })));
}

#[test]
fn a_read_of_what_the_page_cache_has_dropped_is_not_done_while_waiting_is_not_allowed() {
    let dir = tempfile::Builder::new().tempdir_in(".").unwrap();
    let log = open_with(&dir, LogSettings::default());
    for _ in 0..2_000 {
        append(&log, &batch(1, 500));
    }
    log.flush().unwrap();
    let file = std::fs::File::open(files(dir.path(), "log").remove(0)).unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    if log.read_resident(0, i64::MAX, 1 << 16, true).unwrap().is_some() {
        eprintln!("skipped: this file system keeps what it was told to drop");
        return;
    }
    log.read(0, i64::MAX, 1 << 16, true).unwrap();
    assert!(log.read_resident(0, i64::MAX, 1 << 16, true).unwrap().is_some(), "it is in the page cache now");
}

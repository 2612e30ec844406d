//! Flushing by age, by count, and after a roll.

use super::*;

#[test]
fn flushing_is_due_by_age_and_after_rolling_and_by_count_it_is_inline() {
    let dir = tempfile::tempdir().unwrap();
    let settings = LogSettings { flush_ms: Some(100), ..small_segments() };
    let log = open_with(&dir, settings.clone());
    assert_eq!(log.flush_due(NOW_MS + 1_000), None);
    append(&log, &batch(1, 10));
    assert_eq!(log.flush_due(NOW_MS + 99), None);
    assert_eq!(log.flush_due(NOW_MS + 100), Some(1));
    assert_eq!(log.flush_to(1).unwrap(), 1);
    assert_eq!(log.flush_due(NOW_MS + 1_000), None);
    while log.segment_count() < 2 {
        append(&log, &batch(1, 300));
    }
    let closed = log.log_end_offset() - 1;
    assert_eq!(log.flush_due(NOW_MS), Some(closed));
    assert_eq!(log.flush_to(closed).unwrap(), closed);
    assert_eq!(log.flush_due(NOW_MS), None);
    log.update_settings(LogSettings { flush_messages: Some(2), ..settings });
    append(&log, &batch(1, 10));
    assert_eq!(log.flushed_offset(), log.log_end_offset());
    append(&log, &batch(1, 10));
    assert!(log.flushed_offset() < log.log_end_offset());
}

#[test]
fn appends_from_several_threads_share_the_log_and_the_flush() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(&dir, LogSettings { flush_messages: Some(1), ..small_segments() });
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let appended = append(&log, &batch(1, 40));
                    assert!(log.flushed_offset() > appended.last_offset);
                }
            });
        }
    });
    assert_eq!(offsets(&log, 0, 1 << 20).len(), 30);
}

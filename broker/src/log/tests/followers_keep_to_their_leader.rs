//! Leader epochs, appends as a follower, truncation.

use super::*;

#[test]
fn leader_epochs_tell_where_logs_part() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    assert_eq!(log.end_offset_for_epoch(0), None);
    for epoch in [0, 0, 2] {
        log.append_as_leader(&batch(2, 10), Origin::Client, epoch, NOW_MS).unwrap();
    }
    assert_eq!(log.latest_epoch(), Some(2));
    assert_eq!(log.end_offset_for_epoch(0), Some((0, 4)));
    assert_eq!(log.end_offset_for_epoch(1), Some((0, 4)));
    assert_eq!(log.end_offset_for_epoch(2), Some((2, 6)));
    log.truncate_to(4, NOW_MS).unwrap();
    assert_eq!(log.latest_epoch(), Some(0));
}

#[test]
fn a_follower_keeps_offsets_and_epochs_gaps_included() {
    let (leader_dir, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (leader, follower) = (open(&leader_dir), open(&dir));
    for epoch in [1, 1, 4] {
        leader.append_as_leader(&batch(2, 10), Origin::Client, epoch, NOW_MS).unwrap();
    }
    let bytes = sent(&leader.read(0, i64::MAX, 1 << 20, true).unwrap());
    let appended = follower.append_as_follower(&bytes, NOW_MS).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset, follower.latest_epoch()), (0, 5, Some(4)));
    assert_eq!(sent(&follower.read(0, i64::MAX, 1 << 20, true).unwrap()), bytes);
    let refused = follower.append_as_follower(&bytes, NOW_MS);
    assert!(matches!(refused, Err(AppendError::UnexpectedOffset { got: 0, expected: 6 })));
    let far = BatchBuilder::new().base_offset(1 << 40).leader_epoch(4).record(NOW_MS, None, None).build();
    follower.append_as_follower(&far, NOW_MS).unwrap();
    assert_eq!(follower.log_end_offset(), (1 << 40) + 1);
    assert_eq!(offsets(&follower, 4, 1), [(4, 5), (1 << 40, 1 << 40)]);
    drop(follower);
    assert_eq!(open(&dir).log_end_offset(), (1 << 40) + 1);
}

#[test]
fn truncation_removes_the_tail_producers_included() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for sequence in 0..4 {
        append(&log, &produced(sequence, 0));
    }
    while log.segment_count() < 4 {
        append(&log, &batch(2, 100));
    }
    log.flush().unwrap();
    log.truncate_to(3, NOW_MS).unwrap();
    assert_eq!((log.log_end_offset(), log.segment_count()), (3, 1));
    assert!(log.flushed_offset() <= 3);
    assert_eq!(append(&log, &produced(3, 0)).base_offset, 3, "the truncated batch is not a duplicate");
    append(&log, &batch(2, 10));
    log.truncate_to(5, NOW_MS).unwrap();
    assert_eq!(log.log_end_offset(), 4, "a batch is removed whole");
    drop(log);
    let log = open(&dir);
    assert_eq!(offsets(&log, 0, 1_000).len(), 4);
    assert!(log.recovery().rot.is_empty());
}

#[test]
fn truncation_below_everything_starts_anew() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for _ in 0..20 {
        append(&log, &batch(1, 200));
    }
    let _ = log.delete_before(10).unwrap();
    let _ = log.apply_retention(NOW_MS, 20).unwrap();
    log.truncate_to(4, NOW_MS).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (4, 4));
    assert_eq!(append(&log, &batch(1, 10)).base_offset, 4);
}

use std::fs;

use super::*;
use crate::log::storage::faults;
use crate::record::{Batch, BatchHeader, Compression, batches};

#[test]
fn offsets_follow_one_another_across_segments_and_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    let mut expected = Vec::new();
    for index in 0..40 {
        let appended = append(&log, &batch(1 + index % 3, 50));
        expected.push((appended.base_offset, appended.last_offset));
    }
    assert!(expected.is_sorted_by(|before, after| before.1 + 1 == after.0));
    assert!(log.segment_count() > 3);
    for max_bytes in [0, 200, 1_000, 1 << 20] {
        assert_eq!(offsets(&log, 0, max_bytes), expected);
    }
    log.close(NOW_MS).unwrap();
    let log = open(&dir);
    assert_eq!(*log.recovery(), Recovery::default(), "nothing is verified after a clean close");
    for max_bytes in [0, 200, 1_000, 1 << 20] {
        assert_eq!(offsets(&log, 0, max_bytes), expected);
    }
    let next = append(&log, &batch(1, 10));
    assert_eq!(next.base_offset, expected.last().unwrap().1 + 1);
    assert_eq!(next.log_append_time_ms, None);
}

#[test]
fn what_is_read_is_what_was_sent_but_for_offset_and_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, &batch(3, 10));
    let sent_batch = batch(2, 20);
    log.append_as_leader(&sent_batch, Origin::Client, 5, NOW_MS).unwrap();
    let read = sent(&log.read(4, i64::MAX, 1, true).unwrap());
    assert_eq!(read[16..], sent_batch[16..]);
    let header = BatchHeader::parse(&read).unwrap();
    assert_eq!((header.base_offset, header.partition_leader_epoch), (3, 5), "an offset inside gives the whole batch");
}

#[test]
fn a_plan_keeps_to_whole_batches_below_the_upper_offset_and_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(&dir, LogSettings { index_interval_bytes: 150, ..LogSettings::default() });
    let size = batch(2, 50).len();
    // More batches than are remembered, so that both ways of planning are tried.
    for _ in 0..200 {
        append(&log, &batch(2, 50));
    }
    for from in [0, 1, 2, 101, 380, 398] {
        for below in [0, 2, 3, 102, 150, 399, 400, 1_000] {
            for fit in [0, 1, 2, 7, 500] {
                for at_least_one in [false, true] {
                    let plan = log.read(from, below, fit * size + 10, at_least_one).unwrap();
                    let first = from / 2;
                    let available = (below.min(400) / 2 - first).max(0) as usize;
                    let expected = available.min(fit.max(usize::from(at_least_one))) * size;
                    let expected = if from < below { expected } else { 0 };
                    assert_eq!(plan.size_bytes, expected, "{from}..{below}, {fit} batches, {at_least_one}");
                    let bytes = sent(&plan);
                    if let Some(batch) = batches(&bytes).next() {
                        assert_eq!(batch.unwrap().header.base_offset, first * 2);
                    }
                }
            }
        }
    }
}

#[test]
fn an_offset_outside_the_log_is_out_of_range() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, &batch(5, 10));
    assert_eq!(log.delete_before(3).unwrap(), 3);
    assert_eq!(log.read(5, i64::MAX, 100, true).unwrap().size_bytes, 0, "the end itself is in range, and empty");
    for offset in [-1, 2, 6] {
        let refused = log.read(offset, i64::MAX, 100, true);
        assert!(
            matches!(refused, Err(ReadError::OffsetOutOfRange { log_start_offset: 3, log_end_offset: 5, .. })),
            "{offset}: {refused:?}"
        );
    }
    assert!(log.delete_before(6).is_err());
}

#[test]
fn what_clients_may_not_send_is_refused_and_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(&dir, LogSettings { max_message_bytes: 500, ..small_segments() });
    let refused = |bytes: &[u8]| log.append_as_leader(bytes, Origin::Client, 0, NOW_MS).unwrap_err();
    let valid = batch(1, 10);
    let mut flipped = valid.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(matches!(refused(&flipped), AppendError::Corrupt(_)));
    assert!(matches!(refused(&valid[..valid.len() - 1]), AppendError::Corrupt(_)));
    assert!(matches!(refused(b""), AppendError::BatchCount { got: 0 }));
    assert!(matches!(refused(&[&valid[..], &valid].concat()), AppendError::BatchCount { got: 2 }));
    assert!(matches!(refused(&batch(1, 500)), AppendError::BatchTooLarge { max_bytes: 500, .. }));
    let shifted = BatchBuilder::new().base_offset(1).record(NOW_MS, None, None).build();
    assert!(matches!(refused(&shifted), AppendError::InvalidRecord(_)));
    let mut false_count = BatchBuilder::new().record(NOW_MS, None, None).build().to_vec();
    false_count[23..27].copy_from_slice(&(i32::MAX - 1).to_be_bytes());
    false_count[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    let crc = crc32c::crc32c(&false_count[21..]);
    false_count[17..21].copy_from_slice(&crc.to_be_bytes());
    assert!(matches!(refused(&false_count), AppendError::InvalidRecord(crate::record::InvalidBatch::Record(_))));
    let late = batch_at(NOW_MS + 3_600_001, 1, 1);
    assert!(matches!(refused(&late), AppendError::InvalidTimestamp { .. }));
    append(&log, &batch_at(NOW_MS + 3_600_000, 1, 1));
    append(&log, &batch_at(-1, 1, 1));
    assert_eq!(log.log_end_offset(), 2);
    log.update_settings(LogSettings { segment_bytes: 60, ..LogSettings::default() });
    assert!(matches!(refused(&valid), AppendError::RecordListTooLarge { segment_bytes: 60, .. }));
}

#[test]
fn the_broker_itself_may_append_several_batches_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    let run = [batch(2, 10), batch(3, 10)].concat();
    let appended = log.append_as_leader(&run, Origin::Coordinator, 0, NOW_MS).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (0, 4));
    assert_eq!(offsets(&log, 0, 1), [(0, 1), (2, 4)]);
}

#[test]
fn a_compacted_topic_wants_keys() {
    let dir = tempfile::tempdir().unwrap();
    let cleanup = CleanupPolicy { delete: false, compact: true };
    let log = open_with(&dir, LogSettings { cleanup, ..LogSettings::default() });
    append(&log, &batch(1, 10));
    let keyless = BatchBuilder::new().compression(Compression::Zstd).record(NOW_MS, None, Some(b"v")).build();
    assert!(matches!(
        log.append_as_leader(&keyless, Origin::Client, 0, NOW_MS),
        Err(AppendError::InvalidRecord(crate::record::InvalidBatch::MissingKey { index: 0 }))
    ));
}

#[test]
fn log_append_time_is_the_brokers_and_the_crc_holds() {
    let dir = tempfile::tempdir().unwrap();
    let timestamp_type = crate::record::TimestampType::LogAppendTime;
    let log = open_with(&dir, LogSettings { timestamp_type, ..LogSettings::default() });
    let appended = append(&log, &batch_at(5, 2, 10));
    assert_eq!((appended.log_append_time_ms, appended.max_timestamp), (Some(NOW_MS), NOW_MS));
    let bytes = sent(&log.read(0, 2, 1, true).unwrap());
    let batch = Batch::parse(&bytes).unwrap();
    batch.verify_crc().unwrap();
    assert!(batch.records(1_000).unwrap().iter().all(|record| record.unwrap().timestamp == NOW_MS));
}

#[test]
fn an_idempotent_producers_repetition_gets_the_original_offsets_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, &batch(3, 10));
    for sequence in 0..8 {
        assert_eq!(append(&log, &produced(sequence, 0)).base_offset, 3 + i64::from(sequence));
    }
    let repeated = append(&log, &produced(5, 0));
    assert_eq!((repeated.base_offset, repeated.duplicate, repeated.size_bytes), (8, true, 0));
    assert_eq!(log.log_end_offset(), 11);
    let refused = |log: &Log, batch: &[u8]| log.append_as_leader(batch, Origin::Client, 0, NOW_MS).unwrap_err();
    assert!(matches!(refused(&log, &produced(9, 0)), AppendError::OutOfOrderSequence { got: 9, last: 7, .. }));

    drop(log);
    let log = open(&dir);
    assert_eq!(append(&log, &produced(4, 0)).base_offset, 7, "recovery rebuilds the last five");
    log.close(NOW_MS).unwrap();
    let log = open(&dir);
    assert_eq!(append(&log, &produced(7, 0)).base_offset, 10, "a snapshot keeps the last, as in Kafka");
    assert_eq!(append(&log, &produced(0, 1)).base_offset, 11);
    assert!(matches!(refused(&log, &produced(8, 0)), AppendError::InvalidProducerEpoch { .. }));
}

#[test]
fn producers_survive_rolling_and_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, &produced(0, 0));
    while log.segment_count() < 4 {
        append(&log, &batch(1, 200));
    }
    drop(log);
    let log = open(&dir);
    assert!(append(&log, &produced(0, 0)).duplicate);
    let mut idle = small_segments();
    idle.producer_id_expiration_ms = 1_000;
    log.update_settings(idle);
    let _ = log.apply_retention(NOW_MS + 1_000, 0).unwrap();
    assert!(!append(&log, &produced(0, 0)).duplicate, "forgotten once idle for long enough");
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
        assert_eq!(fs::metadata(&files(dir.path(), "log")[0]).unwrap().len(), size, "the short write is cut off");
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

#[test]
fn records_are_found_by_timestamp() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for index in 0..50 {
        let builder = BatchBuilder::new().compression(Compression::Lz4);
        let timestamp = 1_000 + index * 10;
        let batch = builder.record(timestamp, None, Some(&[1; 60])).record(timestamp + 5, None, Some(&[2; 60])).build();
        append(&log, &batch);
    }
    log.append_as_leader(&batch_at(1_200, 1, 10), Origin::Client, 3, NOW_MS).unwrap();
    for log in [log, { open(&dir) }] {
        let find = |timestamp| log.offset_for_timestamp(timestamp, i64::MAX).unwrap();
        assert_eq!(find(0), Some(TimestampOffset { timestamp: 1_000, offset: 0, leader_epoch: 0 }));
        for index in 0..50 {
            let timestamp = 1_000 + index * 10;
            assert_eq!(find(timestamp).unwrap().offset, index * 2);
            let inside = TimestampOffset { timestamp: timestamp + 5, offset: index * 2 + 1, leader_epoch: 0 };
            assert_eq!(find(timestamp + 1), Some(inside));
        }
        assert_eq!(find(1_496), None);
        assert_eq!(log.offset_for_timestamp(1_100, 20).unwrap(), None, "not below the upper offset");
        assert_eq!(log.max_timestamp().unwrap().unwrap().offset, 99);
    }
}

#[test]
fn a_log_without_timestamps_finds_none() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    assert_eq!(log.max_timestamp().unwrap(), None);
    assert_eq!(log.offset_for_timestamp(0, i64::MAX).unwrap(), None);
    append(&log, &batch_at(-1, 1, 10));
    assert_eq!(log.max_timestamp().unwrap(), None);
}

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
fn a_closed_log_takes_no_appends_but_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    append(&log, &batch(2, 10));
    log.close(NOW_MS).unwrap();
    let refused = log.append_as_leader(&batch(1, 10), Origin::Client, 0, NOW_MS);
    assert!(matches!(refused, Err(AppendError::Storage(LogError::Poisoned(_)))));
    assert_eq!(offsets(&log, 0, 1), [(0, 1)]);
}

#[test]
fn readers_see_whole_batches_while_a_writer_appends_and_rolls() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|max| {
                let log = &log;
                scope.spawn(move || {
                    let mut next = 0;
                    while next < 600 {
                        let plan = log.read(next, i64::MAX, 100 + max * 900, true).unwrap();
                        for batch in batches(&sent(&plan)) {
                            let batch = batch.unwrap();
                            batch.verify_crc().unwrap();
                            assert_eq!(batch.header.base_offset, next);
                            next = batch.header.last_offset() + 1;
                        }
                    }
                })
            })
            .collect();
        for _ in 0..300 {
            append(&log, &batch(2, 40));
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
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

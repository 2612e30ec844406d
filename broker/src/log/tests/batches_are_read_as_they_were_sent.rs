//! Reading: by offset, by timestamp, across segments, while others write.

use super::*;
use crate::record::{BatchHeader, Compression, batches};

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

//! What a leader takes, from clients and from the broker itself.

use super::*;
use crate::record::{Batch, Compression};

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

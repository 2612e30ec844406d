//! Idempotent producers, across restarts and crashes.

use super::*;

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

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

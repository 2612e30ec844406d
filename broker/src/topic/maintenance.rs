//! What a partition's log needs from time to time, for all partitions.

use std::time::Duration;

use super::{Partition, Topics};
use crate::log::{Log, LogError};

/// A recovery after a crash of the process reads at most about this much of a partition's log, in bytes.
const CHECKPOINT_AFTER_BYTES: u64 = 64 << 20;

impl Topics {
    /// Closes segments by `segment.ms` and removes those that retention has reached.
    pub fn apply_retention(&self, now_ms: i64) {
        self.maintain("retention", |partition, log| {
            log.roll_if_due(now_ms)?;
            let retired = log.apply_retention(now_ms, partition.high_watermark())?;
            for path in retired.files {
                self.unlinker().remove_after(path, Duration::from_millis(retired.delay_ms));
            }
            Ok(())
        });
    }

    /// Flushes what is due by `flush.ms` or because a segment was closed, and notes how far each log is written once
    /// that has moved far enough.
    pub fn flush_due(&self, now_ms: i64) {
        self.maintain("flush", |_, log| {
            if let Some(offset) = log.flush_due(now_ms) {
                log.flush_to(offset)?;
            }
            if log.bytes_since_checkpoint() >= CHECKPOINT_AFTER_BYTES {
                log.checkpoint()?;
            }
            Ok(())
        });
    }

    /// Notes how far each log is written, so that a recovery starts there.
    pub fn checkpoint(&self) {
        self.maintain("checkpoint", |_, log| if log.bytes_since_checkpoint() > 0 { log.checkpoint() } else { Ok(()) });
    }

    fn maintain(&self, what: &'static str, work: impl Fn(&Partition, &Log) -> Result<(), LogError>) {
        for partition in self.partitions() {
            if let Ok(log) = partition.log()
                && let Err(error) = work(&partition, log)
                && !partition.is_deleted()
            {
                tracing::error!(partition = %partition.name(), %error, "{what} failed");
            }
        }
    }
}

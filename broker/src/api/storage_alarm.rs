//! A failing disk fails every request; the log hears of it once a second.

use std::sync::atomic::{AtomicI64, Ordering};

use tracing::error;

use super::errors::{AsKafkaError, KafkaError};
use crate::topic::{Partition, PartitionError};

const QUIET_MS: i64 = 1_000;

/// Logs storage errors, at most one a second.
#[derive(Debug, Default)]
pub(super) struct StorageAlarm {
    quiet_until_ms: AtomicI64,
}

impl StorageAlarm {
    /// Logs `error` if it is one of storage and the last one is long enough ago. Other errors are the client's.
    pub(super) fn hear(&self, partition: &Partition, error: &PartitionError, now_ms: i64) {
        if error.kafka_error() != KafkaError::KafkaStorageError {
            return;
        }
        let quiet_until_ms = self.quiet_until_ms.load(Ordering::Relaxed);
        let silence = now_ms < quiet_until_ms;
        let mine = || {
            let (from, to) = (quiet_until_ms, now_ms + QUIET_MS);
            self.quiet_until_ms.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        if !silence && mine() {
            error!(topic = %partition.topic(), partition = partition.index(), %error, "storage failed");
        }
    }
}

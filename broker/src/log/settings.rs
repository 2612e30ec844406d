//! A log's settings, by Kafka's topic settings.

use crate::record::TimestampType;

/// What becomes of old data (`cleanup.policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Whole segments go by `retention.ms` and `retention.bytes`.
    pub delete: bool,
    /// Every record needs a key; the latest of each key is kept.
    pub compact: bool,
}

/// A topic's settings as far as its logs need them. Units stand last in the names; `None` is Kafka's -1, or its
/// `Long.MAX_VALUE` where that means never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// `segment.bytes`: a segment never grows past this.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment older than this is closed.
    pub segment_ms: i64,
    /// `segment.index.bytes`: a segment whose index reaches this is closed.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: an index entry about every so many bytes.
    pub index_interval_bytes: u32,
    /// `max.message.bytes`: the largest batch accepted.
    pub max_message_bytes: u32,
    /// `cleanup.policy`.
    pub cleanup: CleanupPolicy,
    /// `retention.ms`.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`.
    pub retention_bytes: Option<u64>,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: u64,
    /// `flush.messages`: fsync inside the append once so many messages are unflushed.
    pub flush_messages: Option<u64>,
    /// `flush.ms`: fsync in the background once the oldest unflushed message is this old.
    pub flush_ms: Option<i64>,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far a timestamp may lie in the past.
    pub timestamp_before_max_ms: Option<i64>,
    /// `message.timestamp.after.max.ms`: how far a timestamp may lie in the future.
    pub timestamp_after_max_ms: Option<i64>,
    /// `producer.id.expiration.ms` (a broker setting): how long an idle producer is remembered.
    pub producer_id_expiration_ms: i64,
}

impl Default for LogSettings {
    /// Kafka 4's defaults.
    fn default() -> Self {
        LogSettings {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            max_message_bytes: 1_048_588,
            cleanup: CleanupPolicy { delete: true, compact: false },
            retention_ms: Some(7 * 24 * 3_600_000),
            retention_bytes: None,
            file_delete_delay_ms: 60_000,
            flush_messages: None,
            flush_ms: None,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: None,
            timestamp_after_max_ms: Some(3_600_000),
            producer_id_expiration_ms: 86_400_000,
        }
    }
}

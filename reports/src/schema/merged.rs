//! Where a merged result comes from.

use serde::{Deserialize, Serialize};

/// One of the runs that a merged result was made of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MergedRun {
    /// Its file, as named when they were merged.
    pub file: String,
    /// When it started, milliseconds since the epoch, UTC.
    pub started_unix_ms: i64,
    /// Its seed.
    pub seed: u64,
    /// Length of its measured window.
    pub measured_ms: u64,
    /// Messages due in that window.
    pub due: u64,
    /// Of these, acknowledged.
    pub acked: u64,
    /// 99th percentile of intended→ack of its finished messages.
    pub ack_p99_ns: Option<u64>,
}

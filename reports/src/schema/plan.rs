//! The plan: every option of `loadgen run`, as it was resolved (defaults filled in).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What was asked for. Texts are in the command line's own syntax, so that they can be typed again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// The command as typed, program name first, one element an argument.
    pub command: Vec<String>,
    /// The seed every choice of the run follows from.
    pub seed: u64,
    /// `embedded`, or what else the load went to.
    pub target: String,
    /// `--bootstrap-servers`; `null` for the embedded broker.
    pub bootstrap_servers: Option<String>,
    /// The topic's name.
    pub topic: String,
    /// Whether the run created the topic (and so may delete it).
    pub topic_created: bool,
    /// Partitions of the topic.
    pub partitions: u32,
    /// Replicas of each partition; `null` where the cluster's default applied.
    pub replication_factor: Option<u16>,
    /// Messages that fall due each second.
    pub rate_per_second: f64,
    /// Length of the measured window, where it was given by time.
    pub duration_ms: Option<u64>,
    /// Messages of the measured window, where it was given by number.
    pub messages: Option<u64>,
    /// Length of the warm-up.
    pub warmup_ms: u64,
    /// `--size`: a fixed size or a distribution.
    pub size: String,
    /// `--payload-file`.
    pub payload_file: Option<String>,
    /// `--key`.
    pub key: String,
    /// `--partitioner`.
    pub partitioner: String,
    /// Producer workers.
    pub producers: u32,
    /// Consumer groups.
    pub groups: u32,
    /// Members of each group.
    pub consumers_per_group: u32,
    /// `--acks`: `all`, `1` or `0`.
    pub acks: String,
    /// `--compression`.
    pub compression: String,
    /// `--linger`.
    pub linger_us: u64,
    /// `--idempotent`.
    pub idempotent: bool,
    /// `-X property=value`.
    pub properties: BTreeMap<String, String>,
    /// `--assert`, each as typed.
    pub assertions: Vec<String>,
    /// `--out`.
    pub out_dir: Option<String>,
    /// Any other option, by its long name, in the command line's syntax.
    pub other: BTreeMap<String, String>,
}

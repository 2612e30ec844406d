//! What came of the run: times, totals, verdict, resources.

use serde::{Deserialize, Serialize};

/// When the run took place, and how long its phases took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Times {
    /// Start of the run, milliseconds since the epoch, UTC.
    pub started_unix_ms: i64,
    /// Length of the warm-up that took place.
    pub warmup_ms: u64,
    /// Length of the measured window that took place (shorter than planned where the run was cut short).
    pub measured_ms: u64,
    /// From the end of the window until every group had caught up or the deadline passed.
    pub drain_ms: u64,
    /// From the start of the process to its report.
    pub total_ms: u64,
}

/// Where every message went. `due = acked + failed + unknown + unsent`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Messages whose intended time lay in the window.
    pub due: u64,
    /// Handed to the client library.
    pub submitted: u64,
    /// Acknowledged, whenever that was.
    pub acked: u64,
    /// Of the messages due, those acknowledged before the window closed. The last few milliseconds' messages are in flight
    /// then, and missing here even where the cluster keeps up.
    pub acked_in_window: u64,
    /// Acknowledgements that arrived while the window was open, of the warm-up's messages too: the throughput. Where the
    /// cluster keeps up, what is in flight as the window opens makes up for what is in flight as it closes.
    pub acked_during_window: u64,
    /// Certainly not written.
    pub failed: u64,
    /// Perhaps written, perhaps not.
    pub unknown: u64,
    /// Due, but never handed to the client library.
    pub unsent: u64,
    /// Bytes of keys and values of acknowledged messages, before compression.
    pub acked_bytes: u64,
    /// Messages of the warm-up, in none of the other figures.
    pub warmup_messages: u64,
    /// One record a consumer group.
    pub groups: Vec<GroupTotals>,
}

/// What one consumer group read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupTotals {
    /// `g0`, `g1`, …: what it is called everywhere in the result.
    pub name: String,
    /// The group's id in the cluster.
    pub group_id: String,
    /// Its members.
    pub members: u32,
    /// Messages of the window that it read.
    pub consumed: u64,
    /// Of these, read before the window closed.
    pub consumed_in_window: u64,
    /// Messages of the run that it read while the window was open, those of the warm-up too.
    pub consumed_during_window: u64,
    /// Bytes of keys and values, after decompression.
    pub consumed_bytes: u64,
    /// Legitimately delivered again (from the offset committed at an assignment).
    pub redelivered: u64,
    /// Messages in the topic that were not this run's.
    pub foreign: u64,
}

/// One partition of the topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionTotals {
    /// Its number.
    pub partition: i32,
    /// Messages acknowledged in it.
    pub messages: u64,
    /// Messages the plan's partitioner was to put there; `null` where the choice was the client's.
    pub expected_messages: Option<u64>,
    /// Messages that stood, or were read, out of the order they were sent in; counted once for each observer.
    pub order_violations: u64,
}

/// What the checker found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// Whether every message was judged (false where the run ended before the checker could).
    pub complete: bool,
    /// No anomaly that fails the run was found.
    pub clean: bool,
    /// Messages judged, over all groups.
    pub checked: u64,
    /// What the plan's settings promise, one sentence each.
    pub expectation: Vec<String>,
    /// What was found, failing ones first.
    pub anomalies: Vec<Anomaly>,
    /// The reasons of [`Validity`](super::Validity) as sentences, `KIND: sentence`, as schema 1.0 had them.
    pub invalid: Vec<String>,
}

/// One kind of anomaly, with Jepsen's name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Anomaly {
    /// `lost-write`, `duplicate`, `nonmonotonic-poll`, `nonmonotonic-send`, `poll-skip`, `inconsistent-offsets`,
    /// `unseen`, `G1a`, `precommitted-read`, and our own `corrupt`, `wrong-partition`.
    pub name: String,
    /// Messages concerned.
    pub count: u64,
    /// Whether it fails the run, or is only counted because the settings promise no better.
    pub failing: bool,
    /// One sentence: what it means.
    pub meaning: String,
    /// The first few, exactly.
    pub examples: Vec<AnomalyExample>,
}

/// One message, or run of messages, that an anomaly concerns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnomalyExample {
    /// The partition.
    pub partition: i32,
    /// The first offset concerned; `null` where the message never got one.
    pub first_offset: Option<i64>,
    /// The last offset concerned, inclusive.
    pub last_offset: Option<i64>,
    /// The group that saw it (or should have).
    pub group: Option<String>,
    /// One sentence with what was expected and what was seen.
    pub detail: String,
}

/// What the processes used during the measured window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// The broker's process; `null` where it is not on this machine.
    pub broker: Option<ProcessUse>,
    /// The generator's process.
    pub generator: Option<ProcessUse>,
}

/// What one process used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessUse {
    /// CPU time in user mode.
    pub user_us: u64,
    /// CPU time in the kernel.
    pub system_us: u64,
    /// CPU time (user and kernel) for a million acknowledged messages.
    pub cpu_us_per_million_messages: Option<u64>,
    /// Largest resident set seen.
    pub rss_max_bytes: u64,
    /// Bytes read from storage.
    pub read_bytes: Option<u64>,
    /// Bytes written to storage.
    pub written_bytes: Option<u64>,
    /// Context switches because it waited.
    pub voluntary_switches: Option<u64>,
    /// Context switches because its time was up.
    pub involuntary_switches: Option<u64>,
    /// From the start of the process to its first Metadata reply, where this run started it.
    pub ready_us: Option<u64>,
}

/// How well the client batched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Batching {
    /// Mean messages in a produced batch.
    pub messages_per_batch: Option<f64>,
    /// Mean bytes in a produced batch, as sent.
    pub bytes_per_batch: Option<f64>,
    /// Produce requests a second, over all producers: each client's own count by its own clock, from the first to the last
    /// time that it said so in the window (once a second). `null` of a window too short for that.
    pub produce_requests_per_second: Option<f64>,
}

/// One `--assert`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Assertion {
    /// As typed.
    pub expression: String,
    /// The figure it was held against, with its unit.
    pub measured: Option<String>,
    /// Whether it held; `null` where it could not be decided.
    pub held: Option<bool>,
}

/// How the run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum Ending {
    /// All phases took place.
    #[default]
    Completed,
    /// The user ended it early; the figures cover what was measured until then.
    Interrupted,
    /// An error ended it.
    Failed {
        /// The error and what to do, in one sentence.
        error: String,
    },
}

/// What the process told its caller.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExitStatus {
    /// The exit code.
    pub code: i32,
    /// Its name: `clean`, `anomalies`, `invalid`, `assertion missed`, …
    pub name: String,
}

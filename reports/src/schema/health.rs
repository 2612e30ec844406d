//! Whether the figures may be used, and what that is judged by: the generator's own health.

use serde::{Deserialize, Serialize};

use super::Latency;

/// Whether the figures may be used. Every rule, with its thresholds, is in `loadgen run --help`, and uses nothing but
/// this file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Validity {
    /// The figures are the target's own, in a steady state, of the whole window.
    pub valid: bool,
    /// Why they are not, the gravest first; empty for a valid run.
    pub reasons: Vec<Invalidity>,
}

impl Default for Validity {
    fn default() -> Self {
        Self { valid: true, reasons: Vec::new() }
    }
}

/// One reason for not using the figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Invalidity {
    /// `GENERATOR-LIMITED`, `UNSTABLE` or `CUT SHORT`.
    pub kind: String,
    /// The rule that found it: `late`, `starved`, `queue`, `limit`; `backlog`, `wandering`, `jitter`; `ended`, `drain`.
    pub rule: String,
    /// One sentence, with the numbers it was judged by and what to do.
    pub sentence: String,
}

/// How the generator itself was, in the measured window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GeneratorHealth {
    /// The latest a message was submitted after its intended time.
    pub max_schedule_lag_ns: u64,
    /// Time, summed over workers, for which the client library's queue was full.
    pub queue_full_ns: u64,
    /// That time as a share of the window, 0 to 1, of the worker that waited longest.
    pub queue_full_share: Option<f64>,
    /// The pacing quantum: messages of one quantum are submitted together.
    pub pacing_quantum_ns: u64,
    /// Share of the machine's cores that the generator used, 0 to 1.
    pub cpu_share: Option<f64>,
    /// How late a thread that does nothing but sleep was woken, at worst.
    pub clock_jitter_ns: Option<u64>,
    /// Its 99th percentile.
    pub clock_jitter_p99_ns: Option<u64>,
    /// One record a producer worker.
    pub workers: Vec<WorkerHealth>,
    /// The generator's threads by what they do.
    pub threads: Vec<ThreadsUse>,
    /// The highest rate that this generator reached with this plan into a null sink, over all its producers.
    pub limit_messages_per_second: Option<f64>,
    /// That limit by the rate asked for.
    pub headroom: Option<f64>,
    /// How the limit was found; `null` where it was not looked for.
    pub calibration: Option<Calibration>,
}

/// One producer worker.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerHealth {
    /// Its index.
    pub worker: u32,
    /// From when a message was due to when it was handed to the client library.
    pub schedule_lag: Latency,
    /// For how long the client library's queue was full while a message was due.
    pub queue_full_ns: u64,
}

/// The generator's threads of one kind, over the measured window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThreadsUse {
    /// `producer workers`, `consumer workers`, `librdkafka`, `rest`.
    pub role: String,
    /// How many there are.
    pub threads: u32,
    /// CPU time.
    pub run_us: u64,
    /// Time in which they were ready to run and had no CPU; `null`, as the next two, where the kernel does not say.
    pub wait_us: Option<u64>,
    /// How often they were given a CPU.
    pub turns: Option<u64>,
    /// Share of the window, 0 to 1, for which the thread that waited longest waited for a CPU.
    pub max_wait_share: Option<f64>,
    /// Share of the window, 0 to 1, for which the busiest of them ran.
    pub max_run_share: f64,
    /// Context switches because they waited for something.
    pub voluntary_switches: Option<u64>,
    /// Context switches because their time was up.
    pub involuntary_switches: Option<u64>,
}

/// How the generator's limit was found: its producers, at full speed, into a server that acknowledges and keeps nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calibration {
    /// When, milliseconds since the epoch, UTC.
    pub measured_unix_ms: i64,
    /// Whether that was before an earlier run of the same plan on this machine.
    pub cached: bool,
    /// How long it took, when it was measured.
    pub took_ms: u64,
    /// One sentence: what the limit covers, and what it does not.
    pub covers: String,
}

//! `result.json`: one run, as one JSON document of plain records.
//!
//! # Compatibility
//! `schema_version` is `MAJOR.MINOR`. A field that is added raises the minor; a field that is removed, renamed or
//! changes its meaning or unit raises the major. A reader ignores fields it does not know and fills those it misses
//! with their defaults, so that any minor of its own major, older or newer, reads. A newer major is refused.
//! Names in text form (anomalies, exit statuses, settings) may gain values without a new major.
//!
//! # Units
//! They stand last in a name: `_ns`, `_us`, `_ms` (durations), `_unix_ms` (milliseconds since the epoch, UTC),
//! `_bytes`. Counts have no unit. Whatever is unknown or does not apply is `null`, never zero.
//! A *message* is one record; where a phase is not named, only messages whose **intended** time lies inside the
//! measured window count, whenever they finished.
//!
//! The records know nothing of how they were measured, and compute nothing but what [`Latency`] derives from its
//! own histogram.

mod health;
mod latency;
mod manifest;
mod merged;
mod outcome;
mod plan;
mod series;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use health::{Calibration, GeneratorHealth, Invalidity, ThreadsUse, Validity, WorkerHealth};
pub use latency::{DecodeError, GroupLatency, Latencies, Latency};
pub use manifest::{BrokerInfo, ClientInfo, Machine, Manifest};
pub use merged::MergedRun;
pub use outcome::{
    Anomaly, AnomalyExample, Assertion, Batching, Ending, ExitStatus, GroupTotals, PartitionTotals, ProcessUse,
    Resources, Times, Totals, Verdict,
};
pub use plan::Plan;
pub use series::{GroupSecond, HEAT_BUCKETS_PER_DOUBLING, LatencySlice, Second, heat_bucket, heat_bucket_floor_ns};

/// The major version this crate writes, and the newest it reads.
pub const SCHEMA_MAJOR: u32 = 1;
/// The minor version this crate writes.
pub const SCHEMA_MINOR: u32 = 1;

/// One run of `loadgen run`: what was asked, where it ran, what was measured and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunResult {
    /// `MAJOR.MINOR` of the schema the file follows.
    pub schema_version: String,
    /// Whether the figures may be used.
    pub validity: Validity,
    /// What was asked for.
    pub plan: Plan,
    /// What it ran on.
    pub manifest: Manifest,
    /// When, and for how long.
    pub times: Times,
    /// How many messages and bytes went which way.
    pub totals: Totals,
    /// The latencies of the measured window.
    pub latencies: Latencies,
    /// One record a second of the measured window, in order.
    pub series: Vec<Second>,
    /// One record a partition of the topic, in order of partition.
    pub partitions: Vec<PartitionTotals>,
    /// What the checker found.
    pub verdict: Verdict,
    /// Whether the generator itself kept up.
    pub generator: GeneratorHealth,
    /// What the processes used during the measured window.
    pub resources: Resources,
    /// How well the client batched.
    pub batching: Batching,
    /// What `--assert` asked for and what became of it.
    pub assertions: Vec<Assertion>,
    /// How the run ended.
    pub ending: Ending,
    /// What the process told its caller.
    pub exit: ExitStatus,
    /// The runs that `loadgen report` merged into this one; absent of a single run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<MergedRun>,
}

impl Default for RunResult {
    fn default() -> Self {
        Self {
            schema_version: format!("{SCHEMA_MAJOR}.{SCHEMA_MINOR}"),
            validity: Validity::default(),
            plan: Plan::default(),
            manifest: Manifest::default(),
            times: Times::default(),
            totals: Totals::default(),
            latencies: Latencies::default(),
            series: Vec::new(),
            partitions: Vec::new(),
            verdict: Verdict::default(),
            generator: GeneratorHealth::default(),
            resources: Resources::default(),
            batching: Batching::default(),
            assertions: Vec::new(),
            ending: Ending::default(),
            exit: ExitStatus::default(),
            merged: Vec::new(),
        }
    }
}

/// Why a result file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not JSON, or not this schema.
    #[error("not a result file of loadgen: {0}")]
    Malformed(#[from] serde_json::Error),
    /// No readable `schema_version`.
    #[error("not a result file of loadgen: schema_version is {got:?}, expected MAJOR.MINOR")]
    Unversioned {
        /// The text found in its place.
        got: String,
    },
    /// Written by a newer tool with another meaning of the fields.
    #[error("the result follows schema {got}, this version reads up to {expected}.x: use the loadgen that wrote it")]
    Newer {
        /// The file's version.
        got: String,
        /// The newest major known here.
        expected: u32,
    },
}

/// Why a result file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct WriteError {
    /// The file asked for.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

/// Only what decides whether the rest may be read.
#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    schema_version: String,
}

impl RunResult {
    /// Reads a result file.
    ///
    /// # Errors
    /// [`ReadError`], each in one sentence.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let json = std::fs::read_to_string(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        Self::from_json(&json)
    }

    /// Reads a result from its JSON text.
    ///
    /// # Errors
    /// [`ReadError`], but never its `Io`.
    pub fn from_json(json: &str) -> Result<Self, ReadError> {
        let Version { schema_version: got } = serde_json::from_str(json)?;
        let major = got.split_once('.').and_then(|(major, minor)| {
            minor.parse::<u32>().ok()?;
            major.parse::<u32>().ok()
        });
        match major {
            None | Some(0) => Err(ReadError::Unversioned { got }),
            Some(major) if major > SCHEMA_MAJOR => Err(ReadError::Newer { got, expected: SCHEMA_MAJOR }),
            Some(_) => Ok(serde_json::from_str(json)?),
        }
    }

    /// The result as JSON text, indented, with a final newline.
    pub fn to_json(&self) -> String {
        // Plain records with text keys cannot fail to serialise; non-finite numbers become null.
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Writes the result file, whole or not at all: first beside it, then renamed.
    ///
    /// # Errors
    /// [`WriteError`] with what the system said.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        write_whole(path, &self.to_json())
    }
}

/// Writes a file, whole or not at all: first beside it, then renamed.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<(), WriteError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|source| WriteError { path: path.to_owned(), source })
}

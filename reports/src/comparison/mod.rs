//! `comparison.json`: two arms, run in interleaved pairs, as one JSON document of plain records.
//!
//! Everything is there that the verdict follows from: the plan of pairs and looks, which run came when, each run's
//! figures with the path of its own `result.json`, and of each metric the ratio of every pair. The rules of
//! [`crate::schema`] hold here too: units stand last in a name or beside a figure, what is unknown is `null`, a reader
//! ignores what it does not know, and a new minor version only adds.
//!
//! [`judge()`] fills in what follows from the runs.

mod gate;
mod judge;
mod merge;
mod metric;
mod settings;
mod words;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use gate::{Gate, Judged, Outcome};
pub use judge::{is_settled, judge};
pub use merge::merged;
pub use metric::{METRICS, Metric, figures};
pub use settings::settings;

use crate::schema::{Ending, ExitStatus, Latencies, Machine, Manifest, Plan, WriteError, write_whole};

/// The schema this crate writes: name and version, `MAJOR.MINOR`.
pub const SCHEMA: &str = "loadgen-comparison/1.1";
/// What every readable version begins with.
const READABLE: &str = "loadgen-comparison/1.";

/// One comparison of arm B with arm A. Ratios are B's figure over A's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: String,
    /// The command as typed, program name first, one element an argument.
    pub command: Vec<String>,
    /// The seed that the order of the runs and the messages of each pair follow from.
    pub seed: u64,
    /// When it started, milliseconds since the epoch, UTC.
    pub started_unix_ms: i64,
    /// How long it took.
    pub total_ms: u64,
    /// The machine of the generator.
    pub machine: Machine,
    /// What B is compared with.
    pub a: Arm,
    /// What is compared.
    pub b: Arm,
    /// Every setting, and whether the arms share it.
    pub settings: Vec<Setting>,
    /// What was planned before the first run.
    pub design: Design,
    /// Every run, in the order they took place.
    pub runs: Vec<Run>,
    /// What the runs say, primary metrics first.
    pub metrics: Vec<Compared>,
    /// The gravest of the primary metrics' verdicts.
    pub verdict: Verdict,
    /// What the gate says that asked for it; `null` where none did.
    pub outcome: Option<Outcome>,
    /// How it ended.
    pub ending: Ending,
    /// What the process told its caller; of a gate's, what it would have told of this comparison alone.
    pub exit: ExitStatus,
}

/// One side of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Arm {
    /// As typed: a target and the options of its own.
    pub spec: String,
    /// What it is, in a few words, told apart from the other arm.
    pub label: String,
    /// The command of its first run.
    pub command: Vec<String>,
    /// The plan of its first run.
    pub plan: Plan,
    /// The manifest of its first run.
    pub manifest: Manifest,
    /// The latencies of all its compared runs: their histograms merged.
    pub latencies: Latencies,
    /// Compared runs that did not hold the rate asked for: their latencies are those of a growing backlog.
    pub rate_not_held: u32,
}

/// One setting of both arms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Setting {
    /// Its name: an option, or a property of client or broker.
    pub name: String,
    /// A's value; `null` where it has none.
    pub a: Option<String>,
    /// B's value; `null` where it has none.
    pub b: Option<String>,
}

impl Setting {
    /// Whether the arms differ in it.
    pub fn differs(&self) -> bool {
        self.a != self.b
    }
}

/// What was planned before the first run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Design {
    /// What is to be found out.
    pub question: Question,
    /// Valid pairs of A and B, at most; some more take the place of excluded ones.
    pub pairs: u32,
    /// Pairs of A and A, in between.
    pub aa_pairs: u32,
    /// The probability that any interval of any primary metric at any look misses its ratio, at most.
    pub alpha: f64,
    /// Ratios between 1 / (1 + tolerance) and 1 + tolerance count as no difference, unless a metric has its own.
    pub tolerance: f64,
    /// Metrics that have a tolerance of their own, by name.
    pub tolerances: BTreeMap<String, f64>,
    /// When it may end, and what each look spends.
    pub looks: Vec<PlannedLook>,
}

/// What a comparison is to find out, and so when it may end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Whether B is better, worse or no different, in every primary metric.
    #[default]
    Difference,
    /// Whether B is worse in any primary metric: `loadgen gate`.
    Regression,
}

/// A look at what there is, after so many pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlannedLook {
    /// After so many valid pairs.
    pub pairs: u32,
    /// The error rate it spends, over all primary metrics.
    pub alpha: f64,
    /// Whether it took place.
    pub taken: bool,
}

/// Which comparison a pair belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Series {
    /// B with A.
    #[default]
    Ab,
    /// A with itself: what the method says where there is no difference.
    Aa,
}

/// Which side of its pair a run stands on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The denominator.
    #[default]
    A,
    /// The numerator; in a pair of A with itself, A again.
    B,
}

/// One run of a pair.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Which comparison it belongs to.
    pub series: Series,
    /// The number of its pair within the series, from 1.
    pub pair: u32,
    /// Its side of the pair.
    pub side: Side,
    /// Its directory, with `result.json` and `report.html`, from the comparison's own.
    pub dir: String,
    /// How long it took, its start and end included.
    pub total_ms: u64,
    /// How its process ended.
    pub exit: ExitStatus,
    /// Why its figures must not be used; with it, its pair is excluded. Empty for a valid run.
    pub invalid: Vec<String>,
    /// Whether the rate asked for was held.
    pub rate_held: bool,
    /// Its figures by the metric's name.
    pub figures: BTreeMap<String, Figure>,
}

/// One figure of one run, in its metric's unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// Whether unfinished messages make it a lower bound.
    pub at_least: bool,
}

/// What all pairs say of one metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Compared {
    /// `ack.p99`, …: as in `--assert`.
    pub name: String,
    /// What it is, in words.
    pub label: String,
    /// `ns`, `us`, `bytes`, `per_second` or `count`.
    pub unit: String,
    /// Whether less of it is better.
    pub lower_is_better: bool,
    /// Whether it was named in advance as one of those that the verdict follows from. Of others no verdict is given: with
    /// so many, some would differ by chance.
    pub primary: bool,
    /// The tolerance that applies to it.
    pub tolerance: f64,
    /// A's middle run.
    pub a_median: Option<f64>,
    /// B's middle run.
    pub b_median: Option<f64>,
    /// The ratio in each pair that has one.
    pub ratios: Vec<PairRatio>,
    /// The Hodges–Lehmann estimate of the ratio, and its interval; `null` where there is too little.
    pub estimate: Option<Estimate>,
    /// Two-sided p-value of "no difference at all", by exact sign flips.
    pub p: Option<f64>,
    /// The same after Holm's adjustment over the primary metrics.
    pub p_holm: Option<f64>,
    /// Figures that are lower bounds, of A's and of B's runs: a verdict that they could overturn is not given.
    pub lower_bounds: [u32; 2],
    /// The noise: the middle size of log ratios between successive runs of the *same* arm, as a ratio less 1. Half of all
    /// such ratios are closer to 1.
    pub noise: Option<f64>,
    /// A against itself, by the same method.
    pub aa: Option<Estimate>,
    /// What follows; `null` of a metric that is not primary.
    pub verdict: Option<Verdict>,
    /// What follows for a gate; `null` of a metric that is not primary, or where no gate asked.
    pub outcome: Option<Outcome>,
}

/// One pair's ratio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PairRatio {
    /// The pair's number.
    pub pair: u32,
    /// B's figure over A's.
    pub ratio: f64,
}

/// A ratio with its interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Estimate {
    /// The Hodges–Lehmann estimate.
    pub ratio: f64,
    /// Where the interval begins; `null` where too few pairs bound it.
    pub low: Option<f64>,
    /// Where it ends.
    pub high: Option<f64>,
    /// The probability with which it holds the ratio, at least.
    pub confidence: f64,
}

/// What is said of B, for one metric or for all primary ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// B is worse by more than the tolerance: the whole interval lies beyond it.
    Worse,
    /// The interval reaches into and out of the tolerance, or there is none: more pairs would tell.
    #[default]
    Inconclusive,
    /// No difference beyond the tolerance: the whole interval lies inside.
    Equal,
    /// B is better by more than the tolerance.
    Better,
}

impl Verdict {
    /// `WORSE`, …: the word that renderings open with.
    pub fn word(self) -> &'static str {
        match self {
            Self::Worse => "WORSE",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Equal => "NO DIFFERENCE",
            Self::Better => "BETTER",
        }
    }
}

/// Why a comparison could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadComparisonError {
    /// The file could not be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file asked for.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not JSON, or not this schema.
    #[error("not a comparison of loadgen: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another schema, or a newer major version.
    #[error("not a comparison this version reads: its schema is {got:?}, expected {SCHEMA}")]
    Schema {
        /// What the file says it is.
        got: String,
    },
}

/// Only what decides whether the rest may be read.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    schema: String,
}

impl Comparison {
    /// Reads a comparison's file.
    ///
    /// # Errors
    /// [`ReadComparisonError`], each in one sentence.
    pub fn read(path: &Path) -> Result<Self, ReadComparisonError> {
        let json = std::fs::read_to_string(path)
            .map_err(|source| ReadComparisonError::Io { path: path.to_owned(), source })?;
        Self::from_json(&json)
    }

    /// Reads a comparison from its JSON text.
    ///
    /// # Errors
    /// [`ReadComparisonError`], but never its `Io`.
    pub fn from_json(json: &str) -> Result<Self, ReadComparisonError> {
        let Head { schema: got } = serde_json::from_str(json)?;
        if !got.starts_with(READABLE) {
            return Err(ReadComparisonError::Schema { got });
        }
        Ok(serde_json::from_str(json)?)
    }

    /// The comparison as JSON text, indented, with a final newline.
    pub fn to_json(&self) -> String {
        // Plain records with text keys cannot fail to serialise; non-finite numbers become null.
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`WriteError`] with what the system said.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        write_whole(path, &self.to_json())
    }

    /// The primary metrics.
    pub fn primary(&self) -> impl Iterator<Item = &Compared> {
        self.metrics.iter().filter(|metric| metric.primary)
    }

    /// Runs of a series, grouped by pair, A's first; a pair that was not finished is none.
    pub fn pairs(&self, series: Series) -> impl Iterator<Item = [&Run; 2]> {
        let of = move |side| self.runs.iter().filter(move |run| run.series == series && run.side == side);
        of(Side::A).filter_map(move |a| Some([a, of(Side::B).find(|b| b.pair == a.pair)?]))
    }

    /// Pairs of a series of which both runs are valid.
    pub fn valid_pairs(&self, series: Series) -> impl Iterator<Item = [&Run; 2]> {
        self.pairs(series).filter(|pair| pair.iter().all(|run| run.invalid.is_empty()))
    }
}

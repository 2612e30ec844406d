//! `loadgen compare`: interleaved pairs of runs, each a process of its own, and the judgement over them.

pub(super) mod arm;
mod child;
pub(super) mod program;
mod progress;
mod schedule;
pub(super) mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use reports::comparison::{self, Comparison, Design, METRICS, PlannedLook, Question};
use reports::render::{Colour, comparison as render};
use reports::statistics::looks;

use self::arm::{Arm, Words};
use self::program::ProgramError;
use self::session::Session;
use super::interruption;
use super::run::columns_of;
use crate::cli::{CompareArgs, Tolerance};
use crate::exit::Exit;
use crate::plan::default_out;
use crate::run::Control;

/// The probability that anything said with confidence is wrong, at most.
pub(super) const ALPHA: f64 = 0.05;
/// What counts as no difference, unless told otherwise.
const TOLERANCE: f64 = 0.05;

/// Why a comparison ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// One of the arms.
    #[error("{name} ('{spec}'): {reason}")]
    Arm {
        /// `A`, `baseline`, …
        name: &'static str,
        /// As typed.
        spec: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An option of a run that a comparison has no use for.
    #[error("{option} makes no sense in a comparison: {instead}")]
    Option {
        /// The option.
        option: &'static str,
        /// What happens, or what to say, instead.
        instead: &'static str,
    },
    /// The program of an arm.
    #[error("{name}: {source}")]
    Program {
        /// `A`, `baseline`, …
        name: &'static str,
        /// Why there is none.
        source: ProgramError,
    },
    /// Signal handlers.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    /// The output.
    #[error("cannot write to {}: {source}; choose another directory with --out", path.display())]
    Output {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl CompareError {
    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Arm { .. } | Self::Option { .. } => Exit::Usage,
            Self::Program { source, .. } => source.exit(),
            Self::Signals(_) | Self::Output { .. } => Exit::Failed,
        }
    }
}

/// Compares, reports, and says how it ended.
///
/// # Errors
/// [`CompareError`] where there is nothing to report.
pub fn compare(args: &CompareArgs, command: Vec<String>) -> Result<Exit, CompareError> {
    let mut arms = Arm::both([Words::of("A", &args.a)?, Words::of("B", &args.b)?], &args.run)?;
    let options = &args.run.args;
    let out = options.out.clone().unwrap_or_else(default_out);
    let control = Arc::new(Control::default());
    let saying = "the pair that runs is dropped, the others are judged";
    interruption::watch(Arc::clone(&control), saying).map_err(CompareError::Signals)?;
    program::find(&mut arms, &control, options.quiet)?;
    let seed = options.seed.unwrap_or_else(new_seed);
    let design = design(Question::Difference, ALPHA, args.pairs, args.aa, &args.tolerances);
    let planned = planned(design, &arms, command, seed);
    let (comparison, exit) = Session::new(&arms, out.clone(), &control, planned, options.quiet).run()?;
    say(options.json, &out, &comparison);
    Ok(exit)
}

/// One that fits the integers of every JSON reader.
pub(super) fn new_seed() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().1 >> 11
}

/// What is decided before the first run.
pub(super) fn design(question: Question, alpha: f64, pairs: u32, aa_pairs: u32, tolerances: &[Tolerance]) -> Design {
    let primary = METRICS.iter().filter(|metric| metric.primary).count() as u32;
    let of_all = tolerances.iter().rev().find(|tolerance| tolerance.metric.is_none());
    let own = tolerances.iter().filter_map(|tolerance| Some((tolerance.metric.clone()?, tolerance.share)));
    let planned = looks(pairs, alpha, primary);
    Design {
        question,
        pairs,
        aa_pairs,
        alpha,
        tolerance: of_all.map_or(TOLERANCE, |tolerance| tolerance.share),
        tolerances: own.collect(),
        looks: planned.iter().map(|l| PlannedLook { pairs: l.pairs, alpha: l.alpha, taken: false }).collect(),
    }
}

/// The record of a comparison that has not begun.
pub(super) fn planned(design: Design, arms: &[Arm; 2], command: Vec<String>, seed: u64) -> Comparison {
    let arm = |arm: &Arm| comparison::Arm { spec: arm.spec.clone(), ..comparison::Arm::default() };
    Comparison {
        schema: comparison::SCHEMA.to_owned(),
        command,
        seed,
        started_unix_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64),
        a: arm(&arms[0]),
        b: arm(&arms[1]),
        design,
        ..Comparison::default()
    }
}

/// The summary to standard output; with `--json` the record there, and the summary to standard error.
fn say(json: bool, out: &Path, comparison: &Comparison) {
    use std::io::Write;
    // A reader that has gone away ends nothing: the files are written.
    if json {
        let _ = std::io::stdout().write_all(comparison.to_json().as_bytes());
        eprint!(
            "{}",
            render::terminal(comparison, Colour::for_stream(&std::io::stderr()), columns_of(&std::io::stderr()))
        );
    } else {
        let summary =
            render::terminal(comparison, Colour::for_stream(&std::io::stdout()), columns_of(&std::io::stdout()));
        let _ = std::io::stdout().write_all(summary.as_bytes());
    }
    eprintln!("written: {}, report.html and comparison.md", out.join("comparison.json").display());
}

//! `loadgen compare`: interleaved pairs of runs, each a process of its own, and the judgement over them.

mod arm;
mod child;
mod progress;
mod schedule;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reports::RunResult;
use reports::comparison::{
    self, Comparison, Design, METRICS, PlannedLook, Run, Series, Side, Verdict, figures, is_settled, judge, merged,
};
use reports::figures::{counted, duration_ms};
use reports::judgement::is_rate_held;
use reports::render::{Colour, comparison as render};
use reports::schema::{Ending, ExitStatus};
use reports::statistics::looks;

use self::arm::Arm;
use self::progress::Progress;
use self::schedule::{Pair, schedule};
use super::interruption;
use super::run::columns_of;
use crate::cli::CompareArgs;
use crate::exit::Exit;
use crate::measure::validity::UNSTABLE;
use crate::plan::default_out;
use crate::run::Control;

/// The probability that anything said with confidence is wrong, at most.
const ALPHA: f64 = 0.05;
/// What counts as no difference, unless told otherwise.
const TOLERANCE: f64 = 0.05;

/// Why a comparison ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// One of the arms.
    #[error("{name} ('{spec}'): {reason}")]
    Arm {
        /// `A` or `B`.
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
    /// This program does not know its own path.
    #[error("cannot find this program's own file to make the runs by: {0}")]
    OwnPath(std::io::Error),
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
            Self::OwnPath(_) | Self::Signals(_) | Self::Output { .. } => Exit::Failed,
        }
    }
}

/// Compares, reports, and says how it ended.
///
/// # Errors
/// [`CompareError`] where there is nothing to report.
pub fn compare(args: &CompareArgs, command: Vec<String>) -> Result<Exit, CompareError> {
    let arms = Arm::both(args)?;
    let options = &args.run.args;
    let out = options.out.clone().unwrap_or_else(default_out);
    fs::create_dir_all(&out).map_err(|source| CompareError::Output { path: out.clone(), source })?;
    let control = Arc::new(Control::default());
    let saying = "the pair that runs is dropped, the others are judged";
    interruption::watch(Arc::clone(&control), saying).map_err(CompareError::Signals)?;

    let seed = options.seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().1 >> 11);
    let comparison = planned(args, &arms, command, seed);
    let expected = expected(&arms, comparison.design.pairs, comparison.design.aa_pairs);
    let runs = 2 * (comparison.design.pairs + comparison.design.aa_pairs);
    let progress = Progress::new(options.quiet, runs, expected);
    progress.say(&announcement(&comparison, &arms));
    let mut session = Session { arms, out, control, comparison, progress, stopped_by: None };
    let started = Instant::now();
    session.measure(&schedule(args.pairs, args.aa, seed))?;
    session.progress.finish();
    session.comparison.total_ms = started.elapsed().as_millis() as u64;
    let exit = session.conclude()?;
    say(options.json, &session.out, &session.comparison);
    Ok(exit)
}

fn planned(args: &CompareArgs, arms: &[Arm; 2], command: Vec<String>, seed: u64) -> Comparison {
    let primary = METRICS.iter().filter(|metric| metric.primary).count() as u32;
    let looks = looks(args.pairs, ALPHA, primary);
    let of_all = args.tolerances.iter().rev().find(|tolerance| tolerance.metric.is_none());
    let own = args.tolerances.iter().filter_map(|tolerance| Some((tolerance.metric.clone()?, tolerance.share)));
    let arm = |arm: &Arm| comparison::Arm { spec: arm.spec.clone(), ..comparison::Arm::default() };
    Comparison {
        schema: comparison::SCHEMA.to_owned(),
        command,
        seed,
        started_unix_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64),
        a: arm(&arms[0]),
        b: arm(&arms[1]),
        design: Design {
            pairs: args.pairs,
            aa_pairs: args.aa,
            alpha: ALPHA,
            tolerance: of_all.map_or(TOLERANCE, |tolerance| tolerance.share),
            tolerances: own.collect(),
            looks: looks.iter().map(|l| PlannedLook { pairs: l.pairs, alpha: l.alpha, taken: false }).collect(),
        },
        ..Comparison::default()
    }
}

/// How long so many pairs take, about.
fn expected([a, b]: &[Arm; 2], pairs: u32, aa_pairs: u32) -> Duration {
    (a.expected() + b.expected()) * pairs + a.expected() * 2 * aa_pairs
}

/// What is about to happen, and how long it takes.
fn announcement(comparison: &Comparison, arms: &[Arm; 2]) -> String {
    let design = &comparison.design;
    let minutes = |pairs: u32, aa_pairs| {
        let expected = expected(arms, pairs, aa_pairs);
        duration_ms(expected.as_secs().saturating_mul(1000))
    };
    let whole = minutes(design.pairs, design.aa_pairs);
    let length = match design.looks.as_slice() {
        [first, .., _] => {
            let aa_pairs = design.aa_pairs * first.pairs / design.pairs;
            format!("{whole}, or {} if all is clear after {}", minutes(first.pairs, aa_pairs), first.pairs)
        }
        _ => whole,
    };
    let aa = if design.aa_pairs > 0 { format!(" and {} of A and A", design.aa_pairs) } else { String::new() };
    let warmups = arms.each_ref().map(|arm| arm.plan.schedule.warmup_ns / 1_000_000);
    let warmups = if warmups[0] == warmups[1] { &warmups[..1] } else { &warmups[..] };
    let warmups: Vec<String> = warmups.iter().map(|ms| duration_ms(*ms)).collect();
    format!(
        "A  {}\nB  {}\n{} of A and B{aa}, each run after a warm-up of {}: about {length}",
        arms[0].spec,
        arms[1].spec,
        counted(design.pairs.into(), "pair"),
        warmups.join(" and ")
    )
}

/// Why no further pair is run.
enum Stop {
    Interrupted,
    Failed { error: String, exit: Exit },
}

struct Session {
    arms: [Arm; 2],
    out: PathBuf,
    control: Arc<Control>,
    comparison: Comparison,
    progress: Progress,
    /// The exit code of the run that ended it.
    stopped_by: Option<Exit>,
}

impl Session {
    /// Runs the pairs until they are over, or everything is clear at a look, or something goes wrong.
    fn measure(&mut self, pairs: &[Pair]) -> Result<(), CompareError> {
        for pair in pairs {
            if pair.series == Series::Ab && self.valid_pairs() >= self.comparison.design.pairs {
                continue;
            }
            match self.run_pair(pair)? {
                Ok(()) => {}
                Err(Stop::Interrupted) => {
                    self.comparison.ending = Ending::Interrupted;
                    return Ok(());
                }
                Err(Stop::Failed { error, exit }) => {
                    self.comparison.ending = Ending::Failed { error };
                    self.stopped_by = Some(exit);
                    return Ok(());
                }
            }
            self.write()?;
            if pair.series == Series::Ab && self.is_clear_at_look() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn valid_pairs(&self) -> u32 {
        self.comparison.valid_pairs(Series::Ab).count() as u32
    }

    /// Looks, where a look is due; true where nothing is left to find out.
    fn is_clear_at_look(&mut self) -> bool {
        let pairs = self.valid_pairs();
        let planned = self.comparison.design.looks.len();
        let due = |look: &PlannedLook| !look.taken && look.pairs == pairs;
        let Some(at) = self.comparison.design.looks.iter().position(due) else { return false };
        let look = &mut self.comparison.design.looks[at];
        look.taken = true;
        let alpha = look.alpha;
        judge(&mut self.comparison, alpha);
        let is_clear = is_settled(&self.comparison);
        let open = self.comparison.primary().filter(|metric| metric.verdict == Some(Verdict::Inconclusive)).count();
        let found =
            if is_clear { "all is clear".to_owned() } else { format!("{} open", counted(open as u64, "metric")) };
        self.progress.say(&format!("look {} of {planned}, after {}: {found}", at + 1, counted(pairs.into(), "pair")));
        is_clear && at + 1 < planned
    }

    /// Both runs of a pair; of a pair that cannot count, only as much as it takes to know.
    fn run_pair(&mut self, pair: &Pair) -> Result<Result<(), Stop>, CompareError> {
        let mut runs = Vec::new();
        for side in pair.order {
            let (run, result) = match self.run_one(pair, side)? {
                Ok(run_and_result) => run_and_result,
                Err((stop, run)) => {
                    self.comparison.runs.extend(run);
                    return Ok(Err(stop));
                }
            };
            let is_valid = run.invalid.is_empty();
            self.introduce(pair.series, side, &result);
            runs.push(run);
            if !is_valid {
                break;
            }
        }
        if let [one, other] = runs.as_slice() {
            let both = if one.side == Side::A { [one, other] } else { [other, one] };
            if both.iter().all(|run| run.invalid.is_empty()) {
                self.progress.pair(&self.comparison, both, pair.order[0]);
            }
        }
        if let Some((run, reason)) = runs.iter().find_map(|run| Some((run, run.invalid.first()?))) {
            let kind = reason.split(':').next().unwrap_or_default();
            self.progress.say(&format!("pair {} counts for nothing: {kind}, see {}", pair.number, run.dir));
        }
        self.comparison.runs.append(&mut runs);
        Ok(Ok(()))
    }

    /// One run: its record and its result; or why it is the last one, and its record where that is worth keeping.
    #[expect(clippy::type_complexity, reason = "three ends: it ran, it stops the comparison, the disk is full")]
    fn run_one(
        &mut self,
        pair: &Pair,
        side: Side,
    ) -> Result<Result<(Run, RunResult), (Stop, Option<Run>)>, CompareError> {
        self.progress.begins(&self.comparison, pair.series, pair.number, side);
        let (series, letter) = match (pair.series, side) {
            (Series::Ab, Side::A) => ("pair", "a"),
            (Series::Ab, Side::B) => ("pair", "b"),
            (Series::Aa, Side::A) => ("aa", "first"),
            (Series::Aa, Side::B) => ("aa", "second"),
        };
        let dir = format!("runs/{series}-{:02}-{letter}", pair.number);
        let out = self.out.join(&dir);
        let arm = &self.arms[usize::from(side == Side::B && pair.series == Series::Ab)];
        let arguments = arm.run_arguments(pair.seed, &out);
        let started = Instant::now();
        let (progress, control) = (&self.progress, &self.control);
        let ended = child::run(&arm.program, &arguments, |line| progress.says(line), || control.is_interrupted());
        let ended = ended.map_err(|source| CompareError::Output { path: arm.program.clone(), source })?;
        self.progress.ended();
        if self.control.is_interrupted() {
            return Ok(Err((Stop::Interrupted, None)));
        }
        let result = RunResult::read(&out.join("result.json"));
        let mut run = Run {
            series: pair.series,
            pair: pair.number,
            side,
            dir: dir.clone(),
            total_ms: started.elapsed().as_millis() as u64,
            exit: ExitStatus { code: ended.code.unwrap_or(-1), name: "no result".to_owned() },
            ..Run::default()
        };
        if let Ok(result) = &result {
            run.exit.name.clone_from(&result.exit.name);
            // That a target does not hold the rate is what a comparison is there to find: such a run counts.
            let excluding = result.validity.reasons.iter().filter(|reason| reason.kind != UNSTABLE);
            run.invalid = excluding.map(|reason| format!("{}: {}", reason.kind, reason.sentence)).collect();
            run.rate_held = is_rate_held(result);
            run.figures = figures(result);
        }
        let exit = Exit::ALL.into_iter().find(|exit| Some(i32::from(exit.code())) == ended.code);
        match (exit, result) {
            (Some(Exit::Clean | Exit::RateNotHeld | Exit::Invalid), Ok(result)) => Ok(Ok((run, result))),
            (Some(Exit::Anomalies), Ok(result)) => {
                let named = result.verdict.anomalies.iter().filter(|anomaly| anomaly.failing);
                let named: Vec<String> = named.map(|anomaly| format!("{} {}", anomaly.count, anomaly.name)).collect();
                let error = format!("{} found {}: see {dir}/report.html", arm.spec, named.join(", "));
                Ok(Err((Stop::Failed { error, exit: Exit::Anomalies }, Some(run))))
            }
            (exit, _) => {
                let how = exit.map_or("was ended by a signal or crashed", Exit::name);
                let error = format!("a run of {} ended ({how}): {}", arm.spec, ended.last_words.trim());
                Ok(Err((Stop::Failed { error, exit: exit.unwrap_or(Exit::Failed) }, Some(run))))
            }
        }
    }

    /// What an arm is, from its first run.
    fn introduce(&mut self, series: Series, side: Side, result: &RunResult) {
        if series == Series::Aa {
            return;
        }
        let comparison = &mut self.comparison;
        comparison.machine.clone_from(&result.manifest.machine);
        let arm = if side == Side::A { &mut comparison.a } else { &mut comparison.b };
        if arm.command.is_empty() {
            arm.command.clone_from(&result.plan.command);
            arm.plan.clone_from(&result.plan);
            arm.manifest.clone_from(&result.manifest);
        }
    }

    /// Judges what there is, and writes it.
    fn conclude(&mut self) -> Result<Exit, CompareError> {
        self.describe_arms();
        let looks = &self.comparison.design.looks;
        // What ends between two looks is judged by what the next one may spend: each is spent at most once.
        let at_look = looks.iter().find(|look| look.taken && look.pairs == self.valid_pairs());
        let alpha = at_look.or(looks.iter().find(|look| !look.taken)).or(looks.last()).map_or(ALPHA, |look| look.alpha);
        judge(&mut self.comparison, alpha);
        let exit = self.exit();
        self.comparison.exit = ExitStatus { code: i32::from(exit.code()), name: exit.name().to_owned() };
        self.write()?;
        let written =
            [("report.html", render::html(&self.comparison)), ("comparison.md", render::markdown(&self.comparison))];
        for (name, text) in written {
            let path = self.out.join(name);
            fs::write(&path, text).map_err(|source| CompareError::Output { path, source })?;
        }
        Ok(exit)
    }

    /// Labels, settings and merged latencies, from the results of the runs that count.
    fn describe_arms(&mut self) {
        let read = |side: usize| -> Vec<RunResult> {
            let runs = self.comparison.valid_pairs(Series::Ab).map(|pair| pair[side]);
            runs.filter_map(|run| RunResult::read(&self.out.join(&run.dir).join("result.json")).ok()).collect()
        };
        let (of_a, of_b) = (read(0), read(1));
        let labels = labels(&self.comparison, &self.arms);
        let comparison = &mut self.comparison;
        if let (Some(a), Some(b)) = (of_a.first(), of_b.first()) {
            comparison.settings = comparison::settings(a, b);
        }
        for (arm, results, label) in [(&mut comparison.a, of_a, &labels[0]), (&mut comparison.b, of_b, &labels[1])] {
            arm.label.clone_from(label);
            arm.latencies = merged(results.iter());
            arm.rate_not_held = results.iter().filter(|result| !is_rate_held(result)).count() as u32;
        }
    }

    fn exit(&self) -> Exit {
        let no_valid_pair = self.comparison.valid_pairs(Series::Ab).next().is_none();
        match (self.stopped_by, self.comparison.verdict) {
            (Some(exit), _) => exit,
            (None, _) if no_valid_pair && self.comparison.runs.iter().any(|run| !run.invalid.is_empty()) => {
                Exit::Invalid
            }
            (None, _) if no_valid_pair => Exit::Interrupted,
            (None, Verdict::Worse) => Exit::Regressed,
            (None, Verdict::Inconclusive) => Exit::Inconclusive,
            (None, Verdict::Equal | Verdict::Better) => Exit::Clean,
        }
    }

    fn write(&self) -> Result<(), CompareError> {
        let path = self.out.join("comparison.json");
        self.comparison.write(&path).map_err(|error| CompareError::Output { path: error.path, source: error.source })
    }
}

/// What tells the arms apart, in a few words: the brokers, else their own options.
fn labels(comparison: &Comparison, arms: &[Arm; 2]) -> [String; 2] {
    let broker = |arm: &comparison::Arm| {
        let broker = &arm.manifest.broker;
        format!("{} {}", broker.kind, broker.version.as_deref().unwrap_or_default()).trim().to_owned()
    };
    let brokers = [broker(&comparison.a), broker(&comparison.b)];
    if brokers[0] != brokers[1] {
        return brokers;
    }
    let options = arms.each_ref().map(|arm| arm.own.join(" "));
    let targets = arms.each_ref().map(|arm| arm.plan.target.to_string());
    match (options[0] != options[1], targets[0] != targets[1]) {
        (true, _) => options.map(|own| if own.is_empty() { "defaults".to_owned() } else { own }),
        (false, true) => targets,
        (false, false) => {
            let [a, b] = brokers;
            [a, format!("{b} again")]
        }
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

//! One comparison: its pairs of runs, the looks in between, the judgement, and the files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reports::RunResult;
use reports::comparison::{
    self, Comparison, Outcome, PlannedLook, Run, Series, Side, Verdict, figures, is_settled, judge, merged,
};
use reports::figures::{counted, duration_ms};
use reports::judgement::is_rate_held;
use reports::render::comparison as render;
use reports::schema::{Ending, ExitStatus};

use super::arm::Arm;
use super::progress::Progress;
use super::schedule::{Pair, schedule};
use super::{CompareError, child};
use crate::exit::Exit;
use crate::measure::validity::UNSTABLE;
use crate::run::Control;

/// Why no further pair is run.
enum Stop {
    Interrupted,
    Failed { error: String, exit: Exit },
}

/// A comparison under way.
pub(in crate::command) struct Session<'a> {
    arms: &'a [Arm; 2],
    out: PathBuf,
    control: Arc<Control>,
    comparison: Comparison,
    progress: Progress,
    /// The exit code of the run that ended it.
    stopped_by: Option<Exit>,
}

impl<'a> Session<'a> {
    /// One that writes into `out`, and that an interruption of `control` ends.
    pub(in crate::command) fn new(
        arms: &'a [Arm; 2],
        out: PathBuf,
        control: &Arc<Control>,
        comparison: Comparison,
        quiet: bool,
    ) -> Self {
        let expected = expected(arms, comparison.design.pairs, comparison.design.aa_pairs);
        let runs = 2 * (comparison.design.pairs + comparison.design.aa_pairs);
        let progress = Progress::new(quiet, runs, expected);
        progress.say(&announcement(&comparison, arms));
        Self { arms, out, control: Arc::clone(control), comparison, progress, stopped_by: None }
    }

    /// Measures, judges and writes; and how it ended.
    ///
    /// # Errors
    /// [`CompareError::Output`].
    pub(in crate::command) fn run(mut self) -> Result<(Comparison, Exit), CompareError> {
        fs::create_dir_all(&self.out).map_err(|source| CompareError::Output { path: self.out.clone(), source })?;
        let started = Instant::now();
        let design = &self.comparison.design;
        self.measure(&schedule(design.pairs, design.aa_pairs, self.comparison.seed))?;
        self.progress.finish();
        self.comparison.total_ms = started.elapsed().as_millis() as u64;
        let exit = self.conclude()?;
        Ok((self.comparison, exit))
    }

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
        let mut command = Command::new(&arm.program);
        command.args(arm.run_arguments(pair.seed, &out));
        let started = Instant::now();
        let (progress, control) = (&self.progress, &self.control);
        let ended = child::run(&command, |line| progress.says(line), || control.is_interrupted());
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
        let alpha = at_look
            .or(looks.iter().find(|look| !look.taken))
            .or(looks.last())
            .map_or(self.comparison.design.alpha, |look| look.alpha);
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
        let labels = labels(&self.comparison, self.arms);
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
            (None, verdict) => match (self.comparison.outcome, verdict) {
                (Some(Outcome::Regressed), _) | (None, Verdict::Worse) => Exit::Regressed,
                (Some(Outcome::Inconclusive), _) | (None, Verdict::Inconclusive) => Exit::Inconclusive,
                (Some(Outcome::NotRegressed), _) | (None, Verdict::Equal | Verdict::Better) => Exit::Clean,
            },
        }
    }

    fn write(&self) -> Result<(), CompareError> {
        let path = self.out.join("comparison.json");
        self.comparison.write(&path).map_err(|error| CompareError::Output { path: error.path, source: error.source })
    }
}

/// What tells the arms apart, in a few words: the programs, else the brokers, else their own options.
fn labels(comparison: &Comparison, arms: &[Arm; 2]) -> [String; 2] {
    if arms[0].program != arms[1].program {
        let build = |arm: &comparison::Arm| {
            let commit = arm.manifest.commit.as_deref().unwrap_or_default();
            format!("loadgen {} {commit}", arm.manifest.tool_version).trim().to_owned()
        };
        let builds = [build(&comparison.a), build(&comparison.b)];
        if builds[0] != builds[1] {
            return builds;
        }
    }
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

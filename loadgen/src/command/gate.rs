//! `loadgen gate`: a comparison that asks one thing, once more where it could not tell, and what CI reads of it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reports::comparison::{Comparison, Gate, Outcome, Question};
use reports::render::{Colour, comparison, gate as render};
use reports::schema::Ending;

use super::compare::arm::{Arm, Words};
use super::compare::session::Session;
use super::compare::{ALPHA, CompareError, design, new_seed, planned, program};
use super::interruption;
use super::run::columns_of;
use crate::cli::GateArgs;
use crate::exit::Exit;
use crate::plan::default_out;
use crate::run::Control;

/// The error rate of each of the two comparisons that there may be.
const ALPHA_OF_EACH: f64 = ALPHA / 2.0;
/// Where the second one is written, below the output directory.
const AGAIN: &str = "again";

/// Compares, once more if need be, reports, and says how it ended.
///
/// # Errors
/// [`CompareError`] where there is nothing to report.
pub fn gate(args: &GateArgs, command: Vec<String>) -> Result<Exit, CompareError> {
    let candidate =
        args.candidate.as_deref().map_or_else(|| Ok(Words::own("candidate")), |c| Words::of("candidate", c));
    let mut arms = Arm::both([Words::of("baseline", &args.baseline)?, candidate?], &args.run)?;
    let options = &args.run.args;
    let out = options.out.clone().unwrap_or_else(default_out);
    let control = Arc::new(Control::default());
    let saying = "the pair that runs is dropped, the others are judged";
    interruption::watch(Arc::clone(&control), saying).map_err(CompareError::Signals)?;
    program::find(&mut arms, &control, options.quiet)?;

    let seed = options.seed.unwrap_or_else(new_seed);
    let compared = |seed: u64, out: PathBuf| {
        let design = design(Question::Regression, ALPHA_OF_EACH, args.pairs, 0, &args.tolerances);
        let planned = planned(design, &arms, command.clone(), seed);
        Session::new(&arms, out, &control, planned, options.quiet).run()
    };
    let (first, mut exit) = compared(seed, out.clone())?;
    let mut gate = Gate { comparisons: vec![first] };
    if exit == Exit::Inconclusive && !control.is_interrupted() {
        if !options.quiet {
            eprintln!("inconclusive: once more, on fresh data");
        }
        let (second, exit_of_second) = compared(seed.wrapping_add(1), out.join(AGAIN))?;
        gate.comparisons.push(second);
        exit = exit_of_second;
    }
    let exit = exit_of(&gate, exit, args.fail_on_inconclusive);
    write(&gate, &out, args.history.as_deref())?;
    say(options.json, &out, &gate);
    Ok(exit)
}

/// The gate's exit code; `last` is that of its last comparison.
fn exit_of(gate: &Gate, last: Exit, fail_on_inconclusive: bool) -> Exit {
    if !matches!(last, Exit::Clean | Exit::Regressed | Exit::Inconclusive) {
        return last;
    }
    let is_interrupted = gate.last().is_some_and(|last| last.ending == Ending::Interrupted);
    match gate.outcome() {
        Some(Outcome::Regressed) => Exit::Regressed,
        // What was not measured to the end has passed nothing.
        _ if is_interrupted => Exit::Interrupted,
        Some(Outcome::NotRegressed) => Exit::Clean,
        Some(Outcome::Inconclusive) | None if fail_on_inconclusive => Exit::Inconclusive,
        Some(Outcome::Inconclusive) | None => Exit::Clean,
    }
}

fn write(gate: &Gate, out: &Path, history: Option<&Path>) -> Result<(), CompareError> {
    let files = [
        ("gate.md", render::markdown(gate)),
        ("junit.xml", render::junit(gate)),
        ("benchmark.json", render::benchmark(gate)),
    ];
    for (name, text) in files {
        let path = out.join(name);
        fs::write(&path, text).map_err(|source| CompareError::Output { path, source })?;
    }
    // What was cut short is no point of a line over time.
    let is_whole = gate.last().is_some_and(|last| last.ending == Ending::Completed) && gate.outcome().is_some();
    match history.filter(|_| is_whole) {
        Some(path) => append(path, &render::history(gate))
            .map_err(|source| CompareError::Output { path: path.to_owned(), source }),
        None => Ok(()),
    }
}

/// Adds a line in one write, so that of two gates at once each has its own.
fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(line.as_bytes())
}

/// The last comparison's summary, and what both say together where there are two, to standard output; with `--json` the line
/// of the history there, and the rest to standard error.
fn say(json: bool, out: &Path, gate: &Gate) {
    let text = |colour, columns| {
        let mut text =
            gate.last().map_or(String::new(), |last: &Comparison| comparison::terminal(last, colour, columns));
        if let (true, Some(outcome)) = (gate.comparisons.len() > 1, gate.outcome()) {
            text += &format!("both comparisons together: {}\n", outcome.word());
        }
        text
    };
    // A reader that has gone away ends nothing: the files are written.
    if json {
        let _ = std::io::stdout().write_all(render::history(gate).as_bytes());
        eprint!("{}", text(Colour::for_stream(&std::io::stderr()), columns_of(&std::io::stderr())));
    } else {
        let summary = text(Colour::for_stream(&std::io::stdout()), columns_of(&std::io::stdout()));
        let _ = std::io::stdout().write_all(summary.as_bytes());
    }
    eprintln!("written: {}, junit.xml, benchmark.json and report.html", out.join("gate.md").display());
}

#[cfg(test)]
mod tests {
    use reports::comparison::{Compared, METRICS};

    use super::*;

    fn gate(outcome: Outcome, ending: Ending) -> Gate {
        let metric =
            Compared { name: METRICS[0].name.to_owned(), primary: true, outcome: Some(outcome), ..Compared::default() };
        Gate { comparisons: vec![Comparison { metrics: vec![metric], ending, ..Comparison::default() }] }
    }

    #[test]
    fn inconclusive_fails_only_when_asked_to_and_what_ended_the_last_comparison_comes_first() {
        use Outcome::{Inconclusive, NotRegressed, Regressed};
        let (completed, interrupted) = (|| Ending::Completed, || Ending::Interrupted);
        for (outcome, ending, last, strict, exit) in [
            (Regressed, completed(), Exit::Regressed, false, Exit::Regressed),
            (NotRegressed, completed(), Exit::Inconclusive, true, Exit::Clean),
            (Inconclusive, completed(), Exit::Inconclusive, false, Exit::Clean),
            (Inconclusive, completed(), Exit::Inconclusive, true, Exit::Inconclusive),
            (Inconclusive, interrupted(), Exit::Inconclusive, false, Exit::Interrupted),
            (Regressed, interrupted(), Exit::Regressed, false, Exit::Regressed),
            (Inconclusive, completed(), Exit::Anomalies, false, Exit::Anomalies),
            (NotRegressed, completed(), Exit::Invalid, false, Exit::Invalid),
        ] {
            assert_eq!(exit_of(&gate(outcome, ending), last, strict), exit, "{outcome:?} {last:?}");
        }
    }

    #[test]
    fn a_history_only_grows_and_what_was_cut_short_adds_nothing() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (out, history) = (directory.path(), directory.path().join("history.jsonl"));
        for ending in [Ending::Completed, Ending::Interrupted, Ending::Completed] {
            write(&gate(Outcome::NotRegressed, ending), out, Some(&history)).expect("written");
        }
        let text = fs::read_to_string(&history).expect("readable");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.lines().all(|line| line.starts_with(r#"{"schema":"loadgen-gate/1."#)), "{text}");
    }
}

//! Whole comparisons of the program against the reference broker, as short as they get.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use reports::comparison::{Comparison, Series, Side};
use reports::schema::Ending;
use rustix::process::{Pid, Signal, kill_process};

/// No event of these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

fn compare(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["compare"]).args(arguments).args(["--rate", "1k", "--warmup", "100ms", "--out"]).arg(out);
    command
}

#[test]
fn a_few_pairs_are_recorded_whole_and_found_too_few() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let arms = ["embedded --linger 0ms", "embedded", "--pairs", "2", "--aa", "1", "--duration", "1s", "--json"];
    let output = compare(out.path(), &arms).output().expect("the program starts");
    // 3 where the machine was too loaded for any generator to keep up.
    assert!(matches!(output.status.code(), Some(6 | 3)), "{output:?}");
    let comparison = Comparison::read(&out.path().join("comparison.json")).expect("the record is written");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(Comparison::from_json(&printed).expect("the record"), comparison);
    assert_eq!(comparison.ending, Ending::Completed);
    for run in &comparison.runs {
        assert!(out.path().join(&run.dir).join("report.html").exists(), "{run:?}");
    }
    for [a, b] in comparison.valid_pairs(Series::Ab) {
        assert_eq!((a.side, b.side), (Side::A, Side::B));
        assert!(a.figures.contains_key("ack.p99") && b.figures.contains_key("e2e.p99"), "{a:?} {b:?}");
    }
    if comparison.valid_pairs(Series::Ab).next().is_some() {
        let differing: Vec<&str> =
            comparison.settings.iter().filter(|setting| setting.differs()).map(|s| s.name.as_str()).collect();
        assert_eq!(differing, ["linger", "producer: linger.ms"]);
        let labels = [&comparison.a.label, &comparison.b.label];
        assert_eq!(labels, ["--linger 0ms", "defaults"]);
    }
    let word = if output.status.code() == Some(6) { "TOO FEW PAIRS" } else { "INVALID RUNS" };
    for page in ["report.html", "comparison.md"] {
        assert!(fs::read_to_string(out.path().join(page)).expect("written").contains(word), "{page}");
    }
}

#[test]
fn a_target_that_does_not_start_ends_the_comparison_and_says_which() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let arms = ["exec:\"echo no room >&2; exit 1\"", "exec:\"echo no room >&2; exit 1\"", "--pairs", "2"];
    let output = compare(out.path(), &arms).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("FAILED") && said.contains("no room"), "{said}");
}

#[test]
fn an_option_of_no_use_is_refused_before_anything_runs() {
    let out = tempfile::tempdir().expect("a temporary directory");
    let results = out.path().join("results");
    for arms in
        [["embedded", "nowhere"], ["embedded", "embedded --topic t"], ["embedded", "embedded --acks 1 --idempotent"]]
    {
        let output = compare(&results, &arms).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
    assert!(!results.exists());
}

#[test]
fn ctrl_c_drops_the_pair_that_runs_and_leaves_nothing_behind() {
    for (signal, code) in [(Signal::INT, Some(130)), (Signal::KILL, None)] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut process = compare(&directory.path().join("out"), &["embedded", "embedded", "--duration", "10m"])
            // The brokers' data go here too, so that what is left of them can be seen.
            .env("TMPDIR", directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines().map_while(Result::ok);
        assert!(lines.by_ref().any(|line| line.contains("16 pairs")), "it ended before it began");
        thread::spawn(move || lines.for_each(drop));
        let left = || fs::read_dir(directory.path()).expect("readable").flatten().count();
        wait_until("the broker of the first run never started", || left() > 1);
        let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("it runs");
        assert_eq!(end_of(&mut process), code);
        wait_until("the broker's data outlive the comparison", || left() <= 1);
    }
}

fn end_of(process: &mut Child) -> Option<i32> {
    process.wait().expect("it is ours").code()
}

fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

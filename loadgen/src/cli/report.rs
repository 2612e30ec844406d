//! `loadgen report` and `loadgen replay`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(super) const REPORT_ABOUT: &str = "\
Render result files again, merge those of one plan, and show different ones side by side.

One file is rendered as its run was. Several files of the same plan, target, broker, client and machine become one result: \
counts are added and histograms merged (no percentile is ever averaged), and the report names the runs. Files that differ in \
any of these are shown side by side: what differs, the figures of each, and the latencies in one plot.

A comparison of `loadgen compare` is rendered again too, alone.

A file of an older version reads; one of a newer major version is refused.";

pub(super) const REPORT_AFTER: &str = "\
Exit codes: 0 rendered; 2 usage: a file is no result, or --merge was given runs that are not of one plan; 8 the output cannot \
be written.

Examples:
  loadgen report loadgen-results/20260131T120000Z
      the summary of that run on the terminal
  loadgen report result.json -o report.html
      its page, in this version's looks
  loadgen report night-*/result.json -o night.html
      several runs of one plan as one
  loadgen report ours/result.json kafka/result.json -o ours-and-kafka.html
      two different ones side by side
  loadgen report result.json --format markdown >>\"$GITHUB_STEP_SUMMARY\"
      for a CI job's summary";

pub(super) const REPLAY_ABOUT: &str = "\
Run the plan of a result file again, with whatever is to be different.

The same load, seed, keys, sizes and settings, which the result file holds as they were resolved; the topic, groups and \
directory are new. Options of `loadgen run` after the file's name take the place of the plan's. At the end it says what \
differs from the run of the file (options, target, broker, machine), and shows the figures of both.";

pub(super) const REPLAY_AFTER: &str = "\
Exit codes are those of `loadgen run`; 2 also where the file is no result.

Examples:
  loadgen replay result.json
      the same again: do the figures hold?
  loadgen replay result.json --bootstrap-servers node01:9092
      the same load on another cluster
  loadgen replay result.json --linger 0ms --out without-linger
      the same messages, sent at once

One run each proves little: `loadgen compare` runs pairs in turn and gives intervals.";

/// Options of `loadgen report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Result files, or the directories they are in
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// What to make [default: by the name of --output, else terminal]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,

    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Merge all of them, or say why they cannot be
    #[arg(long, conflicts_with = "apart")]
    pub merge: bool,

    /// Merge none, also those of one plan
    #[arg(long)]
    pub apart: bool,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A self-contained page
    Html,
    /// For a CI job's summary or a pull request
    Markdown,
    /// One screen of text
    Terminal,
    /// A result file: of one run, or of merged ones
    Json,
}

/// Options of `loadgen replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The result file, or the directory it is in
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Options of `loadgen run` in place of the plan's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    pub overrides: Vec<String>,
}

//! `loadgen gate`: its options.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Args};

use super::compare::{RunOptions, Tolerance, without_run_options};

pub(super) const GATE_ABOUT: &str = "\
Say whether a candidate is worse than its baseline: for CI, in one job on one machine.

Baseline and candidate are each another build of loadgen, by its file or as git:COMMIT (a branch, a tag, HEAD~1), which is \
built here and kept; or a target as --target takes it; if need be followed by options of their own, as `loadgen compare` \
takes them. Of two builds, the brokers in them are compared, unless --target says where both send to. Options of \
`loadgen run` hold for both.

Both run alternately, in pairs, on fresh data: see `loadgen compare --help`. The question is one-sided: a primary metric \
(ack.p99, e2e.p99, broker-cpu, throughput) has REGRESSED where the whole interval of its ratio lies beyond the tolerance on the side of \
worse, has NOT REGRESSED where nothing of it does, and is INCONCLUSIVE where it reaches across. An inconclusive comparison is made once more, \
on fresh data; each of the two may err with a probability of 2.5 %, in whatever it says, and half of that to the side of \
worse: a gate finds a regression where there is none in at most 2.5 % of all cases. What either one settles is settled.

Into --out go gate.md (for the pull request), junit.xml (a test case for each primary metric; inconclusive is skipped), \
benchmark.json (github-action-benchmark's customSmallerIsBetter), comparison.json and report.html, and the same of a second comparison \
in again/.";

pub(super) const GATE_AFTER: &str = "\
Exit codes:
  0  clean: not regressed; or inconclusive, unless --fail-on-inconclusive
  1  anomalies: a run found messages lost, duplicated, reordered or damaged; the gate ends there
  2  usage: an option makes no sense, or no such commit; nothing was run
  3  invalid: every pair had a run whose generator was the bottleneck
  5  regressed: worse by more than the tolerance in a primary metric
  6  inconclusive, with --fail-on-inconclusive
  7  target unreachable: a cluster does not answer, or a broker did not start
  8  failed: a build or a run failed, or a file could not be written
  130  interrupted before it was decided

Examples:
  loadgen gate --baseline git:main
      this build against the branch it is to be merged into
  loadgen gate --baseline ./loadgen-1.0 --tolerance 10% --history gates.jsonl
      this build against a release, kept in a file that grows by a line
  loadgen gate --baseline old:9092 --candidate new:9092 --rate 50k
      two clusters
  loadgen gate --baseline 'embedded --linger 5ms' --candidate 'embedded --linger 0ms'
      two settings of a client
  loadgen gate --baseline 'kafka:/opt/kafka-4.2' --candidate 'kafka:/opt/kafka-4.3' --fail-on-inconclusive
      two versions of Apache Kafka";

/// Options of `loadgen gate`.
#[derive(Debug, Args)]
pub struct GateArgs {
    /// What the candidate must not be worse than: a loadgen's file, git:COMMIT, or a target; with options of its own if any
    #[arg(long, value_name = "ARM", help_heading = "Gate")]
    pub baseline: String,

    /// What is judged, likewise [default: this program]
    #[arg(long, value_name = "ARM", help_heading = "Gate")]
    pub candidate: Option<String>,

    /// Pairs of runs, at most, in each comparison: it ends early where all is clear at a planned look. Below 9, nothing can
    /// be
    #[arg(long, default_value = "16", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Gate")]
    pub pairs: u32,

    /// How much worse is not yet a regression: 5%, or of one metric, such as ack.p99=20%; repeatable
    #[arg(long = "tolerance", value_name = "[METRIC=]SHARE", action = ArgAction::Append, help_heading = "Gate")]
    pub tolerances: Vec<Tolerance>,

    /// End in exit code 6, and not in 0, where two comparisons could not tell
    #[arg(long, help_heading = "Gate")]
    pub fail_on_inconclusive: bool,

    /// Append one line of JSON: commit, date, outcome, and the median of each metric
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub history: Option<PathBuf>,

    /// For both arms.
    #[command(flatten)]
    pub run: RunOptions,
}

/// Leaves what `loadgen run` explains out of the help, and says what the rest of its options mean here.
pub(super) fn of_a_gate(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "out" => arg.help("Directory of what is written [default: loadgen-results/TIME]"),
        "json" => arg.help("Write the line of --history to standard output, and everything else to standard error"),
        _ => without_run_options(arg),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use crate::cli::{Cli, Command};

    #[test]
    fn a_gate_needs_no_more_than_a_baseline() {
        let parsed = |words: &[&str]| Cli::try_parse_from(["loadgen", "gate"].iter().chain(words));
        match parsed(&["--baseline", "git:main", "--rate", "1k"]).expect("parses").command {
            Command::Gate(args) => {
                assert_eq!((args.baseline.as_str(), args.candidate, args.pairs), ("git:main", None, 16));
                assert_eq!(args.run.arguments, ["--rate=1k"]);
            }
            _ => panic!("not gate"),
        }
        assert!(parsed(&[]).is_err());
    }

    #[test]
    fn the_help_says_what_output_options_mean_for_a_gate() {
        let mut cli = Cli::command();
        cli.build();
        let help = cli.find_subcommand_mut("gate").expect("there is one").render_long_help().to_string();
        assert!(help.contains("--fail-on-inconclusive") && help.contains("Write the line of --history"), "{help}");
        assert!(!help.contains("--drain-timeout") && !help.contains("result.json and report.html"), "{help}");
    }
}

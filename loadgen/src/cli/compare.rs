//! `loadgen compare`: its options, and how those of `loadgen run` are passed on.

use std::ffi::OsString;
use std::str::FromStr;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches};
use reports::comparison::METRICS;

use super::RunArgs;

pub(super) const COMPARE_ABOUT: &str = "\
Run two targets, or two settings of one, in interleaved pairs on fresh data, and say what differs, with intervals.

A and B are each a target as --target takes it (embedded, exec:COMMAND, kafka:DIRECTORY, HOST:PORT), or another build of \
loadgen (its file, or git:COMMIT, which is built first), if need be \
followed by options of its own, all in one argument: 'embedded --linger 0ms'. Words are split as a shell does; a command with \
blanks is quoted: 'exec:\"./broker --port 9092\" --acks 1'. Options of `loadgen run` outside of A and B hold for both. \
Unless told otherwise, each run measures for 10 s after a warm-up of 5 s, or of 20 s for both where Apache Kafka is one of \
them, whose JVM is slower to reach its speed.

Both runs of a pair send the same messages, right after each other, in an order that a coin decides. Each pair gives the \
ratio of B's figure to A's; the interval of the ratio comes from the pairs alone, by exact sign flips, and assumes nothing \
of the noise. A pair with an INVALID run counts for nothing; some more pairs make up for such. Four metrics are named in advance, and all their intervals hold together with 95 % confidence: ack.p99, \
e2e.p99 (intended → consumed), broker-cpu (of a million messages) and throughput. A verdict follows from where the \
interval lies: beyond the tolerance (better, worse), inside (no difference), or across its edge (inconclusive).";

pub(super) const COMPARE_AFTER: &str = "\
Exit codes:
  0  clean: better, or no difference beyond the tolerance, in every primary
     metric
  1  anomalies: a run found messages lost, duplicated, reordered or damaged; the
     comparison ends there
  2  usage: an option makes no sense; nothing was run
  3  invalid: every pair had a run whose generator was the bottleneck; do not
     use the figures
  5  regressed: B is worse by more than the tolerance in a primary metric
  6  inconclusive: a primary metric could not be told; more pairs, longer runs
     or a larger tolerance would
  7  target unreachable: a cluster does not answer, or a broker did not start
  8  failed: a run failed, or a file could not be written
  130  interrupted before the first pair was whole, or twice

Ctrl-C (SIGTERM, SIGHUP) once drops the pair that runs, and judges what was
measured. Twice leaves at once.

Examples:
  loadgen compare embedded kafka:/opt/kafka
      the reference broker and Apache Kafka, side by side
  loadgen compare 'embedded --linger 0ms' 'embedded --linger 5ms' --rate 50k
      two settings of the client
  loadgen compare embedded embedded --pairs 24 --tolerance 10%
      a broker and itself: what the machine's noise hides
  loadgen compare old:9092 new:9092 --tolerance e2e.p99=20% --out upgrade
      two clusters; a topic of its own for each run
  loadgen compare embedded 'exec:\"./my-broker --port 9092\"' --json >found.json
      a broker of yours, for a script";

/// Options of `loadgen compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// What to compare with: a target or another build of loadgen, with options of its own if any
    pub a: String,

    /// What is compared
    pub b: String,

    /// Pairs of runs, at most: the comparison ends early where everything is clear at a planned look. Below 8, nothing can
    /// be
    #[arg(long, default_value = "16", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Comparison")]
    pub pairs: u32,

    /// How much of a difference counts as none: 5%, or of one metric, such as ack.p99=20%; repeatable
    #[arg(long = "tolerance", value_name = "[METRIC=]SHARE", action = ArgAction::Append, help_heading = "Comparison")]
    pub tolerances: Vec<Tolerance>,

    /// Pairs of A and A in between, judged likewise: what the method says where there is nothing to find. The noise between
    /// runs of the same arm is shown without them, at no cost
    #[arg(long, default_value = "0", value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000), help_heading = "Comparison")]
    pub aa: u32,

    /// For both arms.
    #[command(flatten)]
    pub run: RunOptions,
}

/// Options of `loadgen run` as one command line passes them on to another.
#[derive(Debug)]
pub struct RunOptions {
    /// Those that were given, parsed.
    pub args: RunArgs,
    /// The same as arguments, but for where the results go.
    pub arguments: Vec<OsString>,
}

/// Under these headings stand options that `loadgen run --help` explains.
const RUN_HEADINGS: [&str; 4] = ["Load", "Messages", "Clients", "Target"];
/// Options that mean a comparison as a whole.
const OF_THE_WHOLE: [&str; 4] = ["seed", "out", "json", "quiet"];

/// Leaves what `loadgen run` explains out of another command's help.
pub(super) fn without_run_options(arg: Arg) -> Arg {
    let elsewhere =
        arg.get_help_heading().is_some_and(|heading| RUN_HEADINGS.contains(&heading)) && arg.get_id() != "seed";
    if arg.get_id() == "assertions" || elsewhere { arg.hide(true) } else { arg }
}

impl Args for RunOptions {
    fn augment_args(command: clap::Command) -> clap::Command {
        RunArgs::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        RunArgs::augment_args_for_update(command)
    }
}

impl FromArgMatches for RunOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self { args: RunArgs::from_arg_matches(matches)?, arguments: given(matches) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.arguments.extend(given(matches));
        self.args.update_from_arg_matches(matches)
    }
}

/// The options of `loadgen run` that were given, as arguments.
fn given(matches: &ArgMatches) -> Vec<OsString> {
    let mut arguments = Vec::new();
    for arg in RunArgs::augment_args(clap::Command::new("run")).get_arguments() {
        let id = arg.get_id().as_str();
        let is_given = matches.value_source(id) == Some(ValueSource::CommandLine);
        if !is_given || OF_THE_WHOLE.contains(&id) {
            continue;
        }
        let flag = match (arg.get_long(), arg.get_short()) {
            (Some(long), _) => format!("--{long}"),
            (None, Some(short)) => format!("-{short}"),
            (None, None) => continue,
        };
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            arguments.push(flag.into());
            continue;
        }
        for value in matches.get_raw(id).into_iter().flatten() {
            let mut argument = OsString::from(&flag);
            argument.push(if flag.starts_with("--") { "=" } else { "" });
            argument.push(value);
            arguments.push(argument);
        }
    }
    arguments
}

/// `--tolerance`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tolerance {
    /// The metric it holds for; all others' where there is none.
    pub metric: Option<String>,
    /// 0.05 for 5 %.
    pub share: f64,
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (metric, share) = match text.split_once('=') {
            Some((metric, share)) => (Some(metric.trim()), share),
            None => (None, text),
        };
        let primary = || METRICS.iter().filter(|metric| metric.primary).map(|metric| metric.name);
        if let Some(metric) = metric.filter(|metric| !primary().any(|name| name == *metric)) {
            return Err(format!(
                "a verdict is given of {}, not of '{metric}'",
                primary().collect::<Vec<_>>().join(", ")
            ));
        }
        let percent = share.trim().strip_suffix('%').and_then(|percent| percent.trim().parse::<f64>().ok());
        match percent {
            Some(percent) if (0.0..=1000.0).contains(&percent) => {
                Ok(Self { metric: metric.map(str::to_owned), share: percent / 100.0 })
            }
            _ => Err("write it as 5% or, of one metric, as ack.p99=20%".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::{Cli, Command};

    fn parsed(arguments: &[&str]) -> CompareArgs {
        let words = ["loadgen", "compare"].iter().chain(arguments);
        match Cli::try_parse_from(words).expect("parses").command {
            Command::Compare(args) => *args,
            _ => panic!("not compare"),
        }
    }

    #[test]
    fn options_of_run_are_passed_on_wherever_they_stand_and_those_of_the_whole_are_not() {
        let args = parsed(&[
            "--rate",
            "50k",
            "embedded",
            "--pairs",
            "9",
            "embedded --linger 0ms",
            "-X",
            "a=1",
            "-X",
            "b= 2",
            "--idempotent",
            "--seed",
            "7",
            "--keep-topic",
            "--json",
        ]);
        assert_eq!((args.a.as_str(), args.b.as_str(), args.pairs), ("embedded", "embedded --linger 0ms", 9));
        let passed: Vec<_> = args.run.arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        assert_eq!(passed, ["--rate=50k", "--idempotent=true", "-Xa=1", "-Xb= 2", "--keep-topic"]);
        assert_eq!((args.run.args.seed, args.run.args.json), (Some(7), true));
    }

    #[test]
    fn a_tolerance_is_a_share_of_all_or_of_a_primary_metric() {
        let read = |text: &str| text.parse::<Tolerance>();
        assert_eq!(read("5%"), Ok(Tolerance { metric: None, share: 0.05 }));
        assert_eq!(read("ack.p99 = 20 %"), Ok(Tolerance { metric: Some("ack.p99".into()), share: 0.2 }));
        for bad in ["5", "-1%", "x%", "ack.p50=5%", "nan%"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_help_shows_its_own_options_and_leaves_those_of_run_to_run() {
        let mut cli = Cli::command();
        cli.build();
        let help = cli.find_subcommand_mut("compare").expect("there is one").render_long_help().to_string();
        assert!(help.contains("--pairs") && help.contains("--seed") && help.contains("--out"), "{help}");
        assert!(!help.contains("--drain-timeout") && !help.contains("--assert"), "{help}");
    }
}

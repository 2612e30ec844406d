//! The command line: what can be said, and the help that explains it.
//!
//! Each value is parsed into its own type here, so that a bad one is refused in one sentence with exit code 2.
//! [`crate::plan`] then holds the values against each other.

mod compare;
mod gate;
mod report;

use std::num::{NonZeroI32, NonZeroU16};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::ArgPredicate;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use compare::{COMPARE_ABOUT, COMPARE_AFTER, without_run_options};
pub use compare::{CompareArgs, RunOptions, Tolerance};
pub use gate::GateArgs;
use gate::{GATE_ABOUT, GATE_AFTER, of_a_gate};
pub use report::{Format, ReplayArgs, ReportArgs};
use report::{REPLAY_ABOUT, REPLAY_AFTER, REPORT_ABOUT, REPORT_AFTER};

use crate::plan::Assertion;
use crate::target::TargetSpec;
use crate::verify::Acks;
use crate::workload::{Arrival, KeySpec, PartitionerSpec, Quantity, Rate, SizeSpec};

/// A load generator for anything that speaks the Kafka protocol: it sends at a fixed rate, reads everything back through
/// consumer groups, accounts for every single message, and says what it measured.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version = env!("LOADGEN_VERSION"), max_term_width = 110, after_help = AFTER_HELP, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send at a fixed rate, read everything back, verify it, and report.
    #[command(long_about = RUN_ABOUT, after_long_help = RUN_AFTER, args_override_self = true)]
    Run(Box<RunArgs>),
    /// Run two targets, or two settings, in interleaved pairs, and say what differs, with intervals.
    #[command(long_about = COMPARE_ABOUT, after_long_help = COMPARE_AFTER, args_override_self = true,
        mut_args = without_run_options)]
    Compare(Box<CompareArgs>),
    /// Say for CI whether a candidate is worse than its baseline, by the method of `compare`.
    #[command(long_about = GATE_ABOUT, after_long_help = GATE_AFTER, args_override_self = true, mut_args = of_a_gate)]
    Gate(Box<GateArgs>),
    /// Render result files again, merge those of one plan, and show different ones side by side.
    #[command(long_about = REPORT_ABOUT, after_long_help = REPORT_AFTER)]
    Report(ReportArgs),
    /// Run the plan of a result file again, with whatever is to be different.
    #[command(long_about = REPLAY_ABOUT, after_long_help = REPLAY_AFTER)]
    Replay(ReplayArgs),
    /// The broker that `--target embedded` runs as a process of its own.
    #[command(hide = true, disable_help_flag = true)]
    EmbeddedBroker(EmbeddedBrokerArgs),
    /// What the generator's limit is measured against.
    #[command(hide = true)]
    NullSink(NullSinkArgs),
    /// The watchdog around a command that `loadgen` starts; ends it when its own standard input ends.
    #[command(hide = true)]
    Supervise(SuperviseArgs),
}

const AFTER_HELP: &str = "\
Start with `loadgen run`: it needs no cluster and no other argument. `loadgen compare` says what differs between two brokers \
or two settings; `loadgen gate` says in CI whether a change made anything worse.
`loadgen report` renders, merges and lays side by side what runs have written; `loadgen replay` runs one again.
`loadgen run --help` explains every option, the output and the exit codes.";

const RUN_ABOUT: &str = "\
Send at a fixed rate, read everything back, verify it, and report.

Without arguments: starts the reference broker as a process of its own, creates a topic, sends 100,000 messages a \
second of 100 bytes for 30 seconds after a warm-up of 5, reads them back through a consumer group, and writes a report.

The load is an open loop. Each message has an intended time, which nothing moves: when the cluster stalls, messages \
fall due all the same, and their latency counts from when they were due. Three latencies are shown side by side: \
intended→ack (what your application would wait), actual→ack (the same without the generator's own lateness and the wait for \
room in the client's queue) and intended→consumed (end to end). Every message carries a stamp, so that each loss, duplicate, change of order or damage is named by its \
partition and offset.

Numbers are written as people write them: 100k, 100000, 100,000, 100_000 or 1e5; 100k/s or 6M/m; 1KiB. A time takes its \
unit (30s, 500ms, 2m), unless it is 0.";

pub(crate) const RUN_AFTER: &str = "\
Exit codes:
  0  clean: every message due was acknowledged and is accounted for, and the
     rate was held
  1  anomalies: messages lost, duplicated, reordered or damaged against what
     the settings promise
  2  usage: an option makes no sense; nothing was sent
  3  invalid: do not use the figures; the reasons are below
  4  assertion missed: the run is clean, and an --assert does not hold
  5  regressed, and 6  inconclusive: only `loadgen compare` and `loadgen gate`
     end with these
  7  target unreachable: the cluster does not answer, or the broker did not
     start
  8  failed: the cluster refused something (messages, if only one), or a file
     could not be written
  9  rate not held: nothing went wrong, but the cluster fell behind: of what was
     due, less than 99.9 % was acknowledged and read while the window was open,
     what is always in flight aside
  130  interrupted before the first message, or twice; nothing was verified or
     written

INVALID, and never without the reason in numbers; each rule reads nothing but
result.json:
  GENERATOR-LIMITED: the generator was the bottleneck.
    late       at p99, more than half of the latency to the acknowledgement had
               passed before the message left (and more than 10 ms), although
               the client's queue had room
    starved    its threads waited for a CPU, 25 % of the window and most of the
               median latency
    queue      -X made the client's queue hold less than a second of load, and
               it was full half of the window
    limit      the rate is above what --calibrate found, and the run fell behind
  UNSTABLE: no steady state, in 6 seconds or more: the figures depend on how
  long was measured.
    backlog    what waits for its acknowledgement, or to be read, grew from
               third to third of the window by more than 50 ms of load (and a
               fifth of the median latency) each
    wandering  a third of the seconds had a throughput more than a quarter off
               the median
    jitter     the machine woke an idle thread so late, at p99, that it is most
               of the latency (and more than 10 ms)
  CUT SHORT: the window, or the verification, is not what was asked for.
    ended      by Ctrl-C, or by the target's end
    drain      the groups had not read to the end within --drain-timeout

--assert 'METRIC OP VALUE', where OP is one of < <= > >= == !=:
  ack.pNN, ack.max       intended → acknowledgement, at any percentile (p50,
                         p99.9); pNN alone means the same
  submit.pNN, lag.pNN    actual → acknowledgement; how late messages left
  e2e.pNN                intended → consumed; of several groups, the slowest
  throughput             acknowledged a second while the window was open, of
                         what was due: 99k/s
  consumption            the same of what the slowest group read
  acked-in-window        the same as shares of what was due: 99.9%
  consumed-in-window
  lost, duplicates       messages; anomalies counts all kinds that fail a run
  failed, unknown        messages not written, and those of unknown fate
  broker-cpu             CPU time a million messages: 1500ms
  broker-rss             memory, at most: 100MiB

Ctrl-C (SIGTERM, SIGHUP) once ends the measurement now; what was sent is
drained, verified and reported. Twice leaves at once.

Examples:
  loadgen run
      the reference broker, 100k/s, 30 s: the first thing to try
  loadgen run --rate 50k --size 1KiB --key 10k --groups 2 --consumers 3
      keyed 1 KiB messages, read by two groups of three members each
  loadgen run -b node01:9092,node02:9092 --topic load-test --duration 5m
      a cluster of yours; the topic is created if it is missing, and then
      deleted afterwards
  loadgen run --payload-file access.log --key payload:field=1 --compression zstd
      a real web access log as it is, keyed by client address
  loadgen run --key 1000 --partitioner 'explicit:key[0:2] % 6'
      the partition from the key's first two digits
  loadgen run --duration 10s --json --assert 'ack.p99<20ms' --assert 'lost==0'
      for CI: the result on standard output, the verdict in the exit code
  loadgen run -b kafka:9093 -X security.protocol=ssl -X ssl.ca.location=ca.pem
      any setting of librdkafka (TLS needs a build with --features tls)";

/// Options of `loadgen run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Messages a second, over all producers: 100k/s, 100,000, 1e5, 6M/m
    #[arg(long, allow_hyphen_values = true, default_value = "100k/s", value_name = "RATE", help_heading = "Load")]
    pub rate: Rate,

    /// How messages follow one another: `constant` or `poisson`
    #[arg(long, default_value = "constant", value_name = "PROCESS", help_heading = "Load")]
    pub arrival: Arrival,

    /// How long to measure, after the warm-up [default: 30s]
    #[arg(long, allow_hyphen_values = true, value_name = "TIME", value_parser = duration, conflicts_with = "messages", help_heading = "Load")]
    pub duration: Option<Duration>,

    /// How many messages to measure, after the warm-up, in place of a duration
    #[arg(long, allow_hyphen_values = true, value_name = "N", value_parser = Quantity::count, help_heading = "Load")]
    pub messages: Option<u64>,

    /// How long to send before measuring: sent, consumed and verified, and in no figure
    #[arg(long, allow_hyphen_values = true, default_value = "5s", value_name = "TIME", value_parser = duration, help_heading = "Load")]
    pub warmup: Duration,

    /// How long, once everything is sent, to wait for what is unfinished
    #[arg(long, allow_hyphen_values = true, default_value = "30s", value_name = "TIME", value_parser = duration, help_heading = "Load")]
    pub drain_timeout: Duration,

    /// Size of each value, its stamp of 44 bytes included: 1KiB, uniform:100..2000, lognormal:MEDIAN:SIGMA or
    /// lognormal:MEDIAN:SIGMA:MAX.
    /// Where values are shorter than the stamp, it travels in a record header
    #[arg(
        long,
        allow_hyphen_values = true,
        default_value = "100B",
        value_name = "SIZE",
        conflicts_with = "payload_file",
        help_heading = "Messages"
    )]
    pub size: SizeSpec,

    /// Send this file's lines as they are, in turn (a web access log, JSON lines); the stamp travels in a record header. Line
    /// ends (LF or CRLF) are no part of a message, and empty lines none; those skipped are counted in a note
    #[arg(long, value_name = "FILE", help_heading = "Messages")]
    pub payload_file: Option<PathBuf>,

    /// Keys: none, N (one of N, equally likely), zipf:N:S (with skew S), payload:$.member, payload:field=N
    #[arg(long, default_value = "none", value_name = "KEYS", help_heading = "Messages")]
    pub key: KeySpec,

    /// Who chooses the partition: round-robin, murmur2 (by key, as the Java client), explicit:EXPR, client (librdkafka's own)
    /// [default: murmur2 with keys, else round-robin]
    #[arg(long, value_name = "CHOICE", help_heading = "Messages")]
    pub partitioner: Option<PartitionerSpec>,

    /// Seed of every random choice: the same seed sends the same messages [default: a new one, shown in the result]
    #[arg(long, allow_hyphen_values = true, value_name = "N", help_heading = "Messages")]
    pub seed: Option<u64>,

    /// Producer workers: a thread and a client each
    #[arg(long, allow_hyphen_values = true, default_value = "1", value_name = "N", value_parser = at_least_one, help_heading = "Clients")]
    pub producers: NonZeroU16,

    /// Consumer groups; each reads everything
    #[arg(long, allow_hyphen_values = true, default_value = "1", value_name = "N", value_parser = at_least_one, help_heading = "Clients")]
    pub groups: NonZeroU16,

    /// Members of each group, which share the partitions
    #[arg(long, allow_hyphen_values = true, default_value = "1", value_name = "N", value_parser = at_least_one, help_heading = "Clients")]
    pub consumers: NonZeroU16,

    /// Whose acknowledgement to wait for. With 0, losses are only counted, and latencies to the acknowledgement mean little
    #[arg(long, default_value = "all", value_name = "ACKS", help_heading = "Clients")]
    pub acks: AcksArg,

    /// Compress batches
    #[arg(long, default_value = "none", value_name = "CODEC", help_heading = "Clients")]
    pub compression: Compression,

    /// How long a batch may wait for more messages; 0ms sends at once
    #[arg(long, allow_hyphen_values = true, default_value = "5ms", value_name = "TIME", value_parser = linger, help_heading = "Clients")]
    pub linger: Duration,

    /// Let the broker drop what a retry sends twice (enable.idempotence) [default: true with --acks all, as in Kafka's own
    /// clients since 3.0; librdkafka's own default is false, under which a retry may duplicate and reorder]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = false, help_heading = "Clients")]
    pub idempotent: Option<bool>,

    /// Any setting of librdkafka, for every client that knows it; repeatable
    #[arg(short = 'X', value_name = "PROPERTY=VALUE", value_parser = property, action = ArgAction::Append, help_heading = "Clients")]
    pub properties: Vec<(String, String)>,

    /// The client library
    #[arg(long, default_value = "rdkafka", value_name = "DRIVER", help_heading = "Clients")]
    pub driver: DriverArg,

    /// Before the run, send at full speed for a second into a server that keeps nothing, to know the generator's own limit
    /// with this plan: each time, once a day for each plan (kept in ~/.cache/loadgen), or not at all
    #[arg(long, default_value = "cached", value_name = "WHEN", help_heading = "Clients")]
    pub calibrate: Calibrate,

    /// Where the load goes: embedded (the reference broker, a process of its own), exec:COMMAND (started for the run; its
    /// address is --bootstrap-servers or the first HOST:PORT it prints), kafka:DIRECTORY (Apache Kafka, from the jars in
    /// there, on fresh data), HOST:PORT
    #[arg(
        long,
        default_value = "embedded",
        value_name = "TARGET",
        default_value_if("bootstrap_servers", ArgPredicate::IsPresent, "existing"),
        help_heading = "Target"
    )]
    pub target: TargetSpec,

    /// An existing cluster: HOST:PORT[,HOST:PORT…]
    #[arg(short, long, value_name = "ADDRESSES", value_parser = addresses, help_heading = "Target")]
    pub bootstrap_servers: Option<String>,

    /// Process id of the broker, for its CPU and memory, where it cannot be found by its listening socket on this machine
    #[arg(long, value_name = "PID", help_heading = "Target")]
    pub target_pid: Option<NonZeroI32>,

    /// Topic: existing (then others' messages in it are counted apart, and it is never deleted) or new [default: a new one]
    #[arg(long, value_name = "NAME", value_parser = topic_name, help_heading = "Target")]
    pub topic: Option<String>,

    /// Partitions of a new topic [default: 6]
    #[arg(long, allow_hyphen_values = true, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100_000), help_heading = "Target")]
    pub partitions: Option<i32>,

    /// Replicas of each partition of a new topic [default: the cluster's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..), help_heading = "Target")]
    pub replication_factor: Option<i16>,

    /// Leave the topic that the run creates
    #[arg(long, help_heading = "Target")]
    pub keep_topic: bool,

    /// Directory of result.json and report.html [default: loadgen-results/TIME]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: Option<PathBuf>,

    /// A condition such as 'ack.p99<20ms', 'throughput>=99k/s', 'lost==0'; repeatable. A missed one ends in exit code 4. All
    /// metrics are listed below
    #[arg(long = "assert", value_name = "CONDITION", action = ArgAction::Append, help_heading = "Output")]
    pub assertions: Vec<Assertion>,

    /// Write result.json to standard output too, and everything else to standard error
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// No progress display
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
}

/// Options of the hidden `embedded-broker`.
#[derive(Debug, Args)]
pub struct EmbeddedBrokerArgs {
    /// Those of the program `broker`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<std::ffi::OsString>,
}

/// Options of the hidden `null-sink`.
#[derive(Debug, Args)]
pub struct NullSinkArgs {
    /// Partitions of every topic.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=100_000))]
    pub partitions: i32,
}

/// Options of the hidden `supervise`.
#[derive(Debug, Args)]
pub struct SuperviseArgs {
    /// Removed at the end.
    #[arg(long)]
    pub remove_dir: Option<PathBuf>,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<std::ffi::OsString>,
}

/// `--acks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AcksArg {
    /// Every in-sync replica's
    #[value(alias = "-1")]
    All,
    /// The leader's
    #[value(name = "1")]
    Leader,
    /// Nobody's
    #[value(name = "0")]
    None,
}

impl From<AcksArg> for Acks {
    fn from(acks: AcksArg) -> Acks {
        match acks {
            AcksArg::All => Acks::All,
            AcksArg::Leader => Acks::Leader,
            AcksArg::None => Acks::None,
        }
    }
}

/// `--compression`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
#[expect(missing_docs, reason = "the names say it; a doc comment would appear in the help")]
pub enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    /// librdkafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }
}

/// `--calibrate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
#[expect(missing_docs, reason = "the names say it; a doc comment would appear in the help")]
pub enum Calibrate {
    Always,
    #[default]
    Cached,
    Never,
}

impl Calibrate {
    /// As typed.
    pub fn name(self) -> &'static str {
        match self {
            Calibrate::Always => "always",
            Calibrate::Cached => "cached",
            Calibrate::Never => "never",
        }
    }
}

/// `--driver`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
#[expect(missing_docs, reason = "the name says it; a doc comment would appear in the help")]
pub enum DriverArg {
    RdKafka,
}

fn duration(text: &str) -> Result<Duration, String> {
    Quantity::duration_ns(text).map(Duration::from_nanos).map_err(|error| error.to_string())
}

/// librdkafka's upper bound of `linger.ms`.
const LINGER_MAX: Duration = Duration::from_secs(900);

fn linger(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        linger if linger > LINGER_MAX => Err(format!("librdkafka waits at most {LINGER_MAX:?}; ms are milliseconds")),
        linger => Ok(linger),
    }
}

/// A number of workers.
fn at_least_one(text: &str) -> Result<NonZeroU16, String> {
    let number = Quantity::count(text).map_err(|error| error.to_string())?;
    let number = u16::try_from(number).ok().and_then(NonZeroU16::new);
    number.ok_or_else(|| format!("it must be from 1 to {}", u16::MAX))
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err("expected PROPERTY=VALUE, such as linger.ms=5".to_owned()),
    }
}

/// Addresses as `HOST:PORT[,HOST:PORT…]`.
pub(crate) fn addresses(text: &str) -> Result<String, String> {
    for address in text.split(',') {
        let port = address.trim().rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
        let Some(port) = port.and_then(|port| port.parse::<u64>().ok()) else {
            return Err(format!("'{address}' is no HOST:PORT; write it as localhost:9092"));
        };
        if !(1..=u64::from(u16::MAX)).contains(&port) {
            return Err(format!("the port of '{address}' is out of range: it must be from 1 to {}", u16::MAX));
        }
    }
    Ok(text.to_owned())
}

/// Kafka's rule for topic names (`org.apache.kafka.common.internals.Topic.validate`).
fn topic_name(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.is_empty() || text.len() > 249 || text == "." || text == ".." || !text.chars().all(legal) {
        return Err("Kafka takes 1 to 249 letters, digits, '.', '_' and '-' as a topic's name".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::exit::Exit;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_documents_every_exit_code() {
        for exit in Exit::ALL {
            let documented = RUN_AFTER.contains(&format!("{}  {}", exit.code(), exit.name()))
                || RUN_AFTER.contains(&format!("{} {}", exit.code(), exit.name()));
            assert!(documented, "{} {}", exit.code(), exit.name());
        }
    }

    #[test]
    fn the_help_fits_eighty_columns_as_it_is_laid_out() {
        for line in RUN_AFTER.lines().chain(COMPARE_AFTER.lines()) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_in_words_for_people() {
        let refused = |words: &[&str]| {
            let words = ["loadgen", "run"].iter().chain(words);
            Cli::try_parse_from(words).expect_err("refused").to_string()
        };
        assert!(refused(&["--consumers", "0"]).contains("from 1 to 65535"));
        assert!(refused(&["--rate", "-5"]).contains("below zero"));
        assert!(refused(&["--warmup", "-1s"]).contains("below zero"));
        assert!(refused(&["--duration", "30"]).contains("write 30s"));
        assert!(refused(&["-b", "localhost:99999"]).contains("out of range"));
        assert!(refused(&["--target", "localhost:99999"]).contains("out of range"));
        let partitioner = refused(&["--partitioner", "foo"]);
        assert!(partitioner.contains("\"foo\" is no partitioner; expected round-robin"), "{partitioner}");
        let size = refused(&["--size", "10XB"]);
        assert_eq!(size.matches("is no size").count(), 1, "{size}");
    }

    #[test]
    fn every_code_that_a_comparison_ends_with_is_in_its_help() {
        let not_of_it = [Exit::AssertionMissed, Exit::RateNotHeld];
        for exit in Exit::ALL.into_iter().filter(|exit| !not_of_it.contains(exit)) {
            assert!(COMPARE_AFTER.contains(&format!("\n  {}  {}", exit.code(), exit.name())), "{}", exit.name());
        }
    }

    #[test]
    fn addresses_need_a_host_and_a_port() {
        assert!(addresses("node01:9092,node02:9092").is_ok());
        for bad in ["node01", ":9092", "node01:", "node01:99999", "node01:0", "a:1,,b:2"] {
            assert!(addresses(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_time_needs_its_unit_unless_it_is_zero() {
        for parse in [linger, duration] {
            assert!(parse("5").is_err_and(|error| error.contains("no unit")));
            assert_eq!(parse("0"), Ok(Duration::ZERO));
        }
        assert_eq!(linger("20m"), Err("librdkafka waits at most 900s; ms are milliseconds".to_owned()));
        assert_eq!(linger("15m"), Ok(LINGER_MAX));
    }

    #[test]
    fn topic_names_follow_kafkas_rule() {
        assert!(topic_name("news_tag-1.a").is_ok());
        for bad in ["", ".", "..", "a b", "ä"] {
            assert!(topic_name(bad).is_err(), "{bad}");
        }
    }
}

//! One side of a comparison: a target or another build of this program, with its own options, held against what `loadgen
//! run` takes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use super::CompareError;
use super::program::Program;
use crate::cli::{Cli, Command, RunArgs, RunOptions};
use crate::plan::Plan;
use crate::target::TargetSpec;

/// What each run measures, unless told otherwise.
const DURATION: &str = "10s";
/// The warm-up of both arms where one is Apache Kafka: its JVM compiles what is hot for some ten seconds.
const WARMUP_OF_JVM: &str = "20s";

/// One side, ready to run once its program is [found](super::program::find).
#[derive(Debug)]
pub(in crate::command) struct Arm {
    /// `A`, `baseline`, …
    pub(super) name: &'static str,
    /// As typed.
    pub(super) spec: String,
    /// Its own options, without the target.
    pub(super) own: Vec<String>,
    /// What makes its runs.
    pub(super) source: Program,
    /// The file of it.
    pub(super) program: PathBuf,
    /// Arguments of `loadgen run` but for the seed and the directory.
    arguments: Vec<OsString>,
    /// What they resolve to.
    pub(super) plan: Plan,
}

impl Arm {
    /// Both arms, with the options of both. What is wrong with either is found here, before anything runs.
    pub(in crate::command) fn both([a, b]: [Words; 2], shared: &RunOptions) -> Result<[Arm; 2], CompareError> {
        let is_jvm = [&a, &b]
            .iter()
            .any(|words| matches!(words.target.as_ref().unwrap_or(&shared.args.target), TargetSpec::Kafka(_)));
        Ok([a.into_arm(shared, is_jvm)?, b.into_arm(shared, is_jvm)?])
    }

    /// The arguments of one run of it.
    pub(super) fn run_arguments(&self, seed: u64, out: &std::path::Path) -> Vec<OsString> {
        let seed = format!("--seed={seed}").into();
        let of_run = ["run".into()].into_iter().chain(self.arguments.iter().cloned());
        of_run.chain([seed, OsString::from("--out"), out.as_os_str().to_owned()]).collect()
    }

    /// How long one run takes, about: the schedule, and what starts and ends around it.
    pub(super) fn expected(&self) -> Duration {
        let around = match self.plan.target {
            TargetSpec::Kafka(_) => Duration::from_secs(9),
            TargetSpec::Embedded => Duration::from_secs(2),
            TargetSpec::Exec(_) | TargetSpec::Existing(_) => Duration::from_secs(4),
        };
        Duration::from_nanos(self.plan.schedule.end_ns()) + around
    }
}

/// An arm's argument, split.
#[derive(Debug)]
pub(in crate::command) struct Words {
    name: &'static str,
    spec: String,
    source: Program,
    /// That of both arms where it has none.
    target: Option<TargetSpec>,
    options: Vec<String>,
}

impl Words {
    /// This program, with the target and the options of both arms.
    pub(in crate::command) fn own(name: &'static str) -> Self {
        let spec = "this program".to_owned();
        Self { name, spec, source: Program::Own, target: None, options: Vec::new() }
    }

    /// Splits an argument.
    ///
    /// # Errors
    /// [`CompareError::Arm`] where its first word names nothing.
    pub(in crate::command) fn of(name: &'static str, spec: &str) -> Result<Self, CompareError> {
        let wrong = |reason: String| CompareError::Arm { name, spec: spec.to_owned(), reason };
        let mut words = split(spec).ok_or_else(|| wrong("a quotation mark is not closed".to_owned()))?.into_iter();
        let first = words.next().unwrap_or_default();
        let (source, target) = match (Program::named(&first), first.parse::<TargetSpec>()) {
            (Some(program), _) => (program, None),
            (None, Ok(target)) => (Program::Own, Some(target)),
            (None, Err(reason)) => {
                return Err(wrong(format!("{reason}, or another loadgen: its file, or git:COMMIT")));
            }
        };
        Ok(Self { name, spec: spec.to_owned(), source, target, options: words.collect() })
    }

    fn into_arm(self, shared: &RunOptions, is_jvm: bool) -> Result<Arm, CompareError> {
        let wrong = |reason: String| CompareError::Arm { name: self.name, spec: self.spec.clone(), reason };
        // Only what is said here can be told from what is common to both.
        let own = parse(self.options.iter().map(OsString::from)).map_err(|text| {
            let quote = matches!(self.target, Some(TargetSpec::Exec(_)));
            wrong(if quote { format!("{text}; a command with blanks is quoted: 'exec:\"COMMAND\"'") } else { text })
        })?;
        for args in [&shared.args, &own] {
            if let Some((option, instead)) = not_of_a_comparison(args) {
                return Err(CompareError::Option { option, instead });
            }
        }
        if own.seed.is_some() || own.out.is_some() || own.json || own.quiet {
            return Err(wrong(
                "--seed, --out, --json and --quiet hold for the whole comparison: say them outside".into(),
            ));
        }
        let mut arguments: Vec<OsString> = Vec::new();
        if [&shared.args, &own].iter().all(|args| args.duration.is_none() && args.messages.is_none()) {
            arguments.push(format!("--duration={DURATION}").into());
        }
        if is_jvm {
            arguments.push(format!("--warmup={WARMUP_OF_JVM}").into());
        }
        arguments.extend(shared.arguments.iter().cloned());
        arguments.extend(self.options.iter().map(OsString::from));
        arguments.extend(self.target.map(|target| format!("--target={target}").into()));
        let resolved = parse(arguments.iter().cloned()).map_err(wrong)?;
        let plan = Plan::resolve(&resolved, Vec::new()).map_err(|error| wrong(error.to_string()))?;
        let program = PathBuf::new();
        Ok(Arm { name: self.name, spec: self.spec, own: self.options, source: self.source, program, arguments, plan })
    }
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<RunArgs, String> {
    let words = ["loadgen".into(), "run".into()].into_iter().chain(arguments);
    match Cli::try_parse_from(words) {
        Ok(Cli { command: Command::Run(args) }) => Ok(*args),
        Ok(_) => Err("not a run".to_owned()),
        // The rest of clap's message repeats the usage.
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Err(first.strip_prefix("error: ").unwrap_or(first).to_owned())
        }
    }
}

/// An option of a run that makes no sense for the runs of a comparison, and what to do.
fn not_of_a_comparison(args: &RunArgs) -> Option<(&'static str, &'static str)> {
    [
        (args.topic.is_some(), "--topic", "each run makes a fresh topic of its own"),
        (args.keep_topic, "--keep-topic", "each run makes a fresh topic of its own"),
        (!args.assertions.is_empty(), "--assert", "say how much may differ by --tolerance"),
    ]
    .into_iter()
    .find_map(|(is, option, instead)| is.then_some((option, instead)))
}

/// Words as a shell splits them: at blanks, but for those inside of quotation marks or after a backslash. `None` where a
/// mark is not closed.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(mark), letter) if mark == letter => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(letters.next()?),
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(arguments: &[&str]) -> Result<[Arm; 2], String> {
        let words = ["loadgen", "compare"].iter().chain(arguments);
        match Cli::try_parse_from(words).expect("parses").command {
            Command::Compare(args) => Words::of("A", &args.a)
                .and_then(|a| Arm::both([a, Words::of("B", &args.b)?], &args.run))
                .map_err(|error| error.to_string()),
            _ => panic!("not compare"),
        }
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        let words = |text| split(text).expect("closed").join("|");
        assert_eq!(words("embedded --linger  0ms"), "embedded|--linger|0ms");
        assert_eq!(words(r#"exec:"./broker --port 1" -X 'a=b c' d\ e """#), "exec:./broker --port 1|-X|a=b c|d e|");
        assert_eq!(words(r#"'\' "\"""#), r#"\|""#);
        assert_eq!((split("'a"), split("a\\")), (None, None));
    }

    #[test]
    fn an_arms_own_options_come_after_those_of_both() {
        let [a, b] = both(&["embedded", "embedded --linger 0ms --rate 2k", "--rate", "1k"]).expect("valid");
        assert_eq!((a.plan.schedule.rate.as_per_second(), b.plan.schedule.rate.as_per_second()), (1_000.0, 2_000.0));
        assert_eq!(b.plan.linger, Duration::ZERO);
        assert_eq!(a.expected(), Duration::from_secs(5 + 10 + 2));
    }

    #[test]
    fn a_jvm_warms_up_longer_and_so_does_what_it_is_compared_with_unless_told_otherwise() {
        let warmups = |arguments: &[&str]| both(arguments).expect("valid").map(|arm| arm.plan.schedule.warmup_ns);
        assert_eq!(warmups(&["embedded", "kafka:libs"]), [20_000_000_000; 2]);
        assert_eq!(warmups(&["embedded", "kafka:libs", "--warmup", "3s"]), [3_000_000_000; 2]);
        assert_eq!(warmups(&["embedded", "embedded"]), [5_000_000_000; 2]);
    }

    #[test]
    fn an_arm_that_is_another_build_goes_to_the_target_of_both() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let file = file.path().to_str().expect("UTF-8");
        let [a, b] = both(&[&format!("{file} --linger 0ms"), "git:v1", "--target", "exec:broker"]).expect("valid");
        assert_eq!((a.source, a.plan.linger), (Program::File(file.into()), Duration::ZERO));
        assert_eq!((b.source, b.plan.target.to_string()), (Program::Commit("v1".into()), "exec:broker".into()));
    }

    #[test]
    fn what_is_wrong_with_an_arm_is_said_with_its_name() {
        for (arguments, said) in [
            (["embedded", "nowhere"], "B ('nowhere'): expected embedded, exec:COMMAND"),
            (["exec:./broker --port 9", "embedded"], "quoted: 'exec:\"COMMAND\"'"),
            (
                ["embedded --acks 1 --idempotent", "embedded"],
                "A ('embedded --acks 1 --idempotent'): --idempotent needs",
            ),
            (["embedded --json", "embedded"], "hold for the whole comparison"),
            (["embedded --topic t", "embedded"], "--topic makes no sense"),
            (["embedded 'x", "embedded"], "not closed"),
        ] {
            let text = both(&arguments).expect_err("refused");
            assert!(text.contains(said), "{text}");
        }
    }
}

//! `loadgen replay`: the plan of a result file as options of `loadgen run`, run again, and held against the file.

use std::path::Path;

use clap::Parser;
use reports::RunResult;
use reports::merge::Named;
use reports::render::{Colour, side_by_side};
use reports::schema;

use super::report::{ReportError, read};
use super::run::{CommandError, run};
use crate::cli::{Cli, Command, ReplayArgs, RunArgs};
use crate::exit::Exit;
use crate::plan::default_out;

/// Why there was no run, or nothing to hold it against.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file, or the new result.
    #[error(transparent)]
    Read(#[from] ReportError),
    /// The file leaves secrets out.
    #[error("the result does not hold the value of {property}: say it again, by -X {property}=VALUE")]
    Secret {
        /// The property.
        property: String,
    },
    /// Not one run's plan.
    #[error("the result was merged from {runs} runs with a seed each: replay one of their files")]
    Merged {
        /// How many.
        runs: usize,
    },
    /// The run.
    #[error(transparent)]
    Run(#[from] CommandError),
}

impl ReplayError {
    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        match self {
            ReplayError::Read(error) => error.exit(),
            ReplayError::Secret { .. } | ReplayError::Merged { .. } => Exit::Usage,
            ReplayError::Run(error) => error.exit(),
        }
    }
}

/// Runs the plan again and says what differs.
///
/// # Errors
/// [`ReplayError`], each in one sentence.
pub fn replay(args: &ReplayArgs, command: Vec<String>) -> Result<Exit, ReplayError> {
    let (path, before) = read(&args.file)?;
    let mut run_args = options(&before, &args.overrides)?;
    let out = run_args.out.get_or_insert_with(default_out).clone();
    let began = reports::figures::time_utc(before.times.started_unix_ms);
    eprintln!("replaying {}, a run of {began}, with its seed {}", path.display(), before.plan.seed);
    let exit = run(&run_args, command)?;
    let (now_path, now) = read(&out)?;
    say(&run_args, (&path, before), (&now_path, now));
    Ok(exit)
}

/// What differs, and the figures of both; to standard error where the result takes standard output.
fn say(args: &RunArgs, (before_path, before): (&Path, RunResult), (now_path, now): (&Path, RunResult)) {
    use std::io::Write;
    let named = |name: &str, path: &Path, run| Named { name: name.to_owned(), file: path.display().to_string(), run };
    let both = [named("before", before_path, before), named("now", now_path, now)];
    // A reader that has gone away ends nothing: the files are written.
    if args.json {
        let text = side_by_side::terminal(&both, Colour::for_stream(&std::io::stderr()));
        let _ = write!(std::io::stderr(), "\n{text}");
    } else {
        let text = side_by_side::terminal(&both, Colour::for_stream(&std::io::stdout()));
        let _ = write!(std::io::stdout(), "\n{text}");
    }
}

/// The plan as options, with the overrides after them; ends the process where these cannot be parsed, as any bad option does.
fn options(before: &RunResult, overrides: &[String]) -> Result<Box<RunArgs>, ReplayError> {
    if before.merged.len() > 1 {
        return Err(ReplayError::Merged { runs: before.merged.len() });
    }
    let words = words(&before.plan, overrides)?;
    match Cli::try_parse_from(words).map_err(|error| error.exit()) {
        Ok(Cli { command: Command::Run(args) }) => Ok(args),
        Ok(_) => unreachable!("the words begin with `loadgen run`"),
        Err(never) => never,
    }
}

/// Options that stand for each other: one of them in the overrides takes all of the plan's away.
const ALTERNATIVES: [&[&str]; 5] = [
    &["--duration", "--messages"],
    &["--size", "--payload-file"],
    &["--target", "--bootstrap-servers", "-b"],
    &["--acks", "--idempotent"],
    &["--key", "--partitioner"],
];

/// `loadgen run`, the plan's options, the overrides.
fn words(plan: &schema::Plan, overrides: &[String]) -> Result<Vec<String>, ReplayError> {
    let overridden = |option: &str| {
        let given = |name: &str| {
            let is = |word: &String| word == name || word.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
            overrides.iter().any(is)
        };
        given(option)
            || ALTERNATIVES.iter().any(|group| group.contains(&option) && group.iter().any(|name| given(name)))
    };
    let mut words = vec!["loadgen".to_owned(), "run".to_owned()];
    for (option, value) in plan_options(plan) {
        if !overridden(option.split('=').next().unwrap_or_default()) {
            words.push(if value.is_empty() { option } else { format!("{option}={value}") });
        }
    }
    for (property, value) in &plan.properties {
        let given = overrides
            .iter()
            .any(|word| word.trim_start_matches("-X").trim_start_matches('=').starts_with(&format!("{property}=")));
        match value.as_str() {
            _ if given => {}
            "(hidden)" => return Err(ReplayError::Secret { property: property.clone() }),
            value => words.extend(["-X".to_owned(), format!("{property}={value}")]),
        }
    }
    words.extend(overrides.iter().cloned());
    Ok(words)
}

/// Each option of the plan with its value, empty for a flag.
fn plan_options(plan: &schema::Plan) -> Vec<(String, String)> {
    let mut options: Vec<(&str, String)> = vec![
        ("--seed", plan.seed.to_string()),
        ("--rate", plan.rate_per_second.to_string()),
        ("--warmup", format!("{}ms", plan.warmup_ms)),
        ("--key", plan.key.clone()),
        ("--partitioner", plan.partitioner.clone()),
        ("--producers", plan.producers.to_string()),
        ("--groups", plan.groups.to_string()),
        ("--consumers", plan.consumers_per_group.to_string()),
        ("--acks", plan.acks.clone()),
        ("--compression", plan.compression.clone()),
        ("--linger", format!("{}us", plan.linger_us)),
        ("--idempotent", plan.idempotent.to_string()),
    ];
    options.extend(plan.duration_ms.map(|ms| ("--duration", format!("{ms}ms"))));
    options.extend(plan.messages.map(|messages| ("--messages", messages.to_string())));
    options.push(match &plan.payload_file {
        Some(file) => ("--payload-file", file.clone()),
        None => ("--size", plan.size.clone()),
    });
    options.extend(plan.bootstrap_servers.clone().map(|servers| ("--bootstrap-servers", servers)));
    if plan.bootstrap_servers.as_ref() != Some(&plan.target) {
        options.push(("--target", plan.target.clone()));
    }
    if !is_own_name(&plan.topic) {
        options.push(("--topic", plan.topic.clone()));
    }
    if plan.topic_created {
        options.push(("--partitions", plan.partitions.to_string()));
    }
    options.extend(plan.replication_factor.map(|replicas| ("--replication-factor", replicas.to_string())));
    options.extend(plan.assertions.iter().map(|assertion| ("--assert", assertion.clone())));
    let mut options: Vec<(String, String)> =
        options.into_iter().map(|(option, value)| (option.to_owned(), value)).collect();
    // The process of then is not the process of now.
    for (name, value) in plan.other.iter().filter(|(name, _)| *name != "target-pid") {
        let value = if value == "true" { String::new() } else { value.clone() };
        options.push((format!("--{name}"), value));
    }
    options
}

/// Whether a run made the name up.
fn is_own_name(topic: &str) -> bool {
    let random = topic.strip_prefix("loadgen-");
    random.is_some_and(|random| random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    fn parsed(words: impl IntoIterator<Item = String>) -> Box<RunArgs> {
        match Cli::try_parse_from(words).expect("parses").command {
            Command::Run(args) => args,
            _ => panic!("not run"),
        }
    }

    /// The record of the plan that these options make.
    fn record(options: &str) -> schema::Plan {
        let words = ["loadgen", "run"].into_iter().chain(options.split_whitespace()).map(str::to_owned);
        Plan::resolve(&parsed(words), Vec::new()).expect("a valid plan").record(6, true)
    }

    fn replayed(plan: &schema::Plan, overrides: &str) -> schema::Plan {
        let overrides: Vec<String> = overrides.split_whitespace().map(str::to_owned).collect();
        let words = words(plan, &overrides).expect("no secrets");
        Plan::resolve(&parsed(words), Vec::new()).expect("a valid plan").record(6, true)
    }

    /// Without what is new in each run.
    fn lasting(mut plan: schema::Plan) -> schema::Plan {
        (plan.topic, plan.out_dir) = (String::new(), None);
        plan
    }

    #[test]
    fn a_plan_is_run_again_as_it_was() {
        for options in [
            "",
            "--rate 12345.5 --messages 777 --warmup 1500ms --size lognormal:1KiB:0.5 --key zipf:10k:1.1 --arrival poisson",
            "--acks 1 --compression zstd --linger 0ms --groups 2 --consumers 3 --producers 2 --partitions 6",
            "--idempotent false -X message.timeout.ms=9000 -X batch.size=1000 --drain-timeout 1500ms --assert ack.p99<20ms",
            "-b a:1,b:2 --topic shared --replication-factor 3 --key 60 --partitioner explicit:key[0:2]%6 --keep-topic",
        ] {
            let plan = record(options);
            assert_eq!(lasting(replayed(&plan, "")), lasting(plan), "{options}");
        }
    }

    #[test]
    fn an_override_takes_the_place_of_what_it_contradicts() {
        let plan = record("--key 10 --messages 500 --acks all -X batch.size=1000");
        let now = replayed(&plan, "--duration 2s --acks 1 --key none -b a:1 --size=1KiB -X batch.size=2000");
        assert_eq!((now.duration_ms, now.messages, now.idempotent), (Some(2000), None, false));
        assert_eq!((now.key.as_str(), now.partitioner.as_str(), now.target.as_str()), ("none", "round-robin", "a:1"));
        assert_eq!((now.size.as_str(), now.seed), ("1 KiB", plan.seed));
        assert_eq!(now.properties.get("batch.size").map(String::as_str), Some("2000"));
    }

    #[test]
    fn what_the_file_leaves_out_is_asked_for() {
        let plan = record("-X sasl.password=hunter2 -b a:1");
        let error = words(&plan, &[]).expect_err("hidden").to_string();
        assert!(error.contains("say it again, by -X sasl.password=VALUE"), "{error}");
        assert!(words(&plan, &["-X".to_owned(), "sasl.password=hunter2".to_owned()]).is_ok());
    }
}

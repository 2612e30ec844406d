//! `loadgen run`.

use std::fs;
use std::num::NonZeroI32;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reports::render::{COLUMNS, Colour, html, load_in_words, messages_in_words, terminal};
use reports::schema::{self, RunResult};

use super::{calibration, interruption, manifest};
use crate::cli::RunArgs;
use crate::driver::rdkafka::RdKafka;
use crate::driver::{Driver, DriverError};
use crate::exit::Exit;
use crate::plan::{Plan, PlanError};
use crate::run::progress::for_standard_error;
use crate::run::{
    Control, CutOff, Leftovers, RunError, Surroundings, TopicError, execute, forget_latencies_of_no_acks, judge, record,
};
use crate::target::process::has_ended;
use crate::target::{Target, TargetError, TargetSpec};
use crate::verify::Acks;

/// Why the command ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Options that make no sense together.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Settings of the client that it refuses, one by one or together.
    #[error("{0}")]
    Settings(DriverError),
    /// The process to be watched.
    #[error("--target-pid: there is no process {0}; leave it out where the broker listens on this machine's loopback")]
    NoProcess(NonZeroI32),
    /// A client, or its cluster.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The broker that was to be started.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The run itself.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The output.
    #[error("cannot write to {path}: {source}; choose another directory with --out")]
    Output {
        /// The directory or file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Signal handlers.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

impl CommandError {
    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        match self {
            CommandError::Plan(_) | CommandError::Settings(_) | CommandError::NoProcess(_) => Exit::Usage,
            CommandError::Driver(error) | CommandError::Run(RunError::Driver(error)) => of_driver(error),
            CommandError::Run(RunError::Topic(TopicError::Driver(error))) => of_driver(error),
            CommandError::Run(RunError::Topic(
                TopicError::Partitions { .. } | TopicError::Replicas { .. } | TopicError::TooSmall { .. },
            )) => Exit::Usage,
            CommandError::Run(
                RunError::Workload(_) | RunError::Partition(_) | RunError::CutOff(CutOff::NoPartition(_)),
            ) => Exit::Usage,
            CommandError::Target(_) => Exit::TargetUnreachable,
            CommandError::Run(RunError::InterruptedEarly) => Exit::Interrupted,
            CommandError::Run(_) | CommandError::Output { .. } | CommandError::Signals(_) => Exit::Failed,
        }
    }
}

fn of_driver(error: &DriverError) -> Exit {
    match error {
        DriverError::Property { .. } | DriverError::TlsNotBuilt { .. } => Exit::Usage,
        DriverError::Unreachable { .. } | DriverError::NotKafka { .. } => Exit::TargetUnreachable,
        DriverError::Create { .. } | DriverError::Refused { .. } => Exit::Failed,
    }
}

/// Runs, reports, and says how it ended.
///
/// # Errors
/// [`CommandError`] where there is nothing to report.
pub fn run(args: &RunArgs, command: Vec<String>) -> Result<Exit, CommandError> {
    let (started, started_at) = (Instant::now(), SystemTime::now());
    let plan = Plan::resolve(args, command)?;
    let properties = plan.client_properties();
    RdKafka::new("", &plan.topic.name, &properties).check().map_err(CommandError::Settings)?;
    if let Some(pid) = plan.target_pid.filter(|pid| has_ended(*pid)) {
        return Err(CommandError::NoProcess(pid));
    }
    check_writable(&plan.out)?;
    let control = Arc::new(Control::default());
    control.leave_after(Some(Duration::ZERO));
    let saying = "what was sent is drained and verified";
    interruption::watch(Arc::clone(&control), saying).map_err(CommandError::Signals)?;

    if !args.quiet && !args.json {
        eprintln!("{}", announcement(&plan));
    }
    let limit = calibration::limit(&plan, args.quiet);
    if control.is_interrupted() {
        return Err(CommandError::Run(RunError::InterruptedEarly));
    }
    let mut target = Target::start(&plan.target, plan.bootstrap_servers.as_deref(), plan.target_pid)?;
    let driver = RdKafka::new(&target.bootstrap_servers, &plan.topic.name, &properties);
    let admin = driver.admin()?;
    let mut progress = for_standard_error(args.quiet);
    progress.connecting(&target.bootstrap_servers);
    let cluster = admin.cluster(target.answers_within()).map_err(|error| instead(&mut target, error))?;
    let ready = target.age();
    let find_broker = target.broker_finder();
    let surroundings = Surroundings {
        broker_pid: target.broker_pid(),
        broker_is_own: target.is_started_here(),
        successor: (!target.is_started_here()).then_some(&find_broker),
        cluster_is_own: plan.target.is_own(),
    };
    let mut leftovers = Leftovers::default();
    let outcome = execute(&plan, &driver, admin.as_ref(), surroundings, &control, progress.as_mut(), &mut leftovers);
    let ended = target.ended();
    let broker_said = target.last_words().map(|words| format!("the broker said: {words}"));
    let (outcome, ended) = match (outcome, ended) {
        (Ok(outcome), ended) => (outcome, ended),
        (Err(_), Some(ended)) => return Err(CommandError::Target(ended.into())),
        (Err(error), None) => {
            say_complaints(broker_said.as_slice());
            say_complaints(&leftovers.remove(admin.as_ref()));
            return Err(error.into());
        }
    };

    let mut result = record(&plan, &outcome);
    if let Some(limit) = limit {
        limit.note_in(&mut result);
    }
    if let Some(ended) = ended {
        result.ending = schema::Ending::Failed { error: ended.to_string() };
        judge(&mut result);
    }
    let mut complaints = crate::run::complaints(&outcome);
    complaints.extend(plan.remarks());
    complaints.extend(broker_said.filter(|_| result.totals.failed + result.totals.unknown > 0));
    result.manifest = manifest::collect(&plan, &driver, &target, &cluster);
    if let Some(broker) = &mut result.resources.broker {
        broker.ready_us = ready.map(|ready| ready.as_micros() as u64);
    }
    result.times.started_unix_ms = started_at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    result.times.total_ms = started.elapsed().as_millis() as u64;
    if plan.acks == Acks::None {
        forget_latencies_of_no_acks(&mut result);
    }
    result.assertions = plan.assertions.iter().map(|assertion| assertion.judge(&result)).collect();
    let exit = exit_of(&result);
    result.exit = schema::ExitStatus { code: i32::from(exit.code()), name: exit.name().to_owned() };
    let written = write(&plan.out, &result);
    if written.is_ok() {
        say(args, &plan.out, &result);
        say_complaints(&complaints);
    }
    // The verdict is out: what takes long now, or fails, changes nothing of it.
    say_complaints(&leftovers.remove(admin.as_ref()));
    drop(admin);
    target.stop();
    written.map(|()| exit)
}

/// What is about to happen, and where it will be written.
fn announcement(plan: &Plan) -> String {
    let record = plan.record(plan.topic.partitions_to_create(), plan.topic.own_name);
    let on = if plan.target == TargetSpec::Embedded { "the embedded broker".to_owned() } else { record.target.clone() };
    format!(
        "{}, {}, to {on}; the report goes to {}",
        load_in_words(&record),
        messages_in_words(&record),
        plan.out.display()
    )
}

/// The error that explains another: a broker that ended does not answer.
fn instead(target: &mut Target, error: DriverError) -> CommandError {
    match target.ended() {
        Some(ended) => CommandError::Target(ended.into()),
        None => CommandError::Driver(error),
    }
}

/// What the result tells the caller, the gravest first.
pub(crate) fn exit_of(result: &RunResult) -> Exit {
    if !result.verdict.clean {
        Exit::Anomalies
    } else if matches!(result.ending, schema::Ending::Failed { .. }) {
        Exit::Failed
    } else if reports::judgement::is_invalid(result) {
        Exit::Invalid
    } else if result.assertions.iter().any(|assertion| assertion.held != Some(true)) {
        Exit::AssertionMissed
    } else if result.totals.acked < result.totals.due {
        Exit::Failed
    } else if !reports::judgement::is_rate_held(result) {
        Exit::RateNotHeld
    } else {
        Exit::Clean
    }
}

/// Whether the directory can be made and written to; a run that fails before there is anything to write leaves none behind.
fn check_writable(directory: &Path) -> Result<(), CommandError> {
    let missing: Vec<&Path> = directory.ancestors().take_while(|path| !path.exists()).collect();
    let written = fs::create_dir_all(directory).and_then(|()| tempfile::tempfile_in(directory));
    for made in missing {
        // One that somebody else uses by now stays.
        let _ = fs::remove_dir(made);
    }
    written.map(drop).map_err(|source| CommandError::Output { path: directory.display().to_string(), source })
}

fn write(out: &Path, result: &RunResult) -> Result<(), CommandError> {
    let failed = |path: &Path, source| CommandError::Output { path: path.display().to_string(), source };
    fs::create_dir_all(out).map_err(|source| failed(out, source))?;
    result.write(&out.join("result.json")).map_err(|error| failed(&error.path, error.source))?;
    let page = out.join("report.html");
    fs::write(&page, html(result)).map_err(|source| failed(&page, source))
}

/// What clients and broker complained about, to standard error.
fn say_complaints(complaints: &[String]) {
    complaints.iter().for_each(|complaint| eprintln!("note: {complaint}"));
}

/// Columns of the terminal that the stream is; the least there may be where it is none.
pub(super) fn columns_of(stream: &impl std::os::fd::AsFd) -> usize {
    rustix::termios::tcgetwinsize(stream).map_or(COLUMNS, |size| usize::from(size.ws_col))
}

/// The summary to standard output; with `--json` the result there, and the summary to standard error.
fn say(args: &RunArgs, out: &Path, result: &RunResult) {
    use std::io::Write;
    let files = format!("{} and report.html", out.join("result.json").display());
    // A reader that has gone away ends nothing: the files are written.
    if args.json {
        let _ = std::io::stdout().write_all(result.to_json().as_bytes());
        eprint!("{}", terminal(result, Colour::for_stream(&std::io::stderr()), columns_of(&std::io::stderr())));
    } else {
        let summary = terminal(result, Colour::for_stream(&std::io::stdout()), columns_of(&std::io::stdout()));
        let _ = std::io::stdout().write_all(summary.as_bytes());
    }
    eprintln!("written: {files}");
}

#[cfg(test)]
mod tests {
    use reports::schema::{Assertion, Totals, Verdict};

    use super::*;

    fn clean() -> RunResult {
        RunResult {
            totals: Totals { due: 1_000, acked: 1_000, acked_in_window: 1_000, ..Totals::default() },
            verdict: Verdict { complete: true, clean: true, ..Verdict::default() },
            ..RunResult::default()
        }
    }

    #[test]
    fn a_run_that_fell_behind_the_rate_asked_for_does_not_pass() {
        let mut result = clean();
        assert_eq!(exit_of(&result), Exit::Clean);
        result.totals.acked_in_window = 900;
        assert_eq!(exit_of(&result), Exit::RateNotHeld);
    }

    #[test]
    fn of_several_reasons_the_gravest_is_told() {
        let mut result = clean();
        result.totals.acked_in_window = 900;
        result.assertions.push(Assertion { held: Some(false), ..Assertion::default() });
        assert_eq!(exit_of(&result), Exit::AssertionMissed);
        result.verdict.clean = false;
        assert_eq!(exit_of(&result), Exit::Anomalies);
    }
}

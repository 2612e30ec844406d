//! The program `broker`: its options, its output, its exit codes.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, builder::styling};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

use super::parent::Parent;
use super::{Broker, StartError};
use crate::config::{BrokerSetting, Config, ConfigError, Storage, broker_settings};

/// Exit codes, beside 0 for a clean stop.
const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// A minimal, zero-copy broker that speaks the Kafka protocol.
///
/// Any ordinary Kafka client can connect to it. When it can be connected to, it prints one line on standard output,
/// "listening on HOST:PORT", and logs to standard error. It stops cleanly at SIGTERM and SIGINT; data that was
/// acknowledged survives `kill -9`, and a power cut as far as log.flush.interval.messages and .ms say. At a clean stop,
/// and whenever it gets SIGUSR1, it logs what it has served: connections, requests, batches, and how many bytes came in,
/// went out by sendfile(2), and went out copied, each with the number of calls.
#[derive(Debug, Parser)]
#[command(
    name = "broker",
    version,
    max_term_width = 110,
    after_long_help = after_help(),
    styles = styling::Styles::styled().header(styling::AnsiColor::Green.on_default().bold())
)]
struct Options {
    /// Address to listen on; port 0 takes a free one. [default: 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,

    /// Directory for the data: created if missing, in Kafka's own format, for one broker at a time. Partitions that
    /// Kafka or another tool put there are taken over. [default: broker-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Keep the data in a temporary directory and remove it when the broker stops.
    #[arg(long, conflicts_with = "data_dir")]
    ephemeral: bool,

    /// A setting by Kafka's name; may be repeated. `--config help` lists them all.
    #[arg(short, long, value_name = "KEY=VALUE")]
    config: Vec<String>,

    /// Settings from a file in the style of Kafka's server.properties. Options given beside it go first; settings that
    /// this broker does not have are listed in a warning.
    #[arg(long, value_name = "FILE")]
    config_file: Option<PathBuf>,

    /// Stop when the parent process ends; with its process id, also if it has ended before this could be set up.
    #[arg(long, value_name = "PID", num_args = 0..=1, require_equals = true)]
    exit_with_parent: Option<Option<i32>>,

    /// What is logged: off, error, warn, info, debug, trace, or directives as RUST_LOG has them, such as
    /// info,broker::net=debug. [default: RUST_LOG, or info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

/// Runs the broker as a program: `args` begins with the program's name. Returns when the broker has stopped.
pub fn main_from_args(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(error) => {
            // Help is no failure; a closed output is no reason to fail either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    if options.config.iter().any(|assignment| assignment == "help") {
        let _ = io::stdout().write_all(list_settings(|_| true).as_bytes());
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("broker: {error}");
            ExitCode::from(if error.is_usage() { USAGE } else { FAILED })
        }
    }
}

/// Why the program ended without having served.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "{origin}: expected off, error, warn, info, debug, trace, or TARGET=LEVEL with commas between, got {got:?}"
    )]
    LogLevel { origin: &'static str, got: String },
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot set up the signal handlers: {0}")]
    Signals(io::Error),
    #[error("--exit-with-parent: {0}")]
    Parent(io::Error),
}

impl RunError {
    /// Whether the command line is to blame, and not what it met.
    fn is_usage(&self) -> bool {
        matches!(self, RunError::Config(_) | RunError::LogLevel { .. } | RunError::Start(StartError::NoAddress { .. }))
    }
}

fn run(options: &Options) -> Result<(), RunError> {
    let (config, unknown) = configure(options)?;
    start_log(options.log_level.as_deref())?;
    if !unknown.is_empty() {
        tracing::warn!("settings that this broker does not have, and ignores: {}", unknown.join(", "));
    }
    let parent = options.exit_with_parent.map(Parent::find).transpose().map_err(RunError::Parent)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Signals)?;
    // Signals are caught before there is anything to clean up.
    let _on_runtime = runtime.enter();
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    let mut report = signal(SignalKind::user_defined1()).map_err(RunError::Signals)?;
    let broker = Broker::start(config)?;
    let metrics = broker.metrics().clone();
    // Whoever waits for the line may have gone; the broker serves all the same.
    let _ = writeln!(io::stdout(), "listening on {}", broker.address()).and_then(|()| io::stdout().flush());
    let cause = runtime.block_on(async {
        let parent_ended = async {
            match parent {
                Some(parent) => drop(tokio::task::spawn_blocking(move || parent.wait()).await),
                None => std::future::pending().await,
            }
        };
        let reports = async {
            while report.recv().await.is_some() {
                metrics.log();
            }
            std::future::pending().await
        };
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            () = parent_ended => "the parent process ended",
            () = reports => "nobody can signal any more",
        }
    });
    tracing::info!(cause, "stopping");
    broker.shutdown();
    metrics.log();
    // The thread that watches the parent does not end; the process does.
    runtime.shutdown_background();
    Ok(())
}

/// The configuration, and the file's settings that this broker does not have.
fn configure(options: &Options) -> Result<(Config, Vec<String>), ConfigError> {
    let mut config = Config::new("127.0.0.1:9092", "broker-data");
    let unknown = options.config_file.as_ref().map_or(Ok(Vec::new()), |path| config.read_file(path))?;
    if let Some(listen) = &options.listen {
        config.listen.clone_from(listen);
    }
    if let Some(data_dir) = &options.data_dir {
        config.storage = Storage::Directory(data_dir.clone());
    }
    if options.ephemeral {
        config.storage = Storage::Ephemeral;
    }
    for assignment in &options.config {
        config.assign(assignment)?;
    }
    Ok((config, unknown))
}

fn start_log(level: Option<&str>) -> Result<(), RunError> {
    let log = tracing_subscriber::fmt()
        .with_env_filter(log_filter(level, std::env::var(EnvFilter::DEFAULT_ENV).ok().as_deref())?)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    // An embedding program may have set up its own log.
    let _ = log.try_init();
    Ok(())
}

/// What is logged. A word that is no level is a target to `EnvFilter`, and silences every other one: in `RUST_LOG`,
/// which may be meant for other programs too, that is the custom; as an option it is a slip.
fn log_filter(option: Option<&str>, environment: Option<&str>) -> Result<EnvFilter, RunError> {
    let (origin, got) = match (option, environment) {
        (Some(option), _) => ("--log-level", option),
        (None, Some(environment)) => (EnvFilter::DEFAULT_ENV, environment),
        (None, None) => return Ok(EnvFilter::new("info")),
    };
    let is_slip = |directive: &str| !directive.contains(['=', '[']) && directive.trim().parse::<LevelFilter>().is_err();
    let refused = || RunError::LogLevel { origin, got: got.to_owned() };
    if option.is_some() && got.split(',').any(is_slip) {
        return Err(refused());
    }
    EnvFilter::try_new(got).map_err(|_| refused())
}

fn after_help() -> String {
    format!(
        "Settings, by Kafka's names (`--config help` lists them all):\n{}\n\
         Exit codes: 0 stopped cleanly, 1 could not start, 2 wrong usage.\n\n\
         Examples:\n  broker --ephemeral --listen 127.0.0.1:0\n  \
         broker --data-dir /var/lib/broker --config num.partitions=6 --config log.retention.hours=24",
        list_settings(|setting| setting.common)
    )
}

fn list_settings(shown: impl Fn(&BrokerSetting) -> bool) -> String {
    let mut list = String::new();
    for setting in broker_settings().iter().filter(|setting| shown(setting)) {
        let default = setting.default.unwrap_or("none");
        let accepted = setting.kind.expected();
        list += &format!("  {} = {default} ({accepted})\n      {}\n", setting.name, setting.doc.trim());
        if let Some(reason) = setting.refused {
            list += &format!("      Not honoured: {reason}.\n");
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_level_is_a_level_or_says_the_level_of_a_target() {
        for taken in ["warn", "OFF", "info,broker::net=debug", "[append{partition=1}]=trace"] {
            assert!(log_filter(Some(taken), Some("error")).is_ok(), "{taken}");
        }
        for refused in ["banana", "info,banana", "broker=loud"] {
            assert!(log_filter(Some(refused), None).is_err(), "{refused}");
        }
        let error = log_filter(Some("banana"), None).unwrap_err();
        assert!(error.is_usage());
        assert_eq!(
            error.to_string(),
            "--log-level: expected off, error, warn, info, debug, trace, or TARGET=LEVEL with commas between, got \"banana\""
        );
    }

    #[test]
    fn rust_log_is_read_as_other_programs_read_it() {
        assert_eq!(log_filter(None, Some("hyper,broker=debug")).unwrap().to_string(), "broker=debug,hyper=trace");
        assert!(log_filter(None, Some("broker=loud")).unwrap_err().to_string().starts_with("RUST_LOG: "));
        assert_eq!(log_filter(None, None).unwrap().to_string(), "info");
    }
}

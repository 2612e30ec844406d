//! The `loadgen` program: parses the command line, runs the command, and turns its end into an exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use loadgen::cli::{Cli, Command};
use loadgen::exit::Exit;
use loadgen::{command, target};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => {
            log_to_standard_error();
            ended(command::run::run(&args, std::env::args().collect()).map_err(|error| (error.exit(), error)))
        }
        Command::Report(args) => ended(command::report::report(&args).map_err(|error| (error.exit(), error))),
        Command::Replay(args) => {
            log_to_standard_error();
            ended(command::replay::replay(&args, std::env::args().collect()).map_err(|error| (error.exit(), error)))
        }
        Command::Compare(args) => {
            log_to_standard_error();
            ended(command::compare::compare(&args, std::env::args().collect()).map_err(|error| (error.exit(), error)))
        }
        Command::Gate(args) => {
            log_to_standard_error();
            ended(command::gate::gate(&args, std::env::args().collect()).map_err(|error| (error.exit(), error)))
        }
        // It has a log of its own.
        Command::EmbeddedBroker(args) => target::embedded::run(&args.arguments),
        Command::NullSink(args) => target::null_sink::run(args.partitions),
        Command::Supervise(args) => target::supervise::run(&args.command, args.remove_dir),
    }
}

/// The exit code; an error is said in one sentence.
fn ended<E: std::fmt::Display>(result: Result<Exit, (Exit, E)>) -> ExitCode {
    let exit = result.unwrap_or_else(|(exit, error)| {
        eprintln!("loadgen: {error}");
        exit
    });
    ExitCode::from(exit.code())
}

fn log_to_standard_error() {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

//! The `loadgen` program: parses the command line, runs the command, and turns its end into an exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use loadgen::cli::{Cli, Command};
use loadgen::{command, target};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => {
            log_to_standard_error();
            match command::run::run(&args, std::env::args().collect()) {
                Ok(exit) => ExitCode::from(exit.code()),
                Err(error) => {
                    eprintln!("loadgen: {error}");
                    ExitCode::from(error.exit().code())
                }
            }
        }
        Command::Compare(args) => {
            log_to_standard_error();
            match command::compare::compare(&args, std::env::args().collect()) {
                Ok(exit) => ExitCode::from(exit.code()),
                Err(error) => {
                    eprintln!("loadgen: {error}");
                    ExitCode::from(error.exit().code())
                }
            }
        }
        // It has a log of its own.
        Command::EmbeddedBroker(args) => target::embedded::run(&args.arguments),
        Command::NullSink(args) => target::null_sink::run(args.partitions),
        Command::Supervise(args) => target::supervise::run(&args.command, args.remove_dir),
    }
}

fn log_to_standard_error() {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

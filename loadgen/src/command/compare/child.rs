//! One run as a process of its own, under the watchdog that ends it when this process ends, however that comes.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::target::supervise;

/// How often an interruption is looked for.
const LOOKS_EVERY: Duration = Duration::from_millis(50);

/// How a program that was built elsewhere, or cargo, begins the line that says what is wrong; usage and hints follow it.
const SAYS_WHY: &str = "error: ";

/// How a run's process ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its error, where it called it so, else the last line it wrote to standard error.
    pub last_words: String,
}

/// Runs `command`, in its directory and environment, to its end, telling what it says line by line; where `is_interrupted`
/// becomes true, lets it end early.
///
/// # Errors
/// What the system says when it cannot be started.
pub(super) fn run(
    command: &Command,
    mut says: impl FnMut(&str),
    is_interrupted: impl Fn() -> bool,
) -> std::io::Result<Ended> {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let mut supervised = supervise::command(&std::env::current_exe()?, None, words);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => supervised.env(name, value),
            None => supervised.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        supervised.current_dir(directory);
    }
    let mut process = supervised
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C is for this process, which decides what becomes of the run.
        .process_group(0)
        .spawn()?;
    let mut lifeline = process.stdin.take();
    let (sender, lines) = channel();
    if let Some(stderr) = process.stderr.take() {
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    }
    let mut last_words = String::new();
    loop {
        match lines.recv_timeout(LOOKS_EVERY) {
            Ok(line) => {
                says(&line);
                if !last_words.starts_with(SAYS_WHY) {
                    last_words = line;
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if is_interrupted() => drop(lifeline.take()),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    let status = process.wait()?;
    drop(lifeline);
    Ok(Ended { code: status.code(), last_words })
}

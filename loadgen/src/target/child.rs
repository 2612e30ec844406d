//! A process that the run starts: its address, its last words, its end.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to end before it is killed.
const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// Lines of output kept for an explanation.
const LAST_WORDS: usize = 5;
/// The longest line of output that is looked at; the rest of it is dropped.
const LINE_LIMIT_BYTES: u64 = 16 << 10;

/// Why a started process is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It could not be started.
    #[error("cannot start {what}: {source}")]
    Spawn {
        /// Which process.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended although the run needs it.
    #[error("{what} ended ({status}){}", said(last_words))]
    Ended {
        /// Which process.
        what: &'static str,
        /// Its exit status.
        status: String,
        /// The last lines it printed.
        last_words: String,
    },
    /// It runs, and prints no address.
    #[error(
        "{what} prints no HOST:PORT within {within:?}: let it print one, or name it by --bootstrap-servers{}",
        said(last_words)
    )]
    NoAddress {
        /// Which process.
        what: &'static str,
        /// How long it was given.
        within: Duration,
        /// The last lines it printed.
        last_words: String,
    },
}

fn said(last_words: &str) -> String {
    if last_words.is_empty() { String::new() } else { format!("; it said: {last_words}") }
}

/// How a process is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// By SIGTERM; it watches its parent itself.
    Signal,
    /// By the end of its standard input.
    Lifeline,
}

/// A running process, ended when dropped.
#[derive(Debug)]
pub(super) struct Child {
    what: &'static str,
    process: std::process::Child,
    stop: Stop,
    /// The pipe whose end tells a watchdog to stop.
    lifeline: Option<ChildStdin>,
    addresses: Receiver<String>,
    last_words: Arc<Mutex<VecDeque<String>>>,
}

impl Child {
    /// Starts a process, in a process group of its own.
    pub(super) fn spawn(command: &mut Command, what: &'static str, stop: Stop) -> Result<Self, ChildError> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| ChildError::Spawn { what, source })?;
        let lifeline = process.stdin.take();
        let last_words = Arc::new(Mutex::new(VecDeque::new()));
        let (sender, addresses) = channel();
        if let Some(stdout) = process.stdout.take() {
            listen(stdout, Arc::clone(&last_words), Some(sender));
        }
        if let Some(stderr) = process.stderr.take() {
            listen(stderr, Arc::clone(&last_words), None);
        }
        Ok(Self { what, process, stop, lifeline, addresses, last_words })
    }

    /// The process's id.
    pub(super) fn id(&self) -> i32 {
        i32::try_from(self.process.id()).unwrap_or(0)
    }

    /// The first `HOST:PORT` that it prints.
    pub(super) fn address(&mut self, within: Duration) -> Result<String, ChildError> {
        match self.addresses.recv_timeout(within) {
            Ok(address) => Ok(address),
            Err(RecvTimeoutError::Disconnected) => Err(self.wait_for_end()),
            Err(RecvTimeoutError::Timeout) => {
                Err(ChildError::NoAddress { what: self.what, within, last_words: self.last_words() })
            }
        }
    }

    /// Whether it has ended, and how.
    pub(super) fn ended(&mut self) -> Option<ChildError> {
        let status = self.process.try_wait().ok()??;
        Some(ChildError::Ended { what: self.what, status: status.to_string(), last_words: self.last_words() })
    }

    /// Its output has ended, so that it is about to.
    fn wait_for_end(&mut self) -> ChildError {
        self.lifeline = None;
        let status = self.process.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        ChildError::Ended { what: self.what, status, last_words: self.last_words() }
    }

    /// The last lines it printed.
    pub(super) fn last_words(&self) -> String {
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        words.iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }

    /// Lets it stop and clean up, and waits for that.
    pub(super) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.lifeline = None;
        if self.stop == Stop::Signal
            && matches!(self.process.try_wait(), Ok(None))
            && let Some(pid) = Pid::from_raw(self.id())
        {
            // Not reaped yet, so that the id is still its own. A stopped process hears of the one only by the other.
            let _ = kill_process(pid, Signal::TERM);
            let _ = kill_process(pid, Signal::CONT);
        }
        let deadline = Instant::now() + ENDS_WITHIN;
        while matches!(self.process.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                tracing::warn!("{} does not stop; killing it", self.what);
                // It may have ended by now, which is what we want.
                let _ = self.process.kill();
                let _ = self.process.wait();
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads a process's output to its end, so that it never blocks, keeping the last lines and passing addresses on.
fn listen(
    output: impl Read + Send + 'static,
    last_words: Arc<Mutex<VecDeque<String>>>,
    addresses: Option<Sender<String>>,
) {
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        loop {
            let mut line = Vec::new();
            match output.by_ref().take(LINE_LIMIT_BYTES).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            tracing::debug!(target: "broker", "{line}");
            if let (Some(addresses), Some(address)) = (&addresses, address_in(&line)) {
                // Only the first is asked for. It says nothing about what goes wrong.
                let _ = addresses.send(address);
                continue;
            }
            let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
            if words.len() == LAST_WORDS {
                words.pop_front();
            }
            words.push_back(line);
        }
    });
}

/// The first `HOST:PORT` among a line's words, without a scheme or punctuation around it.
fn address_in(line: &str) -> Option<String> {
    line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '='))
        .map(|word| word.rsplit_once("://").map_or(word, |(_, rest)| rest).trim_end_matches(['.', ')', '/']))
        .find(|word| {
            word.rsplit_once(':').is_some_and(|(host, port)| {
                let named =
                    host.contains(|c: char| c.is_ascii_alphabetic()) || host.contains('.') || host.contains("::");
                named && !host.contains('/') && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_among_words() {
        for (line, address) in [
            ("listening on 127.0.0.1:39211", Some("127.0.0.1:39211")),
            ("ready: PLAINTEXT://node-1:9092.", Some("node-1:9092")),
            ("[::1]:9092", Some("[::1]:9092")),
            ("2026-01-31 12:30:59 starting", None),
            ("port 9092", None),
        ] {
            assert_eq!(address_in(line).as_deref(), address, "{line}");
        }
    }

    #[test]
    fn a_process_that_ends_early_is_quoted() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no room on the disk >&2; exit 3"]);
        let mut child = Child::spawn(&mut command, "the broker", Stop::Lifeline).expect("sh starts");
        let text = child.address(Duration::from_secs(20)).expect_err("prints no address").to_string();
        assert!(text.starts_with("the broker ended (exit status: 3)"), "{text}");
    }

    #[test]
    fn a_process_ends_when_its_lifeline_does() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 127.0.0.1:1; read _; exit 0"]);
        let mut child = Child::spawn(&mut command, "the broker", Stop::Lifeline).expect("sh starts");
        assert_eq!(child.address(Duration::from_secs(20)).expect("prints it"), "127.0.0.1:1");
        assert!(child.ended().is_none());
        child.stop();
    }
}

//! Ctrl-C, a second one, and `kill -9`: what was measured is reported, and nothing is left behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use reports::RunResult;
use reports::schema::Ending;
use rustix::process::{Pid, Signal, kill_process};

/// No event of these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of ten minutes in a temporary directory of its own, past its warm-up.
struct Running {
    process: Child,
    directory: tempfile::TempDir,
}

impl Running {
    fn start(target: &[&str]) -> Running {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut process = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args(["run", "--calibrate", "never", "--rate", "1k", "--duration", "10m", "--warmup", "100ms", "--out"])
            .arg(directory.path().join("out"))
            .args(target)
            // The broker's data go here too, so that what is left of them can be seen.
            .env("TMPDIR", directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stderr = process.stderr.take().expect("piped");
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let measuring = lines.by_ref().any(|line| line == "measuring");
        assert!(measuring, "the run ended before it measured");
        thread::spawn(move || lines.for_each(drop));
        Running { process, directory }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("it runs");
    }

    fn result(&self) -> RunResult {
        RunResult::read(&self.directory.path().join("out/result.json")).expect("the result is written")
    }

    /// The process that this run started.
    fn broker(&self) -> PathBuf {
        let pid = self.process.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("its children");
        let child = children.split_whitespace().next().expect("the broker runs");
        Path::new("/proc").join(child)
    }

    fn left_behind(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory.path()).expect("readable").flatten();
        entries.map(|entry| entry.path()).filter(|path| !path.ends_with("out")).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only a test that failed leaves it running.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn ctrl_c_ends_the_measurement_and_reports_what_was_measured() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut run = Running::start(&[]);
        run.signal(signal);
        let status = run.process.wait().expect("it ends");
        assert!(matches!(status.code(), Some(0 | 3 | 9)), "{status}");
        let result = run.result();
        assert_eq!(result.ending, Ending::Interrupted);
        assert!(result.verdict.clean && result.verdict.complete, "{:?}", result.verdict);
        assert_eq!(run.left_behind(), Vec::<PathBuf>::new());
    }
}

#[test]
fn ctrl_c_while_nobody_answers_ends_at_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("bound").to_string();
    let mut process = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(["run", "--calibrate", "never", "-b", &address, "--out"])
        .arg(directory.path().join("out"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == format!("connecting to {address}")), "it ended before");
    let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::INT).expect("it runs");
    assert!(lines.any(|line| line == "interrupted before the first message"));
    assert_eq!(process.wait().expect("it ends").code(), Some(130));
    assert!(!directory.path().join("out").exists());
}

#[test]
fn a_second_ctrl_c_leaves_at_once_though_the_broker_hangs() {
    let mut run = Running::start(&[]);
    let broker = run.broker();
    let name = broker.file_name().and_then(|name| name.to_str()?.parse().ok());
    let broker_pid = name.and_then(Pid::from_raw).expect("a process id");
    kill_process(broker_pid, Signal::STOP).expect("it runs");
    wait_until("it waits for the broker", || {
        run.signal(Signal::INT);
        run.process.try_wait().expect("it is ours").is_some()
    });
    let status = run.process.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    assert!(!run.directory.path().join("out/result.json").exists());
    // The kernel hangs up on a stopped process group that lost its parent (setpgid(2)).
    wait_until("the broker outlives the generator", || !broker.exists());
}

#[test]
fn kill_9_leaves_no_broker_and_no_data() {
    let mut run = Running::start(&[]);
    let broker = run.broker();
    assert!(!run.left_behind().is_empty(), "the broker's data are somewhere else");
    run.process.kill().expect("it runs");
    run.process.wait().expect("it ends");
    wait_until("the broker outlives the generator", || !broker.exists());
    wait_until("the broker's data outlive it", || run.left_behind().is_empty());
}

#[test]
fn kill_9_ends_a_command_that_knows_nothing_of_it() {
    let command = format!(
        "exec:{} embedded-broker --ephemeral --listen 127.0.0.1:0 --config group.initial.rebalance.delay.ms=0",
        env!("CARGO_BIN_EXE_loadgen")
    );
    let mut run = Running::start(&["--target", &command]);
    let watchdog = run.broker();
    run.process.kill().expect("it runs");
    run.process.wait().expect("it ends");
    wait_until("the watchdog outlives the generator", || !watchdog.exists());
    wait_until("the broker's data outlive it", || run.left_behind().is_empty());
}

//! A broker that freezes, dies, or dies and comes back: the run goes on as any client does, ends in bounded time, and says
//! what it knows.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use reports::RunResult;
use reports::schema::Ending;
use rustix::process::{Pid, Signal, kill_process};

/// No event of these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A broker that is not the run's own.
struct Broker {
    process: Child,
    address: String,
}

impl Broker {
    fn start(data: &Path, listen: &str) -> Broker {
        let mut process = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args([
                "embedded-broker",
                "--listen",
                listen,
                "--config",
                "group.initial.rebalance.delay.ms=0",
                "--data-dir",
            ])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let address =
            lines.find_map(|line| line.split_whitespace().find(|word| word.contains("127.0.0.1:")).map(str::to_owned));
        Broker { process, address: address.expect("it says where it listens") }
    }

    fn freeze(&self) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, Signal::STOP).expect("it runs");
    }

    fn kill(&mut self) {
        self.process.kill().expect("it was started here");
        self.process.wait().expect("it was started here");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A run, and what it says line by line.
struct Run {
    process: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Run {
    fn start(broker: &Broker, out: &Path, options: &str) -> Run {
        let mut process = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args(["run", "--calibrate", "never", "--warmup", "2s", "--partitions", "3", "--out"])
            .arg(out)
            .args(["-b", &broker.address])
            .args(options.split_whitespace())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stderr: ChildStderr = process.stderr.take().expect("piped");
        let (sender, lines) = channel();
        thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Run { process, lines, said: Vec::new() }
    }

    fn wait_for(&mut self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no '{wanted}' after {:?}", self.said));
            self.said.push(line);
            if self.said.last().is_some_and(|line| line.contains(wanted)) {
                return;
            }
        }
    }

    /// Waits for its end, but not for ever.
    fn end(mut self, out: &Path) -> (Option<i32>, RunResult, String) {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.said.push(line);
        }
        let ended = self.process.try_wait().expect("it is ours").is_some() || Instant::now() < deadline;
        assert!(ended, "it hangs after {:?}", self.said);
        let code = self.process.wait().expect("it is ours").code();
        (code, RunResult::read(&out.join("result.json")).expect("the result is written"), self.said.join("\n"))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Only a test that failed leaves it running.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_broker_that_freezes_or_dies_ends_in_a_verdict_that_says_so() {
    for freezes in [true, false] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let out = directory.path().join("out");
        let mut broker = Broker::start(&directory.path().join("data"), "127.0.0.1:0");
        let mut run = Run::start(&broker, &out, "--rate 500 --duration 2s --drain-timeout 1s");
        run.wait_for("measuring");
        if freezes {
            broker.freeze()
        } else {
            broker.kill()
        }
        let (code, result, said) = run.end(&out);
        let Ending::Failed { error } = &result.ending else { panic!("{:?}: {said}", result.ending) };
        assert!(error.starts_with("the cluster has not answered since"), "{error}");
        assert_eq!(error.contains("has ended, and nobody took its place"), !freezes, "{error}");
        assert!(result.validity.reasons.iter().all(|reason| reason.kind == "CUT SHORT"), "{:?}", result.validity);
        assert!(result.verdict.clean && result.times.measured_ms >= 2_000, "{:?}", result.times);
        assert!(said.contains("not removed, as the cluster does not answer: topic 'loadgen-"), "{said}");
        assert_eq!(code, Some(8), "{said}");
    }
}

#[test]
fn a_broker_that_is_killed_and_started_again_costs_an_idempotent_run_nothing_it_was_promised() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (data, out) = (directory.path().join("data"), directory.path().join("out"));
    let mut broker = Broker::start(&data, "127.0.0.1:0");
    let address = broker.address.clone();
    let mut run = Run::start(&broker, &out, "--rate 500 --duration 10s --drain-timeout 60s --idempotent true");
    run.wait_for("measuring");
    broker.kill();
    let _again = Broker::start(&data, &address);
    let (code, result, said) = run.end(&out);
    assert_eq!(result.ending, Ending::Completed, "{said}");
    assert!(result.verdict.clean && result.verdict.complete, "{:?}: {said}", result.verdict);
    assert_eq!((result.totals.acked, result.totals.groups[0].consumed), (5_000, 5_000), "{said}");
    // The seconds without a broker may make the figures unfit for use, and so may a busy machine.
    assert!(matches!(code, Some(0 | 3 | 9)), "{code:?}: {said}");
    assert!(!said.contains("not removed"), "{said}");
}

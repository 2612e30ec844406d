//! A run says whether its figures may be used: a stalled broker shows in the corrected latencies, and a generator that was
//! the bottleneck calls itself limited. Figures: `cargo test --test the_generator_knows_its_own_limits -- --nocapture`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use reports::RunResult;
use reports::schema::Latency;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How long the broker is stopped.
const STALL: Duration = Duration::from_millis(500);
/// Times that a run is tried again where the machine was too busy for what it is to show.
const ATTEMPTS: usize = 5;

fn loadgen(out: &Path, options: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["run", "--partitions", "3", "--out"]).arg(out.join("out")).args(options.split_whitespace());
    // What is calibrated here stays here.
    command.env("XDG_CACHE_HOME", out.join("cache")).stdout(Stdio::null());
    command
}

fn result_in(out: &Path) -> RunResult {
    RunResult::read(&out.join("out/result.json")).expect("the result is written")
}

fn run(options: &str) -> (Option<i32>, RunResult) {
    let out = tempfile::tempdir().expect("a temporary directory");
    let output = loadgen(out.path(), options).output().expect("the program starts");
    assert!(out.path().join("out/result.json").exists(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), result_in(out.path()))
}

/// Waits until the run measures.
fn wait_until_measuring(run: &mut Child) {
    let mut lines = BufReader::new(run.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "measuring"), "the run ended before it measured");
    thread::spawn(move || lines.for_each(drop));
}

fn pid(id: u32) -> Pid {
    i32::try_from(id).ok().and_then(Pid::from_raw).expect("a process id")
}

/// The first process that this one started.
fn child_of(id: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("its children");
    children.split_whitespace().next().and_then(|child| child.parse().ok()).expect("the broker runs")
}

/// A run of six seconds at 1,000 messages a second, whose broker is stopped for half a second in the middle.
fn run_with_a_stall(options: &str) -> RunResult {
    let out = tempfile::tempdir().expect("a temporary directory");
    let options = format!("--rate 1k --duration 6s --warmup 300ms --linger 0ms --calibrate never {options}");
    let mut run = loadgen(out.path(), &options).stderr(Stdio::piped()).spawn().expect("the program starts");
    let broker = pid(child_of_when_measuring(&mut run));
    kill_process(broker, Signal::STOP).expect("it runs");
    thread::sleep(STALL);
    kill_process(broker, Signal::CONT).expect("it is there");
    run.wait().expect("it ends");
    result_in(out.path())
}

fn child_of_when_measuring(run: &mut Child) -> u32 {
    wait_until_measuring(run);
    child_of(run.id())
}

fn p99_ms(latency: &Latency) -> f64 {
    latency.p99_ns.expect("messages were timed") as f64 / 1e6
}

/// The 99th percentiles of corrected and uncorrected latency, in milliseconds.
fn corrected_and_not(what: &str, result: &RunResult) -> (f64, f64) {
    let (corrected, uncorrected) = (p99_ms(&result.latencies.intended_to_ack), p99_ms(&result.latencies.actual_to_ack));
    println!(
        "{what}: p99 intended→ack {corrected:.1} ms, actual→ack {uncorrected:.1} ms; queue full for {:.0} ms; {:?}",
        result.generator.queue_full_ns as f64 / 1e6,
        result.verdict.invalid
    );
    (corrected, uncorrected)
}

#[test]
fn with_a_small_queue_a_stalled_broker_shows_in_the_corrected_latencies_and_hides_in_the_uncorrected() {
    // 500 of 6,000 messages fall due in the stall; ten of them, a sixth of a percent, find room in the queue.
    let result = run_with_a_stall("-X queue.buffering.max.messages=10");
    let (corrected, uncorrected) = corrected_and_not("queue of 10, broker stopped for 500 ms", &result);
    assert!(corrected >= 300.0, "8 % of the messages waited up to 500 ms");
    assert!(uncorrected <= corrected / 2.0, "measured from the actual send, the wait for room in the queue is hidden");
    assert!(result.generator.queue_full_ns >= 300_000_000);
}

#[test]
fn with_the_default_queue_a_stalled_broker_leaves_no_gap() {
    let held = (0..ATTEMPTS).any(|_| {
        let result = run_with_a_stall("");
        let (corrected, uncorrected) = corrected_and_not("default queue, broker stopped for 500 ms", &result);
        assert!(corrected >= 300.0, "8 % of the messages waited up to 500 ms");
        assert_eq!(result.generator.queue_full_ns, 0);
        // A machine that stops the generator too makes a gap of its own.
        uncorrected >= corrected / 2.0
    });
    assert!(held, "every message left in time, and yet the uncorrected latency does not show the stall");
}

/// Keeps one CPU busy for as long as it lives.
struct Hogs(&'static AtomicBool);

impl Hogs {
    /// Each thread of the hungry gets a 65th of the CPU, and waits for it for a fifth of a second.
    const THREADS: usize = 64;

    fn on(cpu: usize) -> Hogs {
        let stop: &'static AtomicBool = Box::leak(Box::default());
        for _ in 0..Self::THREADS {
            thread::spawn(move || {
                sched_setaffinity(None, &only(cpu)).expect("a CPU of this process");
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Hogs(stop)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn only(cpu: usize) -> CpuSet {
    let mut only = CpuSet::new();
    only.set(cpu);
    only
}

/// Moves every thread of a process; one that has just ended needs no place.
fn move_threads(process: u32, to: &CpuSet) {
    for task in fs::read_dir(format!("/proc/{process}/task")).expect("it runs").flatten() {
        let id = task.file_name().to_str().and_then(|id| id.parse().ok()).map(pid);
        let _ = sched_setaffinity(id, to);
    }
}

/// A broker that is not the run's own child, so that it does not share its hunger.
struct Broker {
    process: Child,
    address: String,
}

impl Broker {
    fn start() -> Broker {
        let arguments = ["--ephemeral", "--listen", "127.0.0.1:0", "--config", "group.initial.rebalance.delay.ms=0"];
        let mut process = Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .arg("embedded-broker")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let address =
            lines.find_map(|line| line.split_whitespace().find(|word| word.contains("127.0.0.1:")).map(str::to_owned));
        Broker { process, address: address.expect("it says where it listens") }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        kill_process(pid(self.process.id()), Signal::TERM).expect("it runs");
        self.process.wait().expect("it was started here");
    }
}

#[test]
fn a_generator_starved_of_cpu_calls_itself_limited() {
    let (broker, out) = (Broker::start(), tempfile::tempdir().expect("a temporary directory"));
    let everywhere = sched_getaffinity(None).expect("this thread runs somewhere");
    let cpu = (0..CpuSet::MAX_CPU).find(|cpu| everywhere.is_set(*cpu)).expect("somewhere");
    let options = format!("--rate 20k --duration 3s --warmup 0s --calibrate never -b {}", broker.address);
    let mut run = loadgen(out.path(), &options).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(run.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "measuring"), "the run ended before it measured");
    let hogs = Hogs::on(cpu);
    move_threads(run.id(), &only(cpu));
    assert!(lines.any(|line| line == "flushing"), "the run ended in the middle");
    drop(hogs);
    move_threads(run.id(), &everywhere);
    lines.for_each(drop);
    let (code, result) = (run.wait().expect("it ends").code(), result_in(out.path()));
    println!("starved: exit {code:?}, {:?}; {:#?}", result.verdict.invalid, result.generator.threads);
    let limited = result.validity.reasons.iter().any(|reason| reason.kind == "GENERATOR-LIMITED");
    assert!(!result.validity.valid && limited, "{:?}", result.validity);
    assert_eq!(code, Some(3), "{:?}", result.verdict);
}

#[test]
fn a_healthy_small_run_is_valid() {
    let valid = (0..ATTEMPTS).any(|_| {
        let (code, result) = run("--rate 500 --duration 3s --warmup 500ms --calibrate never");
        println!("healthy: exit {code:?}, {:?}", result.validity);
        assert!(result.verdict.clean && result.verdict.complete, "{:?}", result.verdict);
        result.validity.valid && code == Some(0)
    });
    assert!(valid, "five runs of a rate that any machine holds were called invalid");
}

#[test]
fn the_limit_is_measured_once_and_a_rate_beyond_it_is_the_generators_own_fault() {
    let out = tempfile::tempdir().expect("a temporary directory");
    // Ten messages of a queue that waits 100 ms: about a hundred messages a second, on any machine.
    let options = "--rate 1k --duration 2s --warmup 0s --linger 100ms -X queue.buffering.max.messages=10 \
                   --drain-timeout 1s";
    for cached in [false, true] {
        let status = loadgen(out.path(), options).stderr(Stdio::null()).status().expect("the program starts");
        let result = result_in(out.path());
        let health = &result.generator;
        println!(
            "limit {:?}, {:?}, {:?}",
            health.limit_messages_per_second, health.calibration, result.verdict.invalid
        );
        assert_eq!(health.calibration.as_ref().map(|calibration| calibration.cached), Some(cached));
        assert!(health.headroom.is_some_and(|headroom| headroom > 0.0 && headroom < 1.0), "{:?}", health.headroom);
        assert!(result.validity.reasons.iter().any(|reason| reason.rule == "limit"), "{:?}", result.validity);
        assert!(matches!(status.code(), Some(3 | 8)), "{status}");
    }
}

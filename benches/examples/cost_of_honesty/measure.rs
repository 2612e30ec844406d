//! The parent: starts the broker, then every arm in turn, and reads the CPU time of the arms' processes from outside.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use loadgen::driver::rdkafka::{Properties, RdKafka};
use loadgen::driver::{Admin, Driver, NewTopic};

use crate::load::{Load, PARTITIONS, SIZE_BYTES};

const RATE: u64 = 100_000;
/// What runs on after the window, so that the window holds nothing but the load.
const AFTER_SECONDS: u64 = 2;
const STARTED_WITHIN: Duration = Duration::from_secs(60);
/// How long the broker may take to say where the topic ends.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// As `kafka-run-class.sh` and the performance tools' scripts have it.
const JVM: [&str; 5] =
    ["-Xmx512M", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"];

struct Options {
    repetitions: usize,
    window: u64,
    warmup: u64,
    jvm_warmup: u64,
    /// The class path of Kafka's tools.
    kafka: Result<String, String>,
    only: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Arm {
    Loadgen,
    C,
    Crate,
    CApart,
    CrateApart,
    Java,
}

impl Arm {
    const ALL: [(Arm, &str); 6] = [
        (Arm::Loadgen, "loadgen"),
        (Arm::C, "c"),
        (Arm::Crate, "crate"),
        (Arm::CApart, "c-apart"),
        (Arm::CrateApart, "crate-apart"),
        (Arm::Java, "java"),
    ];
}

/// One process of an arm, and what the table calls it.
struct Process {
    row: &'static str,
    child: Child,
}

/// CPU time for each message.
#[derive(Clone, Copy)]
struct Cost {
    all_us: f64,
    /// By threads that are not librdkafka's.
    own_us: f64,
    messages_per_second: f64,
}

const ROWS: [(&str, &str, &str); 9] = [
    // The row, what it is, and the row it is held against.
    ("loadgen", "loadgen: sends, reads, records, verifies", "c"),
    ("c", "C API: sends and reads", "c"),
    ("crate", "crate rdkafka: sends and reads", "c"),
    ("c-produce", "C API: sends", "c-produce"),
    ("c-consume", "C API: reads", "c-consume"),
    ("crate-produce", "crate rdkafka: sends", "c-produce"),
    ("crate-consume", "crate rdkafka: reads", "c-consume"),
    ("java-produce", "kafka-producer-perf-test", "c-produce"),
    ("java-consume", "kafka-consumer-perf-test", "c-consume"),
];

/// Measures, and prints the table.
pub fn run(arguments: &[String]) -> ExitCode {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("cost_of_honesty: {usage}; see the head of benches/examples/cost_of_honesty/main.rs");
            return ExitCode::from(2);
        }
    };
    if let Err(reason) = &options.kafka {
        println!("Without Kafka's own tools: {reason}.");
    }
    let mut broker = child(Command::new(env::current_exe().expect("a path")).arg("broker"));
    let mut address = String::new();
    BufReader::new(broker.stdout.take().expect("piped")).read_line(&mut address).expect("an address");
    let address = address.trim();
    let mut costs: BTreeMap<&str, Vec<Cost>> = BTreeMap::new();
    let arms: Vec<Arm> = Arm::ALL.iter().filter(|(arm, name)| options.wants(*arm, name)).map(|(arm, _)| *arm).collect();
    for repetition in 0..options.repetitions {
        for place in 0..arms.len() {
            let arm = arms[(place + repetition) % arms.len()];
            let topic = format!("cost-{repetition}-{place}");
            for (row, cost) in measure(arm, &options, address, &topic) {
                eprintln!("{repetition}: {row}: {:.3} us a message at {:.0}/s", cost.all_us, cost.messages_per_second);
                costs.entry(row).or_default().push(cost);
            }
        }
    }
    drop(broker.stdin.take());
    broker.wait().expect("the broker ends");
    print(&costs);
    ExitCode::SUCCESS
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut options = Options {
            repetitions: 5,
            window: 15,
            warmup: 5,
            jvm_warmup: 20,
            kafka: Err("name the directory of its jars by --kafka or KAFKA_HOME".into()),
            only: Vec::new(),
        };
        let mut directory = env::var_os("KAFKA_HOME").map(PathBuf::from);
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} wants a value"))?;
            let number = || value.parse::<u64>().map_err(|error| format!("{name} {value}: {error}"));
            match name.as_str() {
                "--repetitions" => options.repetitions = number()?.max(1) as usize,
                "--window" => options.window = number()?.max(1),
                "--warmup" => options.warmup = number()?,
                "--jvm-warmup" => options.jvm_warmup = number()?,
                "--kafka" => directory = Some(value.into()),
                "--only" if Arm::ALL.iter().any(|(_, arm)| arm == value) => options.only.push(value.clone()),
                _ => return Err(format!("{name} {value} is no option")),
            }
        }
        if let Some(directory) = directory {
            options.kafka = class_path(&directory);
        }
        Ok(options)
    }

    fn wants(&self, arm: Arm, name: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|only| only == name)) && (arm != Arm::Java || self.kafka.is_ok())
    }
}

/// The jars of a Kafka directory, if there is a Java to run them.
fn class_path(directory: &Path) -> Result<String, String> {
    let libs = directory.join("libs");
    let jars = if libs.is_dir() { libs } else { directory.to_owned() };
    let mut names = fs::read_dir(&jars).map_err(|error| format!("{}: {error}", jars.display()))?.flatten();
    if !names.any(|name| name.file_name().to_string_lossy().starts_with("kafka-tools-")) {
        return Err(format!("{} has no kafka-tools jar", jars.display()));
    }
    match Command::new("java").arg("-version").output() {
        Ok(output) if output.status.success() => Ok(format!("{}/*", jars.display())),
        _ => Err("there is no Java to run its tools".into()),
    }
}

/// One turn of an arm.
fn measure(arm: Arm, options: &Options, address: &str, topic: &str) -> Vec<(&'static str, Cost)> {
    let driver = RdKafka::new(address, topic, &Properties::default());
    let admin = driver.admin().expect("an administrative client");
    let new = NewTopic { name: topic.into(), partitions: PARTITIONS, replication_factor: 1, max_message_bytes: None };
    admin.create_topic(&new).expect("a topic");
    let warmup = if arm == Arm::Java { options.jvm_warmup } else { options.warmup };
    let seconds = warmup + options.window + AFTER_SECONDS;
    let load = Load { address: address.into(), topic: topic.into(), rate: RATE, seconds };
    let mut processes = start(arm, &load, options);
    let end = || -> i64 { admin.end_offsets(topic, PARTITIONS, ANSWERED_WITHIN).expect("end offsets").iter().sum() };
    let started = Instant::now();
    while end() == 0 {
        assert!(started.elapsed() < STARTED_WITHIN, "the first message");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(warmup));
    let (from, messages_before) = (Instant::now(), end());
    let before: Vec<CpuTime> = processes.iter().map(|process| CpuTime::of(process.child.id())).collect();
    std::thread::sleep(Duration::from_secs(options.window));
    let after: Vec<CpuTime> = processes.iter().map(|process| CpuTime::of(process.child.id())).collect();
    let messages = (end() - messages_before) as f64;
    let messages_per_second = messages / from.elapsed().as_secs_f64();
    let costs = processes.iter().zip(before.iter().zip(&after)).map(|(process, (before, after))| {
        let all_us = (after.all_us - before.all_us) / messages;
        let own_us = (after.own_threads_us - before.own_threads_us) / messages;
        (process.row, Cost { all_us, own_us, messages_per_second })
    });
    let costs = costs.collect();
    stop(&mut processes, admin.as_ref(), topic);
    costs
}

/// Starts an arm's processes, those that read first.
fn start(arm: Arm, load: &Load, options: &Options) -> Vec<Process> {
    let own = |row, role: &str| {
        let mut command = Command::new(env::current_exe().expect("a path"));
        Process { row, child: child(command.arg(role).args(load.arguments())) }
    };
    match arm {
        Arm::Loadgen => vec![Process { row: "loadgen", child: child(&mut loadgen(load, options)) }],
        Arm::C => vec![own("c", "c-both")],
        Arm::Crate => vec![own("crate", "crate-both")],
        Arm::CApart => vec![own("c-consume", "c-consume"), own("c-produce", "c-produce")],
        Arm::CrateApart => vec![own("crate-consume", "crate-consume"), own("crate-produce", "crate-produce")],
        Arm::Java => java(load, options),
    }
}

fn loadgen(load: &Load, options: &Options) -> Command {
    let mut command = Command::new(env::current_exe().expect("a path"));
    command.args(["loadgen", "--quiet", "--bootstrap-servers", &load.address, "--topic", &load.topic]);
    command.args(["--rate", &load.rate.to_string(), "--size", &format!("{SIZE_BYTES}B")]);
    command.arg(format!("--warmup={}s", options.warmup));
    command.arg(format!("--duration={}s", options.window + AFTER_SECONDS));
    command.arg("--out").arg(env::temp_dir().join(format!("cost-of-honesty-{}", std::process::id())));
    command
}

fn java(load: &Load, options: &Options) -> Vec<Process> {
    let jars = options.kafka.as_deref().unwrap_or_default();
    let records = (load.rate * load.seconds).to_string();
    let tool = |class: &str| {
        let mut command = Command::new("java");
        command.args(JVM).args(["-cp", jars, &format!("org.apache.kafka.tools.{class}")]);
        command.args(["--bootstrap-server", &load.address, "--topic", &load.topic, "--num-records", &records]);
        command
    };
    let mut reads = tool("ConsumerPerformance");
    reads.args(["--timeout", "60000"]);
    let mut sends = tool("ProducerPerformance");
    sends.args(["--record-size", &SIZE_BYTES.to_string(), "--throughput", &load.rate.to_string()]);
    sends.args(["--command-property", "acks=all", "enable.idempotence=true", "linger.ms=5"]);
    [("java-consume", reads), ("java-produce", sends)]
        .map(|(row, mut command)| Process { row, child: child(&mut command) })
        .into()
}

fn child(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Lets those that send finish and tells those that read to stop; each must have had every message.
fn stop(processes: &mut [Process], admin: &dyn Admin, topic: &str) {
    for process in processes.iter_mut().rev() {
        // What both sends and reads stops reading when it is told, and sends for as long as it was told.
        if process.row == "c" || process.row == "crate" {
            std::thread::sleep(Duration::from_secs(AFTER_SECONDS + 2));
        }
        if !process.row.starts_with("java") {
            drop(process.child.stdin.take());
        }
        let mut said = String::new();
        process.child.stdout.take().expect("piped").read_to_string(&mut said).expect("text");
        let status = process.child.wait().expect("it ends");
        assert!(status.success(), "{}: {status}: {said}", process.row);
        let Ok(end) = admin.end_offsets(topic, PARTITIONS, ANSWERED_WITHIN) else { continue };
        let end: i64 = end.iter().sum();
        for line in said.lines() {
            let Some((count, _)) = line.split_once(" read").or_else(|| line.split_once(" acknowledged")) else {
                continue;
            };
            // Other lines of output may hold the words, too.
            if count.parse::<i64>().is_ok_and(|count| count != end) {
                eprintln!("{}: {line}, of {end} in the log", process.row);
            }
        }
        // After the last of the senders, what it sent last is still on its way to those that read.
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// CPU time of a process so far.
struct CpuTime {
    all_us: f64,
    own_threads_us: f64,
}

impl CpuTime {
    fn of(pid: u32) -> CpuTime {
        let pid = i32::try_from(pid).ok().and_then(std::num::NonZeroI32::new).expect("a process id");
        let usage = loadgen::target::process::Usage::of(pid).expect("the process is there");
        let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the process is there").flatten();
        let own = threads.filter_map(|thread| {
            let name = fs::read_to_string(thread.path().join("comm")).ok()?;
            let schedule = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            (!name.starts_with("rdk:")).then(|| schedule.split_whitespace().next()?.parse::<f64>().ok())?
        });
        CpuTime { all_us: usage.cpu_us() as f64, own_threads_us: own.sum::<f64>() / 1e3 }
    }
}

fn median(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> f64 {
    let mut values: Vec<f64> = costs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn print(costs: &BTreeMap<&str, Vec<Cost>>) {
    let us = |row: &str| costs.get(row).map(|costs| median(costs, |cost| cost.all_us));
    println!();
    println!("| CPU for each message | median | least–most | own threads | messages/s | × C API |");
    println!("|---|---|---|---|---|---|");
    for (row, name, base) in ROWS {
        let Some(costs) = costs.get(row) else { continue };
        let all = median(costs, |cost| cost.all_us);
        let least = costs.iter().map(|cost| cost.all_us).fold(f64::INFINITY, f64::min);
        let most = costs.iter().map(|cost| cost.all_us).fold(0.0, f64::max);
        let own =
            if row.starts_with("java") { "".into() } else { format!("{:.2} µs", median(costs, |cost| cost.own_us)) };
        let rate = median(costs, |cost| cost.messages_per_second);
        let ratio = us(base).map_or(String::new(), |base| format!("{:.2}", all / base));
        let held = if rate < 0.98 * RATE as f64 { ", rate not held" } else { "" };
        println!("| {name} | {all:.2} µs | {least:.2}–{most:.2} | {own} | {rate:.0}{held} | {ratio} |");
    }
    for (name, rows, base) in [
        (
            "Kafka's two tools together × C API's two programs",
            ["java-produce", "java-consume"],
            ["c-produce", "c-consume"],
        ),
        ("C API apart × together", ["c-produce", "c-consume"], ["c", ""]),
    ] {
        let sum = |rows: [&str; 2]| rows.iter().filter_map(|row| us(row)).sum::<f64>();
        if rows.iter().all(|row| us(row).is_some()) && us(base[0]).is_some() {
            println!("{name}: {:.2} µs / {:.2} µs = {:.2}", sum(rows), sum(base), sum(rows) / sum(base));
        }
    }
    if let (Some(java), Some(loadgen)) = (us("java-produce").zip(us("java-consume")), us("loadgen")) {
        println!("Kafka's two tools × loadgen: {:.2}", (java.0 + java.1) / loadgen);
    }
}

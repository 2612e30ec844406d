//! The cost of honesty: CPU of a load generator for each message, where every message is stamped, timed, recorded and
//! verified, beside loops that do none of that.
//!
//! ```text
//! cargo run --release -p benches --example cost_of_honesty [-- OPTION…]
//!   --repetitions N    of every arm, in turn                                  [5]
//!   --window SECONDS   measured                                               [15]
//!   --warmup SECONDS   before it, from the first message on                   [5]
//!   --jvm-warmup SECONDS   the same, for Java                                 [20]
//!   --kafka DIRECTORY  Kafka's jars are in there or in its libs               [$KAFKA_HOME]
//!   --only ARM         repeatable: loadgen, c, crate, c-apart, crate-apart, java
//! ```
//!
//! Every arm carries the same load, 100,000 messages a second of 100 bytes to and from six partitions with the settings of
//! `loadgen run`, through the same reference broker, a process of its own. An arm is one process that both sends and
//! reads, or (`-apart`, `java`) one that sends and one that reads. Counted is the CPU time of these processes alone, from
//! `/proc/PID/stat` at both ends of the window, over the messages that the log grew by between the two. Arms take turns,
//! each repetition beginning with another one; the table has medians. `own threads` is the share of it that is not
//! librdkafka's threads'.
//!
//! Java's defaults differ from librdkafka's, which favours neither: a sticky partitioner, batches of at most 16 KiB.

mod bare;
mod load;
mod measure;
mod wrapper;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use broker::config::Config;
use broker::server::Broker;
use clap::Parser;
use loadgen::cli::{Cli, Command};

use self::load::{Load, told_to_stop};

type Produce = fn(&Load) -> u64;
type Consume = fn(&Load, &Arc<AtomicBool>) -> u64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (c, wrapper): ((Produce, Consume), (Produce, Consume)) =
        ((bare::produce, bare::consume), (wrapper::produce, wrapper::consume));
    match arguments.split_first() {
        Some((child, rest)) => match child.as_str() {
            "broker" => run_broker(),
            "loadgen" => run_loadgen(rest),
            "c-produce" => println!("{} acknowledged", (c.0)(&Load::parse(rest))),
            "c-consume" => println!("{} read", (c.1)(&Load::parse(rest), &told_to_stop())),
            "c-both" => run_both(c, &Load::parse(rest)),
            "crate-produce" => println!("{} acknowledged", (wrapper.0)(&Load::parse(rest))),
            "crate-consume" => println!("{} read", (wrapper.1)(&Load::parse(rest), &told_to_stop())),
            "crate-both" => run_both(wrapper, &Load::parse(rest)),
            _ => return measure::run(&arguments),
        },
        None => return measure::run(&arguments),
    }
    ExitCode::SUCCESS
}

fn run_both((produce, consume): (Produce, Consume), load: &Load) {
    let stop = told_to_stop();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| consume(load, &stop));
        println!("{} acknowledged", produce(load));
        println!("{} read", reader.join().expect("no panic"));
    });
}

/// Until standard input closes. The log is kept short: the broker's files are not what is measured.
fn run_broker() {
    let mut config = Config::ephemeral("127.0.0.1:0");
    for (name, value) in [
        ("group.initial.rebalance.delay.ms", "0"),
        ("log.segment.bytes", "67108864"),
        ("log.retention.bytes", "268435456"),
        ("log.retention.check.interval.ms", "1000"),
    ] {
        config.set(name, value).expect("a setting");
    }
    let broker = Broker::start(config).expect("the broker starts");
    println!("{}", broker.address());
    let _ = std::io::read_to_string(std::io::stdin());
    broker.shutdown();
}

/// The program itself, as its `main` has it.
fn run_loadgen(arguments: &[String]) {
    let cli = Cli::parse_from(["loadgen", "run"].map(String::from).iter().chain(arguments));
    let Command::Run(arguments) = cli.command else { panic!("the run command") };
    let exit = loadgen::command::run::run(&arguments, std::env::args().collect()).expect("the run ends");
    println!("exit code {}", exit.code());
}

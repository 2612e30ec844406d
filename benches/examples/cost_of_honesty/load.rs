//! The load that every arm carries: the settings that `loadgen run` uses, the pace, and when to stop.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use loadgen::cli::{Cli, Command};
use loadgen::clock::{NANOS_PER_SECOND, now_ns, set_timer_slack_ns, sleep_until};
use loadgen::driver::rdkafka::Properties;
use loadgen::plan::Plan;

pub const PARTITIONS: i32 = 6;
pub const SIZE_BYTES: usize = 100;
/// As the generator's own: messages due within it are sent together.
const QUANTUM_NS: u64 = 500_000;
const TIMER_SLACK_NS: u64 = 10_000;
/// As the generator's own: how often a consumer commits.
pub const COMMIT_EVERY_NS: u64 = NANOS_PER_SECOND;

/// What a child is told on its command line.
#[derive(Clone)]
pub struct Load {
    pub address: String,
    pub topic: String,
    pub rate: u64,
    pub seconds: u64,
}

impl Load {
    pub fn arguments(&self) -> [String; 4] {
        [self.address.clone(), self.topic.clone(), self.rate.to_string(), self.seconds.to_string()]
    }

    pub fn parse(arguments: &[String]) -> Load {
        let [address, topic, rate, seconds] = arguments else { panic!("ADDRESS TOPIC RATE SECONDS") };
        let number = |text: &str| text.parse().expect("a number");
        Load { address: address.clone(), topic: topic.clone(), rate: number(rate), seconds: number(seconds) }
    }

    /// What the generator sets its clients to, without the statistics that only it asks for.
    pub fn producer_settings(&self) -> BTreeMap<String, String> {
        let mut settings = generator_settings().producer;
        settings.remove("statistics.interval.ms");
        settings.insert("bootstrap.servers".into(), self.address.clone());
        settings
    }

    pub fn consumer_settings(&self) -> BTreeMap<String, String> {
        let mut settings = generator_settings().consumer;
        settings.insert("bootstrap.servers".into(), self.address.clone());
        settings.insert("group.id".into(), format!("{}-readers", self.topic));
        settings
    }
}

fn generator_settings() -> Properties {
    let Command::Run(arguments) = Cli::parse_from(["loadgen", "run"]).command else { panic!("the run command") };
    Plan::resolve(&arguments, Vec::new()).expect("the defaults go together").client_properties()
}

/// Sends on time: `turn` is called once a quantum with how many messages have fallen due since the last.
pub fn keep_pace(load: &Load, mut turn: impl FnMut(u64)) {
    set_timer_slack_ns(TIMER_SLACK_NS).expect("a timer slack");
    let start_ns = now_ns();
    let end_ns = start_ns + load.seconds * NANOS_PER_SECOND;
    let mut sent = 0;
    loop {
        let now = now_ns().min(end_ns);
        let due = (u128::from(now - start_ns) * u128::from(load.rate) / u128::from(NANOS_PER_SECOND)) as u64;
        turn(due - sent);
        sent = due;
        if now == end_ns {
            return;
        }
        sleep_until((now + 1).next_multiple_of(QUANTUM_NS));
    }
}

/// Becomes true when the parent closes this process's standard input.
pub fn told_to_stop() -> Arc<AtomicBool> {
    let told = Arc::new(AtomicBool::new(false));
    let tell = told.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        tell.store(true, Ordering::Release);
    });
    told
}

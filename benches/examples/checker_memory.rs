//! Memory of the verification at 10⁸ messages, with a healthy group and with a stalled one.
//!
//! ```text
//! cargo run --release -p benches --example checker_memory [-- MESSAGES [MAX_WAITING_RUNS]]
//! ```
//!
//! Two producers' batches, in turn in each of six partitions, go stamped through ledgers, checkers and reconciler for
//! two groups. The first group reads along. The second does too, or stalls: then what was acknowledged waits for it, in
//! memory up to the bound and in a temporary file past it. It comes back and reads everything, or never does; one message
//! in ten million is acknowledged and not there, and the verdict must say so exactly. Batches are of 80 messages, as
//! 100,000/s and a linger of 5 ms make them, or of 8, as no linger does. Each row is a process of its own; its memory is
//! `VmHWM` of `/proc/self/status` at the end, the verdict included, less `VmRSS` before the first message.

use std::process::{Command, ExitCode};
use std::time::Instant;

use loadgen::message::{Outcome, Producer, STAMP_SIZE_BYTES, Stamp};
use loadgen::target::process::Usage;
use loadgen::verify::{Anomaly, Checker, Consumed, Expectations, Ledger, Reconciler, RunShape};

const MESSAGES: u64 = 100_000_000;
const RUN_ID: u64 = 7;
const PRODUCERS: u16 = 2;
const PARTITIONS: i32 = 6;
const SHAPE: RunShape =
    RunShape { run_id: RUN_ID, producers: PRODUCERS, partitions: PARTITIONS, groups: 2, client_chooses: false };
/// Evidence is handed over five times a second, at 100,000 messages a second.
const EVIDENCE_EVERY: u64 = 20_000;
const ONE_LOST_IN: u64 = 10_000_000;
const VALUE_BYTES: usize = STAMP_SIZE_BYTES + 8;
/// As a linger of 5 ms makes them at 100,000 messages a second, and as none does.
const BATCHES: [u64; 2] = [80, 8];

/// What the second group does.
#[derive(Clone, Copy, PartialEq)]
enum Second {
    ReadsAlong,
    CatchesUp,
    NeverReads,
}

impl Second {
    const ALL: [(Second, &str); 3] = [
        (Second::ReadsAlong, "reads along"),
        (Second::CatchesUp, "stalls, catches up"),
        (Second::NeverReads, "stalls"),
    ];
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Option<Vec<usize>> = arguments.iter().map(|argument| argument.parse().ok()).collect();
    match numbers.as_deref() {
        Some([second, batch, messages, bound]) => row(Second::ALL[*second], *batch as u64, *messages as u64, *bound),
        Some(numbers) if numbers.len() <= 2 => {
            let messages = numbers.first().map_or(MESSAGES, |messages| *messages as u64);
            return table(messages, numbers.get(1).copied().unwrap_or(Reconciler::MAX_WAITING_RUNS));
        }
        _ => {
            eprintln!("checker_memory: expected [MESSAGES [MAX_WAITING_RUNS]]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn table(messages: u64, bound: usize) -> ExitCode {
    println!("{messages} messages to each of two groups; at most {bound} runs wait in memory");
    println!(
        "| the second group | batch | most runs in memory | most memory | most in the file | lost found | unseen | seconds |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for batch in BATCHES {
        for second in 0..Second::ALL.len() {
            let own = std::env::current_exe().expect("a path");
            let numbers = [second.to_string(), batch.to_string(), messages.to_string(), bound.to_string()];
            let status = Command::new(own).args(numbers).status().expect("a process");
            if !status.success() {
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn row((second, name): (Second, &str), batch: u64, messages: u64, bound: usize) {
    let started = Instant::now();
    let before_bytes = Usage::own().expect("/proc").rss_bytes;
    let mut most_runs = 0;
    let mut reconciler = Reconciler::with_max_waiting_runs(SHAPE, bound);
    let mut ledgers = [0, 1].map(|index| Ledger::new(Producer { run_id: RUN_ID, index, epoch: 0 }, SHAPE));
    let mut checkers = [0, 1].map(|group| Checker::new(group, SHAPE));
    for checker in &mut checkers {
        (0..PARTITIONS).for_each(|partition| checker.assigned(partition, Some(0)));
    }
    let along = if second == Second::ReadsAlong { 2 } else { 1 };
    let mut sent = 0;
    for message in log(messages, batch) {
        let Sent { producer, partition, sequence, offset, .. } = message;
        let ledger = &mut ledgers[usize::from(producer)];
        ledger.submitted();
        ledger.settle(partition, sequence, Outcome::Acked { partition, offset });
        message.read_by(&mut checkers[..along]);
        sent += 1;
        if sent % EVIDENCE_EVERY == 0 {
            let evidence = ledgers.iter_mut().map(Ledger::take_evidence);
            let evidence = evidence.chain(checkers[..along].iter_mut().map(Checker::take_evidence));
            evidence.for_each(|evidence| reconciler.accept(evidence).expect("a temporary file"));
            most_runs = most_runs.max(reconciler.waiting_runs());
        }
    }
    if second == Second::CatchesUp {
        let mut read = 0;
        for message in log(messages, batch) {
            message.read_by(&mut checkers[1..]);
            read += 1;
            if read % EVIDENCE_EVERY == 0 {
                reconciler.accept(checkers[1].take_evidence()).expect("a temporary file");
                most_runs = most_runs.max(reconciler.waiting_runs());
            }
        }
    }
    let last = ledgers.iter_mut().map(Ledger::take_evidence).chain(checkers.iter_mut().map(Checker::take_evidence));
    last.for_each(|evidence| reconciler.accept(evidence).expect("a temporary file"));
    most_runs = most_runs.max(reconciler.waiting_runs());
    let spilled_bytes = reconciler.spilled_bytes();
    let verdict = reconciler.finish(&Expectations::strict()).expect("a temporary file");
    let most_bytes = Usage::own().expect("/proc").rss_max_bytes - before_bytes;
    let count = |anomaly| verdict.finding(anomaly).map_or(0, |finding| finding.count);
    let (lost, unseen) = (count(Anomaly::LostWrite), count(Anomaly::Unseen));
    let expected_lost = messages / ONE_LOST_IN * if second == Second::NeverReads { 1 } else { 2 };
    let expected_unseen = if second == Second::NeverReads { messages } else { 0 };
    assert!(verdict.adds_up() && (lost, unseen) == (expected_lost, expected_unseen), "{verdict:#?}");
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "| {name} | {batch} | {} | {:.1} MiB | {:.1} MiB | {lost} of {expected_lost} | {unseen} of {expected_unseen} | {:.0} |",
        most_runs,
        mib(most_bytes),
        mib(spilled_bytes),
        started.elapsed().as_secs_f64()
    );
}

struct Sent {
    producer: u16,
    partition: i32,
    sequence: u64,
    offset: i64,
    /// Acknowledged, and not in the log.
    lost: bool,
    value: [u8; VALUE_BYTES],
}

impl Sent {
    fn read_by(&self, checkers: &mut [Checker]) {
        if self.lost {
            return;
        }
        let Sent { partition, offset, value, .. } = self;
        for checker in checkers {
            let record = Consumed { partition: *partition, offset: *offset, key: None, value, stamp_header: None };
            checker.check(record);
        }
    }
}

/// The log in the order of its writing: batches of the two producers in turn, partition by partition.
fn log(messages: u64, batch: u64) -> impl Iterator<Item = Sent> {
    (0..messages).map(move |index| {
        let (turn, within) = (index / batch, index % batch);
        let producer = (turn % u64::from(PRODUCERS)) as u16;
        let partition = (turn / u64::from(PRODUCERS) % PARTITIONS as u64) as i32;
        let round = turn / u64::from(PRODUCERS) / PARTITIONS as u64;
        let sequence = round * batch + within;
        let offset = ((round * u64::from(PRODUCERS) + u64::from(producer)) * batch + within) as i64;
        let mut value = [b'v'; VALUE_BYTES];
        let stamp = Stamp {
            producer: Producer { run_id: RUN_ID, index: producer, epoch: 0 },
            partition,
            sequence,
            intended_ns: index,
            clock_domain: 1,
        };
        stamp.encode_into(None, &mut value);
        Sent { producer, partition, sequence, offset, lost: index % ONE_LOST_IN == ONE_LOST_IN / 2, value }
    })
}

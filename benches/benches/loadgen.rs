//! What one message costs the generator, besides the client library: compose (payload, key, partition, stamp), ledger,
//! histogram, checker, reconciler. One element is one message.

use std::hint::black_box;
use std::sync::mpsc::channel;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loadgen::measure::{Latency, Recorder, Source};
use loadgen::message::{Outcome, Producer, Stamp};
use loadgen::verify::{Checker, Consumed, Ledger, Reconciler, RunShape};
use loadgen::workload::{Arrival, Bound, PayloadSource, Phase, Rate, RateSchedule, Workload, WorkloadSpec};

const MESSAGES: u64 = 10_000;
const PARTITIONS: i32 = 6;
/// Messages that a batch holds at 100,000 messages a second, six partitions and a linger of 5 ms.
const BATCH: u64 = 80;
const PRODUCER: Producer = Producer { run_id: 1, index: 0, epoch: 0 };
const SHAPE: RunShape = RunShape { run_id: 1, producers: 1, partitions: PARTITIONS, groups: 1, client_chooses: false };

fn workload(size: &str, key: &str, partitioner: &str) -> Workload {
    let spec = WorkloadSpec {
        source: PayloadSource::Random(size.parse().expect("a size")),
        key: key.parse().expect("a key choice"),
        partitioner: partitioner.parse().expect("a partitioner"),
        partitions: PARTITIONS,
        seed: 1,
    };
    Workload::new(&spec, PRODUCER).expect("choices that go together")
}

fn stamp(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loadgen/stamp");
    let stamp = Stamp { producer: PRODUCER, partition: 3, sequence: 7, intended_ns: 9, clock_domain: 11 };
    for size in [100, 1024] {
        let mut value = vec![b'x'; size];
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("encode/{size}B"), |bencher| {
            bencher.iter(|| stamp.encode_into(black_box(Some(b"0042")), black_box(&mut value)))
        });
        stamp.encode_into(Some(b"0042"), &mut value);
        group.bench_function(format!("decode/{size}B"), |bencher| {
            bencher.iter(|| Stamp::decode(None, black_box(Some(b"0042")), black_box(&value)))
        });
    }
    group.finish();
}

fn compose(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loadgen/compose");
    let workloads = [
        ("100B round-robin", workload("100", "none", "round-robin")),
        ("1KiB round-robin", workload("1KiB", "none", "round-robin")),
        ("100B of 10k keys by murmur2", workload("100", "10k", "murmur2")),
        ("100B zipf keys by murmur2", workload("100", "zipf:10k:1.1", "murmur2")),
        ("100B of 10k keys, key[0:2] % 6", workload("100", "10k", "explicit:key[0:2] % 6")),
    ];
    for (name, mut workload) in workloads {
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            bencher.iter(|| workload.compose(black_box(5)).map(|sent| sent.message.value.len()))
        });
    }
    group.finish();
}

fn schedule(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loadgen/schedule");
    for arrival in [Arrival::Constant, Arrival::Poisson] {
        let rate = Rate::per_second(100_000.0).expect("a rate");
        let bound = Bound::DurationNs(u64::MAX >> 1);
        let schedule = RateSchedule { rate, arrival, warmup_ns: 0, bound, producers: 2, seed: 1 };
        let mut operations = schedule.operations(0);
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{arrival:?}"), |bencher| bencher.iter(|| operations.next()));
    }
    group.finish();
}

fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loadgen/measure");
    group.throughput(Throughput::Elements(1));
    let mut latency = Latency::new();
    let mut to_ns = 1_000_000;
    group.bench_function("histogram record", |bencher| {
        bencher.iter(|| {
            to_ns = to_ns % 20_000_000 + 7_919;
            latency.record(black_box(0), to_ns);
        })
    });
    let (sender, _receiver) = channel();
    let mut recorder = Recorder::new(Source::Producer(0), 0, sender);
    group.bench_function("recorder sent and acked", |bencher| {
        bencher.iter(|| {
            to_ns = to_ns % 20_000_000 + 7_919;
            recorder.sent(Phase::Measured, black_box(0), 1_000, 100);
            recorder.acked(Phase::Measured, black_box(0), 1_000, to_ns, 100);
        })
    });
    group.finish();
}

/// (partition, sequence, offset) of messages as brokers lay them out: batches of one producer, in each partition in
/// turn.
fn places() -> impl Iterator<Item = (i32, u64, i64)> {
    (0..MESSAGES).map(|i| {
        let (batch, within) = (i / BATCH, i % BATCH);
        let sequence = batch / PARTITIONS as u64 * BATCH + within;
        ((batch % PARTITIONS as u64) as i32, sequence, sequence as i64)
    })
}

struct Kept {
    partition: i32,
    offset: i64,
    key: Vec<u8>,
    value: Vec<u8>,
}

fn kept(size: usize) -> Vec<Kept> {
    places()
        .map(|(partition, sequence, offset)| {
            let (key, mut value) = (b"0042".to_vec(), vec![b'x'; size]);
            let stamp = Stamp { producer: PRODUCER, partition, sequence, intended_ns: 1, clock_domain: 2 };
            stamp.encode_into(Some(&key), &mut value);
            Kept { partition, offset, key, value }
        })
        .collect()
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::new(PRODUCER, SHAPE);
    for (partition, sequence, offset) in places() {
        ledger.submitted();
        ledger.settle(partition, sequence, Outcome::Acked { partition, offset });
    }
    ledger
}

fn checker(messages: &[Kept]) -> Checker {
    let mut checker = Checker::new(0, SHAPE);
    (0..PARTITIONS).for_each(|partition| checker.assigned(partition, Some(0)));
    for Kept { partition, offset, key, value } in messages {
        let (partition, offset) = (*partition, *offset);
        black_box(checker.check(Consumed { partition, offset, key: Some(key), value, stamp_header: None }));
    }
    checker
}

fn verify(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loadgen/verify");
    group.throughput(Throughput::Elements(MESSAGES));
    group.bench_function("ledger", |bencher| bencher.iter(ledger));
    for size in [100, 1024] {
        let messages = kept(size);
        group.bench_function(format!("checker/{size}B"), |bencher| bencher.iter(|| checker(&messages)));
    }
    let messages = kept(100);
    let evidence = || [ledger().take_evidence(), checker(&messages).take_evidence()];
    group.bench_function("reconciler", |bencher| {
        let reconcile = |evidence: [_; 2]| {
            let mut reconciler = Reconciler::new(SHAPE);
            evidence.into_iter().try_for_each(|evidence| reconciler.accept(evidence)).expect("nothing spills");
            assert_eq!(reconciler.waiting_runs(), 0);
            reconciler
        };
        bencher.iter_batched(evidence, reconcile, BatchSize::SmallInput)
    });
    group.finish();
}

criterion_group!(benches, stamp, compose, schedule, measure, verify);
criterion_main!(benches);

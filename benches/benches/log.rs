//! The log's hot paths through its public door: what a produce and a fetch cost once the frame is there. Beside the append
//! stands a bare loop of CRC and `pwrite(2)`, which is what the kernel and the checksum allow.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;

use broker::log::{Log, LogSettings, Origin};
use broker::record::{Batch, BatchBuilder, validate_shape};
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;

const NOW_MS: i64 = 1_700_000_000_000;
/// Batches of one record, of 80 (100,000 messages a second, six partitions, a linger of 5 ms), and of 1 MiB.
const SHAPES: [(usize, usize); 4] = [(1, 100), (80, 100), (80, 1024), (1000, 1024)];

fn batch(records: usize, value_bytes: usize) -> Bytes {
    let value = vec![b'v'; value_bytes];
    let builder = BatchBuilder::new();
    (0..records).fold(builder, |builder, _| builder.record(NOW_MS, None, Some(&value))).build()
}

fn open(dir: &TempDir) -> Log {
    let settings = LogSettings { retention_bytes: Some(0), max_message_bytes: 2 << 20, ..LogSettings::default() };
    Log::open(dir.path(), settings, NOW_MS).expect("a log in a new directory")
}

fn append(log: &Log, batch: &[u8]) -> i64 {
    log.append_as_leader(batch, Origin::Client, 0, NOW_MS).expect("a valid batch").last_offset
}

fn per_shape(criterion: &mut Criterion, name: &str, mut bench: impl FnMut(&mut criterion::Bencher<'_>, &Bytes)) {
    let mut group = criterion.benchmark_group(name);
    for (records, value_bytes) in SHAPES {
        let batch = batch(records, value_bytes);
        group.throughput(Throughput::Bytes(batch.len() as u64));
        let id = BenchmarkId::from_parameter(format!("{records}x{value_bytes}B"));
        group.bench_with_input(id, &batch, &mut bench);
    }
}

fn validate(criterion: &mut Criterion) {
    per_shape(criterion, "log/validate", |bencher, bytes| {
        bencher.iter(|| {
            let batch = Batch::parse(black_box(bytes)).expect("a whole batch");
            validate_shape(&batch.header).expect("as a producer sends it");
            batch.verify_crc().expect("the right CRC");
        });
    });
}

/// Appends, with retention taking away what piles up, as it would in the background.
fn append_batches(criterion: &mut Criterion) {
    const KEPT_BYTES: u64 = 1 << 30;
    per_shape(criterion, "log/append", |bencher, bytes| {
        let dir = tempfile::tempdir().expect("a directory");
        let log = open(&dir);
        // The first append notes its leader epoch in a file.
        append(&log, bytes);
        bencher.iter(|| {
            append(&log, bytes);
            if log.size_bytes() > KEPT_BYTES {
                let retired = log.apply_retention(NOW_MS, log.log_end_offset()).expect("retention");
                retired.files.iter().for_each(|path| std::fs::remove_file(path).expect("a retired file"));
            }
        });
    });
    per_shape(criterion, "kernel/crc+pwrite", |bencher, bytes| {
        let dir = tempfile::tempdir().expect("a directory");
        let file = File::create(dir.path().join("file")).expect("a file");
        let mut position = 0;
        bencher.iter(|| {
            black_box(crc32c::crc32c(bytes));
            file.write_all_at(bytes, position).expect("a write");
            position += bytes.len() as u64;
            if position > KEPT_BYTES {
                file.set_len(0).expect("a truncation");
                position = 0;
            }
        });
    });
}

/// A segment of about 256 MiB in small batches, so that its index is long.
fn filled(dir: &TempDir, batch: &[u8]) -> Log {
    let log = open(dir);
    while log.size_bytes() < 256 << 20 {
        append(&log, batch);
    }
    log
}

fn fetch(criterion: &mut Criterion) {
    const FETCH_BYTES: usize = 1 << 20;
    let dir = tempfile::tempdir().expect("a directory");
    let log = filled(&dir, &batch(10, 100));
    let end = log.log_end_offset();
    let mut from = 0;
    let mut scattered = move || {
        // A full-period step: every lookup goes elsewhere.
        from = (from + 7_368_787) % end;
        from
    };
    let mut group = criterion.benchmark_group("log/fetch plan");
    group.bench_function("tail, one batch", |bencher| {
        bencher.iter(|| log.read(black_box(end - 10), end, FETCH_BYTES, true).expect("a plan"));
    });
    group.bench_function("tail, nothing new", |bencher| {
        bencher.iter(|| log.read(black_box(end), end, FETCH_BYTES, true).expect("a plan"));
    });
    group.bench_function("anywhere, 1 MiB", |bencher| {
        bencher.iter(|| log.read(black_box(scattered()), end, FETCH_BYTES, true).expect("a plan"));
    });
    group.finish();
    let mut group = criterion.benchmark_group("log/index lookup");
    group.bench_function("offset, anywhere", |bencher| {
        bencher.iter(|| log.read(black_box(scattered()), end, 1, true).expect("a plan"));
    });
    group.bench_function("timestamp", |bencher| {
        bencher.iter(|| log.offset_for_timestamp(black_box(NOW_MS), end).expect("an answer"));
    });
    group.finish();
}

fn reopen(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    filled(&dir, &batch(80, 100)).close(NOW_MS).expect("a clean close");
    criterion.bench_function("log/open, clean, 256 MiB", |bencher| bencher.iter(|| open(&dir).log_end_offset()));
}

criterion_group!(log, validate, append_batches, fetch, reopen);
criterion_main!(log);

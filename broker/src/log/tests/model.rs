use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The log as a list of batches: what it should be like.
#[derive(Debug, Default)]
struct Model {
    /// Base offset, number of records, timestamp; of everything that was not truncated away.
    batches: Vec<(i64, i64, i64)>,
    start: i64,
    end: i64,
}

#[derive(Debug, Clone)]
enum Step {
    Append { records: usize, value_bytes: usize, age_ms: i64 },
    Truncate { back: i64 },
    DeleteBefore { ahead: i64 },
    Retain,
    Flush,
    Checkpoint,
    Close,
    Crash,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (1..4usize, 0..300usize, 0..5_000i64)
            .prop_map(|(records, value_bytes, age_ms)| Step::Append { records, value_bytes, age_ms }),
        1 => (0..12i64).prop_map(|back| Step::Truncate { back }),
        1 => (0..6i64).prop_map(|ahead| Step::DeleteBefore { ahead }),
        1 => Just(Step::Retain),
        1 => Just(Step::Flush),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
    ]
}

impl Model {
    fn apply(&mut self, step: &Step, log: Log, dir: &TempDir) -> Log {
        match step {
            Step::Append { records, value_bytes, age_ms } => {
                let timestamp = NOW_MS - age_ms;
                let appended = append(&log, &batch_at(timestamp, *records, *value_bytes));
                assert_eq!(appended.base_offset, self.end);
                self.batches.push((self.end, *records as i64, timestamp));
                self.end += *records as i64;
            }
            Step::Truncate { back } => {
                let offset = (self.end - back).max(self.start);
                log.truncate_to(offset, NOW_MS).unwrap();
                self.batches.retain(|(base, records, _)| base + records <= offset);
                self.end = match self.batches.last() {
                    Some((base, records, _)) => base + records,
                    None => log.log_end_offset(),
                };
                self.start = self.start.min(self.end);
            }
            Step::DeleteBefore { ahead } => {
                let offset = (self.start + ahead).min(self.end);
                assert_eq!(log.delete_before(offset).unwrap(), offset);
                self.start = offset;
            }
            Step::Retain => {
                let size_bytes = log.size_bytes();
                let _ = log.apply_retention(NOW_MS, self.end).unwrap();
                assert!(log.log_start_offset() >= self.start);
                assert!(log.size_bytes() <= size_bytes);
                self.start = log.log_start_offset();
            }
            Step::Flush => assert_eq!(log.flush().unwrap(), self.end),
            Step::Checkpoint => log.checkpoint().unwrap(),
            Step::Close => {
                log.close(NOW_MS).unwrap();
                drop(log);
                return open(dir);
            }
            Step::Crash => {
                drop(log);
                return open(dir);
            }
        }
        log
    }

    fn check(&self, log: &Log) {
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (self.start, self.end));
        assert!(log.flushed_offset() <= self.end);
        assert!(log.recovery().rot.is_empty());
        let kept: Vec<_> = self.batches.iter().filter(|(base, records, _)| base + records > self.start).collect();
        let expected: Vec<_> = kept.iter().map(|(base, records, _)| (*base, base + records - 1)).collect();
        for max_bytes in [1, 700, 1 << 20] {
            assert_eq!(offsets(log, self.start, max_bytes), expected, "in steps of {max_bytes}");
        }
        for timestamp in [NOW_MS - 4_000, NOW_MS - 2_000, NOW_MS] {
            let found = log.offset_for_timestamp(timestamp, i64::MAX).unwrap().map(|found| found.offset);
            let expected =
                kept.iter().find(|(.., newest)| *newest >= timestamp).map(|(base, ..)| *base.max(&self.start));
            assert_eq!(found, expected, "timestamp {timestamp}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_as_the_model_says(steps in vec(any_step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(&dir);
        let mut model = Model::default();
        for step in &steps {
            log = model.apply(step, log, &dir);
            if !matches!(step, Step::Append { .. }) {
                model.check(&log);
            }
        }
        model.check(&log);
    }

    #[test]
    fn a_directory_of_arbitrary_bytes_gives_a_log_or_an_error(bytes in vec(any::<u8>(), 0..400), which in 0..6usize) {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&dir);
        for _ in 0..12 {
            append(&log, &batch(1, 100));
        }
        drop(log);
        let names = ["recovery-point", "leader-epoch-checkpoint", "00000000000000000000.log", "00000000000000000000.index",
            "00000000000000000000.timeindex", "00000000000000000005.snapshot"];
        std::fs::write(dir.path().join(names[which]), bytes).unwrap();
        if let Ok(log) = Log::open(dir.path(), small_segments(), NOW_MS) {
            let mut from = log.log_start_offset();
            while let Ok(plan) = log.read(from, i64::MAX, 1 << 20, true) {
                from += 1;
                let _ = plan;
            }
            let _ = (log.max_timestamp(), log.offset_for_timestamp(NOW_MS, i64::MAX));
        }
    }
}

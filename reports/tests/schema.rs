//! The result file keeps what it is given, reads its own kin, and refuses what it cannot understand.

mod sample;

use hdrhistogram::Histogram;
use reports::schema::{Latency, LatencySlice, heat_bucket, heat_bucket_floor_ns};
use reports::{ReadError, RunResult};

#[test]
fn a_result_reads_back_as_it_was_written() {
    for run in [
        RunResult::default(),
        sample::clean(),
        sample::with_anomalies(),
        sample::cut_short(),
        sample::invalid(),
        sample::hostile(),
    ] {
        assert_eq!(RunResult::from_json(&run.to_json()).expect("own text"), run);
    }
}

#[test]
fn a_file_is_written_whole_and_reads_back() {
    let directory = std::env::temp_dir().join(format!("reports-schema-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("temporary directory");
    let path = directory.join("result.json");
    let run = sample::clean();
    run.write(&path).expect("writable");
    assert_eq!(RunResult::read(&path).expect("own file"), run);
    let files: Vec<_> = std::fs::read_dir(&directory).expect("readable").collect();
    assert_eq!(files.len(), 1, "nothing is left beside it");
    std::fs::remove_dir_all(&directory).expect("own directory");
}

#[test]
fn a_newer_minor_with_unknown_and_missing_fields_reads() {
    let json =
        r#"{"schema_version": "1.99", "novelty": [1], "plan": {"seed": 7, "mood": "good"}, "totals": {"due": 3}}"#;
    let run = RunResult::from_json(json).expect("same major");
    assert_eq!((run.plan.seed, run.totals.due, run.totals.acked), (7, 3, 0));
}

#[test]
fn a_newer_major_is_refused_with_one_sentence_even_if_its_fields_changed_shape() {
    let error = RunResult::from_json(r#"{"schema_version": "2.0", "plan": 5}"#).expect_err("newer major");
    assert!(matches!(&error, ReadError::Newer { got, expected: 1 } if got == "2.0"));
    assert!(!error.to_string().contains('\n'));
}

#[test]
fn what_is_no_result_file_is_refused() {
    for json in [
        "",
        "[]",
        "{}",
        "{\"schema_version\": \"one\"}",
        "{\"schema_version\": \"0.3\"}",
        "{\"schema_version\": \"1\"}",
    ] {
        assert!(RunResult::from_json(json).is_err(), "{json}");
    }
    assert!(matches!(RunResult::read("/nonexistent/result.json".as_ref()), Err(ReadError::Io { .. })));
}

#[test]
fn non_finite_numbers_become_null_and_still_read() {
    let mut run = RunResult::default();
    run.batching.messages_per_batch = Some(f64::NAN);
    run.generator.cpu_share = Some(f64::INFINITY);
    let read = RunResult::from_json(&run.to_json()).expect("null is allowed");
    assert_eq!((read.batching.messages_per_batch, read.generator.cpu_share), (None, None));
}

#[test]
fn an_encoded_histogram_is_the_one_it_was_made_of() {
    let mut histogram = Histogram::<u64>::new(3).expect("valid");
    for value in [1, 950, 3_520_000, 3_520_000, 40_000_000_000] {
        histogram.record(value).expect("resizable");
    }
    let latency = Latency::from_histogram(&histogram, 0, None, 0);
    assert!(latency.histogram.starts_with("HIST"), "base64 of the V2 deflate cookie, as other tools expect");
    let decoded = latency.decode().expect("own text").expect("not empty");
    assert_eq!(decoded, histogram);
    assert_eq!(latency.p50_ns, Some(histogram.value_at_quantile(0.5)));
}

#[test]
fn a_broken_histogram_is_an_error_and_an_empty_one_is_none() {
    assert!(Latency::default().decode().expect("empty").is_none());
    for text in ["%", "AAAA", "HISTFAAAAB4="] {
        assert!(Latency { histogram: text.into(), ..Latency::default() }.decode().is_err(), "{text}");
    }
}

#[test]
fn a_heat_bucket_holds_the_latencies_from_its_floor_on_and_no_message_is_lost() {
    for ns in [1_000, 1_189, 1_190, 2_000, 1_000_000, 7_777_777, u64::MAX] {
        let bucket = heat_bucket(ns);
        assert!(
            heat_bucket_floor_ns(bucket) <= ns as f64 * 1.000_001
                && (ns as f64) < heat_bucket_floor_ns(bucket + 1) * 1.000_001
        );
    }
    assert_eq!(heat_bucket(0), 0);
    let mut histogram = Histogram::<u64>::new(3).expect("valid");
    (0..10_000u64).for_each(|i| histogram.record(i * 997).expect("resizable"));
    let slice = LatencySlice::from_histogram(&histogram);
    assert_eq!(slice.heat.iter().map(|(_, count)| count).sum::<u64>(), 10_000);
    assert!(slice.heat.is_sorted());
}

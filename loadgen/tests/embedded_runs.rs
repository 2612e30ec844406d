//! Whole runs of the program against the reference broker that it starts.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use reports::RunResult;

fn loadgen(out: &Path, options: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args([
            "run",
            "--calibrate",
            "never",
            "--rate",
            "2k",
            "--duration",
            "1s",
            "--warmup",
            "200ms",
            "--partitions",
            "3",
            "--out",
        ])
        .arg(out)
        .args(options.split_whitespace())
        .output()
        .expect("the program starts")
}

fn result_of(options: &str) -> (Output, RunResult) {
    let out = tempfile::tempdir().expect("a temporary directory");
    let output = loadgen(out.path(), options);
    let result = RunResult::read(&out.path().join("result.json"));
    let result = result.unwrap_or_else(|error| panic!("{error}; {}", String::from_utf8_lossy(&output.stderr)));
    let page = fs::read_to_string(out.path().join("report.html")).expect("the page is written");
    assert!(page.contains("<svg"));
    (output, result)
}

/// A loaded machine may make a run invalid or miss its rate; it may never make it lose a message.
fn assert_accounted_for(result: &RunResult, groups: u32) {
    assert!(result.verdict.clean && result.verdict.complete, "{:?}", result.verdict);
    assert_eq!((result.totals.due, result.totals.acked), (2_000, 2_000));
    assert_eq!(result.totals.groups.len(), groups as usize);
    for group in &result.totals.groups {
        assert_eq!(group.consumed, 2_000, "{group:?}");
    }
    assert_eq!(result.latencies.intended_to_ack.count, 2_000);
}

#[test]
fn a_round_robin_run_is_even_over_the_partitions_and_accounts_for_every_message() {
    let (output, result) = result_of("--json");
    assert_accounted_for(&result, 1);
    let counts: Vec<u64> = result.partitions.iter().map(|partition| partition.messages).collect();
    assert_eq!(counts, [800, 800, 800], "2,400 messages, warm-up included");
    let printed = RunResult::from_json(&String::from_utf8(output.stdout).expect("UTF-8")).expect("the result");
    assert_eq!(printed, result);
    let broker = result.resources.broker.expect("the broker's process is known");
    assert!(broker.rss_max_bytes > 0 && broker.ready_us.is_some_and(|ready_us| ready_us > 0));
}

#[test]
fn a_keyed_run_with_two_groups_of_two_members_accounts_for_every_message() {
    let (_, result) = result_of("--key 100 --groups 2 --consumers 2 --producers 2 --size uniform:20..400");
    assert_accounted_for(&result, 2);
}

#[test]
fn lines_of_a_file_travel_as_they_are_with_the_stamp_in_a_header() {
    let lines = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(lines.path(), "10.0.0.1 GET /a\n10.0.0.2 GET /b\n\n10.0.0.1 GET /c\n").expect("written");
    let options = format!("--payload-file {} --key payload:field=1 --compression zstd", lines.path().display());
    let (_, result) = result_of(&options);
    assert_accounted_for(&result, 1);
}

#[test]
fn no_linger_no_acks_and_the_clients_own_partitioner_work_too() {
    let (_, result) = result_of("--linger 0ms --key 10 --partitioner client");
    assert_accounted_for(&result, 1);
    let (_, result) = result_of("--acks 0");
    assert!(result.verdict.clean, "{:?}", result.verdict);
    assert_eq!(result.totals.groups[0].consumed, 2_000);
}

#[test]
fn a_missed_assertion_is_exit_code_4_and_names_the_figure() {
    let (output, result) = result_of("--assert ack.p50<1ns --assert lost==0");
    // 3 where the machine was too loaded for the generator to keep up.
    assert!(matches!(output.status.code(), Some(4 | 3)), "{output:?}");
    assert_eq!(result.assertions.iter().map(|assertion| assertion.held).collect::<Vec<_>>(), [Some(false), Some(true)]);
}

//! A disk that is full, played by a limit on the size of files: appends and new topics are refused with an error, reads
//! go on, and nothing that was acknowledged is lost.

mod process;
mod support;

use std::process::Command;

use process::BrokerProcess;
use support::{Batch, Client, append, create_topic_with, produce, read_all};

const KAFKA_STORAGE_ERROR: i16 = 56;

#[test]
fn a_full_disk_refuses_appends_and_serves_reads() {
    let dir = tempfile::tempdir().unwrap();
    // No file may grow past 64 KiB; the signal that says so is ignored, so that write(2) fails, as it does on a full disk.
    let script = r#"trap "" XFSZ; ulimit -f 128; exec "$0" --listen 127.0.0.1:0 --log-level off --data-dir "$1""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_broker")]).arg(dir.path());
    let broker = BrokerProcess::run(&mut shell);
    let mut client = Client::connect(broker.address());
    create_topic_with(&mut client, "news", 1, &[("retention.ms", "-1")]);
    let value = "x".repeat(10_000);
    let mut stored = 0;
    let refused = loop {
        let answer = produce(&mut client, "news", 0, Batch::of(&[&value]).encode());
        if answer.error_code != 0 {
            break answer.error_code;
        }
        stored += 1;
        assert!(stored < 100, "the limit does not hold");
    };
    assert_eq!(refused, KAFKA_STORAGE_ERROR);
    assert_eq!(read_all(&mut client, "news", 0).len(), stored);
    let small = append(&mut client, "news", 0, &["what fits is taken"]);
    assert_eq!(small, stored as i64, "the refused batch left no trace");
    broker.kill();

    let broker = BrokerProcess::start(dir.path());
    let mut client = Client::connect(broker.address());
    assert_eq!(read_all(&mut client, "news", 0).len(), stored + 1);
    assert_eq!(append(&mut client, "news", 0, &[&value]), stored as i64 + 1);
}

//! SIGTERM stops a broker cleanly, and the next one on the same directory has its topics, records and settings.

mod process;
mod support;

use process::{BrokerProcess, run_to_end};
use support::{Client, append, create_topic_with, read_all};

#[test]
fn topics_ids_records_and_offsets_survive_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let broker = BrokerProcess::start(dir.path());
    let mut client = Client::connect(broker.address());
    let id = create_topic_with(&mut client, "news", 3, &[("retention.ms", "-1")]);
    for partition in 0..3 {
        assert_eq!(append(&mut client, "news", partition, &["a", "b"]), 0);
    }
    drop(client);
    assert!(broker.terminate().success(), "a stop by SIGTERM is a success");
    assert_eq!(std::fs::metadata(dir.path().join("metadata.log")).unwrap().len(), 12, "the journal is in the snapshot");

    let broker = BrokerProcess::start(dir.path());
    let mut client = Client::connect(broker.address());
    for partition in 0..3 {
        let expected = [(0, "a".to_owned()), (1, "b".to_owned())];
        assert_eq!(read_all(&mut client, "news", partition), expected);
        assert_eq!(append(&mut client, "news", partition, &["c"]), 2);
    }
    let described = support::fetch_request(13, "news", id, 0, 0);
    let by_id = client.call(13, &described);
    assert_eq!(by_id.responses[0].partitions[0].error_code, 0, "the topic has kept its id");
}

#[test]
fn a_data_directory_serves_one_broker_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let broker = BrokerProcess::start(dir.path());
    let path = dir.path().to_str().unwrap();
    let second = run_to_end(&["--data-dir", path]);
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(said, format!("broker: the data directory {path} is in use by another broker\n"));
    assert!(second.stdout.is_empty());
    broker.kill();
    BrokerProcess::start(dir.path()).terminate();
}

#[test]
fn damaged_metadata_stops_the_start_with_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("metadata.log"), "not ours").unwrap();
    let ended = run_to_end(&["--data-dir", dir.path().to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("metadata.log was not written by this broker") && said.lines().count() == 1, "{said}");
}

#[test]
fn a_wrong_option_ends_with_the_code_for_usage() {
    for arguments in [&["--config", "num.partition=3"][..], &["--config", "num.partitions=0"], &["--no-such-option"]] {
        assert_eq!(run_to_end(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run_to_end(&["--ephemeral", "--config", &format!("listeners=PLAINTEXT://{address}")]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8(ended.stderr).unwrap().starts_with(&format!("broker: cannot listen on {address}: ")));
}

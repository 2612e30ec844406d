//! Partitions that another broker wrote are served after they were copied into a data directory, under their own topic
//! id; what deleted topics and Kafka's own moves left behind is not.

mod process;
mod support;

use std::path::Path;

use process::BrokerProcess;
use support::{Client, append, create_topic_with, fetch_request, read_all};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn segments_found_on_disk_are_taken_over() {
    let [theirs, ours] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let broker = BrokerProcess::start(theirs.path());
    let mut client = Client::connect(broker.address());
    let id = create_topic_with(&mut client, "news", 2, &[("retention.ms", "-1")]);
    append(&mut client, "news", 0, &["a", "b"]);
    append(&mut client, "news", 1, &["c"]);
    broker.terminate();

    for partition in ["news-0", "news-1"] {
        copy(&theirs.path().join(partition), &ours.path().join(partition));
    }
    for aside in ["gone-0.0123456789abcdef0123456789abcdef-delete", "moved-0.0123456789abcdef0123456789abcdef-future"] {
        copy(&theirs.path().join("news-0"), &ours.path().join(aside));
    }
    let broker = BrokerProcess::start(ours.path());
    let mut client = Client::connect(broker.address());
    assert_eq!(read_all(&mut client, "news", 0), [(0, "a".to_owned()), (1, "b".to_owned())]);
    assert_eq!(append(&mut client, "news", 1, &["d"]), 1);
    let by_id = client.call(13, &fetch_request(13, "news", id, 0, 0));
    assert_eq!(by_id.responses[0].partitions[0].error_code, 0, "under the id that they came with");
    let everything = kafka_protocol::messages::MetadataRequest::default().with_topics(None);
    let topics = client.call(12, &everything).topics;
    assert_eq!(
        topics.iter().filter_map(|topic| topic.name.as_ref()).map(|name| name.as_str()).collect::<Vec<_>>(),
        ["news"]
    );
    assert!(ours.path().join("moved-0.0123456789abcdef0123456789abcdef-future").exists(), "left alone");
}

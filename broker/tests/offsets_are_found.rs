//! ListOffsets and OffsetForLeaderEpoch: by place, by time, by epoch.

mod support;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest, OffsetForLeaderEpochRequest};
use support::{Batch, Client, TestBroker};

const TOPIC: &str = "timed";

/// Offsets 0 and 1 at times 100 and 101, 2 and 3 at 300 and 301, 4 at 200.
fn timed_topic(client: &mut Client) {
    support::create_topic(client, TOPIC, 1);
    for (time, values) in [(100, &["a", "b"][..]), (300, &["c", "d"]), (200, &["e"])] {
        assert_eq!(support::produce(client, TOPIC, 0, Batch::of(values).at(time).encode()).error_code, 0);
    }
}

#[test]
fn places_are_found() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    timed_topic(&mut client);
    let mut place = |place: i64| {
        let found = support::list_offset(&mut client, TOPIC, 0, place);
        (found.error_code, found.offset, found.timestamp, found.leader_epoch)
    };
    assert_eq!(place(-1), (0, 5, -1, 0), "latest");
    assert_eq!(place(-2), (0, 0, -1, 0), "earliest");
    assert_eq!(place(-3), (0, 3, 301, 0), "the largest timestamp");
}

#[test]
fn the_first_record_at_or_after_a_time_is_found() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    timed_topic(&mut client);
    for (time, offset, timestamp) in [(0, 0, 100), (100, 0, 100), (101, 1, 101), (102, 2, 300), (301, 3, 301)] {
        let found = support::list_offset(&mut client, TOPIC, 0, time);
        assert_eq!((found.offset, found.timestamp), (offset, timestamp), "at {time}");
    }
    let none = support::list_offset(&mut client, TOPIC, 0, 302);
    assert_eq!((none.error_code, none.offset, none.timestamp), (0, -1, -1));
}

#[test]
fn an_empty_partition_has_places_and_no_times() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    for (asked, offset, epoch) in [(-1, 0, 0), (-2, 0, 0), (-3, -1, -1), (5, -1, -1)] {
        let found = support::list_offset(&mut client, TOPIC, 0, asked);
        assert_eq!((found.error_code, found.offset, found.leader_epoch), (0, offset, epoch), "{asked}");
    }
}

#[test]
fn a_place_is_refused_to_a_version_that_does_not_know_it() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    timed_topic(&mut client);
    let unsupported = 35;
    let cases = [
        (1, -3, unsupported),
        (7, -4, unsupported),
        (8, -4, 0),
        (8, -5, unsupported),
        (9, -5, 0),
        (10, -6, unsupported),
    ];
    for (version, asked, expected) in cases {
        let partition = ListOffsetsPartition::default().with_timestamp(asked).with_current_leader_epoch(-1);
        let topic = ListOffsetsTopic::default().with_name(support::topic_name(TOPIC)).with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        let response = client.call(version, &request);
        assert_eq!(response.topics[0].partitions[0].error_code, expected, "{asked} in version {version}");
    }
}

#[test]
fn epochs_end_where_the_log_ends() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    timed_topic(&mut client);
    let mut end = |name: &str, epoch: i32| {
        let partition = OffsetForLeaderPartition::default().with_leader_epoch(epoch).with_current_leader_epoch(-1);
        let topic =
            OffsetForLeaderTopic::default().with_topic(support::topic_name(name)).with_partitions(vec![partition]);
        let request = OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        let response = client.call(4, &request);
        let found = &response.topics[0].partitions[0];
        (found.error_code, found.leader_epoch, found.end_offset)
    };
    assert_eq!(end(TOPIC, 0), (0, 0, 5));
    assert_eq!(end(TOPIC, 7), (0, -1, -1), "an epoch that never was");
    assert_eq!(end("nowhere", 0), (3, -1, -1));
}

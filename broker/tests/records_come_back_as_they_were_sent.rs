//! What is produced is fetched byte for byte, but for the offset and the leader epoch that the broker assigns, in whole
//! batches, and never past the limits but for the first batch.

mod support;

use bytes::{Bytes, BytesMut};
use support::{Batch, TestBroker};
use uuid::Uuid;

const TOPIC: &str = "bytes";
const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const UNKNOWN_LEADER_EPOCH: i16 = 75;
const UNKNOWN_TOPIC_ID: i16 = 100;

/// The batch as the log keeps it: base offset and leader epoch are the broker's, the CRC does not cover them.
fn assigned(batch: &Bytes, base_offset: i64, leader_epoch: i32) -> Bytes {
    let mut kept = BytesMut::from(&batch[..]);
    kept[0..8].copy_from_slice(&base_offset.to_be_bytes());
    kept[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
    kept.freeze()
}

#[test]
fn a_batch_is_fetched_as_it_was_sent() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    let first = Batch::of(&["one", "two"]).encode();
    let second = Batch::of(&["three"]).at(5).encode();
    assert_eq!(support::produce(&mut client, TOPIC, 0, first.clone()).base_offset, 0);
    assert_eq!(support::produce(&mut client, TOPIC, 0, second.clone()).base_offset, 2);

    let fetched = support::fetch(&mut client, TOPIC, 0, 0);
    let expected = [assigned(&first, 0, 0), assigned(&second, 2, 0)].concat();
    assert_eq!(fetched.records.as_deref(), Some(&expected[..]));
    assert_eq!((fetched.high_watermark, fetched.last_stable_offset, fetched.log_start_offset), (3, 3, 0));
}

#[test]
fn a_batch_that_the_broker_cannot_read_is_kept_as_it_is() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    // The records are said to be compressed by zstd and are not; nobody looks.
    let mut batch = BytesMut::from(&Batch::of(&["opaque"]).encode()[..]);
    batch[22] |= 4;
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    let batch = batch.freeze();
    assert_eq!(support::produce(&mut client, TOPIC, 0, batch.clone()).error_code, 0);
    assert_eq!(support::fetch(&mut client, TOPIC, 0, 0).records, Some(assigned(&batch, 0, 0)));
}

#[test]
fn an_offset_inside_a_batch_gets_the_whole_batch() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    support::append(&mut client, TOPIC, 0, &["a", "b", "c"]);
    let fetched = support::fetch(&mut client, TOPIC, 0, 2);
    let offsets: Vec<i64> = support::decode(fetched.records.unwrap_or_default()).iter().map(|it| it.offset).collect();
    assert_eq!(offsets, [0, 1, 2]);
}

#[test]
fn the_end_of_the_log_is_empty_and_past_it_is_out_of_range() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    support::append(&mut client, TOPIC, 0, &["a"]);
    let at_the_end = support::fetch(&mut client, TOPIC, 0, 1);
    assert_eq!((at_the_end.error_code, at_the_end.records), (0, Some(Bytes::new())));
    for offset in [2, -1, i64::MAX] {
        let beyond = support::fetch(&mut client, TOPIC, 0, offset);
        assert_eq!((beyond.error_code, beyond.high_watermark), (OFFSET_OUT_OF_RANGE, -1), "offset {offset}");
    }
}

#[test]
fn limits_hold_but_for_the_first_batch() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 2);
    let batch = Batch::of(&["x".repeat(1000).as_str()]).encode();
    for partition in [0, 0, 1, 1] {
        support::produce(&mut client, TOPIC, partition, batch.clone());
    }
    let mut request = support::fetch_request(12, TOPIC, Uuid::nil(), 0, 0);
    let mut other = request.topics[0].partitions[0].clone();
    other.partition = 1;
    request.topics[0].partitions.push(other);
    let mut sizes = |max_bytes: i32, partition_max_bytes: i32| -> Vec<usize> {
        request.max_bytes = max_bytes;
        for partition in &mut request.topics[0].partitions {
            partition.partition_max_bytes = partition_max_bytes;
        }
        let response = client.call(12, &request);
        let partitions = response.responses[0].partitions.iter();
        partitions.map(|partition| partition.records.as_ref().map_or(0, Bytes::len) / batch.len()).collect()
    };
    assert_eq!(sizes(1 << 20, 1 << 20), [2, 2]);
    assert_eq!(sizes(1, 1), [1, 0], "the first batch goes over both limits, the next does not");
    assert_eq!(sizes(1 << 20, batch.len() as i32), [1, 1]);
    assert_eq!(sizes(3 * batch.len() as i32, 1 << 20), [2, 1]);
}

#[test]
fn what_is_not_there_is_refused_for_its_partition_alone() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let id = support::create_topic(&mut client, TOPIC, 1);
    support::append(&mut client, TOPIC, 0, &["a"]);

    let by_name = client.call(12, &support::fetch_request(12, "nowhere", Uuid::nil(), 0, 0));
    assert_eq!(by_name.responses[0].partitions[0].error_code, UNKNOWN_TOPIC_OR_PARTITION);
    let unknown_id = client.call(13, &support::fetch_request(13, "", Uuid::from_u128(7), 0, 0));
    assert_eq!(unknown_id.responses[0].partitions[0].error_code, UNKNOWN_TOPIC_ID);

    let mut request = support::fetch_request(13, "", id, 0, 0);
    let mut beyond = request.topics[0].partitions[0].clone();
    beyond.partition = 1;
    request.topics[0].partitions.push(beyond);
    let response = client.call(13, &request);
    let [there, beyond] = &response.responses[0].partitions[..] else { panic!("two partitions") };
    assert_eq!((there.error_code, beyond.error_code), (0, UNKNOWN_TOPIC_OR_PARTITION));
    assert!(there.records.as_ref().is_some_and(|records| !records.is_empty()));
}

#[test]
fn a_leader_epoch_that_is_not_the_partitions_is_refused() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    for (epoch, expected) in [(-1, 0), (0, 0), (1, UNKNOWN_LEADER_EPOCH)] {
        let mut request = support::fetch_request(12, TOPIC, Uuid::nil(), 0, 0);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        let response = client.call(12, &request);
        assert_eq!(response.responses[0].partitions[0].error_code, expected, "epoch {epoch}");
    }
}

#[test]
fn sessions_are_declined() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    let mut request = support::fetch_request(12, TOPIC, Uuid::nil(), 0, 0);
    request.session_epoch = 0;
    let full = client.call(12, &request);
    assert_eq!((full.error_code, full.session_id), (0, 0));
    request.session_id = 5;
    request.session_epoch = 1;
    let incremental = client.call(12, &request);
    assert_eq!((incremental.error_code, incremental.session_id), (70, 0));
}

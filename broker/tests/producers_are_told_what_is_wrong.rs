//! Produce: duplicates are recognised, and what cannot be taken is refused with the error that clients know.

mod support;

use bytes::BytesMut;
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, TransactionalId};
use support::{Batch, Client, TestBroker};
use uuid::Uuid;

const TOPIC: &str = "judged";

mod error {
    pub const CORRUPT_MESSAGE: i16 = 2;
    pub const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    pub const MESSAGE_TOO_LARGE: i16 = 10;
    pub const INVALID_TOPIC: i16 = 17;
    pub const INVALID_REQUIRED_ACKS: i16 = 21;
    pub const INVALID_TIMESTAMP: i16 = 32;
    pub const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
    pub const INVALID_PRODUCER_EPOCH: i16 = 47;
    pub const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
    pub const INVALID_RECORD: i16 = 87;
    pub const UNKNOWN_TOPIC_ID: i16 = 100;
}

fn broker_with_topic(settings: &[(&str, &str)]) -> (TestBroker, Client) {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic_with(&mut client, TOPIC, 1, settings);
    (broker, client)
}

fn producer_id(client: &mut Client) -> i64 {
    let response = client.call(4, &InitProducerIdRequest::default().with_transactional_id(None));
    assert_eq!((response.error_code, response.producer_epoch), (0, 0));
    response.producer_id.0
}

#[test]
fn a_batch_sent_twice_is_appended_once() {
    let (_broker, mut client) = broker_with_topic(&[]);
    let id = producer_id(&mut client);
    let batch = |sequence| Batch::of(&["a", "b"]).by_producer(id, 0, sequence).encode();
    assert_eq!(support::produce(&mut client, TOPIC, 0, batch(0)).base_offset, 0);
    assert_eq!(support::produce(&mut client, TOPIC, 0, batch(2)).base_offset, 2);
    for (sequence, offset) in [(0, 0), (2, 2)] {
        let again = support::produce(&mut client, TOPIC, 0, batch(sequence));
        assert_eq!((again.error_code, again.base_offset), (0, offset), "the offset it got the first time");
    }
    assert_eq!(support::list_offset(&mut client, TOPIC, 0, -1).offset, 4);
}

#[test]
fn a_gap_in_the_sequence_and_an_old_epoch_are_refused() {
    let (_broker, mut client) = broker_with_topic(&[]);
    let id = producer_id(&mut client);
    let mut send = |epoch, sequence| {
        let batch = Batch::of(&["a"]).by_producer(id, epoch, sequence).encode();
        support::produce(&mut client, TOPIC, 0, batch).error_code
    };
    assert_eq!(send(0, 0), 0);
    assert_eq!(send(0, 2), error::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(send(1, 1), error::OUT_OF_ORDER_SEQUENCE_NUMBER, "a new epoch starts at 0");
    assert_eq!(send(1, 0), 0);
    assert_eq!(send(0, 1), error::INVALID_PRODUCER_EPOCH);
}

#[test]
fn producer_ids_are_never_given_twice() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let first: Vec<i64> = (0..3).map(|_| producer_id(&mut client)).collect();
    let broker = broker.restart();
    let mut client = broker.client();
    let after = producer_id(&mut client);
    assert!(first.windows(2).all(|pair| pair[0] < pair[1]), "{first:?}");
    assert!(first.iter().all(|id| *id < after), "{after} after {first:?}");
}

#[test]
fn a_damaged_batch_is_refused() {
    let (_broker, mut client) = broker_with_topic(&[]);
    let good = Batch::of(&["intact"]).encode();
    let mut flipped = BytesMut::from(&good[..]);
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let answer = support::produce(&mut client, TOPIC, 0, flipped.freeze());
    assert_eq!((answer.error_code, answer.base_offset), (error::CORRUPT_MESSAGE, -1));
    for length in [0, 1, 16, 60, good.len() - 1] {
        let code = support::produce(&mut client, TOPIC, 0, good.slice(..length)).error_code;
        assert!([error::CORRUPT_MESSAGE, error::INVALID_RECORD].contains(&code), "{length} bytes: {code}");
    }
    assert_eq!(support::append(&mut client, TOPIC, 0, &["next"]), 0, "nothing of it was kept");
}

#[test]
fn two_batches_for_one_partition_are_refused() {
    let (_broker, mut client) = broker_with_topic(&[]);
    let batch = Batch::of(&["one"]).encode();
    let twice = [&batch[..], &batch[..]].concat();
    assert_eq!(support::produce(&mut client, TOPIC, 0, twice.into()).error_code, error::INVALID_RECORD);
}

#[test]
fn a_batch_above_the_limit_of_its_topic_is_refused() {
    let (_broker, mut client) = broker_with_topic(&[("max.message.bytes", "1000")]);
    let answer = support::produce(&mut client, TOPIC, 0, Batch::of(&["x".repeat(1000).as_str()]).encode());
    assert_eq!(answer.error_code, error::MESSAGE_TOO_LARGE);
    assert!(answer.error_message.is_some_and(|message| message.contains("1000")));
    assert_eq!(support::append(&mut client, TOPIC, 0, &["small"]), 0);
}

#[test]
fn a_timestamp_out_of_bounds_is_refused() {
    let (_broker, mut client) = broker_with_topic(&[("message.timestamp.after.max.ms", "1000")]);
    let answer = support::produce(&mut client, TOPIC, 0, Batch::of(&["early"]).at(4_000_000_000_000).encode());
    assert_eq!(answer.error_code, error::INVALID_TIMESTAMP);
}

#[test]
fn the_broker_stamps_batches_where_the_topic_asks_for_it() {
    let (_broker, mut client) = broker_with_topic(&[("message.timestamp.type", "LogAppendTime")]);
    let answer = support::produce(&mut client, TOPIC, 0, Batch::of(&["a"]).at(1).encode());
    assert!(answer.log_append_time_ms > 1_700_000_000_000, "{}", answer.log_append_time_ms);
    // Clients take the largest timestamp of such a batch for each of its records.
    let kept = support::fetch(&mut client, TOPIC, 0, 0).records.unwrap_or_default();
    assert_eq!(kept[22] & 0b1000, 0b1000, "timestamp type");
    assert_eq!(kept[35..43], answer.log_append_time_ms.to_be_bytes(), "largest timestamp");
    assert_eq!(support::decode(kept).len(), 1, "the CRC fits");
}

#[test]
fn each_partition_gets_its_own_error() {
    let (_broker, mut client) = broker_with_topic(&[]);
    let batch = Batch::of(&["a"]).encode();
    let mut request = support::produce_request(9, TOPIC, Uuid::nil(), 0, batch.clone());
    let mut beyond = request.topic_data[0].partition_data[0].clone();
    beyond.index = 9;
    request.topic_data[0].partition_data.push(beyond);
    request.topic_data.extend(support::produce_request(9, "nowhere", Uuid::nil(), 0, batch.clone()).topic_data);
    let response = client.call(9, &request);
    let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    let codes: Vec<i16> = partitions.map(|partition| partition.error_code).collect();
    assert_eq!(codes, [0, error::UNKNOWN_TOPIC_OR_PARTITION, error::UNKNOWN_TOPIC_OR_PARTITION]);

    let unknown_id = client.call(13, &support::produce_request(13, "", Uuid::from_u128(7), 0, batch));
    assert_eq!(unknown_id.responses[0].partition_responses[0].error_code, error::UNKNOWN_TOPIC_ID);
}

#[test]
fn acks_other_than_the_three_are_refused() {
    let (_broker, mut client) = broker_with_topic(&[]);
    for (acks, expected) in [(-2, error::INVALID_REQUIRED_ACKS), (2, error::INVALID_REQUIRED_ACKS), (1, 0), (-1, 0)] {
        let mut request = support::produce_request(9, TOPIC, Uuid::nil(), 0, Batch::of(&["a"]).encode());
        request.acks = acks;
        let response = client.call(9, &request);
        assert_eq!(response.responses[0].partition_responses[0].error_code, expected, "acks={acks}");
    }
    assert_eq!(support::list_offset(&mut client, TOPIC, 0, -1).offset, 2);
}

#[test]
fn without_acks_there_is_no_reply_and_an_error_closes_the_connection() {
    let (broker, mut client) = broker_with_topic(&[]);
    let mut request: ProduceRequest = support::produce_request(9, TOPIC, Uuid::nil(), 0, Batch::of(&["a"]).encode());
    request.acks = 0;
    client.send(9, &request);
    // The next reply on this connection belongs to the next request.
    assert_eq!(support::list_offset(&mut client, TOPIC, 0, -1).offset, 1);

    let mut other = broker.client();
    request.topic_data[0].partition_data[0].index = 99;
    other.send(9, &request);
    other.assert_closed();
}

#[test]
fn transactions_are_refused_for_good() {
    let (_broker, mut client) = broker_with_topic(&[]);
    let refused = error::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    let id = Some(TransactionalId(support::text("tx")));
    let init = client.call(4, &InitProducerIdRequest::default().with_transactional_id(id.clone()));
    assert_eq!((init.error_code, init.producer_id.0), (refused, -1));

    let batch = Batch::of(&["a"]).by_producer(1, 0, 0).transactional().encode();
    assert_eq!(support::produce(&mut client, TOPIC, 0, batch.clone()).error_code, refused);
    let request = support::produce_request(9, TOPIC, Uuid::nil(), 0, batch).with_transactional_id(id);
    assert_eq!(client.call(9, &request).responses[0].partition_responses[0].error_code, refused);
}

#[test]
fn internal_topics_take_no_records_from_clients() {
    use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
    use kafka_protocol::messages::{GroupId, OffsetCommitRequest};
    let (_broker, mut client) = broker_with_topic(&[]);
    // The first commit makes the topic.
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(1);
    let topic =
        OffsetCommitRequestTopic::default().with_name(support::topic_name(TOPIC)).with_partitions(vec![partition]);
    let commit = OffsetCommitRequest::default().with_group_id(GroupId(support::text("g"))).with_topics(vec![topic]);
    assert_eq!(client.call(8, &commit).topics[0].partitions[0].error_code, 0);
    let answer = support::produce(&mut client, "__consumer_offsets", 0, Batch::of(&["a"]).encode());
    assert_eq!(answer.error_code, error::INVALID_TOPIC);
}

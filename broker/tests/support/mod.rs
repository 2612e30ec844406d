//! What scenario tests share: a broker on a free port, a client that speaks any API and version, batches, and the few
//! requests that most scenarios need.

#![allow(dead_code, unused_imports, reason = "each scenario is a crate of its own and uses a part of this")]

mod batch;
mod broker;
mod client;

pub use batch::{Batch, decode, offsets_and_values};
pub use broker::TestBroker;
pub use client::{Client, frame};

use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, FetchRequest, ListOffsetsRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

pub fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

pub fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

pub fn create_topic(client: &mut Client, name: &str, partitions: i32) -> Uuid {
    create_topic_with(client, name, partitions, &[])
}

pub fn create_topic_with(client: &mut Client, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Uuid {
    let configs = settings
        .iter()
        .map(|(name, value)| CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value))))
        .collect();
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs);
    let response = client.call(7, &CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000));
    let created = &response.topics[0];
    assert_eq!(created.error_code, 0, "creating {name}: {:?}", created.error_message);
    created.topic_id
}

/// A produce request with acks=all; the topic is named as `version` names it.
pub fn produce_request(version: i16, topic: &str, topic_id: Uuid, partition: i32, records: Bytes) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let topic_data = match version {
        ..13 => TopicProduceData::default().with_name(topic_name(topic)),
        13.. => TopicProduceData::default().with_topic_id(topic_id),
    };
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic_data.with_partition_data(vec![partition])])
}

/// Produces with version 9 and answers with what became of the partition.
pub fn produce(client: &mut Client, topic: &str, partition: i32, records: Bytes) -> PartitionProduceResponse {
    let request = produce_request(9, topic, Uuid::nil(), partition, records);
    let response = client.call(9, &request);
    response.responses[0].partition_responses[0].clone()
}

/// Produces and returns the base offset; the broker must take it.
pub fn append(client: &mut Client, topic: &str, partition: i32, values: &[&str]) -> i64 {
    let answer = produce(client, topic, partition, Batch::of(values).encode());
    assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
    answer.base_offset
}

/// A fetch of one partition that does not wait; no session.
pub fn fetch_request(version: i16, topic: &str, topic_id: Uuid, partition: i32, offset: i64) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(partition)
        .with_current_leader_epoch(-1)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let topic = match version {
        ..13 => FetchTopic::default().with_topic(topic_name(topic)),
        13.. => FetchTopic::default().with_topic_id(topic_id),
    };
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(0)
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic.with_partitions(vec![partition])])
}

/// Fetches with version 12, without waiting.
pub fn fetch(client: &mut Client, topic: &str, partition: i32, offset: i64) -> PartitionData {
    let response = client.call(12, &fetch_request(12, topic, Uuid::nil(), partition, offset));
    assert_eq!(response.error_code, 0);
    response.responses[0].partitions[0].clone()
}

/// Every (offset, value) of a partition, read to the high watermark.
pub fn read_all(client: &mut Client, topic: &str, partition: i32) -> Vec<(i64, String)> {
    let mut read: Vec<(i64, String)> = Vec::new();
    let mut offset = list_offset(client, topic, partition, -2).offset;
    loop {
        let answer = fetch(client, topic, partition, offset);
        assert_eq!(answer.error_code, 0);
        read.extend(offsets_and_values(answer.records.unwrap_or_default()));
        let next = read.last().map_or(offset, |(last, _)| last + 1);
        if next >= answer.high_watermark {
            return read;
        }
        assert!(next > offset, "no progress past {offset} below {}", answer.high_watermark);
        offset = next;
    }
}

/// ListOffsets version 7 for one timestamp (−1 latest, −2 earliest, −3 the largest timestamp's).
pub fn list_offset(client: &mut Client, topic: &str, partition: i32, timestamp: i64) -> ListOffsetsPartitionResponse {
    let partition = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_current_leader_epoch(-1)
        .with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
    let response =
        client.call(7, &ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]));
    response.topics[0].partitions[0].clone()
}

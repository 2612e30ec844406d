//! OffsetDelete, version 0 (KIP-496): an administrator forgets what a group committed for topics that it does not consume.
//!
//! Deviations from Kafka: a partition that is named twice is answered once.

use kafka_protocol::messages::offset_delete_request::OffsetDeleteRequestTopic;
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse, TopicName};

use super::Api;
use super::errors::{AsKafkaError, KafkaError, error_code};
use super::repeated::Partitions;
use crate::coordinator::{DeletedTopic, FetchTopic};

/// Deletes what can be deleted; an error of the group is the only answer.
pub(super) fn handle(api: &Api, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let mut seen = Partitions::default();
    let (mut known, mut topics) = (Vec::new(), Vec::new());
    for topic in request.topics {
        let (there, missing) = split(api, &topic, &mut seen);
        if !there.is_empty() {
            known.push(FetchTopic { name: topic.name.to_string(), partitions: there });
        }
        let unknown = KafkaError::UnknownTopicOrPartition.code();
        topics.extend(response_topic(topic.name, missing.into_iter().map(|index| (index, unknown))));
    }
    match api.groups.delete_offsets(&request.group_id, &known) {
        Ok(deleted) => {
            topics.extend(deleted.into_iter().filter_map(|DeletedTopic { name, partitions }| {
                let codes = partitions.into_iter().map(|(index, result)| (index, error_code(&result)));
                response_topic(TopicName(name.into()), codes)
            }));
            OffsetDeleteResponse::default().with_topics(topics)
        }
        Err(error) => OffsetDeleteResponse::default().with_error_code(error.error_code()),
    }
}

/// The partitions that exist, and those that do not.
fn split(api: &Api, asked: &OffsetDeleteRequestTopic, seen: &mut Partitions) -> (Vec<i32>, Vec<i32>) {
    let mut indexes = asked.partitions.iter().map(|partition| partition.partition_index).collect();
    seen.retain_new(&asked.name, &mut indexes);
    let topic = api.topics.by_name(&asked.name);
    indexes.into_iter().partition(|index| topic.as_ref().is_some_and(|topic| topic.partition(*index).is_some()))
}

fn response_topic(name: TopicName, codes: impl Iterator<Item = (i32, i16)>) -> Option<OffsetDeleteResponseTopic> {
    let partitions: Vec<_> = codes
        .map(|(index, code)| OffsetDeleteResponsePartition::default().with_partition_index(index).with_error_code(code))
        .collect();
    (!partitions.is_empty()).then(|| OffsetDeleteResponseTopic::default().with_name(name).with_partitions(partitions))
}

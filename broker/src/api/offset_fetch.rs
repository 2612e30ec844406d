//! OffsetFetch, versions 1 to 9: one group below version 8, several from there on. Null topics (version 2 on) mean all
//! that the group has committed.
//!
//! Deviations from Kafka: `require_stable` changes nothing, since no offset is ever part of a pending transaction. A
//! partition that is asked for twice is answered once, and a group that is asked for twice is refused (INVALID_REQUEST).

use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{GroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName};

use super::Api;
use super::errors::{AsKafkaError, KafkaError};
use super::repeated::{Occurrence, Partitions, Repeated};
use crate::coordinator::{FetchTopic, FetchedOffset, FetchedTopic};

/// Answers in the form of the version.
pub(super) fn handle(api: &Api, version: i16, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if version >= 8 {
        return OffsetFetchResponse::default().with_groups(several(api, request.groups));
    }
    let mut seen = Partitions::default();
    let topic = |topic: OffsetFetchRequestTopic| asked_topic(topic.name, topic.partition_indexes, &mut seen);
    let asked = request.topics.map(|topics| topics.into_iter().map(topic).collect::<Vec<_>>());
    match api.groups.fetch_offsets(&request.group_id, asked.as_deref()) {
        Ok(topics) => OffsetFetchResponse::default().with_topics(topics.into_iter().map(topic_response).collect()),
        // Version 1 has no place for an error of the group.
        Err(error) if version == 1 => {
            let topics = asked.unwrap_or_default().into_iter().map(|topic| refused_topic(topic, error.error_code()));
            OffsetFetchResponse::default().with_topics(topics.collect())
        }
        Err(error) => OffsetFetchResponse::default().with_error_code(error.error_code()),
    }
}

fn asked_topic(name: TopicName, mut partitions: Vec<i32>, seen: &mut Partitions) -> FetchTopic {
    seen.retain_new(&name, &mut partitions);
    FetchTopic { name: name.to_string(), partitions }
}

fn topic_response(topic: FetchedTopic) -> OffsetFetchResponseTopic {
    let partition = |offset: FetchedOffset| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(offset.partition)
            .with_committed_offset(offset.offset)
            .with_committed_leader_epoch(offset.leader_epoch)
            .with_metadata(Some(offset.metadata.into()))
    };
    OffsetFetchResponseTopic::default()
        .with_name(TopicName(topic.name.into()))
        .with_partitions(topic.partitions.into_iter().map(partition).collect())
}

fn refused_topic(topic: FetchTopic, error_code: i16) -> OffsetFetchResponseTopic {
    let partition = |index: i32| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(index)
            .with_committed_offset(-1)
            .with_metadata(Some("".into()))
            .with_error_code(error_code)
    };
    OffsetFetchResponseTopic::default()
        .with_name(TopicName(topic.name.into()))
        .with_partitions(topic.partitions.into_iter().map(partition).collect())
}

fn several(api: &Api, groups: Vec<OffsetFetchRequestGroup>) -> Vec<OffsetFetchResponseGroup> {
    let ids: Vec<GroupId> = groups.iter().map(|group| group.group_id.clone()).collect();
    let mut repeated = Repeated::among(ids.iter());
    let answer = |group: OffsetFetchRequestGroup| match repeated.meet(&group.group_id) {
        Occurrence::Only => Some(one_of_several(api, group)),
        Occurrence::FirstOfSeveral => Some(
            OffsetFetchResponseGroup::default()
                .with_group_id(group.group_id)
                .with_error_code(KafkaError::InvalidRequest.code()),
        ),
        Occurrence::Again => None,
    };
    groups.into_iter().filter_map(answer).collect()
}

fn one_of_several(api: &Api, group: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    let mut seen = Partitions::default();
    let topic = |topic: OffsetFetchRequestTopics| asked_topic(topic.name, topic.partition_indexes, &mut seen);
    let asked = group.topics.map(|topics| topics.into_iter().map(topic).collect::<Vec<_>>());
    let response = match api.groups.fetch_offsets(&group.group_id, asked.as_deref()) {
        Ok(topics) => {
            OffsetFetchResponseGroup::default().with_topics(topics.into_iter().map(topic_of_several).collect())
        }
        Err(error) => OffsetFetchResponseGroup::default().with_error_code(error.error_code()),
    };
    response.with_group_id(group.group_id)
}

fn topic_of_several(topic: FetchedTopic) -> OffsetFetchResponseTopics {
    let partition = |offset: FetchedOffset| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(offset.partition)
            .with_committed_offset(offset.offset)
            .with_committed_leader_epoch(offset.leader_epoch)
            .with_metadata(Some(offset.metadata.into()))
    };
    OffsetFetchResponseTopics::default()
        .with_name(TopicName(topic.name.into()))
        .with_partitions(topic.partitions.into_iter().map(partition).collect())
}

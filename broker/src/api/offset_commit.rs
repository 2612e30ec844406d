//! OffsetCommit, versions 2 to 9.
//!
//! A topic or partition that does not exist is refused here, on its own; the coordinator gets the rest.
//!
//! Deviations from Kafka: none known.

use std::collections::HashMap;

use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use super::Api;
use super::errors::{AsKafkaError, KafkaError, error_code};
use super::group_text::owned;
use crate::coordinator::{CommitOffset, CommitRequest, CommitTopic, GroupError};

/// Commits what can be committed; the response has the order of the request.
pub(super) async fn handle(api: &Api, version: i16, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let topics: Vec<CommitTopic> = request.topics.iter().filter_map(|topic| existing(api, topic)).collect();
    let commit = CommitRequest {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        group_instance_id: owned(request.group_instance_id),
        generation_id: request.generation_id_or_member_epoch,
        retention_time_ms: (request.retention_time_ms >= 0).then_some(request.retention_time_ms),
        topics,
    };
    let outcome = if commit.topics.is_empty() {
        Ok(HashMap::new())
    } else {
        api.groups.commit_offsets(commit).await.map(|topics| {
            let codes = |(index, result): (i32, Result<(), GroupError>)| (index, error_code(&result));
            topics.into_iter().map(|topic| (topic.name, topic.partitions.into_iter().map(codes).collect())).collect()
        })
    }
    .map_err(|error| commit_error_code(version, &error));
    let topics = request.topics.into_iter().map(|topic| topic_response(topic, &outcome));
    OffsetCommitResponse::default().with_topics(topics.collect())
}

/// What the coordinator is to commit of a topic: partitions that exist.
fn existing(api: &Api, topic: &OffsetCommitRequestTopic) -> Option<CommitTopic> {
    let known = api.topics.by_name(&topic.name)?;
    let offset = |asked: &OffsetCommitRequestPartition| CommitOffset {
        partition: asked.partition_index,
        offset: asked.committed_offset,
        leader_epoch: asked.committed_leader_epoch,
        metadata: asked.committed_metadata.as_deref().unwrap_or_default().to_owned(),
    };
    let there = |asked: &&OffsetCommitRequestPartition| known.partition(asked.partition_index).is_some();
    let partitions: Vec<CommitOffset> = topic.partitions.iter().filter(there).map(offset).collect();
    (!partitions.is_empty()).then(|| CommitTopic { name: topic.name.to_string(), partitions })
}

type Outcome = Result<HashMap<String, HashMap<i32, i16>>, i16>;

fn topic_response(topic: OffsetCommitRequestTopic, outcome: &Outcome) -> OffsetCommitResponseTopic {
    let committed = match outcome {
        Ok(topics) => topics.get(topic.name.as_str()),
        Err(_) => None,
    };
    let code = |index: i32| match (outcome, committed) {
        (Err(refused), _) => *refused,
        (Ok(_), Some(partitions)) => {
            partitions.get(&index).copied().unwrap_or(KafkaError::UnknownTopicOrPartition.code())
        }
        (Ok(_), None) => KafkaError::UnknownTopicOrPartition.code(),
    };
    let partitions = topic.partitions.iter().map(|asked| {
        let index = asked.partition_index;
        OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code(index))
    });
    OffsetCommitResponseTopic::default().with_partitions(partitions.collect()).with_name(topic.name)
}

/// GROUP_ID_NOT_FOUND is known to clients from version 9 on.
fn commit_error_code(version: i16, error: &GroupError) -> i16 {
    match error {
        GroupError::GroupIdNotFound if version < 9 => KafkaError::IllegalGeneration.code(),
        _ => error.error_code(),
    }
}

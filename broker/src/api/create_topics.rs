//! CreateTopics, versions 2 to 7: settings echoed from version 5 on, topic ids from version 7 on.
//!
//! Deviations from Kafka: there is no controller to forward to, and each topic is committed on its own, so `timeout_ms`
//! has nothing to wait for. A `validate_only` request is answered without a topic id.

use std::sync::Arc;

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};

use super::errors::{ErrorWithMessage, KafkaError};
use super::repeated::Repeated;
use super::{Api, setting_codes};
use crate::metadata::{Command, NewTopic, TopicMetadata};

/// Creates each topic on its own; a name that is there twice is refused.
pub(super) async fn handle(api: &Api, version: i16, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let repeated = Repeated::among(request.topics.iter().map(|topic| &topic.name));
    let mut results: Vec<CreatableTopicResult> = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let name = topic.name.clone();
        if repeated.contains(&name) {
            // One answer, however often it was asked for.
            if results.iter().all(|result| result.name != name) {
                results.push(
                    refused(ErrorWithMessage::new(KafkaError::InvalidRequest, "Duplicate topic name.")).with_name(name),
                );
            }
            continue;
        }
        let created = create(api, topic, request.validate_only).await;
        let result = match created {
            Ok(topic) => accepted(api, version, &topic, request.validate_only),
            Err(error) => refused(error),
        };
        results.push(result.with_name(name));
    }
    CreateTopicsResponse::default().with_topics(results)
}

async fn create(api: &Api, topic: CreatableTopic, validate_only: bool) -> Result<Arc<TopicMetadata>, ErrorWithMessage> {
    let assignments = topic.assignments.into_iter();
    let settings = topic.configs.into_iter();
    let command = Command::CreateTopic(NewTopic {
        name: topic.name.to_string(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments
            .map(|one| (one.partition_index, one.broker_ids.into_iter().map(i32::from).collect()))
            .collect(),
        settings: settings.map(|one| (one.name.to_string(), one.value.map(|value| value.to_string()))).collect(),
    });
    let committed =
        if validate_only { api.metadata.validate(&command)? } else { api.metadata.propose(command).await? };
    committed.topic().cloned().ok_or_else(|| KafkaError::UnknownServerError.into())
}

fn accepted(api: &Api, version: i16, topic: &TopicMetadata, validate_only: bool) -> CreatableTopicResult {
    let result = CreatableTopicResult::default()
        .with_topic_id(if validate_only { uuid::Uuid::nil() } else { topic.id })
        .with_num_partitions(topic.partitions)
        .with_replication_factor(1);
    if version < 5 {
        return result.with_configs(None);
    }
    let settings = api.metadata.describe_topic(topic).into_iter().map(|setting| {
        CreatableTopicConfigs::default()
            .with_name(setting.name.into())
            .with_value(setting.value.map(Into::into))
            .with_read_only(setting.read_only)
            .with_config_source(setting_codes::source(setting.source))
    });
    result.with_configs(Some(settings.collect()))
}

fn refused(error: ErrorWithMessage) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_error_code(error.code())
        .with_error_message(error.message())
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_configs(None)
}

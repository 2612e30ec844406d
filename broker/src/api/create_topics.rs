//! CreateTopics, versions 2 to 7: settings echoed from version 5 on, topic ids from version 7 on.
//!
//! Deviations from Kafka: there is no controller to forward to, so `timeout_ms` has nothing to wait for. A `validate_only`
//! request is answered without a topic id. Internal topics are created by who needs them, never by clients (INVALID_TOPIC_EXCEPTION): how many
//! partitions they have is settled when the broker starts.

use std::sync::Arc;

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, TopicName};

use super::errors::{ErrorWithMessage, KafkaError};
use super::repeated::{Occurrence, Repeated};
use super::{Api, setting_codes};
use crate::metadata::{Command, Committed, NewTopic, TopicMetadata, is_internal};

/// Creates the topics together, each of them or not; a name that is there twice is refused.
pub(super) async fn handle(api: &Api, version: i16, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut repeated = Repeated::among(request.topics.iter().map(|topic| &topic.name));
    let mut asked: Vec<(TopicName, Option<ErrorWithMessage>)> = Vec::with_capacity(request.topics.len());
    let mut commands = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        match repeated.meet(&topic.name) {
            Occurrence::Only if is_internal(&topic.name) => {
                let refused = ErrorWithMessage::new(KafkaError::InvalidTopicException, "This topic is internal.");
                asked.push((topic.name, Some(refused)));
            }
            Occurrence::Only => {
                asked.push((topic.name.clone(), None));
                commands.push(command(topic));
            }
            Occurrence::FirstOfSeveral => {
                let refused = ErrorWithMessage::new(KafkaError::InvalidRequest, "Duplicate topic name.");
                asked.push((topic.name, Some(refused)));
            }
            Occurrence::Again => {}
        }
    }
    let mut outcomes = create(api, commands, request.validate_only).await.into_iter();
    let results = asked.into_iter().map(|(name, refusal)| {
        let next = || outcomes.next().unwrap_or_else(|| Err(KafkaError::UnknownServerError.into()));
        let outcome = refusal.map_or_else(next, Err);
        let accepted = |topic: Arc<TopicMetadata>| accepted(api, version, &topic, request.validate_only);
        outcome.map_or_else(refused, accepted).with_name(name)
    });
    CreateTopicsResponse::default().with_topics(results.collect())
}

fn command(topic: CreatableTopic) -> Command {
    let assignments = topic.assignments.into_iter();
    let settings = topic.configs.into_iter();
    Command::CreateTopic(NewTopic {
        name: topic.name.to_string(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments
            .map(|one| (one.partition_index, one.broker_ids.into_iter().map(i32::from).collect()))
            .collect(),
        settings: settings.map(|one| (one.name.to_string(), one.value.map(|value| value.to_string()))).collect(),
    })
}

/// What became, or would become, of each command.
async fn create(
    api: &Api,
    commands: Vec<Command>,
    validate_only: bool,
) -> Vec<Result<Arc<TopicMetadata>, ErrorWithMessage>> {
    let created = |committed: Committed| committed.topic().cloned().ok_or(KafkaError::UnknownServerError.into());
    if validate_only {
        commands.iter().map(|command| created(api.metadata.validate(command)?)).collect()
    } else {
        api.metadata.propose_all(commands).await.into_iter().map(|committed| created(committed?)).collect()
    }
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

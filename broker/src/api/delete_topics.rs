//! DeleteTopics, versions 1 to 6: by name, and from version 6 on by name or by id.
//!
//! Deviations from Kafka: internal topics are not deleted (INVALID_TOPIC_EXCEPTION), since the coordinator's state is in
//! them. Each topic is committed on its own, so `timeout_ms` has nothing to wait for.

use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName};

use super::Api;
use super::errors::{ErrorWithMessage, KafkaError};
use super::repeated::{Occurrence, Repeated};
use crate::metadata::Command;

/// Deletes each topic on its own; what is there twice is refused.
pub(super) async fn handle(api: &Api, version: i16, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let named = |name: TopicName| DeleteTopicState::default().with_name(Some(name));
    let asked: Vec<DeleteTopicState> = match version {
        ..6 => request.topic_names.into_iter().map(named).collect(),
        6.. => request.topics,
    };
    let keys: Vec<_> = asked.iter().map(|topic| (topic.name.clone(), topic.topic_id)).collect();
    let mut repeated = Repeated::among(keys.iter());
    let mut results: Vec<DeletableTopicResult> = Vec::with_capacity(asked.len());
    for (topic, key) in asked.into_iter().zip(&keys) {
        let refused = |error: ErrorWithMessage| {
            DeletableTopicResult::default()
                .with_name(topic.name.clone())
                .with_topic_id(topic.topic_id)
                .with_error_code(error.code())
                .with_error_message(error.message())
        };
        results.push(match repeated.meet(key) {
            Occurrence::Only => delete(api, version, &topic).await.unwrap_or_else(refused),
            Occurrence::FirstOfSeveral => {
                refused(ErrorWithMessage::new(KafkaError::InvalidRequest, "Duplicate topic name or id."))
            }
            Occurrence::Again => continue,
        });
    }
    DeleteTopicsResponse::default().with_responses(results)
}

async fn delete(api: &Api, version: i16, asked: &DeleteTopicState) -> Result<DeletableTopicResult, ErrorWithMessage> {
    if !api.settings.delete_topics {
        let error = if version < 3 { KafkaError::InvalidRequest } else { KafkaError::TopicDeletionDisabled };
        return Err(ErrorWithMessage::new(error, "delete.topic.enable is false"));
    }
    let image = api.metadata.image();
    let topic = match (&asked.name, asked.topic_id.is_nil()) {
        (Some(name), true) => image
            .topic(name)
            .ok_or_else(|| ErrorWithMessage::new(KafkaError::UnknownTopicOrPartition, "There is no such topic."))?,
        (None, false) => image
            .topic_by_id(asked.topic_id)
            .ok_or_else(|| ErrorWithMessage::new(KafkaError::UnknownTopicId, "There is no topic with this id."))?,
        (Some(_), false) => {
            return Err(ErrorWithMessage::new(
                KafkaError::InvalidRequest,
                "You may not specify both topic name and topic id.",
            ));
        }
        (None, true) => {
            return Err(ErrorWithMessage::new(KafkaError::InvalidRequest, "Neither topic name nor id were specified."));
        }
    };
    if topic.internal {
        return Err(ErrorWithMessage::new(KafkaError::InvalidTopicException, "Internal topics cannot be deleted."));
    }
    api.metadata.propose(Command::DeleteTopic { id: topic.id }).await?;
    Ok(DeletableTopicResult::default()
        .with_name(Some(TopicName(topic.name.to_string().into())))
        .with_topic_id(topic.id)
        .with_error_message(None))
}

//! CreatePartitions, versions 0 to 3.
//!
//! Deviations from Kafka: each topic is committed on its own, so `timeout_ms` has nothing to wait for. Internal topics do
//! not grow (INVALID_TOPIC_EXCEPTION): groups are spread over the partitions that there were when the broker started.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};

use super::Api;
use super::errors::{ErrorWithMessage, KafkaError};
use super::repeated::{Occurrence, Repeated};
use crate::metadata::{Command, is_internal};

/// Grows each topic on its own; a name that is there twice is refused.
pub(super) async fn handle(api: &Api, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let mut repeated = Repeated::among(request.topics.iter().map(|topic| &topic.name));
    let mut results: Vec<CreatePartitionsTopicResult> = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let name = topic.name.clone();
        let grown = match repeated.meet(&name) {
            Occurrence::Only => grow(api, topic, request.validate_only).await,
            Occurrence::FirstOfSeveral => {
                Err(ErrorWithMessage::new(KafkaError::InvalidRequest, "Duplicate topic name."))
            }
            Occurrence::Again => continue,
        };
        let result = CreatePartitionsTopicResult::default().with_name(name);
        results.push(match grown {
            Ok(()) => result.with_error_message(None),
            Err(error) => result.with_error_code(error.code()).with_error_message(error.message()),
        });
    }
    CreatePartitionsResponse::default().with_results(results)
}

async fn grow(api: &Api, topic: CreatePartitionsTopic, validate_only: bool) -> Result<(), ErrorWithMessage> {
    if is_internal(&topic.name) {
        return Err(ErrorWithMessage::new(KafkaError::InvalidTopicException, "This topic is internal."));
    }
    let assignments = topic.assignments.map(|assignments| {
        assignments.into_iter().map(|one| one.broker_ids.into_iter().map(i32::from).collect()).collect()
    });
    let command = Command::GrowPartitions { name: topic.name.to_string(), total: topic.count, assignments };
    if validate_only {
        api.metadata.validate(&command)?;
    } else {
        api.metadata.propose(command).await?;
    }
    Ok(())
}

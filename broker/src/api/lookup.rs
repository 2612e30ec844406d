//! Topics and partitions as a request names them, and the error for one that is not there.

use std::sync::Arc;

use uuid::Uuid;

use super::errors::KafkaError;
use crate::topic::{Partition, Topic, Topics};

/// How a version of an API names topics.
#[derive(Debug, Clone, Copy)]
pub(super) enum TopicKey<'a> {
    /// Produce and Fetch up to version 12, and all other APIs of partitions.
    Name(&'a str),
    /// Produce and Fetch from version 13 on (KIP-516).
    Id(Uuid),
}

/// The topic, or the error that each of its partitions gets.
pub(super) fn topic(topics: &Topics, key: TopicKey<'_>) -> Result<Arc<Topic>, KafkaError> {
    match key {
        TopicKey::Name(name) => topics.by_name(name).ok_or(KafkaError::UnknownTopicOrPartition),
        TopicKey::Id(id) => topics.by_id(id).ok_or(KafkaError::UnknownTopicId),
    }
}

/// The partition, or its error.
pub(super) fn partition(topic: &Result<Arc<Topic>, KafkaError>, index: i32) -> Result<&Arc<Partition>, KafkaError> {
    topic.as_ref().map_err(|error| *error)?.partition(index).ok_or(KafkaError::UnknownTopicOrPartition)
}

//! Metadata, versions 0 to 13.
//!
//! All topics are meant by no topics in version 0 and by null from version 1 on. Topics are asked for by id from version
//! 12 on; if one is, Kafka ignores those asked for by name, and so do we.
//!
//! Deviations from Kafka: a topic that is created on the way is there when the reply is written, so the reply shows it
//! instead of LEADER_NOT_AVAILABLE. Internal topics are created by who needs them, never here.

use std::collections::HashSet;
use std::sync::Arc;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use tracing::warn;
use uuid::Uuid;

use super::errors::{AsKafkaError, KafkaError};
use super::reply::Peer;
use super::{Api, authorized_operations};
use crate::metadata::{
    Command, Committed, NewTopic, ProposeError, Refusal, TopicMetadata, check_topic_name, is_internal,
};

/// Describes the cluster of one, and the topics asked for.
pub(super) async fn handle(api: &Api, version: i16, request: MetadataRequest, peer: &Peer) -> MetadataResponse {
    let operations =
        authorized_operations::when(request.include_topic_authorized_operations, authorized_operations::TOPIC);
    let describe = |topic: &Arc<TopicMetadata>| described(api, topic).with_topic_authorized_operations(operations);
    let create = api.settings.auto_create_topics && request.allow_auto_topic_creation;
    let topics = match request.topics {
        None => api.metadata.image().topics().map(describe).collect(),
        Some(none) if none.is_empty() && version == 0 => api.metadata.image().topics().map(describe).collect(),
        Some(asked) if version < 12 && asked.iter().any(|topic| topic.name.is_none() || !topic.topic_id.is_nil()) => {
            asked.into_iter().map(not_by_id_yet).collect()
        }
        Some(asked) if asked.iter().any(|topic| !topic.topic_id.is_nil()) => by_id(api, &asked, describe),
        Some(asked) => by_name(api, asked, create, describe).await,
    };
    let endpoint = api.settings.endpoint(peer);
    let broker =
        MetadataResponseBroker::default().with_node_id(api.node_id()).with_host(endpoint.host).with_port(endpoint.port);
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(api.cluster_id()))
        .with_controller_id(api.node_id())
        .with_topics(topics)
        .with_cluster_authorized_operations(authorized_operations::when(
            request.include_cluster_authorized_operations,
            authorized_operations::CLUSTER,
        ))
}

fn by_id(
    api: &Api,
    asked: &[MetadataRequestTopic],
    describe: impl Fn(&Arc<TopicMetadata>) -> MetadataResponseTopic,
) -> Vec<MetadataResponseTopic> {
    let image = api.metadata.image();
    let mut seen = HashSet::new();
    let ids = asked.iter().map(|topic| topic.topic_id).filter(|id| !id.is_nil() && seen.insert(*id));
    ids.map(|id| match image.topic_by_id(id) {
        Some(topic) => describe(topic),
        None => missing(KafkaError::UnknownTopicId, None, id),
    })
    .collect()
}

async fn by_name(
    api: &Api,
    asked: Vec<MetadataRequestTopic>,
    create: bool,
    describe: impl Fn(&Arc<TopicMetadata>) -> MetadataResponseTopic,
) -> Vec<MetadataResponseTopic> {
    let mut seen = HashSet::new();
    let mut topics = Vec::with_capacity(asked.len());
    for name in asked.into_iter().filter_map(|topic| topic.name) {
        if !seen.insert(name.clone()) {
            continue;
        }
        let existing = api.metadata.image().topic(&name).cloned();
        let found = match existing {
            Some(topic) => Ok(topic),
            None => missing_or_created(api, &name, create).await,
        };
        topics.push(match found {
            Ok(topic) => describe(&topic),
            Err(error) => missing(error, Some(name), Uuid::nil()),
        });
    }
    topics
}

async fn missing_or_created(api: &Api, name: &TopicName, create: bool) -> Result<Arc<TopicMetadata>, KafkaError> {
    check_topic_name(name).map_err(|refusal| refusal.kafka_error())?;
    if !create || is_internal(name) {
        return Err(KafkaError::UnknownTopicOrPartition);
    }
    match api.metadata.propose(Command::CreateTopic(NewTopic::named(name.to_string()))).await {
        Ok(Committed::Topic(topic)) => Ok(topic),
        // Somebody else was faster.
        Err(ProposeError::Refused(Refusal::TopicExists { .. })) => {
            api.metadata.image().topic(name).cloned().ok_or(KafkaError::UnknownTopicOrPartition)
        }
        Ok(_) => Err(KafkaError::UnknownServerError),
        Err(error) => {
            warn!(topic = %name.0, %error, "topic not created on the way");
            Err(error.kafka_error())
        }
    }
}

fn described(api: &Api, topic: &TopicMetadata) -> MetadataResponseTopic {
    let registered = api.topics.by_id(topic.id);
    let partition = |index: i32| {
        let opened = registered.as_ref().and_then(|topic| topic.partition(index));
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(api.node_id())
            .with_leader_epoch(opened.map_or(-1, |partition| partition.leader_epoch()))
            .with_replica_nodes(vec![api.node_id()])
            .with_isr_nodes(vec![api.node_id()])
    };
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(topic.name.to_string().into())))
        .with_topic_id(topic.id)
        .with_is_internal(topic.internal)
        .with_partitions((0..topic.partitions).map(partition).collect())
}

fn missing(error: KafkaError, name: Option<TopicName>, id: Uuid) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_error_code(error.code())
        .with_is_internal(name.as_ref().is_some_and(|name| is_internal(name)))
        .with_name(name)
        .with_topic_id(id)
}

/// Versions 10 and 11 have the field, but brokers do not serve it; a null name is not allowed in their responses.
fn not_by_id_yet(topic: MetadataRequestTopic) -> MetadataResponseTopic {
    missing(KafkaError::InvalidRequest, Some(topic.name.unwrap_or_default()), topic.topic_id)
}

//! Produce, versions 3 to 13 (0 to 2 are advertised only): topics by name up to version 12, by id from there on.
//!
//! A record batch goes from the frame to the log as it is. With `acks=0` there is no reply; an error closes the
//! connection, since there is no other way to say it.
//!
//! Deviations from Kafka: with one replica `acks=1` and `acks=all` are the same, and `timeout_ms` has nothing to wait
//! for. Transactions are not served (TRANSACTIONAL_ID_AUTHORIZATION_FAILED). Several batches, or none, for one partition
//! are refused for that partition alone; Kafka refuses the request. The record count of a compressed batch is believed as
//! far as its bytes can become so many records: nothing is decompressed, where Kafka counts, and refuses a false count with
//! INVALID_RECORD. Only who sent such a batch, and who reads it, is concerned: offsets go by the header.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::errors::{ErrorWithMessage, KafkaError};
use super::lookup::{self, TopicKey};
use super::reply::{Outcome, Reply};
use super::{Api, HandleError};
use crate::background::pool::Unfinished;
use crate::log::Appended;
use crate::protocol::{Request, encode_response};
use crate::record::BatchHeader;
use crate::topic::{Partition, Topic};

/// Appends to each partition on its own.
pub(super) async fn handle(api: &Api, head: &Request) -> Result<Outcome, HandleError> {
    let request: ProduceRequest = head.decode()?;
    api.metrics.produce_requests.increment();
    let refused = refusal(&request);
    let now_ms = api.clock.now_ms();
    let mut failed = None;
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for topic in request.topic_data {
        responses.push(produce_to(api, head.version, topic, refused, now_ms, &mut failed).await?);
    }
    if request.acks == 0 {
        return Ok(match failed {
            None => Outcome::NoReply,
            Some(error) => Outcome::Close(Cow::Owned(format!("{error} in a Produce request with acks=0"))),
        });
    }
    let response = ProduceResponse::default().with_responses(responses);
    Ok(Outcome::Reply(Reply::from(encode_response(head, &response)?)))
}

/// What is wrong with the request as a whole.
fn refusal(request: &ProduceRequest) -> Option<KafkaError> {
    if request.transactional_id.is_some() {
        return Some(KafkaError::TransactionalIdAuthorizationFailed);
    }
    (!matches!(request.acks, -1..=1)).then_some(KafkaError::InvalidRequiredAcks)
}

async fn produce_to(
    api: &Api,
    version: i16,
    asked: TopicProduceData,
    refused: Option<KafkaError>,
    now_ms: i64,
    failed: &mut Option<KafkaError>,
) -> Result<TopicProduceResponse, Unfinished> {
    let key = if version < 13 { TopicKey::Name(&asked.name) } else { TopicKey::Id(asked.topic_id) };
    let topic = match refused {
        Some(error) => Err(error),
        None => lookup::topic(&api.topics, key),
    };
    let mut partitions = Vec::with_capacity(asked.partition_data.len());
    for data in asked.partition_data {
        let response = PartitionProduceResponse::default().with_index(data.index);
        partitions.push(match append(api, &topic, data, now_ms).await? {
            Ok(appended) => response
                .with_base_offset(appended.base_offset)
                .with_log_append_time_ms(appended.log_append_time_ms.unwrap_or(-1))
                .with_log_start_offset(appended.log_start_offset),
            Err(refused) => {
                api.metrics.errors.increment();
                failed.get_or_insert(refused.error());
                response.with_error_code(refused.code()).with_error_message(refused.message()).with_base_offset(-1)
            }
        });
    }
    Ok(TopicProduceResponse::default()
        .with_partition_responses(partitions)
        .with_name(asked.name)
        .with_topic_id(asked.topic_id))
}

async fn append(
    api: &Api,
    topic: &Result<Arc<Topic>, KafkaError>,
    data: PartitionProduceData,
    now_ms: i64,
) -> Result<Result<Appended, ErrorWithMessage>, Unfinished> {
    let (partition, records) = match admit(topic, data) {
        Ok(admitted) => admitted,
        Err(refused) => return Ok(Err(refused)),
    };
    let appended = match partition.append_may_wait() {
        false => partition.append(&records, now_ms),
        true => {
            let partition = partition.clone();
            api.disk_waits.run(move || partition.append(&records, now_ms)).await?
        }
    };
    if let Ok(Appended { duplicate: false, size_bytes, .. }) = appended {
        api.metrics.produce_batches.increment();
        api.metrics.produce_bytes.add(size_bytes as u64);
    }
    Ok(appended.map_err(|error| {
        api.storage_alarm.hear(partition, &error, now_ms);
        ErrorWithMessage::from(error)
    }))
}

/// The partition, and the records that may go there.
fn admit(
    topic: &Result<Arc<Topic>, KafkaError>,
    data: PartitionProduceData,
) -> Result<(&Arc<Partition>, Bytes), ErrorWithMessage> {
    let partition = lookup::partition(topic, data.index)?;
    if topic.as_ref().is_ok_and(|topic| topic.internal) {
        return Err(ErrorWithMessage::new(KafkaError::InvalidTopicException, "internal topics take no records"));
    }
    let records = data.records.unwrap_or_default();
    if BatchHeader::parse(&records).is_ok_and(|header| header.is_transactional()) {
        return Err(KafkaError::TransactionalIdAuthorizationFailed.into());
    }
    Ok((partition, records))
}

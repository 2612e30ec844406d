//! OffsetForLeaderEpoch, versions 2 to 4: where a leader epoch ends, for consumers that check whether their position was
//! truncated away (KIP-320).
//!
//! Deviations from Kafka: none known.

use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use super::Api;
use super::errors::{AsKafkaError, KafkaError};
use super::lookup::{self, TopicKey};
use crate::topic::{Partition, PartitionError};

/// An epoch and an offset that nobody has.
const UNDEFINED: (i32, i64) = (-1, -1);

/// Looks each partition up on its own.
pub(super) fn handle(api: &Api, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|asked| {
        let topic = lookup::topic(&api.topics, TopicKey::Name(&asked.topic));
        let partitions = asked.partitions.iter().map(|asked| {
            let end = lookup::partition(&topic, asked.partition)
                .and_then(|partition| epoch_end(partition, asked).map_err(|error| error.kafka_error()));
            end_offset(asked.partition, end)
        });
        OffsetForLeaderTopicResult::default().with_partitions(partitions.collect()).with_topic(asked.topic)
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

fn epoch_end(partition: &Partition, asked: &OffsetForLeaderPartition) -> Result<(i32, i64), PartitionError> {
    let log = partition.log()?;
    partition.check_leader_epoch(asked.current_leader_epoch)?;
    Ok(log.end_offset_for_epoch(asked.leader_epoch).unwrap_or(UNDEFINED))
}

fn end_offset(index: i32, end: Result<(i32, i64), KafkaError>) -> EpochEndOffset {
    let (error_code, (epoch, offset)) = match end {
        Ok(end) => (0, end),
        Err(error) => (error.code(), UNDEFINED),
    };
    EpochEndOffset::default()
        .with_error_code(error_code)
        .with_partition(index)
        .with_leader_epoch(epoch)
        .with_end_offset(offset)
}

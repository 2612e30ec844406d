//! ListOffsets, versions 1 to 10: the offset of a timestamp, or of one of the negative numbers that stand for a place.
//!
//! Deviations from Kafka: without tiered storage, nothing.

use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use super::Api;
use super::errors::{AsKafkaError, KafkaError};
use super::lookup::{self, TopicKey};
use crate::background::pool::Unfinished;
use crate::log::TimestampOffset;
use crate::topic::{Isolation, Partition, PartitionError, Topics};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

/// The answer when there is no such record, and the part of every answer that is not known.
const UNKNOWN: TimestampOffset = TimestampOffset { timestamp: -1, offset: -1, leader_epoch: -1 };

/// Looks each partition up on its own. A search by timestamp reads from disk, and decompresses.
pub(super) async fn handle(
    api: &Api,
    version: i16,
    request: ListOffsetsRequest,
) -> Result<ListOffsetsResponse, Unfinished> {
    let mut asked = request.topics.iter().flat_map(|topic| &topic.partitions);
    if asked.any(|asked| asked.timestamp == MAX_TIMESTAMP || asked.timestamp >= 0) {
        let topics = api.topics.clone();
        return api.disk_waits.run(move || look_up(&topics, version, request)).await;
    }
    Ok(look_up(&api.topics, version, request))
}

fn look_up(known: &Topics, version: i16, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let isolation = super::isolation(request.isolation_level);
    let topics = request.topics.into_iter().map(|asked| {
        let topic = lookup::topic(known, TopicKey::Name(&asked.name));
        let partitions = asked.partitions.iter().map(|asked| {
            let found = lookup::partition(&topic, asked.partition_index)
                .and_then(|partition| place(partition, version, asked, isolation));
            partition_response(version, asked.partition_index, found)
        });
        ListOffsetsTopicResponse::default().with_partitions(partitions.collect()).with_name(asked.name)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn place(
    partition: &Partition,
    version: i16,
    asked: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<TimestampOffset, KafkaError> {
    let since = match asked.timestamp {
        MAX_TIMESTAMP => 7,
        EARLIEST_LOCAL => 8,
        LATEST_TIERED => 9,
        LATEST | EARLIEST | 0.. => 1,
        _ => return Err(KafkaError::UnsupportedVersion),
    };
    if version < since {
        return Err(KafkaError::UnsupportedVersion);
    }
    offset_at(partition, asked, isolation).map_err(|error| error.kafka_error())
}

fn offset_at(
    partition: &Partition,
    asked: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<TimestampOffset, PartitionError> {
    let log = partition.log()?;
    partition.check_leader_epoch(asked.current_leader_epoch)?;
    let below = match isolation {
        Isolation::ReadUncommitted => partition.high_watermark(),
        Isolation::ReadCommitted => partition.last_stable_offset(),
    };
    Ok(match asked.timestamp {
        LATEST => TimestampOffset { offset: below, leader_epoch: partition.leader_epoch(), ..UNKNOWN },
        EARLIEST | EARLIEST_LOCAL => {
            let offset = log.log_start_offset();
            // What is appended first to an empty log is of the epoch that there is now.
            let upcoming =
                || if offset == log.log_end_offset() { partition.leader_epoch() } else { UNKNOWN.leader_epoch };
            TimestampOffset { offset, leader_epoch: log.epoch_of(offset).unwrap_or_else(upcoming), ..UNKNOWN }
        }
        MAX_TIMESTAMP => log.max_timestamp()?.unwrap_or(UNKNOWN),
        LATEST_TIERED => UNKNOWN,
        timestamp => log.offset_for_timestamp(timestamp, below)?.unwrap_or(UNKNOWN),
    })
}

fn partition_response(
    version: i16,
    index: i32,
    found: Result<TimestampOffset, KafkaError>,
) -> ListOffsetsPartitionResponse {
    let (error_code, found) = match found {
        Ok(found) => (0, found),
        Err(error) => (error.code(), UNKNOWN),
    };
    ListOffsetsPartitionResponse::default()
        .with_partition_index(index)
        .with_error_code(error_code)
        .with_timestamp(found.timestamp)
        .with_offset(found.offset)
        .with_leader_epoch(if version < 4 { -1 } else { found.leader_epoch })
}

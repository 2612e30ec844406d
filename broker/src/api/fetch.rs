//! Fetch, versions 4 to 18: topics by name up to version 12, by id from there on.
//!
//! A fetch that finds less than `min_bytes` waits with each of its partitions until enough was appended, `max_wait_ms`
//! passed, or a partition is gone, and plans again. The plan is made of regions of segment files, which are sent from the
//! page cache: the response is encoded with a hole for the records of each partition, and the regions go there. The first
//! batch is sent even over every limit, so that a consumer can always go on (KIP-74).
//!
//! Deviations from Kafka: fetch sessions (KIP-227) are declined, by session id 0 in the response to a request for a new
//! one, and by FETCH_SESSION_ID_NOT_FOUND for an incremental request. There are no followers, so the fields that only
//! they set are ignored.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use tokio::time::{Instant, timeout_at};

use super::errors::{AsKafkaError, KafkaError};
use super::lookup::{self, TopicKey};
use super::reply::{Outcome, Part, Reply};
use super::{Api, HandleError};
use crate::background::pool::Unfinished;
use crate::protocol::Request;
use crate::protocol::fetch::{FetchResponse, FetchedPartition, FetchedTopic, Piece, encode_fetch_response};
use crate::topic::{Isolation, Partition, PartitionRead, Wait};

/// Epochs of a request that is whole in itself: of one that asks for a new session, and of one without.
const INITIAL_EPOCH: i32 = 0;
const FINAL_EPOCH: i32 = -1;

/// Waits for enough records, or long enough, and sends what is there.
pub(super) async fn handle(api: &Api, head: &Request) -> Result<Outcome, HandleError> {
    let request: FetchRequest = head.decode()?;
    api.metrics.fetch_requests.increment();
    if !matches!(request.session_epoch, INITIAL_EPOCH | FINAL_EPOCH) {
        api.metrics.errors.increment();
        let error_code = KafkaError::FetchSessionIdNotFound.code();
        return reply(head, &FetchResponse { error_code, ..FetchResponse::default() }, Vec::new());
    }
    let asked = Asked::resolve(api, head.version, &request);
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let mut plan = asked.plan(api).await?;
    while !plan.is_final && plan.size_bytes < asked.min_bytes {
        let woken = asked.wait(&plan, deadline).await;
        plan = asked.plan(api).await?;
        if !woken {
            break;
        }
    }
    let topics = response_topics(api, request, &asked, &plan);
    reply(head, &FetchResponse { topics, ..FetchResponse::default() }, plan.reads)
}

/// What a request asks for, its partitions in one row.
struct Asked {
    positions: Vec<Position>,
    isolation: Isolation,
    min_bytes: usize,
    max_bytes: usize,
}

/// Where to read in one partition.
struct Position {
    partition: Result<Arc<Partition>, KafkaError>,
    leader_epoch: i32,
    offset: i64,
    max_bytes: usize,
}

/// What can be sent now.
struct Plan {
    /// One for each position.
    reads: Vec<Result<PartitionRead, KafkaError>>,
    size_bytes: usize,
    /// There is nothing to wait for, or an error to tell.
    is_final: bool,
}

impl Asked {
    fn resolve(api: &Api, version: i16, request: &FetchRequest) -> Asked {
        let max_bytes = bytes(request.max_bytes).min(api.settings.fetch_max_bytes);
        let mut positions = Vec::with_capacity(request.topics.iter().map(|topic| topic.partitions.len()).sum());
        for asked in &request.topics {
            let key = if version < 13 { TopicKey::Name(&asked.topic) } else { TopicKey::Id(asked.topic_id) };
            let topic = lookup::topic(&api.topics, key);
            positions.extend(asked.partitions.iter().map(|asked| Position {
                partition: lookup::partition(&topic, asked.partition).cloned(),
                leader_epoch: asked.current_leader_epoch,
                offset: asked.fetch_offset,
                max_bytes: bytes(asked.partition_max_bytes),
            }));
        }
        Asked {
            positions,
            isolation: super::isolation(request.isolation_level),
            min_bytes: bytes(request.min_bytes).min(max_bytes),
            max_bytes,
        }
    }

    async fn plan(&self, api: &Api) -> Result<Plan, Unfinished> {
        let mut size_bytes = 0;
        let mut is_final = self.positions.is_empty();
        let mut reads = Vec::with_capacity(self.positions.len());
        for position in &self.positions {
            let left_bytes = self.max_bytes.saturating_sub(size_bytes);
            let read = position.read(api, left_bytes, self.isolation, size_bytes == 0).await?;
            match &read {
                Ok(read) => size_bytes += read.size_bytes,
                Err(_) => is_final = true,
            }
            reads.push(read);
        }
        Ok(Plan { reads, size_bytes, is_final })
    }

    /// Waits until the bytes that `plan` lacks were appended, or a partition is gone; false at the deadline.
    async fn wait(&self, plan: &Plan, deadline: Instant) -> bool {
        let mut wait = Wait::new(self.min_bytes.saturating_sub(plan.size_bytes));
        for (position, read) in self.positions.iter().zip(&plan.reads) {
            if let (Ok(partition), Ok(read)) = (&position.partition, read) {
                wait.register(partition, read.high_watermark);
            }
        }
        timeout_at(deadline, wait.woken()).await.is_ok()
    }
}

impl Position {
    /// Plans from memory and the page cache; where that does not do, elsewhere.
    async fn read(
        &self,
        api: &Api,
        left_bytes: usize,
        isolation: Isolation,
        at_least_one: bool,
    ) -> Result<Result<PartitionRead, KafkaError>, Unfinished> {
        let partition = match &self.partition {
            Ok(partition) => partition,
            Err(error) => return Ok(Err(*error)),
        };
        let (offset, max_bytes) = (self.offset, self.max_bytes.min(left_bytes));
        let resident = partition
            .check_leader_epoch(self.leader_epoch)
            .and_then(|()| partition.read_resident(offset, max_bytes, isolation, at_least_one));
        let read = match resident.transpose() {
            Some(read) => read,
            None => {
                let partition = partition.clone();
                api.disk_waits.run(move || partition.read(offset, max_bytes, isolation, at_least_one)).await?
            }
        };
        Ok(read.map_err(|error| {
            api.storage_alarm.hear(partition, &error, api.clock.now_ms());
            error.kafka_error()
        }))
    }
}

/// A size as a client says it; nobody means a negative one.
fn bytes(size: i32) -> usize {
    usize::try_from(size).unwrap_or(0)
}

fn response_topics(api: &Api, request: FetchRequest, asked: &Asked, plan: &Plan) -> Vec<FetchedTopic> {
    let mut reads = plan.reads.iter();
    let partition = |(asked_partition, read): (&FetchPartition, &Result<PartitionRead, KafkaError>)| {
        let index = asked_partition.partition;
        match read {
            Ok(read) => FetchedPartition {
                index,
                error_code: 0,
                high_watermark: read.high_watermark,
                last_stable_offset: read.last_stable_offset,
                log_start_offset: read.log_start_offset,
                // There are no transactions to abort; null says that nobody asked.
                aborted_transactions: (asked.isolation == Isolation::ReadCommitted).then(Vec::new),
                records_len: read.size_bytes,
            },
            Err(error) => {
                api.metrics.errors.increment();
                refused(index, *error)
            }
        }
    };
    let topic = |topic: FetchTopic| FetchedTopic {
        partitions: topic.partitions.iter().zip(reads.by_ref()).map(partition).collect(),
        name: topic.topic.0,
        id: topic.topic_id,
    };
    request.topics.into_iter().map(topic).collect()
}

fn refused(index: i32, error: KafkaError) -> FetchedPartition {
    FetchedPartition {
        index,
        error_code: error.code(),
        high_watermark: -1,
        last_stable_offset: -1,
        log_start_offset: -1,
        aborted_transactions: None,
        records_len: 0,
    }
}

/// Puts the regions of each partition that has records into its hole.
fn reply(
    head: &Request,
    response: &FetchResponse,
    reads: Vec<Result<PartitionRead, KafkaError>>,
) -> Result<Outcome, HandleError> {
    let pieces = encode_fetch_response(head, response)?;
    let mut records = reads.into_iter().flatten().filter(|read| read.size_bytes > 0);
    let mut parts = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => parts.push(Part::Bytes(bytes)),
            Piece::Hole(len) => {
                let read = records.next();
                debug_assert_eq!(read.as_ref().map(|read| read.size_bytes), Some(len));
                parts.extend(read.into_iter().flat_map(|read| read.regions).map(Part::Region));
            }
        }
    }
    Ok(Outcome::Reply(Reply { parts }))
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};

    use super::*;
    use crate::region::FileRegion;

    fn fetch_request() -> Request {
        let mut frame = BytesMut::new();
        frame.put_i16(1);
        frame.put_i16(11);
        frame.put_i32(5);
        frame.put_i16(-1);
        Request::parse(frame.freeze()).expect("a header")
    }

    fn read_of(lengths: &[usize]) -> Result<PartitionRead, KafkaError> {
        let file = Arc::new(tempfile::tempfile().expect("a file"));
        let region = |len: &usize| FileRegion { file: file.clone(), position: 0, len: *len, hot: true };
        Ok(PartitionRead {
            regions: lengths.iter().map(region).collect(),
            size_bytes: lengths.iter().sum(),
            high_watermark: 0,
            last_stable_offset: 0,
            log_start_offset: 0,
        })
    }

    #[test]
    fn each_hole_gets_the_regions_of_its_partition() {
        let reads =
            vec![read_of(&[]), read_of(&[10, 20]), Err(KafkaError::OffsetOutOfRange), read_of(&[]), read_of(&[3])];
        let partitions = reads.iter().map(|read| FetchedPartition {
            records_len: read.as_ref().map_or(0, |read| read.size_bytes),
            ..refused(0, KafkaError::OffsetOutOfRange)
        });
        let topic = FetchedTopic { partitions: partitions.collect(), ..FetchedTopic::default() };
        let response = FetchResponse { topics: vec![topic], ..FetchResponse::default() };
        let Ok(Outcome::Reply(reply)) = reply(&fetch_request(), &response, reads) else { panic!("a reply") };

        let regions: Vec<usize> = reply
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Region(region) => Some(region.len),
                Part::Bytes(_) => None,
            })
            .collect();
        assert_eq!(regions, [10, 20, 3]);
        let Some(Part::Bytes(head)) = reply.parts.first() else { panic!("bytes come first") };
        let length = head.first_chunk().copied().map(u32::from_be_bytes);
        assert_eq!(length, Some(reply.parts.iter().map(Part::len).sum::<usize>() as u32 - 4));
    }
}

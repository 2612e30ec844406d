//! What the sink answers: ApiVersions, Metadata, InitProducerId and Produce.
//!
//! ApiVersions names Fetch and FindCoordinator too, which are refused: librdkafka reads from them that records are of
//! format 2, may be compressed by any codec, and may be idempotent. Offsets rise by each batch's own count of records, so
//! that acknowledgements look like a log's.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, InitProducerIdResponse, MetadataRequest, MetadataResponse, ProduceRequest,
    ProduceResponse, ProducerId, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

/// API and versions, as advertised.
const SERVED: [(ApiKey, i16, i16); 6] = [
    (ApiKey::Produce, 0, 8),
    (ApiKey::Fetch, 0, 11),
    (ApiKey::Metadata, 0, 8),
    (ApiKey::FindCoordinator, 0, 2),
    (ApiKey::ApiVersions, 0, 3),
    (ApiKey::InitProducerId, 0, 1),
];
/// Error code 35, for an ApiVersions request of a version that is not served.
const UNSUPPORTED_VERSION: i16 = 35;
/// The one node.
const NODE: BrokerId = BrokerId(0);
/// Where a batch of format 2 has the offset of its last record, relative to its first: an `i32`.
const LAST_OFFSET_DELTA_AT: usize = 23;

/// Answers one connection.
#[derive(Debug)]
pub(super) struct Replies {
    address: SocketAddr,
    partitions: i32,
    /// The next offset of each partition, for this connection: whoever sends through it is alone there.
    next_offsets: Vec<i64>,
}

/// What one reply goes by.
struct Head {
    api: ApiKey,
    version: i16,
    correlation_id: i32,
}

impl Replies {
    pub(super) fn new(address: SocketAddr, partitions: i32) -> Self {
        Self { address, partitions, next_offsets: vec![0; partitions.max(0) as usize] }
    }

    /// The whole reply to a frame; none where none is expected.
    ///
    /// # Errors
    /// What is no request, or none that a producer sends: the connection is of no use.
    pub(super) fn to(&mut self, mut frame: Bytes) -> io::Result<Option<Bytes>> {
        let refused = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        if frame.len() < 4 {
            return Err(refused(format!("a frame of {} bytes", frame.len())));
        }
        let (key, version) = (i16::from_be_bytes([frame[0], frame[1]]), i16::from_be_bytes([frame[2], frame[3]]));
        let api = ApiKey::try_from(key).map_err(|()| refused(format!("API {key}")))?;
        if api == ApiKey::ApiVersions {
            // Key and version stand before the correlation id; nothing else of it is of interest.
            frame.advance(4);
            let correlation_id = frame.try_get_i32().map_err(io::Error::other)?;
            return api_versions(&Head { api, version, correlation_id }).map(Some);
        }
        let header =
            RequestHeader::decode(&mut frame, api.request_header_version(version)).map_err(io::Error::other)?;
        let head = Head { api, version, correlation_id: header.correlation_id };
        match api {
            ApiKey::Metadata => {
                let request = MetadataRequest::decode(&mut frame, version).map_err(io::Error::other)?;
                encoded(&head, &self.metadata(request)).map(Some)
            }
            ApiKey::InitProducerId => {
                let response = InitProducerIdResponse::default().with_producer_id(ProducerId(1)).with_producer_epoch(0);
                encoded(&head, &response).map(Some)
            }
            ApiKey::Produce => {
                let request = ProduceRequest::decode(&mut frame, version).map_err(io::Error::other)?;
                let is_answered = request.acks != 0;
                let topics = request.topic_data.into_iter().map(|topic| self.produced(topic)).collect();
                let response = ProduceResponse::default().with_responses(topics);
                is_answered.then(|| encoded(&head, &response)).transpose()
            }
            other => Err(refused(format!("{other:?} is no request of a producer"))),
        }
    }

    fn metadata(&self, request: MetadataRequest) -> MetadataResponse {
        let broker = MetadataResponseBroker::default()
            .with_node_id(NODE)
            .with_host(StrBytes::from_string(self.address.ip().to_string()))
            .with_port(i32::from(self.address.port()));
        let partition = |index| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(NODE)
                .with_replica_nodes(vec![NODE])
                .with_isr_nodes(vec![NODE])
        };
        let topics = request.topics.unwrap_or_default().into_iter().map(|topic| {
            MetadataResponseTopic::default()
                .with_name(topic.name)
                .with_partitions((0..self.partitions).map(partition).collect())
        });
        MetadataResponse::default().with_brokers(vec![broker]).with_controller_id(NODE).with_topics(topics.collect())
    }

    fn produced(&mut self, topic: TopicProduceData) -> TopicProduceResponse {
        let mut partition = |data: PartitionProduceData| {
            let response = PartitionProduceResponse::default().with_index(data.index);
            let Some(next_offset) = self.next_offsets.get_mut(data.index as usize) else { return response };
            let base_offset = *next_offset;
            *next_offset += data.records.as_deref().and_then(records_in).unwrap_or(0);
            response.with_base_offset(base_offset).with_log_append_time_ms(-1).with_log_start_offset(0)
        };
        let partitions = topic.partition_data.into_iter().map(&mut partition).collect();
        TopicProduceResponse::default().with_name(topic.name).with_partition_responses(partitions)
    }
}

/// Records of a batch, which is all that a producer sends to one partition.
fn records_in(batch: &[u8]) -> Option<i64> {
    let delta = batch.get(LAST_OFFSET_DELTA_AT..)?.first_chunk()?;
    Some(i64::from(i32::from_be_bytes(*delta)) + 1)
}

fn api_versions(head: &Head) -> io::Result<Bytes> {
    let served = SERVED.iter().find(|(api, ..)| *api == ApiKey::ApiVersions);
    if served.is_none_or(|(_, _, newest)| head.version > *newest) {
        let response = ApiVersionsResponse::default().with_error_code(UNSUPPORTED_VERSION);
        return encoded(&Head { version: 0, ..*head }, &response);
    }
    let versions = SERVED.map(|(api, oldest, newest)| {
        ApiVersion::default().with_api_key(api as i16).with_min_version(oldest).with_max_version(newest)
    });
    encoded(head, &ApiVersionsResponse::default().with_api_keys(versions.to_vec()))
}

/// Length, header, body.
fn encoded(head: &Head, response: &impl Encodable) -> io::Result<Bytes> {
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    let header = ResponseHeader::default().with_correlation_id(head.correlation_id);
    header.encode(&mut frame, head.api.response_header_version(head.version)).map_err(io::Error::other)?;
    response.encode(&mut frame, head.version).map_err(io::Error::other)?;
    let length = i32::try_from(frame.len() - 4).map_err(io::Error::other)?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

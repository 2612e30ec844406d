//! The Fetch response, versions 4 to 18, as bytes with holes where the records go.
//!
//! The crate's encoder wants the records in memory; ours leaves them in the file. Fields and their first versions
//! (FetchResponse.json of Apache Kafka 4.3):
//!
//! ```text
//! throttle_time_ms i32 | error_code i16 (7+) | session_id i32 (7+) | topics [
//!   name string (4-12) or id uuid (13+) | partitions [
//!     index i32 | error_code i16 | high_watermark i64 | last_stable_offset i64 | log_start_offset i64 (5+)
//!     | aborted_transactions nullable [ producer_id i64 | first_offset i64 | tags (12+) ]
//!     | preferred_read_replica i32 (11+) | records: length, bytes
//!     | tags (12+): 0 diverging_epoch { epoch i32 | end_offset i64 | tags }, 1 current_leader { id i32 | epoch i32 | tags }
//!   ] | tags (12+)
//! ] | tags (12+): 0 node_endpoints (16+) [ node_id i32 | host string | port i32 | rack nullable string | tags ]
//! ```
//!
//! From version 12 on strings, arrays and records are compact (length + 1 as an unsigned varint). Records that are not
//! there have length 0, not null: older clients do not expect null.

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::request::Request;
use super::response::ResponseError;

/// A response to Fetch; the records of each partition are known by their length only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FetchResponse {
    /// For how long the client was held back, in milliseconds.
    pub throttle_time_ms: i32,
    /// An error of the request as a whole. Versions below 7 cannot say it.
    pub error_code: i16,
    /// 0: no session.
    pub session_id: i32,
    /// In the order of the request.
    pub topics: Vec<FetchedTopic>,
    /// Where the leaders named in `current_leader` are (version 16 on; below, they are left out).
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// A topic of a [`FetchResponse`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FetchedTopic {
    /// Sent up to version 12.
    pub name: StrBytes,
    /// Sent from version 13 on.
    pub id: Uuid,
    /// In the order of the request.
    pub partitions: Vec<FetchedPartition>,
}

/// A partition of a [`FetchResponse`].
#[derive(Debug, Clone, PartialEq)]
pub struct FetchedPartition {
    /// The partition's number.
    pub index: i32,
    /// 0, or why there are no records.
    pub error_code: i16,
    /// -1 if unknown.
    pub high_watermark: i64,
    /// -1 if unknown.
    pub last_stable_offset: i64,
    /// -1 if unknown. Version 5 on.
    pub log_start_offset: i64,
    /// (producer id, first offset) of each aborted transaction in the records; null unless read_committed was asked for.
    pub aborted_transactions: Option<Vec<(i64, i64)>>,
    /// (epoch, end offset) from which on the client's log diverges. Version 12 on; below, it is left out.
    pub diverging_epoch: Option<(i32, i64)>,
    /// (broker id, epoch) of the leader, for a client that asked the wrong broker. Version 12 on; below, it is left out.
    pub current_leader: Option<(i32, i32)>,
    /// Length of the records, in bytes. 0 makes no hole.
    pub records_len: usize,
}

/// Where a broker is.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeEndpoint {
    /// The broker's id.
    pub node_id: i32,
    /// Its host name.
    pub host: StrBytes,
    /// Its port.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<StrBytes>,
}

/// A piece of an encoded response.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Bytes to send.
    Bytes(Bytes),
    /// Records of this length go here. There is one hole for each partition whose `records_len` is not 0, in order.
    Hole(usize),
}

/// Encodes the whole frame; its length counts the holes.
///
/// # Errors
/// A frame longer than an `i32` says, a string longer than its type allows.
pub fn encode_fetch_response(_request: &Request, _response: &FetchResponse) -> Result<Vec<Piece>, ResponseError> {
    panic!("being built")
}

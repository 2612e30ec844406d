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
//!     | tags (12+)
//!   ] | tags (12+)
//! ] | tags (12+)
//! ```
//!
//! Tagged fields are for followers (diverging_epoch, snapshot_id) and for clients that asked the wrong one of several
//! brokers (current_leader, node_endpoints), so that this broker sends none.
//!
//! From version 12 on strings, arrays and records are compact (length + 1 as an unsigned varint). Records that are not
//! there have length 0, not null: older clients do not expect null.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
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
#[derive(Debug, Clone, Default, PartialEq)]
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
    /// Length of the records, in bytes. 0 makes no hole.
    pub records_len: usize,
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
pub fn encode_fetch_response(request: &Request, response: &FetchResponse) -> Result<Vec<Piece>, ResponseError> {
    let version = request.version;
    let mut frame = Frame::new(version, response);
    frame.bytes.put_i32(0); // the length, once it is known
    frame.bytes.put_i32(request.correlation_id);
    frame.no_tags();
    frame.bytes.put_i32(response.throttle_time_ms);
    if version >= 7 {
        frame.bytes.put_i16(response.error_code);
        frame.bytes.put_i32(response.session_id);
    }
    frame.array(&response.topics, Frame::topic)?;
    frame.no_tags();
    frame.finish(request.api)
}

/// A frame being written, and where its holes are.
struct Frame {
    version: i16,
    bytes: BytesMut,
    /// (position in `bytes`, length of what goes there).
    holes: Vec<(usize, usize)>,
}

impl Frame {
    fn new(version: i16, response: &FetchResponse) -> Frame {
        let partitions: usize = response.topics.iter().map(|topic| topic.partitions.len()).sum();
        let names: usize = response.topics.iter().map(|topic| topic.name.len() + 32).sum();
        Frame {
            version,
            bytes: BytesMut::with_capacity(64 + names + 64 * partitions),
            holes: Vec::with_capacity(partitions),
        }
    }

    fn is_flexible(&self) -> bool {
        self.version >= 12
    }

    fn topic(&mut self, topic: &FetchedTopic) -> Result<(), ResponseError> {
        if self.version <= 12 {
            self.string(&topic.name)?;
        } else {
            self.bytes.put_slice(topic.id.as_bytes());
        }
        self.array(&topic.partitions, Frame::partition)?;
        self.no_tags();
        Ok(())
    }

    fn partition(&mut self, partition: &FetchedPartition) -> Result<(), ResponseError> {
        self.bytes.put_i32(partition.index);
        self.bytes.put_i16(partition.error_code);
        self.bytes.put_i64(partition.high_watermark);
        self.bytes.put_i64(partition.last_stable_offset);
        if self.version >= 5 {
            self.bytes.put_i64(partition.log_start_offset);
        }
        match &partition.aborted_transactions {
            Some(aborted) => self.array(aborted, Frame::aborted_transaction)?,
            None => self.length(None)?,
        }
        if self.version >= 11 {
            self.bytes.put_i32(-1); // preferred read replica: none
        }
        self.length(Some(partition.records_len))?;
        if partition.records_len > 0 {
            self.holes.push((self.bytes.len(), partition.records_len));
        }
        self.no_tags();
        Ok(())
    }

    fn aborted_transaction(&mut self, (producer_id, first_offset): &(i64, i64)) -> Result<(), ResponseError> {
        self.bytes.put_i64(*producer_id);
        self.bytes.put_i64(*first_offset);
        self.no_tags();
        Ok(())
    }

    fn array<T>(
        &mut self,
        elements: &[T],
        mut element: impl FnMut(&mut Frame, &T) -> Result<(), ResponseError>,
    ) -> Result<(), ResponseError> {
        self.length(Some(elements.len()))?;
        elements.iter().try_for_each(|it| element(self, it))
    }

    fn string(&mut self, string: &str) -> Result<(), ResponseError> {
        let Ok(length) = i16::try_from(string.len()) else {
            let cause = format!("a string of {} bytes", string.len());
            return Err(ResponseError::Unencodable { api: ApiKey::Fetch, version: self.version, cause });
        };
        if self.is_flexible() {
            self.length(Some(string.len()))?;
        } else {
            self.bytes.put_i16(length);
        }
        self.bytes.put_slice(string.as_bytes());
        Ok(())
    }

    /// The length of records or an array; `None` is null.
    fn length(&mut self, length: Option<usize>) -> Result<(), ResponseError> {
        let length = length.map(|length| self.frame_length(length)).transpose()?;
        if self.is_flexible() {
            self.varint(length.map_or(0, |length| length + 1));
        } else {
            self.bytes.put_i32(length.map_or(-1, |length| length as i32));
        }
        Ok(())
    }

    /// A length inside the frame, which is at most `i32::MAX`.
    fn frame_length(&self, length: usize) -> Result<u32, ResponseError> {
        match i32::try_from(length) {
            Ok(length) => Ok(length.unsigned_abs()),
            Err(_) => Err(ResponseError::TooLong { api: ApiKey::Fetch, version: self.version, got: length }),
        }
    }

    fn no_tags(&mut self) {
        if self.is_flexible() {
            self.bytes.put_u8(0);
        }
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    /// Fills in the frame's length and cuts the bytes at the holes.
    fn finish(mut self, api: ApiKey) -> Result<Vec<Piece>, ResponseError> {
        let size = self.bytes.len() - 4 + self.holes.iter().map(|(_, len)| len).sum::<usize>();
        let length =
            i32::try_from(size).map_err(|_| ResponseError::TooLong { api, version: self.version, got: size })?;
        self.bytes[..4].copy_from_slice(&length.to_be_bytes());
        let mut rest = self.bytes.freeze();
        let mut pieces = Vec::with_capacity(2 * self.holes.len() + 1);
        let mut cut_at = 0;
        for (position, len) in self.holes {
            pieces.push(Piece::Bytes(rest.split_to(position - cut_at)));
            pieces.push(Piece::Hole(len));
            cut_at = position;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Bytes(rest));
        }
        Ok(pieces)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use bytes::Buf;
    use kafka_protocol::messages::{self, ResponseHeader, fetch_response};
    use kafka_protocol::protocol::Decodable;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    const VERSIONS: RangeInclusive<i16> = 4..=18;

    fn request(version: i16) -> Request {
        let mut frame = BytesMut::new();
        frame.put_i16(ApiKey::Fetch as i16);
        frame.put_i16(version);
        frame.put_i32(99);
        frame.put_i16(-1);
        frame.put_u8(0);
        Request::parse(frame.freeze()).unwrap()
    }

    fn string() -> impl Strategy<Value = StrBytes> {
        "[a-z]{0,200}".prop_map(StrBytes::from_string)
    }

    fn partition() -> impl Strategy<Value = FetchedPartition> {
        let offsets = (any::<i64>(), any::<i64>(), any::<i64>());
        (any::<i32>(), any::<i16>(), offsets, option::of(vec(any::<(i64, i64)>(), 0..3)), 0..300usize).prop_map(
            |(index, error_code, offsets, aborted_transactions, records_len)| FetchedPartition {
                index,
                error_code,
                high_watermark: offsets.0,
                last_stable_offset: offsets.1,
                log_start_offset: offsets.2,
                aborted_transactions,
                records_len,
            },
        )
    }

    fn topic() -> impl Strategy<Value = FetchedTopic> {
        (string(), any::<u128>(), vec(partition(), 0..4)).prop_map(|(name, id, partitions)| FetchedTopic {
            name,
            id: Uuid::from_u128(id),
            partitions,
        })
    }

    prop_compose! {
        fn response()(
            head in any::<(i32, i16, i32)>(),
            topics in vec(topic(), 0..4),
        ) -> FetchResponse {
            FetchResponse { throttle_time_ms: head.0, error_code: head.1, session_id: head.2, topics }
        }
    }

    /// Fills each hole with its number, and decodes the frame with the crate.
    fn decode(version: i16, response: &FetchResponse) -> messages::FetchResponse {
        let mut frame = BytesMut::new();
        let mut holes = 0;
        for piece in encode_fetch_response(&request(version), response).unwrap() {
            match piece {
                Piece::Bytes(bytes) => frame.put_slice(&bytes),
                Piece::Hole(len) => {
                    frame.put_bytes(holes, len);
                    holes += 1;
                }
            }
        }
        let mut frame = frame.freeze();
        assert_eq!(frame.get_i32() as usize, frame.len());
        let header = ResponseHeader::decode(&mut frame, ApiKey::Fetch.response_header_version(version)).unwrap();
        assert_eq!(header.correlation_id, 99);
        let decoded = messages::FetchResponse::decode(&mut frame, version).unwrap();
        assert!(frame.is_empty(), "{} bytes left over", frame.len());
        decoded
    }

    /// What the crate's struct must be, by version.
    fn expected(version: i16, response: &FetchResponse) -> messages::FetchResponse {
        let mut holes = 0..=u8::MAX;
        let topics = response.topics.iter().map(|topic| {
            let partitions =
                topic.partitions.iter().map(|partition| expected_partition(version, partition, &mut holes));
            let partitions = partitions.collect();
            let expected = fetch_response::FetchableTopicResponse::default().with_partitions(partitions);
            if version <= 12 {
                expected.with_topic(topic.name.clone().into())
            } else {
                expected.with_topic_id(topic.id)
            }
        });
        let topics = topics.collect();
        let mut expected =
            messages::FetchResponse::default().with_throttle_time_ms(response.throttle_time_ms).with_responses(topics);
        if version >= 7 {
            expected = expected.with_error_code(response.error_code).with_session_id(response.session_id);
        }
        expected
    }

    fn expected_partition(
        version: i16,
        partition: &FetchedPartition,
        holes: &mut RangeInclusive<u8>,
    ) -> fetch_response::PartitionData {
        let records = match partition.records_len {
            0 => Bytes::new(),
            len => vec![holes.next().unwrap(); len].into(),
        };
        let aborted = partition.aborted_transactions.as_ref().map(|aborted| {
            let aborted = aborted.iter().map(|(producer_id, first_offset)| {
                fetch_response::AbortedTransaction::default()
                    .with_producer_id((*producer_id).into())
                    .with_first_offset(*first_offset)
            });
            aborted.collect()
        });
        let mut expected = fetch_response::PartitionData::default()
            .with_partition_index(partition.index)
            .with_error_code(partition.error_code)
            .with_high_watermark(partition.high_watermark)
            .with_last_stable_offset(partition.last_stable_offset)
            .with_aborted_transactions(aborted)
            .with_records(Some(records));
        if version >= 5 {
            expected.log_start_offset = partition.log_start_offset;
        }
        expected
    }

    proptest! {
        #[test]
        fn the_crate_reads_what_was_written(response in response()) {
            for version in VERSIONS {
                prop_assert_eq!(decode(version, &response), expected(version, &response), "version {}", version);
            }
        }
    }

    #[test]
    fn an_empty_partition_has_records_of_length_zero_and_no_hole() {
        let partition = FetchedPartition { high_watermark: 5, ..FetchedPartition::default() };
        let topics = vec![FetchedTopic { partitions: vec![partition], ..FetchedTopic::default() }];
        let response = FetchResponse { topics, ..FetchResponse::default() };
        for version in VERSIONS {
            assert_eq!(decode(version, &response).responses[0].partitions[0].records, Some(Bytes::new()));
            assert_eq!(encode_fetch_response(&request(version), &response).unwrap().len(), 1);
        }
    }

    #[test]
    fn records_longer_than_a_frame_can_say_are_an_error() {
        for records_len in [i32::MAX as usize, i32::MAX as usize + 1] {
            let partition = FetchedPartition { records_len, ..FetchedPartition::default() };
            let topics = vec![FetchedTopic { partitions: vec![partition], ..FetchedTopic::default() }];
            let response = FetchResponse { topics, ..FetchResponse::default() };
            let encoded = encode_fetch_response(&request(12), &response);
            assert!(matches!(encoded, Err(ResponseError::TooLong { .. })), "{encoded:?}");
        }
    }
}

//! Every served request in every version, built from the schema and chosen at random, against the crate's own codec.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::Encodable;
use proptest::prelude::*;

use super::bounds::{self, BoundsError};
use super::schema::{self, Field, Kind};
use super::versions::SERVED;
use super::{Request, RequestError, encode_response};

/// Builds bodies that the schema allows, from a finite list of choices; when they are used up, everything is minimal.
struct Chosen<'a> {
    choices: std::slice::Iter<'a, u8>,
    version: i16,
    is_flexible: bool,
    body: BytesMut,
}

impl Chosen<'_> {
    fn choose(&mut self, below: u8) -> u8 {
        self.choices.next().map_or(0, |choice| choice % below)
    }

    fn fields(&mut self, fields: &'static [Field]) {
        for field in schema::plain(fields, self.version) {
            self.kind(field.kind, field.is_nullable(self.version));
        }
        if self.is_flexible {
            self.tagged_fields(fields);
        }
    }

    fn tagged_fields(&mut self, fields: &'static [Field]) {
        let mut tagged = Vec::new();
        for (tag, field) in schema::tagged(fields, self.version) {
            if self.choose(2) == 1 {
                let before = std::mem::take(&mut self.body);
                self.kind(field.kind, field.is_nullable(self.version));
                tagged.push((tag, std::mem::replace(&mut self.body, before)));
            }
        }
        if self.choose(3) == 1 {
            tagged.push((100, BytesMut::from(&b"unknown"[..])));
        }
        self.varint(tagged.len() as u32);
        for (tag, value) in tagged {
            self.varint(tag);
            self.varint(value.len() as u32);
            self.body.put_slice(&value);
        }
    }

    fn kind(&mut self, kind: Kind, is_nullable: bool) {
        let is_null = is_nullable && self.choose(3) == 1;
        match kind {
            Kind::Fixed(size) => {
                for _ in 0..size {
                    let byte = self.choose(255);
                    self.body.put_u8(byte);
                }
            }
            Kind::String | Kind::Bytes => {
                let len = if is_null { -1 } else { i32::from(self.choose(9)) };
                self.length(len, matches!(kind, Kind::String));
                self.body.put_bytes(b'k', usize::try_from(len).unwrap_or(0));
            }
            Kind::Array(element) => {
                let count = if is_null { -1 } else { i32::from(self.choose(4)) };
                self.length(count, false);
                (0..count).for_each(|_| self.kind(*element, false));
            }
            Kind::Struct(fields) => self.fields(fields),
        }
    }

    fn length(&mut self, len: i32, is_string: bool) {
        match (self.is_flexible, is_string) {
            (true, _) => self.varint((len + 1) as u32),
            (false, true) => self.body.put_i16(len as i16),
            (false, false) => self.body.put_i32(len),
        }
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.body.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.body.put_u8(value as u8);
    }
}

fn chosen_body(api: ApiKey, version: i16, choices: &[u8]) -> Bytes {
    let shape = schema::of(api).unwrap();
    let is_flexible = version >= shape.flexible_since;
    let mut chosen = Chosen { choices: choices.iter(), version, is_flexible, body: BytesMut::new() };
    chosen.fields(shape.fields);
    chosen.body.freeze()
}

fn frame(api: ApiKey, version: i16, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .with_client_id(Some("c".into()));
    header.encode(&mut frame, api.request_header_version(version)).unwrap();
    frame.put_slice(body);
    frame.freeze()
}

/// Decodes the body, and encodes it again with the crate.
fn decode(request: &Request) -> Result<Bytes, RequestError> {
    fn again<T: kafka_protocol::protocol::Request>(request: &Request) -> Result<Bytes, RequestError> {
        let decoded: T = request.decode()?;
        let mut encoded = BytesMut::new();
        decoded.encode(&mut encoded, request.version).unwrap();
        Ok(encoded.freeze())
    }
    match request.api {
        ApiKey::Produce => again::<ProduceRequest>(request),
        ApiKey::Fetch => again::<FetchRequest>(request),
        ApiKey::ListOffsets => again::<ListOffsetsRequest>(request),
        ApiKey::Metadata => again::<MetadataRequest>(request),
        ApiKey::OffsetCommit => again::<OffsetCommitRequest>(request),
        ApiKey::OffsetFetch => again::<OffsetFetchRequest>(request),
        ApiKey::FindCoordinator => again::<FindCoordinatorRequest>(request),
        ApiKey::JoinGroup => again::<JoinGroupRequest>(request),
        ApiKey::Heartbeat => again::<HeartbeatRequest>(request),
        ApiKey::LeaveGroup => again::<LeaveGroupRequest>(request),
        ApiKey::SyncGroup => again::<SyncGroupRequest>(request),
        ApiKey::DescribeGroups => again::<DescribeGroupsRequest>(request),
        ApiKey::ListGroups => again::<ListGroupsRequest>(request),
        ApiKey::ApiVersions => again::<ApiVersionsRequest>(request),
        ApiKey::CreateTopics => again::<CreateTopicsRequest>(request),
        ApiKey::DeleteTopics => again::<DeleteTopicsRequest>(request),
        ApiKey::InitProducerId => again::<InitProducerIdRequest>(request),
        ApiKey::OffsetForLeaderEpoch => again::<OffsetForLeaderEpochRequest>(request),
        ApiKey::DescribeConfigs => again::<DescribeConfigsRequest>(request),
        ApiKey::CreatePartitions => again::<CreatePartitionsRequest>(request),
        ApiKey::DeleteGroups => again::<DeleteGroupsRequest>(request),
        ApiKey::OffsetDelete => again::<OffsetDeleteRequest>(request),
        ApiKey::DescribeCluster => again::<DescribeClusterRequest>(request),
        other => panic!("{other:?} is not served"),
    }
}

fn every_version() -> impl Iterator<Item = (ApiKey, i16)> {
    SERVED.iter().flat_map(|row| (row.min..=row.max).map(move |version| (row.api, version)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_schema_and_the_crate_agree_on_every_request(choices in proptest::collection::vec(any::<u8>(), 0..400)) {
        for (api, version) in every_version() {
            let body = chosen_body(api, version, &choices);
            let request = Request::parse(frame(api, version, &body)).unwrap();
            let encoded = decode(&request).unwrap_or_else(|error| panic!("{error}"));
            prop_assert_eq!(bounds::check(schema::of(api).unwrap(), version, &encoded), Ok(()), "{:?} {}", api, version);
            let request = Request::parse(frame(api, version, &encoded)).unwrap();
            prop_assert_eq!(decode(&request).unwrap(), encoded, "{:?} version {}", api, version);
        }
    }

    #[test]
    fn a_truncated_request_is_an_error(choices in proptest::collection::vec(any::<u8>(), 0..400), cut in any::<u16>()) {
        for (api, version) in every_version() {
            let body = chosen_body(api, version, &choices);
            if !body.is_empty() {
                let kept = &body[..usize::from(cut) % body.len()];
                let request = Request::parse(frame(api, version, kept)).unwrap();
                prop_assert!(decode(&request).is_err(), "{api:?} version {version}");
            }
        }
    }

    #[test]
    fn bytes_left_over_are_passed_over(choices in proptest::collection::vec(any::<u8>(), 0..400), extra in any::<u8>()) {
        for (api, version) in every_version() {
            let mut body = BytesMut::from(chosen_body(api, version, &choices));
            let whole = decode(&Request::parse(frame(api, version, &body)).unwrap()).unwrap();
            body.put_u8(extra);
            prop_assert_eq!(decode(&Request::parse(frame(api, version, &body)).unwrap()).unwrap(), whole);
        }
    }

    #[test]
    fn a_mutated_request_does_no_harm(
        choices in proptest::collection::vec(any::<u8>(), 0..400),
        mutations in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6),
    ) {
        for (api, version) in every_version() {
            let mut bytes = BytesMut::from(frame(api, version, &chosen_body(api, version, &choices)));
            for (at, value) in &mutations {
                let at = usize::from(*at) % bytes.len();
                bytes[at] = *value;
            }
            if let Ok(request) = Request::parse(bytes.freeze()) {
                let _ = decode(&request);
            }
        }
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Request::parse(Bytes::copy_from_slice(&bytes)).map(|request| decode(&request));
        for (api, version) in every_version() {
            let _ = decode(&Request::parse(frame(api, version, &bytes)).unwrap());
        }
    }
}

fn decode_error(api: ApiKey, version: i16, body: &[u8]) -> BoundsError {
    match decode(&Request::parse(frame(api, version, body)).unwrap()) {
        Err(RequestError::OutOfBounds { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_array_that_claims_two_billion_elements_is_refused_before_it_is_allocated() {
    let classic = [0x7f, 0xff, 0xff, 0xff, 0, 0];
    assert_eq!(
        decode_error(ApiKey::Metadata, 1, &classic),
        BoundsError::Count { claimed: i32::MAX as usize, remaining: 2 }
    );
    let compact = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0];
    assert_eq!(
        decode_error(ApiKey::Metadata, 12, &compact),
        BoundsError::Count { claimed: u32::MAX as usize - 1, remaining: 3 }
    );
    let tags = [0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert!(matches!(decode_error(ApiKey::Metadata, 12, &tags), BoundsError::Count { .. }));
}

#[test]
fn more_elements_than_a_request_may_have_are_refused_although_their_bytes_are_there() {
    let count = bounds::MAX_ELEMENTS + 1;
    let mut body = BytesMut::new();
    body.put_i32(count as i32);
    body.put_bytes(0, 2 * count);
    assert_eq!(decode_error(ApiKey::DescribeGroups, 0, &body), BoundsError::TooManyElements);
}

#[test]
fn a_negative_length_is_refused_where_null_is_not_allowed() {
    assert_eq!(decode_error(ApiKey::Metadata, 0, &[0xff; 4]), BoundsError::Negative { what: "an array", got: -1 });
    assert_eq!(decode_error(ApiKey::Heartbeat, 0, &[0xff, 0xfe]), BoundsError::Negative { what: "a string", got: -2 });
    assert_eq!(decode_error(ApiKey::Heartbeat, 4, &[0]), BoundsError::Negative { what: "a string", got: -1 });
}

#[test]
fn a_string_longer_than_16_bits_can_say_is_refused_in_the_compact_form_too() {
    for (len, is_accepted) in [(bounds::MAX_STRING_BYTES, true), (bounds::MAX_STRING_BYTES + 1, false)] {
        let request = HeartbeatRequest::default().with_group_id(GroupId("g".repeat(len).into()));
        let mut body = BytesMut::new();
        request.encode(&mut body, 4).unwrap();
        if is_accepted {
            decode(&Request::parse(frame(ApiKey::Heartbeat, 4, &body)).unwrap()).unwrap();
        } else {
            assert_eq!(decode_error(ApiKey::Heartbeat, 4, &body), BoundsError::StringTooLong { got: len });
        }
    }
}

#[test]
fn a_known_tagged_field_of_another_length_than_it_says_is_refused() {
    let request = FetchRequest::default()
        .with_replica_state(fetch_request::ReplicaState::default().with_replica_id(BrokerId(3)).with_replica_epoch(4));
    let mut body = BytesMut::new();
    request.encode(&mut body, 15).unwrap();
    let size_at = body.len() - 14;
    assert_eq!(body[size_at], 13);
    body[size_at] = 12;
    assert_eq!(decode_error(ApiKey::Fetch, 15, &body), BoundsError::TagSize { tag: 1, claimed: 12, got: 13 });
}

#[test]
fn a_string_that_is_not_utf8_is_refused() {
    let body = [0, 1, 0xff, 0, 0, 0, 1, 0, 0];
    let request = Request::parse(frame(ApiKey::Heartbeat, 0, &body)).unwrap();
    assert!(matches!(request.decode::<HeartbeatRequest>(), Err(RequestError::Malformed { .. })));
}

#[test]
fn produced_records_are_a_slice_of_the_frame() {
    let records = Bytes::from_static(b"a batch");
    for version in 3..=13 {
        let partition = produce_request::PartitionProduceData::default().with_records(Some(records.clone()));
        let topic = produce_request::TopicProduceData::default().with_partition_data(vec![partition]);
        let mut body = BytesMut::new();
        ProduceRequest::default().with_topic_data(vec![topic]).encode(&mut body, version).unwrap();
        let frame = frame(ApiKey::Produce, version, &body);
        let span = frame.as_ptr_range();
        let request: ProduceRequest = Request::parse(frame).unwrap().decode().unwrap();
        let decoded = request.topic_data[0].partition_data[0].records.clone().unwrap();
        assert_eq!(decoded, records);
        assert!(span.contains(&decoded.as_ptr()), "version {version}");
    }
}

#[test]
fn the_crate_knows_every_version_that_is_served() {
    for row in &SERVED {
        let known = row.api.valid_versions();
        assert!(known.min <= row.min && row.max <= known.max, "{row:?}");
        assert!(row.advertised_min <= row.min, "{row:?}");
    }
    assert!(SERVED.is_sorted_by_key(|row| row.api as i16));
}

#[test]
fn an_unserved_api_or_version_is_an_error() {
    let head = |key: i16, version: i16| [&key.to_be_bytes()[..], &version.to_be_bytes(), &[0; 6]].concat();
    let parse = |key, version| Request::parse(head(key, version).into());
    assert!(matches!(parse(9999, 0), Err(RequestError::UnknownApi { got: 9999 })));
    assert!(matches!(parse(-1, 0), Err(RequestError::UnknownApi { got: -1 })));
    assert!(matches!(parse(0, 2), Err(RequestError::UnsupportedVersion { got: 2, min: 3, max: 13, .. })));
    assert!(matches!(Request::parse(Bytes::from_static(&[0; 7])), Err(RequestError::Short { got: 7 })));
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0_with_header_0() {
    let mut head = BytesMut::new();
    head.put_i16(ApiKey::ApiVersions as i16);
    head.put_i16(77);
    head.put_i32(5);
    let request = Request::parse(head.freeze()).unwrap();
    assert!(!request.is_version_accepted());
    let range = api_versions_response::ApiVersion::default().with_api_key(18).with_max_version(4);
    let response = ApiVersionsResponse::default().with_error_code(35).with_api_keys(vec![range]);
    let frame = encode_response(&request, &response).unwrap();
    assert_eq!(frame[..], [0, 0, 0, 16, 0, 0, 0, 5, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
}

#[test]
fn a_response_has_the_header_that_its_version_asks_for() {
    for (version, header) in [(3, &[0, 0, 0, 7][..]), (4, &[0, 0, 0, 7, 0][..])] {
        let body = if version == 4 { &b"\x02g\0\0\0\x01\x02m\0\0"[..] } else { b"\0\x01g\0\0\0\x01\0\x01m\xff\xff" };
        let request = Request::parse(frame(ApiKey::Heartbeat, version, body)).unwrap();
        assert!(request.decode::<HeartbeatRequest>().is_ok());
        let frame = encode_response(&request, &HeartbeatResponse::default()).unwrap();
        assert_eq!(frame[4..4 + header.len()], *header);
        assert_eq!(frame.len(), 4 + header.len() + 6 + usize::from(version == 4));
    }
}

//! What broken and hostile clients send to a whole broker: each gets Kafka's own error or a closed connection, and a
//! well-behaved client beside them is served all the while.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use broker::config::{BrokerSettings, Config, Storage};
use broker::protocol::versions::SERVED;
use broker::server::{Broker, Handle};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse, RequestHeader,
    ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

const CORRUPT_MESSAGE: i16 = 2;
const UNSUPPORTED_VERSION: i16 = 35;

fn start() -> Handle {
    let settings = BrokerSettings::default();
    Broker::start(Config { listen: "127.0.0.1:0".to_owned(), storage: Storage::Ephemeral, settings }).unwrap()
}

struct Client(TcpStream);

impl Client {
    fn connect(broker: &Handle) -> Client {
        let stream = TcpStream::connect(broker.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client(stream)
    }

    /// Sends a frame; the server may have closed the connection before it is all written.
    fn send(&mut self, frame: &[u8]) {
        let _ = self.0.write_all(frame);
    }

    /// The next response without its header; `None` if the connection is closed instead.
    fn response(&mut self, api: ApiKey, version: i16) -> Option<Bytes> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let mut frame = vec![0; i32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut frame).unwrap();
        let mut frame = Bytes::from(frame);
        let header = ResponseHeader::decode(&mut frame, api.response_header_version(version)).unwrap();
        assert_eq!(header.correlation_id, 7);
        Some(frame)
    }

    fn is_closed(&mut self) -> bool {
        let read = self.0.read(&mut [0]);
        match read {
            Ok(got) => got == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    fn metadata(&mut self, topic: &'static str) -> MetadataResponse {
        let topic = MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_static_str(topic))));
        let request = MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(true);
        self.send(&frame(ApiKey::Metadata, 9, &body(&request, 9)));
        MetadataResponse::decode(&mut self.response(ApiKey::Metadata, 9).unwrap(), 9).unwrap()
    }

    fn is_served(&mut self) -> bool {
        self.metadata("good").brokers.len() == 1
    }
}

fn body(request: &impl Encodable, version: i16) -> Bytes {
    let mut body = BytesMut::new();
    request.encode(&mut body, version).unwrap();
    body.freeze()
}

fn frame(api: ApiKey, version: i16, body: &[u8]) -> Bytes {
    let header = RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .with_client_id(Some(StrBytes::from_static_str("hostile")));
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    header.encode(&mut frame, api.request_header_version(version)).unwrap();
    frame.put_slice(body);
    let length = frame.len() as i32 - 4;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame.freeze()
}

/// One batch of one record (key null, value "v"), its CRC wrong.
fn batch_with_a_bad_crc() -> Bytes {
    let record = [7 << 1, 0, 0, 0, 1, 1 << 1, b'v', 0];
    let mut batch = BytesMut::new();
    batch.put_i64(0); // base offset
    batch.put_i32(49 + record.len() as i32);
    batch.put_i32(-1); // leader epoch
    batch.put_i8(2); // magic
    batch.put_u32(0xbad); // CRC
    batch.put_i16(0); // attributes
    batch.put_i32(0); // last offset delta
    batch.put_i64(0); // base timestamp
    batch.put_i64(0); // largest timestamp
    batch.put_i64(-1); // producer id
    batch.put_i16(-1); // producer epoch
    batch.put_i32(-1); // base sequence
    batch.put_i32(1); // records
    batch.put_slice(&record);
    batch.freeze()
}

#[test]
fn frames_that_are_no_requests_close_their_connection_and_no_other() {
    let broker = start();
    let mut good = Client::connect(&broker);
    let two_gib = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff]);
    let negative = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff]);
    let empty = Bytes::from_static(&[0; 4]);
    let unknown_api = Bytes::from_static(&[0, 0, 0, 10, 0x70, 0, 0, 0, 0, 0, 0, 7, 0xff, 0xff]);
    let unserved_version = frame(ApiKey::Fetch, 3, &[]);
    let two_billion_topics = frame(ApiKey::Metadata, 1, &[0x7f, 0xff, 0xff, 0xff]);
    let truncated_body = frame(ApiKey::Metadata, 1, &[0, 0, 0, 1, 0, 9, b't']);
    let cases = [two_gib, negative, empty, unknown_api, unserved_version, two_billion_topics, truncated_body];
    for (number, case) in cases.iter().enumerate() {
        let mut client = Client::connect(&broker);
        client.send(case);
        assert!(client.is_closed(), "case {number}");
        assert!(good.is_served());
    }
    assert_eq!(broker.metrics().connections_closed_for_cause.value(), cases.len() as u64);
    broker.shutdown();
}

#[test]
fn an_unknown_version_of_api_versions_is_told_which_there_are() {
    let broker = start();
    let mut client = Client::connect(&broker);
    client.send(&frame(ApiKey::ApiVersions, 4_000, &[]));
    let mut response = client.response(ApiKey::ApiVersions, 0).unwrap();
    let response = ApiVersionsResponse::decode(&mut response, 0).unwrap();
    assert_eq!(response.error_code, UNSUPPORTED_VERSION);
    let range = response.api_keys.iter().find(|range| range.api_key == ApiKey::ApiVersions as i16).unwrap();
    assert_eq!((range.min_version, range.max_version), (0, 4));
    assert!(client.is_served());
    broker.shutdown();
}

#[test]
fn a_batch_with_a_bad_crc_is_refused_and_the_connection_goes_on() {
    let broker = start();
    let mut client = Client::connect(&broker);
    assert!(client.is_served());
    let data = PartitionProduceData::default().with_records(Some(batch_with_a_bad_crc()));
    let name = TopicName(StrBytes::from_static_str("good"));
    let topic = TopicProduceData::default().with_name(name).with_partition_data(vec![data]);
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(1_000).with_topic_data(vec![topic]);
    client.send(&frame(ApiKey::Produce, 9, &body(&request, 9)));
    let mut response = client.response(ApiKey::Produce, 9).unwrap();
    let response = ProduceResponse::decode(&mut response, 9).unwrap();
    assert_eq!(response.responses[0].partition_responses[0].error_code, CORRUPT_MESSAGE);
    assert!(client.is_served());
    broker.shutdown();
}

#[test]
fn random_bodies_for_every_api_do_no_harm() {
    let broker = start();
    let mut good = Client::connect(&broker);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for row in &SERVED {
        for version in row.min..=row.max {
            let mut body = BytesMut::new();
            for _ in 0..24 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                // Small numbers are lengths that can be true.
                body.put_u64(if random.is_multiple_of(3) { random } else { random & 0x0001_0003_0001_0203 });
            }
            let len = (random % 192) as usize;
            let mut client = Client::connect(&broker);
            client.send(&frame(row.api, version, &body[..len]));
            client.0.shutdown(std::net::Shutdown::Write).unwrap();
            // An answer or a closed connection; JoinGroup may wait until its client is given up.
            client.0.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            let _ = client.0.read(&mut [0; 16]);
        }
    }
    assert!(good.is_served());
    broker.shutdown();
}

#[test]
fn a_client_that_claims_much_and_sends_nothing_costs_nothing() {
    let broker = start();
    let mut good = Client::connect(&broker);
    let claims: Vec<Client> = (0..200)
        .map(|_| {
            let mut client = Client::connect(&broker);
            client.send(&(90_i32 << 20).to_be_bytes());
            client
        })
        .collect();
    assert!(good.is_served());
    assert_eq!(broker.metrics().bytes_in_flight.value(), 0);
    drop(claims);
    assert!(good.is_served());
    broker.shutdown();
}

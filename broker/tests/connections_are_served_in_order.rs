//! One connection: versions are negotiated, replies come in the order of requests, and nonsense ends the connection.

mod support;

use bytes::{Buf, BufMut, BytesMut};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, DescribeClusterRequest, MetadataRequest};
use kafka_protocol::protocol::Decodable;
use support::{TestBroker, frame, text};
use uuid::Uuid;

fn versions_request() -> ApiVersionsRequest {
    ApiVersionsRequest::default().with_client_software_name(text("test")).with_client_software_version(text("1.0"))
}

/// A frame with this header (null client id, no tagged fields) and no body.
fn bare_header(api_key: i16, version: i16) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.put_i32(11);
    frame.put_i16(api_key);
    frame.put_i16(version);
    frame.put_i32(77);
    frame.put_i16(-1);
    frame.put_u8(0);
    frame
}

#[test]
fn an_unknown_version_of_api_versions_is_told_the_known_ones() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    client.send_bytes(&bare_header(18, 99));
    let mut reply = client.receive_frame().expect("a reply");
    assert_eq!(reply.get_i32(), 77);
    let response = ApiVersionsResponse::decode(&mut reply, 0).expect("version 0");
    assert_eq!((response.error_code, reply.remaining()), (35, 0));
    let [own] = &response.api_keys[..] else { panic!("ApiVersions alone") };
    assert_eq!((own.api_key, own.min_version, own.max_version), (18, 0, 4));
    assert_eq!(client.call(4, &versions_request()).error_code, 0, "the connection goes on");
}

#[test]
fn a_client_without_a_proper_name_is_refused() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let request = versions_request().with_client_software_name(text("not a name"));
    assert_eq!(client.call(3, &request).error_code, 42);
}

#[test]
fn an_unknown_api_or_version_closes_the_connection_and_no_other() {
    let broker = TestBroker::start();
    let mut bystander = broker.client();
    for (api_key, version) in [(999, 0), (-1, 0), (0, 2), (0, 99), (3, -1), (22, 6), (74, 0)] {
        let mut client = broker.client();
        client.send_bytes(&bare_header(api_key, version));
        client.assert_closed();
    }
    assert_eq!(bystander.call(4, &versions_request()).error_code, 0);
}

#[test]
fn a_body_that_is_cut_short_closes_the_connection_and_bytes_after_it_are_passed_over() {
    let broker = TestBroker::start();
    let request = MetadataRequest::default().with_topics(Some(vec![]));
    let whole = frame(1, 12, &request);
    let with_body = |body: &[u8]| {
        let mut frame = BytesMut::new();
        frame.put_i32(body.len() as i32);
        frame.extend_from_slice(body);
        frame
    };
    let body = &whole[4..];
    for length in [body.len() - 1, body.len() - 4] {
        let mut client = broker.client();
        client.send_bytes(&with_body(&body[..length]));
        client.assert_closed();
    }
    // As Kafka does it.
    let mut client = broker.client();
    client.send_bytes(&with_body(&[body, b"!"].concat()));
    assert_eq!(client.receive::<MetadataRequest>(12, 1).brokers.len(), 1);
}

#[test]
fn replies_come_in_the_order_of_requests_also_past_a_fetch_that_waits() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, "empty", 1);
    let waiting = support::fetch_request(12, "empty", Uuid::nil(), 0, 0).with_max_wait_ms(200);
    let fetch = client.send(12, &waiting);
    let versions = client.send(4, &versions_request());
    client.finish_sending();
    let fetched = client.receive::<kafka_protocol::messages::FetchRequest>(12, fetch);
    assert_eq!(fetched.responses[0].partitions[0].error_code, 0);
    assert_eq!(client.receive::<ApiVersionsRequest>(4, versions).error_code, 0);
    client.assert_closed();
}

#[test]
fn the_address_that_a_client_connected_to_is_the_one_it_is_told() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let shown = client.call(12, &MetadataRequest::default().with_topics(Some(vec![]))).brokers.remove(0);
    assert_eq!((&*shown.host, shown.port), ("127.0.0.1", i32::from(broker.address().port())));
    let described = client.call(1, &DescribeClusterRequest::default());
    assert_eq!((&described.brokers[0].host, described.brokers[0].port), (&shown.host, shown.port));
    let controllers = client.call(1, &DescribeClusterRequest::default().with_endpoint_type(2));
    assert_eq!(controllers.error_code, 114);
}

#[test]
fn an_advertised_address_is_told_to_everyone() {
    let broker = TestBroker::start_with(&[("advertised.listeners", "PLAINTEXT://broker.example:19092")]);
    let mut client = broker.client();
    let shown = client.call(12, &MetadataRequest::default().with_topics(Some(vec![]))).brokers.remove(0);
    assert_eq!((&*shown.host, shown.port), ("broker.example", 19092));
}

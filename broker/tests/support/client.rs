//! A blocking Kafka client of one connection: any API, any version, and raw bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

/// How long a test waits for bytes that should come: long past any long poll, so that only a hang runs into it.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client {
    stream: TcpStream,
    next_correlation_id: i32,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("the broker accepts connections");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_read_timeout(Some(PATIENCE)).expect("read time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("write time-out");
        Client { stream, next_correlation_id: 1 }
    }

    /// One request, one reply; the reply must leave no byte undecoded.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let correlation_id = self.send(version, request);
        self.receive::<R>(version, correlation_id)
    }

    /// Sends and does not wait; returns the correlation id to give to [`Client::receive`].
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id += 1;
        self.send_bytes(&frame(correlation_id, version, request));
        correlation_id
    }

    pub fn receive<R: Request>(&mut self, version: i16, correlation_id: i32) -> R::Response {
        let mut frame = self.receive_frame().expect("a reply, not the end of the connection");
        let header = ResponseHeader::decode(&mut frame, R::Response::header_version(version)).expect("response header");
        assert_eq!(header.correlation_id, correlation_id, "replies come in the order of requests");
        let response = R::Response::decode(&mut frame, version)
            .unwrap_or_else(|error| panic!("API {} version {version}: {error}", R::KEY));
        assert_eq!(frame.remaining(), 0, "API {} version {version}: bytes left over", R::KEY);
        response
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the broker reads");
    }

    /// The next frame without its length, or `None` when the broker closed the connection.
    pub fn receive_frame(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        if !self.read_exact_or_end(&mut length) {
            return None;
        }
        let mut frame = BytesMut::zeroed(u32::from_be_bytes(length) as usize);
        self.read_exact_or_end(&mut frame).then(|| frame.freeze())
    }

    pub fn assert_closed(&mut self) {
        assert_eq!(self.receive_frame(), None, "the broker closes this connection");
    }

    /// Half-closes: nothing more will be sent, replies can still be read.
    pub fn finish_sending(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("shutdown");
    }

    fn read_exact_or_end(&mut self, into: &mut [u8]) -> bool {
        match self.stream.read_exact(into) {
            Ok(()) => true,
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => false,
            Err(error) => panic!("nothing came within {PATIENCE:?}: {error}"),
        }
    }
}

/// A whole request frame, its length included.
pub fn frame<R: Request>(correlation_id: i32, version: i16, request: &R) -> Bytes {
    let mut body = BytesMut::new();
    RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("test")))
        .encode(&mut body, R::header_version(version))
        .expect("request header");
    request.encode(&mut body, version).unwrap_or_else(|error| panic!("API {} version {version}: {error}", R::KEY));
    let mut frame = BytesMut::with_capacity(4 + body.len());
    frame.put_u32(body.len() as u32);
    frame.extend_from_slice(&body);
    frame.freeze()
}

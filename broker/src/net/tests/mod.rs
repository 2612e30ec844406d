//! Connections over real sockets, served by a scripted service.

mod hostile;
mod order;
mod sending;

use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Listener, NetSettings, Service};
use crate::api::reply::{Outcome, Part, Peer, Reply};
use crate::background::pool::Pool;
use crate::metrics::Metrics;
use crate::protocol::Request;
use crate::region::FileRegion;

/// Does what the request's client id says; the reply repeats the correlation id.
struct Scripted {
    file: Arc<File>,
    /// "wait" takes a permit.
    gate: Semaphore,
    /// What becomes of "wait".
    waits: mpsc::UnboundedSender<Wait>,
}

#[derive(Debug, PartialEq)]
enum Wait {
    Started,
    /// The handler was dropped before it had its permit.
    Dropped,
}

struct DropNotice(Option<mpsc::UnboundedSender<Wait>>);

impl Drop for DropNotice {
    fn drop(&mut self) {
        if let Some(waits) = self.0.take() {
            let _ = waits.send(Wait::Dropped);
        }
    }
}

impl Scripted {
    /// A frame of head, region, head, region, …
    fn regions(&self, request: &Request, spans: &[(u64, usize)]) -> Outcome {
        let len = 4 + spans.iter().map(|(_, len)| 1 + len).sum::<usize>();
        let mut head = BytesMut::new();
        head.put_i32(len as i32);
        head.put_i32(request.correlation_id);
        let mut parts = Vec::new();
        for (position, len) in spans {
            head.put_u8(b'#');
            parts.push(Part::Bytes(head.split().freeze()));
            let file = Arc::clone(&self.file);
            parts.push(Part::Region(FileRegion { file, position: *position, len: *len, hot: false }));
        }
        Outcome::Reply(Reply { parts })
    }
}

impl Service for Scripted {
    async fn call(&self, request: Request, _peer: &Peer) -> Outcome {
        match request.client_id.as_deref().unwrap_or_default() {
            "echo" => Outcome::Reply(Reply::from(correlation_frame(&request))),
            "silent" => Outcome::NoReply,
            "close" => Outcome::Close("asked to".into()),
            "panic" => panic!("asked to"),
            "wait" => {
                self.waits.send(Wait::Started).unwrap();
                let mut notice = DropNotice(Some(self.waits.clone()));
                self.gate.acquire().await.unwrap().forget();
                notice.0 = None;
                Outcome::Reply(Reply::from(correlation_frame(&request)))
            }
            "regions" => self.regions(&request, &[(0, 10), (100_000, 70_000), (5, 1), (300_000, 700_000)]),
            "crumbs" => self.regions(&request, &[(0, 10), (5_000, 100), (20, 30), (9_000, 1)]),
            "flood" => self.regions(&request, &[(0, FILE_LEN)]),
            "truncated" => self.regions(&request, &[(FILE_LEN as u64 - 10, 20)]),
            other => panic!("unknown command {other}"),
        }
    }
}

fn correlation_frame(request: &Request) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i32(4);
    frame.put_i32(request.correlation_id);
    frame.freeze()
}

/// A listener on a free port, with its service.
struct Served {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    service: Arc<Scripted>,
    waits: mpsc::UnboundedReceiver<Wait>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
    content: Vec<u8>,
}

/// The first bytes of the file behind the regions; the rest is a hole.
const CONTENT_LEN: usize = 1_100_000;
/// More than the socket buffers of both sides take.
const FILE_LEN: usize = 64 << 20;

impl Served {
    fn start(settings: NetSettings) -> Served {
        let content: Vec<u8> = (0..CONTENT_LEN).map(|at| (at * 31 + at / 251) as u8).collect();
        let file = tempfile::tempfile().unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &content, 0).unwrap();
        file.set_len(FILE_LEN as u64).unwrap();
        let (wait_sender, waits) = mpsc::unbounded_channel();
        let service = Arc::new(Scripted { file: Arc::new(file), gate: Semaphore::new(0), waits: wait_sender });
        let metrics = Arc::new(Metrics::default());
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), settings).unwrap();
        let address = listener.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = listener.serve(Arc::clone(&service), Arc::clone(&metrics), Pool::new(2), async move {
            let _ = stopped.await;
        });
        let ended = tokio::spawn(serve);
        Served { address, metrics, service, waits, stop, ended, content }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Returns once `condition` holds; panics if it does not within 20 s.
    async fn until(&self, condition: impl Fn(&Metrics) -> bool) {
        let polls = async {
            while !condition(&self.metrics) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), polls).await.expect("the condition comes true");
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
        assert_eq!(self.metrics.connections_open.value(), 0);
        assert_eq!(self.metrics.bytes_in_flight.value(), 0);
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    async fn command(&mut self, correlation_id: i32, command: &str) {
        self.send(&frame(correlation_id, command, 0)).await;
    }

    /// The next reply's correlation id and what follows it.
    async fn reply(&mut self) -> (i32, Bytes) {
        let read = async {
            let len = self.0.read_i32().await.unwrap();
            let mut frame = vec![0; len as usize];
            self.0.read_exact(&mut frame).await.unwrap();
            Bytes::from(frame)
        };
        let mut frame = tokio::time::timeout(Duration::from_secs(20), read).await.expect("a reply comes");
        (frame.get_i32(), frame)
    }

    /// Whether the server closes the connection, without another byte.
    async fn is_closed(&mut self) -> bool {
        let read = self.0.read_u8();
        tokio::time::timeout(Duration::from_secs(20), read).await.expect("the connection is closed").is_err()
    }
}

/// A Heartbeat request, version 0, with its length, and a body of this many bytes that nobody decodes.
fn frame(correlation_id: i32, client_id: &str, body_len: usize) -> Bytes {
    begun_frame(correlation_id, client_id, body_len, body_len)
}

/// The beginning of such a frame: `sent_len` bytes of its body.
fn begun_frame(correlation_id: i32, client_id: &str, body_len: usize, sent_len: usize) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i32((10 + client_id.len() + body_len) as i32);
    frame.put_i16(12);
    frame.put_i16(0);
    frame.put_i32(correlation_id);
    frame.put_i16(client_id.len() as i16);
    frame.put_slice(client_id.as_bytes());
    frame.put_bytes(b'b', sent_len);
    frame.freeze()
}

//! `net` through its public door, beside what the kernel allows on loopback.
//!
//! Every pair does the same work for the same client: a blocking socket that sends a request and reads the whole reply
//! before it sends the next. The bare loops are one blocking thread without framing, time-outs, budgets or fairness;
//! what `net` costs is the ratio within one run.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use broker::api::reply::{Outcome, Part, Peer, Reply};
use broker::background::pool::Pool;
use broker::metrics::Metrics;
use broker::net::{Listener, NetSettings, Service};
use broker::protocol::Request;
use broker::region::FileRegion;
use bytes::{BufMut, Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// What a fetch or produce request carries: about what arrives in 5 ms at 100,000 messages of 100 bytes a second.
const RECORDS_BYTES: usize = 64 << 10;
/// The file that regions come from.
const FILE_BYTES: usize = 64 << 20;
/// A request without a body.
const REQUEST_BYTES: usize = 4 + 10;
/// The head of every reply: length, correlation id.
const HEAD_BYTES: usize = 8;

/// The correlation id says what is asked.
const ECHO: i32 = 0;
const REGION: i32 = 1;

/// Replies with nothing, or with records from the page cache.
struct Answers {
    file: Arc<File>,
}

impl Service for Answers {
    async fn call(&self, request: Request, _peer: &Peer) -> Outcome {
        let records_len = if request.correlation_id == REGION { RECORDS_BYTES } else { 0 };
        let mut head = BytesMut::with_capacity(HEAD_BYTES);
        head.put_i32((4 + records_len) as i32);
        head.put_i32(request.correlation_id);
        let mut parts = vec![Part::Bytes(head.freeze())];
        if records_len > 0 {
            let file = Arc::clone(&self.file);
            parts.push(Part::Region(FileRegion { file, position: 4096, len: records_len, hot: false }));
        }
        Outcome::Reply(Reply { parts })
    }
}

/// Serves `net` on a runtime of its own until the process ends.
fn serve_net(file: &Arc<File>) -> SocketAddr {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let service = Arc::new(Answers { file: Arc::clone(file) });
    let guard = runtime.enter();
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), NetSettings::default()).unwrap();
    drop(guard);
    let address = listener.address();
    runtime.spawn(listener.serve(service, Arc::new(Metrics::default()), Pool::new(2), std::future::pending()));
    std::mem::forget(runtime);
    address
}

/// Serves one connection on a thread of its own: reads `request_bytes`, then lets `answer` do what it does.
fn serve_bare(request_bytes: usize, mut answer: impl FnMut(&mut TcpStream, &[u8]) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = vec![0; request_bytes];
        while stream.read_exact(&mut request).is_ok() {
            answer(&mut stream, &request);
        }
    });
    address
}

fn send_head(stream: &TcpStream, flags: rustix::net::SendFlags) {
    assert_eq!(rustix::net::send(stream, &[0; HEAD_BYTES], flags).unwrap(), HEAD_BYTES);
}

/// A Heartbeat request that `net` understands as far as it looks.
fn request(correlation_id: i32, body_len: usize) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i32((10 + body_len) as i32);
    frame.put_i16(12);
    frame.put_i16(0);
    frame.put_i32(correlation_id);
    frame.put_i16(-1);
    frame.put_bytes(0, body_len);
    frame.freeze()
}

/// One request after the other over one connection.
fn round_trips(criterion: &mut Criterion, name: (&str, &str), address: SocketAddr, request: &[u8], reply_bytes: usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut reply = vec![0; reply_bytes];
    let mut group = criterion.benchmark_group(name.0);
    let payload = request.len().max(reply_bytes);
    if payload >= RECORDS_BYTES {
        group.throughput(Throughput::Bytes(payload as u64));
    }
    group.bench_function(name.1, |bencher| {
        bencher.iter(|| {
            stream.write_all(request).unwrap();
            stream.read_exact(&mut reply).unwrap();
        });
    });
    group.finish();
}

fn round_trip(criterion: &mut Criterion) {
    let bare = serve_bare(REQUEST_BYTES, |stream, _| send_head(stream, rustix::net::SendFlags::empty()));
    let ask = request(ECHO, 0);
    round_trips(criterion, ("round trip", "bare loop"), bare, &ask, HEAD_BYTES);
    round_trips(criterion, ("round trip", "net"), serve_net(&filled_file()), &ask, HEAD_BYTES);
}

fn records_from_the_page_cache(criterion: &mut Criterion) {
    let group = "64 KiB from the page cache";
    let reply_bytes = HEAD_BYTES + RECORDS_BYTES;
    let file = filled_file();
    let ask = request(REGION, 0);

    let source = Arc::clone(&file);
    let by_sendfile = serve_bare(REQUEST_BYTES, move |stream, _| {
        send_head(stream, rustix::net::SendFlags::MORE);
        let mut position = 4096;
        while position < 4096 + RECORDS_BYTES as u64 {
            let left = 4096 + RECORDS_BYTES - position as usize;
            rustix::fs::sendfile(&*stream, &*source, Some(&mut position), left).unwrap();
        }
    });
    round_trips(criterion, (group, "bare sendfile loop"), by_sendfile, &ask, reply_bytes);

    let source = Arc::clone(&file);
    let mut copy = vec![0; reply_bytes];
    let by_copy = serve_bare(REQUEST_BYTES, move |stream, _| {
        source.read_exact_at(&mut copy[HEAD_BYTES..], 4096).unwrap();
        stream.write_all(&copy).unwrap();
    });
    round_trips(criterion, (group, "bare pread and write loop"), by_copy, &ask, reply_bytes);

    round_trips(criterion, (group, "net, a region"), serve_net(&file), &ask, reply_bytes);
}

fn records_received(criterion: &mut Criterion) {
    let group = "64 KiB received";
    let ask = request(ECHO, RECORDS_BYTES);

    let bare = serve_bare(ask.len(), |stream, _| send_head(stream, rustix::net::SendFlags::empty()));
    round_trips(criterion, (group, "bare loop"), bare, &ask, HEAD_BYTES);

    let log = tempfile::tempfile().unwrap();
    let mut position = 0;
    let written = serve_bare(ask.len(), move |stream, records| {
        std::hint::black_box(crc32c::crc32c(records));
        log.write_all_at(records, position).unwrap();
        position = (position + records.len() as u64) % FILE_BYTES as u64;
        send_head(stream, rustix::net::SendFlags::empty());
    });
    round_trips(criterion, (group, "bare loop, with CRC and write"), written, &ask, HEAD_BYTES);

    round_trips(criterion, (group, "net"), serve_net(&filled_file()), &ask, HEAD_BYTES);
}

fn filled_file() -> Arc<File> {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&vec![7; FILE_BYTES], 0).unwrap();
    Arc::new(file)
}

criterion_group!(benches, round_trip, records_from_the_page_cache, records_received);
criterion_main!(benches);

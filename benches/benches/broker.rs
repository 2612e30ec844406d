//! The whole broker over loopback sockets, beside what the kernel allows there.
//!
//! In each group a bare loop does, on one blocking thread, what cannot be done without; the broker answers the same
//! client with the same bytes. The last line of a group says how many times the floor the broker takes.
//!
//! | group | floor | measured |
//! |---|---|---|
//! | `broker/round trip` | receive → reply | time |
//! | `broker/produce …` | receive → CRC → write → reply | time |
//! | `broker/fetch 1 MiB` | receive → `sendfile(2)` | time |
//! | `broker/paced …` | receive → write → reply → `sendfile(2)` to a consumer, a batch a millisecond | CPU of the server |

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use broker::config::Config;
use broker::record::BatchBuilder;
use broker::server::{Broker, Handle};
use bytes::{BufMut, Bytes, BytesMut};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, FetchRequest, GroupId, HeartbeatRequest, ProduceRequest, RequestHeader, TopicName,
};
use kafka_protocol::protocol::{Encodable, Request, StrBytes};
use rustix::net::{SendFlags, send};
use rustix::time::{ClockId, clock_gettime};

const NOW_MS: i64 = 1_700_000_000_000;
const VALUE: [u8; 100] = [b'v'; 100];
/// What a fetch asks for, and what the floor sends.
const FETCH_BYTES: usize = 1 << 20;
/// Records that fetches come from, and the length at which the floor's log begins anew.
const FILE_BYTES: usize = 64 << 20;
/// 1,000 batches of 100 records: 100,000 messages a second.
const PACE: Duration = Duration::from_millis(1);
/// A frame's length and a correlation id.
const HEAD_BYTES: usize = 8;

/// A broker that keeps no more than the benches need.
fn start() -> Handle {
    let mut config = Config::ephemeral("127.0.0.1:0");
    for (name, value) in [
        ("log.segment.bytes", "67108864"),
        // The records are of a fixed time, long past.
        ("log.retention.ms", "-1"),
        ("log.retention.bytes", "134217728"),
        ("log.retention.check.interval.ms", "500"),
        ("log.segment.delete.delay.ms", "0"),
    ] {
        config.set(name, value).expect("a setting");
    }
    Broker::start(config).expect("the broker starts")
}

/// A blocking client of one connection.
struct Client {
    stream: TcpStream,
    reply: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("a listener");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Client { stream, reply: vec![0; 2 * FETCH_BYTES] }
    }

    fn send(&mut self, frame: &[u8]) {
        self.stream.write_all(frame).expect("the server reads");
    }

    /// Reads one reply; returns its length.
    fn receive(&mut self) -> usize {
        let (mut filled, mut wanted) = (0, 4);
        while filled < wanted {
            let read = self.stream.read(&mut self.reply[filled..]).expect("the server answers");
            assert!(read > 0, "the server closed the connection");
            filled += read;
            if wanted == 4 && filled >= 4 {
                let length: [u8; 4] = self.reply[..4].try_into().expect("four bytes");
                wanted += u32::from_be_bytes(length) as usize;
            }
        }
        filled
    }

    fn call(&mut self, frame: &[u8]) -> usize {
        self.send(frame);
        self.receive()
    }

    /// One call after the other for `count` times.
    fn time_calls(&mut self, frame: &[u8], count: u64) -> Duration {
        let begun = Instant::now();
        for _ in 0..count {
            self.call(frame);
        }
        begun.elapsed()
    }
}

fn frame<R: Request>(version: i16, request: &R) -> Bytes {
    let mut frame = BytesMut::zeroed(4);
    RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_client_id(Some(StrBytes::from_static_str("bench")))
        .encode(&mut frame, R::header_version(version))
        .expect("a header");
    request.encode(&mut frame, version).expect("a request");
    let length = frame.len() as u32 - 4;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame.freeze()
}

fn topic_name() -> TopicName {
    TopicName(StrBytes::from_static_str("bench"))
}

fn create_topic(client: &mut Client) {
    let topic = CreatableTopic::default().with_name(topic_name()).with_num_partitions(1).with_replication_factor(1);
    client.call(&frame(7, &CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000)));
}

fn batch(records: usize) -> Bytes {
    (0..records).fold(BatchBuilder::new(), |batch, _| batch.record(NOW_MS, None, Some(&VALUE))).build()
}

fn produce_frame(records: Bytes) -> Bytes {
    let partition = PartitionProduceData::default().with_index(0).with_records(Some(records));
    let topic = TopicProduceData::default().with_name(topic_name()).with_partition_data(vec![partition]);
    frame(9, &ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![topic]))
}

/// A fetch that waits for a byte, and takes up to 1 MiB.
fn fetch_frame(offset: i64) -> Bytes {
    let partition = FetchPartition::default()
        .with_current_leader_epoch(-1)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(FETCH_BYTES as i32);
    let topic = FetchTopic::default().with_topic(topic_name()).with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(10_000)
        .with_min_bytes(1)
        .with_max_bytes(FETCH_BYTES as i32)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    frame(12, &request)
}

/// Serves `connections` connections, in the order they come, on a thread of its own: reads `request_bytes` from the
/// first one, then has `answer` do what it does with all of them.
fn serve_bare(
    connections: usize,
    request_bytes: usize,
    mut answer: impl FnMut(&[TcpStream], &[u8]) + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let accept = |_| listener.accept().expect("a connection").0;
        let streams: Vec<TcpStream> = (0..connections).map(accept).collect();
        streams.iter().for_each(|stream| stream.set_nodelay(true).expect("TCP_NODELAY"));
        let mut request = vec![0; request_bytes];
        while (&streams[0]).read_exact(&mut request).is_ok() {
            answer(&streams, &request);
        }
    });
    address
}

/// Sends the head of a reply with `payload_bytes` to come.
fn send_head(stream: &TcpStream, payload_bytes: usize, flags: SendFlags) {
    let mut head = [0; HEAD_BYTES];
    (&mut head[..]).put_u32((HEAD_BYTES - 4 + payload_bytes) as u32);
    assert_eq!(send(stream, &head, flags).expect("the client reads"), HEAD_BYTES);
}

fn send_file(stream: &TcpStream, file: &File, mut position: u64, len: usize) {
    let end = position + len as u64;
    while position < end {
        let left = (end - position) as usize;
        rustix::fs::sendfile(stream, file, Some(&mut position), left).expect("the client reads");
    }
}

/// A file that is appended to until it is as long as a segment, and then begun anew.
struct BareLog {
    file: File,
    end: u64,
}

impl BareLog {
    fn new() -> BareLog {
        BareLog { file: tempfile::tempfile().expect("a file"), end: 0 }
    }

    /// Returns where the records are.
    fn append(&mut self, records: &[u8]) -> u64 {
        if self.end >= FILE_BYTES as u64 {
            self.file.set_len(0).expect("a shorter file");
            self.end = 0;
        }
        let position = self.end;
        self.file.write_all_at(records, position).expect("room");
        self.end += records.len() as u64;
        position
    }
}

/// What a group compares: a name, and how long (in time or in CPU) so many iterations take.
type Subject<'a> = (&'a str, &'a mut dyn FnMut(u64) -> Duration);

/// Measures the floor and the broker, and says the ratio. With `is_paced` an iteration lasts far longer than what is
/// measured of it, so few are made.
fn compare(criterion: &mut Criterion, name: &str, payload_bytes: usize, is_paced: bool, subjects: [Subject<'_>; 2]) {
    let mut group = criterion.benchmark_group(name);
    if payload_bytes > 0 {
        group.throughput(Throughput::Bytes(payload_bytes as u64));
    }
    if is_paced {
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        group.warm_up_time(Duration::from_millis(5)).measurement_time(Duration::from_millis(100));
    }
    let mut means_us = Vec::new();
    for (subject, run) in subjects {
        let (mut took, mut count) = (Duration::ZERO, 0);
        group.bench_function(subject, |bencher| {
            bencher.iter_custom(|iterations| {
                let measured = run(iterations);
                took += measured;
                count += iterations;
                measured
            });
        });
        if count > 0 {
            means_us.push(took.as_secs_f64() * 1e6 / count as f64);
        }
    }
    group.finish();
    // A filter on the command line may have left one out.
    if let [floor_us, broker_us] = means_us[..] {
        println!(
            "{name}: floor {floor_us:.1} µs, broker {broker_us:.1} µs, {:.2} times the floor\n",
            broker_us / floor_us
        );
    }
}

fn round_trip(criterion: &mut Criterion) {
    let broker = start();
    let ask = frame(0, &HeartbeatRequest::default().with_group_id(GroupId(StrBytes::from_static_str("nobody's"))));
    let bare = serve_bare(1, ask.len(), |streams, _| send_head(&streams[0], 0, SendFlags::empty()));
    let (mut floor, mut client) = (Client::connect(bare), Client::connect(broker.address()));
    let floor_run = &mut |count| floor.time_calls(&ask, count);
    let broker_run = &mut |count| client.time_calls(&ask, count);
    compare(criterion, "broker/round trip", 0, false, [("bare loop", floor_run), ("broker", broker_run)]);
}

fn produce(criterion: &mut Criterion) {
    for records in [1, 100] {
        let broker = start();
        let mut client = Client::connect(broker.address());
        create_topic(&mut client);
        let batch = batch(records);
        let ask = produce_frame(batch.clone());
        let (mut log, batch_bytes) = (BareLog::new(), batch.len());
        let bare = serve_bare(1, ask.len(), move |streams, request| {
            // The batch is about the last thing in the frame; what it is exactly makes no difference here.
            let records = &request[request.len() - batch_bytes..];
            std::hint::black_box(crc32c::crc32c(records));
            log.append(records);
            send_head(&streams[0], 0, SendFlags::empty());
        });
        let mut floor = Client::connect(bare);
        let floor_run = &mut |count| floor.time_calls(&ask, count);
        let broker_run = &mut |count| client.time_calls(&ask, count);
        let name = format!("broker/produce {records} × 100 B");
        compare(criterion, &name, batch_bytes, false, [("bare CRC and write loop", floor_run), ("broker", broker_run)]);
    }
}

fn fetch(criterion: &mut Criterion) {
    let broker = start();
    let mut client = Client::connect(broker.address());
    create_topic(&mut client);
    let batch = batch(100);
    let ask = produce_frame(batch.clone());
    let batches = FILE_BYTES / 2 / batch.len();
    client.time_calls(&ask, batches as u64);
    // Fetches from all over the log.
    let asks: Vec<Bytes> = (0..16).map(|nth| fetch_frame((nth * batches * 100 / 20) as i64)).collect();

    let file = tempfile::tempfile().expect("a file");
    file.write_all_at(&vec![7; FILE_BYTES], 0).expect("room");
    let mut nth = 0;
    let bare = serve_bare(1, asks[0].len(), move |streams, _| {
        nth = (nth + 1) % 16;
        send_head(&streams[0], FETCH_BYTES, SendFlags::MORE);
        send_file(&streams[0], &file, nth * (2 << 20), FETCH_BYTES);
    });
    let mut floor = Client::connect(bare);
    let run = |client: &mut Client, count: u64| {
        let begun = Instant::now();
        for ask in asks.iter().cycle().take(count as usize) {
            let received = client.call(ask);
            assert!(received > FETCH_BYTES - batch.len(), "{received} bytes");
        }
        begun.elapsed()
    };
    let floor_run = &mut |count| run(&mut floor, count);
    let broker_run = &mut |count| run(&mut client, count);
    let subjects: [Subject<'_>; 2] = [("bare sendfile loop", floor_run), ("broker", broker_run)];
    compare(criterion, "broker/fetch 1 MiB", FETCH_BYTES, false, subjects);
}

/// CPU of the whole process without this thread's: the server's.
fn server_cpu() -> Duration {
    let read = |clock| {
        let now = clock_gettime(clock);
        Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
    };
    read(ClockId::ProcessCPUTime) - read(ClockId::ThreadCPUTime)
}

/// Does `iteration` once a [`PACE`]; returns the server's CPU.
fn time_paced(count: u64, mut iteration: impl FnMut()) -> Duration {
    let begun = Instant::now();
    let cpu = server_cpu();
    for nth in 1..=count {
        let due = begun + PACE * nth as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        iteration();
    }
    server_cpu().saturating_sub(cpu)
}

fn paced(criterion: &mut Criterion) {
    let batch = batch(100);
    let ask = produce_frame(batch.clone());
    let (mut log, batch_bytes) = (BareLog::new(), batch.len());
    let bare = serve_bare(2, ask.len(), move |streams, request| {
        let position = log.append(&request[request.len() - batch_bytes..]);
        send_head(&streams[0], 0, SendFlags::empty());
        send_head(&streams[1], batch_bytes, SendFlags::MORE);
        send_file(&streams[1], &log.file, position, batch_bytes);
    });
    let (mut bare_producer, mut bare_consumer) = (Client::connect(bare), Client::connect(bare));
    let floor_run = &mut |count| {
        time_paced(count, || {
            bare_producer.call(&ask);
            bare_consumer.receive();
        })
    };

    let broker = start();
    let (mut producer, mut consumer) = (Client::connect(broker.address()), Client::connect(broker.address()));
    create_topic(&mut producer);
    let mut offset = 0;
    consumer.send(&fetch_frame(offset));
    let broker_run = &mut |count| {
        time_paced(count, || {
            producer.call(&ask);
            let received = consumer.receive();
            assert!(received > batch_bytes, "{received} bytes");
            offset += 100;
            consumer.send(&fetch_frame(offset));
        })
    };
    let name = "broker/paced 1,000 batches/s, CPU";
    compare(criterion, name, 0, true, [("bare write and sendfile loop", floor_run), ("broker", broker_run)]);
}

criterion_group!(benches, round_trip, produce, fetch, paced);
criterion_main!(benches);

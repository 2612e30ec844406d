//! A broker is killed while it is produced to, again and again; whatever it had acknowledged is there afterwards, under
//! the offset that was acknowledged. `KILL_ROUNDS=200 cargo test --test acknowledged_records_survive_kill_9` kills it
//! more often, and `KILL_SEED` repeats the moments of an earlier run.

mod process;
mod support;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, ResponseHeader};
use kafka_protocol::protocol::Decodable;
use process::BrokerProcess;
use support::{Batch, Client, create_topic_with, frame, produce_request, read_all};
use uuid::Uuid;

/// Rounds, if `KILL_ROUNDS` does not say.
const ROUNDS: u64 = 5;
/// Acknowledgements of a round before the kill, at most.
const MAX_ACKNOWLEDGED: u64 = 500;
const PRODUCERS: usize = 3;

/// Counts acknowledgements, so that the kill falls in the midst of them.
#[derive(Default)]
struct Progress {
    acknowledged: AtomicUsize,
    changed: (Mutex<()>, Condvar),
}

#[test]
fn acknowledged_records_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let broker = BrokerProcess::start(dir.path());
    create_topic_with(&mut Client::connect(broker.address()), "news", PRODUCERS as i32, &[("retention.ms", "-1")]);
    broker.terminate();
    let mut acknowledged: Vec<Vec<(i64, String)>> = vec![Vec::new(); PRODUCERS];
    let seed = environment("KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("KILL_SEED={seed}");
    let mut moments = Moments(seed);
    for round in 0..environment("KILL_ROUNDS").unwrap_or(ROUNDS) {
        let broker = BrokerProcess::start(dir.path());
        let address = broker.address();
        let progress = Arc::new(Progress::default());
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|partition| {
                let progress = progress.clone();
                std::thread::spawn(move || produce_until_killed(address, partition, round, &progress))
            })
            .collect();
        let guard = progress.changed.0.lock().unwrap();
        let enough = moments.next_below(MAX_ACKNOWLEDGED) as usize;
        drop(progress.changed.1.wait_while(guard, |()| progress.acknowledged.load(Ordering::SeqCst) < enough).unwrap());
        broker.kill();
        for (partition, producer) in producers.into_iter().enumerate() {
            acknowledged[partition].extend(producer.join().unwrap());
        }
    }
    let broker = BrokerProcess::start(dir.path());
    let mut client = Client::connect(broker.address());
    for (partition, acknowledged) in acknowledged.iter().enumerate() {
        let stored = read_all(&mut client, "news", partition as i32);
        assert!(stored.iter().map(|(offset, _)| *offset).eq(0..stored.len() as i64), "offsets have gaps");
        let lost: Vec<_> = acknowledged.iter().filter(|(offset, value)| stored[*offset as usize].1 != *value).collect();
        assert!(lost.is_empty(), "partition {partition}: {lost:?}");
    }
    assert!(broker.terminate().success());
}

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} takes a number, not {value}")))
}

/// Pseudo-random numbers (splitmix64), so that a printed seed brings the same kills again.
struct Moments(u64);

impl Moments {
    fn next_below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Produces batches of two until the connection breaks; returns what was acknowledged.
fn produce_until_killed(address: SocketAddr, partition: usize, round: u64, progress: &Progress) -> Vec<(i64, String)> {
    let mut acknowledged = Vec::new();
    let Ok(mut stream) = TcpStream::connect(address) else { return acknowledged };
    for number in 0.. {
        let values = [format!("{round}.{number}.a"), format!("{round}.{number}.b")];
        let batch = Batch::of(&[values[0].as_str(), values[1].as_str()]).encode();
        let request = produce_request(9, "news", Uuid::nil(), partition as i32, batch);
        let Ok(response) = exchange(&mut stream, number, &request) else { break };
        let answer = &response.responses[0].partition_responses[0];
        assert_eq!(answer.error_code, 0);
        acknowledged.extend((answer.base_offset..).zip(values));
        progress.acknowledged.fetch_add(1, Ordering::SeqCst);
        let _guard = progress.changed.0.lock().unwrap();
        progress.changed.1.notify_all();
    }
    acknowledged
}

/// One request and its reply, or what the connection's end looks like.
fn exchange(stream: &mut TcpStream, correlation_id: i32, request: &ProduceRequest) -> io::Result<ProduceResponse> {
    stream.write_all(&frame(correlation_id, 9, request))?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut reply)?;
    let mut reply = Bytes::from(reply);
    assert_eq!(ResponseHeader::decode(&mut reply, 1).unwrap().correlation_id, correlation_id);
    Ok(ProduceResponse::decode(&mut reply, 9).unwrap())
}

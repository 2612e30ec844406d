//! A broker is killed while it is produced to, and while a group commits, again and again; whatever it had acknowledged
//! is there afterwards: records under the offset that was acknowledged, those of idempotent producers once and in
//! sequence, though what was not acknowledged is sent again after the restart, and the offset that was committed last.
//! `KILL_ROUNDS=200 cargo test --test acknowledged_records_survive_kill_9` kills it more often, and `KILL_SEED` repeats
//! the moments of an earlier run.

mod process;
mod support;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{
    GroupId, InitProducerIdRequest, OffsetCommitRequest, OffsetFetchRequest, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request};
use process::BrokerProcess;
use support::{Batch, Client, create_topic_with, frame, produce_request, read_all, text, topic_name};
use uuid::Uuid;

const TOPIC: &str = "news";
/// Rounds, if `KILL_ROUNDS` does not say.
const ROUNDS: u64 = 5;
/// Acknowledgements of a round before the kill, at most.
const MAX_ACKNOWLEDGED: u64 = 500;
/// One for each partition; all but the first are idempotent.
const PRODUCERS: usize = 3;
/// While the group's partition is read after a restart.
const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;

/// Counts acknowledgements, so that the kill falls in the midst of them.
#[derive(Default)]
struct Progress {
    acknowledged: AtomicUsize,
    changed: (Mutex<()>, Condvar),
}

#[test]
fn acknowledged_records_and_offsets_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let broker = start(dir.path());
    let mut client = Client::connect(broker.address());
    create_topic_with(&mut client, TOPIC, PRODUCERS as i32, &[("retention.ms", "-1")]);
    let mut producers: Vec<_> = (0..PRODUCERS).map(|partition| Producer::new(&mut client, partition)).collect();
    let mut committer = Committer::default();
    broker.terminate();
    let seed = environment("KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("KILL_SEED={seed}");
    let mut moments = Moments(seed);
    for _ in 0..environment("KILL_ROUNDS").unwrap_or(ROUNDS) {
        let broker = start(dir.path());
        let address = broker.address();
        committer.check(&mut Client::connect(address));
        let progress = Progress::default();
        std::thread::scope(|scope| {
            for producer in &mut producers {
                scope.spawn(|| producer.produce_until_killed(address, &progress));
            }
            scope.spawn(|| committer.commit_until_killed(address));
            let guard = progress.changed.0.lock().unwrap();
            let enough = moments.next_below(MAX_ACKNOWLEDGED) as usize;
            let short = |(): &mut ()| progress.acknowledged.load(Ordering::SeqCst) < enough;
            drop(progress.changed.1.wait_while(guard, short).unwrap());
            broker.kill();
        });
    }
    let broker = start(dir.path());
    let mut client = Client::connect(broker.address());
    producers.iter().for_each(|producer| producer.check(&mut client));
    committer.check(&mut client);
    assert!(broker.terminate().success());
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock past 1970").as_millis() as i64
}

/// With few partitions of `__consumer_offsets`, for a fast start in debug mode.
fn start(dir: &Path) -> BrokerProcess {
    let dir = dir.to_str().expect("a path in UTF-8");
    BrokerProcess::run(&mut process::command(&["--data-dir", dir, "--config", "offsets.topic.num.partitions=4"]))
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

/// Produces batches of two, values numbered from 0 on.
struct Producer {
    partition: usize,
    /// Of an idempotent producer.
    id: Option<i64>,
    /// Number of the next value, and its sequence.
    next: i32,
    acknowledged: Vec<(i64, String)>,
}

impl Producer {
    fn new(client: &mut Client, partition: usize) -> Producer {
        let request = InitProducerIdRequest::default().with_transactional_id(None);
        let id = (partition > 0).then(|| client.call(4, &request)).map(|response| {
            assert_eq!(response.error_code, 0);
            response.producer_id.0
        });
        Producer { partition, id, next: 0, acknowledged: Vec::new() }
    }

    /// An idempotent producer begins with what was not acknowledged the last time; another one does not send that again.
    fn produce_until_killed(&mut self, address: SocketAddr, progress: &Progress) {
        let Ok(mut stream) = TcpStream::connect(address) else { return };
        for correlation_id in 0.. {
            let values = [self.next, self.next + 1].map(|number| number.to_string());
            // A producer is forgotten a day after the timestamp of its last record, as in Kafka.
            let mut batch = Batch::of(&[&values[0], &values[1]]).at(now_ms());
            batch = self.id.into_iter().fold(batch, |batch, id| batch.by_producer(id, 0, self.next));
            let request = produce_request(9, TOPIC, Uuid::nil(), self.partition as i32, batch.encode());
            let response = exchange(&mut stream, correlation_id, 9, &request);
            if response.is_ok() || self.id.is_none() {
                self.next += 2;
            }
            let Ok(response) = response else { break };
            let answer = &response.responses[0].partition_responses[0];
            assert_eq!(answer.error_code, 0, "partition {}, sequence {}", self.partition, self.next - 2);
            self.acknowledged.extend((answer.base_offset..).zip(values));
            progress.acknowledged.fetch_add(1, Ordering::SeqCst);
            let _guard = progress.changed.0.lock().unwrap();
            progress.changed.1.notify_all();
        }
    }

    fn check(&self, client: &mut Client) {
        let stored = read_all(client, TOPIC, self.partition as i32);
        assert!(stored.iter().map(|(offset, _)| *offset).eq(0..stored.len() as i64), "offsets have gaps");
        let is_lost = |(offset, value): &&(i64, String)| stored.get(*offset as usize).is_none_or(|(_, it)| it != value);
        let lost: Vec<_> = self.acknowledged.iter().filter(is_lost).collect();
        assert!(lost.is_empty(), "partition {}: {lost:?}", self.partition);
        if self.id.is_some() {
            let in_sequence =
                stored.iter().map(|(_, value)| value.clone()).eq((0..stored.len()).map(|n| n.to_string()));
            assert!(in_sequence, "partition {}: repeated or out of sequence", self.partition);
        }
    }
}

/// Commits ever larger offsets for a group without members.
#[derive(Default)]
struct Committer {
    acknowledged: Option<i64>,
    asked: i64,
}

impl Committer {
    fn commit_until_killed(&mut self, address: SocketAddr) {
        let Ok(mut stream) = TcpStream::connect(address) else { return };
        for correlation_id in 0.. {
            let offset = self.asked + 1;
            let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
            let topic =
                OffsetCommitRequestTopic::default().with_name(topic_name(TOPIC)).with_partitions(vec![partition]);
            let request = OffsetCommitRequest::default().with_group_id(group()).with_topics(vec![topic]);
            self.asked = offset;
            let Ok(response) = exchange(&mut stream, correlation_id, 8, &request) else { break };
            match response.topics[0].partitions[0].error_code {
                0 => self.acknowledged = Some(offset),
                code => assert_eq!(code, COORDINATOR_LOAD_IN_PROGRESS),
            }
        }
    }

    /// What was acknowledged last is committed, or what was asked for after it.
    fn check(&self, client: &mut Client) {
        let topic = OffsetFetchRequestTopic::default().with_name(topic_name(TOPIC)).with_partition_indexes(vec![0]);
        let request = OffsetFetchRequest::default().with_group_id(group()).with_topics(Some(vec![topic]));
        let response = loop {
            let response = client.call(5, &request);
            if response.error_code != COORDINATOR_LOAD_IN_PROGRESS {
                break response;
            }
        };
        let committed = response.topics[0].partitions[0].committed_offset;
        let expected = self.acknowledged.unwrap_or(-1)..=self.asked;
        assert!(expected.contains(&committed), "{committed} is committed, {expected:?} could be");
    }
}

fn group() -> GroupId {
    GroupId(text("survivors"))
}

/// One request and its reply, or what the connection's end looks like.
fn exchange<R: Request>(
    stream: &mut TcpStream,
    correlation_id: i32,
    version: i16,
    request: &R,
) -> io::Result<R::Response> {
    stream.write_all(&frame(correlation_id, version, request))?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut reply)?;
    let mut reply = Bytes::from(reply);
    let header = ResponseHeader::decode(&mut reply, R::Response::header_version(version)).unwrap();
    assert_eq!(header.correlation_id, correlation_id);
    Ok(R::Response::decode(&mut reply, version).unwrap())
}

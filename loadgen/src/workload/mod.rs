//! What is sent, and when: pure functions of a seed, so that a run replays.
//!
//! [`schedule`] gives intended times, [`keys`] and [`partitioner`] choose, [`payload`] fills; [`Workload`] puts one
//! producer's next message together in buffers of its own. This room knows no sockets, no client library and no clock:
//! times come in as numbers.

mod expression;
pub mod keys;
mod lines;
pub mod partitioner;
pub mod payload;
pub mod quantity;
pub(crate) mod random;
mod rehearsal;
pub mod schedule;

pub use keys::{FieldPath, KeySpec};
pub use partitioner::{PartitionError, PartitionerSpec};
pub use payload::{Lines, LinesError, PayloadSource, SizeSpec};
pub use quantity::{Quantity, QuantityError, Rate};
pub use rehearsal::{RehearsalError, rehearse};
pub use schedule::{Arrival, Bound, Operation, Operations, Phase, RateSchedule};

use std::sync::Arc;

use self::keys::Keys;
use self::partitioner::Partitioner;
use self::payload::RandomPayload;
use self::random::SplitMix64;
use crate::clock;
use crate::message::{CLIENT_CHOOSES, Outgoing, Producer, STAMP_SIZE_BYTES, Stamp};

/// What every message of a run is made of.
#[derive(Debug, Clone)]
pub struct WorkloadSpec {
    /// Where values come from.
    pub source: PayloadSource,
    /// Which keys.
    pub key: KeySpec,
    /// Which partition.
    pub partitioner: PartitionerSpec,
    /// Partitions of the topic, at least 1.
    pub partitions: i32,
    /// Seed of everything random; each producer derives its own.
    pub seed: u64,
}

/// A combination of choices that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// Keys from the payload need a payload file.
    #[error("keys from the payload ({key}) need a payload file: add --payload-file")]
    KeyNeedsLines {
        /// The key specification.
        key: String,
    },
    /// murmur2 and `key[…]` need keys.
    #[error("partitioner {partitioner} needs keys, and --key is none")]
    PartitionerNeedsKeys {
        /// The partitioner specification.
        partitioner: String,
    },
    /// The topic has no partitions.
    #[error("{partitions} partitions, expected at least 1")]
    NoPartitions {
        /// What was asked for.
        partitions: i32,
    },
}

/// The next message of one producer, borrowed from its buffers until the next is composed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Composed<'a> {
    /// What is sent.
    pub message: Outgoing<'a>,
    /// The stamp's sequence.
    pub sequence: u64,
}

/// Composes one producer's messages.
#[derive(Debug)]
pub struct Workload {
    producer: Producer,
    clock_domain: u32,
    payload: Payload,
    keys: Option<Keys>,
    partitioner: Partitioner,
    /// The next sequence of each lane: of each partition, or of the one lane where the client chooses.
    sequences: Vec<u64>,
    value: Vec<u8>,
    stamp: [u8; STAMP_SIZE_BYTES],
}

#[derive(Debug)]
enum Payload {
    Random(RandomPayload),
    Lines { lines: Arc<Lines>, next: usize },
}

/// Random streams that each producer takes from the seed.
const STREAMS: u64 = 3;

impl Workload {
    /// The workload of one producer of the run.
    pub fn new(spec: &WorkloadSpec, producer: Producer) -> Result<Workload, WorkloadError> {
        if spec.partitions < 1 {
            return Err(WorkloadError::NoPartitions { partitions: spec.partitions });
        }
        if spec.key == KeySpec::None && spec.partitioner.needs_keys() {
            return Err(WorkloadError::PartitionerNeedsKeys { partitioner: spec.partitioner.to_string() });
        }
        let stream = |number| SplitMix64::new(spec.seed, u64::from(producer.index) * STREAMS + number);
        let payload = match &spec.source {
            PayloadSource::Random(_) if matches!(spec.key, KeySpec::Payload(_)) => {
                return Err(WorkloadError::KeyNeedsLines { key: spec.key.to_string() });
            }
            PayloadSource::Random(sizes) => Payload::Random(RandomPayload::new(*sizes, stream(0))),
            PayloadSource::Lines(lines) => {
                let next = if producer.index == 0 { 0 } else { stream(1).below(lines.count() as u64) as usize };
                Payload::Lines { lines: Arc::clone(lines), next }
            }
        };
        let lanes = if spec.partitioner == PartitionerSpec::Client { 1 } else { spec.partitions as usize };
        Ok(Workload {
            producer,
            clock_domain: clock::domain(),
            payload,
            keys: Keys::new(&spec.key, stream(2)),
            partitioner: Partitioner::new(spec.partitioner.clone(), spec.partitions, producer.index),
            sequences: vec![0; lanes],
            value: Vec::new(),
            stamp: [0; STAMP_SIZE_BYTES],
        })
    }

    /// The partition of the next message, which is not made.
    fn choose(&mut self) -> Result<i32, PartitionError> {
        let key = match &mut self.payload {
            Payload::Random(_) => None,
            Payload::Lines { lines, next } => take_line(lines, next).1,
        };
        self.partitioner.choose(self.keys.as_mut().map(Keys::next).or(key))
    }

    /// Composes the next message, due at `intended_ns` of `CLOCK_MONOTONIC`. Allocates nothing once warm.
    #[inline]
    pub fn compose(&mut self, intended_ns: u64) -> Result<Composed<'_>, PartitionError> {
        let mut key = self.keys.as_mut().map(Keys::next);
        let (real, in_header) = match &mut self.payload {
            Payload::Random(random) => {
                let size = random.next_size();
                if size < STAMP_SIZE_BYTES {
                    (random.bytes(size), true)
                } else {
                    self.value.clear();
                    self.value.extend_from_slice(&[0; STAMP_SIZE_BYTES]);
                    self.value.extend_from_slice(random.bytes(size - STAMP_SIZE_BYTES));
                    (&[][..], false)
                }
            }
            Payload::Lines { lines, next } => {
                let (line, line_key) = take_line(lines, next);
                key = key.or(line_key);
                (line, true)
            }
        };
        let partition = self.partitioner.choose(key)?;
        let lane = if partition == CLIENT_CHOOSES { 0 } else { partition as usize };
        let sequence = self.sequences[lane];
        self.sequences[lane] += 1;
        let producer = self.producer;
        let stamp = Stamp { producer, partition, sequence, intended_ns, clock_domain: self.clock_domain };
        let (value, stamp_header) = if in_header {
            stamp.encode(key, real, &mut self.stamp);
            (real, Some(&self.stamp[..]))
        } else {
            stamp.encode_into(key, &mut self.value);
            (&self.value[..], None)
        };
        Ok(Composed { message: Outgoing { partition, key, value, stamp_header }, sequence })
    }
}

fn take_line<'a>(lines: &'a Lines, next: &mut usize) -> (&'a [u8], Option<&'a [u8]>) {
    let line = lines.line(*next);
    *next = if *next + 1 == lines.count() { 0 } else { *next + 1 };
    line
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn spec(source: PayloadSource, key: &str, partitioner: &str) -> WorkloadSpec {
        let (key, partitioner) = (key.parse().unwrap(), partitioner.parse().unwrap());
        WorkloadSpec { source, key, partitioner, partitions: 3, seed: 7 }
    }

    fn random(size: &str) -> PayloadSource {
        PayloadSource::Random(size.parse().unwrap())
    }

    fn producer(index: u16) -> Producer {
        Producer { run_id: 99, index, epoch: 0 }
    }

    /// The stamps of the first messages, decoded as a consumer would.
    fn stamps(spec: &WorkloadSpec, messages: usize) -> Vec<Stamp> {
        let mut workload = Workload::new(spec, producer(1)).unwrap();
        (0..messages)
            .map(|i| {
                let Composed { message: sent, sequence } = workload.compose(1000 + i as u64).unwrap();
                let stamp = Stamp::decode(sent.stamp_header, sent.key, sent.value).unwrap();
                assert_eq!((stamp.partition, stamp.sequence), (sent.partition, sequence));
                stamp
            })
            .collect()
    }

    #[test]
    fn every_composed_message_carries_a_stamp_that_verifies() {
        for (size, in_header) in [("100", false), ("44", false), ("43", true), ("0", true), ("1KiB", false)] {
            let spec = spec(random(size), "50", "murmur2");
            let mut workload = Workload::new(&spec, producer(0)).unwrap();
            let sent = workload.compose(5).unwrap().message;
            assert_eq!(sent.stamp_header.is_some(), in_header, "size {size}");
            assert_eq!(sent.value.len() as u64, Quantity::bytes(size).unwrap());
            assert_eq!(Stamp::decode(sent.stamp_header, sent.key, sent.value).unwrap().intended_ns, 5);
        }
    }

    #[test]
    fn sequences_count_within_each_partition_from_zero() {
        let stamps = stamps(&spec(random("uniform:10..200"), "none", "round-robin"), 9);
        let places: Vec<(i32, u64)> = stamps.iter().map(|stamp| (stamp.partition, stamp.sequence)).collect();
        assert_eq!(places, [(1, 0), (2, 0), (0, 0), (1, 1), (2, 1), (0, 1), (1, 2), (2, 2), (0, 2)]);
    }

    #[test]
    fn sequences_count_within_the_producer_where_the_client_chooses() {
        let stamps = stamps(&spec(random("100"), "10", "client"), 5);
        assert!(stamps.iter().enumerate().all(|(i, s)| s.sequence == i as u64 && s.partition == CLIENT_CHOOSES));
    }

    #[test]
    fn a_seed_replays_its_messages() {
        let values = |seed| {
            let spec = WorkloadSpec { seed, ..spec(random("uniform:50..300"), "zipf:100:1.1", "murmur2") };
            let mut workload = Workload::new(&spec, producer(2)).unwrap();
            (0..50).map(|_| workload.compose(0).unwrap().message.value.to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(values(1), values(1));
        assert_ne!(values(1), values(2));
    }

    #[test]
    fn lines_are_sent_as_they_are_with_the_stamp_in_a_header() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"a 1\nb 2\n").unwrap();
        let key: KeySpec = "payload:field=2".parse().unwrap();
        let KeySpec::Payload(path) = &key else { unreachable!("parsed from payload:") };
        let lines = Arc::new(Lines::load(file.path(), Some(path)).unwrap());
        let spec = WorkloadSpec { key, ..spec(PayloadSource::Lines(lines), "none", "round-robin") };
        let mut workload = Workload::new(&spec, producer(0)).unwrap();
        for (value, key) in [(b"a 1", b"1"), (b"b 2", b"2"), (b"a 1", b"1")] {
            let sent = workload.compose(0).unwrap().message;
            assert_eq!((sent.value, sent.key), (&value[..], Some(&key[..])));
            assert!(Stamp::decode(sent.stamp_header, sent.key, sent.value).is_ok());
        }
    }

    #[test]
    fn choices_that_do_not_go_together_are_refused() {
        let refusal = |spec: &WorkloadSpec| Workload::new(spec, producer(0)).unwrap_err().to_string();
        assert!(refusal(&spec(random("9"), "none", "murmur2")).contains("needs keys"));
        assert!(refusal(&spec(random("9"), "payload:$.a", "murmur2")).contains("--payload-file"));
        let none = WorkloadSpec { partitions: 0, ..spec(random("9"), "none", "round-robin") };
        assert!(refusal(&none).contains("0 partitions"));
    }
}

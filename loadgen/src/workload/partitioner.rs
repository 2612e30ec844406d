//! Which partition each message goes to.

use std::fmt;
use std::str::FromStr;

pub use super::expression::Expression;
use crate::message::CLIENT_CHOOSES;

/// `--partitioner`: who chooses the partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionerSpec {
    /// `round-robin`: each producer takes the partitions in turn.
    RoundRobin,
    /// `murmur2`: by the key's hash as the Java client; messages without a key in turn.
    Murmur2,
    /// `explicit:EXPR`.
    Explicit(Expression),
    /// `client`: the client library's own.
    Client,
}

/// A `--partitioner` that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no partitioner{reason}; expected round-robin, murmur2, client or explicit:EXPR")]
pub struct PartitionerSpecError {
    /// The text.
    pub got: String,
    /// What is wrong with it, in parentheses; empty where that is all there is to say.
    pub reason: String,
}

/// A message for which an explicit choice names no partition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// The number is no partition of the topic.
    #[error("the partitioner chose {got}, expected 0 to {last}")]
    OutOfRange {
        /// What it chose.
        got: i64,
        /// The topic's last partition.
        last: i32,
    },
    /// The expression reads the key, and the message has none.
    #[error("the partitioner reads the key, and the message has none")]
    NoKey,
    /// The key's part is no decimal number.
    #[error("{part:?} of key {key:?} is no decimal number")]
    NotANumber {
        /// The key, lossily as text.
        key: String,
        /// The part of it.
        part: String,
    },
    /// Division by zero, or a result past 64 bits.
    #[error("the partitioner's expression has no value for this message (division by zero or overflow)")]
    NoValue,
}

impl FromStr for PartitionerSpec {
    type Err = PartitionerSpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || PartitionerSpecError { got: text.to_owned(), reason: String::new() };
        let error = |reason: String| PartitionerSpecError { reason: format!(" ({reason})"), ..unknown() };
        match text.split_once(':') {
            None if text == "round-robin" => Ok(PartitionerSpec::RoundRobin),
            None if text == "murmur2" => Ok(PartitionerSpec::Murmur2),
            None if text == "client" => Ok(PartitionerSpec::Client),
            Some(("explicit", expression)) => expression.parse().map(PartitionerSpec::Explicit).map_err(error),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for PartitionerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PartitionerSpec::RoundRobin => f.write_str("round-robin"),
            PartitionerSpec::Murmur2 => f.write_str("murmur2"),
            PartitionerSpec::Explicit(expression) => write!(f, "explicit:{expression}"),
            PartitionerSpec::Client => f.write_str("client"),
        }
    }
}

impl PartitionerSpec {
    /// Whether no message can be sent without a key.
    pub fn needs_keys(&self) -> bool {
        match self {
            PartitionerSpec::Murmur2 => true,
            PartitionerSpec::Explicit(expression) => expression.reads_key(),
            PartitionerSpec::RoundRobin | PartitionerSpec::Client => false,
        }
    }
}

/// One producer's choices.
#[derive(Debug)]
pub(super) struct Partitioner {
    spec: PartitionerSpec,
    partitions: i32,
    producer: u16,
    /// Whose turn it is.
    turn: i32,
    /// Messages so far.
    messages: u64,
}

impl Partitioner {
    /// The choices of producer `producer`, which starts its turns at the partition of its own index.
    pub(super) fn new(spec: PartitionerSpec, partitions: i32, producer: u16) -> Partitioner {
        Partitioner { spec, partitions, producer, turn: i32::from(producer) % partitions, messages: 0 }
    }

    /// The partition of the next message, or [`CLIENT_CHOOSES`].
    #[inline]
    pub(super) fn choose(&mut self, key: Option<&[u8]>) -> Result<i32, PartitionError> {
        let sequence = self.messages;
        self.messages += 1;
        match (&self.spec, key) {
            (PartitionerSpec::Client, _) => Ok(CLIENT_CHOOSES),
            (PartitionerSpec::Murmur2, Some(key)) => Ok(murmur2_partition(key, self.partitions)),
            (PartitionerSpec::RoundRobin, _) | (PartitionerSpec::Murmur2, None) => {
                let partition = self.turn;
                self.turn = if partition + 1 == self.partitions { 0 } else { partition + 1 };
                Ok(partition)
            }
            (PartitionerSpec::Explicit(expression), key) => {
                let got = expression.value(key, sequence, self.producer)?;
                let last = self.partitions - 1;
                i32::try_from(got)
                    .ok()
                    .filter(|partition| (0..=last).contains(partition))
                    .ok_or(PartitionError::OutOfRange { got, last })
            }
        }
    }
}

/// The partition that the Java client's default partitioner gives a key
/// (`BuiltInPartitioner.partitionForKey`: `toPositive(murmur2(key)) % partitions`).
#[inline]
pub fn murmur2_partition(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & i32::MAX) % partitions
}

/// MurmurHash2 as in `org.apache.kafka.common.utils.Utils.murmur2`.
#[inline]
pub fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;

    let mut hash = SEED ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (i, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (key, murmur2, partition of 6), printed by kafka-clients 4.3.1 (`Utils.murmur2`, `Utils.toPositive`).
    const JAVA: [(&str, i32, i32); 17] = [
        ("", 275646681, 3),
        ("a", -1563381124, 4),
        ("ab", 316155434, 2),
        ("abc", 479470107, 3),
        ("abcd", -1323649548, 2),
        ("abcde", 461995741, 1),
        ("abcdefg", -346467175, 1),
        ("abcdefgh", -955427363, 3),
        ("21", -973932308, 0),
        ("foobar", -790332482, 0),
        ("a-little-bit-long-string", -985981536, 2),
        ("a-little-bit-longer-string", -1486304829, 5),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971, 5),
        ("00", 895171352, 2),
        ("0000042", 1507822494, 0),
        ("user-1234567", 928168879, 1),
        ("éü中", -446000220, 2),
    ];

    fn partitioner(spec: &str, partitions: i32, producer: u16) -> Partitioner {
        Partitioner::new(spec.parse().unwrap(), partitions, producer)
    }

    #[test]
    fn murmur2_hashes_and_chooses_as_the_java_client() {
        for (key, hash, partition) in JAVA {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key:?}");
            let mut murmur2 = partitioner("murmur2", 6, 0);
            assert_eq!(murmur2.choose(Some(key.as_bytes())), Ok(partition), "{key:?}");
        }
        let every_byte: Vec<u8> = (0..=255).collect();
        assert_eq!(murmur2(&every_byte), -1948347274);
    }

    #[test]
    fn round_robin_counts_differ_by_at_most_one_in_each_producer() {
        for (producer, messages) in [(0, 100), (4, 101), (9, 5)] {
            let mut round_robin = partitioner("round-robin", 6, producer);
            let mut counts = [0; 6];
            for _ in 0..messages {
                counts[round_robin.choose(None).unwrap() as usize] += 1;
            }
            assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
        }
    }

    #[test]
    fn murmur2_takes_messages_without_a_key_in_turn() {
        let mut murmur2 = partitioner("murmur2", 3, 1);
        let chosen: Vec<i32> = (0..4).map(|_| murmur2.choose(None).unwrap()).collect();
        assert_eq!(chosen, [1, 2, 0, 1]);
    }

    #[test]
    fn an_explicit_choice_is_exactly_the_one_named() {
        let choose = |expression: &str, key: &str| {
            partitioner(&format!("explicit:{expression}"), 6, 2).choose(Some(key.as_bytes()))
        };
        assert_eq!(choose("key[0:2] % 6", "17-sport"), Ok(5));
        assert_eq!(choose("4", ""), Ok(4));
        assert_eq!(choose("producer", ""), Ok(2));
        assert_eq!(choose("6", ""), Err(PartitionError::OutOfRange { got: 6, last: 5 }));
        assert_eq!(choose("0 - 1", ""), Err(PartitionError::OutOfRange { got: -1, last: 5 }));
        let mut sequence = partitioner("explicit:seq % 4", 6, 0);
        let chosen: Vec<i32> = (0..6).map(|_| sequence.choose(None).unwrap()).collect();
        assert_eq!(chosen, [0, 1, 2, 3, 0, 1]);
    }

    #[test]
    fn the_clients_own_choice_is_left_to_it() {
        assert_eq!(partitioner("client", 6, 0).choose(Some(b"k")), Ok(CLIENT_CHOOSES));
    }

    #[test]
    fn partitioners_are_read_and_shown_as_they_are_given() {
        for text in ["round-robin", "murmur2", "client", "explicit:key[0:2] % 6"] {
            assert_eq!(text.parse::<PartitionerSpec>().unwrap().to_string(), text);
        }
        for text in ["", "random", "explicit", "explicit:", "murmur2:x"] {
            assert!(text.parse::<PartitionerSpec>().is_err(), "{text:?} was read");
        }
    }

    #[test]
    fn only_those_that_read_keys_need_them() {
        let needs = |text: &str| text.parse::<PartitionerSpec>().unwrap().needs_keys();
        assert!(needs("murmur2") && needs("explicit:seq + (2 * key[0:1])"));
        assert!(!needs("round-robin") && !needs("client") && !needs("explicit:seq % 3"));
    }
}

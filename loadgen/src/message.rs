//! A message on its way: what is sent, the stamp by which it is recognised when it comes back, and what became of it.
//!
//! # The stamp, version 1: 44 bytes, little-endian
//!
//! | bytes | field |
//! |---|---|
//! | 0–1 | magic `LG` |
//! | 2 | version, 1 |
//! | 3 | reserved, 0 |
//! | 4–7 | CRC-32C of bytes 8–43, the key, and the body, continued from the key's length plus one (from 0: no key) |
//! | 8–15 | run id |
//! | 16–17 | producer |
//! | 18–19 | producer epoch |
//! | 20–23 | partition it was sent to (`i32`), or −1: the client chose it |
//! | 24–31 | sequence, from 0, within (producer, partition); within the producer where the client chose |
//! | 32–39 | intended time, nanoseconds of `CLOCK_MONOTONIC` |
//! | 40–43 | clock domain of that time |
//!
//! It stands in the first bytes of the value, the body being what follows; or, where the payload must stay real or is
//! shorter than the stamp, in a record header named [`STAMP_HEADER`], the body being the whole value. Encoding and
//! decoding allocate nothing.

/// Size of an encoded stamp.
pub const STAMP_SIZE_BYTES: usize = 44;

/// Name of the record header that carries the stamp where the value cannot.
pub const STAMP_HEADER: &str = "loadgen";

/// In place of a partition: the client's own partitioner chooses it.
pub const CLIENT_CHOOSES: i32 = -1;

/// In place of an offset: the acknowledgement carried none (`acks=0`).
pub const NO_OFFSET: i64 = -1;

const MAGIC: [u8; 2] = *b"LG";
const VERSION: u8 = 1;
/// The checksum covers the stamp from here on.
const COVERED_FROM: usize = 8;

/// Which producer of which run; a producer that restarts takes the next epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Producer {
    /// The run's id, random for each run.
    pub run_id: u64,
    /// Index of the producer in the run.
    pub index: u16,
    /// Incarnation of that producer.
    pub epoch: u16,
}

/// The identity of one message and when it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Who sent it.
    pub producer: Producer,
    /// Where it was sent, or [`CLIENT_CHOOSES`].
    pub partition: i32,
    /// Its place among the producer's messages to that partition (or among all, where the client chooses).
    pub sequence: u64,
    /// When it was due, nanoseconds of `CLOCK_MONOTONIC`.
    pub intended_ns: u64,
    /// The domain of that clock, [`crate::clock::domain`].
    pub clock_domain: u32,
}

/// Why bytes are no stamp of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// Too short, or the magic is missing: another program wrote the message.
    #[error("no stamp in the message")]
    Missing,
    /// A stamp of a version this program does not read.
    #[error("stamp version {got}, expected {VERSION}")]
    Version {
        /// The version found.
        got: u8,
    },
    /// The checksum does not match: the stamp, key or body was changed on the way.
    #[error("checksum {got:#010x} in the stamp, {expected:#010x} over the message")]
    Corrupt {
        /// The checksum in the stamp.
        got: u32,
        /// The checksum of what arrived.
        expected: u32,
    },
}

impl Stamp {
    /// Writes the stamp of a message with this `key` and `body` (the value without the stamp) to `out`.
    #[inline]
    pub fn encode(&self, key: Option<&[u8]>, body: &[u8], out: &mut [u8; STAMP_SIZE_BYTES]) {
        out[0..2].copy_from_slice(&MAGIC);
        out[2] = VERSION;
        out[3] = 0;
        out[8..16].copy_from_slice(&self.producer.run_id.to_le_bytes());
        out[16..18].copy_from_slice(&self.producer.index.to_le_bytes());
        out[18..20].copy_from_slice(&self.producer.epoch.to_le_bytes());
        out[20..24].copy_from_slice(&self.partition.to_le_bytes());
        out[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        out[32..40].copy_from_slice(&self.intended_ns.to_le_bytes());
        out[40..44].copy_from_slice(&self.clock_domain.to_le_bytes());
        let checksum = checksum(out, key, body);
        out[4..8].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Writes the stamp into the first [`STAMP_SIZE_BYTES`] of `value`, whose rest is the body.
    ///
    /// Returns `false`, with the value untouched, where it is too short for a stamp.
    #[inline]
    pub fn encode_into(&self, key: Option<&[u8]>, value: &mut [u8]) -> bool {
        match value.split_first_chunk_mut::<STAMP_SIZE_BYTES>() {
            Some((stamp, body)) => {
                self.encode(key, body, stamp);
                true
            }
            None => false,
        }
    }

    /// Reads and verifies the stamp of a consumed message: from `header` where it has the record header
    /// [`STAMP_HEADER`], else from the first bytes of `value`.
    #[inline]
    pub fn decode(header: Option<&[u8]>, key: Option<&[u8]>, value: &[u8]) -> Result<Stamp, StampError> {
        let (bytes, body) = match header {
            Some(header) => (header.first_chunk().ok_or(StampError::Missing)?, value),
            None => value.split_first_chunk::<STAMP_SIZE_BYTES>().ok_or(StampError::Missing)?,
        };
        let stamp = Self::fields(bytes)?;
        let got = u32::from_le_bytes(array(bytes, 4));
        let expected = checksum(bytes, key, body);
        if got == expected { Ok(stamp) } else { Err(StampError::Corrupt { got, expected }) }
    }

    /// Reads the fields of a stamp without verifying the checksum: for bytes that this process itself sent, such as
    /// the message handed back with its delivery report.
    #[inline]
    pub fn fields(bytes: &[u8; STAMP_SIZE_BYTES]) -> Result<Stamp, StampError> {
        if bytes[0..2] != MAGIC {
            return Err(StampError::Missing);
        }
        if bytes[2] != VERSION {
            return Err(StampError::Version { got: bytes[2] });
        }
        Ok(Stamp {
            producer: Producer {
                run_id: u64::from_le_bytes(array(bytes, 8)),
                index: u16::from_le_bytes(array(bytes, 16)),
                epoch: u16::from_le_bytes(array(bytes, 18)),
            },
            partition: i32::from_le_bytes(array(bytes, 20)),
            sequence: u64::from_le_bytes(array(bytes, 24)),
            intended_ns: u64::from_le_bytes(array(bytes, 32)),
            clock_domain: u32::from_le_bytes(array(bytes, 40)),
        })
    }
}

/// A message on its way out, borrowed from the buffers it was composed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// The partition it must go to, or [`CLIENT_CHOOSES`].
    pub partition: i32,
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// The record's value; its first bytes are the stamp unless `stamp_header` is given.
    pub value: &'a [u8],
    /// The stamp as value of the record header [`STAMP_HEADER`], where the value must stay as it is.
    pub stamp_header: Option<&'a [u8]>,
}

/// What became of a message that was handed to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledged as the settings ask for.
    Acked {
        /// The partition that holds it.
        partition: i32,
        /// Its offset, or [`NO_OFFSET`].
        offset: i64,
    },
    /// Certainly not written.
    Failed,
    /// Sent, and never answered: it may or may not be in the log.
    Unknown,
}

#[inline]
fn checksum(stamp: &[u8; STAMP_SIZE_BYTES], key: Option<&[u8]>, body: &[u8]) -> u32 {
    // The start value keeps key and body apart, and costs nothing.
    let start = key.map_or(0, |key| key.len() as u32 + 1);
    let mut crc = crc32c::crc32c_append(start, &stamp[COVERED_FROM..]);
    if let Some(key) = key {
        crc = crc32c::crc32c_append(crc, key);
    }
    crc32c::crc32c_append(crc, body)
}

#[inline]
fn array<const N: usize>(bytes: &[u8; STAMP_SIZE_BYTES], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp() -> Stamp {
        let producer = Producer { run_id: 0x0102_0304_0506_0708, index: 9, epoch: 10 };
        Stamp { producer, partition: 11, sequence: 12, intended_ns: 13, clock_domain: 14 }
    }

    #[test]
    fn the_layout_is_the_one_documented() {
        let mut bytes = [0xff; STAMP_SIZE_BYTES];
        stamp().encode(None, b"", &mut bytes);
        assert_eq!(bytes[..4], *b"LG\x01\x00");
        assert_eq!(bytes[8..16], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(bytes[16..24], [9, 0, 10, 0, 11, 0, 0, 0]);
        assert_eq!(bytes[24..], [12, 0, 0, 0, 0, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0]);
        assert_eq!(bytes[4..8], crc32c::crc32c(&bytes[8..]).to_le_bytes());
        let mut keyed = [0xff; STAMP_SIZE_BYTES];
        stamp().encode(Some(b"ab"), b"cd", &mut keyed);
        let covered = [&keyed[8..], b"abcd"].concat();
        assert_eq!(keyed[4..8], crc32c::crc32c_append(3, &covered).to_le_bytes());
    }

    #[test]
    fn foreign_and_future_messages_are_told_from_damaged_ones() {
        assert_eq!(Stamp::decode(None, None, b"short"), Err(StampError::Missing));
        assert_eq!(Stamp::decode(None, None, &[b'x'; 100]), Err(StampError::Missing));
        assert_eq!(Stamp::decode(Some(b"LG"), None, b""), Err(StampError::Missing));
        let mut value = [0; 60];
        assert!(stamp().encode_into(None, &mut value));
        value[2] = 2;
        assert_eq!(Stamp::decode(None, None, &value), Err(StampError::Version { got: 2 }));
        assert!(!stamp().encode_into(None, &mut [0; STAMP_SIZE_BYTES - 1]));
    }

    #[test]
    fn an_empty_key_is_not_the_absence_of_a_key() {
        let mut value = [0; 50];
        stamp().encode_into(None, &mut value);
        assert!(matches!(Stamp::decode(None, Some(b""), &value), Err(StampError::Corrupt { .. })));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
            mut value in proptest::collection::vec(any::<u8>(), STAMP_SIZE_BYTES..200),
            sequence in any::<u64>(), partition in -1..1000i32, intended_ns in any::<u64>(),
        ) {
            let stamp = Stamp { sequence, partition, intended_ns, ..stamp() };
            prop_assert!(stamp.encode_into(key.as_deref(), &mut value));
            prop_assert_eq!(Stamp::decode(None, key.as_deref(), &value), Ok(stamp));
            let mut header = [0; STAMP_SIZE_BYTES];
            stamp.encode(key.as_deref(), &value, &mut header);
            prop_assert_eq!(Stamp::decode(Some(&header), key.as_deref(), &value), Ok(stamp));
        }

        #[test]
        fn any_flipped_bit_is_seen(
            mut value in proptest::collection::vec(any::<u8>(), STAMP_SIZE_BYTES..200),
            at in any::<proptest::sample::Index>(), bit in 0..8u8,
        ) {
            let key = b"key";
            stamp().encode_into(Some(key), &mut value);
            let at = at.index(value.len());
            value[at] ^= 1 << bit;
            // The reserved byte means nothing to this version.
            prop_assume!(at != 3);
            prop_assert!(Stamp::decode(None, Some(key), &value).is_err());
        }
    }
}

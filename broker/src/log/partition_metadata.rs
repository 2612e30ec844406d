//! `partition.metadata`: which topic a directory belongs to. Text, as Kafka writes it: `version: 0` and `topic_id: `
//! followed by the id's 16 bytes in URL-safe base64 without padding.

use std::path::Path;

use uuid::Uuid;

use super::LogError;
use super::storage::{self, Durability};

const FILE_NAME: &str = "partition.metadata";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const ENCODED_CHARS: usize = 22;

/// The topic id in `dir`'s `partition.metadata`, if there is one. A file without a byte in it, or with zeroes alone, is
/// what a power cut leaves of one that was just written, and counts as none.
pub fn read_topic_id(dir: &Path) -> Result<Option<Uuid>, LogError> {
    let path = dir.join(FILE_NAME);
    let Some(bytes) = storage::read_file(&path)?.filter(|bytes| bytes.iter().any(|byte| *byte != 0)) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    match (value("version"), value("topic_id").and_then(decode)) {
        (Some("0"), Some(topic_id)) => Ok(Some(topic_id)),
        _ => Err(LogError::Malformed { path, reason: format!("{text:?}") }),
    }
}

/// Writes `dir`'s `partition.metadata`. It may not survive a power cut: the metadata does, and has it written again.
pub fn write_topic_id(dir: &Path, topic_id: Uuid) -> Result<(), LogError> {
    storage::replace(&dir.join(FILE_NAME), text(topic_id).as_bytes(), Durability::Relaxed)
}

/// As [`write_topic_id`], in a directory that was just created.
pub(super) fn write_new(dir: &Path, topic_id: Uuid) -> Result<(), LogError> {
    storage::write_new(&dir.join(FILE_NAME), text(topic_id).as_bytes())
}

fn text(topic_id: Uuid) -> String {
    format!("version: 0\ntopic_id: {}\n", encode(topic_id))
}

fn encode(id: Uuid) -> String {
    // 22 characters of 6 bits hold 132 bits: the last 4 are zero.
    let bits = |index: usize| {
        let shift = 122 - 6 * index as i32;
        if shift >= 0 { id.as_u128() >> shift } else { id.as_u128() << -shift }
    };
    (0..ENCODED_CHARS).map(|index| ALPHABET[(bits(index) & 63) as usize] as char).collect()
}

fn decode(text: &str) -> Option<Uuid> {
    if text.len() != ENCODED_CHARS {
        return None;
    }
    let mut id = 0u128;
    for (index, char) in text.bytes().enumerate() {
        let bits = ALPHABET.iter().position(|letter| *letter == char)? as u128;
        let shift = 122 - 6 * index as i32;
        id |= if shift >= 0 { bits << shift } else { bits >> -shift };
    }
    Some(Uuid::from_u128(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_kafka_writes_them() {
        let id = Uuid::from_u128(0x8b05_5ad7_b5ad_4a42_b2c0_d9a4_2c3b_6e61);
        assert_eq!(encode(id), "iwVa17WtSkKywNmkLDtuYQ");
        assert_eq!(decode("iwVa17WtSkKywNmkLDtuYQ"), Some(id));
        assert_eq!(encode(Uuid::from_u128(1)), "AAAAAAAAAAAAAAAAAAAAAQ");
    }

    #[test]
    fn what_is_written_is_read_back_and_anything_else_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_topic_id(dir.path()).unwrap(), None);
        let id = Uuid::from_u128(u128::MAX / 3);
        write_topic_id(dir.path(), id).unwrap();
        assert_eq!(read_topic_id(dir.path()).unwrap(), Some(id));
        for cut in ["", "\0\0\0"] {
            std::fs::write(dir.path().join(FILE_NAME), cut).unwrap();
            assert_eq!(read_topic_id(dir.path()).unwrap(), None);
        }
        for text in ["version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ", "version: 0\ntopic_id: short", "\u{fffd}"] {
            std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
            assert!(read_topic_id(dir.path()).is_err(), "{text:?}");
        }
        std::fs::write(dir.path().join(FILE_NAME), "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQAAAAAAA").unwrap();
        assert!(read_topic_id(dir.path()).is_err());
    }
}

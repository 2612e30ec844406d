//! The entries of the metadata journal, and how they are written.
//!
//! An entry is `kind u8 | body length u32 | body`. Numbers are big-endian; a string is `length u16 | UTF-8`.
//!
//! | kind | entry | body |
//! |---|---|---|
//! | 1 | cluster id | string |
//! | 2 | topic | id (16 bytes), name (string), partitions u32, settings u16 × (name string, value string) |
//! | 3 | topic deleted | id (16 bytes) |
//! | 4 | next producer id | u64 |
//!
//! The length of the body lets a reader say which entry it does not know. A body is used up exactly.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::{TopicMetadata, is_internal};

/// A decided change. Unlike a command it leaves nothing to decide: ids are drawn, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The cluster's id, drawn when the data directory was new.
    ClusterId(String),
    /// A topic as it is from now on: created, adopted, grown or altered.
    Topic(TopicMetadata),
    /// The topic of this id is gone.
    TopicDeleted(Uuid),
    /// The first producer id that nobody has had.
    NextProducerId(i64),
}

/// Why bytes are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A newer broker wrote it.
    #[error("entry of the unknown kind {got}")]
    UnknownKind {
        /// The kind byte.
        got: u8,
    },
    /// The bytes end early, go on too long, or hold a value that cannot be.
    #[error("malformed entry of kind {kind}: {what}")]
    Malformed {
        /// The kind byte.
        kind: u8,
        /// What is wrong.
        what: &'static str,
    },
}

impl Entry {
    fn kind(&self) -> u8 {
        match self {
            Entry::ClusterId(_) => 1,
            Entry::Topic(_) => 2,
            Entry::TopicDeleted(_) => 3,
            Entry::NextProducerId(_) => 4,
        }
    }

    /// Appends the entry's bytes. Strings are at most 64 KiB, which the wire's own limit sees to; what is longer is
    /// refused when the command is decided.
    pub fn encode(&self, into: &mut Vec<u8>) {
        into.push(self.kind());
        let length_at = into.len();
        into.extend([0; 4]);
        match self {
            Entry::ClusterId(id) => put_string(into, id),
            Entry::Topic(topic) => {
                into.extend(topic.id.as_bytes());
                put_string(into, &topic.name);
                into.extend(topic.partitions.to_be_bytes());
                into.extend((topic.settings.len() as u16).to_be_bytes());
                for (name, value) in &topic.settings {
                    put_string(into, name);
                    put_string(into, value);
                }
            }
            Entry::TopicDeleted(id) => into.extend(id.as_bytes()),
            Entry::NextProducerId(next) => into.extend(next.to_be_bytes()),
        }
        let length = (into.len() - length_at - 4) as u32;
        into[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Reads the entry at the front of `bytes` and moves past it.
    pub fn decode(bytes: &mut &[u8]) -> Result<Entry, EntryError> {
        let mut header = Reader { kind: 0, bytes };
        let kind = header.array::<1>()?[0];
        header.kind = kind;
        let length = header.number()?;
        let mut body = Reader { kind, bytes: header.take(length as usize)? };
        *bytes = header.bytes;
        let entry = match kind {
            1 => Entry::ClusterId(body.string()?.to_owned()),
            2 => Entry::Topic(body.topic()?),
            3 => Entry::TopicDeleted(Uuid::from_bytes(body.array()?)),
            4 => Entry::NextProducerId(i64::from_be_bytes(body.array()?)),
            got => return Err(EntryError::UnknownKind { got }),
        };
        if body.bytes.is_empty() { Ok(entry) } else { Err(body.malformed("bytes are left over")) }
    }
}

fn put_string(into: &mut Vec<u8>, text: &str) {
    into.extend((text.len() as u16).to_be_bytes());
    into.extend(text.as_bytes());
}

/// Bytes that are still to be read, all from a file and none of them trusted.
struct Reader<'a> {
    kind: u8,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn malformed(&self, what: &'static str) -> EntryError {
        EntryError::Malformed { kind: self.kind, what }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], EntryError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(self.malformed("it ends early"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], EntryError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(self.malformed("it ends early"))?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u32, EntryError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn string(&mut self) -> Result<&'a str, EntryError> {
        let length = u16::from_be_bytes(self.array()?);
        let bytes = self.take(length.into())?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed("a string is not UTF-8"))
    }

    fn topic(&mut self) -> Result<TopicMetadata, EntryError> {
        let id = Uuid::from_bytes(self.array()?);
        let name: Arc<str> = self.string()?.into();
        let partitions = i32::try_from(self.number()?).map_err(|_| self.malformed("too many partitions"))?;
        let count = u16::from_be_bytes(self.array()?);
        let mut settings = BTreeMap::new();
        for _ in 0..count {
            settings.insert(self.string()?.to_owned(), self.string()?.to_owned());
        }
        Ok(TopicMetadata { internal: is_internal(&name), name, id, partitions, settings })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn entries() -> impl Strategy<Value = Entry> {
        let topic = (any::<u128>(), ".{0,40}", 1..i32::MAX, btree_map(".{0,20}", ".{0,60}", 0..5)).prop_map(
            |(id, name, partitions, settings)| TopicMetadata {
                name: name.into(),
                id: Uuid::from_u128(id),
                partitions,
                internal: false,
                settings,
            },
        );
        prop_oneof![
            ".{0,40}".prop_map(Entry::ClusterId),
            topic.prop_map(Entry::Topic),
            any::<u128>().prop_map(|id| Entry::TopicDeleted(Uuid::from_u128(id))),
            any::<i64>().prop_map(Entry::NextProducerId),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(written in vec(entries(), 0..5)) {
            let mut bytes = Vec::new();
            written.iter().for_each(|entry| entry.encode(&mut bytes));
            let mut rest = bytes.as_slice();
            let mut read = Vec::new();
            while !rest.is_empty() {
                read.push(Entry::decode(&mut rest).unwrap());
            }
            prop_assert_eq!(read, written);
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
            let _ = Entry::decode(&mut bytes.as_slice());
        }

        #[test]
        fn a_truncated_entry_is_refused(entry in entries(), cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            prop_assert!(Entry::decode(&mut &bytes[..cut.index(bytes.len())]).is_err());
        }
    }

    #[test]
    fn the_bytes_of_a_deletion_are_the_documented_ones() {
        let mut bytes = Vec::new();
        Entry::TopicDeleted(Uuid::from_u128(1)).encode(&mut bytes);
        assert_eq!(bytes, [3, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn an_entry_of_a_newer_broker_is_named() {
        assert_eq!(Entry::decode(&mut &[9, 0, 0, 0, 1, 7][..]), Err(EntryError::UnknownKind { got: 9 }));
    }
}

//! The topics in a consumer's subscription, the one thing the coordinator reads of its members' metadata.

use std::collections::BTreeSet;

use crate::coordinator::records::wire::{Reader, WireError};

/// Protocol type of ordinary consumers (`ConsumerProtocol.PROTOCOL_TYPE`).
pub const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// Adds the topics of one `ConsumerProtocolSubscription`. Every version begins like version 0:
/// `version i16 | topics: i32 count, then each i16 length + bytes | …`.
pub fn collect_topics(metadata: &[u8], topics: &mut BTreeSet<String>) -> Result<(), WireError> {
    let mut reader = Reader::new(metadata);
    reader.i16()?;
    let count = reader.i32()?;
    for _ in 0..count {
        topics.insert(reader.string()?.to_owned());
    }
    Ok(())
}

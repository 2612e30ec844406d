//! Names and ids of topics, in Kafka's forms.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::{Refusal, TopicMetadata};

/// The longest topic name, so that `name-partition` still is a file name.
pub const MAX_TOPIC_NAME_BYTES: usize = 249;

/// Topics that the broker itself keeps state in.
pub const INTERNAL_TOPICS: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

/// Whether clients are told that this topic is internal.
pub fn is_internal(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

/// Kafka's rules for a topic name (`Topic.validate`).
pub fn check_topic_name(name: &str) -> Result<(), Refusal> {
    let broken = match name {
        "" => "it may not be empty",
        "." | ".." => "it may not be \".\" or \"..\"",
        // KRaft's own log lives in a directory of this name; adopting or creating it would confuse Kafka's tools.
        "__cluster_metadata" => "it is reserved",
        _ if name.len() > MAX_TOPIC_NAME_BYTES => "it may not be longer than 249 characters",
        _ if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) => {
            "only ASCII letters and digits, '.', '_' and '-' may stand in it"
        }
        _ => return Ok(()),
    };
    Err(Refusal::InvalidTopicName { name: name.to_owned(), reason: broken })
}

/// An existing topic whose name differs from `name` in nothing but '.' against '_' (`Topic.hasCollision`).
pub(super) fn collision<'a>(name: &str, topics: &'a BTreeMap<Arc<str>, Arc<TopicMetadata>>) -> Option<&'a Arc<str>> {
    let folded = |name: &str| name.bytes().map(|byte| if byte == b'.' { b'_' } else { byte }).collect::<Vec<_>>();
    if !name.contains(['.', '_']) {
        return None;
    }
    let wanted = folded(name);
    topics.keys().find(|existing| existing.len() == name.len() && ***existing != *name && folded(existing) == wanted)
}

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A UUID as Kafka writes it: 22 characters of URL-safe base64 without padding (`org.apache.kafka.common.Uuid`).
pub fn uuid_to_kafka(id: Uuid) -> String {
    // 128 bits are 21 groups of six and one of two, which takes the high bits of the last character.
    let bits = id.as_u128();
    let sextet = |group: u32| if group < 21 { bits >> (122 - 6 * group) } else { bits << 4 } & 63;
    (0..22).map(|group| char::from(BASE64_URL[sextet(group) as usize])).collect()
}

/// Reads what [`uuid_to_kafka`] wrote; `None` for anything else.
pub fn uuid_from_kafka(text: &str) -> Option<Uuid> {
    let text = text.as_bytes();
    if text.len() != 22 {
        return None;
    }
    let sextet = |byte: &u8| BASE64_URL.iter().position(|known| known == byte).map(|at| at as u128);
    let mut bits = 0;
    for byte in &text[..21] {
        bits = bits << 6 | sextet(byte)?;
    }
    let last = sextet(&text[21])?;
    (last & 15 == 0).then(|| Uuid::from_u128(bits << 2 | last >> 4))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_uuid_is_written_as_kafka_writes_it() {
        // org.apache.kafka.common.Uuid of (0x123456789abcdef0, 0x0fedcba987654321).
        let id = Uuid::from_u128(0x1234_5678_9abc_def0_0fed_cba9_8765_4321);
        assert_eq!(uuid_to_kafka(id), "EjRWeJq83vAP7cuph2VDIQ");
        assert_eq!(uuid_to_kafka(Uuid::nil()), "AAAAAAAAAAAAAAAAAAAAAA");
    }

    #[test]
    fn names_are_judged_by_kafkas_rules() {
        for good in ["a", "a.b_c-D9", "__consumer_offsets", "...", &"x".repeat(249)] {
            assert_eq!(check_topic_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ä", "a\0", "__cluster_metadata", &"x".repeat(250)] {
            assert!(check_topic_name(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_uuid_survives_the_round_trip(bits: u128) {
            let id = Uuid::from_u128(bits);
            prop_assert_eq!(uuid_from_kafka(&uuid_to_kafka(id)), Some(id));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,30}") {
            if let Some(id) = uuid_from_kafka(&text) {
                prop_assert_eq!(uuid_to_kafka(id), text);
            }
        }
    }
}

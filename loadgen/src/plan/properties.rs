//! The clients' settings: what the options say in librdkafka's names, and what `-X` may not say.

use std::collections::BTreeMap;

use super::{Plan, PlanError};
use crate::driver::rdkafka::Properties;
use crate::verify::Acks;
use crate::workload::PayloadSource;

/// Properties that are set by an option, which also tells the verification what to expect.
const BY_OPTION: [(&str, &str); 9] = [
    ("bootstrap.servers", "--bootstrap-servers"),
    ("metadata.broker.list", "--bootstrap-servers"),
    ("acks", "--acks"),
    ("request.required.acks", "--acks"),
    ("enable.idempotence", "--idempotent"),
    ("linger.ms", "--linger"),
    ("queue.buffering.max.ms", "--linger"),
    ("compression.type", "--compression"),
    ("compression.codec", "--compression"),
];

/// Properties that the run depends on.
const RESERVED: [(&str, &str); 7] = [
    ("group.id", "each run makes groups of its own, so that they start where the run does"),
    ("client.id", "workers are told apart by it"),
    ("enable.auto.commit", "offsets are committed once they are verified"),
    ("enable.auto.offset.store", "offsets are committed once they are verified"),
    ("delivery.report.only.error", "every acknowledgement is measured"),
    ("statistics.interval.ms", "the batch sizes of the report come from there"),
    ("transactional.id", "transactions are not measured"),
];

/// librdkafka's default `message.max.bytes`, a little below that of Kafka's topics.
const DEFAULT_MESSAGE_MAX_BYTES: usize = 1_000_000;
/// What surrounds a value in its batch, at most: the key, the stamp's header, the batch's own.
const AROUND_A_VALUE_BYTES: usize = 16 << 10;
/// librdkafka's default `receive.message.max.bytes`: the largest response.
const RESPONSE_MAX_BYTES: usize = 100_000_000;
/// librdkafka's default `fetch.max.bytes`, past which a response goes by one batch at most.
const FETCH_MAX_BYTES: usize = 52_428_800;

/// The room that messages of this size need, where the defaults of clients and topics leave too little.
pub(super) fn room_for(payload: &PayloadSource) -> Option<usize> {
    let PayloadSource::Random(sizes) = payload else { return None };
    let needed = sizes.max() + AROUND_A_VALUE_BYTES;
    (needed > DEFAULT_MESSAGE_MAX_BYTES).then_some(needed)
}

/// The user's properties, none of which the plan sets itself.
pub(super) fn checked(properties: &[(String, String)]) -> Result<BTreeMap<String, String>, PlanError> {
    for (property, _) in properties {
        if let Some((_, option)) = BY_OPTION.iter().find(|(name, _)| name == property) {
            return Err(PlanError::PropertyHasOption { property: property.clone(), option });
        }
        if let Some((_, reason)) = RESERVED.iter().find(|(name, _)| name == property) {
            return Err(PlanError::PropertyReserved { property: property.clone(), reason });
        }
    }
    Ok(properties.iter().cloned().collect())
}

impl Plan {
    /// The clients' settings by librdkafka's names.
    pub fn client_properties(&self) -> Properties {
        let acks = match self.acks {
            Acks::All => "all",
            Acks::Leader => "1",
            Acks::None => "0",
        };
        let linger_ms = self.linger.as_micros() as f64 / 1e3;
        let set =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let mut properties = Properties {
            producer: set(&[
                ("acks", acks),
                ("enable.idempotence", if self.idempotent { "true" } else { "false" }),
                ("linger.ms", &linger_ms.to_string()),
                ("compression.type", self.compression.name()),
                // Room for a stall of several seconds: what waits there is late, and is counted as such.
                ("queue.buffering.max.messages", "1000000"),
                ("statistics.interval.ms", "1000"),
            ]),
            consumer: set(&[
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "earliest"),
                // A consumer that has fetched ahead looks again soon, and not after a second.
                ("fetch.queue.backoff.ms", "10"),
            ]),
            user: self.properties.clone(),
        };
        if let Some(needed) = self.topic.max_message_bytes {
            properties.producer.insert("message.max.bytes".into(), needed.to_string());
            let response = (FETCH_MAX_BYTES + needed).max(RESPONSE_MAX_BYTES);
            properties.consumer.insert("receive.message.max.bytes".into(), response.to_string());
        }
        properties
    }
}

//! What is in force for a topic: its own settings, before what the broker was given for all topics, before Kafka's
//! defaults; and how DescribeConfigs lists the places that a value can come from.

use std::collections::BTreeMap;

use super::TopicMetadata;
use super::settings::{Described, Source, Synonym};
use super::topic_settings::{COARSE_SETTINGS, TOPIC_SETTINGS, TopicSetting, row};
use crate::log::{CleanupPolicy, LogSettings};
use crate::record::TimestampType;

/// Topic settings whose broker setting is null in Kafka unless it is given: one in a coarser unit stands in for it, or
/// one that this broker does not have.
const NULL_BY_DEFAULT: [&str; 4] = ["flush.ms", "retention.ms", "segment.jitter.ms", "segment.ms"];

/// The broker's own settings, as far as they say topics' defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicDefaults {
    producer_id_expiration_ms: Option<i64>,
    given: BTreeMap<&'static str, String>,
}

impl TopicDefaults {
    /// From the values that the broker was given, by its settings' names; those that topics do not have are ignored, but
    /// for `producer.id.expiration.ms`.
    pub fn new(producer_id_expiration_ms: i64, given: BTreeMap<&'static str, String>) -> Self {
        TopicDefaults { producer_id_expiration_ms: Some(producer_id_expiration_ms), given }
    }

    /// How the log of `topic` is to be kept.
    pub fn log_settings(&self, topic: &TopicMetadata) -> LogSettings {
        log_settings(&topic.settings, self)
    }
}

/// A broker setting that says the default of a topic setting.
struct BrokerSynonym {
    name: &'static str,
    /// Factor from its unit to the topic setting's; `None` for values that are no numbers of another unit.
    unit_ms: Option<i64>,
    default: Option<&'static str>,
}

/// The broker settings that say the default of `row`, the one that goes before the others first.
fn broker_synonyms(row: &'static TopicSetting) -> impl Iterator<Item = BrokerSynonym> {
    let default = (!NULL_BY_DEFAULT.contains(&row.name)).then_some(row.default);
    let same_unit = row.synonym.map(|name| BrokerSynonym { name, unit_ms: None, default });
    let coarse = COARSE_SETTINGS.iter().filter(|coarse| coarse.topic_setting == row.name);
    same_unit.into_iter().chain(coarse.map(|coarse| BrokerSynonym {
        name: coarse.name,
        unit_ms: Some(coarse.unit_ms),
        default: coarse.default,
    }))
}

/// The value in force and where it comes from.
fn effective(
    row: &'static TopicSetting,
    given: &BTreeMap<String, String>,
    defaults: &TopicDefaults,
) -> (String, Source) {
    if let Some(value) = given.get(row.name) {
        return (value.clone(), Source::Topic);
    }
    let from_broker = broker_synonyms(row).find_map(|synonym| {
        let value = defaults.given.get(synonym.name)?;
        match synonym.unit_ms {
            Some(unit_ms) => Some(value.parse::<i64>().ok()?.saturating_mul(unit_ms).to_string()),
            None => Some(value.clone()),
        }
    });
    from_broker.map_or_else(|| (row.default.to_owned(), Source::Default), |value| (value, Source::Broker))
}

/// The places that the value can come from, as Kafka's `ConfigHelper.configSynonyms` lists them: the topic, what the
/// broker was given, the broker's defaults. What comes before the broker setting in the topic setting's own unit is left
/// out, and without that one so is everything of the broker.
fn synonyms(row: &'static TopicSetting, given: &BTreeMap<String, String>, defaults: &TopicDefaults) -> Vec<Synonym> {
    let synonym = |name, value: &str, source| Synonym { name, value: value.to_owned(), source };
    let of_topic = given.get(row.name).map(|value| synonym(row.name, value, Source::Topic));
    let given_to_broker = broker_synonyms(row)
        .filter_map(|broker| Some(synonym(broker.name, defaults.given.get(broker.name)?, Source::Broker)));
    let by_default =
        broker_synonyms(row).filter_map(|broker| Some(synonym(broker.name, broker.default?, Source::Default)));
    let of_broker = given_to_broker.chain(by_default).skip_while(|broker| Some(broker.name) != row.synonym);
    of_topic.into_iter().chain(of_broker).collect()
}

/// Every setting with its value in force, its source and its synonyms.
pub(super) fn describe(given: &BTreeMap<String, String>, defaults: &TopicDefaults) -> Vec<Described> {
    let described = |row: &'static TopicSetting| {
        let (value, source) = effective(row, given, defaults);
        Described {
            name: row.name,
            value: Some(value),
            kind: row.kind,
            source,
            read_only: false,
            synonyms: synonyms(row, given, defaults),
            doc: row.doc,
        }
    };
    TOPIC_SETTINGS.iter().map(described).collect()
}

/// What the log is told. Values were checked when they were given; one that does not parse, from a newer broker's
/// journal, say, leaves the default.
fn log_settings(given: &BTreeMap<String, String>, defaults: &TopicDefaults) -> LogSettings {
    let text = |name: &str| row(name).map_or_else(String::new, |row| effective(row, given, defaults).0);
    let long = |name: &str| text(name).parse::<i64>().ok();
    // Kafka says "never" by -1 here and by the largest number there.
    let limit = |name: &str| long(name).filter(|number| (0..i64::MAX).contains(number));
    let size = |name: &str, default: u32| long(name).and_then(|number| u32::try_from(number).ok()).unwrap_or(default);
    let fallback = LogSettings::default();
    let policy = text("cleanup.policy");
    let policies: Vec<&str> = policy.split(',').map(str::trim).collect();
    LogSettings {
        segment_bytes: size("segment.bytes", fallback.segment_bytes),
        segment_ms: long("segment.ms").unwrap_or(fallback.segment_ms),
        segment_index_bytes: size("segment.index.bytes", fallback.segment_index_bytes),
        index_interval_bytes: size("index.interval.bytes", fallback.index_interval_bytes),
        max_message_bytes: size("max.message.bytes", fallback.max_message_bytes),
        cleanup: CleanupPolicy { delete: policies.contains(&"delete"), compact: policies.contains(&"compact") },
        retention_ms: limit("retention.ms"),
        retention_bytes: limit("retention.bytes").map(i64::unsigned_abs),
        file_delete_delay_ms: long("file.delete.delay.ms").map_or(fallback.file_delete_delay_ms, i64::unsigned_abs),
        flush_messages: limit("flush.messages").map(i64::unsigned_abs),
        flush_ms: limit("flush.ms"),
        timestamp_type: match text("message.timestamp.type").as_str() {
            "LogAppendTime" => TimestampType::LogAppendTime,
            _ => TimestampType::CreateTime,
        },
        timestamp_before_max_ms: limit("message.timestamp.before.max.ms"),
        timestamp_after_max_ms: limit("message.timestamp.after.max.ms"),
        producer_id_expiration_ms: defaults.producer_id_expiration_ms.unwrap_or(fallback.producer_id_expiration_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(given: &[(&'static str, &str)]) -> TopicDefaults {
        let given = given.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        TopicDefaults { producer_id_expiration_ms: None, given }
    }

    fn of_topic(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn the_defaults_are_the_logs_own() {
        assert_eq!(log_settings(&BTreeMap::new(), &TopicDefaults::default()), LogSettings::default());
    }

    #[test]
    fn a_topics_value_goes_before_the_brokers_and_that_before_the_default() {
        let defaults = defaults(&[("log.retention.ms", "60000")]);
        assert_eq!(log_settings(&BTreeMap::new(), &defaults).retention_ms, Some(60_000));
        assert_eq!(log_settings(&of_topic("retention.ms", "-1"), &defaults).retention_ms, None);
    }

    #[test]
    fn the_finest_unit_that_the_broker_was_given_goes_before_the_coarser() {
        let mut given = vec![("log.retention.hours", "2")];
        let retention_ms = |given: &[_]| log_settings(&BTreeMap::new(), &defaults(given)).retention_ms;
        assert_eq!(retention_ms(&given), Some(7_200_000));
        given.push(("log.retention.minutes", "2"));
        assert_eq!(retention_ms(&given), Some(120_000));
        given.push(("log.retention.ms", "2"));
        assert_eq!(retention_ms(&given), Some(2));
    }

    /// The expected lines are `kafka-configs --describe --all` of Apache Kafka 4.3.1, started with the same settings.
    #[test]
    fn synonyms_are_those_that_kafka_lists() {
        let defaults =
            defaults(&[("log.retention.hours", "24"), ("log.roll.ms", "1000000"), ("log.roll.hours", "100")]);
        let described = describe(&of_topic("segment.bytes", "1048576"), &defaults);
        let line = |name: &str| {
            let setting = described.iter().find(|setting| setting.name == name).unwrap();
            let synonyms = setting.synonyms.iter().map(|it| format!("{:?}:{}={}", it.source, it.name, it.value));
            format!(
                "{}={} synonyms={{{}}}",
                name,
                setting.value.as_deref().unwrap(),
                synonyms.collect::<Vec<_>>().join(", ")
            )
        };
        for expected in [
            "retention.ms=86400000 synonyms={}",
            "segment.ms=1000000 synonyms={Broker:log.roll.ms=1000000, Broker:log.roll.hours=100, Default:log.roll.hours=168}",
            "flush.ms=9223372036854775807 synonyms={}",
            "segment.jitter.ms=0 synonyms={}",
            "retention.bytes=-1 synonyms={Default:log.retention.bytes=-1}",
            "remote.storage.enable=false synonyms={}",
            "segment.bytes=1048576 synonyms={Topic:segment.bytes=1048576, Default:log.segment.bytes=1073741824}",
        ] {
            assert_eq!(line(expected.split('=').next().unwrap()), expected);
        }
    }
}

//! Kafka 4.3's topic settings: names, values, defaults, the broker settings that stand behind them, and which of them
//! this broker honours. What it does not honour is refused when it is set to anything but what the broker does anyway,
//! rather than accepted and ignored.

use super::settings::Kind;
use super::{Refusal, is_internal};

/// A row of [`TOPIC_SETTINGS`].
#[derive(Debug, Clone, Copy)]
pub struct TopicSetting {
    /// Kafka's name.
    pub name: &'static str,
    /// The values it takes.
    pub kind: Kind,
    /// Kafka's default.
    pub default: &'static str,
    /// The broker setting that gives the default of all topics, if there is one.
    pub synonym: Option<&'static str>,
    /// Why another value than the default is refused, for settings that are not honoured.
    pub refused: Option<&'static str>,
    /// One sentence about it.
    pub doc: &'static str,
}

const fn honoured(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    synonym: &'static str,
    doc: &'static str,
) -> TopicSetting {
    TopicSetting { name, kind, default, synonym: Some(synonym), refused: None, doc }
}

const fn refused(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    synonym: Option<&'static str>,
    reason: &'static str,
    doc: &'static str,
) -> TopicSetting {
    TopicSetting { name, kind, default, synonym, refused: Some(reason), doc }
}

const NON_NEGATIVE: Kind = Kind::Long(0, i64::MAX);
const POSITIVE: Kind = Kind::Long(1, i64::MAX);
const FOREVER: &str = "9223372036854775807";

const NO_CLEANER: &str = "this broker does not compact logs";
const NO_RECOMPRESSION: &str = "this broker keeps batches as the producer compressed them";
const NO_TIERED_STORAGE: &str = "this broker has no tiered storage";
const ONE_REPLICA: &str = "this broker keeps one replica of each partition";
const WHOLE_MILLISECONDS: &str = "this broker rolls segments without jitter";

/// Every topic setting that DescribeConfigs shows, by name.
pub const TOPIC_SETTINGS: &[TopicSetting] = &[
    refused(
        "cleanup.policy",
        Kind::List(&["compact", "delete"]),
        "delete",
        Some("log.cleanup.policy"),
        NO_CLEANER,
        "What happens to old segments: delete.",
    ),
    refused(
        "compression.gzip.level",
        Kind::Int(-1, 9),
        "-1",
        Some("compression.gzip.level"),
        NO_RECOMPRESSION,
        "Level of gzip, were the broker to compress.",
    ),
    refused(
        "compression.lz4.level",
        Kind::Int(1, 17),
        "9",
        Some("compression.lz4.level"),
        NO_RECOMPRESSION,
        "Level of lz4, were the broker to compress.",
    ),
    refused(
        "compression.type",
        Kind::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "producer",
        Some("compression.type"),
        NO_RECOMPRESSION,
        "How batches are compressed on disk: as the producer sent them.",
    ),
    refused(
        "compression.zstd.level",
        Kind::Int(-131_072, 22),
        "3",
        Some("compression.zstd.level"),
        NO_RECOMPRESSION,
        "Level of zstd, were the broker to compress.",
    ),
    refused(
        "delete.retention.ms",
        NON_NEGATIVE,
        "86400000",
        Some("log.cleaner.delete.retention.ms"),
        NO_CLEANER,
        "How long a compacted topic keeps tombstones.",
    ),
    honoured(
        "file.delete.delay.ms",
        NON_NEGATIVE,
        "60000",
        "log.segment.delete.delay.ms",
        "How long the files of a deleted segment stay before they are unlinked.",
    ),
    honoured(
        "flush.messages",
        POSITIVE,
        FOREVER,
        "log.flush.interval.messages",
        "Flush to disk whenever this many messages were appended.",
    ),
    honoured(
        "flush.ms",
        NON_NEGATIVE,
        FOREVER,
        "log.flush.interval.ms",
        "Flush to disk when a message has waited this long.",
    ),
    refused(
        "follower.replication.throttled.replicas",
        Kind::List(&[]),
        "",
        None,
        ONE_REPLICA,
        "Replicas whose followers are throttled.",
    ),
    honoured(
        "index.interval.bytes",
        Kind::Int(0, i32::MAX),
        "4096",
        "log.index.interval.bytes",
        "Bytes of log between two entries of the offset index.",
    ),
    refused(
        "leader.replication.throttled.replicas",
        Kind::List(&[]),
        "",
        None,
        ONE_REPLICA,
        "Replicas whose leaders are throttled.",
    ),
    refused(
        "local.retention.bytes",
        Kind::Long(-2, i64::MAX),
        "-2",
        Some("log.local.retention.bytes"),
        NO_TIERED_STORAGE,
        "Bytes kept locally beside a remote tier.",
    ),
    refused(
        "local.retention.ms",
        Kind::Long(-2, i64::MAX),
        "-2",
        Some("log.local.retention.ms"),
        NO_TIERED_STORAGE,
        "Milliseconds kept locally beside a remote tier.",
    ),
    refused(
        "max.compaction.lag.ms",
        POSITIVE,
        FOREVER,
        Some("log.cleaner.max.compaction.lag.ms"),
        NO_CLEANER,
        "The longest a message may stay uncompacted.",
    ),
    honoured(
        "max.message.bytes",
        Kind::Int(0, i32::MAX),
        "1048588",
        "message.max.bytes",
        "The largest record batch accepted, in bytes, after compression.",
    ),
    honoured(
        "message.timestamp.after.max.ms",
        NON_NEGATIVE,
        "3600000",
        "log.message.timestamp.after.max.ms",
        "How far a message's timestamp may lie ahead of the broker's clock.",
    ),
    honoured(
        "message.timestamp.before.max.ms",
        NON_NEGATIVE,
        FOREVER,
        "log.message.timestamp.before.max.ms",
        "How far a message's timestamp may lie behind the broker's clock.",
    ),
    honoured(
        "message.timestamp.type",
        Kind::OneOf(&["CreateTime", "LogAppendTime"]),
        "CreateTime",
        "log.message.timestamp.type",
        "Whether messages keep the producer's time or get the broker's.",
    ),
    refused(
        "min.cleanable.dirty.ratio",
        Kind::Double(0.0, 1.0),
        "0.5",
        Some("log.cleaner.min.cleanable.ratio"),
        NO_CLEANER,
        "Share of uncompacted bytes that starts a compaction.",
    ),
    refused(
        "min.compaction.lag.ms",
        NON_NEGATIVE,
        "0",
        Some("log.cleaner.min.compaction.lag.ms"),
        NO_CLEANER,
        "The least time a message stays uncompacted.",
    ),
    refused(
        "min.insync.replicas",
        Kind::Int(1, i32::MAX),
        "1",
        Some("min.insync.replicas"),
        ONE_REPLICA,
        "Replicas that must have a message before acks=all is answered.",
    ),
    refused(
        "preallocate",
        Kind::Boolean,
        "false",
        Some("log.preallocate"),
        "this broker does not preallocate segments",
        "Whether a segment's file is allocated in full when it is made.",
    ),
    refused(
        "remote.log.copy.disable",
        Kind::Boolean,
        "false",
        None,
        NO_TIERED_STORAGE,
        "Whether copying to a remote tier is suspended.",
    ),
    refused(
        "remote.log.delete.on.disable",
        Kind::Boolean,
        "false",
        None,
        NO_TIERED_STORAGE,
        "Whether leaving the remote tier deletes what is there.",
    ),
    refused(
        "remote.storage.enable",
        Kind::Boolean,
        "false",
        None,
        NO_TIERED_STORAGE,
        "Whether old segments move to a remote tier.",
    ),
    honoured(
        "retention.bytes",
        Kind::Long(i64::MIN, i64::MAX),
        "-1",
        "log.retention.bytes",
        "Bytes a partition may hold before its oldest segments are deleted; negative means no limit.",
    ),
    honoured(
        "retention.ms",
        Kind::Long(-1, i64::MAX),
        "604800000",
        "log.retention.ms",
        "Age at which a segment is deleted; -1 keeps it for ever.",
    ),
    honoured(
        "segment.bytes",
        Kind::Int(1 << 20, i32::MAX),
        "1073741824",
        "log.segment.bytes",
        "Size at which a segment is closed and the next one begun.",
    ),
    honoured(
        "segment.index.bytes",
        Kind::Int(4, i32::MAX),
        "10485760",
        "log.index.size.max.bytes",
        "Size at which a segment's index is full, which closes the segment.",
    ),
    refused(
        "segment.jitter.ms",
        NON_NEGATIVE,
        "0",
        Some("log.roll.jitter.ms"),
        WHOLE_MILLISECONDS,
        "Random part of segment.ms.",
    ),
    honoured(
        "segment.ms",
        POSITIVE,
        "604800000",
        "log.roll.ms",
        "Age at which a segment is closed and the next one begun.",
    ),
    refused(
        "unclean.leader.election.enable",
        Kind::Boolean,
        "false",
        Some("unclean.leader.election.enable"),
        ONE_REPLICA,
        "Whether a replica that lags may become the leader.",
    ),
];

/// A broker setting that says topics' default in a coarser unit than the topic setting has.
#[derive(Debug, Clone, Copy)]
pub struct CoarseSetting {
    /// Kafka's name.
    pub name: &'static str,
    /// The topic setting.
    pub topic_setting: &'static str,
    /// Its unit in milliseconds.
    pub unit_ms: i64,
    /// The default; `None` stands for null.
    pub default: Option<&'static str>,
    /// One sentence about it.
    pub doc: &'static str,
}

/// Every coarse setting; of those for one topic setting the finest first, which goes before the others.
pub const COARSE_SETTINGS: &[CoarseSetting] = &[
    CoarseSetting {
        name: "log.retention.minutes",
        topic_setting: "retention.ms",
        unit_ms: 60_000,
        default: None,
        doc: "Age at which a segment is deleted, unless log.retention.ms says it.",
    },
    CoarseSetting {
        name: "log.retention.hours",
        topic_setting: "retention.ms",
        unit_ms: 3_600_000,
        default: Some("168"),
        doc: "Age at which a segment is deleted, unless log.retention.ms or log.retention.minutes says it.",
    },
    CoarseSetting {
        name: "log.roll.hours",
        topic_setting: "segment.ms",
        unit_ms: 3_600_000,
        default: Some("168"),
        doc: "Age at which a segment is closed, unless log.roll.ms says it.",
    },
];

/// The row of setting `name`.
pub(super) fn row(name: &str) -> Option<&'static TopicSetting> {
    TOPIC_SETTINGS.iter().find(|row| row.name == name)
}

/// Checks that there is a topic setting `name`.
pub(super) fn check_name(name: &str) -> Result<&'static TopicSetting, Refusal> {
    row(name).ok_or_else(|| Refusal::InvalidConfig {
        name: name.to_owned(),
        reason: "there is no topic setting of this name".to_owned(),
    })
}

/// Checks that setting `name` of topic `topic` may be `value`; returns it in canonical form.
pub(super) fn check(topic: &str, name: &str, value: &str) -> Result<String, Refusal> {
    let refuse = |reason: String| Err(Refusal::InvalidConfig { name: name.to_owned(), reason });
    let row = check_name(name)?;
    let value = match row.kind.parse(value) {
        Ok(value) => value,
        Err(reason) => return refuse(reason),
    };
    // Nothing in an internal topic is deleted by age; its coordinator bounds it.
    let internal_policy = is_internal(topic) && row.name == "cleanup.policy";
    match row.refused {
        Some(reason) if value != row.default && !internal_policy => {
            refuse(format!("{reason}, so it can only be {:?}", row.default))
        }
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_kind() {
        for row in TOPIC_SETTINGS {
            assert!(row.default.is_empty() || row.kind.parse(row.default).is_ok(), "{}", row.name);
        }
        assert!(TOPIC_SETTINGS.is_sorted_by_key(|row| row.name));
    }

    #[test]
    fn what_is_not_honoured_is_refused_unless_it_asks_for_what_happens_anyway() {
        let refused = check("news", "cleanup.policy", "compact").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "setting \"cleanup.policy\": this broker does not compact logs, so it can only be \"delete\""
        );
        assert_eq!(check("news", "compression.type", "producer").as_deref(), Ok("producer"));
        assert!(check("news", "compression.type", "zstd").is_err());
        assert_eq!(check("__consumer_offsets", "cleanup.policy", "compact").as_deref(), Ok("compact"));
    }
}

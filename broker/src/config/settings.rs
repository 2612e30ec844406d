//! The broker's settings under Kafka's names.

use std::collections::BTreeMap;

use crate::metadata::{COARSE_SETTINGS, Described, Kind, Source, Synonym, TOPIC_SETTINGS, TopicDefaults};

/// A setting of the broker.
#[derive(Debug, Clone, Copy)]
pub struct BrokerSetting {
    /// Kafka's name.
    pub name: &'static str,
    /// The values it takes.
    pub kind: Kind,
    /// The default; `None` stands for null, which the sentence explains.
    pub default: Option<&'static str>,
    /// Why another value than the default is refused, for settings that are not honoured.
    pub refused: Option<&'static str>,
    /// Whether `--help` shows it.
    pub common: bool,
    /// One sentence about it.
    pub doc: &'static str,
}

/// A value in the form it is used in. It was checked before, so that what does not parse cannot come up.
trait Value {
    fn read(text: Option<&str>) -> Self;
}

impl<T: std::str::FromStr + Default> Value for T {
    fn read(text: Option<&str>) -> Self {
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    }
}

/// Declares the typed settings and their table in one: each row is a documented field, Kafka's name, the default, the
/// values it takes, and whether it is a `common` or a `special` one.
macro_rules! broker_settings {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $name:literal, $default:expr, $kind:expr, $role:ident;)+) => {
        /// The settings in force. Zero stands for null where the sentence says so.
        #[derive(Debug, Clone)]
        pub struct BrokerSettings {
            $($(#[doc = $doc])+ pub $field: $type,)+
            given: BTreeMap<&'static str, String>,
        }

        impl Default for BrokerSettings {
            fn default() -> Self {
                BrokerSettings { $($field: Value::read($default),)+ given: BTreeMap::new() }
            }
        }

        impl BrokerSettings {
            fn assign(&mut self, name: &str, value: &str) {
                match name {
                    $($name => self.$field = Value::read(Some(value)),)+
                    // The logs' settings are read from `given` when they are wanted.
                    _ => {}
                }
            }
        }

        /// The settings that are the broker's own; those that are topics' defaults stand in [`TOPIC_SETTINGS`].
        const OWN: &[BrokerSetting] = &[$(BrokerSetting {
            name: $name,
            kind: $kind,
            default: $default,
            refused: None,
            common: matches!(stringify!($role).as_bytes(), b"common"),
            doc: concat!($($doc),+),
        },)+];
    };
}

const COUNT: Kind = Kind::Int(1, i32::MAX);
const TIME: Kind = Kind::Int(0, i32::MAX);
const BUFFER: Kind = Kind::Int(-1, i32::MAX);
const LONG_TIME: Kind = Kind::Long(1, i64::MAX);

broker_settings! {
    /// This broker's id.
    node_id: i32 = "node.id", Some("1"), Kind::Int(0, i32::MAX), common;
    /// Address that clients are told, as PLAINTEXT://HOST:PORT; by default the one that they connected to.
    advertised_listeners: String = "advertised.listeners", None, Kind::Text, common;
    /// Partitions of a topic that is created without saying how many.
    num_partitions: i32 = "num.partitions", Some("1"), Kind::Int(1, 10_000), common;
    /// Whether a topic is created when a client asks for its metadata or produces to it.
    auto_create_topics: bool = "auto.create.topics.enable", Some("true"), Kind::Boolean, common;
    /// Whether topics can be deleted.
    delete_topics: bool = "delete.topic.enable", Some("true"), Kind::Boolean, special;
    /// Replicas of a topic that is created without saying how many.
    default_replication_factor: i32 = "default.replication.factor", Some("1"), Kind::Int(1, 1), special;
    /// Threads that serve connections; by default one per processor.
    network_threads: usize = "num.network.threads", None, Kind::Int(1, 1024), common;
    /// Logs that are opened, or closed, at a time.
    recovery_threads: usize = "num.recovery.threads.per.data.dir", Some("4"), Kind::Int(1, 1024), special;
    /// Largest request accepted, in bytes.
    socket_request_max_bytes: usize = "socket.request.max.bytes", Some("104857600"), COUNT, common;
    /// Bytes of requests held in memory at a time; further requests wait in their sockets.
    queued_max_request_bytes: usize = "queued.max.request.bytes", Some("268435456"), Kind::Long(1, i64::MAX), common;
    /// Connections open at a time; one more is closed at once.
    max_connections: usize = "max.connections", Some("10000"), COUNT, common;
    /// A connection without a request for this long is closed.
    connections_max_idle_ms: u64 = "connections.max.idle.ms", Some("600000"), LONG_TIME, special;
    /// How long a client may stop inside a request before its connection is closed. Kafka has no such limit.
    read_stall_timeout_ms: u64 = "connections.read.stall.timeout.ms", Some("30000"), LONG_TIME, special;
    /// How long a client may stop reading a response before its connection is closed; long, since the Java consumer may
    /// stay away for max.poll.interval.ms. Kafka has no such limit.
    write_stall_timeout_ms: u64 = "connections.write.stall.timeout.ms", Some("600000"), LONG_TIME, special;
    /// How long a request goes on after its client has shut down its sending side. Kafka drops it at once.
    half_closed_timeout_ms: u64 = "connections.half.closed.timeout.ms", Some("5000"), TIME, special;
    /// Send buffer of a connection's socket, in bytes; -1, unlike Kafka's 100 KiB, lets the system size it.
    socket_send_buffer_bytes: i32 = "socket.send.buffer.bytes", Some("-1"), BUFFER, special;
    /// Receive buffer of a connection's socket, in bytes; -1, unlike Kafka's 100 KiB, lets the system size it.
    socket_receive_buffer_bytes: i32 = "socket.receive.buffer.bytes", Some("-1"), BUFFER, special;
    /// Bytes of records in one fetch response, whatever the client asks for.
    fetch_max_bytes: usize = "fetch.max.bytes", Some("57671680"), Kind::Int(1024, i32::MAX), special;
    /// How long an empty group waits for more members before it is balanced for the first time.
    group_initial_rebalance_delay_ms: i32 = "group.initial.rebalance.delay.ms", Some("3000"), TIME, common;
    /// Shortest session time-out that a group member may ask for.
    group_min_session_timeout_ms: i32 = "group.min.session.timeout.ms", Some("6000"), TIME, special;
    /// Longest session time-out that a group member may ask for.
    group_max_session_timeout_ms: i32 = "group.max.session.timeout.ms", Some("1800000"), TIME, special;
    /// Members of one group at most.
    group_max_size: usize = "group.max.size", Some("2147483647"), COUNT, special;
    /// Longest metadata of a committed offset, in bytes.
    offset_metadata_max_bytes: usize = "offset.metadata.max.bytes", Some("4096"), TIME, special;
    /// How long committed offsets outlive their group.
    offsets_retention_minutes: i32 = "offsets.retention.minutes", Some("10080"), COUNT, special;
    /// How often expired offsets are looked for.
    offsets_retention_check_interval_ms: i64 = "offsets.retention.check.interval.ms", Some("600000"), LONG_TIME, special;
    /// Partitions of __consumer_offsets when it is created.
    offsets_topic_num_partitions: i32 = "offsets.topic.num.partitions", Some("50"), Kind::Int(1, 10_000), special;
    /// Replicas of __consumer_offsets.
    offsets_topic_replication_factor: i32 = "offsets.topic.replication.factor", Some("1"), Kind::Int(1, 1), special;
    /// Size at which a segment of __consumer_offsets is closed, in bytes, when the topic is created.
    offsets_topic_segment_bytes: i32 =
        "offsets.topic.segment.bytes", Some("104857600"), Kind::Int(1 << 20, i32::MAX), special;
    /// How often segments that retention has reached are looked for.
    log_retention_check_interval_ms: u64 = "log.retention.check.interval.ms", Some("300000"), LONG_TIME, special;
    /// How often it is noted how far each log is written, which bounds recovery.
    checkpoint_interval_ms: u64 = "log.flush.offset.checkpoint.interval.ms", Some("60000"), COUNT, special;
    /// How long an idle idempotent producer is remembered.
    producer_id_expiration_ms: i64 = "producer.id.expiration.ms", Some("86400000"), COUNT, special;
}

/// The topic defaults that `--help` shows.
const COMMON_DEFAULTS: [&str; 6] = [
    "log.retention.ms",
    "log.retention.bytes",
    "log.segment.bytes",
    "log.flush.interval.messages",
    "log.flush.interval.ms",
    "message.max.bytes",
];

/// Every setting of the broker, by name.
pub fn broker_settings() -> Vec<BrokerSetting> {
    let of_topics = TOPIC_SETTINGS.iter().filter_map(|row| {
        Some(BrokerSetting {
            name: row.synonym?,
            kind: row.kind,
            default: Some(row.default),
            refused: row.refused,
            common: COMMON_DEFAULTS.contains(&row.synonym?),
            doc: row.doc,
        })
    });
    let coarse = COARSE_SETTINGS.iter().map(|row| BrokerSetting {
        name: row.name,
        kind: COUNT,
        default: row.default,
        refused: None,
        common: row.name == "log.retention.hours",
        doc: row.doc,
    });
    let mut all: Vec<_> = OWN.iter().copied().chain(of_topics).chain(coarse).collect();
    all.sort_by_key(|setting| setting.name);
    all
}

/// Why a setting was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is no setting of this name.
    #[error("there is no setting {name}{}", did_you_mean(.near))]
    Unknown {
        /// What was given.
        name: String,
        /// Names that look alike.
        near: Vec<&'static str>,
    },
    /// It is a setting of topics, not of the broker, which says all topics' default under another name.
    #[error("{name} is a setting of a topic; the broker's, for all topics, is {synonym}")]
    OfTopics {
        /// What was given.
        name: &'static str,
        /// The broker's setting.
        synonym: &'static str,
    },
    /// The value is not one of those that the setting takes.
    #[error("{name}: {reason}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// What is expected.
        reason: String,
    },
}

fn did_you_mean(near: &[&str]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

impl BrokerSettings {
    /// Sets `name` to `value`, after checking both.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        // The name that Kafka gave the node before it was a node.
        let name = if name == "broker.id" { "node.id" } else { name };
        let Some(setting) = broker_settings().into_iter().find(|setting| setting.name == name) else {
            return Err(unknown(name));
        };
        let invalid = |reason| SettingError::Invalid { name: setting.name, reason };
        let value = setting.kind.parse(value).map_err(invalid)?;
        if let (Some(reason), Some(default)) = (setting.refused, setting.default)
            && value != default
        {
            return Err(invalid(format!("{reason}, so it can only be {default:?}")));
        }
        self.assign(setting.name, &value);
        self.given.insert(setting.name, value);
        Ok(())
    }

    /// What the settings make of the topic settings' defaults.
    pub fn topic_defaults(&self) -> TopicDefaults {
        TopicDefaults::new(self.producer_id_expiration_ms, self.given.clone())
    }

    /// All settings as DescribeConfigs shows them. None can be changed while the broker runs.
    pub fn describe(&self) -> Vec<Described> {
        let describe = |setting: BrokerSetting| {
            let given = self.given.get(setting.name);
            let source = if given.is_some() { Source::Broker } else { Source::Default };
            let mut synonyms = Vec::new();
            if let Some(value) = given {
                synonyms.push(Synonym { name: setting.name, value: value.clone(), source: Source::Broker });
            }
            if let Some(value) = setting.default {
                synonyms.push(Synonym { name: setting.name, value: value.to_owned(), source: Source::Default });
            }
            Described {
                name: setting.name,
                value: given.cloned().or(setting.default.map(str::to_owned)),
                kind: setting.kind,
                source,
                read_only: true,
                synonyms,
                doc: setting.doc,
            }
        };
        broker_settings().into_iter().map(describe).collect()
    }
}

fn unknown(name: &str) -> SettingError {
    let of_topics = TOPIC_SETTINGS.iter().find(|row| row.name == name);
    match of_topics.and_then(|row| Some((row.name, row.synonym?))) {
        Some((name, synonym)) => SettingError::OfTopics { name, synonym },
        None => SettingError::Unknown { name: name.to_owned(), near: near_matches(name) },
    }
}

/// Up to three names that `name` may have been meant to be, the nearest first.
fn near_matches(name: &str) -> Vec<&'static str> {
    let mut near: Vec<(usize, &'static str)> = broker_settings()
        .into_iter()
        .map(|setting| (edit_distance(name, setting.name), setting.name))
        .filter(|(distance, known)| *distance <= 3 || (name.len() >= 4 && known.contains(name)))
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, known)| known).take(3).collect()
}

/// Levenshtein's distance in bytes.
fn edit_distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_kind_and_every_name_is_there_once() {
        let all = broker_settings();
        for setting in &all {
            assert!(setting.default.is_none_or(|default| setting.kind.parse(default).is_ok()), "{}", setting.name);
        }
        assert!(all.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn a_misspelt_name_is_told_the_one_it_resembles() {
        let error = BrokerSettings::default().set("num.partition", "3").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no setting num.partition; did you mean num.partitions or offsets.topic.num.partitions?"
        );
        let error = BrokerSettings::default().set("quota.window.num", "3").unwrap_err();
        assert_eq!(error.to_string(), "there is no setting quota.window.num");
    }

    #[test]
    fn a_topics_setting_is_told_the_brokers_name_for_it() {
        let error = BrokerSettings::default().set("flush.messages", "1").unwrap_err();
        let expected =
            "flush.messages is a setting of a topic; the broker's, for all topics, is log.flush.interval.messages";
        assert_eq!(error.to_string(), expected);
        for row in TOPIC_SETTINGS {
            let set = BrokerSettings::default().set(row.name, row.default);
            match row.synonym {
                Some(same) if same == row.name => assert_eq!(set, Ok(())),
                Some(synonym) => assert_eq!(set, Err(SettingError::OfTopics { name: row.name, synonym })),
                None => assert!(matches!(set, Err(SettingError::Unknown { .. })), "{}", row.name),
            }
        }
    }

    #[test]
    fn a_bad_value_is_told_what_is_expected() {
        let error = BrokerSettings::default().set("num.partitions", "many").unwrap_err();
        assert_eq!(error.to_string(), "num.partitions: expected a whole number from 1 to 10000, got \"many\"");
        let error = BrokerSettings::default().set("log.cleanup.policy", "compact").unwrap_err();
        assert_eq!(
            error.to_string(),
            "log.cleanup.policy: this broker does not compact logs, so it can only be \"delete\""
        );
    }

    #[test]
    fn what_is_set_is_in_force_and_described() {
        let mut settings = BrokerSettings::default();
        settings.set("num.partitions", "6").unwrap();
        settings.set("broker.id", "7").unwrap();
        assert_eq!((settings.num_partitions, settings.node_id), (6, 7));
        let described = settings.describe();
        let partitions = described.iter().find(|setting| setting.name == "num.partitions").unwrap();
        assert_eq!((partitions.value.as_deref(), partitions.source), (Some("6"), Source::Broker));
    }
}

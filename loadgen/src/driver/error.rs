//! What can go wrong between the generator and a cluster, each in one sentence that says what to do.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// An error of the client library or of the cluster, by Kafka's own error code (librdkafka's own ones are negative).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientError {
    /// The code; librdkafka's own are below -1.
    pub code: i32,
    /// The text that goes with it.
    pub reason: Cow<'static, str>,
}

impl ClientError {
    /// `MSG_SIZE_TOO_LARGE`, and librdkafka's own check before sending.
    pub const MESSAGE_TOO_LARGE: i32 = 10;
    /// `INVALID_TOPIC_EXCEPTION`.
    pub const INVALID_TOPIC: i32 = 17;
    /// `RECORD_LIST_TOO_LARGE`: a batch above the broker's segment size.
    pub const RECORD_LIST_TOO_LARGE: i32 = 18;
    /// `INVALID_REQUIRED_ACKS`.
    pub const INVALID_REQUIRED_ACKS: i32 = 21;
    /// `TOPIC_AUTHORIZATION_FAILED`.
    pub const TOPIC_AUTHORIZATION_FAILED: i32 = 29;
    /// `GROUP_AUTHORIZATION_FAILED`.
    pub const GROUP_AUTHORIZATION_FAILED: i32 = 30;
    /// `CLUSTER_AUTHORIZATION_FAILED`.
    pub const CLUSTER_AUTHORIZATION_FAILED: i32 = 31;
    /// `INVALID_TIMESTAMP`.
    pub const INVALID_TIMESTAMP: i32 = 32;
    /// `UNSUPPORTED_VERSION`.
    pub const UNSUPPORTED_VERSION: i32 = 35;
    /// `INVALID_REQUEST`.
    pub const INVALID_REQUEST: i32 = 42;
    /// `UNSUPPORTED_FOR_MESSAGE_FORMAT`.
    pub const UNSUPPORTED_FOR_MESSAGE_FORMAT: i32 = 43;
    /// `OUT_OF_ORDER_SEQUENCE_NUMBER`: the broker misses a batch of an idempotent producer.
    pub const OUT_OF_ORDER_SEQUENCE: i32 = 45;
    /// `UNKNOWN_PRODUCER_ID`.
    pub const UNKNOWN_PRODUCER_ID: i32 = 59;
    /// `UNSUPPORTED_COMPRESSION_TYPE`.
    pub const UNSUPPORTED_COMPRESSION: i32 = 76;
    /// `INVALID_RECORD`: the broker's check of the records failed, such as a compacted topic's of records without a key.
    pub const INVALID_RECORD: i32 = 87;
    /// `KAFKA_STORAGE_ERROR`: what a broker answers when its disk is full or broken.
    pub const STORAGE: i32 = 56;
    /// `UNKNOWN_TOPIC_OR_PARTITION`.
    pub const UNKNOWN_TOPIC_OR_PARTITION: i32 = 3;
    /// `TOPIC_ALREADY_EXISTS`.
    pub const TOPIC_ALREADY_EXISTS: i32 = 36;
    /// `INVALID_PARTITIONS`.
    pub const INVALID_PARTITIONS: i32 = 37;
    /// `INVALID_REPLICATION_FACTOR`.
    pub const INVALID_REPLICATION_FACTOR: i32 = 38;
    /// `POLICY_VIOLATION`.
    pub const POLICY_VIOLATION: i32 = 44;
    /// librdkafka: the message was not acknowledged within `message.timeout.ms`.
    pub const LOCAL_MESSAGE_TIMED_OUT: i32 = -192;
    /// librdkafka: the topic is not there, and was not for as long as metadata may take to spread.
    pub const LOCAL_UNKNOWN_TOPIC: i32 = -188;
    /// librdkafka: the partition is not there.
    pub const LOCAL_UNKNOWN_PARTITION: i32 = -190;
    /// librdkafka: the broker lacks a feature that the settings need.
    pub const LOCAL_UNSUPPORTED_FEATURE: i32 = -165;
    /// librdkafka: the broker's connection could not be made or broke.
    pub const LOCAL_TRANSPORT: i32 = -195;
    /// librdkafka: every broker is down.
    pub const LOCAL_ALL_BROKERS_DOWN: i32 = -187;
    /// librdkafka: no answer in time.
    pub const LOCAL_TIMED_OUT: i32 = -185;
    /// librdkafka: its queue is full.
    pub const LOCAL_QUEUE_FULL: i32 = -184;
    /// librdkafka: the broker refused the credentials.
    pub const LOCAL_AUTHENTICATION: i32 = -169;
    /// librdkafka: an error after which the client is of no use.
    pub const LOCAL_FATAL: i32 = -150;
    /// librdkafka: the message was purged from the queue.
    pub const LOCAL_PURGED_QUEUE: i32 = -152;
    /// librdkafka: the message was purged while a request carried it.
    pub const LOCAL_PURGED_IN_FLIGHT: i32 = -151;

    /// Whether every further message would meet it too, so that going on is pointless: Kafka's errors that are no
    /// `RetriableException`, as far as they can meet a producer or a group's member, and librdkafka's own that it does not
    /// get over. What it tries again by itself (`rd_kafka_handle_Produce_error`: a storage error, too few replicas, a
    /// leader that moved, a topic not known *yet*) is not among them, even where it has given up.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self.code,
            Self::MESSAGE_TOO_LARGE
                | Self::INVALID_TOPIC
                | Self::RECORD_LIST_TOO_LARGE
                | Self::INVALID_REQUIRED_ACKS
                | Self::TOPIC_AUTHORIZATION_FAILED
                | Self::GROUP_AUTHORIZATION_FAILED
                | Self::CLUSTER_AUTHORIZATION_FAILED
                | Self::INVALID_TIMESTAMP
                | Self::UNSUPPORTED_VERSION
                | Self::INVALID_REQUEST
                | Self::UNSUPPORTED_FOR_MESSAGE_FORMAT
                | Self::POLICY_VIOLATION
                | Self::OUT_OF_ORDER_SEQUENCE
                | Self::UNKNOWN_PRODUCER_ID
                | Self::UNSUPPORTED_COMPRESSION
                | Self::INVALID_RECORD
                | Self::LOCAL_UNKNOWN_TOPIC
                | Self::LOCAL_UNKNOWN_PARTITION
                | Self::LOCAL_AUTHENTICATION
                | Self::LOCAL_UNSUPPORTED_FEATURE
                | Self::LOCAL_FATAL
        )
    }

    /// What a user can do about it, where there is something to say.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self.code {
            Self::MESSAGE_TOO_LARGE => {
                "choose a smaller --size (or shorter lines), or raise the topic's max.message.bytes and set -X message.max.bytes"
            }
            Self::TOPIC_AUTHORIZATION_FAILED => {
                "grant this user Describe, Write and Read (and Create, for a new one) on the topic, or name another by --topic"
            }
            Self::GROUP_AUTHORIZATION_FAILED => {
                "grant this user Read on consumer groups whose names start with 'loadgen-'"
            }
            Self::CLUSTER_AUTHORIZATION_FAILED => {
                "grant this user IdempotentWrite (or say --idempotent false) and Create on the cluster"
            }
            Self::LOCAL_AUTHENTICATION => "see -X security.protocol, sasl.mechanism, sasl.username and sasl.password",
            Self::STORAGE => "look at the broker's log and make room on its disk",
            Self::UNKNOWN_TOPIC_OR_PARTITION | Self::LOCAL_UNKNOWN_TOPIC | Self::LOCAL_UNKNOWN_PARTITION => {
                "somebody deleted the topic, or it has fewer partitions than before; start the run again"
            }
            Self::RECORD_LIST_TOO_LARGE => "choose a smaller -X batch.size, or raise the topic's segment.bytes",
            Self::INVALID_TIMESTAMP => "set the machine's clock, or raise the topic's message.timestamp.after.max.ms",
            Self::UNSUPPORTED_VERSION | Self::UNSUPPORTED_FOR_MESSAGE_FORMAT | Self::LOCAL_UNSUPPORTED_FEATURE => {
                "the cluster is too old for these settings: try --idempotent false and --compression none, or upgrade it"
            }
            Self::UNSUPPORTED_COMPRESSION => "choose another --compression",
            Self::OUT_OF_ORDER_SEQUENCE | Self::UNKNOWN_PRODUCER_ID => {
                "the cluster lost messages of this producer, or forgot it: see the broker's log"
            }
            Self::INVALID_RECORD => "see the broker's log; a topic with cleanup.policy=compact needs --key",
            Self::INVALID_PARTITIONS | Self::POLICY_VIOLATION => {
                "choose another --partitions, or use an existing --topic"
            }
            Self::INVALID_REPLICATION_FACTOR => "choose a --replication-factor no larger than the number of brokers",
            Self::LOCAL_PURGED_QUEUE | Self::LOCAL_PURGED_IN_FLIGHT => {
                "the cluster had not taken it when --drain-timeout was over: see the broker's log, or lower --rate"
            }
            Self::LOCAL_MESSAGE_TIMED_OUT => {
                "the cluster did not acknowledge in time: lower --rate, or raise -X message.timeout.ms"
            }
            Self::LOCAL_TRANSPORT | Self::LOCAL_ALL_BROKERS_DOWN | Self::LOCAL_TIMED_OUT => {
                "see that the brokers run and that their advertised listeners can be reached from here"
            }
            _ => return None,
        })
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.code)
    }
}

impl std::error::Error for ClientError {}

/// Why a client could not be made, or an administrative operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// A property that the client does not know, or a value it refuses.
    #[error("the client refuses {name}={value}: {reason}; correct the -X option (see librdkafka's CONFIGURATION.md)")]
    Property {
        /// The property's name.
        name: String,
        /// The value it was to have; hidden for secrets.
        value: String,
        /// What the client says.
        reason: String,
    },
    /// The settings ask for TLS or a SASL mechanism that this build of the client does not contain.
    #[error(
        "{name}={value} needs a build with TLS: build with `cargo build --release --features tls` (needs OpenSSL's headers)"
    )]
    TlsNotBuilt {
        /// The property's name.
        name: String,
        /// Its value.
        value: String,
    },
    /// The client could not be made although each property was accepted.
    #[error("cannot make a client: {reason}")]
    Create {
        /// What the client says.
        reason: String,
    },
    /// No broker answered.
    #[error(
        "no broker answers at {address} after {:.0} s ({reason}): see that it runs, and that --bootstrap-servers names it",
        after.as_secs_f64()
    )]
    Unreachable {
        /// The addresses tried.
        address: String,
        /// For how long.
        after: Duration,
        /// The last reason heard.
        reason: String,
    },
    /// Something is there, and no broker for this client.
    #[error(
        "something answers at {address}, but in {:.0} s not as a Kafka broker does to this client: {finding}",
        after.as_secs_f64()
    )]
    NotKafka {
        /// The addresses tried.
        address: String,
        /// For how long.
        after: Duration,
        /// What it does instead, and what to do.
        finding: String,
    },
    /// The cluster, or the client on its behalf, refused an operation.
    #[error("cannot {what}: {error}{}", error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default())]
    Refused {
        /// The operation, such as `create topic 'x'`.
        what: String,
        /// The refusal.
        error: ClientError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do() {
        let error = ClientError {
            code: ClientError::INVALID_REPLICATION_FACTOR,
            reason: "Broker: Invalid replication factor".into(),
        };
        let text = DriverError::Refused { what: "create topic 'x'".into(), error }.to_string();
        assert_eq!(
            text,
            "cannot create topic 'x': Broker: Invalid replication factor (38); choose a --replication-factor no larger \
             than the number of brokers"
        );
    }
}

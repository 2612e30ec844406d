//! What can be asked of the metadata, and why it may be refused.

use std::sync::Arc;

use uuid::Uuid;

use super::TopicMetadata;

/// Producer ids handed out at a time, as Kafka's `ProducerIdsBlock` does.
pub const PRODUCER_ID_BLOCK: i64 = 1000;

/// A topic as CreateTopics asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// 1 to 249 characters of `a-z A-Z 0-9 . _ -`.
    pub name: String,
    /// Number of partitions; −1 means the broker's default, and is required beside `assignments`.
    pub partitions: i32,
    /// 1, or −1 for the broker's default, which is 1; −1 is required beside `assignments`.
    pub replication_factor: i16,
    /// Replicas by partition, for those who place them by hand; empty leaves it to the broker.
    pub assignments: Vec<(i32, Vec<i32>)>,
    /// Settings that differ from the defaults; `None` stands for the default.
    pub settings: Vec<(String, Option<String>)>,
}

impl NewTopic {
    /// A topic with the broker's default partition count and settings.
    pub fn named(name: impl Into<String>) -> Self {
        NewTopic { name: name.into(), partitions: -1, replication_factor: -1, ..NewTopic::default() }
    }

    /// The same topic with `partitions` partitions.
    pub fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = partitions;
        self
    }

    /// The same topic with setting `name` at `value`.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), Some(value.into())));
        self
    }
}

/// A topic found in the data directory that the metadata does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedTopic {
    /// The name its directories carry.
    pub name: String,
    /// The id in `partition.metadata`.
    pub id: Uuid,
    /// One more than the largest partition found.
    pub partitions: i32,
}

/// A change of the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Creates a topic under a fresh random id.
    CreateTopic(NewTopic),
    /// Takes over a topic whose partitions are already on disk.
    AdoptTopic(AdoptedTopic),
    /// Deletes the topic of this id.
    DeleteTopic {
        /// The topic's id; a name is looked up in the image first.
        id: Uuid,
    },
    /// Adds partitions.
    GrowPartitions {
        /// The topic's name.
        name: String,
        /// The number of partitions afterwards.
        total: i32,
        /// Replicas of each added partition, or `None` to leave it to the broker.
        assignments: Option<Vec<Vec<i32>>>,
    },
    /// Takes a block of [`PRODUCER_ID_BLOCK`] producer ids that nobody has had.
    AllocateProducerIds,
}

/// What was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// The topic as it is now: created, adopted or grown.
    Topic(Arc<TopicMetadata>),
    /// The topic as it was.
    TopicDeleted(Arc<TopicMetadata>),
    /// Producer ids `first .. first + PRODUCER_ID_BLOCK` are the caller's.
    ProducerIds {
        /// The first id of the block.
        first: i64,
    },
}

impl Committed {
    /// The topic this is about, unless it is about producer ids.
    pub fn topic(&self) -> Option<&Arc<TopicMetadata>> {
        match self {
            Committed::Topic(topic) | Committed::TopicDeleted(topic) => Some(topic),
            Committed::ProducerIds { .. } => None,
        }
    }
}

/// Why a command was not decided in the caller's favour. The state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The name breaks Kafka's rules for topic names.
    #[error("topic name {name:?} is invalid: {reason}")]
    InvalidTopicName {
        /// What was asked for.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// '.' and '_' are the same in metric names, so two topics may not differ in them alone.
    #[error(
        "topic name {name:?} collides with the existing topic {existing:?}: '.' and '_' may not be the only difference"
    )]
    TopicNameCollision {
        /// What was asked for.
        name: String,
        /// The topic that is there.
        existing: Arc<str>,
    },
    /// The name is taken.
    #[error("topic {name:?} already exists")]
    TopicExists {
        /// What was asked for.
        name: String,
    },
    /// There is no topic of this name.
    #[error("there is no topic {name:?}")]
    UnknownTopic {
        /// What was asked for.
        name: String,
    },
    /// There is no topic of this id.
    #[error("there is no topic with the id {id}", id = super::uuid_to_kafka(*.id))]
    UnknownTopicId {
        /// What was asked for.
        id: Uuid,
    },
    /// The number of partitions cannot be served.
    #[error("{got} partitions: {reason}")]
    InvalidPartitions {
        /// What was asked for.
        got: i32,
        /// What is wrong with it.
        reason: String,
    },
    /// This broker keeps one replica.
    #[error("replication factor {got}: this cluster has one broker, so it can only be 1 (or -1, the default)")]
    InvalidReplicationFactor {
        /// What was asked for.
        got: i16,
    },
    /// Replicas placed by hand do not fit.
    #[error("replica assignment: {reason}")]
    InvalidReplicaAssignment {
        /// What is wrong with it.
        reason: String,
    },
    /// A setting that is unknown, malformed, or not honoured.
    #[error("setting {name:?}: {reason}")]
    InvalidConfig {
        /// The setting.
        name: String,
        /// What is expected instead.
        reason: String,
    },
    /// Parts of the request contradict each other.
    #[error("{reason}")]
    InvalidRequest {
        /// What contradicts what.
        reason: &'static str,
    },
}

/// Why a proposal was not committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// The command does not fit the state.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The journal could not be written (a full disk, say), so nothing changed.
    #[error("the metadata journal could not be written: {0}")]
    Storage(String),
    /// The broker is stopping.
    #[error("the broker is stopping")]
    Stopped,
}

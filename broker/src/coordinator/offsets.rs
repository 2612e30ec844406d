//! Committed offsets of a group (Kafka's `OffsetMetadataManager`).

use super::GroupError;

/// Offsets to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRequest {
    /// The group; may be empty, as in Kafka.
    pub group_id: String,
    /// Empty for a consumer that assigns its partitions itself.
    pub member_id: String,
    /// `group.instance.id`
    pub group_instance_id: Option<String>,
    /// Negative for a consumer that assigns its partitions itself.
    pub generation_id: i32,
    /// How long to keep the offsets (versions 2 to 4); `None` means `offsets.retention.minutes`.
    pub retention_time_ms: Option<i64>,
    /// What to commit. That the topics exist is checked by the caller.
    pub topics: Vec<CommitTopic>,
}

/// Offsets of one topic to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitTopic {
    /// Topic name.
    pub name: String,
    /// One offset for each partition.
    pub partitions: Vec<CommitOffset>,
}

/// The offset of one partition to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOffset {
    /// Partition index.
    pub partition: i32,
    /// The next offset to be consumed.
    pub offset: i64,
    /// Epoch of the last consumed record; −1 if unknown.
    pub leader_epoch: i32,
    /// Whatever the client wants to keep with it.
    pub metadata: String,
}

/// What became of a topic's offsets, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedTopic {
    /// Topic name.
    pub name: String,
    /// Partition index and outcome.
    pub partitions: Vec<(i32, Result<(), GroupError>)>,
}

/// Partitions of one topic whose offsets are asked for, or to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchTopic {
    /// Topic name.
    pub name: String,
    /// Partition indexes.
    pub partitions: Vec<i32>,
}

/// Committed offsets of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedTopic {
    /// Topic name.
    pub name: String,
    /// One entry for each partition.
    pub partitions: Vec<FetchedOffset>,
}

/// The committed offset of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedOffset {
    /// Partition index.
    pub partition: i32,
    /// −1 if none is committed.
    pub offset: i64,
    /// −1 if unknown.
    pub leader_epoch: i32,
    /// Metadata given at the commit.
    pub metadata: String,
}

/// What became of the offsets to be deleted.
pub type DeletedTopic = CommittedTopic;

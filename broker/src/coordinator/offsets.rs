//! Committed offsets of a group (Kafka's `OffsetMetadataManager`): every change is a record first, and takes effect when
//! that is in the log ([`GroupOffsets::replay`]).
//!
//! Invariant: the offsets are what replaying the group's records of the log gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::Group;
use super::records::{OffsetCommitValue, Record};
use super::{GroupError, GroupSettings};

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

/// The committed offsets of one group.
#[derive(Debug, Default)]
pub struct GroupOffsets {
    by_topic: BTreeMap<Arc<str>, BTreeMap<i32, OffsetCommitValue>>,
}

impl GroupOffsets {
    /// Whether nothing is committed.
    pub fn is_empty(&self) -> bool {
        self.by_topic.is_empty()
    }

    /// How many partitions have an offset.
    pub fn len(&self) -> usize {
        self.by_topic.values().map(BTreeMap::len).sum()
    }

    /// The records that commit `topics`, and the outcome once they are in the log. Who commits has been checked.
    pub fn commit(
        &self,
        group_id: &Arc<str>,
        request: CommitRequest,
        settings: &GroupSettings,
        now_ms: i64,
        records: &mut Vec<Record>,
    ) -> Vec<CommittedTopic> {
        let expire_timestamp_ms = request.retention_time_ms.map(|retention_ms| now_ms.saturating_add(retention_ms));
        let max_bytes = settings.offset_metadata_max_bytes;
        let commit_topic = |topic: CommitTopic| {
            let name = self.by_topic.get_key_value(topic.name.as_str());
            let name = name.map_or_else(|| Arc::from(topic.name.as_str()), |(known, _)| known.clone());
            let partitions = topic.partitions.into_iter().map(|commit| {
                let got_bytes = commit.metadata.len();
                if got_bytes > max_bytes {
                    return (commit.partition, Err(GroupError::OffsetMetadataTooLarge { got_bytes, max_bytes }));
                }
                let value = OffsetCommitValue {
                    offset: commit.offset,
                    leader_epoch: commit.leader_epoch,
                    metadata: commit.metadata,
                    commit_timestamp_ms: now_ms,
                    expire_timestamp_ms,
                };
                records.push(offset_record(group_id, &name, commit.partition, Some(value)));
                (commit.partition, Ok(()))
            });
            CommittedTopic { partitions: partitions.collect(), name: topic.name }
        };
        request.topics.into_iter().map(commit_topic).collect()
    }

    /// Takes in what a record says.
    pub fn replay(&mut self, topic: &Arc<str>, partition: i32, value: Option<OffsetCommitValue>) {
        match value {
            Some(value) => {
                self.by_topic.entry(topic.clone()).or_default().insert(partition, value);
            }
            None => {
                if let Some(partitions) = self.by_topic.get_mut(topic) {
                    partitions.remove(&partition);
                    if partitions.is_empty() {
                        self.by_topic.remove(topic);
                    }
                }
            }
        }
    }

    /// Offsets of the given partitions, or of all.
    pub fn fetch(&self, topics: Option<&[FetchTopic]>) -> Vec<FetchedTopic> {
        match topics {
            Some(topics) => topics.iter().map(|topic| self.fetch_topic(topic)).collect(),
            None => self
                .by_topic
                .iter()
                .map(|(name, partitions)| FetchedTopic {
                    name: name.to_string(),
                    partitions: partitions.iter().map(|(&at, value)| fetched(at, Some(value))).collect(),
                })
                .collect(),
        }
    }

    fn fetch_topic(&self, topic: &FetchTopic) -> FetchedTopic {
        let committed = self.by_topic.get(topic.name.as_str());
        let committed = |partition: i32| committed.and_then(|partitions| partitions.get(&partition));
        FetchedTopic {
            name: topic.name.clone(),
            partitions: topic.partitions.iter().map(|&at| fetched(at, committed(at))).collect(),
        }
    }

    /// The tombstones that delete `topics`, and the outcome once they are in the log; not of topics that `group`
    /// consumes.
    pub fn delete(
        &self,
        group_id: &Arc<str>,
        group: &Group,
        topics: &[FetchTopic],
        records: &mut Vec<Record>,
    ) -> Vec<DeletedTopic> {
        let mut delete_topic = |topic: &FetchTopic| {
            let is_subscribed = group.is_subscribed_to(&topic.name);
            if let Some((name, committed)) = self.by_topic.get_key_value(topic.name.as_str())
                && !is_subscribed
            {
                let known = topic.partitions.iter().filter(|partition| committed.contains_key(partition));
                records.extend(known.map(|&partition| offset_record(group_id, name, partition, None)));
            }
            let result = if is_subscribed { Err(GroupError::GroupSubscribedToTopic) } else { Ok(()) };
            let partitions = topic.partitions.iter().map(|&partition| (partition, result.clone())).collect();
            DeletedTopic { name: topic.name.clone(), partitions }
        };
        topics.iter().map(&mut delete_topic).collect()
    }

    /// The tombstones that delete every offset, or those of the topics that `is_gone` names.
    pub fn delete_where(&self, group_id: &Arc<str>, is_gone: impl Fn(&str) -> bool, records: &mut Vec<Record>) {
        for (topic, partitions) in self.by_topic.iter().filter(|(topic, _)| is_gone(topic)) {
            records.extend(partitions.keys().map(|&partition| offset_record(group_id, topic, partition, None)));
        }
    }

    /// The tombstones of offsets that have expired (KIP-211). Returns whether none is left then.
    pub fn expire(
        &self,
        group_id: &Arc<str>,
        group: &Group,
        settings: &GroupSettings,
        now_ms: i64,
        records: &mut Vec<Record>,
    ) -> bool {
        let retention_ms = i64::from(settings.offsets_retention_minutes) * 60_000;
        let has_expired = |topic: &str, value: &OffsetCommitValue| {
            let starts_ms = group.retention_starts_ms(value.commit_timestamp_ms);
            let by_retention = |starts_ms: i64| now_ms.saturating_sub(starts_ms) >= retention_ms;
            let by_request = value.expire_timestamp_ms.map(|expire_ms| now_ms >= expire_ms);
            !group.is_subscribed_to(topic)
                && starts_ms.is_some_and(|starts_ms| by_request.unwrap_or_else(|| by_retention(starts_ms)))
        };
        let mut is_none_left = true;
        for (topic, partitions) in &self.by_topic {
            for (&partition, value) in partitions {
                if has_expired(topic, value) {
                    records.push(offset_record(group_id, topic, partition, None));
                } else {
                    is_none_left = false;
                }
            }
        }
        is_none_left
    }

    /// A record for every offset.
    pub fn records<'a>(&'a self, group_id: &'a Arc<str>) -> impl Iterator<Item = Record> + 'a {
        self.by_topic.iter().flat_map(move |(topic, partitions)| {
            partitions.iter().map(move |(&at, value)| offset_record(group_id, topic, at, Some(value.clone())))
        })
    }
}

fn offset_record(group_id: &Arc<str>, topic: &Arc<str>, partition: i32, value: Option<OffsetCommitValue>) -> Record {
    Record::Offset { group_id: group_id.clone(), topic: topic.clone(), partition, value }
}

fn fetched(partition: i32, value: Option<&OffsetCommitValue>) -> FetchedOffset {
    FetchedOffset {
        partition,
        offset: value.map_or(-1, |value| value.offset),
        leader_epoch: value.map_or(-1, |value| value.leader_epoch),
        metadata: value.map(|value| value.metadata.clone()).unwrap_or_default(),
    }
}

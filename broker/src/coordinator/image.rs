//! What a partition of `__consumer_offsets` says: the latest value of every key, as compaction would leave it.

use std::collections::HashMap;
use std::sync::Arc;

use super::offsets::GroupOffsets;
use super::records::{GroupMetadataValue, Record};

/// The replayed state of a partition. It is never ahead of the log: live groups may be.
#[derive(Debug, Default)]
pub struct Image {
    groups: HashMap<Arc<str>, GroupImage>,
}

/// What the log says of one group; one of the two at least.
#[derive(Debug, Default)]
pub struct GroupImage {
    /// The latest generation in the log; none for a group that has only offsets.
    pub metadata: Option<GroupMetadataValue>,
    /// Its committed offsets.
    pub offsets: GroupOffsets,
}

impl Image {
    /// Takes in one record.
    pub fn replay(&mut self, record: Record) {
        let group_id = match record {
            Record::Offset { group_id, topic, partition, value } => {
                self.groups.entry(group_id.clone()).or_default().offsets.replay(&topic, partition, value);
                group_id
            }
            Record::Group { group_id, value } => {
                self.groups.entry(group_id.clone()).or_default().metadata = value;
                group_id
            }
        };
        if self.groups.get(&group_id).is_some_and(|group| group.metadata.is_none() && group.offsets.is_empty()) {
            self.groups.remove(&group_id);
        }
    }

    /// What the log says of a group.
    pub fn group(&self, group_id: &str) -> Option<&GroupImage> {
        self.groups.get(group_id)
    }

    /// What the log says of each group.
    pub fn groups(&self) -> impl Iterator<Item = (&Arc<str>, &GroupImage)> {
        self.groups.iter()
    }

    /// How many keys there are.
    pub fn record_count(&self) -> usize {
        self.groups.values().map(|group| usize::from(group.metadata.is_some()) + group.offsets.len()).sum()
    }

    /// One record for each key; replayed into an empty image, they give this one.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.groups.iter().flat_map(|(group_id, group)| {
            let metadata = group.metadata.clone();
            let metadata = metadata.map(|value| Record::Group { group_id: group_id.clone(), value: Some(value) });
            metadata.into_iter().chain(group.offsets.records(group_id))
        })
    }
}

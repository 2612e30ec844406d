//! The committed state.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use super::entry::Entry;

/// Ids of deleted topics that are remembered, so that directories which a crash left behind are not adopted again.
const REMEMBERED_DELETIONS: usize = 1024;

/// A topic as the metadata knows it. Every partition has one replica, on this node, and leader epoch changes are the
/// log's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMetadata {
    /// The topic's name.
    pub name: Arc<str>,
    /// The topic's id, never all zeroes.
    pub id: Uuid,
    /// Number of partitions, at least 1.
    pub partitions: i32,
    /// Whether Kafka's clients are told that it is internal.
    pub internal: bool,
    /// Settings that were given for this topic; what is missing has the default.
    pub settings: BTreeMap<String, String>,
}

/// One committed state, immutable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// How many entries led here.
    pub last_entry: u64,
    /// The cluster's id in Kafka's form: 22 characters of URL-safe base64.
    pub cluster_id: Arc<str>,
    /// The first producer id that nobody has had.
    pub next_producer_id: i64,
    pub(super) topics: BTreeMap<Arc<str>, Arc<TopicMetadata>>,
    pub(super) names: HashMap<Uuid, Arc<str>>,
    pub(super) deleted: VecDeque<Uuid>,
}

impl Image {
    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicMetadata>> {
        self.topics.get(name)
    }

    /// The topic of this id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<TopicMetadata>> {
        self.names.get(&id).and_then(|name| self.topics.get(name))
    }

    /// All topics in the order of their names.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Arc<TopicMetadata>> {
        self.topics.values()
    }

    /// Whether this id was a topic's that has been deleted (the newest 1,024 deletions are remembered).
    pub fn was_deleted(&self, id: Uuid) -> bool {
        self.deleted.contains(&id)
    }

    /// Ids of deleted topics that are remembered, oldest first.
    pub fn deleted(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.deleted.iter().copied()
    }

    /// Entries that lead from nothing to this image, for a snapshot.
    pub(super) fn to_entries(&self) -> Vec<Entry> {
        let mut entries =
            vec![Entry::ClusterId(self.cluster_id.to_string()), Entry::NextProducerId(self.next_producer_id)];
        entries.extend(self.topics.values().map(|topic| Entry::Topic(TopicMetadata::clone(topic))));
        entries.extend(self.deleted.iter().copied().map(Entry::TopicDeleted));
        entries
    }

    /// Applies one committed entry.
    pub(super) fn apply(&mut self, entry: Entry) {
        self.last_entry += 1;
        match entry {
            Entry::ClusterId(id) => self.cluster_id = id.into(),
            Entry::Topic(topic) => {
                self.names.insert(topic.id, topic.name.clone());
                self.topics.insert(topic.name.clone(), Arc::new(topic));
            }
            Entry::TopicDeleted(id) => {
                if let Some(name) = self.names.remove(&id) {
                    self.topics.remove(&name);
                }
                self.deleted.push_back(id);
                if self.deleted.len() > REMEMBERED_DELETIONS {
                    self.deleted.pop_front();
                }
            }
            Entry::NextProducerId(next) => self.next_producer_id = next,
        }
    }
}

//! The topics whose partitions this broker holds, as the committed metadata has them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use uuid::Uuid;

use super::Partition;

/// A topic and its partitions. Immutable: a topic that grows or is altered is replaced, its partitions are kept.
#[derive(Debug)]
pub struct Topic {
    /// The topic's name.
    pub name: Arc<str>,
    /// The topic's id.
    pub id: Uuid,
    /// Whether clients are told that it is internal.
    pub internal: bool,
    /// By partition number.
    pub partitions: Vec<Arc<Partition>>,
}

impl Topic {
    /// The partition of this number, which may come from a client.
    pub fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        usize::try_from(index).ok().and_then(|index| self.partitions.get(index))
    }
}

#[derive(Debug, Default)]
struct Registered {
    by_name: BTreeMap<Arc<str>, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
}

/// The registry of topics. Looking one up takes no lock.
#[derive(Debug)]
pub struct Topics {
    registered: ArcSwap<Registered>,
}

impl Topics {
    /// The topic of this name.
    pub fn by_name(&self, name: &str) -> Option<Arc<Topic>> {
        self.registered.load().by_name.get(name).cloned()
    }

    /// The topic of this id.
    pub fn by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.registered.load().by_id.get(&id).cloned()
    }

    /// All topics in the order of their names.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        self.registered.load().by_name.values().cloned().collect()
    }
}

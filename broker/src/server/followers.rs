//! Who follows the committed metadata: the topics, and the groups' offsets of those that are deleted.
//!
//! Called on the metadata's own thread before a change is answered, so that it happens whether or not the client which
//! asked for it is still there.

use std::sync::{Arc, OnceLock, Weak};

use crate::coordinator::GroupCoordinator;
use crate::metadata::{Image, Listener};
use crate::topic::Topics;

/// The rooms that are told of every committed image, in this order.
#[derive(Debug)]
pub(super) struct Followers {
    topics: Arc<Topics>,
    /// Started after the metadata, which it holds in turn.
    groups: OnceLock<Weak<GroupCoordinator>>,
}

impl Followers {
    pub(super) fn new(topics: Arc<Topics>) -> Self {
        Followers { topics, groups: OnceLock::new() }
    }

    /// Has the offsets of topics that are deleted from now on forgotten.
    pub(super) fn host_groups(&self, groups: &Arc<GroupCoordinator>) {
        // A broker has one coordinator, started once.
        let _ = self.groups.set(Arc::downgrade(groups));
    }

    pub(super) fn listener(self: Arc<Self>) -> Listener {
        Box::new(move |before, after| {
            self.topics.follow(after);
            let deleted = deleted_topics(before, after);
            if let Some(groups) = self.groups.get().and_then(Weak::upgrade).filter(|_| !deleted.is_empty()) {
                groups.on_topics_deleted(&deleted);
            }
        })
    }
}

/// Names of the topics of `before` that are not in `after`.
fn deleted_topics(before: &Image, after: &Image) -> Vec<String> {
    let is_gone = |id| after.topic_by_id(id).is_none();
    before.topics().filter(|topic| is_gone(topic.id)).map(|topic| topic.name.to_string()).collect()
}

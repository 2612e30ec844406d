//! The entries of the metadata journal and of its snapshot.
use uuid::Uuid;

use super::TopicMetadata;

/// A decided change. Unlike a command it leaves nothing to decide: ids are drawn, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The cluster's id, drawn when the data directory was new.
    ClusterId(String),
    /// A topic as it is from now on: created, adopted, grown or altered.
    Topic(TopicMetadata),
    /// The topic of this id is gone.
    TopicDeleted(Uuid),
    /// The first producer id that nobody has had.
    NextProducerId(i64),
}

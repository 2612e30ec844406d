//! Command to decision.
use std::sync::Arc;

use super::entry::Entry;
use super::{Command, Committed, Image, Refusal, TopicDefaults};

pub(super) struct Rules {
    pub(super) node_id: i32,
    pub(super) default_partitions: i32,
    pub(super) topic_defaults: Arc<TopicDefaults>,
}
pub(super) struct Decision {
    pub(super) entry: Entry,
    pub(super) committed: Committed,
}
impl Rules {
    pub(super) fn decide(&self, _: &Image, _: &Command) -> Result<Decision, Refusal> {
        panic!("being built")
    }
}

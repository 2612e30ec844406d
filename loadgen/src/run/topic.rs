//! The topic of a run: found or made, and unmade if the run made it.

use crate::driver::{Admin, DriverError, NewTopic};
use crate::plan::TopicPlan;

/// The topic as the run found or made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) partitions: i32,
    /// Whether the run made it; one that it did not make is never deleted.
    pub(super) created: bool,
    /// Where consumption starts: the end offsets before the first message.
    pub(super) start_offsets: Vec<i64>,
}

/// Why there is no topic to send to.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The cluster refused.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The topic is there, and not as asked for.
    #[error(
        "topic '{topic}' is there and has {got} partitions, not {expected}: leave --partitions out, or name another topic"
    )]
    Partitions {
        /// The topic.
        topic: String,
        /// Its partitions.
        got: i32,
        /// What was asked for.
        expected: i32,
    },
}

/// Finds the topic, or makes it.
pub(super) fn prepare(plan: &TopicPlan, admin: &dyn Admin) -> Result<Topic, TopicError> {
    // Asking for a missing topic may create it where auto-creation is on; a name of our own need not be asked for.
    let existing = if plan.own_name { None } else { admin.topic(&plan.name)? };
    let Some(existing) = existing else {
        let partitions = plan.partitions_to_create();
        let replication_factor = plan.replication_factor.map_or(-1, i32::from);
        admin.create_topic(&NewTopic { name: plan.name.clone(), partitions, replication_factor })?;
        return Ok(Topic { partitions, created: true, start_offsets: vec![0; partitions as usize] });
    };
    if let Some(expected) = plan.partitions.filter(|expected| *expected != existing.partitions) {
        return Err(TopicError::Partitions { topic: plan.name.clone(), got: existing.partitions, expected });
    }
    let start_offsets = admin.end_offsets(&plan.name, existing.partitions)?;
    Ok(Topic { partitions: existing.partitions, created: false, start_offsets })
}

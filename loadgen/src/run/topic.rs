//! The topic of a run: found or made, and unmade if the run made it.

use std::time::Duration;

use crate::driver::{Admin, DriverError, NewTopic};
use crate::plan::TopicPlan;

/// How long a question may take before anything is sent.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// How long the removal of a half-made topic may take.
const REMOVED_WITHIN: Duration = Duration::from_secs(3);

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
    /// The topic is there, and takes no batches as large as the messages.
    #[error(
        "topic '{topic}' takes batches of up to {got} bytes, and these messages need {expected}: choose a smaller --size, or \
         raise its max.message.bytes"
    )]
    TooSmall {
        /// The topic.
        topic: String,
        /// Its `max.message.bytes`.
        got: usize,
        /// What the largest message needs.
        expected: usize,
    },
    /// The topic is there, and not as asked for.
    #[error(
        "topic '{topic}' is there and has {got} replicas of a partition, not {expected}: leave --replication-factor out, or name another topic"
    )]
    Replicas {
        /// The topic.
        topic: String,
        /// Of the partition with the fewest.
        got: i32,
        /// What was asked for.
        expected: i16,
    },
}

/// Removes what a failed creation may have left. Only a name of the run's own is sure to be nobody else's.
fn remove_remains(plan: &TopicPlan, admin: &dyn Admin) {
    if plan.own_name
        && !plan.keep
        && let Err(error) = admin.delete_topic(&plan.name, REMOVED_WITHIN)
    {
        tracing::debug!("{error}");
    }
}

/// Finds the topic, or makes it.
pub(super) fn prepare(plan: &TopicPlan, admin: &dyn Admin) -> Result<Topic, TopicError> {
    // Asking for a missing topic may create it where auto-creation is on; a name of our own need not be asked for.
    let existing = if plan.own_name { None } else { admin.topic(&plan.name)? };
    let Some(existing) = existing else {
        let partitions = plan.partitions_to_create();
        let replication_factor = plan.replication_factor.map_or(-1, i32::from);
        let (name, max_message_bytes) = (plan.name.clone(), plan.max_message_bytes);
        let new = NewTopic { name, partitions, replication_factor, max_message_bytes };
        admin.create_topic(&new).inspect_err(|_| remove_remains(plan, admin))?;
        return Ok(Topic { partitions, created: true, start_offsets: vec![0; partitions as usize] });
    };
    if let Some(expected) = plan.partitions.filter(|expected| *expected != existing.partitions) {
        return Err(TopicError::Partitions { topic: plan.name.clone(), got: existing.partitions, expected });
    }
    let replicas = existing.replication_factor;
    if let Some(expected) = plan.replication_factor.filter(|expected| i32::from(*expected) != replicas) {
        return Err(TopicError::Replicas { topic: plan.name.clone(), got: replicas, expected });
    }
    if let Some(expected) = plan.max_message_bytes
        && let Some(got) = admin.max_message_bytes(&plan.name).filter(|got| *got < expected)
    {
        return Err(TopicError::TooSmall { topic: plan.name.clone(), got, expected });
    }
    let start_offsets = admin.end_offsets(&plan.name, existing.partitions, ANSWERED_WITHIN)?;
    Ok(Topic { partitions: existing.partitions, created: false, start_offsets })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Driver;
    use crate::driver::scripted::Scripted;

    fn plan(own_name: bool) -> TopicPlan {
        TopicPlan {
            name: "t".into(),
            own_name,
            partitions: None,
            replication_factor: None,
            keep: false,
            max_message_bytes: None,
        }
    }

    #[test]
    fn what_a_failed_creation_left_is_removed_where_the_name_is_the_runs_own() {
        for (own_name, deleted) in [(true, vec!["t".to_owned()]), (false, vec![])] {
            let driver = Scripted::new(1, &[]).that_fails_to_create_topics();
            let admin = driver.admin().expect("always");
            assert!(prepare(&plan(own_name), admin.as_ref()).is_err());
            assert_eq!(driver.deleted_topics(), deleted);
        }
    }

    #[test]
    fn a_topic_that_takes_no_such_messages_is_refused_before_one_is_sent() {
        let driver = Scripted::new(1, &[]).with_existing_topic(3);
        let admin = driver.admin().expect("always");
        let text = prepare(&TopicPlan { max_message_bytes: Some(2 << 20), ..plan(false) }, admin.as_ref());
        assert!(text.expect_err("refused").to_string().contains("up to 1048588 bytes"));
    }

    #[test]
    fn another_number_of_replicas_than_asked_for_is_refused() {
        let driver = Scripted::new(1, &[]).with_existing_topic(3);
        let admin = driver.admin().expect("always");
        let text = prepare(&TopicPlan { replication_factor: Some(3), ..plan(false) }, admin.as_ref());
        assert!(text.expect_err("refused").to_string().contains("has 1 replicas"));
        assert!(prepare(&TopicPlan { replication_factor: Some(1), ..plan(false) }, admin.as_ref()).is_ok());
    }
}

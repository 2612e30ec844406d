//! What a run has made on a cluster that outlives it, to be removed once its verdict is out.

use std::time::Duration;

use crate::driver::{Admin, DriverError};

/// How long one removal may take.
const REMOVED_WITHIN: Duration = Duration::from_secs(3);

/// The run's topic and groups. Empty where the cluster goes away with the run.
#[derive(Debug, Default)]
pub struct Leftovers {
    /// The topic, if the run made it and it is not to stay.
    pub(super) topic: Option<String>,
    /// The consumer groups.
    pub(super) groups: Vec<String>,
    /// Whether the run has given the cluster up, so that nothing can be removed.
    pub(super) cluster_is_silent: bool,
}

impl Leftovers {
    /// Removes them, within seconds. What stays is said in one sentence each, and fails nothing.
    pub fn remove(mut self, admin: &dyn Admin) -> Vec<String> {
        let mut stays = Vec::new();
        if !self.cluster_is_silent
            && let Some(topic) = self.topic.take()
            && let Err(error) = admin.delete_topic(&topic, REMOVED_WITHIN)
        {
            self.note(error, &mut stays, |leftovers| leftovers.topic = Some(topic));
        }
        if !self.cluster_is_silent && !self.groups.is_empty() {
            let groups = std::mem::take(&mut self.groups);
            if let Err(error) = admin.delete_groups(&groups, REMOVED_WITHIN) {
                self.note(error, &mut stays, |leftovers| leftovers.groups = groups);
            }
        }
        let topic = self.topic.iter().map(|name| format!("topic '{name}'"));
        let names: Vec<String> = topic.chain(self.groups.iter().map(|name| format!("group '{name}'"))).collect();
        if !names.is_empty() {
            stays.push(format!("not removed, as the cluster does not answer: {}", names.join(", ")));
        }
        stays
    }

    /// A refusal is said as it is; from a cluster that does not answer no more is asked.
    fn note(&mut self, error: DriverError, stays: &mut Vec<String>, put_back: impl FnOnce(&mut Self)) {
        if matches!(error, DriverError::Unreachable { .. }) {
            self.cluster_is_silent = true;
            put_back(self);
        } else {
            stays.push(error.to_string());
        }
    }
}

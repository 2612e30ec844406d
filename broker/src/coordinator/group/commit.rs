//! What a group has to say about its offsets: who may commit and delete them, and when they expire.

use std::collections::BTreeSet;

use super::subscription::{self, CONSUMER_PROTOCOL_TYPE};
use super::{Group, GroupState, Now};
use crate::coordinator::GroupError;

impl Group {
    /// A commit is a sign of life too, where Kafka takes it for one.
    pub fn renew_session_by_commit(&mut self, member_id: &str, now: Now) {
        if matches!(self.state, GroupState::Stable | GroupState::PreparingRebalance) {
            self.renew_session(member_id, now);
        }
    }

    /// Whether a commit is the current generation's, or a simple consumer's to an empty group.
    pub fn validate_commit(
        &self,
        member_id: &str,
        group_instance_id: Option<&str>,
        generation_id: i32,
    ) -> Result<(), GroupError> {
        if generation_id < 0 && self.state == GroupState::Empty {
            return Ok(());
        }
        if generation_id >= 0 || !member_id.is_empty() || group_instance_id.is_some() {
            self.validate_member(member_id, group_instance_id)?;
            self.validate_generation(generation_id)?;
        } else {
            return Err(GroupError::UnknownMemberId);
        }
        if self.state == GroupState::CompletingRebalance {
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    /// Whether the group may be deleted.
    pub fn validate_delete(&self) -> Result<(), GroupError> {
        if self.state == GroupState::Empty { Ok(()) } else { Err(GroupError::NonEmptyGroup) }
    }

    /// Whether single offsets may be deleted: not under members that are no consumers, whose topics are not known.
    pub fn validate_delete_offsets(&self) -> Result<(), GroupError> {
        if self.state == GroupState::Empty || self.is_consumer_group() {
            Ok(())
        } else {
            Err(GroupError::NonEmptyGroup)
        }
    }

    fn is_consumer_group(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// Whether members consume `topic`, as far as it is known; consumers that do not tell may consume anything.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed_topics.as_ref().map_or_else(|| self.is_consumer_group(), |topics| topics.contains(topic))
    }

    /// Since when an offset committed at `committed_ms` has been waiting to expire (KIP-211); `None` if it does not:
    /// the retention runs from the moment the last member left, or, for consumers of other topics and for groups
    /// without members, from the commit.
    pub fn retention_starts_ms(&self, committed_ms: i64) -> Option<i64> {
        match (&self.protocol_type, self.state) {
            (Some(_), GroupState::Empty) => Some(self.state_since_ms.unwrap_or(committed_ms)),
            (Some(_), GroupState::Stable) if self.is_consumer_group() && self.subscribed_topics.is_some() => {
                Some(committed_ms)
            }
            (Some(_), _) => None,
            (None, _) => Some(committed_ms),
        }
    }

    pub(super) fn compute_subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if !self.is_consumer_group() {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(self.protocol_name.as_deref()?);
            subscription::collect_topics(&metadata, &mut topics).ok()?;
        }
        Some(topics)
    }
}

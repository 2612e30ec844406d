//! One group of the classic protocol (KIP-62, KIP-345, KIP-394, KIP-814; Kafka's `ClassicGroup` and the classic half of
//! `GroupMetadataManager`) as a state machine without a clock.
//!
//! ```text
//!           first join                    all joined, or the time is up
//!   Empty ------------> PreparingRebalance ------------> CompletingRebalance
//!     ^                   |      ^    ^                     |        |
//!     | nobody joined     |      |    | a join or leave     |        | leader's assignment is in the log
//!     +-------------------+      |    +---------------------+        v
//!                                +--------------------------------- Stable
//!                                  a join, leave or expiry
//! ```
//!
//! Kafka's fifth state, `Dead`, cannot be seen here: a group that is deleted is gone under the same lock.
//!
//! Invariants, checked after every step of the generated histories in the tests:
//! - `Empty ⇔` no members; a group with members has a leader, who is one of them;
//! - instance ids and static members are one to one;
//! - a member waits for a join only while a rebalance is prepared (or its own replacement is being appended), for a
//!   sync only while one is completed;
//! - whatever a group waits for has a deadline; each member has one, or waits itself;
//! - every reply token is answered once.

mod commit;
mod describe;
mod join;
mod leave;
mod member;
mod persistence;
mod rebalance;
mod static_member;
mod subscription;
mod sync;
mod transition;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use describe::{GroupDescription, ListedGroup, MemberDescription};
pub use join::{JoinRequest, Joined, JoinedMember, Protocol};
pub use leave::{HeartbeatRequest, LeaveRequest, LeavingMember, Left};
pub use member::{Member, MemberId};
use rebalance::JoinPhase;
pub use sync::{SyncRequest, Synced};
pub use transition::{AfterAppend, Now, Reply, ReplyToken, Transition};

use super::GroupError;

/// Where a group stands between two generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupState {
    /// No members; there may be offsets.
    Empty,
    /// Waiting for the members to join.
    PreparingRebalance,
    /// A generation has begun; waiting for the leader's assignment.
    CompletingRebalance,
    /// Every member has, or can ask for, its assignment.
    Stable,
}

impl GroupState {
    /// The name that clients and tools know.
    pub fn name(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::PreparingRebalance => "PreparingRebalance",
            GroupState::CompletingRebalance => "CompletingRebalance",
            GroupState::Stable => "Stable",
        }
    }
}

/// A group.
#[derive(Debug)]
pub struct Group {
    id: Arc<str>,
    state: GroupState,
    /// When the state was entered, by the wall clock; unknown for groups written by old versions of Kafka.
    state_since_ms: Option<i64>,
    generation_id: i32,
    /// None for a group that has only offsets.
    protocol_type: Option<String>,
    protocol_name: Option<String>,
    leader: Option<MemberId>,
    members: BTreeMap<MemberId, Member>,
    /// Member ids by `group.instance.id`.
    static_members: BTreeMap<String, MemberId>,
    /// Ids that were given out (KIP-394) and have not joined, with the time they expire.
    pending_joins: BTreeMap<MemberId, i64>,
    /// Members of this generation that have not asked for their assignment.
    pending_syncs: BTreeSet<MemberId>,
    /// Set while a rebalance is prepared.
    join_phase: Option<JoinPhase>,
    /// When members that have not synced are dropped.
    sync_deadline_ms: Option<i64>,
    /// Topics that the members consume; `None` if their metadata does not tell.
    subscribed_topics: Option<BTreeSet<String>>,
}

impl Group {
    /// A group that nobody has joined.
    pub fn new(id: Arc<str>, now: Now) -> Self {
        Self {
            id,
            state: GroupState::Empty,
            state_since_ms: Some(now.wall_ms),
            generation_id: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_joins: BTreeMap::new(),
            pending_syncs: BTreeSet::new(),
            join_phase: None,
            sync_deadline_ms: None,
            subscribed_topics: None,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> GroupState {
        self.state
    }

    /// Its generation; 0 before the first.
    pub fn generation_id(&self) -> i32 {
        self.generation_id
    }

    /// Nothing would be lost if the group were forgotten (its offsets are another matter).
    pub fn is_vacant(&self) -> bool {
        self.state == GroupState::Empty && self.generation_id == 0 && self.pending_joins.is_empty()
    }

    fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// Kafka's order of checks: an unknown or fenced instance id first, then the member id.
    fn validate_member(&self, member_id: &str, group_instance_id: Option<&str>) -> Result<(), GroupError> {
        if let Some(instance_id) = group_instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(GroupError::UnknownMemberId),
                Some(current) if &**current != member_id => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(GroupError::UnknownMemberId) }
    }

    fn validate_generation(&self, got: i32) -> Result<(), GroupError> {
        if got == self.generation_id {
            Ok(())
        } else {
            Err(GroupError::IllegalGeneration { got, expected: self.generation_id })
        }
    }

    fn enter(&mut self, state: GroupState, now: Now) {
        self.state = state;
        self.state_since_ms = Some(now.wall_ms);
    }

    /// Keeps a member's session alive. Neither allocates nor sets an earlier deadline.
    pub fn heartbeat(&mut self, request: HeartbeatRequest<'_>, now: Now) -> Result<(), GroupError> {
        self.validate_member(request.member_id, request.group_instance_id)?;
        self.validate_generation(request.generation_id)?;
        self.renew_session(request.member_id, now);
        match self.state {
            GroupState::PreparingRebalance => Err(GroupError::RebalanceInProgress),
            GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable => Ok(()),
        }
    }

    fn renew_session(&mut self, member_id: &str, now: Now) {
        if let Some(member) = self.members.get_mut(member_id) {
            let deadline_ms = now.monotonic_ms.saturating_add(i64::from(member.session_timeout_ms));
            // Earlier than before only while a rebalance is prepared, and its end renews every session: nobody need be
            // told of it.
            member.session_deadline_ms = Some(deadline_ms);
        }
    }
}

#[cfg(test)]
mod tests;

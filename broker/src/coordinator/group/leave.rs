//! How members stay, leave, and run out of time.

use super::member::MemberId;
use super::{Group, GroupState, Transition};
use crate::coordinator::GroupError;

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatRequest<'a> {
    /// The group.
    pub group_id: &'a str,
    /// The member.
    pub member_id: &'a str,
    /// `group.instance.id`
    pub group_instance_id: Option<&'a str>,
    /// The member's generation.
    pub generation_id: i32,
}

/// Members that leave, one (below version 3) or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaveRequest {
    /// The group.
    pub group_id: String,
    /// Who leaves.
    pub members: Vec<LeavingMember>,
}

/// One member that leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeavingMember {
    /// Empty when an administrator removes a static member by its instance id.
    pub member_id: String,
    /// `group.instance.id`
    pub group_instance_id: Option<String>,
    /// Why the member leaves (version 5 and later).
    pub reason: Option<String>,
}

/// What became of one leaving member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// As in the request.
    pub member_id: String,
    /// As in the request.
    pub group_instance_id: Option<String>,
    /// Whether it left.
    pub result: Result<(), GroupError>,
}

/// What has run out.
enum Expired {
    PendingJoin(MemberId),
    Session(MemberId),
    JoinPhase,
    SyncPhase,
}

impl Group {
    /// Takes members out; the outcomes are in the order of the request.
    pub fn leave(&mut self, members: Vec<LeavingMember>, t: &mut Transition<'_>) -> Vec<Left> {
        let left: Vec<Left> = members
            .into_iter()
            .map(|leaving| {
                let result = self.leave_one(&leaving, t);
                Left { member_id: leaving.member_id, group_instance_id: leaving.group_instance_id, result }
            })
            .collect();
        if left.iter().any(|left| left.result.is_ok()) {
            match self.state {
                GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(t),
                GroupState::PreparingRebalance => self.maybe_complete_join(t),
                GroupState::Empty => {}
            }
        }
        left
    }

    fn leave_one(&mut self, leaving: &LeavingMember, t: &mut Transition<'_>) -> Result<(), GroupError> {
        let instance_id = leaving.group_instance_id.as_deref();
        let member_id = if leaving.member_id.is_empty() {
            // An administrator names a static member by its instance id alone.
            let member_id = instance_id.and_then(|instance_id| self.static_members.get(instance_id));
            member_id.cloned().ok_or(GroupError::UnknownMemberId)?
        } else {
            if !self.pending_joins.contains_key(leaving.member_id.as_str()) {
                self.validate_member(&leaving.member_id, instance_id)?;
            }
            leaving.member_id.as_str().into()
        };
        self.remove(&member_id, t);
        Ok(())
    }

    /// Handles every deadline up to now, earliest first, and returns the next one.
    pub fn expire(&mut self, t: &mut Transition<'_>) -> Option<i64> {
        loop {
            let (deadline_ms, expired) = self.earliest_deadline()?;
            if deadline_ms > t.now.monotonic_ms {
                return Some(deadline_ms);
            }
            match expired {
                Expired::PendingJoin(member_id) => {
                    self.remove(&member_id, t);
                    self.complete_join_if_all_joined(t);
                }
                Expired::Session(member_id) => self.expire_session(&member_id, t),
                Expired::JoinPhase => {
                    if let Some(phase) = self.join_phase.take() {
                        self.expire_join_phase(phase, t);
                    }
                }
                Expired::SyncPhase => self.expire_sync_phase(t),
            }
        }
    }

    fn earliest_deadline(&self) -> Option<(i64, Expired)> {
        let pending = self.pending_joins.iter().map(|(id, &at)| (at, Expired::PendingJoin(id.clone())));
        let pending = pending.min_by_key(|(at, _)| *at);
        let sessions = self.members.values().filter_map(|member| Some((member.session_deadline_ms?, member)));
        let session = sessions.min_by_key(|(at, _)| *at).map(|(at, member)| (at, Expired::Session(member.id.clone())));
        let join_phase = self.join_phase.map(|phase| (phase.deadline_ms(), Expired::JoinPhase));
        let sync_phase = self.sync_deadline_ms.map(|at| (at, Expired::SyncPhase));
        [pending, session, join_phase, sync_phase].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn expire_session(&mut self, member_id: &MemberId, t: &mut Transition<'_>) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        if member.has_satisfied_heartbeat() {
            // Its session starts again when it is answered.
            member.session_deadline_ms = None;
            return;
        }
        self.remove(member_id, t);
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(t),
            GroupState::PreparingRebalance | GroupState::Empty => self.complete_join_if_all_joined(t),
        }
    }

    fn expire_sync_phase(&mut self, t: &mut Transition<'_>) {
        self.sync_deadline_ms = None;
        let silent = std::mem::take(&mut self.pending_syncs);
        if !silent.is_empty() {
            for member_id in &silent {
                self.remove(member_id, t);
            }
            self.prepare_rebalance(t);
        }
    }

    /// Answers everybody who waits; the coordinator is going away.
    pub fn abandon(&mut self, error: &GroupError, t: &mut Transition<'_>) {
        for member in self.members.values_mut() {
            if let Some(token) = member.awaiting_join.take() {
                t.refuse_join(token, &member.id, error.clone());
            }
            if let Some(token) = member.awaiting_sync.take() {
                t.reply_sync(token, Err(error.clone()));
            }
        }
    }
}

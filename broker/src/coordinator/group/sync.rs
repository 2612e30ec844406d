//! SyncGroup: the leader brings the assignments, everybody gets theirs.

use std::collections::HashMap;

use bytes::Bytes;

use super::member::MemberId;
use super::{AfterAppend, Group, GroupState, ReplyToken, Transition};
use crate::coordinator::GroupError;

/// A sync: the leader brings the assignments, the others ask for theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRequest {
    /// The group.
    pub group_id: String,
    /// The member.
    pub member_id: String,
    /// `group.instance.id`
    pub group_instance_id: Option<String>,
    /// The generation that the member joined.
    pub generation_id: i32,
    /// Checked against the group's where given (version 5 and later).
    pub protocol_type: Option<String>,
    /// Checked against the group's where given (version 5 and later).
    pub protocol_name: Option<String>,
    /// Assignments by member id; the leader's only.
    pub assignments: Vec<(String, Bytes)>,
}

/// A member's assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// The group's protocol type.
    pub protocol_type: Option<String>,
    /// The group's protocol.
    pub protocol_name: Option<String>,
    /// What the leader assigned; empty if it left the member out.
    pub assignment: Bytes,
}

impl Group {
    /// Answers with the member's assignment, or waits until the leader has brought it.
    pub fn sync(&mut self, request: SyncRequest, token: ReplyToken, t: &mut Transition<'_>) {
        if let Err(error) = self.validate_sync(&request) {
            return t.reply_sync(token, Err(error));
        }
        match self.state {
            GroupState::Empty => t.reply_sync(token, Err(GroupError::UnknownMemberId)),
            GroupState::PreparingRebalance => t.reply_sync(token, Err(GroupError::RebalanceInProgress)),
            GroupState::CompletingRebalance => {
                self.has_synced(&request.member_id);
                let Some(member) = self.members.get_mut(request.member_id.as_str()) else { return };
                if let Some(superseded) = member.awaiting_sync.replace(token) {
                    t.reply_sync(superseded, Err(GroupError::RebalanceInProgress));
                }
                if self.is_leader(&request.member_id) {
                    self.take_assignments(request.assignments, t);
                }
            }
            GroupState::Stable => {
                self.has_synced(&request.member_id);
                let synced = self.synced(&request.member_id);
                t.reply_sync(token, Ok(synced));
            }
        }
    }

    fn validate_sync(&self, request: &SyncRequest) -> Result<(), GroupError> {
        self.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        self.validate_generation(request.generation_id)?;
        let differs = |got: &Option<String>, ours: &Option<String>| got.is_some() && ours.is_some() && got != ours;
        if differs(&request.protocol_type, &self.protocol_type) || differs(&request.protocol_name, &self.protocol_name)
        {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn has_synced(&mut self, member_id: &str) {
        self.pending_syncs.remove(member_id);
        if self.pending_syncs.is_empty() {
            self.sync_deadline_ms = None;
        }
    }

    /// Persists the assignments, one for each member: members that the leader left out get an empty one, ids that are
    /// not members' are dropped.
    fn take_assignments(&mut self, assignments: Vec<(String, Bytes)>, t: &mut Transition<'_>) {
        let mut brought: HashMap<String, Bytes> = assignments.into_iter().collect();
        let assignments: Vec<(MemberId, Bytes)> =
            self.members.keys().map(|id| (id.clone(), brought.remove(&**id).unwrap_or_default())).collect();
        t.records.push(self.metadata_record(Some(&assignments)));
        t.after_append = Some(AfterAppend::Assign { generation_id: self.generation_id, assignments });
    }

    /// Goes on after an append, which may have failed.
    pub fn appended(&mut self, after: AfterAppend, result: Result<(), GroupError>, t: &mut Transition<'_>) {
        match after {
            AfterAppend::Assign { generation_id, assignments } => {
                if self.state != GroupState::CompletingRebalance || self.generation_id != generation_id {
                    // Another rebalance began meanwhile, and has told the members.
                    return;
                }
                match result {
                    Ok(()) => self.assign(assignments, t),
                    Err(error) => {
                        self.refuse_syncs(&error, t);
                        self.prepare_rebalance(t);
                    }
                }
            }
            AfterAppend::Replace { predecessor, successor, leader_before, supports_skip_assignment } => {
                self.replaced(*predecessor, &successor, leader_before, supports_skip_assignment, result, t);
            }
        }
    }

    fn assign(&mut self, assignments: Vec<(MemberId, Bytes)>, t: &mut Transition<'_>) {
        for (member_id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&member_id) {
                member.assignment = assignment;
            }
        }
        self.enter(GroupState::Stable, t.now);
        let waiting: Vec<(MemberId, ReplyToken)> = self.take_awaiting_syncs(t);
        for (member_id, token) in waiting {
            let synced = self.synced(&member_id);
            t.reply_sync(token, Ok(synced));
        }
    }

    /// Sends all who wait for an assignment away and forgets the assignments.
    pub(super) fn refuse_syncs(&mut self, error: &GroupError, t: &mut Transition<'_>) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
        }
        for (_, token) in self.take_awaiting_syncs(t) {
            t.reply_sync(token, Err(error.clone()));
        }
    }

    /// Their sessions start again: one may have run out, without effect, while the member waited.
    fn take_awaiting_syncs(&mut self, t: &mut Transition<'_>) -> Vec<(MemberId, ReplyToken)> {
        let mut waiting = Vec::new();
        for member in self.members.values_mut() {
            if let Some(token) = member.awaiting_sync.take() {
                member.renew_session(t);
                waiting.push((member.id.clone(), token));
            }
        }
        waiting
    }

    fn synced(&self, member_id: &str) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment: self.members.get(member_id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }
}

//! JoinGroup: who may join, and as whom.

use bytes::Bytes;
use uuid::Uuid;

use super::member::{Member, MemberId};
use super::rebalance::JoinPhase;
use super::{Group, GroupState, ReplyToken, Transition};
use crate::coordinator::GroupError;
use crate::coordinator::records::wire::MAX_STRING_BYTES;

/// How long the first join of a member may wait; it cannot send heartbeats before it knows its id, and the coordinator
/// does not learn of a lost connection (Kafka's `CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS`).
const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 5 * 60 * 1000;

/// How many protocols a member may name: each is held against those of all members. Clients name up to three; Kafka sets
/// no bound.
const MAX_PROTOCOLS: usize = 32;

/// What is appended to the prefix of a member id: a hyphen and a UUID.
const FRESH_ID_BYTES: usize = 37;

/// A join, as JoinGroup v0 to v9 ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// The group.
    pub group_id: String,
    /// Empty for a member that has no id yet.
    pub member_id: String,
    /// `group.instance.id` of a static member (KIP-345).
    pub group_instance_id: Option<String>,
    /// The client's `client.id`; the prefix of a new member id.
    pub client_id: String,
    /// The client's address, as DescribeGroups shows it.
    pub client_host: String,
    /// `consumer`, `connect`, …
    pub protocol_type: String,
    /// The assignors that the member supports, the preferred one first.
    pub protocols: Vec<Protocol>,
    /// How long the member may stay silent.
    pub session_timeout_ms: i32,
    /// How long the member may take to join again. Version 0 has none and means the session time-out.
    pub rebalance_timeout_ms: i32,
    /// Version 4 and later: a new dynamic member is first given its id (KIP-394).
    pub requires_known_member_id: bool,
    /// Version 9 and later: a static leader that returns may be told to skip the assignment (KIP-814).
    pub supports_skip_assignment: bool,
    /// Why the client joins (version 8 and later).
    pub reason: Option<String>,
}

/// An assignor that a member supports, and what it has to say to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocol {
    /// Name of the assignor.
    pub name: String,
    /// The subscription, opaque but for its topics.
    pub metadata: Bytes,
}

/// What a member of a new generation is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The new generation.
    pub generation_id: i32,
    /// The group's protocol type.
    pub protocol_type: Option<String>,
    /// The assignor that most members preferred.
    pub protocol_name: Option<String>,
    /// Member id of the leader; empty if there is none.
    pub leader: String,
    /// The member's own id.
    pub member_id: String,
    /// The leader is not to assign anything (KIP-814).
    pub skip_assignment: bool,
    /// All members with their metadata, for the leader; empty for the others.
    pub members: Vec<JoinedMember>,
}

/// A member, as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedMember {
    /// Member id.
    pub member_id: String,
    /// `group.instance.id`
    pub group_instance_id: Option<String>,
    /// Metadata for the chosen protocol.
    pub metadata: Bytes,
}

impl Group {
    /// Joins a member, or refuses. `fresh_id` becomes part of the member id if one is needed.
    pub fn join(&mut self, request: JoinRequest, fresh_id: Uuid, token: ReplyToken, t: &mut Transition<'_>) {
        if !self.has_room_for(&request.member_id, t.settings.max_size) {
            self.forget(&request.member_id.as_str().into());
            t.refuse_join(token, "", GroupError::GroupMaxSizeReached { max_size: t.settings.max_size });
        } else if request.protocols.len() > MAX_PROTOCOLS || !self.supports(&request) {
            t.refuse_join(token, &request.member_id, GroupError::InconsistentGroupProtocol);
        } else if request.member_id.is_empty() {
            self.join_new(request, fresh_id, token, t);
        } else {
            self.join_known(request, token, t);
        }
    }

    /// While a rebalance is prepared those who wait are counted, so that the last to rejoin are the ones turned away;
    /// afterwards the members are.
    fn has_room_for(&self, member_id: &str, max_size: usize) -> bool {
        let member = self.members.get(member_id);
        match self.state {
            GroupState::Empty => true,
            GroupState::PreparingRebalance => {
                member.is_some_and(|member| member.awaiting_join.is_some())
                    || self.members.values().filter(|member| member.awaiting_join.is_some()).count() < max_size
            }
            GroupState::CompletingRebalance | GroupState::Stable => member.is_some() || self.members.len() < max_size,
        }
    }

    /// The protocol type is the group's, and one of the protocols is known to all members.
    fn supports(&self, request: &JoinRequest) -> bool {
        if self.state == GroupState::Empty {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        self.protocol_type.as_ref() == Some(&request.protocol_type)
            && request
                .protocols
                .iter()
                .any(|protocol| self.members.values().all(|member| member.supports(&protocol.name)))
    }

    fn join_new(&mut self, request: JoinRequest, fresh_id: Uuid, token: ReplyToken, t: &mut Transition<'_>) {
        let prefix = request.group_instance_id.as_deref().unwrap_or(&request.client_id);
        let prefix = &prefix[..prefix.floor_char_boundary(MAX_STRING_BYTES - FRESH_ID_BYTES)];
        let member_id: MemberId = format!("{prefix}-{fresh_id}").into();
        let predecessor = request.group_instance_id.as_ref().and_then(|id| self.static_members.get(id)).cloned();
        match predecessor {
            Some(predecessor) => self.replace_static_member(request, &predecessor, member_id, token, t),
            None if request.group_instance_id.is_none() && request.requires_known_member_id => {
                t.refuse_join(token, &member_id, GroupError::MemberIdRequired);
                self.pending_joins.insert(member_id, t.deadline_in(request.session_timeout_ms));
            }
            None => self.add_member(member_id, request, token, t),
        }
    }

    fn join_known(&mut self, request: JoinRequest, token: ReplyToken, t: &mut Transition<'_>) {
        if request.group_instance_id.is_none() && self.pending_joins.contains_key(request.member_id.as_str()) {
            return self.add_member(request.member_id.as_str().into(), request, token, t);
        }
        if let Err(error) = self.validate_member(&request.member_id, request.group_instance_id.as_deref()) {
            return t.refuse_join(token, &request.member_id, error);
        }
        let is_leader = self.is_leader(&request.member_id);
        let Some(member) = self.members.get_mut(request.member_id.as_str()) else { return };
        let unchanged = member.protocols == request.protocols;
        let generation_stands = match self.state {
            // The reply to its first join may have been lost.
            GroupState::CompletingRebalance => unchanged,
            // The leader joins again to have the group assign anew, for example when a topic has grown.
            GroupState::Stable => unchanged && !is_leader,
            GroupState::PreparingRebalance | GroupState::Empty => false,
        };
        if generation_stands {
            let joined = self.joined(&request.member_id);
            return t.reply_join(token, joined);
        }
        member.protocols = request.protocols;
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        member.session_timeout_ms = request.session_timeout_ms;
        if let Some(superseded) = member.awaiting_join.replace(token) {
            t.refuse_join(superseded, &request.member_id, GroupError::RebalanceInProgress);
        }
        self.rebalance_or_complete(t);
    }

    fn add_member(&mut self, id: MemberId, request: JoinRequest, token: ReplyToken, t: &mut Transition<'_>) {
        if let Some(JoinPhase::Initial { member_added, .. }) = &mut self.join_phase {
            *member_added = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        let mut member = Member::joining(id.clone(), request, token);
        member.session_deadline_ms = Some(t.deadline_in(NEW_MEMBER_JOIN_TIMEOUT_MS));
        self.pending_joins.remove(&id);
        self.insert(member);
        self.rebalance_or_complete(t);
    }

    /// Puts a member into the group's tables; the first one leads.
    pub(super) fn insert(&mut self, member: Member) {
        if let Some(instance_id) = &member.group_instance_id {
            self.static_members.insert(instance_id.clone(), member.id.clone());
        }
        self.leader.get_or_insert_with(|| member.id.clone());
        self.members.insert(member.id.clone(), member);
    }

    /// Takes a member, or an id that has not joined yet, out of the group's tables; another member may lead then.
    pub(super) fn forget(&mut self, member_id: &MemberId) -> Option<Member> {
        self.pending_joins.remove(member_id);
        self.pending_syncs.remove(member_id);
        let member = self.members.remove(member_id)?;
        if let Some(instance_id) = &member.group_instance_id {
            self.static_members.remove(instance_id);
        }
        if self.leader.as_ref() == Some(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        Some(member)
    }

    /// Takes a member out of the group and tells it so where it waits; it may join again as a new one.
    pub(super) fn remove(&mut self, member_id: &MemberId, t: &mut Transition<'_>) {
        if let Some(member) = self.forget(member_id) {
            if let Some(token) = member.awaiting_join {
                t.refuse_join(token, "", GroupError::UnknownMemberId);
            }
            if let Some(token) = member.awaiting_sync {
                t.reply_sync(token, Err(GroupError::UnknownMemberId));
            }
        }
    }

    /// What `member_id` is told of the current generation; the leader is told of the members.
    pub(super) fn joined(&self, member_id: &str) -> Joined {
        let members = if self.is_leader(member_id) { self.joined_members() } else { Vec::new() };
        Joined {
            generation_id: self.generation_id,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.as_deref().unwrap_or_default().to_owned(),
            member_id: member_id.to_owned(),
            skip_assignment: false,
            members,
        }
    }

    fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        self.members
            .values()
            .map(|member| JoinedMember {
                member_id: member.id.to_string(),
                group_instance_id: member.group_instance_id.clone(),
                metadata: member.metadata(protocol),
            })
            .collect()
    }
}

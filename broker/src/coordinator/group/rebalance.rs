//! From one generation to the next.

use super::member::{Member, MemberId};
use super::{Group, GroupState, Transition};
use crate::coordinator::GroupError;

/// What ends the wait for members to join, besides all having joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinPhase {
    /// The group was empty: it waits in any case, and longer whenever somebody joins, for more members to come
    /// (`group.initial.rebalance.delay.ms`, at most the rebalance time-out altogether).
    Initial {
        /// When to look again.
        deadline_ms: i64,
        /// The wait that ends then.
        delay_ms: i32,
        /// What may be waited after that.
        remaining_ms: i32,
        /// Somebody joined during this wait.
        member_added: bool,
    },
    /// Until the rebalance time-out.
    Rejoin {
        /// When members that have not joined are dropped.
        deadline_ms: i64,
    },
}

impl JoinPhase {
    pub(super) fn deadline_ms(self) -> i64 {
        match self {
            JoinPhase::Initial { deadline_ms, .. } | JoinPhase::Rejoin { deadline_ms } => deadline_ms,
        }
    }
}

impl Group {
    /// Something changed: starts a rebalance, or, if there is one, sees whether it can go on.
    pub(super) fn rebalance_or_complete(&mut self, t: &mut Transition<'_>) {
        if self.state == GroupState::PreparingRebalance {
            self.maybe_complete_join(t);
        } else {
            self.prepare_rebalance(t);
        }
    }

    /// Starts a rebalance: members waiting for an assignment are sent to join again.
    pub(super) fn prepare_rebalance(&mut self, t: &mut Transition<'_>) {
        if self.state == GroupState::CompletingRebalance {
            self.refuse_syncs(&GroupError::RebalanceInProgress, t);
        }
        self.pending_syncs.clear();
        self.sync_deadline_ms = None;
        let is_initial = self.state == GroupState::Empty;
        self.enter(GroupState::PreparingRebalance, t.now);

        let delay_ms = t.settings.initial_rebalance_delay_ms;
        if is_initial && delay_ms > 0 {
            self.wait_for_more(delay_ms, self.rebalance_timeout_ms().saturating_sub(delay_ms).max(0), t);
        } else if is_initial || self.has_all_joined() {
            self.complete_join(t);
        } else {
            self.join_phase = Some(JoinPhase::Rejoin { deadline_ms: t.deadline_in(self.rebalance_timeout_ms()) });
        }
    }

    fn wait_for_more(&mut self, delay_ms: i32, remaining_ms: i32, t: &mut Transition<'_>) {
        let deadline_ms = t.deadline_in(delay_ms);
        self.join_phase = Some(JoinPhase::Initial { deadline_ms, delay_ms, remaining_ms, member_added: false });
    }

    /// The wait of the join phase is over.
    pub(super) fn expire_join_phase(&mut self, phase: JoinPhase, t: &mut Transition<'_>) {
        match phase {
            JoinPhase::Initial { delay_ms, remaining_ms, member_added: true, .. } if remaining_ms > 0 => {
                let next_delay_ms = t.settings.initial_rebalance_delay_ms.min(remaining_ms);
                self.wait_for_more(next_delay_ms, remaining_ms.saturating_sub(delay_ms).max(0), t);
            }
            JoinPhase::Initial { .. } | JoinPhase::Rejoin { .. } => self.complete_join(t),
        }
    }

    /// Begins the generation if all have joined; an empty group's first wait is not cut short.
    pub(super) fn maybe_complete_join(&mut self, t: &mut Transition<'_>) {
        if matches!(self.join_phase, Some(JoinPhase::Rejoin { .. })) && self.has_all_joined() {
            self.complete_join(t);
        }
    }

    /// Begins the generation if all have joined, also before an empty group's first wait is over.
    pub(super) fn complete_join_if_all_joined(&mut self, t: &mut Transition<'_>) {
        if self.state == GroupState::PreparingRebalance && self.has_all_joined() {
            self.complete_join(t);
        }
    }

    fn has_all_joined(&self) -> bool {
        self.pending_joins.is_empty() && self.members.values().all(|member| member.awaiting_join.is_some())
    }

    /// Begins a generation of those who have joined, and of the static members, who may come back.
    fn complete_join(&mut self, t: &mut Transition<'_>) {
        self.join_phase = None;
        let is_missing = |member: &&Member| member.awaiting_join.is_none() && member.group_instance_id.is_none();
        let missing: Vec<MemberId> = self.members.values().filter(is_missing).map(|member| member.id.clone()).collect();
        for member_id in &missing {
            self.remove(member_id, t);
        }
        if !self.members.is_empty() && !self.elect_joined_leader() {
            // Only static members, and none of them joined: wait on, until their sessions run out.
            let timeout_ms = self.rebalance_timeout_ms().max(1);
            self.join_phase = Some(JoinPhase::Rejoin { deadline_ms: t.deadline_in(timeout_ms) });
            return;
        }

        self.generation_id = self.generation_id.saturating_add(1);
        self.protocol_name = self.select_protocol().map(str::to_owned);
        self.subscribed_topics = self.compute_subscribed_topics();
        if self.members.is_empty() {
            self.enter(GroupState::Empty, t.now);
            t.records.push(self.metadata_record(None));
        } else {
            self.enter(GroupState::CompletingRebalance, t.now);
            self.reply_to_joined(t);
            self.sync_deadline_ms = Some(t.deadline_in(self.rebalance_timeout_ms()));
        }
    }

    fn reply_to_joined(&mut self, t: &mut Transition<'_>) {
        let member_ids: Vec<MemberId> = self.members.keys().cloned().collect();
        for member_id in member_ids {
            let joined = self.joined(&member_id);
            if let Some(member) = self.members.get_mut(&member_id) {
                if let Some(token) = member.awaiting_join.take() {
                    t.reply_join(token, joined);
                }
                member.is_new = false;
                member.renew_session(t);
            }
            self.pending_syncs.insert(member_id);
        }
    }

    /// Whether somebody who joined leads now.
    fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |id: &MemberId| self.members.get(id).is_some_and(|member| member.awaiting_join.is_some());
        if !self.leader.as_ref().is_some_and(has_joined) {
            let Some(joined) = self.members.keys().find(|id| has_joined(id)).cloned() else { return false };
            self.leader = Some(joined);
        }
        true
    }

    /// The protocol that all support and most prefer; among equals the one that the leader prefers.
    pub(super) fn select_protocol(&self) -> Option<&str> {
        let leader = self.members.get(self.leader.as_ref()?)?;
        let is_candidate = |name: &str| self.members.values().all(|member| member.supports(name));
        let candidates: Vec<&str> =
            leader.protocols.iter().map(|protocol| protocol.name.as_str()).filter(|name| is_candidate(name)).collect();
        let mut votes = vec![0usize; candidates.len()];
        for member in self.members.values() {
            let vote = member.protocols.iter().find_map(|known| candidates.iter().position(|name| *name == known.name));
            if let Some(count) = vote.and_then(|at| votes.get_mut(at)) {
                *count += 1;
            }
        }
        let most = votes.iter().max()?;
        votes.iter().position(|count| count == most).and_then(|at| candidates.get(at).copied())
    }

    /// The longest of the members' rebalance time-outs.
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0).max(0)
    }
}

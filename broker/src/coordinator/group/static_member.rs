//! A static member that comes back under a new member id (KIP-345): it takes over its predecessor's place, and in a
//! stable group nobody else notices.

use super::member::MemberId;
use super::{AfterAppend, Group, GroupState, JoinRequest, ReplyToken, Transition};
use crate::coordinator::GroupError;

impl Group {
    pub(super) fn replace_static_member(
        &mut self,
        request: JoinRequest,
        predecessor_id: &MemberId,
        successor_id: MemberId,
        token: ReplyToken,
        t: &mut Transition<'_>,
    ) {
        let leader_before = self.leader.as_deref().unwrap_or_default().to_owned();
        let supports_skip_assignment = request.supports_skip_assignment;
        let Some(mut predecessor) = self.members.get(predecessor_id).cloned() else { return };
        if let Some(fenced) = predecessor.awaiting_join.take() {
            t.refuse_join(fenced, predecessor_id, GroupError::FencedInstanceId);
        }
        if let Some(fenced) = predecessor.awaiting_sync.take() {
            t.reply_sync(fenced, Err(GroupError::FencedInstanceId));
        }

        let mut successor = predecessor.clone();
        successor.id = successor_id.clone();
        successor.protocols = request.protocols;
        successor.rebalance_timeout_ms = request.rebalance_timeout_ms;
        successor.session_timeout_ms = request.session_timeout_ms;
        successor.awaiting_join = Some(token);
        successor.is_new = false;
        successor.renew_session(t);
        self.rename(predecessor_id, successor);

        match self.state {
            GroupState::Stable if self.protocol_name.as_deref() == self.select_protocol() => {
                t.records.push(self.metadata_record(None));
                t.after_append = Some(AfterAppend::Replace {
                    predecessor: Box::new(predecessor),
                    successor: successor_id,
                    leader_before,
                    supports_skip_assignment,
                });
            }
            // The leader may be assigning to the predecessor's id.
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(t),
            GroupState::PreparingRebalance | GroupState::Empty => self.maybe_complete_join(t),
        }
    }

    /// Puts `member` in the place of the one with another id.
    fn rename(&mut self, old_id: &MemberId, member: super::Member) {
        self.members.remove(old_id);
        if self.leader.as_ref() == Some(old_id) {
            self.leader = Some(member.id.clone());
        }
        if self.pending_syncs.remove(old_id) {
            self.pending_syncs.insert(member.id.clone());
        }
        self.insert(member);
    }

    /// The replacement is in the log, or could not be put there and is undone.
    pub(super) fn replaced(
        &mut self,
        predecessor: super::Member,
        successor: &MemberId,
        leader_before: String,
        supports_skip_assignment: bool,
        result: Result<(), GroupError>,
        t: &mut Transition<'_>,
    ) {
        let Some(token) = self.members.get_mut(successor).and_then(|member| member.awaiting_join.take()) else {
            // It left, or was replaced in turn, and has been told so.
            return;
        };
        if let Err(error) = result {
            let mut predecessor = predecessor;
            predecessor.renew_session(t);
            self.rename(successor, predecessor);
            return t.refuse_join(token, "", error);
        }
        let mut joined = self.joined(successor);
        if supports_skip_assignment {
            joined.skip_assignment = self.is_leader(successor);
        } else {
            // Under the predecessor's id as the leader's, the successor takes itself for a follower and assigns nothing.
            joined.leader = leader_before;
            joined.members = Vec::new();
        }
        t.reply_join(token, joined);
    }
}

//! A member of a group.

use std::sync::Arc;

use bytes::Bytes;

use super::{JoinRequest, Protocol, ReplyToken, Transition};

/// Member ids are shared between the group's tables.
pub type MemberId = Arc<str>;

/// A member (Kafka's `ClassicGroupMember`).
#[derive(Debug, Clone)]
pub struct Member {
    pub(super) id: MemberId,
    pub(super) group_instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
    /// The join that waits for the generation.
    pub(super) awaiting_join: Option<ReplyToken>,
    /// The sync that waits for the leader's assignment.
    pub(super) awaiting_sync: Option<ReplyToken>,
    /// Has not been told its id yet: no heartbeat can come, so even a waiting join runs out.
    pub(super) is_new: bool,
    /// `None` while it waits for the coordinator and its session ran out meanwhile.
    pub(super) session_deadline_ms: Option<i64>,
}

impl Member {
    /// A member that waits, with `token`, for its first generation.
    pub(super) fn joining(id: MemberId, request: JoinRequest, token: ReplyToken) -> Self {
        Self {
            id,
            group_instance_id: request.group_instance_id,
            client_id: request.client_id,
            client_host: request.client_host,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: request.protocols,
            assignment: Bytes::new(),
            awaiting_join: Some(token),
            awaiting_sync: None,
            is_new: true,
            session_deadline_ms: None,
        }
    }

    /// Members that wait for the coordinator cannot be expected to send heartbeats, unless they never had an id.
    pub(super) fn has_satisfied_heartbeat(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    pub(super) fn renew_session(&mut self, t: &mut Transition<'_>) {
        self.session_deadline_ms = Some(t.deadline_in(self.session_timeout_ms));
    }

    /// What the member says to the assignor `protocol`; empty if it does not support it.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|known| known.name == protocol)
            .map_or_else(Bytes::new, |known| known.metadata.clone())
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|known| known.name == protocol)
    }
}

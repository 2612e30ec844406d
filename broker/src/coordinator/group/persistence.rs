//! A group in the log, and back.

use std::sync::Arc;

use bytes::Bytes;

use super::member::{Member, MemberId};
use super::{Group, GroupState, Now, Protocol, Transition};
use crate::coordinator::records::{GroupMetadataValue, MemberMetadata, Record};

impl Group {
    /// The group's record, with the members' current assignments or with new ones, in the order of the members.
    pub(super) fn metadata_record(&self, assignments: Option<&[(MemberId, Bytes)]>) -> Record {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let members = self.members.values().enumerate().map(|(at, member)| MemberMetadata {
            member_id: member.id.to_string(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(protocol),
            assignment: assignments.and_then(|new| new.get(at)).map_or(&member.assignment, |(_, new)| new).clone(),
        });
        let value = GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation_id,
            protocol: self.protocol_name.clone(),
            leader: self.leader.as_deref().map(str::to_owned),
            current_state_timestamp_ms: self.state_since_ms.unwrap_or(-1),
            members: members.collect(),
        };
        Record::Group { group_id: self.id.clone(), value: Some(value) }
    }

    /// The group as its last record left it: stable, or empty. [`Group::resume`] starts its sessions.
    pub fn restore(id: Arc<str>, value: GroupMetadataValue, now: Now) -> Self {
        let mut group = Self::new(id, now);
        let protocol_name = value.protocol.clone().unwrap_or_default();
        for member in value.members {
            group.insert(Member {
                id: member.member_id.into(),
                group_instance_id: member.group_instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                session_timeout_ms: member.session_timeout_ms,
                protocols: vec![Protocol { name: protocol_name.clone(), metadata: member.subscription }],
                assignment: member.assignment,
                awaiting_join: None,
                awaiting_sync: None,
                is_new: false,
                session_deadline_ms: None,
            });
        }
        group.state = if group.members.is_empty() { GroupState::Empty } else { GroupState::Stable };
        group.state_since_ms = Some(value.current_state_timestamp_ms).filter(|&at| at != -1);
        group.generation_id = value.generation;
        group.protocol_type = Some(value.protocol_type).filter(|name| !name.is_empty());
        group.protocol_name = value.protocol;
        if let Some(leader) = value.leader.as_deref()
            && let Some((leader, _)) = group.members.get_key_value(leader)
        {
            group.leader = Some(leader.clone());
        }
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }

    /// The coordinator has loaded: members have a whole session to be heard of. A group over a lowered `group.max.size`
    /// rebalances, so that members can commit before some are turned away.
    pub fn resume(&mut self, t: &mut Transition<'_>) {
        for member in self.members.values_mut() {
            member.renew_session(t);
        }
        if self.members.len() > t.settings.max_size {
            self.prepare_rebalance(t);
        }
    }
}

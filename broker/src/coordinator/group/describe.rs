//! What tools are shown of a group.

use bytes::Bytes;

use super::{Group, GroupState};

/// A group, as DescribeGroups shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// The group.
    pub group_id: String,
    /// Its state.
    pub state: GroupState,
    /// Empty for a group that has only offsets.
    pub protocol_type: String,
    /// The chosen protocol of a stable group, else empty.
    pub protocol_name: String,
    /// Its members.
    pub members: Vec<MemberDescription>,
}

/// A member, as DescribeGroups shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDescription {
    /// Member id.
    pub member_id: String,
    /// `group.instance.id`
    pub group_instance_id: Option<String>,
    /// `client.id`
    pub client_id: String,
    /// The client's address.
    pub client_host: String,
    /// Metadata for the chosen protocol of a stable group, else empty.
    pub metadata: Bytes,
    /// The member's assignment.
    pub assignment: Bytes,
}

/// A group, as ListGroups shows it. Its type is always `classic`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    /// The group.
    pub group_id: String,
    /// Empty for a group that has only offsets.
    pub protocol_type: String,
    /// Its state.
    pub state: GroupState,
}

impl Group {
    /// For DescribeGroups.
    pub fn describe(&self) -> GroupDescription {
        let protocol = self.protocol_name.as_deref().filter(|_| self.state == GroupState::Stable);
        let members = self.members.values().map(|member| MemberDescription {
            member_id: member.id.to_string(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: protocol.map_or_else(Bytes::new, |protocol| member.metadata(protocol)),
            assignment: member.assignment.clone(),
        });
        GroupDescription {
            group_id: self.id.to_string(),
            state: self.state,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol_name: protocol.unwrap_or_default().to_owned(),
            members: members.collect(),
        }
    }

    /// For ListGroups.
    pub fn listed(&self) -> ListedGroup {
        ListedGroup {
            group_id: self.id.to_string(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            state: self.state,
        }
    }
}

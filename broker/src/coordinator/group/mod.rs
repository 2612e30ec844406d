//! One group of the classic protocol (KIP-62, KIP-345, KIP-394; Kafka's `ClassicGroup` and the classic half of
//! `GroupMetadataManager`) as a state machine without a clock.

use bytes::Bytes;

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
    pub result: Result<(), super::GroupError>,
}

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

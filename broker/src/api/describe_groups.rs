//! DescribeGroups, versions 0 to 6.
//!
//! Deviations from Kafka: a group that is asked for twice is described once.

use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse, GroupId};

use super::errors::AsKafkaError;
use super::group_text::shared;
use super::repeated::{Occurrence, Repeated};
use super::{Api, authorized_operations};
use crate::coordinator::{GroupDescription, GroupError, MemberDescription};

/// Describes each group on its own.
pub(super) fn handle(api: &Api, version: i16, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let operations = authorized_operations::when(request.include_authorized_operations, authorized_operations::GROUP);
    let describe = |group_id: GroupId| match api.groups.describe(&group_id) {
        Ok(group) => described(group).with_authorized_operations(operations),
        Err(error) => not_described(version, group_id, &error),
    };
    let mut repeated = Repeated::among(request.groups.iter());
    let asked: Vec<GroupId> =
        request.groups.iter().filter(|id| repeated.meet(id) != Occurrence::Again).cloned().collect();
    DescribeGroupsResponse::default().with_groups(asked.into_iter().map(describe).collect())
}

fn described(group: GroupDescription) -> DescribedGroup {
    DescribedGroup::default()
        .with_group_id(GroupId(group.group_id.into()))
        .with_group_state(group.state.name().into())
        .with_protocol_type(group.protocol_type.into())
        .with_protocol_data(group.protocol_name.into())
        .with_members(group.members.into_iter().map(described_member).collect())
}

fn described_member(member: MemberDescription) -> DescribedGroupMember {
    DescribedGroupMember::default()
        .with_member_id(member.member_id.into())
        .with_group_instance_id(shared(member.group_instance_id))
        .with_client_id(member.client_id.into())
        .with_client_host(member.client_host.into())
        .with_member_metadata(member.metadata)
        .with_member_assignment(member.assignment)
}

/// A group that does not exist is an error from version 6 on (KIP-1043), and before that a dead group.
fn not_described(version: i16, group_id: GroupId, error: &GroupError) -> DescribedGroup {
    let dead = DescribedGroup::default().with_group_state("Dead".into());
    match error {
        GroupError::GroupIdNotFound if version < 6 => dead,
        GroupError::GroupIdNotFound => dead
            .with_error_code(error.error_code())
            .with_error_message(Some(format!("Group {} not found.", *group_id).into())),
        _ => DescribedGroup::default().with_error_code(error.error_code()),
    }
    .with_group_id(group_id)
}

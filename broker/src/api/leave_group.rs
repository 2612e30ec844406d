//! LeaveGroup, versions 0 to 5 (classic protocol): one member below version 3, several from there on.
//!
//! Deviations from Kafka: none known.

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

use super::Api;
use super::errors::{AsKafkaError, error_code};
use super::group_text::{owned, shared};
use crate::coordinator::{LeaveRequest, LeavingMember, Left};

/// Takes members out of their group.
pub(super) fn handle(api: &Api, version: i16, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let members = if version < 3 {
        vec![LeavingMember { member_id: request.member_id.to_string(), group_instance_id: None, reason: None }]
    } else {
        request.members.into_iter().map(leaving_member).collect()
    };
    match api.groups.leave(LeaveRequest { group_id: request.group_id.to_string(), members }) {
        Err(error) => LeaveGroupResponse::default().with_error_code(error.error_code()),
        // Without a list of members, the one member's outcome is the response's.
        Ok(left) if version < 3 => {
            let outcome = left.first().map_or(0, |only| error_code(&only.result));
            LeaveGroupResponse::default().with_error_code(outcome)
        }
        Ok(left) => LeaveGroupResponse::default().with_members(left.into_iter().map(member_response).collect()),
    }
}

fn leaving_member(member: MemberIdentity) -> LeavingMember {
    LeavingMember {
        member_id: member.member_id.to_string(),
        group_instance_id: owned(member.group_instance_id),
        reason: owned(member.reason),
    }
}

fn member_response(left: Left) -> MemberResponse {
    MemberResponse::default()
        .with_error_code(error_code(&left.result))
        .with_member_id(left.member_id.into())
        .with_group_instance_id(shared(left.group_instance_id))
}

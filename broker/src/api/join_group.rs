//! JoinGroup, versions 0 to 9 (classic protocol).
//!
//! Deviations from Kafka: a member that names more than 32 protocols is refused (INCONSISTENT_GROUP_PROTOCOL).

use bytes::Bytes;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;

use super::Api;
use super::errors::AsKafkaError;
use super::group_text::{owned, shared};
use super::reply::Peer;
use crate::coordinator::{JoinRequest, Joined, Protocol};
use crate::protocol::Request;

/// Waits until the generation begins.
pub(super) async fn handle(api: &Api, head: &Request, request: JoinGroupRequest, peer: &Peer) -> JoinGroupResponse {
    let response = match api.groups.join(join_request(head, request, peer)).await {
        Ok(joined) => joined_response(joined),
        Err(refused) => JoinGroupResponse::default()
            .with_error_code(refused.error.error_code())
            .with_member_id(refused.member_id.into()),
    };
    // A null protocol name is allowed from version 7 on.
    if head.version < 7 && response.protocol_name.is_none() {
        return response.with_protocol_name(Some(StrBytes::default()));
    }
    response
}

fn join_request(head: &Request, request: JoinGroupRequest, peer: &Peer) -> JoinRequest {
    let protocols = request.protocols.into_iter();
    JoinRequest {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        group_instance_id: owned(request.group_instance_id),
        client_id: owned(head.client_id.clone()).unwrap_or_default(),
        // As Java prints an InetAddress without a host name; Kafka's tools show it.
        client_host: format!("/{}", peer.remote.ip().to_canonical()),
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols
            .map(|one| Protocol { name: one.name.to_string(), metadata: Bytes::copy_from_slice(&one.metadata) })
            .collect(),
        session_timeout_ms: request.session_timeout_ms,
        // Version 0 has no rebalance time-out.
        rebalance_timeout_ms: match head.version {
            0 => request.session_timeout_ms,
            _ => request.rebalance_timeout_ms,
        },
        requires_known_member_id: head.version >= 4,
        supports_skip_assignment: head.version >= 9,
        reason: owned(request.reason),
    }
}

fn joined_response(joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|member| {
        JoinGroupResponseMember::default()
            .with_member_id(member.member_id.into())
            .with_group_instance_id(shared(member.group_instance_id))
            .with_metadata(member.metadata)
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation_id)
        .with_protocol_type(shared(joined.protocol_type))
        .with_protocol_name(shared(joined.protocol_name))
        .with_leader(joined.leader.into())
        .with_skip_assignment(joined.skip_assignment)
        .with_member_id(joined.member_id.into())
        .with_members(members.collect())
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;

    use super::*;

    #[test]
    fn a_member_does_not_keep_the_frame_it_came_in() {
        let frame = Bytes::from(vec![b'm'; 64]);
        let protocol = JoinGroupRequestProtocol::default().with_name("range".into()).with_metadata(frame.slice(8..40));
        let request = JoinGroupRequest::default().with_protocols(vec![protocol]);
        let head = Request::parse(Bytes::from_static(&[0, 11, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0])).unwrap();
        let peer = Peer { remote: "127.0.0.1:9".parse().unwrap(), local: "127.0.0.1:9".parse().unwrap() };
        let kept = join_request(&head, request, &peer);
        assert_eq!(kept.protocols[0].metadata, frame[8..40]);
        assert!(frame.is_unique(), "nothing refers to the frame any more");
    }
}

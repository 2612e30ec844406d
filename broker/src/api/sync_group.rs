//! SyncGroup, versions 0 to 5 (classic protocol).
//!
//! Deviations from Kafka: none known.

use bytes::Bytes;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use super::Api;
use super::errors::{AsKafkaError, KafkaError};
use super::group_text::{owned, shared};
use crate::coordinator::SyncRequest;

/// Waits for the leader's assignment.
pub(super) async fn handle(api: &Api, version: i16, request: SyncGroupRequest) -> SyncGroupResponse {
    // From version 5 on a member says which protocol it believes to have joined (KIP-559).
    if version >= 5 && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
        return SyncGroupResponse::default().with_error_code(KafkaError::InconsistentGroupProtocol.code());
    }
    let assignments = request.assignments.into_iter();
    let sync = SyncRequest {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        group_instance_id: owned(request.group_instance_id),
        generation_id: request.generation_id,
        protocol_type: owned(request.protocol_type),
        protocol_name: owned(request.protocol_name),
        assignments: assignments
            .map(|one| (one.member_id.to_string(), Bytes::copy_from_slice(&one.assignment)))
            .collect(),
    };
    match api.groups.sync(sync).await {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(shared(synced.protocol_type))
            .with_protocol_name(shared(synced.protocol_name))
            .with_assignment(synced.assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(error.error_code()),
    }
}

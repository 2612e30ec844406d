//! Heartbeat, versions 0 to 4 (classic protocol).
//!
//! Deviations from Kafka: none known.

use kafka_protocol::messages::{HeartbeatRequest as Request, HeartbeatResponse};

use super::Api;
use super::errors::error_code;
use crate::coordinator::HeartbeatRequest;

/// Keeps a member's session alive.
pub(super) fn handle(api: &Api, request: Request) -> HeartbeatResponse {
    let outcome = api.groups.heartbeat(HeartbeatRequest {
        group_id: &request.group_id,
        member_id: &request.member_id,
        group_instance_id: request.group_instance_id.as_deref(),
        generation_id: request.generation_id,
    });
    HeartbeatResponse::default().with_error_code(error_code(&outcome))
}

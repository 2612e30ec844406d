//! FindCoordinator, versions 0 to 6: one key below version 4, several from there on.
//!
//! Deviations from Kafka: this broker coordinates every group, at once and without `__consumer_offsets` having to exist.
//! There is no coordinator for transactions; asking for one gets TRANSACTIONAL_ID_AUTHORIZATION_FAILED, on which clients
//! give up instead of trying again until they time out. Nor is there one for share groups (INVALID_REQUEST).

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;
use tracing::warn;

use super::Api;
use super::errors::{ErrorWithMessage, KafkaError};
use super::reply::Peer;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// Names this broker, or says why there is no coordinator.
pub(super) fn handle(api: &Api, version: i16, request: FindCoordinatorRequest, peer: &Peer) -> FindCoordinatorResponse {
    let refusal = refusal(request.key_type);
    if request.key_type == TRANSACTION {
        warn!(client = %peer.remote, "transactions are not served");
    }
    if version < 4 {
        let found = coordinator(api, request.key, refusal.as_ref(), peer);
        return FindCoordinatorResponse::default()
            .with_error_code(found.error_code)
            .with_error_message(found.error_message)
            .with_node_id(found.node_id)
            .with_host(found.host)
            .with_port(found.port);
    }
    let keys = request.coordinator_keys.into_iter();
    FindCoordinatorResponse::default()
        .with_coordinators(keys.map(|key| coordinator(api, key, refusal.as_ref(), peer)).collect())
}

fn refusal(key_type: i8) -> Option<ErrorWithMessage> {
    match key_type {
        GROUP => None,
        TRANSACTION => Some(ErrorWithMessage::new(
            KafkaError::TransactionalIdAuthorizationFailed,
            "this broker does not serve transactions",
        )),
        other => Some(ErrorWithMessage::new(
            KafkaError::InvalidRequest,
            format!("there is no coordinator for keys of type {other}"),
        )),
    }
}

fn coordinator(api: &Api, key: StrBytes, refusal: Option<&ErrorWithMessage>, peer: &Peer) -> Coordinator {
    match refusal {
        None => {
            let endpoint = api.settings.endpoint(peer);
            Coordinator::default()
                .with_key(key)
                .with_node_id(api.node_id())
                .with_host(endpoint.host)
                .with_port(endpoint.port)
        }
        Some(refusal) => Coordinator::default()
            .with_key(key)
            .with_error_code(refusal.code())
            .with_error_message(refusal.message())
            .with_node_id(BrokerId(-1))
            .with_port(-1),
    }
}

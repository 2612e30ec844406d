//! InitProducerId, versions 0 to 5.
//!
//! As in Kafka, an idempotent producer gets a fresh id with epoch 0, also when it names the id and epoch it had.
//!
//! Deviations from Kafka: transactions are not served; a transactional id gets TRANSACTIONAL_ID_AUTHORIZATION_FAILED, on
//! which clients give up instead of trying again until they time out.

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};
use tracing::warn;

use super::Api;
use super::errors::KafkaError;
use super::reply::Peer;

const NONE: i64 = -1;

/// Hands out a producer id.
pub(super) async fn handle(api: &Api, request: InitProducerIdRequest, peer: &Peer) -> InitProducerIdResponse {
    let refused = |error: KafkaError| {
        InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id(ProducerId(NONE))
            .with_producer_epoch(-1)
    };
    if let Some(transactional_id) = &request.transactional_id {
        warn!(client = %peer.remote, transactional_id = %transactional_id.0, "transactions are not served");
        return refused(KafkaError::TransactionalIdAuthorizationFailed);
    }
    // Both or neither.
    if (request.producer_id.0 == NONE) != (request.producer_epoch == -1) {
        return refused(KafkaError::InvalidRequest);
    }
    match api.producer_ids.next(&api.metadata).await {
        Ok(id) => InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(0),
        // Retriable, unlike what the metadata would say.
        Err(error) => {
            warn!(%error, "no producer id");
            refused(KafkaError::CoordinatorNotAvailable)
        }
    }
}

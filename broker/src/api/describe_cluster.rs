//! DescribeCluster, versions 0 to 2.
//!
//! Deviations from Kafka: the one broker is its own controller and is never fenced.

use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::errors::KafkaError;
use super::reply::Peer;
use super::{Api, authorized_operations};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

/// Describes the cluster of one.
pub(super) fn handle(api: &Api, request: DescribeClusterRequest, peer: &Peer) -> DescribeClusterResponse {
    let refused = |error: KafkaError, message: &'static str| {
        DescribeClusterResponse::default().with_error_code(error.code()).with_error_message(Some(message.into()))
    };
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            return refused(KafkaError::MismatchedEndpointType, "this is a broker, it does not list controllers");
        }
        _ => return refused(KafkaError::UnsupportedEndpointType, "endpoints are brokers (1) or controllers (2)"),
    }
    let endpoint = api.settings.endpoint(peer);
    let broker = DescribeClusterBroker::default()
        .with_broker_id(api.node_id())
        .with_host(endpoint.host)
        .with_port(endpoint.port);
    DescribeClusterResponse::default()
        .with_cluster_id(api.cluster_id())
        .with_controller_id(api.node_id())
        .with_brokers(vec![broker])
        .with_cluster_authorized_operations(authorized_operations::when(
            request.include_cluster_authorized_operations,
            authorized_operations::CLUSTER,
        ))
}

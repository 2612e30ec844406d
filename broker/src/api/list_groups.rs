//! ListGroups, versions 0 to 5: filters by state from version 4 on, by type from version 5 on, both without regard to
//! case (KIP-518, KIP-848).
//!
//! Deviations from Kafka: every group is of the classic type.

use kafka_protocol::messages::list_groups_response::ListedGroup as Listed;
use kafka_protocol::messages::{GroupId, ListGroupsRequest, ListGroupsResponse};

use super::Api;
use super::errors::AsKafkaError;
use crate::coordinator::ListedGroup;

/// Lists the groups that pass both filters; an empty filter lets everything pass.
pub(super) fn handle(api: &Api, request: ListGroupsRequest) -> ListGroupsResponse {
    let states: Vec<&str> = request.states_filter.iter().map(|state| state.as_str()).collect();
    let types: Vec<&str> = request.types_filter.iter().map(|kind| kind.as_str()).collect();
    match api.groups.list(&states, &types) {
        Ok(groups) => ListGroupsResponse::default().with_groups(groups.into_iter().map(listed).collect()),
        Err(error) => ListGroupsResponse::default().with_error_code(error.error_code()),
    }
}

fn listed(group: ListedGroup) -> Listed {
    Listed::default()
        .with_group_id(GroupId(group.group_id.into()))
        .with_protocol_type(group.protocol_type.into())
        .with_group_state(group.state.name().into())
        .with_group_type("classic".into())
}

//! DeleteGroups, versions 0 to 2.
//!
//! Deviations from Kafka: none known.

use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse, GroupId};

use super::Api;
use super::errors::error_code;

/// Deletes each group on its own.
pub(super) fn handle(api: &Api, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let delete = |group_id: GroupId| {
        let outcome = api.groups.delete(&group_id);
        DeletableGroupResult::default().with_group_id(group_id).with_error_code(error_code(&outcome))
    };
    DeleteGroupsResponse::default().with_results(request.groups_names.into_iter().map(delete).collect())
}

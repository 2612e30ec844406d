//! The APIs, one file each: a handler translates a request into calls on the rooms below, and what they say into a
//! response. Handlers decide nothing about records, groups or topics.
//!
//! Each file is headed by the versions served ([`crate::protocol::versions`] is the table) and by where it deviates from
//! Kafka. [`errors`] is the one place where a room's errors become Kafka's codes, [`lookup`] the one place where a topic
//! or partition that a request names is looked for.
//!
//! This room never sees a file or a socket. It holds no state but the block of producer ids in use, and
//! when a storage error was last logged.

mod api_versions;
mod authorized_operations;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod errors;
mod fetch;
mod find_coordinator;
mod group_text;
mod heartbeat;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod lookup;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod producer_ids;
mod repeated;
pub mod reply;
mod setting_codes;
mod settings;
mod storage_alarm;
mod sync_group;

use std::borrow::Cow;
use std::sync::Arc;

use kafka_protocol::messages::BrokerId;
use kafka_protocol::protocol::StrBytes;

use crate::background::pool::{Pool, Unfinished};
use crate::clock::Clock;
use crate::coordinator::GroupCoordinator;
use crate::metadata::Metadata;
use crate::metrics::Metrics;
use crate::protocol::{ApiKey, Request, RequestError, ResponseError, encode_response};
use crate::topic::{Isolation, Topics};
use producer_ids::ProducerIds;
use reply::{Outcome, Peer, Reply};
pub use settings::{ApiSettings, Endpoint};
use storage_alarm::StorageAlarm;

/// Every API, over the rooms that do the work.
#[derive(Debug)]
pub struct Api {
    topics: Arc<Topics>,
    metadata: Arc<Metadata>,
    groups: Arc<GroupCoordinator>,
    settings: ApiSettings,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// Where what may wait for the disk is done.
    disk_waits: Pool,
    producer_ids: ProducerIds,
    storage_alarm: StorageAlarm,
}

/// Why there is no reply. The connection is closed, as Kafka does it.
#[derive(Debug, thiserror::Error)]
enum HandleError {
    /// The client's mistake.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Ours.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// Ours, or the broker is stopping.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// A request whose API the version table has and [`Api::answer`] lacks.
    #[error("{0:?} has no handler")]
    NoHandler(ApiKey),
}

impl Api {
    /// The APIs over these rooms.
    pub fn new(
        topics: Arc<Topics>,
        metadata: Arc<Metadata>,
        groups: Arc<GroupCoordinator>,
        settings: ApiSettings,
        clock: Clock,
        metrics: Arc<Metrics>,
        disk_waits: Pool,
    ) -> Self {
        Api {
            topics,
            metadata,
            groups,
            settings,
            clock,
            metrics,
            disk_waits,
            producer_ids: ProducerIds::default(),
            storage_alarm: StorageAlarm::default(),
        }
    }

    /// Serves one request. Some wait: Fetch for records, JoinGroup and SyncGroup for other members. The future may be
    /// dropped at any time; what was appended or committed by then stays.
    pub async fn handle(&self, request: &Request, peer: &Peer) -> Outcome {
        match self.answer(request, peer).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Close(Cow::Owned(error.to_string())),
        }
    }

    async fn answer(&self, head: &Request, peer: &Peer) -> Result<Outcome, HandleError> {
        let version = head.version;
        let frame = match head.api {
            ApiKey::Produce => return produce::handle(self, head).await,
            ApiKey::Fetch => return fetch::handle(self, head).await,
            ApiKey::ApiVersions => encode_response(head, &api_versions::handle(head)?)?,
            ApiKey::Metadata => encode_response(head, &metadata::handle(self, version, head.decode()?, peer).await)?,
            ApiKey::CreateTopics => encode_response(head, &create_topics::handle(self, version, head.decode()?).await)?,
            ApiKey::DeleteTopics => encode_response(head, &delete_topics::handle(self, version, head.decode()?).await)?,
            ApiKey::CreatePartitions => encode_response(head, &create_partitions::handle(self, head.decode()?).await)?,
            ApiKey::DescribeConfigs => encode_response(head, &describe_configs::handle(self, head.decode()?))?,
            ApiKey::DescribeCluster => encode_response(head, &describe_cluster::handle(self, head.decode()?, peer))?,
            ApiKey::ListOffsets => encode_response(head, &list_offsets::handle(self, version, head.decode()?).await?)?,
            ApiKey::OffsetForLeaderEpoch => {
                encode_response(head, &offset_for_leader_epoch::handle(self, head.decode()?))?
            }
            ApiKey::InitProducerId => {
                encode_response(head, &init_producer_id::handle(self, head.decode()?, peer).await)?
            }
            ApiKey::FindCoordinator => {
                encode_response(head, &find_coordinator::handle(self, version, head.decode()?, peer))?
            }
            ApiKey::JoinGroup => encode_response(head, &join_group::handle(self, head, head.decode()?, peer).await)?,
            ApiKey::SyncGroup => encode_response(head, &sync_group::handle(self, version, head.decode()?).await)?,
            ApiKey::Heartbeat => encode_response(head, &heartbeat::handle(self, head.decode()?))?,
            ApiKey::LeaveGroup => encode_response(head, &leave_group::handle(self, version, head.decode()?))?,
            ApiKey::OffsetCommit => encode_response(head, &offset_commit::handle(self, version, head.decode()?).await)?,
            ApiKey::OffsetFetch => encode_response(head, &offset_fetch::handle(self, version, head.decode()?))?,
            ApiKey::OffsetDelete => encode_response(head, &offset_delete::handle(self, head.decode()?))?,
            ApiKey::DescribeGroups => encode_response(head, &describe_groups::handle(self, version, head.decode()?))?,
            ApiKey::ListGroups => encode_response(head, &list_groups::handle(self, head.decode()?))?,
            ApiKey::DeleteGroups => encode_response(head, &delete_groups::handle(self, head.decode()?))?,
            other => return Err(HandleError::NoHandler(other)),
        };
        Ok(Outcome::Reply(Reply::from(frame)))
    }

    fn node_id(&self) -> BrokerId {
        BrokerId(self.metadata.node_id())
    }

    fn cluster_id(&self) -> StrBytes {
        StrBytes::from_string(self.metadata.image().cluster_id.to_string())
    }
}

/// `isolation_level` of Fetch and ListOffsets.
fn isolation(level: i8) -> Isolation {
    if level == 1 { Isolation::ReadCommitted } else { Isolation::ReadUncommitted }
}

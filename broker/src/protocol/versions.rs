//! The one table of what is served: API, versions advertised, versions accepted.
//!
//! The highest version of each is the highest that both the `kafka-protocol` crate and Apache Kafka 4.3 (its stable
//! versions) know. Produce is advertised from version 0 and accepted from version 3 on, as Kafka 4 does
//! (KAFKA-18659): librdkafka reads support for compression from the *lowest* advertised version.

use kafka_protocol::messages::ApiKey;

/// An API and its versions.
#[derive(Debug)]
pub struct Served {
    /// The API.
    pub api: ApiKey,
    /// What ApiVersions says is the lowest version.
    pub advertised_min: i16,
    /// The lowest version that is accepted.
    pub min: i16,
    /// The highest version, advertised and accepted.
    pub max: i16,
}

impl Served {
    /// Whether a request of this version is accepted.
    pub fn accepts(&self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

const fn served(api: ApiKey, min: i16, max: i16) -> Served {
    Served { api, advertised_min: min, min, max }
}

/// Everything that is served, by API key.
pub static SERVED: [Served; 23] = [
    Served { advertised_min: 0, ..served(ApiKey::Produce, 3, 13) },
    served(ApiKey::Fetch, 4, 18),
    served(ApiKey::ListOffsets, 1, 10),
    served(ApiKey::Metadata, 0, 13),
    served(ApiKey::OffsetCommit, 2, 9),
    served(ApiKey::OffsetFetch, 1, 9),
    served(ApiKey::FindCoordinator, 0, 6),
    served(ApiKey::JoinGroup, 0, 9),
    served(ApiKey::Heartbeat, 0, 4),
    served(ApiKey::LeaveGroup, 0, 5),
    served(ApiKey::SyncGroup, 0, 5),
    served(ApiKey::DescribeGroups, 0, 6),
    served(ApiKey::ListGroups, 0, 5),
    served(ApiKey::ApiVersions, 0, 4),
    served(ApiKey::CreateTopics, 2, 7),
    served(ApiKey::DeleteTopics, 1, 6),
    served(ApiKey::InitProducerId, 0, 5),
    served(ApiKey::OffsetForLeaderEpoch, 2, 4),
    served(ApiKey::DescribeConfigs, 1, 4),
    served(ApiKey::CreatePartitions, 0, 3),
    served(ApiKey::DeleteGroups, 0, 2),
    served(ApiKey::OffsetDelete, 0, 0),
    served(ApiKey::DescribeCluster, 0, 2),
];

/// The row of an API key as it stands in a request; `None` if it is not served.
pub fn by_key(api_key: i16) -> Option<&'static Served> {
    SERVED.iter().find(|row| row.api as i16 == api_key)
}

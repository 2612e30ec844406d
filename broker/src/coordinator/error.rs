//! Why the coordinator refuses.

use thiserror::Error;

/// A refusal. `api` maps each variant to Kafka's error code of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GroupError {
    /// The group's partition of `__consumer_offsets` is still being read.
    #[error("the coordinator is loading the group's partition")]
    LoadInProgress,
    /// The coordinator is stopping, could not load, or could not append; the client looks it up again and retries.
    #[error("the coordinator is not available")]
    NotAvailable,
    /// `__consumer_offsets` refused the record as too large (`UNKNOWN_SERVER_ERROR`, as in Kafka).
    #[error("the group's record of {size_bytes} bytes is too large for the log")]
    RecordTooLarge {
        /// Size of the batch.
        size_bytes: usize,
    },
    /// The group id is empty where an id is needed.
    #[error("the group id is invalid")]
    InvalidGroupId,
    /// The session time-out is outside `group.min.session.timeout.ms ..= group.max.session.timeout.ms`.
    #[error("session timeout {got_ms} ms is outside {min_ms}..={max_ms} ms")]
    InvalidSessionTimeout {
        /// What the member asked for.
        got_ms: i32,
        /// `group.min.session.timeout.ms`
        min_ms: i32,
        /// `group.max.session.timeout.ms`
        max_ms: i32,
    },
    /// The member is not in the group.
    #[error("the member is not known to the group")]
    UnknownMemberId,
    /// The member's generation is not the group's.
    #[error("generation {got} is not the current generation {expected}")]
    IllegalGeneration {
        /// The request's generation.
        got: i32,
        /// The group's generation.
        expected: i32,
    },
    /// The group is rebalancing; the member joins again.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// The protocol type differs from the group's, or no protocol is common to all members.
    #[error("the member's protocols do not fit the group's")]
    InconsistentGroupProtocol,
    /// Another member took over this `group.instance.id`.
    #[error("the group instance id now belongs to another member")]
    FencedInstanceId,
    /// The member is to join again under the id it was just given (KIP-394).
    #[error("the member must join again with the id it was given")]
    MemberIdRequired,
    /// `group.max.size` members are in the group already.
    #[error("the group has reached its maximum size of {max_size}")]
    GroupMaxSizeReached {
        /// `group.max.size`
        max_size: usize,
    },
    /// No such group. For OffsetCommit, versions below 9 say `ILLEGAL_GENERATION` instead.
    #[error("the group does not exist")]
    GroupIdNotFound,
    /// The group has members.
    #[error("the group is not empty")]
    NonEmptyGroup,
    /// The metadata of a committed offset exceeds `offset.metadata.max.bytes`.
    #[error("offset metadata of {got_bytes} bytes exceeds {max_bytes}")]
    OffsetMetadataTooLarge {
        /// Length of the metadata.
        got_bytes: usize,
        /// `offset.metadata.max.bytes`
        max_bytes: usize,
    },
    /// Offsets of a topic that the group consumes cannot be deleted.
    #[error("the group is subscribed to the topic")]
    GroupSubscribedToTopic,
}

/// A refused join, with the member id that the reply carries: empty, the member's own, or (with
/// [`GroupError::MemberIdRequired`]) the one to join again with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{error}")]
pub struct JoinRefused {
    /// The reply's member id.
    pub member_id: String,
    /// Why.
    pub error: GroupError,
}

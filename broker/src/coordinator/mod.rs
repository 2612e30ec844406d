//! Consumer groups, as Kafka's classic group protocol has them, and the offsets they commit.
//!
//! [`group`] and [`offsets`] decide: `(state, request, now) → (records to persist, replies to release, deadlines)`,
//! without a clock, a thread or a file. [`runtime`] owns the states, appends their [`records`] to
//! `__consumer_offsets` through an [`OffsetsLog`], and only then lets the replies go. What a member was told is
//! therefore in the log, and a restarted broker carries on with the generation that its members know.
//!
//! Invariants:
//! - a generation has one leader and one assignment for each member; generations only grow;
//! - a member is lost only by leaving, by its session or a rebalance running out, or by its static successor;
//! - an offset is committed by a member of the current generation, or by nobody's member while the group is empty;
//! - replaying the partition's log gives the state that the partition's replies were computed from.
//!
//! This room has its own vocabulary: it never sees the protocol's messages, and `api` maps [`GroupError`] to codes.

mod error;
pub mod group;
mod image;
pub mod offsets;
mod offsets_log;
pub mod records;
mod runtime;
mod settings;
mod snapshot;

pub use error::{GroupError, JoinRefused};
pub use group::{
    GroupDescription, GroupState, HeartbeatRequest, JoinRequest, Joined, JoinedMember, LeaveRequest, LeavingMember,
    Left, ListedGroup, MemberDescription, Protocol, SyncRequest, Synced,
};
pub use offsets::{
    CommitOffset, CommitRequest, CommitTopic, CommittedTopic, DeletedTopic, FetchTopic, FetchedOffset, FetchedTopic,
};
pub use offsets_log::{OffsetsLog, OffsetsLogError};
pub use runtime::GroupCoordinator;
pub use settings::GroupSettings;

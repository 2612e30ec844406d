//! Owns the groups, one lock a partition of `__consumer_offsets`: persists, then replies.

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use super::{
    CommitRequest, CommittedTopic, DeletedTopic, FetchTopic, FetchedTopic, GroupDescription, GroupError, GroupSettings,
    HeartbeatRequest, JoinRefused, JoinRequest, Joined, LeaveRequest, Left, ListedGroup, OffsetsLog, SyncRequest,
    Synced,
};
use crate::clock::Clock;

/// Why the coordinator could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The directory of the snapshots could not be made.
    #[error("cannot create {path}: {source}")]
    SnapshotDirectory {
        /// The directory.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The coordinator of every group: this broker hosts all partitions of `__consumer_offsets`.
#[derive(Debug)]
pub struct GroupCoordinator {}

impl GroupCoordinator {
    /// Starts loading the partitions in the background and returns at once; until a group's partition is loaded, its
    /// methods answer [`GroupError::LoadInProgress`]. Snapshots are kept in `directory`, which is created. To be
    /// called inside a tokio runtime.
    pub fn start(
        settings: GroupSettings,
        log: Arc<dyn OffsetsLog>,
        clock: Clock,
        directory: &Path,
    ) -> Result<Arc<Self>, StartError> {
        let _ = (settings, log, clock, directory);
        panic!("being built")
    }

    /// Joins a group, and waits until the generation begins. Dropping the future gives up the reply, not the
    /// membership: the member times out later unless it joins again.
    pub async fn join(&self, request: JoinRequest) -> Result<Joined, JoinRefused> {
        let _ = request;
        panic!("being built")
    }

    /// Waits for the leader's assignment, or brings it.
    pub async fn sync(&self, request: SyncRequest) -> Result<Synced, GroupError> {
        let _ = request;
        panic!("being built")
    }

    /// Keeps a member's session alive.
    pub fn heartbeat(&self, request: HeartbeatRequest<'_>) -> Result<(), GroupError> {
        let _ = request;
        panic!("being built")
    }

    /// Takes members out of a group; the outcomes are in the order of the request.
    pub fn leave(&self, request: LeaveRequest) -> Result<Vec<Left>, GroupError> {
        let _ = request;
        panic!("being built")
    }

    /// Commits offsets; they are in the log when this returns.
    pub async fn commit_offsets(&self, request: CommitRequest) -> Result<Vec<CommittedTopic>, GroupError> {
        let _ = request;
        panic!("being built")
    }

    /// Committed offsets of the given partitions, or of all (`topics` is `None`). A group that does not exist has none.
    /// There are no transactional offsets yet, so every offset is stable.
    pub fn fetch_offsets(
        &self,
        group_id: &str,
        topics: Option<&[FetchTopic]>,
    ) -> Result<Vec<FetchedTopic>, GroupError> {
        let _ = (group_id, topics);
        panic!("being built")
    }

    /// Describes a group. One that does not exist is [`GroupError::GroupIdNotFound`], which DescribeGroups below
    /// version 6 shows as state `Dead` without an error.
    pub fn describe(&self, group_id: &str) -> Result<GroupDescription, GroupError> {
        let _ = group_id;
        panic!("being built")
    }

    /// Lists the groups in one of `states` and of one of `types`, as clients name them, in any case; an empty filter
    /// admits all.
    pub fn list(&self, states: &[&str], types: &[&str]) -> Result<Vec<ListedGroup>, GroupError> {
        let _ = (states, types);
        panic!("being built")
    }

    /// Deletes an empty group and its offsets.
    pub fn delete(&self, group_id: &str) -> Result<(), GroupError> {
        let _ = group_id;
        panic!("being built")
    }

    /// Deletes committed offsets (KIP-496).
    pub fn delete_offsets(&self, group_id: &str, topics: &[FetchTopic]) -> Result<Vec<DeletedTopic>, GroupError> {
        let _ = (group_id, topics);
        panic!("being built")
    }

    /// Forgets the offsets of deleted topics, of every group.
    pub fn on_topics_deleted(&self, topics: &[String]) {
        let _ = topics;
        panic!("being built")
    }

    /// Stops: waiting joins and syncs get [`GroupError::NotAvailable`], snapshots are written.
    pub async fn shutdown(&self) {
        panic!("being built")
    }
}

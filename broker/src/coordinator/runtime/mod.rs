//! Owns the groups: persists, then replies.
//!
//! A group lives in the partition of `__consumer_offsets` that Kafka would give it
//! (`abs(hash(group id)) % partitions`), and each partition is a [`shard`] with a lock of its own. Under that lock a
//! group is stepped, its records are appended (a write to the page cache), and its replies are released, so that a
//! group's replies come in the order of its log. Nothing is ever awaited under it. A heartbeat takes that one lock,
//! allocates nothing, and only moves a deadline, which nobody need be told of.
//!
//! A shard's log is read once, from its [snapshot](super::snapshot) on, so nothing below the newest snapshot is needed:
//! when that is on stable storage, whole segments below it may go. Without a cleaner, this is what bounds
//! `__consumer_offsets`: by two segments and what is between two snapshots, in each partition.
//!
//! One task, the [`housekeeper`], sleeps until the earliest deadline of all shards ([`alarm`]); blocking threads load
//! the shards ([`loader`]), write snapshots and expire offsets.

mod alarm;
mod housekeeper;
mod loader;
mod shard;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::OnceCell;
use tokio::task::AbortHandle;
use tracing::warn;

use self::alarm::Alarm;
use self::shard::Shard;
use super::group::{Group, Now};
use super::offsets::GroupOffsets;
use super::records::Record;
use super::{
    CommitRequest, CommittedTopic, DeletedTopic, FetchTopic, FetchedTopic, GroupDescription, GroupError, GroupSettings,
    HeartbeatRequest, JoinRefused, JoinRequest, Joined, LeaveRequest, Left, ListedGroup, OffsetsLog, SyncRequest,
    Synced,
};
use crate::clock::Clock;

/// The coordinator of every group: this broker hosts all partitions of `__consumer_offsets`.
#[derive(Debug)]
pub struct GroupCoordinator {
    coordinated: Arc<Coordinated>,
    housekeeper: AbortHandle,
}

/// What requests and the housekeeper share.
#[derive(Debug)]
struct Coordinated {
    host: Host,
    directory: PathBuf,
    shards: Box<[Shard]>,
    topic_exists: OnceCell<()>,
    is_stopping: AtomicBool,
}

/// What a shard works with.
struct Host {
    settings: GroupSettings,
    log: Arc<dyn OffsetsLog>,
    clock: Clock,
    alarm: Alarm,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Host {
    fn now(&self) -> Now {
        Now { wall_ms: self.clock.now_ms(), monotonic_ms: self.clock.monotonic_ms() }
    }
}

impl GroupCoordinator {
    /// Starts loading the partitions in the background and returns at once; until a group's partition is loaded, its
    /// methods answer [`GroupError::LoadInProgress`]. Snapshots are kept as files in `directory`. `log` must know
    /// whether its topic exists. To be called inside a tokio runtime.
    pub fn start(settings: GroupSettings, log: Arc<dyn OffsetsLog>, clock: Clock, directory: &Path) -> Arc<Self> {
        let partitions = log.topic().map_or(settings.offsets_topic_num_partitions, |(_, partitions)| partitions);
        let coordinated = Arc::new(Coordinated {
            shards: (0..partitions.max(1)).map(Shard::new).collect(),
            host: Host { settings, log, clock, alarm: Alarm::new() },
            directory: directory.to_owned(),
            topic_exists: OnceCell::new(),
            is_stopping: AtomicBool::new(false),
        });
        let loading = coordinated.clone();
        drop(tokio::task::spawn_blocking(move || loading.load()));
        let housekeeper = tokio::spawn(housekeeper::keep(coordinated.clone())).abort_handle();
        Arc::new(Self { coordinated, housekeeper })
    }

    /// Joins a group, and waits until the generation begins. Dropping the future gives up the reply, not the
    /// membership: the member times out later unless it joins again.
    pub async fn join(&self, request: JoinRequest) -> Result<Joined, JoinRefused> {
        let member_id = request.member_id.clone();
        let refused = |error| JoinRefused { member_id: member_id.clone(), error };
        let Coordinated { host, .. } = &*self.coordinated;
        let shard = self.shard(&request.group_id).map_err(refused)?;
        let (got_ms, min_ms) = (request.session_timeout_ms, host.settings.min_session_timeout_ms);
        let max_ms = host.settings.max_session_timeout_ms;
        if !(min_ms..=max_ms).contains(&got_ms) {
            return Err(refused(GroupError::InvalidSessionTimeout { got_ms, min_ms, max_ms }));
        }
        self.ensure_topic().await.map_err(refused)?;
        let joined = shard.step(host, |state| state.join(host, request)).map_err(refused)?;
        joined.await.unwrap_or_else(|_| Err(refused(GroupError::NotAvailable)))
    }

    /// Waits for the leader's assignment, or brings it.
    pub async fn sync(&self, request: SyncRequest) -> Result<Synced, GroupError> {
        let host = &self.coordinated.host;
        let synced = self.shard(&request.group_id)?.step(host, |state| state.sync(host, request))?;
        synced.await.unwrap_or(Err(GroupError::NotAvailable))
    }

    /// Keeps a member's session alive. While the group's partition is being loaded every member is believed, as in
    /// Kafka.
    pub fn heartbeat(&self, request: HeartbeatRequest<'_>) -> Result<(), GroupError> {
        let now = self.coordinated.host.now();
        match self.shard(request.group_id)?.serving() {
            Ok(mut state) => {
                state.groups.get_mut(request.group_id).ok_or(GroupError::UnknownMemberId)?.heartbeat(request, now)
            }
            Err(GroupError::LoadInProgress) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes members out of a group; the outcomes are in the order of the request.
    pub fn leave(&self, request: LeaveRequest) -> Result<Vec<Left>, GroupError> {
        let host = &self.coordinated.host;
        self.shard(&request.group_id)?.step(host, |state| state.leave(host, request))
    }

    /// Commits offsets; they are in the log when this returns.
    pub async fn commit_offsets(&self, request: CommitRequest) -> Result<Vec<CommittedTopic>, GroupError> {
        self.ensure_topic().await?;
        self.shard_of(&request.group_id).commit(&self.coordinated.host, request)
    }

    /// Committed offsets of the given partitions, or of all (`topics` is `None`). A group that does not exist has none.
    /// There are no transactional offsets yet, so every offset is stable.
    pub fn fetch_offsets(
        &self,
        group_id: &str,
        topics: Option<&[FetchTopic]>,
    ) -> Result<Vec<FetchedTopic>, GroupError> {
        let state = self.shard_of(group_id).serving()?;
        let none = GroupOffsets::default();
        Ok(state.image.group(group_id).map_or(&none, |group| &group.offsets).fetch(topics))
    }

    /// Describes a group. One that does not exist is [`GroupError::GroupIdNotFound`], which DescribeGroups below
    /// version 6 shows as state `Dead` without an error.
    pub fn describe(&self, group_id: &str) -> Result<GroupDescription, GroupError> {
        let state = self.shard_of(group_id).serving()?;
        state.groups.get(group_id).map(Group::describe).ok_or(GroupError::GroupIdNotFound)
    }

    /// Lists the groups in one of `states` and of one of `types`, as clients name them, in any case; an empty filter
    /// admits all.
    pub fn list(&self, states: &[&str], types: &[&str]) -> Result<Vec<ListedGroup>, GroupError> {
        let admits = |filter: &[&str], name: &str| {
            filter.is_empty() || filter.iter().any(|admitted| admitted.trim().eq_ignore_ascii_case(name))
        };
        let mut listed = Vec::new();
        for shard in &self.coordinated.shards {
            let state = shard.serving()?;
            let groups = state.groups.values().map(Group::listed);
            listed.extend(groups.filter(|group| admits(states, group.state.name()) && admits(types, "classic")));
        }
        Ok(listed)
    }

    /// Deletes an empty group and its offsets.
    pub fn delete(&self, group_id: &str) -> Result<(), GroupError> {
        let host = &self.coordinated.host;
        self.shard_of(group_id).step(host, |state| {
            let (group_id, group) = state.groups.get_key_value(group_id).ok_or(GroupError::GroupIdNotFound)?;
            let group_id = group_id.clone();
            group.validate_delete()?;
            if let Some(image) = state.image.group(&group_id) {
                let mut records = Vec::new();
                image.offsets.delete_where(&group_id, |_| true, &mut records);
                records.push(Record::Group { group_id: group_id.clone(), value: None });
                state.append_all(host, records)?;
            }
            state.groups.remove(&group_id);
            Ok(())
        })?
    }

    /// Deletes committed offsets (KIP-496).
    pub fn delete_offsets(&self, group_id: &str, topics: &[FetchTopic]) -> Result<Vec<DeletedTopic>, GroupError> {
        let host = &self.coordinated.host;
        self.shard(group_id)?.step(host, |state| {
            let (group_id, group) = state.groups.get_key_value(group_id).ok_or(GroupError::GroupIdNotFound)?;
            group.validate_delete_offsets()?;
            let none = GroupOffsets::default();
            let offsets = state.image.group(group_id).map_or(&none, |image| &image.offsets);
            let mut records = Vec::new();
            let deleted = offsets.delete(group_id, group, topics, &mut records);
            state.append_all(host, records)?;
            Ok(deleted)
        })?
    }

    /// Forgets the offsets of deleted topics, of every group. A failure is logged: like Kafka's, such offsets stay until
    /// they expire.
    pub fn on_topics_deleted(&self, topics: &[String]) {
        let host = &self.coordinated.host;
        for shard in &self.coordinated.shards {
            let forgotten = shard.step(host, |state| {
                let mut records = Vec::new();
                for (group_id, image) in state.image.groups() {
                    let is_gone = |topic: &str| topics.iter().any(|gone| gone == topic);
                    image.offsets.delete_where(group_id, is_gone, &mut records);
                }
                state.append_all(host, records)
            });
            if let Err(error) = forgotten.and_then(|done| done) {
                warn!(partition = shard.partition, %error, "cannot forget the offsets of deleted topics");
            }
        }
    }

    /// Stops: waiting joins and syncs get [`GroupError::NotAvailable`], later calls too, and snapshots are written.
    pub async fn shutdown(&self) {
        self.housekeeper.abort();
        self.coordinated.is_stopping.store(true, Ordering::Relaxed);
        for shard in &self.coordinated.shards {
            shard.lock().close(&self.coordinated.host);
        }
        let coordinated = self.coordinated.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || coordinated.write_changed_snapshots()).await {
            warn!(%error, "snapshots are not complete; the next start reads more of the log");
        }
    }

    async fn ensure_topic(&self) -> Result<(), GroupError> {
        let Coordinated { host, shards, topic_exists, .. } = &*self.coordinated;
        let partitions = i32::try_from(shards.len()).unwrap_or(i32::MAX);
        let created = topic_exists.get_or_try_init(|| host.log.ensure_exists(partitions)).await;
        created.map(|_| ()).map_err(|error| {
            warn!(%error, "cannot create __consumer_offsets");
            GroupError::NotAvailable
        })
    }

    /// The shard of a group with a name.
    fn shard(&self, group_id: &str) -> Result<&Shard, GroupError> {
        if group_id.is_empty() { Err(GroupError::InvalidGroupId) } else { Ok(self.shard_of(group_id)) }
    }

    /// The shard of a group that may be the nameless one, which simple consumers commit under.
    fn shard_of(&self, group_id: &str) -> &Shard {
        let shards = &self.coordinated.shards;
        &shards[partition_for(group_id, shards.len())]
    }
}

impl Drop for GroupCoordinator {
    fn drop(&mut self) {
        self.housekeeper.abort();
        self.coordinated.is_stopping.store(true, Ordering::Relaxed);
    }
}

/// Kafka's `Utils.abs(groupId.hashCode()) % partitions`: Java hashes UTF-16 units, and its `abs` makes 0 of the
/// smallest integer.
pub(super) fn partition_for(group_id: &str, partitions: usize) -> usize {
    let hash = group_id.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().map_or(0, |hash| hash as usize) % partitions.max(1)
}

#[cfg(test)]
mod tests;

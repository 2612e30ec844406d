//! The groups of one partition of `__consumer_offsets`, behind one lock: a step, its append, its replies.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::{debug, warn};
use uuid::Uuid;

use super::Host;
use super::loader::Loaded;
use crate::coordinator::group::{AfterAppend, Group, Reply, ReplyToken, Transition};
use crate::coordinator::image::{GroupImage, Image};
use crate::coordinator::offsets::GroupOffsets;
use crate::coordinator::records::Record;
use crate::coordinator::{
    CommitRequest, CommitTopic, CommittedTopic, GroupError, JoinRefused, JoinRequest, Joined, LeaveRequest,
    LeavingMember, Left, OffsetsLogError, SyncRequest, Synced,
};
use crate::record::BatchBuilder;

/// Batches grow up to this, far below any `max.message.bytes`; a larger record has one of its own.
const BATCH_BYTES: usize = 256 * 1024;

/// A snapshot is due after so many records, or as many as the last one held: then writing snapshots costs no more than
/// appending does, and loading reads no more records than these.
const RECORDS_PER_SNAPSHOT: usize = 10_000;

/// One partition of `__consumer_offsets`.
#[derive(Debug)]
pub struct Shard {
    pub(super) partition: i32,
    state: Mutex<State>,
    /// Commits on their way to the lock: whoever gets it first appends them all in one batch.
    commits: Mutex<Vec<WaitingCommit>>,
    /// When the earliest deadline may be, monotonic ms; `i64::MAX` if there is none.
    pub(super) wake_at_ms: AtomicI64,
    pub(super) is_snapshot_due: AtomicBool,
    /// Held while a snapshot is taken and written, so that the newest one is last.
    pub(super) snapshot_writer: Mutex<()>,
}

#[derive(Debug)]
struct WaitingCommit {
    request: CommitRequest,
    reply: oneshot::Sender<CommitOutcome>,
}

type CommitOutcome = Result<Vec<CommittedTopic>, GroupError>;

/// What is behind the lock.
#[derive(Debug)]
pub struct State {
    partition: i32,
    pub(super) phase: Phase,
    /// What the log says.
    pub(super) image: Image,
    /// Every group of the image and those that are not in the log yet.
    pub(super) groups: HashMap<Arc<str>, Group>,
    /// Offset of the next record: the image is that of the log below it.
    pub(super) next_offset: i64,
    pub(super) records_since_snapshot: usize,
    pub(super) records_in_snapshot: usize,
    joins: HashMap<ReplyToken, oneshot::Sender<Result<Joined, JoinRefused>>>,
    syncs: HashMap<ReplyToken, oneshot::Sender<Result<Synced, GroupError>>>,
    next_token: u64,
    /// The earliest deadline set under this lock and not yet told to the shard.
    wake_at_ms: i64,
}

/// Whether the shard answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Being loaded.
    Loading,
    /// Loaded.
    Serving,
    /// Could not be loaded, or the coordinator is stopping.
    Closed,
}

impl Shard {
    pub(super) fn new(partition: i32) -> Self {
        Self {
            partition,
            state: Mutex::new(State {
                partition,
                phase: Phase::Loading,
                image: Image::default(),
                groups: HashMap::new(),
                next_offset: 0,
                records_since_snapshot: 0,
                records_in_snapshot: 0,
                joins: HashMap::new(),
                syncs: HashMap::new(),
                next_token: 0,
                wake_at_ms: i64::MAX,
            }),
            commits: Mutex::new(Vec::new()),
            wake_at_ms: AtomicI64::new(i64::MAX),
            is_snapshot_due: AtomicBool::new(false),
            snapshot_writer: Mutex::new(()),
        }
    }

    /// The state, whatever its phase.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves at worst one group half-stepped; the others go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of a shard that serves.
    pub(super) fn serving(&self) -> Result<MutexGuard<'_, State>, GroupError> {
        let state = self.lock();
        match state.phase {
            Phase::Serving => Ok(state),
            Phase::Loading => Err(GroupError::LoadInProgress),
            Phase::Closed => Err(GroupError::NotAvailable),
        }
    }

    /// Does `work` on a shard that serves, then passes its deadlines on.
    pub(super) fn step<R>(&self, host: &Host, work: impl FnOnce(&mut State) -> R) -> Result<R, GroupError> {
        let mut state = self.serving()?;
        let result = work(&mut state);
        self.pass_on(host, state);
        Ok(result)
    }

    /// Tells the housekeeper what the state has come to, and lets the lock go.
    pub(super) fn pass_on(&self, host: &Host, mut state: MutexGuard<'_, State>) {
        let is_snapshot_due = state.records_since_snapshot >= RECORDS_PER_SNAPSHOT.max(state.records_in_snapshot);
        let wake_at_ms = std::mem::replace(&mut state.wake_at_ms, i64::MAX);
        drop(state);
        if is_snapshot_due && !self.is_snapshot_due.swap(true, Ordering::SeqCst) {
            host.alarm.ring();
        }
        if wake_at_ms < self.wake_at_ms.fetch_min(wake_at_ms, Ordering::SeqCst) {
            host.alarm.wake_by(wake_at_ms);
        }
    }

    /// Commits offsets, together with whatever else waits for the lock.
    pub(super) fn commit(&self, host: &Host, request: CommitRequest) -> CommitOutcome {
        let (reply, mut outcome) = oneshot::channel();
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).push(WaitingCommit { request, reply });
        let stepped = self.step(host, |state| {
            let waiting = std::mem::take(&mut *self.commits.lock().unwrap_or_else(PoisonError::into_inner));
            state.commit(host, waiting);
        });
        // Ours was among them, or among those of somebody who had the lock before, or the shard does not serve.
        let answered = outcome.try_recv().ok();
        let Err(refused) = stepped else { return answered.unwrap_or(Err(GroupError::NotAvailable)) };
        drop(outcome);
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).retain(|commit| !commit.reply.is_closed());
        answered.unwrap_or(Err(refused))
    }

    #[cfg(test)]
    pub(super) fn waiting_commits(&self) -> usize {
        self.commits.lock().unwrap().len()
    }

    /// Steps every group whose deadline has come.
    pub(super) fn expire(&self, host: &Host) {
        self.wake_at_ms.store(i64::MAX, Ordering::SeqCst);
        let stepped = self.step(host, |state| {
            let group_ids: Vec<Arc<str>> = state.groups.keys().cloned().collect();
            for group_id in group_ids {
                let next_ms = state.step(host, &group_id, |group, t| group.expire(t)).flatten();
                state.wake_at_ms = state.wake_at_ms.min(next_ms.unwrap_or(i64::MAX));
                state.drop_if_vacant(&group_id);
            }
        });
        if let Err(error) = stepped {
            debug!(partition = self.partition, %error, "no deadlines to keep");
        }
    }
}

impl State {
    pub(super) fn join(&mut self, host: &Host, request: JoinRequest) -> oneshot::Receiver<Result<Joined, JoinRefused>> {
        let (reply, joined) = oneshot::channel();
        let group_id: Arc<str> = match self.groups.get_key_value(request.group_id.as_str()) {
            Some((known, _)) => known.clone(),
            None if request.member_id.is_empty() => {
                let group_id: Arc<str> = request.group_id.as_str().into();
                self.groups.insert(group_id.clone(), Group::new(group_id.clone(), host.now()));
                group_id
            }
            None => {
                let refused = JoinRefused { member_id: request.member_id, error: GroupError::UnknownMemberId };
                // The receiver is in this very function.
                let _ = reply.send(Err(refused));
                return joined;
            }
        };
        let reason = request.reason.as_deref().unwrap_or("not given");
        debug!(group = &*group_id, member = request.member_id, client = request.client_id, reason, "joining");
        let token = self.token();
        self.joins.insert(token, reply);
        self.step(host, &group_id, |group, t| group.join(request, Uuid::new_v4(), token, t));
        self.drop_if_vacant(&group_id);
        joined
    }

    pub(super) fn sync(&mut self, host: &Host, request: SyncRequest) -> oneshot::Receiver<Result<Synced, GroupError>> {
        let (reply, synced) = oneshot::channel();
        let Some((group_id, _)) = self.groups.get_key_value(request.group_id.as_str()) else {
            // The receiver is in this very function.
            let _ = reply.send(Err(GroupError::UnknownMemberId));
            return synced;
        };
        let group_id = group_id.clone();
        let token = self.token();
        self.syncs.insert(token, reply);
        self.step(host, &group_id, |group, t| group.sync(request, token, t));
        synced
    }

    pub(super) fn leave(&mut self, host: &Host, request: LeaveRequest) -> Vec<Left> {
        let Some((group_id, _)) = self.groups.get_key_value(request.group_id.as_str()) else {
            let unknown = |LeavingMember { member_id, group_instance_id, .. }| Left {
                member_id,
                group_instance_id,
                result: Err(GroupError::UnknownMemberId),
            };
            return request.members.into_iter().map(unknown).collect();
        };
        let group_id = group_id.clone();
        for LeavingMember { member_id, group_instance_id, reason } in &request.members {
            let reason = reason.as_deref().unwrap_or("not given");
            debug!(group = &*group_id, member_id, ?group_instance_id, reason, "leaving");
        }
        let left = self.step(host, &group_id, |group, t| group.leave(request.members, t)).unwrap_or_default();
        self.drop_if_vacant(&group_id);
        left
    }

    /// Commits of any groups of this shard: as few appends as their size allows.
    fn commit(&mut self, host: &Host, waiting: Vec<WaitingCommit>) {
        let mut records = Vec::new();
        let mut outcomes: Vec<(oneshot::Sender<CommitOutcome>, CommitOutcome)> = Vec::with_capacity(waiting.len());
        let mut size_bytes = 0;
        for WaitingCommit { request, reply } in waiting.into_iter().filter(|commit| !commit.reply.is_closed()) {
            let request_bytes = request_bytes(&request);
            if size_bytes + request_bytes > BATCH_BYTES {
                self.settle(host, &mut records, &mut outcomes);
                size_bytes = 0;
            }
            size_bytes += request_bytes;
            let outcome = self.commit_records(host, request, &mut records);
            outcomes.push((reply, outcome));
        }
        self.settle(host, &mut records, &mut outcomes);
    }

    /// Appends the commits' records, then answers.
    fn settle(
        &mut self,
        host: &Host,
        records: &mut Vec<Record>,
        outcomes: &mut Vec<(oneshot::Sender<CommitOutcome>, CommitOutcome)>,
    ) {
        let appended = self.append(host, std::mem::take(records));
        for (reply, outcome) in outcomes.drain(..) {
            let outcome = outcome.and_then(|committed| appended.clone().map(|()| committed));
            // A caller who is gone was refused before.
            let _ = reply.send(outcome);
        }
    }

    fn commit_records(&mut self, host: &Host, request: CommitRequest, records: &mut Vec<Record>) -> CommitOutcome {
        let now = host.now();
        let group_id = match self.groups.get_key_value(request.group_id.as_str()) {
            Some((group_id, _)) => group_id.clone(),
            None if request.generation_id < 0 => Arc::from(request.group_id.as_str()),
            None => return Err(GroupError::GroupIdNotFound),
        };
        if let Some(group) = self.groups.get_mut(&group_id) {
            let instance_id = request.group_instance_id.as_deref();
            group.validate_commit(&request.member_id, instance_id, request.generation_id)?;
            group.renew_session_by_commit(&request.member_id, now);
        }
        let none = GroupOffsets::default();
        let offsets = self.image.group(&group_id).map_or(&none, |group| &group.offsets);
        Ok(offsets.commit(&group_id, request, &host.settings, now.wall_ms, records))
    }

    /// Appends as one batch; then, and only then, the records are part of the image.
    pub(super) fn append(&mut self, host: &Host, records: Vec<Record>) -> Result<(), GroupError> {
        if records.is_empty() {
            return Ok(());
        }
        let batch = encode(&records, host.now().wall_ms);
        let last_offset = host.log.append(self.partition, batch).map_err(|error| {
            warn!(partition = self.partition, %error, "cannot append to __consumer_offsets");
            match error {
                OffsetsLogError::TooLarge { size_bytes } => GroupError::RecordTooLarge { size_bytes },
                _ => GroupError::NotAvailable,
            }
        })?;
        self.next_offset = last_offset + 1;
        self.records_since_snapshot += records.len();
        for record in records {
            if let Record::Offset { group_id, value: Some(_), .. } = &record
                && !self.groups.contains_key(group_id)
            {
                // Offsets of a consumer that has no group make one, empty and without a protocol type.
                self.groups.insert(group_id.clone(), Group::new(group_id.clone(), host.now()));
            }
            self.image.replay(record);
        }
        Ok(())
    }

    /// Appends tombstones, however many.
    pub(super) fn append_all(&mut self, host: &Host, mut records: Vec<Record>) -> Result<(), GroupError> {
        /// A tombstone is a key: two names of at most 249 bytes, mostly far less.
        const RECORDS_PER_BATCH: usize = 1000;
        while !records.is_empty() {
            let rest = records.split_off(records.len().min(RECORDS_PER_BATCH));
            self.append(host, std::mem::replace(&mut records, rest))?;
        }
        Ok(())
    }

    /// Steps one group: the step, its append, what follows from that, and the replies; `None` if it does not exist.
    pub(super) fn step<R>(
        &mut self,
        host: &Host,
        group_id: &Arc<str>,
        work: impl FnOnce(&mut Group, &mut Transition<'_>) -> R,
    ) -> Option<R> {
        let now = host.now();
        let mut t = Transition::new(&host.settings, now);
        let result = work(self.groups.get_mut(group_id)?, &mut t);
        let mut next = self.carry_out(host, t);
        while let Some((after, appended)) = next {
            let mut t = Transition::new(&host.settings, now);
            self.groups.get_mut(group_id)?.appended(after, appended, &mut t);
            next = self.carry_out(host, t);
        }
        Some(result)
    }

    fn carry_out(&mut self, host: &Host, t: Transition<'_>) -> Option<(AfterAppend, Result<(), GroupError>)> {
        let Transition { records, after_append, replies, wake_at_ms, .. } = t;
        let appended = self.append(host, records);
        for reply in replies {
            self.release(reply);
        }
        self.wake_at_ms = self.wake_at_ms.min(wake_at_ms.unwrap_or(i64::MAX));
        after_append.map(|after| (after, appended))
    }

    /// Nobody may be listening any more: the member times out later.
    fn release(&mut self, reply: Reply) {
        match reply {
            Reply::Join(token, joined) => {
                if let Some(waiting) = self.joins.remove(&token) {
                    let _ = waiting.send(joined);
                }
            }
            Reply::Sync(token, synced) => {
                if let Some(waiting) = self.syncs.remove(&token) {
                    let _ = waiting.send(synced);
                }
            }
        }
    }

    fn token(&mut self) -> ReplyToken {
        self.next_token += 1;
        ReplyToken(self.next_token)
    }

    /// Forgets a group that a refused join, or an id that was never used, has left behind.
    fn drop_if_vacant(&mut self, group_id: &str) {
        if self.image.group(group_id).is_none() && self.groups.get(group_id).is_some_and(Group::is_vacant) {
            self.groups.remove(group_id);
        }
    }

    /// Starts serving what was loaded.
    pub(super) fn serve(&mut self, host: &Host, loaded: Loaded) {
        let now = host.now();
        let live_group = |(id, image): (&Arc<str>, &GroupImage)| match &image.metadata {
            Some(value) => (id.clone(), Group::restore(id.clone(), value.clone(), now)),
            None => (id.clone(), Group::new(id.clone(), now)),
        };
        self.groups = loaded.image.groups().map(live_group).collect();
        self.image = loaded.image;
        self.next_offset = loaded.next_offset;
        self.records_in_snapshot = loaded.records_in_snapshot;
        self.records_since_snapshot = loaded.records_since_snapshot;
        self.phase = Phase::Serving;
        let group_ids: Vec<Arc<str>> = self.groups.keys().cloned().collect();
        for group_id in group_ids {
            self.step(host, &group_id, |group, t| group.resume(t));
        }
    }

    /// Stops serving; whoever waits is told.
    pub(super) fn close(&mut self, host: &Host) {
        let group_ids: Vec<Arc<str>> = self.groups.keys().cloned().collect();
        for group_id in group_ids {
            self.step(host, &group_id, |group, t| group.abandon(&GroupError::NotAvailable, t));
        }
        self.phase = Phase::Closed;
    }
}

fn encode(records: &[Record], now_ms: i64) -> Bytes {
    let batch = records.iter().fold(BatchBuilder::new(), |batch, record| {
        batch.record(now_ms, Some(&record.encode_key()), record.encode_value().as_deref())
    });
    batch.build()
}

/// About what a commit adds to a batch.
fn request_bytes(request: &CommitRequest) -> usize {
    let topic_bytes = |topic: &CommitTopic| -> usize {
        let key_bytes = 64 + request.group_id.len() + topic.name.len();
        topic.partitions.iter().map(|commit| key_bytes + commit.metadata.len()).sum()
    };
    request.topics.iter().map(topic_bytes).sum()
}

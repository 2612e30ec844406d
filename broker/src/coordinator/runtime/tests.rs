//! The runtime over a log in memory: persistence before replies, restarts, snapshots, time.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use bytes::{Bytes, BytesMut};
use uuid::Uuid;

use super::*;
use crate::coordinator::{CommitOffset, CommitTopic, GroupState, LeavingMember, OffsetsLogError, Protocol};
use crate::record::{BatchHeader, batches};

type BoxFuture<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

const PARTITIONS: i32 = 4;

/// `__consumer_offsets` in memory. Starts without a topic, as a new broker does.
#[derive(Debug, Default)]
struct MemoryLog {
    topic: Mutex<Option<Uuid>>,
    partitions: [Mutex<(Vec<Bytes>, i64)>; PARTITIONS as usize],
    appends: AtomicUsize,
    is_broken: AtomicBool,
    is_opening: AtomicBool,
    /// Whether what may go does.
    is_deleting: AtomicBool,
}

impl MemoryLog {
    fn partition(&self, partition: i32) -> Result<std::sync::MutexGuard<'_, (Vec<Bytes>, i64)>, OffsetsLogError> {
        if self.is_opening.load(Ordering::SeqCst) {
            return Err(OffsetsLogError::NotReady { partition });
        }
        Ok(self.partitions[partition as usize].lock().unwrap())
    }

    /// Keeps the first `batches` of every partition, as a power cut may.
    fn truncate(&self, batches: usize) {
        for partition in &self.partitions {
            let mut partition = partition.lock().unwrap();
            partition.0.truncate(batches);
            partition.1 = partition.0.last().map_or(0, |batch| BatchHeader::parse(batch).unwrap().last_offset() + 1);
        }
    }
}

impl OffsetsLog for MemoryLog {
    fn topic(&self) -> Option<(Uuid, i32)> {
        self.topic.lock().unwrap().map(|id| (id, PARTITIONS))
    }

    fn ensure_exists(&self, _partitions: i32) -> BoxFuture<'_, Result<(), OffsetsLogError>> {
        Box::pin(async {
            self.topic.lock().unwrap().get_or_insert_with(Uuid::new_v4);
            Ok(())
        })
    }

    fn append(&self, partition: i32, batch: Bytes) -> Result<i64, OffsetsLogError> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(OffsetsLogError::Failed("the disk is full".into()));
        }
        self.appends.fetch_add(1, Ordering::SeqCst);
        let mut log = self.partition(partition)?;
        let mut batch = BytesMut::from(&batch[..]);
        batch[..8].copy_from_slice(&log.1.to_be_bytes());
        let last_offset = BatchHeader::parse(&batch).unwrap().last_offset();
        log.0.push(batch.freeze());
        log.1 = last_offset + 1;
        Ok(last_offset)
    }

    fn read(&self, partition: i32, from: i64, _max_bytes: usize) -> Result<Bytes, OffsetsLogError> {
        let log = self.partition(partition)?;
        let is_wanted = |batch: &&Bytes| BatchHeader::parse(batch).unwrap().last_offset() >= from;
        Ok(log.0.iter().filter(is_wanted).take(2).flatten().copied().collect())
    }

    fn start_offset(&self, partition: i32) -> Result<i64, OffsetsLogError> {
        let log = self.partition(partition)?;
        let first = log.0.first().map(|batch| BatchHeader::parse(batch).unwrap().base_offset);
        Ok(if self.is_deleting.load(Ordering::SeqCst) { first.unwrap_or(log.1) } else { 0 })
    }

    fn delete_before(&self, partition: i32, offset: i64) -> Result<(), OffsetsLogError> {
        if self.is_deleting.load(Ordering::SeqCst) {
            let is_above = |batch: &Bytes| BatchHeader::parse(batch).unwrap().last_offset() >= offset;
            self.partition(partition)?.0.retain(is_above);
        }
        Ok(())
    }

    fn end_offset(&self, partition: i32) -> Result<i64, OffsetsLogError> {
        Ok(self.partition(partition)?.1)
    }
}

struct Broker {
    log: Arc<MemoryLog>,
    clock: Clock,
    directory: tempfile::TempDir,
    settings: GroupSettings,
}

impl Broker {
    fn new() -> Self {
        let settings = GroupSettings {
            initial_rebalance_delay_ms: 0,
            offsets_topic_num_partitions: PARTITIONS,
            ..GroupSettings::default()
        };
        let directory = tempfile::tempdir().unwrap();
        Self { log: Arc::default(), clock: Clock::manual(1_700_000_000_000), directory, settings }
    }

    async fn start(&self) -> Arc<GroupCoordinator> {
        let coordinator = self.start_loading();
        while coordinator.list(&[], &[]) == Err(GroupError::LoadInProgress) {
            tokio::task::yield_now().await;
        }
        coordinator
    }

    fn start_loading(&self) -> Arc<GroupCoordinator> {
        let log = self.log.clone();
        GroupCoordinator::start(self.settings.clone(), log, self.clock.clone(), self.directory.path())
    }
}

fn join_request(group_id: &str, member_id: &str) -> JoinRequest {
    JoinRequest {
        group_id: group_id.to_owned(),
        member_id: member_id.to_owned(),
        group_instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![Protocol { name: "range".to_owned(), metadata: Bytes::from_static(&[0, 1, 0, 0, 0, 0]) }],
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        requires_known_member_id: false,
        supports_skip_assignment: true,
        reason: None,
    }
}

fn sync_request(joined: &Joined, group_id: &str) -> SyncRequest {
    let assignment = |member: &crate::coordinator::JoinedMember| {
        (member.member_id.clone(), Bytes::from(format!("for {}", member.member_id)))
    };
    SyncRequest {
        group_id: group_id.to_owned(),
        member_id: joined.member_id.clone(),
        group_instance_id: None,
        generation_id: joined.generation_id,
        protocol_type: None,
        protocol_name: None,
        assignments: joined.members.iter().map(assignment).collect(),
    }
}

fn heartbeat<'a>(group_id: &'a str, joined: &'a Joined) -> HeartbeatRequest<'a> {
    let (member_id, generation_id) = (joined.member_id.as_str(), joined.generation_id);
    HeartbeatRequest { group_id, member_id, group_instance_id: None, generation_id }
}

fn commit(group_id: &str, member: Option<&Joined>, offset: i64) -> CommitRequest {
    CommitRequest {
        group_id: group_id.to_owned(),
        member_id: member.map(|joined| joined.member_id.clone()).unwrap_or_default(),
        group_instance_id: None,
        generation_id: member.map_or(-1, |joined| joined.generation_id),
        retention_time_ms: None,
        topics: vec![CommitTopic {
            name: "news_tag".to_owned(),
            partitions: vec![CommitOffset { partition: 0, offset, leader_epoch: 3, metadata: "m".to_owned() }],
        }],
    }
}

fn committed(coordinator: &GroupCoordinator, group_id: &str) -> Option<i64> {
    let topics = coordinator.fetch_offsets(group_id, None).unwrap();
    topics.first().map(|topic| topic.partitions[0].offset)
}

/// A stable group of one.
async fn stable(coordinator: &GroupCoordinator, group_id: &str) -> Joined {
    let joined = coordinator.join(join_request(group_id, "")).await.unwrap();
    let synced = coordinator.sync(sync_request(&joined, group_id)).await.unwrap();
    assert_eq!(synced.assignment, format!("for {}", joined.member_id));
    joined
}

#[test]
fn a_group_lives_in_the_partition_that_kafka_gives_it() {
    let golden =
        [("", 0), ("a", 47), ("test", 48), ("group-a", 47), ("my-consumer-group", 13), ("é", 33), ("日本", 47)];
    for (group_id, partition) in golden {
        assert_eq!(partition_for(group_id, 50), partition, "{group_id}");
    }
}

#[tokio::test]
async fn members_share_a_generation_and_offsets_are_committed_in_it() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    let first = stable(&coordinator, "g").await;
    let second = tokio::spawn({
        let coordinator = coordinator.clone();
        async move { coordinator.join(join_request("g", "")).await.unwrap() }
    });
    while coordinator.heartbeat(heartbeat("g", &first)) != Err(GroupError::RebalanceInProgress) {
        tokio::task::yield_now().await;
    }
    let first = coordinator.join(join_request("g", &first.member_id)).await.unwrap();
    let second = second.await.unwrap();
    assert_eq!((first.generation_id, second.generation_id), (2, 2));
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    let (led, followed) =
        tokio::join!(coordinator.sync(sync_request(&first, "g")), coordinator.sync(sync_request(&second, "g")));
    assert_eq!(led.unwrap().assignment, format!("for {}", first.member_id));
    assert_eq!(followed.unwrap().assignment, format!("for {}", second.member_id));

    coordinator.commit_offsets(commit("g", Some(&second), 7)).await.unwrap();
    assert_eq!(committed(&coordinator, "g"), Some(7));
    let stale = Joined { generation_id: 1, ..second };
    assert_eq!(
        coordinator.commit_offsets(commit("g", Some(&stale), 8)).await,
        Err(GroupError::IllegalGeneration { got: 1, expected: 2 })
    );
    assert_eq!(coordinator.commit_offsets(commit("g", None, 8)).await, Err(GroupError::UnknownMemberId));
}

#[tokio::test]
async fn members_carry_on_after_a_restart_without_a_snapshot() {
    let broker = Broker::new();
    let before = broker.start().await;
    let joined = stable(&before, "g").await;
    before.commit_offsets(commit("g", Some(&joined), 7)).await.unwrap();
    drop(before);

    let after = broker.start().await;
    assert_eq!(after.heartbeat(heartbeat("g", &joined)), Ok(()));
    after.commit_offsets(commit("g", Some(&joined), 8)).await.unwrap();
    let again = after.sync(sync_request(&joined, "g")).await.unwrap();
    assert_eq!(again.assignment, format!("for {}", joined.member_id));
    assert_eq!(committed(&after, "g"), Some(8));
    assert_eq!(after.describe("g").unwrap().state, GroupState::Stable);
}

#[tokio::test]
async fn a_clean_stop_leaves_snapshots_that_stand_for_the_log() {
    let broker = Broker::new();
    let before = broker.start().await;
    let joined = stable(&before, "g").await;
    before.commit_offsets(commit("simple", None, 5)).await.unwrap();
    before.shutdown().await;
    assert_eq!(before.heartbeat(heartbeat("g", &joined)), Err(GroupError::NotAvailable));
    // What the snapshots cover need not be readable any more.
    for partition in &broker.log.partitions {
        partition.lock().unwrap().0.clear();
    }
    let after = broker.start().await;
    assert_eq!(after.heartbeat(heartbeat("g", &joined)), Ok(()));
    assert_eq!(committed(&after, "simple"), Some(5));
}

#[tokio::test]
async fn a_snapshot_ahead_of_a_log_that_lost_its_tail_is_dropped() {
    let broker = Broker::new();
    let before = broker.start().await;
    for offset in 1..=3 {
        before.commit_offsets(commit("g", None, offset)).await.unwrap();
    }
    before.shutdown().await;
    broker.log.truncate(2);
    let after = broker.start().await;
    assert_eq!(committed(&after, "g"), Some(2));
    after.commit_offsets(commit("g", None, 9)).await.unwrap();
    drop(after);
    assert_eq!(committed(&*broker.start().await, "g"), Some(9));
}

#[tokio::test]
async fn what_a_snapshot_stands_for_leaves_the_log_and_is_not_missed() {
    let broker = Broker::new();
    broker.log.is_deleting.store(true, Ordering::SeqCst);
    let before = broker.start().await;
    let partition = before.shard_of("g").partition;
    for offset in 1..=3 {
        before.commit_offsets(commit("g", None, offset)).await.unwrap();
    }
    before.shutdown().await;
    assert_eq!(broker.log.start_offset(partition).unwrap(), 3);

    let after = broker.start().await;
    assert_eq!(committed(&after, "g"), Some(3));
    after.commit_offsets(commit("g", None, 9)).await.unwrap();
    drop(after);
    assert_eq!(committed(&*broker.start().await, "g"), Some(9), "the snapshot, and the log after it");
}

#[tokio::test]
async fn a_damaged_snapshot_that_the_log_cannot_replace_is_kept_aside() {
    let broker = Broker::new();
    broker.log.is_deleting.store(true, Ordering::SeqCst);
    let before = broker.start().await;
    let partition = before.shard_of("g").partition;
    before.commit_offsets(commit("g", None, 1)).await.unwrap();
    before.shutdown().await;
    let path = crate::coordinator::snapshot::path(broker.directory.path(), partition);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&path, &bytes).unwrap();

    let after = broker.start().await;
    assert_eq!(committed(&after, "g"), None);
    assert_eq!(std::fs::read(path.with_extension("snapshot.rot")).unwrap(), bytes);
    after.commit_offsets(commit("g", None, 2)).await.unwrap();
    drop(after);
    assert_eq!(committed(&*broker.start().await, "g"), Some(2));
}

#[tokio::test]
async fn nothing_is_promised_that_is_not_in_the_log() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    let joined = stable(&coordinator, "g").await;
    coordinator.commit_offsets(commit("g", Some(&joined), 7)).await.unwrap();
    broker.log.is_broken.store(true, Ordering::SeqCst);
    assert_eq!(coordinator.commit_offsets(commit("g", Some(&joined), 8)).await, Err(GroupError::NotAvailable));
    assert_eq!(coordinator.commit_offsets(commit("new", None, 8)).await, Err(GroupError::NotAvailable));
    assert_eq!(coordinator.describe("new"), Err(GroupError::GroupIdNotFound));
    assert_eq!(committed(&coordinator, "g"), Some(7));

    // The leader's assignment cannot be kept, so nobody gets it, and the group rebalances.
    let again = coordinator.join(join_request("g", &joined.member_id)).await.unwrap();
    assert_eq!(coordinator.sync(sync_request(&again, "g")).await, Err(GroupError::NotAvailable));
    assert_eq!(coordinator.heartbeat(heartbeat("g", &again)), Err(GroupError::RebalanceInProgress));
    broker.log.is_broken.store(false, Ordering::SeqCst);
    let again = coordinator.join(join_request("g", &joined.member_id)).await.unwrap();
    assert_eq!(coordinator.sync(sync_request(&again, "g")).await.unwrap().assignment.len(), 4 + joined.member_id.len());
}

#[tokio::test]
async fn until_loaded_everything_but_a_heartbeat_waits() {
    let broker = Broker::new();
    let before = broker.start().await;
    let joined = stable(&before, "g").await;
    drop(before);
    broker.log.is_opening.store(true, Ordering::SeqCst);
    let after = broker.start_loading();
    assert_eq!(after.fetch_offsets("g", None), Err(GroupError::LoadInProgress));
    assert_eq!(after.commit_offsets(commit("g", Some(&joined), 1)).await, Err(GroupError::LoadInProgress));
    let waiting: usize = after.coordinated.shards.iter().map(Shard::waiting_commits).sum();
    assert_eq!(waiting, 0, "what was refused is not kept");
    assert_eq!(after.join(join_request("g", "")).await.unwrap_err().error, GroupError::LoadInProgress);
    assert_eq!(after.heartbeat(heartbeat("g", &joined)), Ok(()));
    broker.log.is_opening.store(false, Ordering::SeqCst);
    while after.list(&[], &[]) == Err(GroupError::LoadInProgress) {
        tokio::task::yield_now().await;
    }
    assert_eq!(after.describe("g").unwrap().members.len(), 1);
    let mut other = commit("g", Some(&joined), 2);
    other.topics[0].name = "other".to_owned();
    after.commit_offsets(other).await.unwrap();
    assert_eq!(after.fetch_offsets("g", None).unwrap().len(), 1, "what was refused does not happen later");
}

#[tokio::test]
async fn a_silent_member_is_dropped_and_one_that_commits_is_not() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    let joined = stable(&coordinator, "g").await;
    broker.clock.advance_ms(9_999);
    coordinator.commit_offsets(commit("g", Some(&joined), 7)).await.unwrap();
    broker.clock.advance_ms(9_999);
    coordinator.coordinated.keep_deadlines();
    assert_eq!(coordinator.heartbeat(heartbeat("g", &joined)), Ok(()));
    broker.clock.advance_ms(10_000);
    coordinator.coordinated.keep_deadlines();
    assert_eq!(coordinator.heartbeat(heartbeat("g", &joined)), Err(GroupError::UnknownMemberId));
    assert_eq!(coordinator.describe("g").unwrap().state, GroupState::Empty);
    // That the group is empty is in the log.
    drop(coordinator);
    assert_eq!(broker.start().await.describe("g").unwrap().state, GroupState::Empty);
}

#[tokio::test]
async fn a_member_whose_client_went_away_while_joining_times_out() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    let first = stable(&coordinator, "g").await;
    let mut gone = Box::pin(coordinator.join(join_request("g", "")));
    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(gone.as_mut().poll(cx))).await.is_pending());
    drop(gone);
    let first = coordinator.join(join_request("g", &first.member_id)).await.unwrap();
    assert_eq!(first.members.len(), 2);
    coordinator.sync(sync_request(&first, "g")).await.unwrap();
    broker.clock.advance_ms(9_000);
    assert_eq!(coordinator.heartbeat(heartbeat("g", &first)), Ok(()));
    broker.clock.advance_ms(1_000);
    coordinator.coordinated.keep_deadlines();
    assert_eq!(coordinator.heartbeat(heartbeat("g", &first)), Err(GroupError::RebalanceInProgress));
    assert_eq!(coordinator.describe("g").unwrap().members.len(), 1);
}

#[tokio::test]
async fn groups_are_listed_described_and_deleted_with_their_offsets() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    let joined = stable(&coordinator, "g").await;
    coordinator.commit_offsets(commit("simple", None, 5)).await.unwrap();
    let names = |states: &[&str], types: &[&str]| {
        let mut names: Vec<_> = coordinator.list(states, types).unwrap().into_iter().map(|g| g.group_id).collect();
        names.sort();
        names
    };
    assert_eq!(names(&[], &[]), ["g", "simple"]);
    assert_eq!(names(&["stable"], &[]), ["g"]);
    assert_eq!(names(&["Empty", "Dead"], &["Classic"]), ["simple"]);
    assert!(names(&["Dead"], &[]).is_empty() && names(&[], &["consumer"]).is_empty());

    assert_eq!(coordinator.delete("g"), Err(GroupError::NonEmptyGroup));
    assert_eq!(coordinator.delete("nobody"), Err(GroupError::GroupIdNotFound));
    assert_eq!(coordinator.delete("simple"), Ok(()));
    let leaving = LeavingMember { member_id: joined.member_id.clone(), group_instance_id: None, reason: None };
    let left = coordinator.leave(LeaveRequest { group_id: "g".to_owned(), members: vec![leaving] }).unwrap();
    assert_eq!(left[0].result, Ok(()));
    assert_eq!(coordinator.delete("g"), Ok(()));
    drop(coordinator);
    assert_eq!(broker.start().await.list(&[], &[]), Ok(Vec::new()));
}

#[tokio::test]
async fn offsets_expire_after_their_retention_and_take_their_group_along() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    coordinator.commit_offsets(commit("old", None, 5)).await.unwrap();
    broker.clock.advance_ms(6 * 24 * 3_600_000);
    coordinator.commit_offsets(commit("young", None, 5)).await.unwrap();
    broker.clock.advance_ms(24 * 3_600_000);
    coordinator.coordinated.expire_offsets();
    assert_eq!(committed(&coordinator, "old"), None);
    assert_eq!(coordinator.describe("old"), Err(GroupError::GroupIdNotFound));
    assert_eq!(committed(&coordinator, "young"), Some(5));
    drop(coordinator);
    assert_eq!(committed(&*broker.start().await, "old"), None);
}

#[tokio::test]
async fn offsets_of_deleted_topics_are_forgotten() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    coordinator.commit_offsets(commit("g", None, 5)).await.unwrap();
    coordinator.on_topics_deleted(&["other".to_owned()]);
    assert_eq!(committed(&coordinator, "g"), Some(5));
    coordinator.on_topics_deleted(&["news_tag".to_owned()]);
    assert_eq!(committed(&coordinator, "g"), None);
}

#[tokio::test]
async fn offsets_are_deleted_but_not_under_their_consumers() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    coordinator.commit_offsets(commit("g", None, 5)).await.unwrap();
    let topic = |name: &str| crate::coordinator::FetchTopic { name: name.to_owned(), partitions: vec![0] };
    let mut request = join_request("g", "");
    let subscription = [&[0, 1, 0, 0, 0, 1, 0, 8][..], b"news_tag", &[0xff; 4]].concat();
    request.protocols[0].metadata = subscription.into();
    let joined = coordinator.join(request).await.unwrap();
    let deleted = coordinator.delete_offsets("g", &[topic("news_tag")]).unwrap();
    assert_eq!(deleted[0].partitions, [(0, Err(GroupError::GroupSubscribedToTopic))]);
    let deleted = coordinator.delete_offsets("g", &[topic("other")]).unwrap();
    assert_eq!(deleted[0].partitions, [(0, Ok(()))]);
    let leaving = LeavingMember { member_id: joined.member_id, group_instance_id: None, reason: None };
    coordinator.leave(LeaveRequest { group_id: "g".to_owned(), members: vec![leaving] }).unwrap();
    coordinator.delete_offsets("g", &[topic("news_tag")]).unwrap();
    assert_eq!(committed(&coordinator, "g"), None);
}

#[tokio::test]
async fn metadata_that_is_too_long_is_refused_for_its_partition_alone() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    let mut request = commit("g", None, 5);
    let long = CommitOffset { partition: 1, offset: 6, leader_epoch: -1, metadata: "x".repeat(4_097) };
    request.topics[0].partitions.push(long);
    let outcome = coordinator.commit_offsets(request).await.unwrap();
    let too_large = Err(GroupError::OffsetMetadataTooLarge { got_bytes: 4_097, max_bytes: 4_096 });
    assert_eq!(outcome[0].partitions, [(0, Ok(())), (1, too_large)]);
    assert_eq!(coordinator.fetch_offsets("g", None).unwrap()[0].partitions.len(), 1);
}

#[tokio::test]
async fn commits_that_wait_for_the_lock_share_an_append() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    coordinator.commit_offsets(commit("g", None, 0)).await.unwrap();
    let shard = coordinator.shard_of("g");
    let appends_before = broker.log.appends.load(Ordering::SeqCst);
    let host = &coordinator.coordinated.host;
    std::thread::scope(|scope| {
        let state = shard.lock();
        for offset in 1..=20 {
            scope.spawn(move || shard.commit(host, commit("g", None, offset)).unwrap());
        }
        while shard.waiting_commits() < 20 {
            std::thread::yield_now();
        }
        drop(state);
    });
    assert_eq!(broker.log.appends.load(Ordering::SeqCst) - appends_before, 1);
    let batches_in_log = broker.log.partition(shard.partition).unwrap().0.concat();
    assert_eq!(batches(&batches_in_log).count(), 2);
}

#[tokio::test]
async fn a_snapshot_is_written_every_so_many_records() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    let mut request = commit("g", None, 0);
    let many = |partition| CommitOffset { partition, offset: 1, leader_epoch: -1, metadata: String::new() };
    request.topics[0].partitions = (0..5_000).map(many).collect();
    for _ in 0..2 {
        coordinator.commit_offsets(request.clone()).await.unwrap();
    }
    let path = crate::coordinator::snapshot::path(broker.directory.path(), coordinator.shard_of("g").partition);
    while !path.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn requests_without_a_sensible_group_or_session_are_refused() {
    let broker = Broker::new();
    let coordinator = broker.start().await;
    let refused = coordinator.join(join_request("", "")).await.unwrap_err();
    assert_eq!(refused.error, GroupError::InvalidGroupId);
    let request = JoinRequest { session_timeout_ms: 5_999, ..join_request("g", "") };
    let error = coordinator.join(request).await.unwrap_err().error;
    assert_eq!(error, GroupError::InvalidSessionTimeout { got_ms: 5_999, min_ms: 6_000, max_ms: 1_800_000 });
    let refused = coordinator.join(join_request("g", "stranger")).await.unwrap_err();
    assert_eq!(refused, JoinRefused { member_id: "stranger".to_owned(), error: GroupError::UnknownMemberId });
    assert_eq!(coordinator.list(&[], &[]), Ok(Vec::new()));
    let mut commit = commit("g", None, 1);
    commit.generation_id = 3;
    assert_eq!(coordinator.commit_offsets(commit).await, Err(GroupError::GroupIdNotFound));
}

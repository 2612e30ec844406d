//! One partition: a log, its watermarks, and who waits for them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::directory;
use super::purgatory::{ENOUGH, Purgatory};
use crate::log::{AppendError, Appended, Log, LogError, Origin, ReadError, ReadPlan};
use crate::region::FileRegion;

/// How far a consumer may read (`isolation.level`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Up to the high watermark.
    ReadUncommitted,
    /// Up to the last stable offset.
    ReadCommitted,
}

/// What a fetch may send, and the watermarks it was planned under.
#[derive(Debug, Clone)]
pub struct PartitionRead {
    /// Whole batches, in offset order; empty when there is nothing between the offset and the watermark.
    pub regions: Vec<FileRegion>,
    /// Sum of the regions' lengths.
    pub size_bytes: usize,
    /// One past the last offset that every replica has.
    pub high_watermark: i64,
    /// One past the last offset that no open transaction holds back.
    pub last_stable_offset: i64,
    /// The first offset that is kept.
    pub log_start_offset: i64,
}

/// The watermarks that a read is planned under.
#[derive(Debug, Clone, Copy)]
struct Watermarks {
    high_watermark: i64,
    last_stable_offset: i64,
}

impl Watermarks {
    fn below(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::ReadUncommitted => self.high_watermark,
            Isolation::ReadCommitted => self.last_stable_offset,
        }
    }

    fn with(self, plan: ReadPlan, log: &Log) -> PartitionRead {
        PartitionRead {
            regions: plan.regions,
            size_bytes: plan.size_bytes,
            high_watermark: self.high_watermark,
            last_stable_offset: self.last_stable_offset,
            log_start_offset: log.log_start_offset(),
        }
    }
}

/// Why a partition did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// Its log is still being recovered; ask again.
    #[error("the partition's log is still being opened")]
    Opening,
    /// Its log could not be opened when the broker started; the broker's log says why.
    #[error("the partition's log could not be opened: {0}")]
    Offline(Arc<str>),
    /// The topic was deleted.
    #[error("the partition was deleted")]
    Deleted,
    /// The request was made for an older leader than this one.
    #[error("leader epoch {got} was fenced: it is {current} now")]
    FencedLeaderEpoch {
        /// The epoch in the request.
        got: i32,
        /// The epoch of the partition.
        current: i32,
    },
    /// The request was made for a leader that this broker has not heard of.
    #[error("leader epoch {got} is unknown: it is {current} here")]
    UnknownLeaderEpoch {
        /// The epoch in the request.
        got: i32,
        /// The epoch of the partition.
        current: i32,
    },
    /// The log refused the records.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log refused the read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// One partition. Shared behind an `Arc`; all methods are synchronous and thread-safe.
#[derive(Debug)]
pub struct Partition {
    topic: Arc<str>,
    index: i32,
    directory: PathBuf,
    /// Empty while the log is being opened.
    log: OnceLock<Result<Log, Arc<str>>>,
    /// Held while the log is being opened.
    opening: Mutex<()>,
    high_watermark: AtomicI64,
    leader_epoch: AtomicI32,
    deleted: AtomicBool,
    purgatory: Purgatory,
}

impl Partition {
    /// A partition whose log is yet to be opened.
    pub(super) fn opening(topic: Arc<str>, index: i32, directory: PathBuf) -> Self {
        Partition {
            topic,
            index,
            directory,
            log: OnceLock::new(),
            opening: Mutex::new(()),
            high_watermark: AtomicI64::new(0),
            leader_epoch: AtomicI32::new(0),
            deleted: AtomicBool::new(false),
            purgatory: Purgatory::default(),
        }
    }

    /// Opens the log, unless the topic was deleted meanwhile, and puts it in place; with one replica all of it is
    /// committed.
    pub(super) fn open(&self, open: impl FnOnce() -> Result<Log, LogError>) {
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_deleted() {
            return;
        }
        let log = open().map_err(|error| Arc::from(error.to_string()));
        if let Ok(log) = &log {
            self.high_watermark.store(log.log_end_offset(), Ordering::SeqCst);
            self.leader_epoch.store(log.latest_epoch().unwrap_or(0), Ordering::SeqCst);
        }
        // A log is opened once; a second attempt would change nothing.
        let _ = self.log.set(log);
    }

    /// The topic's name.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The partition's number in its topic.
    pub fn index(&self) -> i32 {
        self.index
    }

    /// `topic-partition`, as Kafka's own messages have it.
    pub fn name(&self) -> String {
        directory::name(&self.topic, self.index)
    }

    /// Where its files were when it was opened.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The log itself, for what does not depend on watermarks: offsets by time, epochs, retention.
    pub fn log(&self) -> Result<&Log, PartitionError> {
        if self.is_deleted() {
            return Err(PartitionError::Deleted);
        }
        match self.log.get() {
            Some(Ok(log)) => Ok(log),
            Some(Err(reason)) => Err(PartitionError::Offline(reason.clone())),
            None => Err(PartitionError::Opening),
        }
    }

    /// Appends a producer's batch, gives it offsets, and wakes fetches that have enough now.
    pub fn append(&self, records: &[u8], now_ms: i64) -> Result<Appended, PartitionError> {
        self.append_from(Origin::Client, records, now_ms)
    }

    /// As [`Partition::append`], for the broker's own records: several batches, control batches too.
    pub fn append_internal(&self, records: &[u8], now_ms: i64) -> Result<Appended, PartitionError> {
        self.append_from(Origin::Coordinator, records, now_ms)
    }

    fn append_from(&self, origin: Origin, records: &[u8], now_ms: i64) -> Result<Appended, PartitionError> {
        let log = self.log()?;
        let appended = log.append_as_leader(records, origin, self.leader_epoch.load(Ordering::Acquire), now_ms)?;
        // A duplicate may overtake the append that it repeats; it adds no bytes.
        self.advance_high_watermark(appended.last_offset + 1, appended.size_bytes);
        Ok(appended)
    }

    /// Whether an append may wait for the disk, and is no work for a thread that serves others.
    pub fn append_may_wait(&self) -> bool {
        self.log().is_ok_and(Log::append_may_wait)
    }

    /// Plans a read of whole batches from offset `from` on, at most `max_bytes` of them, or, with `at_least_one`, the
    /// first batch whatever its size.
    pub fn read(
        &self,
        from: i64,
        max_bytes: usize,
        isolation: Isolation,
        at_least_one: bool,
    ) -> Result<PartitionRead, PartitionError> {
        let (log, seen) = (self.log()?, self.watermarks());
        let plan = log.read(from, seen.below(isolation), max_bytes, at_least_one)?;
        Ok(seen.with(plan, log))
    }

    /// As [`Partition::read`], for threads that must not wait for the disk: `None` where that would.
    pub fn read_resident(
        &self,
        from: i64,
        max_bytes: usize,
        isolation: Isolation,
        at_least_one: bool,
    ) -> Result<Option<PartitionRead>, PartitionError> {
        let (log, seen) = (self.log()?, self.watermarks());
        let plan = log.read_resident(from, seen.below(isolation), max_bytes, at_least_one)?;
        Ok(plan.map(|plan| seen.with(plan, log)))
    }

    fn watermarks(&self) -> Watermarks {
        Watermarks { high_watermark: self.high_watermark(), last_stable_offset: self.last_stable_offset() }
    }

    /// The first offset that is kept.
    pub fn log_start_offset(&self) -> Result<i64, PartitionError> {
        Ok(self.log()?.log_start_offset())
    }

    /// One past the last offset that every replica has; consumers read below it. 0 while the log is being opened.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark.load(Ordering::SeqCst)
    }

    /// One past the last offset that no open transaction holds back: the high watermark, without transactions.
    pub fn last_stable_offset(&self) -> i64 {
        self.high_watermark()
    }

    /// Lets consumers read below `offset`; the high watermark never goes back. For a follower's or a replicated
    /// leader's use: a single replica's follows its appends.
    pub fn set_high_watermark(&self, offset: i64) {
        if self.high_watermark.fetch_max(offset, Ordering::SeqCst) < offset {
            self.purgatory.credit(ENOUGH);
        }
    }

    /// The epoch that this leader writes into batches.
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch.load(Ordering::Acquire)
    }

    /// Compares the leader epoch that a client believes in; −1 stands for "any".
    pub fn check_leader_epoch(&self, got: i32) -> Result<(), PartitionError> {
        let current = self.leader_epoch();
        match got {
            -1 => Ok(()),
            _ if got < current => Err(PartitionError::FencedLeaderEpoch { got, current }),
            _ if got > current => Err(PartitionError::UnknownLeaderEpoch { got, current }),
            _ => Ok(()),
        }
    }

    /// Fails every later call with [`PartitionError::Deleted`], wakes who waits, so that they hear of it, and ends all
    /// changes to the files, also by calls that have begun. A log that is just being opened is waited for: the name of
    /// its directory must not be another topic's before that is over.
    pub(super) fn delete(&self) {
        self.deleted.store(true, Ordering::SeqCst);
        self.purgatory.credit(ENOUGH);
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Ok(log)) = self.log.get() {
            log.abandon();
        }
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::SeqCst)
    }

    pub(super) fn purgatory(&self) -> &Purgatory {
        &self.purgatory
    }

    /// Whether a fetch that saw this high watermark has something new to look at.
    pub(super) fn moved_since(&self, seen_high_watermark: i64) -> bool {
        self.is_deleted() || self.high_watermark() != seen_high_watermark
    }

    /// Publishes an append. Of two that come here in the other order than the log took them, both count.
    pub(super) fn advance_high_watermark(&self, offset: i64, appended_bytes: usize) {
        self.high_watermark.fetch_max(offset, Ordering::SeqCst);
        self.purgatory.credit(i64::try_from(appended_bytes).unwrap_or(ENOUGH).min(ENOUGH));
    }
}

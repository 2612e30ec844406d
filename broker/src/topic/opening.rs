//! Opening many logs, a few at a time.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Partition;
use super::directory::{self, Aside};
use crate::background::unlink::Unlinker;
use crate::clock::Clock;
use crate::log::{Log, LogError, LogSettings, read_topic_id, write_topic_id};

/// A log to be opened.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) partition: Arc<Partition>,
    pub(super) topic_id: Uuid,
    /// Ids of topics that were deleted: what is found under one of them is a leftover.
    pub(super) deleted: Arc<BTreeSet<Uuid>>,
    pub(super) settings: LogSettings,
    pub(super) data_dir: PathBuf,
    pub(super) clock: Clock,
    pub(super) unlinker: Unlinker,
}

impl Task {
    pub(super) fn run(self) {
        self.partition.open(|| {
            let log = self.open();
            let name = self.partition.name();
            match &log {
                Ok(log) => report_recovery(&name, log),
                Err(error) => tracing::error!(partition = %name, %error, "the log could not be opened"),
            }
            log
        });
    }

    /// Opens the log in its directory, after seeing to it that the directory is this topic's.
    fn open(&self) -> Result<Log, LogError> {
        let directory = self.partition.directory();
        let found = read_topic_id(directory)?;
        if let Some(other) = found.filter(|id| *id != self.topic_id) {
            self.clear_way(other)?;
        }
        let (settings, now_ms) = (self.settings.clone(), self.clock.now_ms());
        if found != Some(self.topic_id) {
            match std::fs::create_dir(directory) {
                Ok(()) => return Log::create(directory, self.topic_id, settings, now_ms),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(LogError::Io { action: "create", path: directory.to_owned(), source }),
            }
            write_topic_id(directory, self.topic_id)?;
        }
        Log::open(directory, settings, now_ms)
    }

    /// Moves the directory of another topic of the same name aside.
    fn clear_way(&self, other: Uuid) -> Result<(), LogError> {
        let partition = &self.partition;
        let aside = if self.deleted.contains(&other) { Aside::Deleted } else { Aside::Stray };
        let moved = directory::move_aside(&self.data_dir, partition.topic(), partition.index(), aside)
            .map_err(|source| LogError::Io { action: "rename", path: partition.directory().to_owned(), source })?;
        match aside {
            Aside::Deleted => self.unlinker.remove_directory(moved),
            Aside::Stray => tracing::warn!(
                partition = %partition.name(),
                moved_to = %moved.display(),
                "found another topic's partition under this name and moved it aside"
            ),
        }
        Ok(())
    }
}

fn report_recovery(partition: &str, log: &Log) {
    let recovery = log.recovery();
    if recovery.truncated_bytes > 0 {
        tracing::warn!(partition, cut_bytes = recovery.truncated_bytes, "cut an unfinished append");
    }
    for rot in &recovery.rot {
        tracing::error!(
            partition,
            first_offset = rot.first_offset,
            next_offset = rot.next_offset,
            moved_to = %rot.quarantined.display(),
            "records on disk are damaged and cannot be served"
        );
    }
}

/// Logs that are being opened in the background.
#[derive(Debug)]
pub struct Opening {
    left: Arc<(Mutex<usize>, Condvar)>,
    cancelled: Arc<AtomicBool>,
}

impl Opening {
    /// Waits until every log is open, or did not open; at most for `timeout`. Returns how many are still to come.
    pub fn wait(&self, timeout: Duration) -> usize {
        let deadline = Instant::now() + timeout;
        let (left, changed) = &*self.left;
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        while *left > 0 {
            let Some(remaining) = deadline.checked_duration_since(Instant::now()) else { break };
            left = changed.wait_timeout(left, remaining).unwrap_or_else(PoisonError::into_inner).0;
        }
        *left
    }

    /// Opens no more logs than those already begun, and waits for these.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.wait(Duration::MAX / 4);
    }
}

/// Opens the logs of `tasks` on `threads` threads of their own.
pub(super) fn in_background(tasks: Vec<Task>, threads: usize, data_dir: &Path) -> Opening {
    let opening = Opening { left: Arc::new((Mutex::new(tasks.len()), Condvar::new())), cancelled: Arc::default() };
    let threads = threads.clamp(1, tasks.len().max(1));
    let tasks = Arc::new(Mutex::new(tasks.into_iter()));
    for _ in 0..threads {
        let (tasks, left, cancelled) = (tasks.clone(), opening.left.clone(), opening.cancelled.clone());
        let data_dir = data_dir.to_owned();
        let work = move || {
            while let Some(task) = { tasks.lock().unwrap_or_else(PoisonError::into_inner).next() } {
                if !cancelled.load(Ordering::SeqCst) {
                    task.run();
                }
                let (left, changed) = &*left;
                let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
                *left -= 1;
                let is_last = *left == 0;
                drop(left);
                changed.notify_all();
                if is_last {
                    directory::sync_names(&data_dir);
                }
            }
        };
        thread::spawn(work);
    }
    opening
}

/// Opens the logs of `tasks` and returns when that is done.
pub(super) fn now(tasks: Vec<Task>, threads: usize) {
    if tasks.len() < 2 {
        tasks.into_iter().for_each(Task::run);
    } else {
        let tasks: Vec<_> = tasks.into_iter().map(|task| Mutex::new(Some(task))).collect();
        for_each(tasks, threads, |task| {
            if let Some(task) = task.lock().unwrap_or_else(PoisonError::into_inner).take() {
                task.run();
            }
        });
    }
}

/// Does `work` for each of `items` on up to `threads` threads, and returns when all is done.
pub(super) fn for_each<T: Sync + Send>(items: Vec<T>, threads: usize, work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}

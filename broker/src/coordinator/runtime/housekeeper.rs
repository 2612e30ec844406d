//! What happens without a request: loading, deadlines, the retention of offsets, snapshots.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use super::loader::{self, LoadError, Loaded};
use super::shard::{Phase, Shard};
use super::{Coordinated, Host};
use crate::coordinator::OffsetsLogError;
use crate::coordinator::records::Record;
use crate::coordinator::snapshot::{self, SnapshotOf};

/// Partitions whose logs are not open yet are tried again after so long, however often: recovery takes what it takes.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// How long to wait for them without a word.
const QUIET_RETRIES: u32 = 3_000;

/// Keeps deadlines, retention and snapshots until it is aborted.
pub async fn keep(coordinated: Arc<Coordinated>) {
    let host = &coordinated.host;
    let check_interval_ms = host.settings.offsets_retention_check_interval_ms.max(1);
    let mut retention_due_ms = host.now().monotonic_ms.saturating_add(check_interval_ms);
    loop {
        let longest = Duration::from_millis(u64::try_from(check_interval_ms).unwrap_or(u64::MAX));
        let shards = &coordinated.shards;
        let earliest = || shards.iter().map(|shard| shard.wake_at_ms.load(Ordering::SeqCst)).min().unwrap_or(i64::MAX);
        host.alarm.sleep(host.now().monotonic_ms, longest, || earliest().min(retention_due_ms)).await;

        coordinated.keep_deadlines();
        let now_ms = host.now().monotonic_ms;
        let is_retention_due = now_ms >= retention_due_ms;
        if is_retention_due {
            retention_due_ms = now_ms.saturating_add(check_interval_ms);
        }
        if is_retention_due || shards.iter().any(|shard| shard.is_snapshot_due.load(Ordering::SeqCst)) {
            let coordinated = coordinated.clone();
            // Not awaited: deadlines are kept meanwhile.
            drop(tokio::task::spawn_blocking(move || {
                if is_retention_due {
                    coordinated.expire_offsets();
                }
                coordinated.write_due_snapshots();
            }));
        }
    }
}

impl Coordinated {
    /// Steps the shards whose earliest deadline has come.
    pub(super) fn keep_deadlines(&self) {
        let now_ms = self.host.now().monotonic_ms;
        for shard in self.shards.iter().filter(|shard| shard.wake_at_ms.load(Ordering::SeqCst) <= now_ms) {
            shard.expire(&self.host);
        }
    }

    /// Loads every shard; those whose logs are still being opened are tried again.
    pub(super) fn load(&self) {
        let Some((topic_id, _)) = self.host.log.topic() else {
            for shard in &self.shards {
                self.serve(shard, Loaded::default());
            }
            return;
        };
        let mut waiting: Vec<&Shard> = self.shards.iter().collect();
        for tries in 1u32.. {
            waiting.retain(|shard| {
                let of = SnapshotOf { topic_id, partition: shard.partition };
                match loader::load(&self.host, &self.directory, of, &self.is_stopping) {
                    Ok(loaded) => self.serve(shard, loaded),
                    Err(LoadError::Log(OffsetsLogError::NotReady { .. })) => return true,
                    Err(LoadError::Interrupted) => {}
                    Err(error) => {
                        error!(partition = shard.partition, %error, "groups of this partition are not available");
                        shard.lock().phase = Phase::Closed;
                    }
                }
                false
            });
            if waiting.is_empty() || self.is_stopping.load(Ordering::Relaxed) {
                let groups: usize = self.shards.iter().map(|shard| shard.lock().groups.len()).sum();
                info!(groups, "groups loaded");
                return;
            }
            if tries % QUIET_RETRIES == 0 {
                warn!(partitions = waiting.len(), "groups are not available yet: their partitions are being opened");
            }
            std::thread::sleep(RETRY_PAUSE);
        }
    }

    fn serve(&self, shard: &Shard, loaded: Loaded) {
        let mut state = shard.lock();
        if state.phase == Phase::Loading {
            let (replayed, snapshot) = (loaded.records_since_snapshot, loaded.records_in_snapshot);
            state.serve(&self.host, loaded);
            if !state.groups.is_empty() {
                debug!(partition = shard.partition, groups = state.groups.len(), snapshot, replayed, "groups loaded");
            }
        }
        shard.pass_on(&self.host, state);
    }

    /// Deletes offsets past their retention, and empty groups that have none left.
    pub(super) fn expire_offsets(&self) {
        for shard in &self.shards {
            let expired = shard.step(&self.host, |state| {
                let now_ms = self.host.now().wall_ms;
                let mut records = Vec::new();
                let mut gone = Vec::new();
                for (group_id, group) in &state.groups {
                    let image = state.image.group(group_id);
                    let is_none_left = image.is_none_or(|image| {
                        image.offsets.expire(group_id, group, &self.host.settings, now_ms, &mut records)
                    });
                    if is_none_left && image.is_some() && group.validate_delete().is_ok() {
                        records.push(Record::Group { group_id: group_id.clone(), value: None });
                        gone.push(group_id.clone());
                    }
                }
                state.append_all(&self.host, records)?;
                for group_id in gone {
                    state.groups.remove(&group_id);
                }
                Ok(())
            });
            if let Err(error) = expired.and_then(|done| done) {
                warn!(partition = shard.partition, %error, "cannot expire offsets");
            }
        }
    }

    fn write_due_snapshots(&self) {
        for shard in self.shards.iter().filter(|shard| shard.is_snapshot_due.swap(false, Ordering::SeqCst)) {
            write_snapshot(&self.host, &self.directory, shard);
        }
    }

    /// Snapshots of all shards that have changed, at a clean stop.
    pub(super) fn write_changed_snapshots(&self) {
        for shard in &self.shards {
            if shard.lock().records_since_snapshot > 0 {
                write_snapshot(&self.host, &self.directory, shard);
            }
        }
    }
}

fn write_snapshot(host: &Host, directory: &Path, shard: &Shard) {
    let Some((topic_id, _)) = host.log.topic() else { return };
    let _writing = shard.snapshot_writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (bytes, next_offset) = {
        let mut state = shard.lock();
        let of = SnapshotOf { topic_id, partition: shard.partition };
        let bytes = snapshot::encode(of, state.next_offset, &state.image);
        state.records_in_snapshot = state.image.record_count();
        state.records_since_snapshot = 0;
        (bytes, state.next_offset)
    };
    if let Err(error) = snapshot::replace(directory, shard.partition, &bytes) {
        warn!(partition = shard.partition, %error, "cannot write a snapshot; the next start reads more of the log");
    } else if let Err(error) = host.log.delete_before(shard.partition, next_offset) {
        warn!(partition = shard.partition, %error, "what a snapshot stands for stays in the log for now");
    }
}

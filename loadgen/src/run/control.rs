//! What the threads of a run tell each other: when it starts, when it ends, and how far each group is.
//!
//! All of it is single atomic values, each with one meaning; nothing else is shared but the channels.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::driver::ClientError;
use crate::workload::PartitionError;

/// What ended the sending before its time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CutOff {
    /// The cluster is gone.
    #[error("the broker's process ended during the run: see its log")]
    BrokerEnded,
    /// An error that every further message would meet.
    #[error("the cluster refuses: {0}{remedy}", remedy = .0.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default())]
    Refused(ClientError),
    /// A message for which `--partitioner` has no partition.
    #[error("{0}: correct --partitioner, --key or --partitions")]
    NoPartition(PartitionError),
}

/// Shared by all threads of a run.
#[derive(Debug)]
pub struct Control {
    /// When operation 0 is due, nanoseconds of `CLOCK_MONOTONIC`; 0 before that is known.
    start_ns: AtomicU64,
    /// Operations due from here on are not sent. Only ever lowered.
    end_ns: AtomicU64,
    /// Whether the end was brought forward by the user.
    interrupted: AtomicBool,
    /// After how many milliseconds an interruption ends the process, as there is nothing to judge yet; `u64::MAX` otherwise.
    leaves_after_ms: AtomicU64,
    /// Whether what is due and not sent is given up.
    hurried: AtomicBool,
    /// When the cluster last answered: acknowledged, or let a consumer read; 0 before that.
    heard_ns: AtomicU64,
    /// Whether the run has given up on hearing from the cluster again.
    silent: AtomicBool,
    /// Set once the consumers have nothing more to read.
    consumers_done: AtomicBool,
    /// What ended the sending before its time, the first of it.
    cut_off: Mutex<Option<CutOff>>,
    /// The last error that a consumer reported.
    last_error: Mutex<Option<ClientError>>,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            start_ns: AtomicU64::new(0),
            end_ns: AtomicU64::new(u64::MAX),
            interrupted: AtomicBool::new(false),
            leaves_after_ms: AtomicU64::new(u64::MAX),
            hurried: AtomicBool::new(false),
            heard_ns: AtomicU64::new(0),
            silent: AtomicBool::new(false),
            consumers_done: AtomicBool::new(false),
            cut_off: Mutex::new(None),
            last_error: Mutex::new(None),
        }
    }
}

// Relaxed everywhere: each value stands for itself, and what it announces travels by channels and joins.
impl Control {
    pub(super) fn start_at(&self, start_ns: u64) {
        self.start_ns.store(start_ns, Ordering::Relaxed);
    }

    /// When operation 0 is due, once that is known.
    pub(super) fn start_ns(&self) -> Option<u64> {
        Some(self.start_ns.load(Ordering::Relaxed)).filter(|start| *start > 0)
    }

    pub(super) fn end_at(&self, end_ns: u64) {
        self.end_ns.fetch_min(end_ns, Ordering::Relaxed);
    }

    pub(super) fn end_ns(&self) -> u64 {
        self.end_ns.load(Ordering::Relaxed)
    }

    /// Ends the measurement now, and the sending of what is late if the measurement had ended; what was sent is drained
    /// and judged.
    pub fn interrupt(&self) {
        let now = crate::clock::now_ns();
        self.interrupted.store(true, Ordering::Relaxed);
        if now >= self.end_ns() {
            self.hurried.store(true, Ordering::Relaxed);
        }
        self.end_at(now);
    }

    /// Whether what is still due shall not be sent: the user will not wait, or a drain's time has passed since the end.
    pub(super) fn gives_up_at(&self, now_ns: u64, drain_timeout: Duration) -> bool {
        self.hurried.load(Ordering::Relaxed) || now_ns > self.end_ns().saturating_add(drain_timeout.as_nanos() as u64)
    }

    /// For as long as there is nothing to judge, an interruption ends the process after so long; `None` once there is.
    pub fn leave_after(&self, after: Option<Duration>) {
        self.leaves_after_ms.store(after.map_or(u64::MAX, |after| after.as_millis() as u64), Ordering::Relaxed);
    }

    /// How soon an interruption ends the process, if it does.
    pub fn leaves_after(&self) -> Option<Duration> {
        Some(self.leaves_after_ms.load(Ordering::Relaxed)).filter(|ms| *ms != u64::MAX).map(Duration::from_millis)
    }

    /// Whether what is late is not to be waited for.
    pub(super) fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Relaxed)
    }

    /// Notes that the cluster answered.
    pub(super) fn heard(&self, now_ns: u64) {
        self.heard_ns.fetch_max(now_ns, Ordering::Relaxed);
    }

    /// When the cluster last answered; 0 if it never did.
    pub(super) fn heard_ns(&self) -> u64 {
        self.heard_ns.load(Ordering::Relaxed)
    }

    /// Nobody will wait for an answer any more.
    pub(super) fn give_cluster_up(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    /// Whether it is pointless to wait for an answer.
    pub(super) fn is_cluster_given_up(&self) -> bool {
        self.silent.load(Ordering::Relaxed) || self.is_broker_gone()
    }

    /// Whether the user ended the measurement.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Ends the sending now, of what is late too. What was sent is still waited for, unless the broker is gone.
    pub(super) fn cut_off(&self, reason: CutOff) {
        self.cut_off.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.hurried.store(true, Ordering::Relaxed);
        self.end_at(crate::clock::now_ns());
    }

    /// Why the sending was cut off, if it was.
    pub(super) fn cut_off_by(&self) -> Option<CutOff> {
        self.cut_off.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether nobody is left to answer.
    pub(super) fn is_broker_gone(&self) -> bool {
        self.cut_off_by() == Some(CutOff::BrokerEnded)
    }

    pub(super) fn note_error(&self, error: ClientError) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub(super) fn last_error(&self) -> Option<ClientError> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn consumers_done(&self) {
        self.consumers_done.store(true, Ordering::Relaxed);
    }

    pub(super) fn are_consumers_done(&self) -> bool {
        self.consumers_done.load(Ordering::Relaxed)
    }
}

/// How far one group is.
#[derive(Debug)]
pub(super) struct GroupProgress {
    /// The next offset to be read of each partition.
    positions: Vec<AtomicI64>,
    /// Which member has the partition, plus one; 0 if none has. A member may say that it gave a partition up after the
    /// next one has said that it took it.
    owners: Vec<AtomicU32>,
    /// Whether the member has an assignment, be it empty.
    members: Vec<AtomicBool>,
    /// Messages of the run that were read for the first time.
    read: AtomicU64,
}

impl GroupProgress {
    pub(super) fn new(partitions: usize, members: u16) -> Self {
        let falses = |count: usize| (0..count).map(|_| AtomicBool::new(false)).collect();
        Self {
            positions: (0..partitions).map(|_| AtomicI64::new(0)).collect(),
            owners: (0..partitions).map(|_| AtomicU32::new(0)).collect(),
            members: falses(usize::from(members)),
            read: AtomicU64::new(0),
        }
    }

    pub(super) fn assigned(&self, member: u16, partitions: &[(i32, i64)]) {
        for (partition, position) in partitions {
            if let Some(slot) = self.positions.get(*partition as usize) {
                slot.fetch_max(*position, Ordering::Relaxed);
            }
            if let Some(owner) = self.owners.get(*partition as usize) {
                owner.store(u32::from(member) + 1, Ordering::Relaxed);
            }
        }
        if let Some(slot) = self.members.get(usize::from(member)) {
            slot.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn revoked(&self, member: u16, partitions: &[i32]) {
        for partition in partitions {
            if let Some(owner) = self.owners.get(*partition as usize) {
                // Not ours any more where another member was quicker.
                let _ = owner.compare_exchange(u32::from(member) + 1, 0, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
        if let Some(slot) = self.members.get(usize::from(member)) {
            slot.store(false, Ordering::Relaxed);
        }
    }

    /// Notes that the group has read up to here; whether for the first time, or again after a partition changed hands.
    pub(super) fn advance(&self, partition: i32, next_offset: i64) -> bool {
        // One member at a time reads a partition, so that a load and a store do.
        let Some(slot) = self.positions.get(partition as usize) else { return true };
        let first = slot.load(Ordering::Relaxed) < next_offset;
        if first {
            slot.store(next_offset, Ordering::Relaxed);
        }
        first
    }

    /// Notes that so many more messages of the run were read, none of them redelivered.
    pub(super) fn add_read(&self, messages: u64) {
        self.read.fetch_add(messages, Ordering::Relaxed);
    }

    /// Messages of the run that the group has read.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Every member has its assignment, and every partition has a member.
    pub(super) fn is_settled(&self) -> bool {
        self.members.iter().all(|has_assignment| has_assignment.load(Ordering::Relaxed))
            && self.owners.iter().all(|owner| owner.load(Ordering::Relaxed) != 0)
    }

    /// Every partition was read up to these end offsets.
    pub(super) fn has_reached(&self, ends: &[i64]) -> bool {
        self.positions.iter().zip(ends).all(|(position, end)| position.load(Ordering::Relaxed) >= *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_settled_when_all_members_and_partitions_are() {
        let group = GroupProgress::new(2, 2);
        group.assigned(0, &[(0, 5), (1, 0)]);
        assert!(!group.is_settled(), "member 1 has no assignment yet");
        group.revoked(0, &[0, 1]);
        group.assigned(0, &[(0, 5)]);
        group.assigned(1, &[(1, 0)]);
        assert!(group.is_settled());
    }

    #[test]
    fn a_partition_that_has_a_new_owner_stays_owned_when_the_old_one_is_late_to_give_it_up() {
        let group = GroupProgress::new(2, 2);
        group.assigned(0, &[(0, 5), (1, 0)]);
        group.assigned(1, &[(1, 0)]);
        group.revoked(0, &[0, 1]);
        group.assigned(0, &[(0, 5)]);
        assert!(group.is_settled());
    }

    #[test]
    fn the_end_is_reached_when_every_partition_is_there() {
        let group = GroupProgress::new(2, 1);
        group.assigned(0, &[(0, 5), (1, 0)]);
        assert!(group.advance(1, 7));
        assert!(!group.advance(1, 6), "the group has read that already");
        assert!(group.has_reached(&[5, 7]));
        assert!(!group.has_reached(&[5, 8]));
    }

    #[test]
    fn sending_ends_a_drain_after_the_end_or_when_the_user_interrupts_then() {
        let control = Control::default();
        control.end_at(100);
        let drain = Duration::from_nanos(10);
        assert!(!control.gives_up_at(110, drain) && control.gives_up_at(111, drain));
        control.interrupt();
        assert!(control.gives_up_at(0, drain));
    }

    #[test]
    fn the_end_only_moves_forward() {
        let control = Control::default();
        control.end_at(100);
        control.end_at(200);
        assert_eq!(control.end_ns(), 100);
    }
}

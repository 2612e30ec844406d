//! Where fetches wait until there is enough to read (Kafka's `DelayedFetch` purgatory).
//!
//! A fetch that found less than its `min_bytes` makes a [`Wait`] for the bytes it misses and registers it with every
//! partition it reads. An append credits its bytes to each wait registered there, and the credit that covers what is
//! missing wakes the fetch, once. Dropping the wait takes it out of every purgatory.
//!
//! No wake-up is lost. The appender advances the high watermark, then looks for waits; the fetch registers, then
//! compares the high watermark with the one that its read was planned under. Both do so in one total order (`SeqCst`),
//! so at least one of them sees the other. A fetch that sees the watermark moved is woken at once and plans again.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::Partition;

/// More than any fetch can miss: wakes whoever waits.
pub(super) const ENOUGH: i64 = i64::MAX / 2;

/// A fetch that waits for bytes on some partitions.
#[derive(Debug)]
pub struct Wait {
    waiter: Arc<Waiter>,
    places: Vec<(Arc<Partition>, usize)>,
}

impl Wait {
    /// Waits for `missing_bytes` more bytes than were found, over all partitions together.
    pub fn new(missing_bytes: usize) -> Self {
        Wait {
            waiter: Arc::new(Waiter {
                missing_bytes: AtomicI64::new(i64::try_from(missing_bytes).unwrap_or(ENOUGH).clamp(1, ENOUGH)),
                woken: AtomicBool::new(false),
                wake: Notify::new(),
            }),
            places: Vec::new(),
        }
    }

    /// Counts what is appended to `partition` after its high watermark was `seen_high_watermark`, which is the one in
    /// the [`super::PartitionRead`] that did not suffice.
    pub fn register(&mut self, partition: &Arc<Partition>, seen_high_watermark: i64) {
        let place = partition.purgatory().enter(&self.waiter);
        self.places.push((partition.clone(), place));
        if partition.moved_since(seen_high_watermark) {
            self.waiter.credit(ENOUGH);
        }
    }

    /// Returns when the missing bytes are there, or a partition is gone; the caller reads again. It may also return
    /// early, when an append fell between the read and the registration. Cancel-safe.
    pub async fn woken(&self) {
        while !self.waiter.woken.load(Ordering::Acquire) {
            self.waiter.wake.notified().await;
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        for (partition, place) in self.places.drain(..) {
            partition.purgatory().leave(place);
        }
    }
}

#[derive(Debug)]
struct Waiter {
    missing_bytes: AtomicI64,
    woken: AtomicBool,
    wake: Notify,
}

impl Waiter {
    fn credit(&self, bytes: i64) {
        if self.woken.load(Ordering::Acquire) {
            return;
        }
        let missing = self.missing_bytes.fetch_sub(bytes, Ordering::AcqRel);
        // Only the credit that crosses zero wakes.
        if missing > 0 && missing <= bytes {
            self.woken.store(true, Ordering::Release);
            self.wake.notify_one();
        }
    }
}

/// The waits of one partition.
#[derive(Debug, Default)]
pub(super) struct Purgatory {
    /// How many slots are taken; what an append looks at.
    waiting: AtomicUsize,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    waiters: Vec<Option<Arc<Waiter>>>,
    free: Vec<usize>,
}

impl Purgatory {
    /// Credits `bytes` to every wait. Without one, this is a single load.
    pub(super) fn credit(&self, bytes: i64) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for waiter in slots.waiters.iter().flatten() {
            waiter.credit(bytes);
        }
    }

    fn enter(&self, waiter: &Arc<Waiter>) -> usize {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let place = slots.free.pop().unwrap_or_else(|| {
            slots.waiters.push(None);
            slots.waiters.len() - 1
        });
        slots.waiters[place] = Some(waiter.clone());
        self.waiting.fetch_add(1, Ordering::SeqCst);
        place
    }

    fn leave(&self, place: usize) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.waiters[place] = None;
        slots.free.push(place);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        if slots.free.len() == slots.waiters.len() {
            *slots = Slots::default();
        }
    }

    /// How many waits are registered.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::time::timeout;

    use super::*;

    /// A partition without a log: watermarks and waits need none.
    fn partition() -> Arc<Partition> {
        Arc::new(Partition::opening("t".into(), 0, "t-0".into()))
    }

    fn is_woken(wait: &Wait) -> bool {
        wait.waiter.woken.load(Ordering::Acquire)
    }

    #[test]
    fn bytes_of_several_partitions_add_up_to_one_wake_up() {
        let [a, b] = [partition(), partition()];
        let mut wait = Wait::new(100);
        wait.register(&a, 0);
        wait.register(&b, 0);
        a.advance_high_watermark(1, 60);
        assert!(!is_woken(&wait));
        b.advance_high_watermark(1, 40);
        assert!(is_woken(&wait));
    }

    #[test]
    fn appends_that_publish_in_another_order_than_they_were_made_add_up_too() {
        let partition = partition();
        let mut wait = Wait::new(100);
        wait.register(&partition, 0);
        partition.advance_high_watermark(2, 60);
        partition.advance_high_watermark(1, 40);
        assert_eq!((partition.high_watermark(), is_woken(&wait)), (2, true));
    }

    #[test]
    fn an_append_between_the_read_and_the_registration_wakes() {
        let partition = partition();
        partition.advance_high_watermark(1, 10);
        let mut wait = Wait::new(100);
        wait.register(&partition, 0);
        assert!(is_woken(&wait));
    }

    #[test]
    fn a_deleted_partition_and_a_moved_watermark_wake() {
        let [deleted, moved] = [partition(), partition()];
        for (partition, change) in
            [(&deleted, Partition::delete as fn(&Partition)), (&moved, |p| p.set_high_watermark(5))]
        {
            let mut wait = Wait::new(1 << 30);
            wait.register(partition, 0);
            assert!(!is_woken(&wait));
            change(partition);
            assert!(is_woken(&wait));
        }
        let mut late = Wait::new(1);
        late.register(&deleted, 0);
        assert!(is_woken(&late), "a wait that begins after the deletion does not wait");
    }

    #[test]
    fn a_dropped_wait_leaves_every_purgatory() {
        let [a, b] = [partition(), partition()];
        let waits: Vec<Wait> = (0..3)
            .map(|_| {
                let mut wait = Wait::new(1);
                wait.register(&a, 0);
                wait.register(&b, 0);
                wait
            })
            .collect();
        assert_eq!((a.purgatory().waiting(), b.purgatory().waiting()), (3, 3));
        drop(waits);
        assert_eq!((a.purgatory().waiting(), b.purgatory().waiting()), (0, 0));
    }

    /// Appenders race with fetches that read, register and wait. If a wake-up were lost, a fetch would wait for an
    /// append that never comes.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_wake_up_is_lost() {
        const APPENDS: i64 = 20_000;
        let partitions: Vec<_> = (0..3).map(|_| partition()).collect();
        let fetch = |partitions: Vec<Arc<Partition>>| async move {
            let mut read = vec![0; partitions.len()];
            while read.iter().any(|offset| *offset < APPENDS) {
                let seen: Vec<i64> = partitions.iter().map(|partition| partition.high_watermark()).collect();
                if seen == read {
                    let mut wait = Wait::new(1);
                    for (partition, seen) in partitions.iter().zip(&seen) {
                        wait.register(partition, *seen);
                    }
                    wait.woken().await;
                } else {
                    read = seen;
                }
            }
        };
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            tasks.spawn(fetch(partitions.clone()));
        }
        for partition in partitions {
            tasks.spawn(async move {
                for offset in 1..=APPENDS {
                    partition.advance_high_watermark(offset, 1);
                    if offset % 64 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
        timeout(Duration::from_secs(60), tasks.join_all()).await.expect("a fetch waits for ever");
    }

    proptest! {
        #[test]
        fn a_wait_is_woken_by_the_append_that_covers_what_is_missing(
            missing in 1..1000_usize,
            appends in prop::collection::vec(1..300_usize, 1..20),
        ) {
            let partition = partition();
            let mut wait = Wait::new(missing);
            wait.register(&partition, 0);
            let mut sum = 0;
            for (offset, bytes) in (1..).zip(appends) {
                partition.advance_high_watermark(offset, bytes);
                sum += bytes;
                prop_assert_eq!(is_woken(&wait), sum >= missing);
            }
        }
    }
}

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

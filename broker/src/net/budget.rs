//! The budget of bytes in flight that all connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::Metrics;

/// Counts bytes of frames in memory over all connections.
#[derive(Debug)]
pub(super) struct Budget {
    free_bytes: Semaphore,
    /// One permit: who has it may go over the budget until its frame is done.
    overdraft: Arc<Semaphore>,
    waiting: AtomicUsize,
    metrics: Arc<Metrics>,
}

impl Budget {
    pub(super) fn new(bytes: usize, metrics: Arc<Metrics>) -> Arc<Budget> {
        Arc::new(Budget {
            free_bytes: Semaphore::new(bytes.min(Semaphore::MAX_PERMITS)),
            overdraft: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            metrics,
        })
    }

    /// Whether somebody waits for bytes now.
    pub(super) fn is_contended(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

/// What one connection has taken from the [`Budget`]; given back when dropped.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<Budget>,
    /// Bytes in memory.
    bytes: usize,
    /// How many of them were taken from the budget; the rest is overdrawn.
    covered: usize,
    overdraft: Option<OwnedSemaphorePermit>,
}

impl Charge {
    pub(super) fn new(budget: Arc<Budget>) -> Charge {
        Charge { budget, bytes: 0, covered: 0, overdraft: None }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Takes bytes until it has `target` of them, if that needs no waiting. Says whether it has.
    pub(super) fn try_grow_to(&mut self, target: usize) -> bool {
        let missing = target.saturating_sub(self.bytes);
        let is_covered = self.overdraft.is_some() || self.try_cover(missing);
        if is_covered {
            self.add(missing);
        }
        is_covered
    }

    /// Takes bytes until it has `target` of them, waiting for others to give some back or for its turn to overdraw.
    /// Cancel safe: what was not taken is not counted.
    pub(super) async fn grow_to(&mut self, target: usize) {
        if self.try_grow_to(target) {
            return;
        }
        let missing = target.saturating_sub(self.bytes);
        let budget = Arc::clone(&self.budget);
        let _waiting = Waiting::new(&budget.waiting);
        // Neither semaphore is ever closed.
        tokio::select! {
            biased;
            taken = budget.free_bytes.acquire_many(permits(missing)) => {
                if let Ok(taken) = taken {
                    taken.forget();
                    self.covered += missing;
                }
            }
            overdraft = Arc::clone(&budget.overdraft).acquire_owned() => self.overdraft = overdraft.ok(),
        }
        self.add(missing);
    }

    /// Gives everything back.
    pub(super) fn clear(&mut self) {
        self.budget.free_bytes.add_permits(self.covered);
        self.budget.metrics.bytes_in_flight.subtract(self.bytes as u64);
        self.bytes = 0;
        self.covered = 0;
        self.overdraft = None;
    }

    fn try_cover(&mut self, missing: usize) -> bool {
        let taken = self.budget.free_bytes.try_acquire_many(permits(missing)).map(|taken| taken.forget()).is_ok();
        self.covered += if taken { missing } else { 0 };
        taken
    }

    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.budget.metrics.bytes_in_flight.add(bytes as u64);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A frame is at most `i32::MAX` bytes long, so that a step always fits.
fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn charges(budget_bytes: usize) -> (Arc<Metrics>, [Charge; 3]) {
        let metrics = Arc::new(Metrics::default());
        let budget = Budget::new(budget_bytes, Arc::clone(&metrics));
        (metrics, std::array::from_fn(|_| Charge::new(Arc::clone(&budget))))
    }

    #[tokio::test]
    async fn two_that_hold_the_whole_budget_and_want_more_both_finish() {
        let (metrics, [mut a, mut b, _]) = charges(100);
        a.grow_to(50).await;
        b.grow_to(50).await;
        a.grow_to(80).await; // overdraws
        assert_eq!(metrics.bytes_in_flight.value(), 130);
        {
            let mut waits = pin!(b.grow_to(90));
            assert!(poll_once(waits.as_mut()).await.is_pending());
            assert!(a.budget().is_contended());
            drop(a);
            waits.await;
        }
        assert_eq!(metrics.bytes_in_flight.value(), 90);
        assert!(!b.budget().is_contended());
        drop(b);
        assert_eq!(metrics.bytes_in_flight.value(), 0);
    }

    #[tokio::test]
    async fn only_one_at_a_time_overdraws() {
        let (_, [mut a, mut b, mut c]) = charges(10);
        a.grow_to(1_000).await;
        assert!(b.try_grow_to(10));
        assert!(!c.try_grow_to(1));
        {
            let mut waits = pin!(c.grow_to(1));
            assert!(poll_once(waits.as_mut()).await.is_pending());
        }
        assert_eq!(c.bytes(), 0);
        a.clear();
        c.grow_to(1).await;
        assert_eq!(c.bytes(), 1);
    }

    async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
        std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context))).await
    }
}

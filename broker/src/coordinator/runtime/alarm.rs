//! One sleeper for every deadline.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// Sleeps until the earliest deadline, and is woken when an earlier one is set.
///
/// A deadline is published first (in its shard) and announced second ([`Alarm::wake_by`]); the sleeper says first that
/// it may be missing some (`sleeping_until_ms = MAX`) and looks at the shards second. Whichever comes first, one of the
/// two sees the other.
#[derive(Debug)]
pub struct Alarm {
    sleeping_until_ms: AtomicI64,
    bell: Notify,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self { sleeping_until_ms: AtomicI64::new(i64::MAX), bell: Notify::new() }
    }

    /// Wakes the sleeper if it would sleep past `at_ms`.
    pub(super) fn wake_by(&self, at_ms: i64) {
        if at_ms < self.sleeping_until_ms.load(Ordering::SeqCst) {
            self.bell.notify_one();
        }
    }

    /// Wakes the sleeper.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Sleeps until the time that `earliest_ms` finds, at most `longest`, or the bell.
    pub(super) async fn sleep(&self, now_ms: i64, longest: Duration, earliest_ms: impl FnOnce() -> i64) {
        self.sleeping_until_ms.store(i64::MAX, Ordering::SeqCst);
        let until_ms = earliest_ms();
        self.sleeping_until_ms.store(until_ms, Ordering::SeqCst);
        let left_ms = u64::try_from(until_ms.saturating_sub(now_ms)).unwrap_or(0);
        // At least one millisecond: deadlines are kept to that, and a clock that stands still must not spin.
        let pause = Duration::from_millis(left_ms.max(1)).min(longest);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.bell.notified() => {}
        }
    }
}

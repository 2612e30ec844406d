//! Time as the broker reads it: wall-clock milliseconds for records, monotonic milliseconds for time-outs.
//!
//! Rooms take a [`Clock`] instead of asking the system, so that a test decides what time it is.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What monotonic time is counted from.
static FIRST_ASKED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The system's clock, or one that a test moves by hand. Cloning shares the clock.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// `CLOCK_REALTIME`.
    #[default]
    System,
    /// Milliseconds since the epoch, moved by [`Clock::advance_ms`].
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still at `now_ms` until it is advanced.
    pub fn manual(now_ms: i64) -> Self {
        Clock::Manual(Arc::new(AtomicI64::new(now_ms)))
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        match self {
            Clock::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            Clock::Manual(now_ms) => now_ms.load(Ordering::Acquire),
        }
    }

    /// Milliseconds that never go back, whatever happens to the wall clock; counted from some moment of this process. A
    /// manual clock has one time for both.
    pub fn monotonic_ms(&self) -> i64 {
        match self {
            Clock::System => i64::try_from(FIRST_ASKED.elapsed().as_millis()).unwrap_or(i64::MAX),
            Clock::Manual(now_ms) => now_ms.load(Ordering::Acquire),
        }
    }

    /// Moves a manual clock forward; the system's clock cannot be moved and ignores this.
    pub fn advance_ms(&self, by_ms: i64) {
        if let Clock::Manual(now_ms) = self {
            now_ms.fetch_add(by_ms, Ordering::AcqRel);
        }
    }
}

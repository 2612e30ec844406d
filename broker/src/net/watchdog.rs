//! A deadline that is moved often and reached seldom.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// One timer a connection. Moving the deadline out only notes it: the timer is set anew when it fires early, not once a
/// request.
#[derive(Debug)]
pub(super) struct Watchdog {
    timer: Pin<Box<Sleep>>,
    deadline: Instant,
}

impl Watchdog {
    pub(super) fn new(after: Duration) -> Watchdog {
        let deadline = Instant::now() + after;
        Watchdog { timer: Box::pin(tokio::time::sleep_until(deadline)), deadline }
    }

    /// Moves the deadline to `after` from now.
    pub(super) fn arm(&mut self, after: Duration) {
        self.deadline = Instant::now() + after;
        if self.deadline < self.timer.deadline() {
            self.timer.as_mut().reset(self.deadline);
        }
    }

    /// Ready once the deadline is past. Cancel safe.
    pub(super) async fn expired(&mut self) {
        loop {
            self.timer.as_mut().await;
            if Instant::now() >= self.deadline {
                return;
            }
            self.timer.as_mut().reset(self.deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_that_is_moved_out_does_not_fire_early() {
        let mut watchdog = Watchdog::new(Duration::from_millis(1));
        let start = Instant::now();
        watchdog.arm(Duration::from_millis(30));
        watchdog.expired().await;
        assert!(start.elapsed() >= Duration::from_millis(30));
    }

    #[tokio::test]
    async fn a_deadline_that_is_moved_in_fires_early() {
        let mut watchdog = Watchdog::new(Duration::from_secs(3600));
        watchdog.arm(Duration::from_millis(1));
        watchdog.expired().await;
    }
}

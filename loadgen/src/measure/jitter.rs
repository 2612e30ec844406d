//! How late the machine wakes a thread that has nothing else to do.
//!
//! The watch sleeps to absolute times a hundred times a second, with the producer workers' timer slack. What it oversleeps
//! nobody in this program caused: it is the kernel's timer, a busy run queue, or a hypervisor that took the CPU away.

use crate::clock::{now_ns, set_timer_slack_ns, sleep_until};
use crate::measure::Latency;

/// Between two wakings: at a few microseconds each, some 0.05 % of a CPU.
const TURN_NS: u64 = 10_000_000;

/// Watches from `start_ns` until `end_ns`, which may come nearer, has passed; returns how late each waking was.
pub fn watch(start_ns: u64, timer_slack_ns: u64, end_ns: impl Fn() -> u64) -> Latency {
    if let Err(error) = set_timer_slack_ns(timer_slack_ns) {
        tracing::debug!("timer slack stays as it is: {error}");
    }
    let mut oversleep = Latency::new();
    let mut wake_ns = now_ns();
    while wake_ns < end_ns() {
        wake_ns += TURN_NS;
        sleep_until(wake_ns);
        let now = now_ns();
        if wake_ns >= start_ns {
            oversleep.record(wake_ns, now);
        }
        // One long gap is one sample, and not a hundred.
        wake_ns = wake_ns.max(now.saturating_sub(TURN_NS));
    }
    oversleep
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_turn_of_the_window_is_a_sample_and_none_before_it() {
        let start = now_ns();
        let oversleep = watch(start + 5 * TURN_NS, 1_000, || start + 10 * TURN_NS);
        assert!((1..=6).contains(&oversleep.count()), "{}", oversleep.count());
    }
}

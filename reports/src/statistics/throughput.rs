//! What went through while the window was open: one definition for every rendering, verdict and assertion.
//!
//! It counts the messages due in the window that were finished before it closed; or the messages finished while it was open,
//! the warm-up's too, where those are more. For in flight as the window opens is about what is in flight as it closes, and a
//! cluster that keeps up shall not be blamed for its latency. It never counts more than fell due: a backlog of the warm-up
//! that is worked off in the window makes no throughput above the rate asked for.

use super::per_second;
use crate::schema::{GroupTotals, RunResult, Totals};

/// Messages that were acknowledged while the window was open.
pub fn acked_while_open(totals: &Totals) -> u64 {
    while_open(totals, totals.acked_in_window, totals.acked_during_window)
}

/// Messages that a group read while the window was open.
pub fn consumed_while_open(totals: &Totals, group: &GroupTotals) -> u64 {
    while_open(totals, group.consumed_in_window, group.consumed_during_window)
}

fn while_open(totals: &Totals, in_window: u64, during_window: u64) -> u64 {
    in_window.max(during_window.min(totals.due))
}

/// Messages acknowledged a second; `None` of no window.
pub fn throughput(run: &RunResult) -> Option<f64> {
    per_second(acked_while_open(&run.totals), run.times.measured_ms)
}

/// Bytes of the same messages a second, keys and values before compression, at the mean size of all acknowledged ones;
/// `None` where nothing was.
pub fn volume(run: &RunResult) -> Option<f64> {
    let totals = &run.totals;
    (totals.acked > 0).then_some(())?;
    Some(throughput(run)? * totals.acked_bytes as f64 / totals.acked as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Times;

    fn run(acked_in_window: u64, acked_during_window: u64) -> RunResult {
        let totals = Totals {
            due: 1_000,
            acked: 900,
            acked_bytes: 90_000,
            acked_in_window,
            acked_during_window,
            ..Totals::default()
        };
        RunResult { totals, times: Times { measured_ms: 1_000, ..Times::default() }, ..RunResult::default() }
    }

    #[test]
    fn messages_and_bytes_a_second_are_of_the_same_messages() {
        assert_eq!((throughput(&run(500, 600)), volume(&run(500, 600))), (Some(600.0), Some(60_000.0)));
        assert_eq!((throughput(&RunResult::default()), volume(&RunResult::default())), (None, None));
    }

    #[test]
    fn a_backlog_of_the_warm_up_makes_no_throughput_above_the_rate() {
        assert_eq!(throughput(&run(900, 1_243)), Some(1_000.0));
        assert_eq!(throughput(&run(900, 0)), Some(900.0), "a file of schema 1.0 knows no more");
    }
}

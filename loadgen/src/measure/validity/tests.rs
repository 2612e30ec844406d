//! Each rule fires on what it is for, and on nothing that looks like it.

use hdrhistogram::Histogram;
use reports::schema::{GroupSecond, ThreadsUse, Totals};

use super::*;

const MS: u64 = 1_000_000;
const RATE: u64 = 10_000;

/// A distribution of so many milliseconds at the median, and at the 99th percentile and beyond.
fn latency(p50_ms: u64, p99_ms: u64) -> Latency {
    let mut histogram = Histogram::<u64>::new(3).expect("3 digits are valid");
    histogram.record_n(p50_ms * MS, 980).expect("resizable");
    histogram.record_n(p99_ms * MS, 20).expect("resizable");
    Latency::from_histogram(&histogram, 0, None, 0)
}

/// Twelve seconds in which the target answers in 5 ms, and now and then in 20.
fn sound() -> RunResult {
    let mut run = RunResult::default();
    run.plan.rate_per_second = RATE as f64;
    run.plan.producers = 1;
    run.times.measured_ms = 12_000;
    run.verdict.complete = true;
    run.latencies.intended_to_ack = latency(5, 20);
    run.latencies.schedule_lag = latency(0, 1);
    run.totals = Totals { due: 12 * RATE, acked: 12 * RATE, acked_during_window: 12 * RATE, ..Totals::default() };
    let group = GroupSecond { consumed: RATE, lag: 30 };
    run.series = (0..12)
        .map(|second| Second { second, due: RATE, acked: RATE, groups: vec![group.clone()], ..Second::default() })
        .collect();
    run
}

/// The rules that fire after a change to the sound run.
fn rules(change: impl FnOnce(&mut RunResult)) -> Vec<String> {
    let mut run = sound();
    change(&mut run);
    let validity = judge(&run);
    assert_eq!(validity.valid, validity.reasons.is_empty());
    validity.reasons.into_iter().map(|reason| reason.rule).collect()
}

fn threads(role: &str, wait_us: u64, turns: u64) -> ThreadsUse {
    let share = wait_us as f64 / 12e6;
    ThreadsUse {
        role: role.into(),
        wait_us: Some(wait_us),
        turns: Some(turns),
        max_wait_share: Some(share),
        ..Default::default()
    }
}

#[test]
fn a_sound_run_is_valid() {
    assert_eq!(rules(|_| ()), [""; 0]);
}

#[test]
fn a_generator_that_falls_behind_is_told_from_a_slow_target() {
    let late = |lag_ms, ack_ms| {
        rules(|run| {
            run.latencies.schedule_lag = latency(0, lag_ms);
            run.latencies.intended_to_ack = latency(5, ack_ms);
        })
    };
    assert_eq!(late(800, 806), ["late"], "it fell behind, and the cluster answered at once");
    assert_eq!(late(13, 20), ["late"], "p99 would read 20 ms where the cluster took 7");
    assert_eq!(late(13, 40), [""; 0], "the target was slower than the generator");
    assert_eq!(late(9, 10), [""; 0], "the machine's noise");
    let with_full_queue = rules(|run| {
        run.latencies.schedule_lag = latency(0, 2_000);
        run.latencies.intended_to_ack = latency(5, 2_100);
        run.generator.queue_full_ns = 4_000 * MS;
    });
    assert_eq!(with_full_queue, [""; 0], "the client had no room: the cluster did not keep up");
}

#[test]
fn threads_without_a_cpu_are_starved_where_the_latency_is_that_wait() {
    let starved = |threads| rules(|run| run.generator.threads = vec![threads]);
    assert_eq!(starved(threads("librdkafka", 6_000_000, 3_000)), ["starved"], "2 ms each way of a median of 5");
    assert_eq!(starved(threads("librdkafka", 6_000_000, 60_000)), [""; 0], "0.1 ms each way");
    assert_eq!(starved(threads("librdkafka", 600_000, 300)), [""; 0], "2 ms, but seldom");
    assert_eq!(starved(threads("rest", 6_000_000, 3_000)), [""; 0], "carries no messages");
    let unknown = ThreadsUse { role: "librdkafka".into(), ..ThreadsUse::default() };
    assert_eq!(starved(unknown), [""; 0], "the kernel does not say");
}

#[test]
fn a_small_queue_is_the_limit_where_it_was_full_most_of_the_time() {
    let queue = |messages: &str, full_ms| {
        rules(|run| {
            run.plan.properties.insert("queue.buffering.max.messages".into(), messages.into());
            run.generator.queue_full_ns = full_ms * MS;
        })
    };
    assert_eq!(queue("100", 11_000), ["queue"]);
    assert_eq!(queue("100", 500), [""; 0], "a stall of the target fills it too");
    assert_eq!(queue("100000", 11_000), [""; 0], "ten seconds of load: the target is slow");
    assert_eq!(rules(|run| run.generator.queue_full_ns = 11_000 * MS), [""; 0], "the default queue");
}

#[test]
fn a_rate_above_the_limit_counts_only_where_the_run_fell_behind() {
    let limit = |limit, acked| {
        rules(|run| {
            run.generator.limit_messages_per_second = Some(limit);
            run.totals.acked_during_window = acked;
        })
    };
    assert_eq!(limit(8_000.0, 96_000), ["limit"]);
    assert_eq!(limit(8_000.0, 12 * RATE), [""; 0], "it was measured too low");
    assert_eq!(limit(80_000.0, 96_000), [""; 0], "the target's doing");
}

#[test]
fn a_backlog_that_grows_all_through_is_unstable_and_a_stall_is_not() {
    let acked_by_second = |acked: fn(u64) -> u64| {
        rules(|run| run.series.iter_mut().for_each(|second| second.acked = acked(u64::from(second.second))))
    };
    assert_eq!(acked_by_second(|_| RATE - 300), ["backlog"], "3 % short each second");
    assert_eq!(acked_by_second(|_| RATE - 10), [""; 0], "4 ms of load from third to third");
    assert_eq!(
        acked_by_second(|second| [RATE, RATE / 2, RATE * 3 / 2][second.saturating_sub(5).min(3) as usize % 3]),
        [""; 0],
        "a stall"
    );
    assert_eq!(acked_by_second(|second| if second == 11 { 0 } else { RATE }), [""; 0], "a stall at the end");
    let group = rules(|run| {
        run.series.iter_mut().for_each(|second| second.groups[0].lag = u64::from(second.second) * 900);
    });
    assert_eq!(group, ["backlog"]);
    let short = rules(|run| {
        run.times.measured_ms = 5_900;
        run.series.truncate(6);
        run.series.iter_mut().for_each(|second| second.acked = RATE / 2);
    });
    assert_eq!(short, [""; 0], "too short to tell");
}

#[test]
fn a_throughput_without_a_level_is_unstable() {
    let wander = |acked: fn(u32) -> u64| {
        rules(|run| run.series.iter_mut().for_each(|second| second.acked = acked(second.second)))
    };
    assert_eq!(wander(|second| [RATE / 2, RATE, RATE * 3 / 2][second as usize % 3]), ["wandering"]);
    assert_eq!(
        wander(|second| if second % 6 == 5 { RATE * 2 } else { RATE * 4 / 5 }),
        [""; 0],
        "two of twelve seconds"
    );
    assert_eq!(wander(|second| RATE + u64::from(second % 2) * RATE / 8), [""; 0], "an eighth");
    let few = rules(|run| run.series.iter_mut().for_each(|second| second.acked = 3 + 6 * u64::from(second.second % 2)));
    assert!(!few.contains(&"wandering".to_owned()), "chance");
}

#[test]
fn jitter_counts_where_it_is_most_of_the_tail() {
    let jitter = |ms: u64| rules(|run| run.generator.clock_jitter_p99_ns = Some(ms * MS));
    assert_eq!(jitter(15), ["jitter"]);
    assert_eq!(jitter(9), [""; 0], "9 of 20 ms");
}

#[test]
fn a_run_that_ended_early_or_did_not_drain_is_cut_short_and_instability_is_no_news_of_a_limited_generator() {
    assert_eq!(rules(|run| run.ending = Ending::Interrupted), ["ended"]);
    assert_eq!(rules(|run| run.ending = Ending::Failed { error: "gone".into() }), ["ended"]);
    assert_eq!(rules(|run| run.times.measured_ms = 0), ["ended"]);
    assert_eq!(rules(|run| run.verdict.complete = false), ["drain"]);
    let limited = rules(|run| {
        run.latencies.schedule_lag = latency(400, 900);
        run.latencies.intended_to_ack = latency(410, 910);
        run.series.iter_mut().for_each(|second| second.acked = RATE / 2);
        run.ending = Ending::Interrupted;
    });
    assert_eq!(limited, ["late", "ended"]);
}

#[test]
fn what_an_error_of_the_target_did_is_not_put_down_to_the_generator() {
    let failed = |complete: bool, measured_ms: u64| {
        rules(|run| {
            run.latencies.schedule_lag = latency(400, 900);
            run.series.iter_mut().for_each(|second| second.acked = RATE / 2);
            run.plan.duration_ms = Some(run.times.measured_ms);
            run.times.measured_ms = run.times.measured_ms.min(measured_ms);
            run.verdict.complete = complete;
            run.ending = Ending::Failed { error: "the cluster has not answered since …".into() };
        })
    };
    assert_eq!(failed(false, u64::MAX), ["drain"], "the window is whole");
    assert_eq!(failed(false, 1_000), ["ended"]);
    assert_eq!(failed(true, u64::MAX), ["ended"], "the error ended something");
}

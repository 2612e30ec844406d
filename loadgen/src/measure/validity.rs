//! Whether a run's figures may be used: VALID, or INVALID with the reasons.
//!
//! Judged by what stands in the result and nothing else, so that every reader of a result file can judge again. A rule
//! fires only where its sentence would convince somebody who knows nothing else of the run; where the facts for a rule are
//! missing (no scheduler statistics, no calibration, too few seconds) it stays silent. Thresholds are relations between
//! figures of one run, so that they hold on any machine; the few absolute ones are noise floors.
//!
//! **GENERATOR-LIMITED**: the generator was the bottleneck, so that the figures are its own.
//! - `late`: at the 99th percentile, more than half of the latency intended→ack had passed before the message left, more
//!   than [`NOISE_NS`] at that, and the client's queue was not full for [`QUEUE_NOTICED`] of the window. A generator that
//!   cannot keep up falls ever further behind, and its lag becomes all of the latency; a target that takes the CPU from a
//!   generator on the same machine is slow itself, and the lag stays the smaller part.
//! - `starved`: the median message's two ways through the generator's threads (out and back) waited half of the median
//!   latency intended→ack, or longer, for a CPU, and some thread waited [`STARVED_SHARE`] of the window. This sees what
//!   lateness does not: messages that left in time into a library whose threads got no CPU.
//! - `queue`: `-X` made the client's queue hold less than [`QUEUE_OF_LOAD_S`] of the load, and it was full for
//!   [`QUEUE_BOUND`] of the window: a closed loop by configuration, whose throughput is the queue's size by the latency
//!   (Little's law). A target that stalls for a moment fills a small queue too; that is no reason.
//! - `limit`: the rate asked for is above what this generator reached with the same plan into a null sink, *and* the run
//!   fell behind. A limit that is passed without falling behind was measured too low, and proves nothing.
//!
//! **UNSTABLE**: there was no steady state, so that the figures depend on how long was measured. Not judged where the
//! generator was the limit (it is the cause), nor in windows of fewer than [`SECONDS_NEEDED`] whole seconds.
//! - `backlog`: what was due and not acknowledged (or acknowledged and not read by a group), as seconds of load, grew from the
//!   first third of the window to the second, and from there to the last, by more than [`GROWTH_S`] and a fifth of the
//!   median latency each. By medians over each third, so that a stall and its recovery are no growth.
//! - `wandering`: in a third of the seconds (three at least), the acknowledged messages were more than a quarter off their
//!   median, and more than chance makes of so few.
//! - `jitter`: the machine woke a thread that only sleeps so late, at the 99th percentile, that it is more than half of
//!   intended→ack's (and more than [`NOISE_NS`]): the tail is the machine's, or its hypervisor's.
//!
//! Neither of the two is judged where an error ended the run: the cause is known then.
//!
//! **CUT SHORT**: the window or the verification is not what was asked for.
//! - `ended`: by Ctrl-C, by the target's end or another error, or during the warm-up.
//! - `drain`: the groups had not read to the end when `--drain-timeout` was over, so that not every message is judged.

use reports::figures::{count, duration_ms, duration_ns, number};
use reports::schema::{Ending, Invalidity, Latency, RunResult, Second, Validity};
use reports::statistics::Distribution;

/// A lag, or a jitter, up to this at the 99th percentile is the machine's ordinary noise.
pub const NOISE_NS: u64 = 10_000_000;
/// Share of the window for which the client's queue may be full before the lag is the cluster's doing.
pub const QUEUE_NOTICED: f64 = 0.01;
/// Share of the window for which one thread waits for a CPU before it counts as starved.
pub const STARVED_SHARE: f64 = 0.25;
/// Seconds of load below which a queue limit of the user's closes the loop.
pub const QUEUE_OF_LOAD_S: f64 = 1.0;
/// Share of the window for which such a queue is full before it is the limit.
pub const QUEUE_BOUND: f64 = 0.5;
/// Whole seconds that the rules on stability need.
pub const SECONDS_NEEDED: usize = 6;
/// Seconds of load by which a backlog grows from third to third.
pub const GROWTH_S: f64 = 0.05;

/// The kind of reason that is the target's own doing.
pub const UNSTABLE: &str = "UNSTABLE";

/// Judges by every rule, the gravest reasons first.
pub fn judge(run: &RunResult) -> Validity {
    let mut reasons: Vec<Invalidity> = [ended(run), undrained(run)].into_iter().flatten().collect();
    if matches!(run.ending, Ending::Failed { .. }) {
        // Neither the generator's pace nor a steady state means anything where the target went away.
        return Validity { valid: reasons.is_empty(), reasons };
    }
    let limited: Vec<Invalidity> =
        [late(run), starved(run), small_queue(run), over_limit(run)].into_iter().flatten().collect();
    if limited.is_empty() {
        reasons.extend([backlog(run), wandering(run), jitter(run)].into_iter().flatten());
    }
    // What is due to the generator itself is said first.
    reasons.splice(0..0, limited);
    Validity { valid: reasons.is_empty(), reasons }
}

fn generator_limited(rule: &str, sentence: String) -> Option<Invalidity> {
    Some(Invalidity { kind: "GENERATOR-LIMITED".to_owned(), rule: rule.to_owned(), sentence })
}

fn unstable(rule: &str, sentence: String) -> Option<Invalidity> {
    Some(Invalidity { kind: UNSTABLE.to_owned(), rule: rule.to_owned(), sentence })
}

fn cut_short(rule: &str, sentence: String) -> Option<Invalidity> {
    Some(Invalidity { kind: "CUT SHORT".to_owned(), rule: rule.to_owned(), sentence })
}

fn late(run: &RunResult) -> Option<Invalidity> {
    let (lag_ns, ack_ns) =
        (quantile(&run.latencies.schedule_lag, 0.99), quantile(&run.latencies.intended_to_ack, 0.99));
    if lag_ns <= NOISE_NS.max(ack_ns / 2) || queue_full_share(run) >= QUEUE_NOTICED {
        return None;
    }
    generator_limited(
        "late",
        format!(
            "one message in a hundred left more than {} late, which is most of the {} to its acknowledgement; lower --rate, \
             add --producers where cores are free, or leave the machine to the run",
            duration_ns(lag_ns),
            duration_ns(ack_ns)
        ),
    )
}

fn starved(run: &RunResult) -> Option<Invalidity> {
    let carrying = run.generator.threads.iter().filter(|threads| threads.role != "rest");
    let worst = carrying
        .filter(|threads| threads.max_wait_share.is_some_and(|share| share >= STARVED_SHARE))
        .filter_map(|threads| {
            Some((threads, threads.wait_us?.saturating_mul(1_000) / threads.turns.filter(|n| *n > 0)?))
        })
        .max_by_key(|(_, turn_ns)| *turn_ns)?;
    let ((threads, turn_ns), median_ns) = (worst, quantile(&run.latencies.intended_to_ack, 0.5));
    let out_and_back_ns = turn_ns.saturating_mul(2);
    if median_ns == 0 || out_and_back_ns < median_ns / 2 {
        return None;
    }
    generator_limited(
        "starved",
        format!(
            "its threads ({}) waited {} for a CPU each time they had work, and one of them for {} % of the window: out and back, \
             that is half of the median {} to an acknowledgement, or more; leave the machine to the run, or lower --rate",
            threads.role,
            duration_ns(turn_ns),
            number(threads.max_wait_share.unwrap_or(0.0) * 100.0),
            duration_ns(median_ns)
        ),
    )
}

fn small_queue(run: &RunResult) -> Option<Invalidity> {
    let full = queue_full_share(run);
    let held_s = own_queue_limit(run)? * f64::from(run.plan.producers.max(1)) / run.plan.rate_per_second;
    if full < QUEUE_BOUND || held_s >= QUEUE_OF_LOAD_S {
        return None;
    }
    generator_limited(
        "queue",
        format!(
            "-X limits the client's queue to {} of the load, and it was full for {} % of the window: the messages waited in \
             the generator; raise queue.buffering.max.messages (or .kbytes)",
            duration_ns((held_s * 1e9) as u64),
            number(full * 100.0)
        ),
    )
}

fn over_limit(run: &RunResult) -> Option<Invalidity> {
    let (limit, rate) = (run.generator.limit_messages_per_second?, run.plan.rate_per_second);
    if rate <= limit || !fell_behind(run) {
        return None;
    }
    generator_limited(
        "limit",
        format!(
            "{} messages/s were asked for, and with this plan this generator reaches {} where the target does nothing; \
             lower --rate, or add --producers where cores are free",
            number(rate),
            number(limit)
        ),
    )
}

/// Whether not everything left in time, or came back in it.
fn fell_behind(run: &RunResult) -> bool {
    quantile(&run.latencies.schedule_lag, 0.99) > NOISE_NS
        || queue_full_share(run) >= QUEUE_NOTICED
        || u128::from(run.totals.acked_during_window) * 100 < u128::from(run.totals.due) * 99
}

fn backlog(run: &RunResult) -> Option<Invalidity> {
    let seconds = whole_seconds(run)?;
    let least_s = GROWTH_S.max(quantile(&run.latencies.intended_to_ack, 0.5) as f64 / 5e9);
    let mut unacked: i64 = 0;
    let unacked = seconds.iter().map(|second| {
        unacked += second.due as i64 - second.acked as i64;
        unacked as f64
    });
    let unread = |group: usize| {
        let lag = seconds.iter().map(move |second| second.groups.get(group).map_or(0, |group| group.lag) as f64);
        ("a group's messages to read", lag.collect::<Vec<f64>>())
    };
    let groups = seconds.first().map_or(0, |second| second.groups.len());
    let backlogs = std::iter::once(("messages to acknowledge", unacked.collect())).chain((0..groups).map(unread));
    let growing = backlogs.into_iter().find_map(|(of, backlog)| {
        let thirds = thirds(&backlog)?.map(|messages| messages / run.plan.rate_per_second);
        thirds.windows(2).all(|pair| pair[1] - pair[0] > least_s).then_some((of, thirds))
    })?;
    let (of, [first, _, last]) = growing;
    unstable(
        "backlog",
        format!(
            "the backlog of {of} grew all through the window, by {} of load from its first third to its last: the target \
             does not hold this rate, and every latency depends on how long was measured; lower --rate",
            duration_ns(((last - first) * 1e9) as u64)
        ),
    )
}

fn wandering(run: &RunResult) -> Option<Invalidity> {
    let seconds = whole_seconds(run)?;
    let acked: Vec<f64> = seconds.iter().map(|second| second.acked as f64).collect();
    let median = median(&acked)?;
    // Five standard deviations of a Poisson process of that many.
    let apart = (median / 4.0).max(5.0 * median.sqrt());
    let off = acked.iter().filter(|acked| (*acked - median).abs() > apart).count();
    if off < 3 || off * 3 < acked.len() {
        return None;
    }
    let extreme = |wanted: fn(f64, f64) -> f64| acked.iter().copied().reduce(wanted).unwrap_or(0.0);
    unstable(
        "wandering",
        format!(
            "in {} of {} seconds the acknowledged messages were more than a quarter off their median of {}/s (from {} to {}): \
             no figure stands for the whole window; look at the target, or measure longer",
            off,
            acked.len(),
            number(median),
            number(extreme(f64::min)),
            number(extreme(f64::max))
        ),
    )
}

fn jitter(run: &RunResult) -> Option<Invalidity> {
    let (p99_ns, ack_ns) = (run.generator.clock_jitter_p99_ns?, quantile(&run.latencies.intended_to_ack, 0.99));
    if p99_ns <= NOISE_NS.max(ack_ns / 2) {
        return None;
    }
    unstable(
        "jitter",
        format!(
            "the machine woke a thread that only sleeps more than {} late one time in a hundred, which is most of the {} to an \
             acknowledgement: the tail is the machine's, or its hypervisor's; leave the machine to the run",
            duration_ns(p99_ns),
            duration_ns(ack_ns)
        ),
    )
}

fn ended(run: &RunResult) -> Option<Invalidity> {
    let measured = duration_ms(run.times.measured_ms);
    let cause = match &run.ending {
        Ending::Completed if run.times.measured_ms > 0 => return None,
        Ending::Completed => "the run ended before it measured anything".to_owned(),
        Ending::Interrupted if run.times.measured_ms == 0 => {
            "it was ended during its warm-up: nothing was measured".to_owned()
        }
        Ending::Interrupted => format!("the run was ended early; the figures cover {measured}"),
        // It went on by its schedule, and what is missing is the end.
        Ending::Failed { .. } if is_window_whole(run) && !run.verdict.complete => return None,
        Ending::Failed { .. } => format!("an error ended the run; the figures cover {measured} up to there"),
    };
    cut_short("ended", cause)
}

/// Whether it lasted as long as was asked for.
fn is_window_whole(run: &RunResult) -> bool {
    let as_long = run.plan.duration_ms.is_some_and(|asked_ms| run.times.measured_ms >= asked_ms);
    as_long || run.plan.messages.is_some_and(|asked| run.totals.due >= asked)
}

fn undrained(run: &RunResult) -> Option<Invalidity> {
    if run.verdict.complete || matches!(run.ending, Ending::Failed { .. }) && !is_window_whole(run) {
        return None;
    }
    cut_short(
        "drain",
        format!(
            "the groups had not read to the end after {}, when --drain-timeout was over, so that not every message is judged \
             ({} were)",
            duration_ms(run.times.drain_ms),
            count(run.verdict.checked)
        ),
    )
}

/// A quantile's value, or its lower bound; 0 where nothing was recorded.
fn quantile(latency: &Latency, q: f64) -> u64 {
    Distribution::of(latency).quantile(q).map_or(0, |quantile| quantile.ns)
}

/// Share of the window for which the client's queue was full, over all workers.
fn queue_full_share(run: &RunResult) -> f64 {
    let window_ns = run.times.measured_ms as f64 * 1e6 * f64::from(run.plan.producers.max(1));
    if window_ns > 0.0 { run.generator.queue_full_ns as f64 / window_ns } else { 0.0 }
}

/// Messages that one producer's queue holds by the user's own limit, if there is one.
fn own_queue_limit(run: &RunResult) -> Option<f64> {
    let limit = |name: &str| run.plan.properties.get(name)?.parse::<f64>().ok();
    let size_bytes = run.totals.acked_bytes as f64 / run.totals.acked.max(1) as f64;
    let by_size = limit("queue.buffering.max.kbytes").map(|kib| kib * 1024.0 / size_bytes.max(1.0));
    limit("queue.buffering.max.messages").into_iter().chain(by_size).reduce(f64::min)
}

/// The seconds that the window covers whole, if there are enough.
fn whole_seconds(run: &RunResult) -> Option<&[Second]> {
    let whole = run.series.get(..(run.times.measured_ms / 1_000) as usize)?;
    (whole.len() >= SECONDS_NEEDED).then_some(whole)
}

/// The medians of the first, the middle and the last third.
fn thirds(values: &[f64]) -> Option<[f64; 3]> {
    let (third, two_thirds) = (values.len() / 3, values.len() - values.len() / 3);
    Some([median(&values[..third])?, median(&values[third..two_thirds])?, median(&values[two_thirds..])?])
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len().checked_sub(1)? / 2;
    Some((sorted[middle] + sorted[sorted.len() / 2]) / 2.0)
}

#[cfg(test)]
mod tests;

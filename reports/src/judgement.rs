//! What a run is worth, in words: the findings every rendering opens with, worst first.

use crate::figures::{count, counted, duration_ms, duration_ns, number, share};
use crate::merge::merged_in_words;
use crate::schema::{Anomaly, AnomalyExample, Ending, Latency, Plan, RunResult};
use crate::statistics::{acked_while_open, consumed_while_open};

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As promised.
    Good,
    /// Read it before using the figures.
    Caution,
    /// The run, or its figures, failed.
    Bad,
}

/// One thing to know before any figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How to take it.
    pub tone: Tone,
    /// A word or two, in capitals.
    pub word: &'static str,
    /// One sentence.
    pub sentence: String,
}

/// A rate counts as held when, for a thousand messages due in the window, this many went through while it was open.
const HELD_PER_MILLE: u64 = 999;

/// The findings of a run, worst first; never empty.
pub fn findings(run: &RunResult) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |tone, word, sentence| findings.push(Finding { tone, word, sentence });
    if let Ending::Failed { error } = &run.ending {
        found(Tone::Bad, "FAILED", error.clone());
    }
    if let Some(sentence) = failing_anomalies(run) {
        found(Tone::Bad, "ANOMALIES", sentence);
    }
    let reasons = reasons_against(run);
    let invalid = !reasons.is_empty();
    for reason in reasons {
        found(Tone::Bad, "INVALID", reason);
    }
    for missed in run.assertions.iter().filter(|assertion| assertion.held != Some(true)) {
        let measured = missed.measured.as_deref().unwrap_or("nothing");
        let word = if missed.held.is_none() { "UNDECIDED" } else { "ASSERTION MISSED" };
        found(Tone::Bad, word, format!("{} was asked for, {measured} was measured.", missed.expression));
    }
    if !run.verdict.complete && !matches!(run.ending, Ending::Failed { .. }) {
        let sentence =
            format!("The checker saw {} and could not see them all.", counted(run.verdict.checked, "message"));
        found(Tone::Caution, "NOT ALL VERIFIED", sentence);
    }
    if run.totals.acked < run.totals.due {
        let (left, due) = (run.totals.due - run.totals.acked, counted(run.totals.due, "due message"));
        let word = if awaits_acks(&run.plan) { "NOT ALL ACKNOWLEDGED" } else { "NOT ALL SENT" };
        found(Tone::Bad, word, format!("{} of {due} never {}.", count(left), if left == 1 { "was" } else { "were" }));
    }
    // Of an invalid run, the reason says so.
    if let Some(sentence) = rate_not_held(run).filter(|_| !invalid) {
        found(Tone::Caution, "RATE NOT HELD", sentence);
    }
    if findings.is_empty() {
        findings.push(Finding { tone: Tone::Good, word: "CLEAN", sentence: clean(run) });
    } else if is_verified_clean(run) && !invalid {
        findings.push(Finding { tone: Tone::Good, word: "VERIFIED", sentence: clean(run) });
    }
    if !invalid {
        findings.push(Finding { tone: Tone::Good, word: "VALID", sentence: valid(run) });
    }
    if let Some(words) = merged_in_words(run) {
        let p99 = |pick: fn(u64, u64) -> u64| run.merged.iter().filter_map(|merged| merged.ack_p99_ns).reduce(pick);
        let apart = match (p99(u64::min), p99(u64::max)) {
            (Some(least), Some(most)) => {
                format!(
                    "; taken alone, their p99 to the acknowledgement is {} to {}",
                    duration_ns(least),
                    duration_ns(most)
                )
            }
            _ => String::new(),
        };
        let sentence = format!("{words}: counts are added and histograms merged{apart}.");
        findings.push(Finding { tone: Tone::Good, word: "MERGED", sentence });
    }
    findings
}

/// Whether the figures must not be used.
pub fn is_invalid(run: &RunResult) -> bool {
    !reasons_against(run).is_empty()
}

/// Why the figures must not be used: `KIND: sentence`.
pub(crate) fn reasons_against(run: &RunResult) -> Vec<String> {
    let judged = run.validity.reasons.iter().map(|reason| format!("{}: {}", reason.kind, reason.sentence));
    let mut reasons: Vec<String> = judged.collect();
    if reasons.is_empty() {
        // A file of schema 1.0 knows no more; and no run that ended early is valid, whoever wrote it.
        reasons.clone_from(&run.verdict.invalid);
        if run.ending == Ending::Interrupted {
            let measured = duration_ms(run.times.measured_ms);
            reasons.push(format!("CUT SHORT: the run was ended early; the figures cover {measured}"));
        }
        if reasons.is_empty() && !run.validity.valid {
            reasons.push("the result gives no reason".to_owned());
        }
    }
    reasons
}

/// What a valid run's generator had to spare.
fn valid(run: &RunResult) -> String {
    let health = &run.generator;
    match (health.limit_messages_per_second, health.headroom) {
        (Some(limit), Some(times)) if times < 1.0 => {
            format!("The generator kept up, beyond the limit once measured for it ({}/s).", number(limit))
        }
        (Some(limit), Some(times)) => {
            format!("The generator kept up and can send {}× this rate ({}/s).", number(times), number(limit))
        }
        _ => "The generator kept up; its own limit was not measured (--calibrate).".to_owned(),
    }
}

/// Whether what was due while the window was open went through while it was.
pub fn is_rate_held(run: &RunResult) -> bool {
    rate_not_held(run).is_none()
}

/// Whether an acknowledgement says that the broker has a message; with acks 0 it says that the client wrote it to a socket.
pub(crate) fn awaits_acks(plan: &Plan) -> bool {
    plan.acks != "0"
}

/// What a message counts as, once its client has done with it.
pub(crate) fn acknowledged(plan: &Plan) -> &'static str {
    if awaits_acks(plan) { "acknowledged" } else { "sent" }
}

/// `partition 3, offsets 120–124, group audit`: where an anomaly's example lies.
pub fn place(example: &AnomalyExample) -> String {
    let mut place = format!("partition {}", example.partition);
    match (example.first_offset, example.last_offset) {
        (Some(first), Some(last)) if last > first => place += &format!(", offsets {first}–{last}"),
        (Some(offset), _) | (None, Some(offset)) => place += &format!(", offset {offset}"),
        (None, None) => place += ", no offset",
    }
    if let Some(group) = &example.group {
        place += &format!(", group {group}");
    }
    place
}

fn failing_anomalies(run: &RunResult) -> Option<String> {
    let failing: Vec<&Anomaly> = run.verdict.anomalies.iter().filter(|anomaly| anomaly.failing).collect();
    if failing.is_empty() {
        return (run.verdict.complete && !run.verdict.clean)
            .then(|| "The checker found the run not clean, and named no anomaly.".to_owned());
    }
    let named: Vec<String> =
        failing.iter().map(|anomaly| format!("{} {}", count(anomaly.count), anomaly.name)).collect();
    Some(format!("{} of {}.", named.join(", "), counted(run.verdict.checked, "checked message")))
}

fn is_verified_clean(run: &RunResult) -> bool {
    let failed = matches!(run.ending, Ending::Failed { .. });
    run.verdict.complete && !failed && failing_anomalies(run).is_none()
}

fn rate_not_held(run: &RunResult) -> Option<String> {
    let totals = &run.totals;
    let due = totals.due;
    let acked = acked_while_open(totals);
    let consumed = totals.groups.iter().map(|group| consumed_while_open(totals, group)).min();
    let latencies = &run.latencies;
    let slowest = latencies.intended_to_consumed.iter().map(|group| in_flight(run, &group.latency)).max();
    let held = |through: u64, in_flight: u64| {
        u128::from(through.saturating_add(in_flight)) * 1000 >= u128::from(due) * u128::from(HELD_PER_MILLE)
    };
    // Where nothing is acknowledged, what is in flight is known from what was read.
    let unacked =
        if awaits_acks(&run.plan) { in_flight(run, &latencies.intended_to_ack) } else { slowest.unwrap_or(0) };
    let acked_held = held(acked, unacked);
    if acked_held && consumed.is_none_or(|consumed| held(consumed, slowest.unwrap_or(0))) {
        return None;
    }
    let consumed = consumed.map_or(String::new(), |consumed| format!(" and {} consumed", share(consumed, due)));
    Some(format!(
        "While the window was open, {} of what was due in it was {}{consumed}: lower --rate to find what is held.",
        share(acked, due),
        acknowledged(&run.plan)
    ))
}

/// Messages in flight at any moment of a run that holds its rate, by Little's law: the rate times the mean latency.
/// Where a backlog grows, the mean is half of what the last messages wait, and excuses half of it at most.
fn in_flight(run: &RunResult, latency: &Latency) -> u64 {
    let Some(histogram) = latency.decode().ok().flatten() else { return 0 };
    let window_ns = run.times.measured_ms as f64 * 1e6;
    if window_ns > 0.0 { (run.totals.due as f64 / window_ns * histogram.mean()).ceil() as u64 } else { 0 }
}

fn clean(run: &RunResult) -> String {
    let totals = &run.totals;
    let groups = totals.groups.len() as u64;
    if totals.due == 0 {
        return "No message was due, and nothing went wrong.".to_owned();
    }
    let all_read = groups > 0 && totals.groups.iter().all(|group| group.consumed >= totals.acked);
    if totals.acked == totals.due && all_read && run.verdict.anomalies.is_empty() {
        let readers = if groups == 1 { "the group".to_owned() } else { format!("each of {groups} groups") };
        let all = match totals.due {
            1 => "The one message was".to_owned(),
            due => format!("All {} were", counted(due, "message")),
        };
        return format!(
            "{all} {} and read by {readers}: none lost, duplicated, reordered or corrupt.",
            acknowledged(&run.plan)
        );
    }
    format!(
        "{} of {} {}, {} failed, {} of unknown fate, {} never sent; nothing the settings promise was broken.",
        count(totals.acked),
        counted(totals.due, "due message"),
        acknowledged(&run.plan),
        count(totals.failed),
        count(totals.unknown),
        count(totals.unsent)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Assertion, GroupTotals, Invalidity, Totals, Validity, Verdict};

    fn clean_run() -> RunResult {
        let group = GroupTotals { consumed: 1000, consumed_in_window: 1000, ..GroupTotals::default() };
        RunResult {
            totals: Totals { due: 1000, acked: 1000, acked_in_window: 1000, groups: vec![group], ..Totals::default() },
            verdict: Verdict { complete: true, clean: true, checked: 1000, ..Verdict::default() },
            ..RunResult::default()
        }
    }

    fn words(run: &RunResult) -> Vec<&'static str> {
        findings(run).iter().map(|finding| finding.word).collect()
    }

    #[test]
    fn a_clean_run_is_clean_and_nothing_else() {
        assert_eq!(words(&clean_run()), ["CLEAN", "VALID"]);
    }

    #[test]
    fn a_run_without_acknowledgements_claims_none() {
        let mut run = clean_run();
        run.plan.acks = "0".into();
        let sentence = findings(&run).remove(0).sentence;
        assert!(sentence.starts_with("All 1,000 messages were sent and read by the group"), "{sentence}");
        run.totals.due = 1;
        (run.totals.acked, run.totals.acked_in_window) = (1, 1);
        assert!(findings(&run)[0].sentence.starts_with("The one message was sent"));
    }

    #[test]
    fn a_rate_is_held_with_one_message_of_a_thousand_late_but_not_with_two() {
        let mut run = clean_run();
        run.totals.acked_in_window = 999;
        assert_eq!(words(&run), ["CLEAN", "VALID"]);
        run.totals.groups[0].consumed_in_window = 998;
        assert_eq!(words(&run), ["RATE NOT HELD", "VERIFIED", "VALID"]);
    }

    #[test]
    fn what_is_in_flight_as_the_window_closes_is_made_up_for_by_what_was_as_it_opened() {
        let mut run = clean_run();
        run.totals.groups[0].consumed_in_window = 980;
        run.totals.groups[0].consumed_during_window = 1_001;
        assert_eq!(words(&run), ["CLEAN", "VALID"]);
        run.totals.groups[0].consumed_during_window = 990;
        assert_eq!(words(&run), ["RATE NOT HELD", "VERIFIED", "VALID"]);
    }

    #[test]
    fn messages_that_failed_are_named_though_no_promise_was_broken() {
        let mut run = clean_run();
        (run.totals.acked, run.totals.failed) = (999, 1);
        assert_eq!(words(&run), ["NOT ALL ACKNOWLEDGED", "VERIFIED", "VALID"]);
    }

    #[test]
    fn a_short_run_without_warm_up_is_not_blamed_for_its_latency_but_for_a_growing_backlog() {
        let mut run = clean_run();
        run.times.measured_ms = 1_000;
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).expect("3 digits are valid");
        histogram.record_n(5_000_000, 1_000).expect("resizable");
        run.latencies.intended_to_ack = Latency::from_histogram(&histogram, 0, None, 0);
        (run.totals.acked_in_window, run.totals.acked_during_window) = (995, 995);
        assert_eq!(words(&run), ["CLEAN", "VALID"]);
        (run.totals.acked_in_window, run.totals.acked_during_window) = (990, 990);
        assert_eq!(words(&run), ["RATE NOT HELD", "VERIFIED", "VALID"]);
    }

    #[test]
    fn the_worst_finding_comes_first_and_an_invalid_run_is_never_called_verified() {
        let mut run = clean_run();
        run.assertions.push(Assertion { expression: "p99<1ms".into(), measured: None, held: Some(false) });
        assert_eq!(words(&run), ["ASSERTION MISSED", "VERIFIED", "VALID"]);
        run.validity.reasons.push(Invalidity { kind: "GENERATOR-LIMITED".into(), ..Invalidity::default() });
        assert_eq!(words(&run), ["INVALID", "ASSERTION MISSED"]);
        run.verdict.anomalies.push(Anomaly {
            name: "lost-write".into(),
            count: 1,
            failing: true,
            ..Anomaly::default()
        });
        assert_eq!(words(&run)[..2], ["ANOMALIES", "INVALID"]);
    }

    #[test]
    fn no_run_is_valid_that_an_older_file_calls_invalid_or_that_ended_early_or_that_gives_no_reason() {
        let with = |change: &dyn Fn(&mut RunResult)| {
            let mut run = clean_run();
            change(&mut run);
            (is_invalid(&run), words(&run)[0])
        };
        assert_eq!(with(&|_| ()), (false, "CLEAN"));
        assert_eq!(with(&|run| run.verdict.invalid.push("GENERATOR-LIMITED".into())), (true, "INVALID"));
        assert_eq!(with(&|run| run.ending = Ending::Interrupted), (true, "INVALID"));
        assert_eq!(with(&|run| run.validity = Validity { valid: false, reasons: vec![] }), (true, "INVALID"));
    }

    #[test]
    fn anomalies_that_are_only_counted_leave_a_run_clean_but_are_not_denied() {
        let mut run = clean_run();
        run.verdict.anomalies.push(Anomaly {
            name: "duplicate".into(),
            count: 3,
            failing: false,
            ..Anomaly::default()
        });
        let findings = findings(&run);
        assert_eq!(findings[0].word, "CLEAN");
        assert!(!findings[0].sentence.contains("none"), "{}", findings[0].sentence);
    }
}

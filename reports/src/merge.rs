//! Several runs of one plan as one result, and what keeps two runs from being that.
//!
//! Counts are added, histograms are merged, and never is a percentile made from percentiles. The windows stand one after
//! the other, in the order given: the series goes on counting where the run before ended, and a rate is that of all
//! windows together. Maxima are the largest, and one run that is not clean, not complete or not valid makes the whole so.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::comparison::{Setting, settings};
use crate::figures::{bytes, duration_ms};
use crate::judgement::reasons_against;
use crate::schema::{
    Anomaly, Batching, Ending, GeneratorHealth, GroupTotals, Invalidity, Latencies, Latency, MergedRun,
    PartitionTotals, ProcessUse, RunResult, SCHEMA_MAJOR, SCHEMA_MINOR, Second, ThreadsUse, Times, Totals, Validity,
};

/// Examples of an anomaly that are kept.
const EXAMPLES_KEPT: usize = 10;

/// A result and what to call it.
#[derive(Debug, Clone)]
pub struct Named {
    /// Short, and no other's.
    pub name: String,
    /// Its file, as named by the user.
    pub file: String,
    /// The result.
    pub run: RunResult,
}

/// Why runs cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Of nothing comes nothing.
    #[error("there is no run to merge")]
    Nothing,
    /// They are not runs of one plan on one machine against one broker.
    #[error(
        "{first} and {second} are no runs of one plan: {} differs ({} and {}){}; leave --merge out to see them side by side",
        differences[0].0, differences[0].1, differences[0].2,
        match differences.len() { 1 => String::new(), n => format!(", and {} more", n - 1) }
    )]
    Different {
        /// A file.
        first: String,
        /// Another.
        second: String,
        /// What differs, and its two values; at least one.
        differences: Vec<(String, String, String)>,
    },
    /// Two histograms that cannot be added.
    #[error("{file} holds a histogram that cannot be read: {reason}")]
    Histogram {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What differs between two runs and could move a figure: plan, target, broker, client, generator, machine.
pub fn differences(a: &RunResult, b: &RunResult) -> Vec<Setting> {
    let mut all = settings(a, b);
    let mut also = |name: &str, of: fn(&RunResult) -> String| {
        let value = |run| Some(of(run)).filter(|value: &String| !value.is_empty());
        all.push(Setting { name: name.to_owned(), a: value(a), b: value(b) });
    };
    also("target", |run| run.plan.target.clone());
    also("topic", |run| if run.plan.topic_created { "a new one".to_owned() } else { run.plan.topic.clone() });
    also("CPU", |run| {
        let machine = &run.manifest.machine;
        format!("{}, {} cores, {}", machine.cpu_model, machine.cores, machine.architecture)
    });
    also("memory", |run| bytes(run.manifest.machine.memory_bytes));
    also("kernel", |run| run.manifest.machine.kernel.clone());
    all.retain(Setting::differs);
    all
}

/// The runs as one result.
///
/// # Errors
/// [`MergeError`]: they are not of one plan, or a histogram cannot be read.
pub fn merge(runs: &[Named]) -> Result<RunResult, MergeError> {
    let Some((first, rest)) = runs.split_first() else { return Err(MergeError::Nothing) };
    for other in rest {
        let differences = differences(&first.run, &other.run);
        if !differences.is_empty() {
            let value = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
            let differences =
                differences.into_iter().map(|setting| (setting.name, value(setting.a), value(setting.b))).collect();
            return Err(MergeError::Different { first: first.file.clone(), second: other.file.clone(), differences });
        }
    }
    if rest.is_empty() {
        return Ok(first.run.clone());
    }
    let mut merged = RunResult {
        schema_version: format!("{SCHEMA_MAJOR}.{SCHEMA_MINOR}"),
        times: times(runs),
        totals: totals(runs),
        latencies: latencies(runs)?,
        series: series(runs),
        partitions: partitions(runs),
        generator: generator(runs)?,
        batching: batching(runs),
        ending: ending(runs),
        merged: runs.iter().flat_map(sources).collect(),
        ..first.run.clone()
    };
    merged.resources.broker = process(runs, |run| run.resources.broker.as_ref());
    merged.resources.generator = process(runs, |run| run.resources.generator.as_ref());
    judge(&mut merged, runs);
    Ok(merged)
}

fn sum(runs: &[Named], of: impl Fn(&RunResult) -> u64) -> u64 {
    runs.iter().map(|named| of(&named.run)).fold(0, u64::saturating_add)
}

/// A mean, each run's weight given by `weight`; none where one of them has no such figure.
fn mean(runs: &[Named], weight: impl Fn(&RunResult) -> f64, of: impl Fn(&RunResult) -> Option<f64>) -> Option<f64> {
    let parts: Option<Vec<(f64, f64)>> = runs.iter().map(|named| Some((weight(&named.run), of(&named.run)?))).collect();
    let parts = parts?;
    let all: f64 = parts.iter().map(|(weight, _)| weight).sum();
    (all > 0.0).then(|| parts.iter().map(|(weight, figure)| weight * figure).sum::<f64>() / all)
}

/// What a run was made of: itself, or what was merged into it before.
fn sources(named: &Named) -> Vec<MergedRun> {
    let run = &named.run;
    if !run.merged.is_empty() {
        return run.merged.clone();
    }
    vec![MergedRun {
        file: named.file.clone(),
        started_unix_ms: run.times.started_unix_ms,
        seed: run.plan.seed,
        measured_ms: run.times.measured_ms,
        due: run.totals.due,
        acked: run.totals.acked,
        ack_p99_ns: run.latencies.intended_to_ack.p99_ns,
    }]
}

fn times(runs: &[Named]) -> Times {
    Times {
        started_unix_ms: runs.iter().map(|named| named.run.times.started_unix_ms).min().unwrap_or(0),
        warmup_ms: sum(runs, |run| run.times.warmup_ms),
        measured_ms: sum(runs, |run| run.times.measured_ms),
        drain_ms: sum(runs, |run| run.times.drain_ms),
        total_ms: sum(runs, |run| run.times.total_ms),
    }
}

fn totals(runs: &[Named]) -> Totals {
    let group = |i: usize, first: &GroupTotals| {
        let of = |figure: fn(&GroupTotals) -> u64| sum(runs, |run| run.totals.groups.get(i).map_or(0, figure));
        GroupTotals {
            consumed: of(|group| group.consumed),
            consumed_in_window: of(|group| group.consumed_in_window),
            consumed_during_window: of(|group| group.consumed_during_window),
            consumed_bytes: of(|group| group.consumed_bytes),
            redelivered: of(|group| group.redelivered),
            foreign: of(|group| group.foreign),
            ..first.clone()
        }
    };
    let groups = runs.first().map_or(&[][..], |first| &first.run.totals.groups);
    Totals {
        due: sum(runs, |run| run.totals.due),
        submitted: sum(runs, |run| run.totals.submitted),
        acked: sum(runs, |run| run.totals.acked),
        acked_in_window: sum(runs, |run| run.totals.acked_in_window),
        acked_during_window: sum(runs, |run| run.totals.acked_during_window),
        failed: sum(runs, |run| run.totals.failed),
        unknown: sum(runs, |run| run.totals.unknown),
        unsent: sum(runs, |run| run.totals.unsent),
        acked_bytes: sum(runs, |run| run.totals.acked_bytes),
        warmup_messages: sum(runs, |run| run.totals.warmup_messages),
        groups: groups.iter().enumerate().map(|(i, first)| group(i, first)).collect(),
    }
}

fn latencies(runs: &[Named]) -> Result<Latencies, MergeError> {
    let groups = runs.first().map_or(&[][..], |first| &first.run.latencies.intended_to_consumed);
    let mut merged = Latencies {
        intended_to_ack: latency(runs, |run| Some(&run.latencies.intended_to_ack))?,
        actual_to_ack: latency(runs, |run| Some(&run.latencies.actual_to_ack))?,
        intended_to_consumed: groups.to_vec(),
        schedule_lag: latency(runs, |run| Some(&run.latencies.schedule_lag))?,
    };
    for (i, group) in merged.intended_to_consumed.iter_mut().enumerate() {
        group.latency = latency(runs, |run| run.latencies.intended_to_consumed.get(i).map(|group| &group.latency))?;
    }
    Ok(merged)
}

fn latency(runs: &[Named], of: impl Fn(&RunResult) -> Option<&Latency>) -> Result<Latency, MergeError> {
    let mut all: Option<Histogram<u64>> = None;
    let (mut censored, mut non_positive, mut censored_from_ns) = (0u64, 0u64, None::<u64>);
    for named in runs {
        let Some(latency) = of(&named.run) else { continue };
        let failed = |reason: String| MergeError::Histogram { file: named.file.clone(), reason };
        censored = censored.saturating_add(latency.censored);
        non_positive = non_positive.saturating_add(latency.non_positive);
        censored_from_ns = censored_from_ns.into_iter().chain(latency.censored_from_ns).min();
        let Some(histogram) = latency.decode().map_err(|error| failed(error.to_string()))? else { continue };
        match &mut all {
            None => all = Some(histogram),
            Some(all) => {
                all.auto(true);
                all.add(&histogram).map_err(|error| failed(format!("{error:?}")))?;
            }
        }
    }
    let none = Latency { censored, censored_from_ns, non_positive, ..Latency::default() };
    Ok(all.map_or(none, |all| Latency::from_histogram(&all, censored, censored_from_ns, non_positive)))
}

/// One window after the other.
fn series(runs: &[Named]) -> Vec<Second> {
    let mut series: Vec<Second> = Vec::new();
    for named in runs {
        let from = series.last().map_or(0, |last| last.second.saturating_add(1));
        let seconds = named.run.series.iter();
        series.extend(seconds.map(|second| Second { second: from.saturating_add(second.second), ..second.clone() }));
    }
    series
}

fn partitions(runs: &[Named]) -> Vec<PartitionTotals> {
    let mut by_number: BTreeMap<i32, PartitionTotals> = BTreeMap::new();
    for partition in runs.iter().flat_map(|named| &named.run.partitions) {
        let empty = || PartitionTotals {
            partition: partition.partition,
            expected_messages: partition.expected_messages.map(|_| 0),
            ..PartitionTotals::default()
        };
        let all = by_number.entry(partition.partition).or_insert_with(empty);
        all.messages = all.messages.saturating_add(partition.messages);
        all.expected_messages =
            all.expected_messages.zip(partition.expected_messages).map(|(all, more)| all.saturating_add(more));
        all.order_violations = all.order_violations.saturating_add(partition.order_violations);
    }
    by_number.into_values().collect()
}

fn process(runs: &[Named], of: impl Fn(&RunResult) -> Option<&ProcessUse>) -> Option<ProcessUse> {
    let used: Vec<&ProcessUse> = runs.iter().map(|named| of(&named.run)).collect::<Option<_>>()?;
    let all = |figure: fn(&ProcessUse) -> u64| used.iter().map(|used| figure(used)).fold(0, u64::saturating_add);
    let known = |figure: fn(&ProcessUse) -> Option<u64>| used.iter().map(|used| figure(used)).sum::<Option<u64>>();
    let messages = |run: &RunResult| run.totals.acked_during_window as f64;
    let cpu = mean(runs, messages, |run| of(run)?.cpu_us_per_million_messages.map(|us| us as f64));
    Some(ProcessUse {
        user_us: all(|used| used.user_us),
        system_us: all(|used| used.system_us),
        cpu_us_per_million_messages: cpu.map(|us| us.round() as u64),
        rss_max_bytes: used.iter().map(|used| used.rss_max_bytes).max().unwrap_or(0),
        read_bytes: known(|used| used.read_bytes),
        written_bytes: known(|used| used.written_bytes),
        voluntary_switches: known(|used| used.voluntary_switches),
        involuntary_switches: known(|used| used.involuntary_switches),
        ready_us: used.iter().map(|used| used.ready_us).max().flatten(),
    })
}

fn batching(runs: &[Named]) -> Batching {
    let messages = |run: &RunResult| run.totals.acked as f64;
    // A batch is worth a batch, and a run of small ones has more of them.
    let batches = |run: &RunResult| run.batching.messages_per_batch.map_or(0.0, |n| messages(run) / n.max(1.0));
    Batching {
        messages_per_batch: mean(runs, batches, |run| run.batching.messages_per_batch),
        bytes_per_batch: mean(runs, batches, |run| run.batching.bytes_per_batch),
        produce_requests_per_second: mean(
            runs,
            |run| run.times.measured_ms as f64,
            |run| run.batching.produce_requests_per_second,
        ),
    }
}

/// The gravest, with the run it was.
fn ending(runs: &[Named]) -> Ending {
    let failed = runs.iter().find_map(|named| match &named.run.ending {
        Ending::Failed { error } => Some(Ending::Failed { error: format!("{}: {error}", named.name) }),
        Ending::Completed | Ending::Interrupted => None,
    });
    let interrupted = runs.iter().any(|named| named.run.ending == Ending::Interrupted);
    failed.unwrap_or(if interrupted { Ending::Interrupted } else { Ending::Completed })
}

/// What was found in any of the runs was found in all of them together.
fn judge(merged: &mut RunResult, runs: &[Named]) {
    let verdict = &mut merged.verdict;
    verdict.complete = runs.iter().all(|named| named.run.verdict.complete);
    verdict.clean = runs.iter().all(|named| named.run.verdict.clean);
    verdict.checked = sum(runs, |run| run.verdict.checked);
    verdict.anomalies = Vec::new();
    verdict.invalid = Vec::new();
    merged.validity = Validity::default();
    for named in runs {
        for reason in reasons_against(&named.run) {
            let (kind, sentence) = reason.split_once(": ").unwrap_or(("INVALID", &reason));
            let rules =
                named.run.validity.reasons.iter().find(|known| known.kind == kind).map(|known| known.rule.clone());
            let (kind, sentence) = (kind.to_owned(), format!("{sentence} ({})", named.name));
            merged.validity.valid = false;
            merged.validity.reasons.push(Invalidity { kind, rule: rules.unwrap_or_default(), sentence });
        }
        for anomaly in &named.run.verdict.anomalies {
            let place = verdict.anomalies.iter().position(|known| known.name == anomaly.name);
            let place = place.unwrap_or_else(|| {
                verdict.anomalies.push(Anomaly { count: 0, examples: Vec::new(), ..anomaly.clone() });
                verdict.anomalies.len() - 1
            });
            let known = &mut verdict.anomalies[place];
            known.count = known.count.saturating_add(anomaly.count);
            known.failing |= anomaly.failing;
            let room = EXAMPLES_KEPT.saturating_sub(known.examples.len());
            known.examples.extend(anomaly.examples.iter().take(room).map(|example| {
                let mut example = example.clone();
                let comma = if example.detail.is_empty() { "" } else { ", " };
                example.detail = format!("{}{comma}{}", example.detail, named.name);
                example
            }));
        }
    }
    verdict.anomalies.sort_by_key(|anomaly| !anomaly.failing);
}

/// The worst of each, but for what the generator used in all.
fn generator(runs: &[Named]) -> Result<GeneratorHealth, MergeError> {
    let Some(first) = runs.first().map(|first| &first.run.generator) else { return Err(MergeError::Nothing) };
    let each = || runs.iter().map(|named| &named.run.generator);
    let worst = |of: fn(&GeneratorHealth) -> Option<u64>| each().map(of).max().flatten();
    let least = |of: fn(&GeneratorHealth) -> Option<f64>| each().filter_map(of).reduce(f64::min);
    let mut workers = first.workers.clone();
    for (i, worker) in workers.iter_mut().enumerate() {
        worker.schedule_lag = latency(runs, |run| run.generator.workers.get(i).map(|worker| &worker.schedule_lag))?;
        worker.queue_full_ns = sum(runs, |run| run.generator.workers.get(i).map_or(0, |worker| worker.queue_full_ns));
    }
    Ok(GeneratorHealth {
        max_schedule_lag_ns: each().map(|health| health.max_schedule_lag_ns).max().unwrap_or(0),
        queue_full_ns: sum(runs, |run| run.generator.queue_full_ns),
        queue_full_share: each().filter_map(|health| health.queue_full_share).reduce(f64::max),
        cpu_share: mean(runs, |run| run.times.measured_ms as f64, |run| run.generator.cpu_share),
        clock_jitter_ns: worst(|health| health.clock_jitter_ns),
        clock_jitter_p99_ns: worst(|health| health.clock_jitter_p99_ns),
        workers,
        threads: first.threads.iter().map(|of_role| threads(runs, of_role)).collect(),
        limit_messages_per_second: least(|health| health.limit_messages_per_second),
        headroom: least(|health| health.headroom),
        ..first.clone()
    })
}

/// The threads of one role in all runs: times and turns are added, shares are the largest.
fn threads(runs: &[Named], first: &ThreadsUse) -> ThreadsUse {
    let all = || runs.iter().flat_map(|named| &named.run.generator.threads).filter(|used| used.role == first.role);
    let known = |of: fn(&ThreadsUse) -> Option<u64>| all().map(of).sum::<Option<u64>>();
    ThreadsUse {
        threads: all().map(|used| used.threads).max().unwrap_or(0),
        run_us: all().map(|used| used.run_us).fold(0, u64::saturating_add),
        wait_us: known(|used| used.wait_us),
        turns: known(|used| used.turns),
        max_wait_share: all().filter_map(|used| used.max_wait_share).reduce(f64::max),
        max_run_share: all().map(|used| used.max_run_share).fold(0.0, f64::max),
        voluntary_switches: known(|used| used.voluntary_switches),
        involuntary_switches: known(|used| used.involuntary_switches),
        ..first.clone()
    }
}

/// `3 runs of one plan, 90 s in all`.
pub(crate) fn merged_in_words(run: &RunResult) -> Option<String> {
    let runs = run.merged.len();
    (runs > 1).then(|| format!("{runs} runs of one plan, {} in all", duration_ms(run.times.measured_ms)))
}

//! The facts of a run as the records of the result file.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use reports::schema;

use super::{Outcome, health, producer, wording};
use crate::clock::NANOS_PER_SECOND;
use crate::driver::{ClientError, ProducerStatistics};
use crate::measure::{Latency, Metric};
use crate::plan::Plan;
use crate::target::process::Usage;
use crate::verify::{Example, Finding, Treatment};
use crate::workload::PartitionerSpec;

/// The result of a run, but for what only the command knows (manifest, times of the process, assertions, exit).
pub fn record(plan: &Plan, outcome: &Outcome) -> schema::RunResult {
    let totals = totals(plan, outcome);
    let mut result = schema::RunResult {
        plan: plan.record(outcome.topic.partitions, outcome.topic.created),
        times: schema::Times {
            warmup_ms: outcome.warmup_ns / 1_000_000,
            measured_ms: outcome.measured_ns / 1_000_000,
            drain_ms: outcome.drain.as_millis() as u64,
            ..schema::Times::default()
        },
        latencies: latencies(plan, outcome, &totals),
        series: series(plan, outcome),
        partitions: partitions(plan, outcome),
        verdict: verdict(plan, outcome),
        generator: health::record(outcome),
        resources: resources(outcome, totals.acked_during_window),
        batching: batching(outcome),
        ending: match (&outcome.cut_off, outcome.silence) {
            (Some(reason), _) => schema::Ending::Failed { error: reason.to_string() },
            (None, Some(silence)) => schema::Ending::Failed { error: silence.to_string() },
            (None, None) if outcome.interrupted => schema::Ending::Interrupted,
            (None, None) => schema::Ending::Completed,
        },
        totals,
        ..schema::RunResult::default()
    };
    health::judge(&mut result);
    result
}

/// What the clients complained about, the most frequent first, each in one sentence with what to do.
pub(crate) fn complaints(outcome: &Outcome) -> Vec<String> {
    let mut by_code: BTreeMap<i32, (ClientError, u64)> = BTreeMap::new();
    let producers = outcome.producers.iter().map(|report| &report.errors);
    let consumers = outcome.consumers.iter().map(|report| &report.errors);
    for (code, (error, count)) in producers.chain(consumers).flatten() {
        by_code.entry(*code).or_insert_with(|| (error.clone(), 0)).1 += count;
    }
    let mut sorted: Vec<(ClientError, u64)> = by_code.into_values().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let sentence = |(error, count): (ClientError, u64)| match error.remedy() {
        Some(remedy) => format!("{count}× {error}: {remedy}"),
        None => format!("{count}× {error}"),
    };
    sorted.into_iter().map(sentence).collect()
}

/// Takes out what acks=0 makes meaningless: there, the client calls a message delivered once it is written to a socket.
/// For the last moment, since the verdict on the generator reads it.
pub(crate) fn forget_latencies_of_no_acks(result: &mut schema::RunResult) {
    result.latencies.intended_to_ack = schema::Latency::default();
    result.latencies.actual_to_ack = schema::Latency::default();
    result.series.iter_mut().for_each(|second| second.ack = schema::LatencySlice::default());
}

fn totals(plan: &Plan, outcome: &Outcome) -> schema::Totals {
    let sum = |of: fn(&producer::ProducerReport) -> u64| outcome.producers.iter().map(of).sum::<u64>();
    let (acked, failed) = (sum(|report| report.measured.acked), sum(|report| report.measured.failed));
    let (unknown, unsent) = (sum(|report| report.measured.unknown), sum(|report| report.measured.unsent));
    schema::Totals {
        due: acked + failed + unknown + unsent,
        submitted: sum(|report| report.submitted),
        acked,
        acked_in_window: sum(|report| report.acked_in_window),
        acked_during_window: sum(|report| report.acked_during_window),
        failed,
        unknown,
        unsent,
        acked_bytes: sum(|report| report.acked_bytes),
        warmup_messages: sum(|report| report.warmup_messages),
        groups: (0..plan.groups).map(|group| group_totals(plan, outcome, group)).collect(),
    }
}

fn group_totals(plan: &Plan, outcome: &Outcome, group: u16) -> schema::GroupTotals {
    let members = || outcome.consumers.iter().filter(|report| report.group == group);
    // The verdict's tally knows what the members' own cannot: what was redelivered.
    let tally = outcome.verdict.groups.get(usize::from(group)).copied().unwrap_or_default();
    schema::GroupTotals {
        name: plan.group_name(group),
        group_id: plan.group_id(group),
        members: u32::from(plan.consumers),
        consumed: members().map(|report| report.consumed).sum(),
        consumed_in_window: members().map(|report| report.consumed_in_window).sum(),
        consumed_during_window: members().map(|report| report.consumed_during_window).sum(),
        consumed_bytes: members().map(|report| report.consumed_bytes).sum(),
        redelivered: tally.redelivered,
        foreign: tally.foreign,
    }
}

fn latencies(plan: &Plan, outcome: &Outcome, totals: &schema::Totals) -> schema::Latencies {
    let of = |metric| {
        let found = outcome.measurements.latencies.iter().find(|(found, _)| *found == metric);
        found.map(|(_, latency)| latency_record(latency)).unwrap_or_default()
    };
    let groups = (0..plan.groups).zip(&outcome.measurements.consumed_by_group);
    schema::Latencies {
        intended_to_ack: of(Metric::IntendedToAck),
        actual_to_ack: of(Metric::ActualToAck),
        intended_to_consumed: groups
            .map(|(group, latency)| schema::GroupLatency {
                group: plan.group_name(group),
                latency: with_unread(latency_record(latency), outcome, totals),
            })
            .collect(),
        schedule_lag: of(Metric::IntendedToSent),
    }
}

/// What was never sent, or acknowledged and never read, is later than all that was read, for it never comes.
fn with_unread(latency: schema::Latency, outcome: &Outcome, totals: &schema::Totals) -> schema::Latency {
    let censored = (totals.acked + totals.unsent).saturating_sub(latency.count);
    let latest_ns = latency.max_ns.unwrap_or(0).max(outcome.drain.as_nanos() as u64);
    let censored_from_ns = (censored > 0).then_some(latest_ns);
    schema::Latency { censored, censored_from_ns, ..latency }
}

pub(super) fn latency_record(latency: &Latency) -> schema::Latency {
    schema::Latency::from_histogram(
        latency.histogram(),
        latency.censored(),
        latency.censored_from_ns(),
        latency.non_positive(),
    )
}

fn series(plan: &Plan, outcome: &Outcome) -> Vec<schema::Second> {
    let warmup_seconds = plan.schedule.warmup_ns.div_ceil(NANOS_PER_SECOND);
    let measured_seconds = outcome.measured_ns.div_ceil(NANOS_PER_SECOND);
    let due_in_second = |second: u64| {
        let by_worker = outcome.producers.iter().filter_map(|report| report.due_by_second.get(second as usize));
        by_worker.sum()
    };
    let mut acked = 0;
    let mut consumed = vec![0; usize::from(plan.groups)];
    let mut series = Vec::new();
    for second in &outcome.measurements.seconds {
        acked += second.counters.acked;
        let groups = consumed
            .iter_mut()
            .zip(&second.consumed_by_group)
            .map(|(total, now)| {
                *total += now;
                schema::GroupSecond { consumed: *now, lag: u64::saturating_sub(acked, *total) }
            })
            .collect();
        let Some(index) = second.second.checked_sub(warmup_seconds).filter(|index| *index < measured_seconds) else {
            continue;
        };
        let slice = |metric| {
            let encoded = second.latencies.iter().find(|(found, _)| *found == metric);
            encoded.map(|(_, bytes)| slice_of(bytes)).unwrap_or_default()
        };
        let (before, after) = (outcome.samples.get(index as usize), outcome.samples.get(index as usize + 1));
        let cpu =
            |of: fn(&super::Sample) -> Option<Usage>| Some(of(after?)?.cpu_us().saturating_sub(of(before?)?.cpu_us()));
        series.push(schema::Second {
            second: index as u32,
            due: due_in_second(index),
            sent: second.counters.sent,
            acked: second.counters.acked,
            acked_bytes: second.counters.acked_bytes,
            groups,
            ack: slice(Metric::IntendedToAck),
            consumed: slice(Metric::IntendedToConsumed),
            broker_cpu_us: cpu(|sample| sample.broker),
            broker_rss_bytes: after.and_then(|sample| Some(sample.broker?.rss_bytes)),
            generator_cpu_us: cpu(|sample| sample.generator),
        });
    }
    series
}

fn slice_of(encoded: &[u8]) -> schema::LatencySlice {
    let decoded: Option<Histogram<u64>> = Deserializer::new().deserialize(&mut { encoded }).ok();
    decoded.map(|histogram| schema::LatencySlice::from_histogram(&histogram)).unwrap_or_default()
}

fn partitions(plan: &Plan, outcome: &Outcome) -> Vec<schema::PartitionTotals> {
    let acked = |partition: usize| -> u64 {
        let by_partition = outcome.producers.iter().filter_map(|report| report.acked_by_partition.get(partition));
        by_partition.sum()
    };
    let all: u64 = outcome.producers.iter().flat_map(|report| &report.acked_by_partition).sum();
    (0..outcome.topic.partitions)
        .map(|partition| {
            schema::PartitionTotals {
                partition,
                messages: acked(partition as usize),
                // Round-robin is the one choice that is even by definition.
                expected_messages: (plan.partitioner == PartitionerSpec::RoundRobin)
                    .then(|| (all as f64 / f64::from(outcome.topic.partitions)).round() as u64),
                order_violations: outcome.verdict.disorder_by_partition.get(&partition).copied().unwrap_or(0),
            }
        })
        .collect()
}

fn verdict(plan: &Plan, outcome: &Outcome) -> schema::Verdict {
    let mut anomalies: Vec<schema::Anomaly> =
        outcome.verdict.findings.iter().map(|finding| anomaly(plan, finding)).collect();
    anomalies.sort_by_key(|anomaly| !anomaly.failing);
    schema::Verdict {
        complete: outcome.drained,
        clean: outcome.verdict.is_clean(),
        checked: outcome.verdict.groups.iter().map(|tally| tally.records - tally.foreign).sum(),
        expectation: wording::promised(&outcome.promises),
        anomalies,
        invalid: Vec::new(),
    }
}

fn anomaly(plan: &Plan, finding: &Finding) -> schema::Anomaly {
    schema::Anomaly {
        name: finding.anomaly.name().to_owned(),
        count: finding.count,
        failing: finding.treatment == Treatment::Fails,
        meaning: wording::meaning(finding.anomaly).to_owned(),
        examples: finding.examples.iter().map(|example| example_record(plan, example)).collect(),
    }
}

fn example_record(plan: &Plan, example: &Example) -> schema::AnomalyExample {
    let mut facts = Vec::new();
    facts.extend(example.producer.map(|producer| format!("producer {producer}")));
    facts.extend(example.sequence.map(|sequence| format!("sequence {sequence}")));
    facts.extend(example.expected_offset.map(|offset| format!("expected at offset {offset}")));
    facts.extend(example.expected_partition.map(|partition| format!("expected in partition {partition}")));
    schema::AnomalyExample {
        partition: example.partition,
        first_offset: example.offset,
        last_offset: example.offset,
        group: example.group.map(|group| plan.group_name(group)),
        detail: facts.join(", "),
    }
}

/// A process's totals at the first and the last sample.
pub(super) fn used(outcome: &Outcome, of: fn(&super::Sample) -> Option<Usage>) -> Option<(Usage, Usage)> {
    let first = of(outcome.samples.first()?)?;
    let last = outcome.samples.iter().rev().find_map(of)?;
    (outcome.samples.len() > 1).then_some((first, last))
}

/// Time between the first and the last sample.
pub(super) fn sampled_ns(outcome: &Outcome) -> u64 {
    (outcome.samples.len() as u64).saturating_sub(1).max(1) * NANOS_PER_SECOND
}

fn resources(outcome: &Outcome, acked: u64) -> schema::Resources {
    let process = |of| {
        let (first, last): (Usage, Usage) = used(outcome, of)?;
        let less = |last: Option<u64>, first: Option<u64>| Some(last?.saturating_sub(first?));
        // Messages acknowledged between the samples, at the window's mean rate.
        let messages = acked as f64 * sampled_ns(outcome) as f64 / outcome.measured_ns.max(1) as f64;
        let cpu_us = last.cpu_us().saturating_sub(first.cpu_us());
        Some(schema::ProcessUse {
            user_us: last.user_us.saturating_sub(first.user_us),
            system_us: last.system_us.saturating_sub(first.system_us),
            cpu_us_per_million_messages: (messages > 0.0).then(|| (cpu_us as f64 * 1e6 / messages) as u64),
            rss_max_bytes: last.rss_max_bytes,
            read_bytes: less(last.read_bytes, first.read_bytes),
            written_bytes: less(last.written_bytes, first.written_bytes),
            voluntary_switches: less(last.voluntary_switches, first.voluntary_switches),
            involuntary_switches: less(last.involuntary_switches, first.involuntary_switches),
            ready_us: None,
        })
    };
    schema::Resources { broker: process(|sample| sample.broker), generator: process(|sample| sample.generator) }
}

fn batching(outcome: &Outcome) -> schema::Batching {
    let mut total = ProducerStatistics::default();
    for statistics in outcome.producers.iter().map(|report| report.statistics) {
        total.batches += statistics.batches;
        total.batch_bytes += statistics.batch_bytes;
        total.messages += statistics.messages;
    }
    let per = |what: u64, of: u64| (of > 0).then(|| what as f64 / of as f64);
    // Each client's own rate by its own clock; a client that spoke less than twice in the window has none.
    let rates: Option<Vec<f64>> =
        outcome.producers.iter().map(|report| report.statistics.requests_per_second()).collect();
    schema::Batching {
        messages_per_batch: per(total.messages, total.batches),
        bytes_per_batch: per(total.batch_bytes, total.batches),
        produce_requests_per_second: rates.map(|rates| rates.iter().sum()),
    }
}

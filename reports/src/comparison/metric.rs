//! The metrics of a comparison, and how each is read from a run's result.

use std::collections::BTreeMap;

use super::Figure;
use crate::schema::RunResult;
use crate::statistics::{Distribution, Quantile, throughput};

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// As in `--assert`.
    pub name: &'static str,
    /// What it is, in words.
    pub label: &'static str,
    /// `ns`, `us`, `bytes`, `per_second` or `count`.
    pub unit: &'static str,
    /// Whether less of it is better.
    pub lower_is_better: bool,
    /// Whether the verdict follows from it.
    pub primary: bool,
    read: fn(&RunResult) -> Option<Figure>,
}

/// Every metric, the primary ones first.
///
/// Four are primary, as few as say what a user of a cluster asks: does it hold the rate, what does a producer wait, what
/// does a message take end to end, and what does it cost. Each more would widen all intervals. Of the latencies it is the
/// 99th percentile: the median of an open loop is mostly the client's linger, and higher percentiles of a short run are
/// a handful of events.
pub const METRICS: [Metric; 11] = [
    primary("ack.p99", "intended → ack p99", "ns", true, |run| quantile(&ack(run), 0.99)),
    primary("e2e.p99", "intended → consumed p99", "ns", true, |run| quantile(&consumed(run), 0.99)),
    primary("broker-cpu", "broker CPU per million", "us", true, |run| {
        exact(run.resources.broker.as_ref()?.cpu_us_per_million_messages? as f64)
    }),
    primary("throughput", "throughput, acknowledged", "per_second", false, |run| exact(throughput(run)?)),
    secondary("ack.p50", "intended → ack p50", "ns", true, |run| quantile(&ack(run), 0.5)),
    secondary("ack.p99.9", "intended → ack p99.9", "ns", true, |run| quantile(&ack(run), 0.999)),
    secondary("e2e.p50", "intended → consumed p50", "ns", true, |run| quantile(&consumed(run), 0.5)),
    secondary("e2e.p99.9", "intended → consumed p99.9", "ns", true, |run| quantile(&consumed(run), 0.999)),
    secondary("broker-rss", "broker memory, at most", "bytes", true, |run| {
        exact(run.resources.broker.as_ref()?.rss_max_bytes as f64)
    }),
    secondary("ready", "start to Metadata reply", "us", true, |run| {
        exact(run.resources.broker.as_ref()?.ready_us? as f64)
    }),
    secondary("batch", "messages in a batch", "count", false, |run| exact(run.batching.messages_per_batch?)),
];

const fn primary(
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    lower_is_better: bool,
    read: fn(&RunResult) -> Option<Figure>,
) -> Metric {
    Metric { name, label, unit, lower_is_better, primary: true, read }
}

const fn secondary(
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    lower_is_better: bool,
    read: fn(&RunResult) -> Option<Figure>,
) -> Metric {
    Metric { primary: false, ..primary(name, label, unit, lower_is_better, read) }
}

/// The figures of a run by the metric's name. A figure that is not above zero has no ratio, and is left out, as is one
/// that was not measured.
pub fn figures(run: &RunResult) -> BTreeMap<String, Figure> {
    let figure = |metric: &Metric| Some((metric.name.to_owned(), (metric.read)(run)?));
    METRICS.iter().filter_map(figure).filter(|(_, figure)| figure.value > 0.0 && figure.value.is_finite()).collect()
}

fn ack(run: &RunResult) -> Distribution {
    Distribution::of(&run.latencies.intended_to_ack)
}

/// Of all groups, merged.
fn consumed(run: &RunResult) -> Distribution {
    Distribution::merged(run.latencies.intended_to_consumed.iter().map(|group| &group.latency))
}

fn quantile(distribution: &Distribution, q: f64) -> Option<Figure> {
    let Quantile { ns, at_least } = distribution.quantile(q)?;
    Some(Figure { value: ns as f64, at_least })
}

fn exact(value: f64) -> Option<Figure> {
    Some(Figure { value, at_least: false })
}

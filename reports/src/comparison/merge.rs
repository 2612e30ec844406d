//! The latencies of an arm: the histograms of its runs merged, never their percentiles averaged.

use crate::schema::{GroupLatency, Latencies, Latency, RunResult};
use crate::statistics::Distribution;

/// The latencies of several runs as if they had been one.
pub fn merged<'a>(runs: impl Iterator<Item = &'a RunResult> + Clone) -> Latencies {
    let of = |pick: fn(&Latencies) -> &Latency| sum(runs.clone().map(move |run| pick(&run.latencies)));
    let mut names: Vec<&str> = Vec::new();
    for group in runs.clone().flat_map(|run| &run.latencies.intended_to_consumed) {
        if !names.contains(&group.group.as_str()) {
            names.push(&group.group);
        }
    }
    let group = |name: &str| {
        let parts = runs.clone().flat_map(|run| &run.latencies.intended_to_consumed);
        let parts = parts.filter(|group| group.group == name).map(|group| &group.latency);
        GroupLatency { group: name.to_owned(), latency: sum(parts) }
    };
    Latencies {
        intended_to_ack: of(|latencies| &latencies.intended_to_ack),
        actual_to_ack: of(|latencies| &latencies.actual_to_ack),
        intended_to_consumed: names.into_iter().map(group).collect(),
        schedule_lag: of(|latencies| &latencies.schedule_lag),
    }
}

fn sum<'a>(parts: impl Iterator<Item = &'a Latency> + Clone) -> Latency {
    let non_positive = parts.clone().map(|latency| latency.non_positive).fold(0, u64::saturating_add);
    let (finished, censored) = Distribution::merged(parts).into_parts();
    let (censored_from_ns, censored) = censored.map_or((None, 0), |(from, unfinished)| (Some(from), unfinished));
    match finished {
        Some(finished) => Latency::from_histogram(&finished, censored, censored_from_ns, non_positive),
        None => Latency { censored, censored_from_ns, non_positive, ..Latency::default() },
    }
}

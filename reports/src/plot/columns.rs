//! The per-second series in as many columns as a plot has room for.
//!
//! Counts become means a second, lag and memory the largest in the column. Percentiles do not merge, so a column shows
//! those of its worst second; heat-map cells are counts, and add up.

use std::collections::BTreeMap;

use crate::schema::{LatencySlice, RunResult, Second};

/// One or several seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Column {
    /// Where it begins and ends, in seconds since the window opened.
    pub from: f64,
    pub to: f64,
    pub due: f64,
    pub sent: f64,
    pub acked: f64,
    /// Messages a second, by group.
    pub consumed: Vec<f64>,
    /// Largest lag, by group.
    pub lag: Vec<u64>,
    pub ack: Worst,
    pub e2e: Worst,
    /// Intended→consumed (intended→ack where nobody consumed): heat-map bucket to messages.
    pub heat: BTreeMap<u32, u64>,
    /// Cores in use.
    pub broker_cores: Option<f64>,
    pub generator_cores: Option<f64>,
    pub broker_rss_bytes: Option<u64>,
}

/// Percentiles of a column's worst second, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Worst {
    pub p50: Option<u64>,
    pub p99: Option<u64>,
    pub max: Option<u64>,
}

impl Worst {
    fn include(&mut self, slice: &LatencySlice) {
        self.p50 = self.p50.max(slice.p50_ns);
        self.p99 = self.p99.max(slice.p99_ns);
        self.max = self.max.max(slice.max_ns);
    }
}

impl Column {
    /// Its middle: where its point stands.
    pub(super) fn middle(&self) -> f64 {
        f64::midpoint(self.from, self.to)
    }
}

/// The series in at most `at_most` columns.
pub(super) fn columns(run: &RunResult, at_most: usize) -> Vec<Column> {
    let seconds_each = run.series.len().div_ceil(at_most.max(1)).max(1);
    run.series.chunks(seconds_each).map(|seconds| column(seconds, run.times.measured_ms)).collect()
}

/// Where the last column ends.
pub(super) fn end(columns: &[Column]) -> f64 {
    columns.iter().fold(1.0, |end, column| end.max(column.to))
}

fn column(seconds: &[Second], measured_ms: u64) -> Column {
    let from = seconds.iter().map(|second| second.second).min().unwrap_or(0);
    let length: f64 = seconds.iter().map(|second| length_s(second, measured_ms)).sum();
    let mut column = Column { from: f64::from(from), to: f64::from(from) + seconds.len() as f64, ..Column::default() };
    let mean = |figure: &dyn Fn(&Second) -> u64| seconds.iter().map(|s| figure(s) as f64).sum::<f64>() / length;
    column.due = mean(&|second| second.due);
    column.sent = mean(&|second| second.sent);
    column.acked = mean(&|second| second.acked);
    let groups = seconds.iter().map(|second| second.groups.len()).max().unwrap_or(0);
    for group in 0..groups {
        column.consumed.push(mean(&|second| second.groups.get(group).map_or(0, |group| group.consumed)));
        let lag = seconds.iter().filter_map(|second| second.groups.get(group)).map(|group| group.lag).max();
        column.lag.push(lag.unwrap_or(0));
    }
    for second in seconds {
        column.ack.include(&second.ack);
        column.e2e.include(&second.consumed);
        let heat = if second.consumed.count > 0 { &second.consumed.heat } else { &second.ack.heat };
        for (bucket, count) in heat {
            let cell = column.heat.entry(*bucket).or_default();
            *cell = cell.saturating_add(*count);
        }
    }
    let cores = |figure: &dyn Fn(&Second) -> Option<u64>| {
        let known: Vec<f64> =
            seconds.iter().filter_map(|s| Some(figure(s)? as f64 / length_s(s, measured_ms))).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64 / 1e6)
    };
    column.broker_cores = cores(&|second| second.broker_cpu_us);
    column.generator_cores = cores(&|second| second.generator_cpu_us);
    column.broker_rss_bytes = seconds.iter().filter_map(|second| second.broker_rss_bytes).max();
    column
}

/// A window that was cut short ends inside a second; rates count over what there was of it.
fn length_s(second: &Second, measured_ms: u64) -> f64 {
    let left = measured_ms as f64 / 1000.0 - f64::from(second.second);
    if (0.05..1.0).contains(&left) { left } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{GroupSecond, Times};

    fn run(seconds: u32) -> RunResult {
        let second = |second| Second {
            second,
            acked: 100,
            groups: vec![GroupSecond { consumed: 90, lag: u64::from(second) }],
            ack: LatencySlice {
                count: 1,
                p99_ns: Some(u64::from(second)),
                heat: vec![(4, 2)],
                ..LatencySlice::default()
            },
            ..Second::default()
        };
        RunResult { series: (0..seconds).map(second).collect(), ..RunResult::default() }
    }

    #[test]
    fn a_long_series_keeps_its_means_its_worst_second_and_all_its_messages() {
        let columns = columns(&run(1000), 300);
        assert_eq!(columns.len(), 250);
        assert_eq!((columns[0].from, columns[0].to), (0.0, 4.0));
        assert_eq!((columns[0].acked, columns[0].consumed[0], columns[0].lag[0]), (100.0, 90.0, 3));
        assert_eq!(columns[0].ack.p99, Some(3));
        assert_eq!(columns.iter().flat_map(|column| column.heat.values()).sum::<u64>(), 2000);
        assert_eq!(end(&columns), 1000.0);
    }

    #[test]
    fn a_second_that_was_cut_short_counts_for_its_length() {
        let run = RunResult { times: Times { measured_ms: 1500, ..Times::default() }, ..run(2) };
        let rates: Vec<f64> = columns(&run, 10).iter().map(|column| column.acked).collect();
        assert_eq!(rates, [100.0, 200.0]);
    }
}

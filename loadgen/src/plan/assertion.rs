//! `--assert`: a figure of the result held against a bound.
//!
//! Grammar: `METRIC OP VALUE`, blanks ignored; `OP` is one of `< <= > >= == !=`. A latency's `METRIC` is
//! `KIND.QUANTILE`, where `KIND` is `ack`, `submit`, `e2e` or `lag` (`ack` where left out) and `QUANTILE` is `p50`,
//! `p99.9`, `max` …; the others are named in [`Metric::NAMED`].

use std::fmt;
use std::str::FromStr;

use reports::figures::{bytes, count, duration_ns, duration_us, number, share};
use reports::schema::{self, Latency, RunResult};
use reports::statistics::{acked_while_open, consumed_while_open, per_second, throughput};

use crate::workload::{Quantity, Rate};

/// One `--assert`, parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Assertion {
    text: String,
    metric: Metric,
    comparison: Comparison,
    bound: f64,
}

/// An `--assert` that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// No comparison in it.
    #[error("expected METRIC, one of < <= > >= == !=, and a value, such as 'ack.p99<20ms'")]
    NoComparison,
    /// No figure of that name.
    #[error(
        "there is no figure '{got}'; there are ack.pNN, submit.pNN, e2e.pNN, lag.pNN (or .max; plain pNN is ack.pNN), {}",
        Metric::NAMED.map(|(name, _)| name).join(", ")
    )]
    UnknownMetric {
        /// The name found.
        got: String,
    },
    /// The value does not fit the figure.
    #[error("'{got}' is no value for {metric}: write {expected}")]
    Value {
        /// The text found.
        got: String,
        /// The metric's name.
        metric: String,
        /// An example of what fits.
        expected: &'static str,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Metric {
    /// Nanoseconds at a quantile from 0 to 1.
    Latency(LatencyKind, f64),
    Named(Named),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LatencyKind {
    Ack,
    Submit,
    EndToEnd,
    Lag,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// Messages a second.
    Throughput,
    Consumption,
    /// Shares of what was due, 0 to 1.
    AckedInWindow,
    ConsumedInWindow,
    /// Counts.
    Lost,
    Duplicates,
    Failed,
    Unknown,
    Anomalies,
    /// Microseconds for a million messages.
    BrokerCpu,
    /// Bytes.
    BrokerRss,
}

impl Metric {
    const NAMED: [(&'static str, Named); 11] = [
        ("throughput", Named::Throughput),
        ("consumption", Named::Consumption),
        ("acked-in-window", Named::AckedInWindow),
        ("consumed-in-window", Named::ConsumedInWindow),
        ("lost", Named::Lost),
        ("duplicates", Named::Duplicates),
        ("failed", Named::Failed),
        ("unknown", Named::Unknown),
        ("anomalies", Named::Anomalies),
        ("broker-cpu", Named::BrokerCpu),
        ("broker-rss", Named::BrokerRss),
    ];

    fn parse(name: &str) -> Option<Metric> {
        if let Some((_, named)) = Self::NAMED.iter().find(|(known, _)| *known == name) {
            return Some(Metric::Named(*named));
        }
        let (kind, quantile) = match name.split_once('.') {
            Some(("ack", quantile)) => (LatencyKind::Ack, quantile),
            Some(("submit", quantile)) => (LatencyKind::Submit, quantile),
            Some(("e2e", quantile)) => (LatencyKind::EndToEnd, quantile),
            Some(("lag", quantile)) => (LatencyKind::Lag, quantile),
            _ => (LatencyKind::Ack, name),
        };
        if quantile == "max" {
            return Some(Metric::Latency(kind, 1.0));
        }
        let percent: f64 = quantile.strip_prefix('p')?.parse().ok()?;
        (percent > 0.0 && percent <= 100.0).then_some(Metric::Latency(kind, percent / 100.0))
    }

    /// The bound in the metric's own unit, or an example of one.
    fn bound(self, text: &str) -> Result<f64, &'static str> {
        let named = match self {
            Metric::Latency(..) => return Quantity::duration_ns(text).map(|ns| ns as f64).map_err(|_| "20ms"),
            Metric::Named(named) => named,
        };
        match named {
            Named::Throughput | Named::Consumption => {
                text.parse::<Rate>().map(Rate::as_per_second).map_err(|_| "99k/s")
            }
            Named::AckedInWindow | Named::ConsumedInWindow => match text.strip_suffix('%') {
                Some(percent) => percent.trim().parse().map(|percent: f64| percent / 100.0).map_err(|_| "99.9%"),
                None => text.parse().map_err(|_| "99.9%"),
            },
            Named::BrokerCpu => {
                Quantity::duration_ns(text).map(|ns| ns as f64 / 1e3).map_err(|_| "1500ms (for a million messages)")
            }
            Named::BrokerRss => Quantity::bytes(text).map(|bytes| bytes as f64).map_err(|_| "100MiB"),
            Named::Lost | Named::Duplicates | Named::Failed | Named::Unknown | Named::Anomalies => {
                Quantity::count(text).map(|count| count as f64).map_err(|_| "0")
            }
        }
    }

    /// The figure in the metric's own unit; `None` where the run has none.
    fn of(self, result: &RunResult) -> Option<f64> {
        match self {
            Metric::Latency(kind, quantile) => {
                let latencies = &result.latencies;
                match kind {
                    LatencyKind::Ack => at_quantile(&latencies.intended_to_ack, quantile),
                    LatencyKind::Submit => at_quantile(&latencies.actual_to_ack, quantile),
                    LatencyKind::Lag => at_quantile(&latencies.schedule_lag, quantile),
                    // Groups are held against the bound one by one: the worst decides.
                    LatencyKind::EndToEnd => latencies
                        .intended_to_consumed
                        .iter()
                        .map(|group| at_quantile(&group.latency, quantile))
                        .reduce(|a, b| Some(a?.max(b?)))
                        .flatten(),
                }
            }
            Metric::Named(named) => named.of(result),
        }
    }
}

impl Named {
    fn of(self, result: &RunResult) -> Option<f64> {
        let totals = &result.totals;
        let of_due = |count: u64| (totals.due > 0).then(|| count as f64 / totals.due as f64);
        let anomaly = |names: &[&str]| {
            let found = result.verdict.anomalies.iter().filter(|anomaly| names.contains(&anomaly.name.as_str()));
            result.verdict.complete.then(|| found.map(|anomaly| anomaly.count).sum::<u64>() as f64)
        };
        let fewest_read = totals.groups.iter().map(|group| consumed_while_open(totals, group)).min();
        match self {
            Named::Throughput => throughput(result),
            Named::Consumption => per_second(fewest_read?, result.times.measured_ms),
            Named::AckedInWindow => of_due(acked_while_open(totals)),
            Named::ConsumedInWindow => of_due(fewest_read?),
            Named::Lost => anomaly(&["lost-write", "unseen"]),
            Named::Duplicates => anomaly(&["duplicate"]),
            Named::Failed => Some(totals.failed as f64),
            Named::Unknown => Some(totals.unknown as f64),
            Named::Anomalies => {
                let counted = result.verdict.anomalies.iter().filter(|anomaly| anomaly.failing);
                result.verdict.complete.then(|| counted.map(|anomaly| anomaly.count).sum::<u64>() as f64)
            }
            Named::BrokerCpu => result.resources.broker.as_ref()?.cpu_us_per_million_messages.map(|us| us as f64),
            Named::BrokerRss => result.resources.broker.as_ref().map(|broker| broker.rss_max_bytes as f64),
        }
    }
}

/// A quantile over finished and unfinished messages: an unfinished one is longer than any bound.
fn at_quantile(latency: &Latency, quantile: f64) -> Option<f64> {
    let found = reports::statistics::Distribution::of(latency).quantile(quantile)?;
    Some(if found.at_least { f64::INFINITY } else { found.ns as f64 })
}

impl Assertion {
    /// Holds the result against the bound.
    pub fn judge(&self, result: &RunResult) -> schema::Assertion {
        let measured = self.metric.of(result);
        let held = measured.map(|measured| match self.comparison {
            Comparison::Less => measured < self.bound,
            Comparison::LessOrEqual => measured <= self.bound,
            Comparison::Greater => measured > self.bound,
            Comparison::GreaterOrEqual => measured >= self.bound,
            Comparison::Equal => measured == self.bound,
            Comparison::NotEqual => measured != self.bound,
        });
        schema::Assertion {
            expression: self.text.clone(),
            measured: measured.map(|measured| self.metric.show(measured)),
            held,
        }
    }
}

impl Metric {
    fn show(self, measured: f64) -> String {
        match self {
            Metric::Latency(..) if measured.is_infinite() => "unfinished".to_owned(),
            Metric::Latency(..) => duration_ns(measured as u64),
            Metric::Named(Named::Throughput | Named::Consumption) => format!("{}/s", number(measured)),
            Metric::Named(Named::AckedInWindow | Named::ConsumedInWindow) => {
                share((measured * 1e9).round() as u64, 1_000_000_000)
            }
            Metric::Named(Named::BrokerCpu) => format!("{} a million messages", duration_us(measured as u64)),
            Metric::Named(Named::BrokerRss) => bytes(measured as u64),
            Metric::Named(_) => count(measured as u64),
        }
    }
}

impl FromStr for Assertion {
    type Err = AssertionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const COMPARISONS: [(&str, Comparison); 6] = [
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let (name, comparison, value) = COMPARISONS
            .iter()
            .find_map(|(sign, comparison)| {
                text.split_once(sign).map(|(name, value)| (name.trim(), *comparison, value.trim()))
            })
            .ok_or(AssertionError::NoComparison)?;
        let metric = Metric::parse(name).ok_or_else(|| AssertionError::UnknownMetric { got: name.to_owned() })?;
        let bound = metric.bound(value).map_err(|expected| AssertionError::Value {
            got: value.to_owned(),
            metric: name.to_owned(),
            expected,
        })?;
        Ok(Assertion { text: text.trim().to_owned(), metric, comparison, bound })
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::*;

    fn with_ack_latencies(values_ns: impl Iterator<Item = u64>, censored: u64) -> RunResult {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("valid bounds");
        values_ns.for_each(|value| histogram.record(value).expect("in range"));
        let mut result = RunResult::default();
        result.latencies.intended_to_ack = Latency::from_histogram(&histogram, censored, Some(7_200_000_000_000), 0);
        result.verdict.complete = true;
        result
    }

    fn held(text: &str, result: &RunResult) -> Option<bool> {
        text.parse::<Assertion>().expect(text).judge(result).held
    }

    #[test]
    fn a_latency_is_held_against_its_quantile() {
        let result = with_ack_latencies((1..=100).map(|ms| ms * 1_000_000), 0);
        assert_eq!(held("ack.p50 < 51ms", &result), Some(true));
        assert_eq!(held("p99<98ms", &result), Some(false));
        assert_eq!(held("ack.max>=100ms", &result), Some(true));
    }

    #[test]
    fn unfinished_messages_miss_every_bound_above_their_share() {
        let result = with_ack_latencies((1..=98).map(|ms| ms * 1_000_000), 2);
        assert_eq!(held("ack.p98<1h", &result), Some(true));
        assert_eq!(held("ack.p99<1h", &result), Some(false));
    }

    #[test]
    fn what_was_not_measured_is_neither_held_nor_missed() {
        let result = with_ack_latencies(std::iter::empty(), 0);
        assert_eq!(held("e2e.p99<20ms", &result), None);
        assert_eq!(held("broker-rss<100MiB", &result), None);
        assert_eq!(held("lost==0", &result), Some(true));
    }

    #[test]
    fn a_figure_is_shown_as_everywhere_else() {
        let mut result = with_ack_latencies((1..=100).map(|ms| ms * 1_000_000), 0);
        (result.totals.due, result.totals.acked_in_window, result.times.measured_ms) = (300_000, 299_999, 3_000);
        let shown = |text: &str| text.parse::<Assertion>().expect(text).judge(&result).measured;
        assert_eq!(shown("lost==0").as_deref(), Some("0"));
        assert_eq!(shown("throughput>99k/s").as_deref(), Some("100,000/s"));
        assert_eq!(shown("acked-in-window>99%").as_deref(), Some("99.999 %"));
        assert_eq!(shown("ack.p99<1s").as_deref(), Some("99 ms"));
    }

    #[test]
    fn the_help_explains_every_figure() {
        for name in
            Metric::NAMED.map(|(name, _)| name).into_iter().chain(["ack.pNN", "submit.pNN", "e2e.pNN", "lag.pNN"])
        {
            assert!(crate::cli::RUN_AFTER.contains(name), "{name}");
        }
    }

    #[test]
    fn an_unknown_figure_lists_those_there_are() {
        let text = "latency<5ms".parse::<Assertion>().expect_err("unknown").to_string();
        assert!(text.contains("'latency'") && text.contains("e2e.pNN") && text.contains("throughput"), "{text}");
    }

    #[test]
    fn a_value_without_its_unit_is_refused_with_an_example() {
        let text = "p99<20".parse::<Assertion>().expect_err("no unit").to_string();
        assert!(text.contains("20ms"), "{text}");
        assert!(matches!("p99".parse::<Assertion>(), Err(AssertionError::NoComparison)));
    }
}

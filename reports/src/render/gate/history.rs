//! One line of JSON for each gate, for a file that only grows: two branches that both append merge line by line.
//!
//! Members: `schema` ([`SCHEMA`]), `unix_ms` and `date`, `commit` and `baseline` (the commits of the two programs, `null`
//! where unknown), `outcome`, `comparisons` (how many it took), `cpu` and `cores` of the machine (figures of different
//! machines do not make one line), and `metrics` by name with `unit`, `median` (the candidate's), `baseline_median`,
//! `ratio`, `low` and `high` (`null` where nothing bounds it). A new minor version only adds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::comparison::{Gate, Outcome};
use crate::figures::time_utc;

/// Name and version of the line's schema.
const SCHEMA: &str = "loadgen-gate/1.0";

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    unix_ms: i64,
    date: String,
    commit: Option<&'a str>,
    baseline: Option<&'a str>,
    outcome: Option<Outcome>,
    comparisons: usize,
    cpu: &'a str,
    cores: u32,
    metrics: BTreeMap<&'a str, Figures<'a>>,
}

#[derive(Serialize)]
struct Figures<'a> {
    unit: &'a str,
    median: Option<f64>,
    baseline_median: Option<f64>,
    ratio: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

/// The line, with its end; the metrics' figures are of the last comparison. Nothing where there is none.
pub fn history(gate: &Gate) -> String {
    let Some(last) = gate.last() else { return String::new() };
    let figures = last.metrics.iter().map(|metric| {
        let figures = Figures {
            unit: &metric.unit,
            median: metric.b_median,
            baseline_median: metric.a_median,
            ratio: metric.estimate.map(|estimate| estimate.ratio),
            low: metric.estimate.and_then(|estimate| estimate.low),
            high: metric.estimate.and_then(|estimate| estimate.high),
        };
        (metric.name.as_str(), figures)
    });
    let line = Line {
        schema: SCHEMA,
        unix_ms: last.started_unix_ms,
        date: time_utc(last.started_unix_ms),
        commit: last.b.manifest.commit.as_deref(),
        baseline: last.a.manifest.commit.as_deref(),
        outcome: gate.outcome(),
        comparisons: gate.comparisons.len(),
        cpu: &last.machine.cpu_model,
        cores: last.machine.cores,
        metrics: figures.collect(),
    };
    // Plain records with text keys cannot fail to serialise.
    let mut json = serde_json::to_string(&line).unwrap_or_default();
    json.push('\n');
    json
}

#[cfg(test)]
mod tests {
    use super::super::sample::gate;
    use super::*;

    #[test]
    fn a_gate_is_one_line_with_its_commit_its_date_and_its_medians() {
        let mut gate = gate([Outcome::Regressed, Outcome::NotRegressed]);
        gate.comparisons[0].b.manifest.commit = Some("0123abc".to_owned());
        let line = history(&gate);
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{line}");
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&line["commit"], &line["baseline"]), (&"0123abc".into(), &serde_json::Value::Null));
        assert_eq!((&line["outcome"], &line["date"]), (&"regressed".into(), &"2023-11-14 22:13:20 UTC".into()));
        assert_eq!(
            (&line["metrics"]["ack.p99"]["median"], &line["metrics"]["ack.p99"]["ratio"]),
            (&12e6.into(), &1.25.into())
        );
    }
}

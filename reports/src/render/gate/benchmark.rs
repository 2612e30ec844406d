//! What github-action-benchmark reads as `customSmallerIsBetter`: an array of `{name, unit, value, range, extra}`.

use serde::Serialize;

use crate::comparison::{Compared, Comparison, Gate, Series};

#[derive(Serialize)]
struct Entry {
    name: String,
    unit: &'static str,
    value: f64,
    range: String,
    extra: String,
}

/// The candidate's middle run of each metric of which less is better, with its smallest and its largest; throughput as its
/// inverse, the time a message takes. Of the last comparison.
pub fn benchmark(gate: &Gate) -> String {
    let entries: Vec<Entry> =
        gate.last().into_iter().flat_map(|last| last.metrics.iter().filter_map(|metric| entry(last, metric))).collect();
    // Plain records cannot fail to serialise.
    let mut json = serde_json::to_string_pretty(&entries).unwrap_or_default();
    json.push('\n');
    json
}

fn entry(comparison: &Comparison, metric: &Compared) -> Option<Entry> {
    let (unit, shown): (_, fn(f64) -> f64) = match (metric.unit.as_str(), metric.lower_is_better) {
        ("ns", true) => ("ms", |ns| ns / 1e6),
        ("us", true) => ("ms", |us| us / 1e3),
        ("bytes", true) => ("MiB", |bytes| bytes / 1_048_576.0),
        ("per_second", false) => ("ns", |rate| 1e9 / rate),
        _ => return None,
    };
    let name = if metric.lower_is_better { metric.label.clone() } else { format!("1 / ({})", metric.label) };
    let runs = comparison.valid_pairs(Series::Ab);
    let mut values: Vec<f64> =
        runs.filter_map(|[_, candidate]| Some(shown(candidate.figures.get(&metric.name)?.value))).collect();
    values.sort_by(f64::total_cmp);
    Some(Entry {
        name,
        unit,
        value: shown(metric.b_median?),
        range: format!("{:.3} to {:.3}", values.first()?, values.last()?),
        extra: format!("{}: median of {} runs; loadgen {}", metric.name, values.len(), commit(comparison)),
    })
}

fn commit(comparison: &Comparison) -> &str {
    comparison.b.manifest.commit.as_deref().unwrap_or("of unknown commit")
}

#[cfg(test)]
mod tests {
    use super::super::sample::gate;
    use super::*;
    use crate::comparison::Outcome;

    #[test]
    fn every_entry_is_smaller_when_better_and_has_the_five_members() {
        let json = benchmark(&gate([Outcome::Regressed, Outcome::NotRegressed]));
        let entries: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let expected = serde_json::json!([
            {"name": "<ack.p99> & \"co\"", "unit": "ms", "value": 12.0, "range": "10.000 to 17.000",
             "extra": "ack.p99: median of 3 runs; loadgen of unknown commit"},
            {"name": "1 / (<throughput> & \"co\")", "unit": "ns", "value": 20_000.0, "range": "20000.000 to 20000.000",
             "extra": "throughput: median of 3 runs; loadgen of unknown commit"},
        ]);
        assert_eq!(entries, expected);
    }

    #[test]
    fn nothing_measured_is_an_empty_array() {
        assert_eq!(benchmark(&Gate::default()), "[]\n");
    }
}

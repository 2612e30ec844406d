//! What the runs say: each metric's ratios, estimate, interval and verdict.

use super::{
    Compared, Comparison, Estimate, METRICS, Metric, Outcome, PairRatio, Question, Run, Series, Side, Verdict,
};
use crate::statistics::{Standing, holm, median, signed_rank, standing};

/// Fills in the metrics and the verdict from the runs, as seen at a look that spends `alpha` over all primary metrics.
pub fn judge(comparison: &mut Comparison, alpha: f64) {
    let primary = METRICS.iter().filter(|metric| metric.primary).count();
    // Equal shares of the look's error rate, so that all primary intervals hold together.
    let each = alpha / primary as f64;
    let mut metrics: Vec<Compared> =
        METRICS.iter().map(|metric| compared(comparison, metric, each)).filter(|c| !c.ratios.is_empty()).collect();
    let p_values: Vec<f64> = metrics.iter().filter(|metric| metric.primary).filter_map(|metric| metric.p).collect();
    let adjusted = holm(&p_values, primary);
    metrics.iter_mut().filter(|metric| metric.primary).zip(adjusted).for_each(|(metric, p)| metric.p_holm = Some(p));
    comparison.verdict = overall(metrics.iter().filter_map(|metric| metric.verdict));
    comparison.outcome = Outcome::of_all(metrics.iter().filter_map(|metric| metric.outcome));
    comparison.metrics = metrics;
}

/// Whether the comparison may end at a look: no primary metric is left open. One regression is all a gate asks for.
pub fn is_settled(comparison: &Comparison) -> bool {
    match comparison.design.question {
        Question::Difference => {
            comparison.primary().next().is_some()
                && comparison.primary().all(|metric| metric.verdict != Some(Verdict::Inconclusive))
        }
        Question::Regression => comparison.outcome.is_some_and(|outcome| outcome != Outcome::Inconclusive),
    }
}

/// Worse in one is worse; else open in one is open; better in one and worse in none is better.
fn overall(verdicts: impl Iterator<Item = Verdict> + Clone) -> Verdict {
    let any = |wanted| verdicts.clone().any(|verdict| verdict == wanted);
    [Verdict::Worse, Verdict::Inconclusive, Verdict::Better, Verdict::Equal]
        .into_iter()
        .find(|verdict| any(*verdict))
        .unwrap_or_default()
}

fn compared(comparison: &Comparison, metric: &Metric, alpha: f64) -> Compared {
    let figure = |run: &Run| run.figures.get(metric.name).copied();
    let values = |series| {
        let both = move |[a, b]: [&Run; 2]| Some((a.pair, figure(a)?, figure(b)?));
        comparison.valid_pairs(series).filter_map(both).collect::<Vec<_>>()
    };
    let log_ratios = |values: &[(u32, super::Figure, super::Figure)]| -> Vec<f64> {
        values.iter().map(|(_, a, b)| (b.value / a.value).ln()).collect()
    };
    let (ab, aa) = (values(Series::Ab), values(Series::Aa));
    let differences = log_ratios(&ab);
    let (a, b): (Vec<f64>, Vec<f64>) = ab.iter().map(|(_, a, b)| (a.value, b.value)).unzip();
    let lower_bounds = [
        ab.iter().filter(|(_, a, _)| a.at_least).count() as u32,
        ab.iter().filter(|(.., b)| b.at_least).count() as u32,
    ];
    let tolerance =
        comparison.design.tolerances.get(metric.name).copied().unwrap_or(comparison.design.tolerance).max(0.0);
    let interval = signed_rank::interval(&differences, alpha);
    let stands = supported(standing(interval, tolerance.ln_1p()), lower_bounds);
    let is_gate = metric.primary && comparison.design.question == Question::Regression;
    Compared {
        name: metric.name.to_owned(),
        label: metric.label.to_owned(),
        unit: metric.unit.to_owned(),
        lower_is_better: metric.lower_is_better,
        primary: metric.primary,
        tolerance,
        a_median: median(&a),
        b_median: median(&b),
        ratios: ab.iter().map(|(pair, a, b)| PairRatio { pair: *pair, ratio: b.value / a.value }).collect(),
        estimate: estimate(&differences, alpha),
        p: (!differences.is_empty()).then(|| signed_rank::p_value(&differences)),
        p_holm: None,
        lower_bounds,
        noise: noise(comparison, metric),
        aa: estimate(&log_ratios(&aa), alpha),
        verdict: metric.primary.then(|| verdict(stands, metric.lower_is_better)),
        outcome: is_gate.then(|| Outcome::of(stands, metric.lower_is_better)),
    }
}

/// What of it holds where figures are lower bounds, which could be larger: of B's, they leave only "B is not smaller"
/// standing, of A's only "B is not larger".
fn supported(stands: Standing, [bounds_a, bounds_b]: [u32; 2]) -> Standing {
    match stands {
        Standing::Above | Standing::NotBelow if bounds_a > 0 => Standing::Open,
        Standing::Below | Standing::NotAbove if bounds_b > 0 => Standing::Open,
        Standing::Within => match (bounds_a > 0, bounds_b > 0) {
            (false, false) => Standing::Within,
            (false, true) => Standing::NotBelow,
            (true, false) => Standing::NotAbove,
            (true, true) => Standing::Open,
        },
        stands => stands,
    }
}

/// The verdict of an interval.
fn verdict(stands: Standing, lower_is_better: bool) -> Verdict {
    match (stands, lower_is_better) {
        (Standing::Above, true) | (Standing::Below, false) => Verdict::Worse,
        (Standing::Above, false) | (Standing::Below, true) => Verdict::Better,
        (Standing::Within, _) => Verdict::Equal,
        (Standing::NotAbove | Standing::NotBelow | Standing::Open, _) => Verdict::Inconclusive,
    }
}

fn estimate(differences: &[f64], alpha: f64) -> Option<Estimate> {
    let interval = signed_rank::interval(differences, alpha);
    Some(Estimate {
        ratio: signed_rank::estimate(differences)?.exp(),
        low: interval.map(|(low, _)| low.exp()),
        high: interval.map(|(_, high)| high.exp()),
        confidence: 1.0 - alpha,
    })
}

/// Successive runs of the same arm, which cost nothing more: they lie a little further apart than the runs of a pair, so
/// that the noise is rather over- than understated.
fn noise(comparison: &Comparison, metric: &Metric) -> Option<f64> {
    let of = |side| {
        let figure = |pair: [&Run; 2]| pair[usize::from(side == Side::B)].figures.get(metric.name).map(|f| f.value);
        comparison.valid_pairs(Series::Ab).filter_map(figure).collect::<Vec<f64>>()
    };
    let steps: Vec<f64> = [of(Side::A), of(Side::B)]
        .iter()
        .flat_map(|values| values.windows(2).map(|two| (two[1] / two[0]).ln().abs()).collect::<Vec<_>>())
        .collect();
    median(&steps).map(f64::exp_m1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{Design, Figure};

    /// Pairs with the figures of one metric, A's and B's.
    fn comparison(metric: &str, pairs: &[(f64, f64)]) -> Comparison {
        let run = |pair: usize, side, value| Run {
            pair: pair as u32 + 1,
            side,
            figures: [(metric.to_owned(), Figure { value, at_least: false })].into(),
            ..Run::default()
        };
        let runs = pairs.iter().enumerate().flat_map(|(i, (a, b))| [run(i, Side::B, *b), run(i, Side::A, *a)]);
        Comparison {
            runs: runs.collect(),
            design: Design { tolerance: 0.05, ..Design::default() },
            ..Comparison::default()
        }
    }

    fn judged(mut comparison: Comparison) -> Compared {
        judge(&mut comparison, 0.05);
        comparison.metrics.into_iter().next().expect("one metric")
    }

    #[test]
    fn less_is_worse_of_throughput_and_better_of_latency() {
        let fewer = [(100.0, 80.0); 8];
        assert_eq!(judged(comparison("throughput", &fewer)).verdict, Some(Verdict::Worse));
        assert_eq!(judged(comparison("ack.p99", &fewer)).verdict, Some(Verdict::Better));
        assert_eq!(judged(comparison("ack.p50", &fewer)).verdict, None, "not named in advance");
        assert_eq!(judged(comparison("ack.p99", &[(100.0, 102.0); 8])).verdict, Some(Verdict::Equal));
    }

    #[test]
    fn a_pair_with_an_invalid_run_counts_for_nothing() {
        let mut eight = comparison("ack.p99", &[(100.0, 200.0); 8]);
        eight.runs[0].invalid.push("GENERATOR-LIMITED".into());
        let seven = judged(eight);
        assert_eq!((seven.ratios.len(), seven.verdict), (7, Some(Verdict::Inconclusive)));
        assert_eq!(seven.estimate.map(|estimate| (estimate.ratio.round(), estimate.low)), Some((2.0, None)));
    }

    #[test]
    fn a_figure_that_is_a_lower_bound_supports_only_what_a_larger_one_would() {
        for (side, ratio, verdict) in [
            (Side::B, 2.0, Verdict::Worse),
            (Side::A, 2.0, Verdict::Inconclusive),
            (Side::A, 0.5, Verdict::Better),
            (Side::B, 0.5, Verdict::Inconclusive),
            (Side::B, 1.0, Verdict::Inconclusive),
        ] {
            let mut comparison = comparison("ack.p99", &[(100.0, 100.0 * ratio); 8]);
            let run = comparison.runs.iter_mut().find(|run| run.side == side).expect("both sides ran");
            run.figures.values_mut().for_each(|figure| figure.at_least = true);
            assert_eq!(judged(comparison).verdict, Some(verdict), "{side:?} {ratio}");
        }
    }

    #[test]
    fn the_noise_is_that_of_the_same_arm_whatever_the_arms_differ_by() {
        let noise = judged(comparison("ack.p99", &[(100.0, 300.0), (110.0, 330.0), (100.0, 300.0)])).noise;
        assert!(noise.is_some_and(|noise| (noise - 0.1).abs() < 1e-9), "{noise:?}");
    }

    #[test]
    fn the_gravest_verdict_is_that_of_the_whole() {
        use Verdict::{Better, Equal, Inconclusive, Worse};
        assert_eq!(overall([Better, Equal, Worse, Inconclusive].into_iter()), Worse);
        assert_eq!(overall([Better, Inconclusive].into_iter()), Inconclusive);
        assert_eq!(overall([Better, Equal].into_iter()), Better);
        assert_eq!(overall([].into_iter()), Inconclusive);
    }
}

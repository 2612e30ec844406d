//! Plots of a comparison: the ratios with their intervals, and both arms' latencies by percentile.

use super::latency::{curve, last_nine};
use super::{Axis, Ink, Mark, Panel, Plot, Stroke, Unit};
use crate::comparison::{Arm, Compared, Comparison, Verdict};
use crate::figures::{duration_ns, percent, ratio};
use crate::schema::Latency;
use crate::statistics::Distribution;

/// Where in its row the interval stands, and between which heights the pairs do.
const INTERVAL_AT: f64 = 0.8;
const PAIRS_FROM_TO: (f64, f64) = (0.6, 0.1);

/// All plots of a comparison, in the page's order.
pub fn comparison_plots(comparison: &Comparison) -> Vec<Plot> {
    vec![
        ratios(comparison, true),
        percentiles(comparison, "ack", "Intended → ack, both arms", |arm| vec![&arm.latencies.intended_to_ack]),
        percentiles(comparison, "consumed", "Intended → consumed, both arms", |arm| {
            arm.latencies.intended_to_consumed.iter().map(|group| &group.latency).collect()
        }),
        ratios(comparison, false),
    ]
}

/// One row a metric: the tolerance as a band, the interval with its estimate, and every pair as a dot.
fn ratios(comparison: &Comparison, primary: bool) -> Plot {
    let (id, title) = if primary { ("ratios", "B over A") } else { ("others", "B over A, other metrics") };
    let metrics: Vec<&Compared> = comparison.metrics.iter().filter(|metric| metric.primary == primary).collect();
    if metrics.is_empty() {
        return Plot::without_data(id, title, "There is no pair to compare.");
    }
    let mut marks = Vec::new();
    let mut all = Vec::new();
    for (i, metric) in metrics.iter().enumerate() {
        let bottom = (metrics.len() - 1 - i) as f64;
        all.extend(metric.ratios.iter().map(|pair| pair.ratio));
        if primary {
            let margin = metric.tolerance.ln_1p();
            all.extend([margin.exp(), (-margin).exp()]);
            let x = (-margin, margin);
            marks.push(Mark::Cell { x, y: (bottom + 0.04, bottom + 0.96), ink: Ink::Due, opacity: 0.1 });
        }
        if let Some(estimate) = &metric.estimate {
            all.extend([estimate.low, estimate.high].into_iter().flatten());
        }
    }
    let x = Axis::ratio(all);
    let y = Axis::of_names(metrics.iter().map(|metric| metric.name.clone()).collect());
    let none = vec![(0.0, y.from), (0.0, y.to)];
    marks.push(Mark::Line { points: none, ink: Ink::Label, stroke: Stroke::Fine });
    for (i, metric) in metrics.iter().enumerate() {
        row(&mut marks, metric, (metrics.len() - 1 - i) as f64);
    }
    let inks = [
        (Ink::Better, "better", Some(Verdict::Better)),
        (Ink::Worse, "worse", Some(Verdict::Worse)),
        (Ink::Due, "no difference", Some(Verdict::Equal)),
        (Ink::Open, "inconclusive", Some(Verdict::Inconclusive)),
        (Ink::Label, "not judged", None),
    ];
    let shown = inks.into_iter().filter(|(.., verdict)| metrics.iter().any(|metric| metric.verdict == *verdict));
    let legend = shown.map(|(ink, name, _)| (ink, name.to_owned())).collect();
    let panel = Panel { label: "B's figure over A's, logarithmic", x, y, marks };
    Plot { id, title, sentence: ratios_sentence(comparison, &metrics, primary), legend, panels: vec![panel] }
}

fn row(marks: &mut Vec<Mark>, metric: &Compared, bottom: f64) {
    let (from, to) = PAIRS_FROM_TO;
    let last = metric.ratios.len().saturating_sub(1).max(1) as f64;
    for (i, pair) in metric.ratios.iter().enumerate() {
        let at = (pair.ratio.ln(), bottom + from + (to - from) * i as f64 / last);
        marks.push(Mark::Dot { at, ink: Ink::Label, opacity: 0.6, radius_px: 2.5 });
    }
    let Some(estimate) = &metric.estimate else { return };
    let ink = match metric.verdict {
        Some(Verdict::Better) => Ink::Better,
        Some(Verdict::Worse) => Ink::Worse,
        Some(Verdict::Equal) => Ink::Due,
        Some(Verdict::Inconclusive) => Ink::Open,
        None => Ink::Label,
    };
    let at = bottom + INTERVAL_AT;
    if let (Some(low), Some(high)) = (estimate.low, estimate.high) {
        let points = vec![(low.ln(), at), (high.ln(), at)];
        marks.push(Mark::Line { points, ink, stroke: Stroke::Plain });
        for end in [low, high] {
            let points = vec![(end.ln(), at - 0.06), (end.ln(), at + 0.06)];
            marks.push(Mark::Line { points, ink, stroke: Stroke::Plain });
        }
    }
    marks.push(Mark::Dot { at: (estimate.ratio.ln(), at), ink, opacity: 1.0, radius_px: 5.0 });
}

fn ratios_sentence(comparison: &Comparison, metrics: &[&Compared], primary: bool) -> String {
    let furthest = metrics.iter().filter_map(|metric| Some((metric, metric.estimate?)));
    let furthest = furthest.max_by(|(_, a), (_, b)| a.ratio.ln().abs().total_cmp(&b.ratio.ln().abs()));
    let mut sentence = match furthest {
        Some((metric, estimate)) => format!(
            "Furthest apart is {}: B's is {} times A's. Left of 1 B's figure is the smaller.",
            metric.label,
            ratio(estimate.ratio)
        ),
        None => "There is no ratio to show.".to_owned(),
    };
    sentence +=
        " The large dot is the estimate, the bar its interval; below it, each small dot is a pair, the first on top";
    if primary {
        let own = if comparison.design.tolerances.is_empty() { "" } else { " or what a metric has of its own" };
        sentence += &format!(
            ". The band is the tolerance ({}{own}): a verdict needs the whole bar inside or outside of it.",
            percent(comparison.design.tolerance)
        );
    } else {
        sentence += ". No verdict is given of these: with so many, some differ by chance.";
    }
    sentence
}

/// Latency against the share of messages, of both arms.
fn percentiles(
    comparison: &Comparison,
    id: &'static str,
    title: &'static str,
    pick: impl Fn(&Arm) -> Vec<&Latency>,
) -> Plot {
    let arms = [(Ink::ArmA, Stroke::Broad, "A", &comparison.a), (Ink::ArmB, Stroke::Plain, "B", &comparison.b)];
    let mut marks = Vec::new();
    let mut legend = Vec::new();
    let mut said = Vec::new();
    let mut messages = 1;
    for (ink, stroke, name, arm) in arms {
        let distribution = Distribution::merged(pick(arm));
        let points = curve(&distribution);
        if let (false, Some(p99)) = (points.is_empty(), distribution.quantile(0.99)) {
            messages = messages.max(distribution.len());
            let more = if p99.at_least { "more than " } else { "" };
            said.push(format!("{name} {more}{}", duration_ns(p99.ns)));
            legend.push((ink, format!("{name}: {}", arm.label)));
            marks.push(Mark::Line { points, ink, stroke });
        }
    }
    if marks.is_empty() {
        return Plot::without_data(id, title, "No message was timed.");
    }
    let shown = marks.iter().filter_map(|mark| if let Mark::Line { points, .. } = mark { Some(points) } else { None });
    let y = Axis::latency(shown.flatten().map(|(_, log)| 10f64.powf(*log)));
    let x = Axis::exactly(Unit::Nines, 0.0, last_nine(messages).max(1.0));
    let sentence =
        format!("Over all compared runs, merged, 99 % of the messages took no longer than: {}.", said.join(", "));
    Plot { id, title, sentence, legend, panels: vec![Panel { label: "latency, by share of messages", x, y, marks }] }
}

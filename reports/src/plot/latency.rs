//! Plots of latency: by percentile, over time, and as a heat map.

use super::axis::log_ns;
use super::columns::{Column, Worst, columns, end};
use super::load::{GROUPS_SHOWN, POINTS, group_stroke};
use super::{Axis, Ink, Mark, Panel, Plot, Stroke, Unit};
use crate::figures::{count, counted, duration_ns, number};
use crate::schema::{RunResult, heat_bucket, heat_bucket_floor_ns};
use crate::statistics::Distribution;

/// Points of a percentile curve to each nine, at most about.
const POINTS_PER_NINE: f64 = 80.0;
/// Columns of a heat map at most.
const HEAT_COLUMNS: usize = 120;
/// The highest bucket a 64-bit latency can be in; whatever claims more is drawn there.
const HIGHEST_BUCKET: u32 = 216;
/// What the heat map's sentence counts as slow.
const SLOW_NS: u64 = 100_000_000;
/// The faintest a heat-map cell is drawn, so that one message among millions is seen.
const FAINTEST: f64 = 0.14;

/// Latency against the share of messages, on an axis of nines.
pub(super) fn by_percentile(run: &RunResult) -> Plot {
    let (id, title) = ("percentiles", "Latency by percentile");
    let ack = Distribution::of(&run.latencies.intended_to_ack);
    let consumed = Distribution::merged(run.latencies.intended_to_consumed.iter().map(|group| &group.latency));
    let Some(sentence) = percentile_sentence(&ack, &consumed) else {
        return Plot::without_data(id, title, "No message was timed.");
    };
    let actual = Distribution::of(&run.latencies.actual_to_ack);
    let mut curves = vec![(Ink::Acked, Stroke::Broad, "intended → ack".to_owned(), ack)];
    for (i, group) in run.latencies.intended_to_consumed.iter().take(GROUPS_SHOWN).enumerate() {
        let name = format!("intended → consumed, {}", group.group);
        curves.push((Ink::Group(i), group_stroke(i), name, Distribution::of(&group.latency)));
    }
    curves.push((Ink::Sent, Stroke::Dashed, "actual → ack".to_owned(), actual));
    let messages = curves.iter().map(|(.., distribution)| distribution.len()).max().unwrap_or(0);
    let mut marks = Vec::new();
    let mut legend = Vec::new();
    for (ink, stroke, name, distribution) in curves {
        let points = curve(&distribution);
        if !points.is_empty() {
            marks.push(Mark::Line { points, ink, stroke });
            legend.push((ink, name));
        }
    }
    let y = latency_axis(&marks);
    let x = Axis::exactly(Unit::Nines, 0.0, last_nine(messages).max(1.0));
    Plot { id, title, sentence, legend, panels: vec![Panel { label: "latency, by share of messages", x, y, marks }] }
}

/// Runs that are drawn beside each other, and their inks.
const RUN_INKS: [Ink; 6] = [Ink::Acked, Ink::Group(0), Ink::Group(1), Ink::Group(2), Ink::Group(3), Ink::Sent];

/// Latency by percentile of several runs: to the acknowledgement, and to consumption.
pub(super) fn by_percentile_of_each(runs: &[(&str, &RunResult)]) -> Plot {
    let (id, title) = ("percentiles", "Latency by percentile");
    let shown = &runs[..runs.len().min(RUN_INKS.len())];
    let of_each =
        |of: fn(&RunResult) -> Distribution| -> Vec<Distribution> { shown.iter().map(|(_, run)| of(run)).collect() };
    let ack = of_each(|run| Distribution::of(&run.latencies.intended_to_ack));
    let consumed =
        of_each(|run| Distribution::merged(run.latencies.intended_to_consumed.iter().map(|group| &group.latency)));
    let mut panels = Vec::new();
    let mut said = Vec::new();
    for (label, from_to, distributions) in
        [("intended → ack", "acknowledged", &ack), ("intended → consumed, all groups", "consumed", &consumed)]
    {
        let curves = distributions.iter().zip(RUN_INKS).map(|(distribution, ink)| (curve(distribution), ink));
        let marks: Vec<Mark> = curves
            .filter(|(points, _)| !points.is_empty())
            .map(|(points, ink)| Mark::Line { points, ink, stroke: Stroke::Plain })
            .collect();
        if marks.is_empty() {
            continue;
        }
        let messages = distributions.iter().map(Distribution::len).max().unwrap_or(0);
        let x = Axis::exactly(Unit::Nines, 0.0, last_nine(messages).max(1.0));
        panels.push(Panel { label, x, y: latency_axis(&marks), marks });
        let p99 = shown
            .iter()
            .zip(distributions)
            .filter_map(|((name, _), distribution)| Some(format!("{} ({name})", distribution.quantile(0.99)?)));
        said.push(format!("{from_to} within {}", p99.collect::<Vec<_>>().join(", ")));
    }
    if panels.is_empty() {
        return Plot::without_data(id, title, "No message was timed.");
    }
    let mut sentence = format!("99 % of the messages were {}.", said.join("; "));
    if runs.len() > shown.len() {
        sentence += &format!(" The first {} runs are drawn.", shown.len());
    }
    let legend = shown.iter().zip(RUN_INKS).map(|((name, _), ink)| (ink, (*name).to_owned())).collect();
    Plot { id, title, sentence, legend, panels }
}

/// The axis that all lines fit on.
fn latency_axis(marks: &[Mark]) -> Axis {
    let lines = marks.iter().filter_map(|mark| if let Mark::Line { points, .. } = mark { Some(points) } else { None });
    Axis::latency(lines.flatten().map(|(_, log)| 10f64.powf(*log)))
}

fn percentile_sentence(ack: &Distribution, consumed: &Distribution) -> Option<String> {
    let within = |distribution: &Distribution| {
        let p99 = distribution.quantile(0.99)?;
        Some(format!("{} {}", if p99.at_least { "in more than" } else { "within" }, duration_ns(p99.ns)))
    };
    let acked = within(ack).map(|within| format!("acknowledged {within}"));
    let consumed_in = within(consumed).map(|within| format!("consumed {within}"));
    let said: Vec<String> = [acked, consumed_in].into_iter().flatten().collect();
    let slowest = ack.max().into_iter().chain(consumed.max()).max_by_key(|quantile| quantile.ns)?;
    Some(format!(
        "99 % of the messages were {} of their intended time; the slowest took {slowest}.",
        said.join(" and ")
    ))
}

/// The curve as far as it is exact; where unfinished messages make it a bound, it ends.
pub(super) fn curve(distribution: &Distribution) -> Vec<(f64, f64)> {
    let to = last_nine(distribution.len());
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (share, ns) in distribution.cumulative() {
        let nines = (-(1.0 - share).log10()).clamp(0.0, to);
        match points.as_mut_slice() {
            // As fine as can be seen, and always up to the last message.
            [.., before, last] if nines - before.0 < 1.0 / POINTS_PER_NINE => *last = (nines, log_ns(ns as f64)),
            [] => points.extend([(0.0, log_ns(ns as f64)), (nines, log_ns(ns as f64))]),
            _ => points.push((nines, log_ns(ns as f64))),
        }
    }
    points
}

/// The nines that so many messages can tell: the last one is the maximum.
pub(super) fn last_nine(messages: u64) -> f64 {
    (messages.max(1) as f64).log10()
}

/// p50, p99 and maximum of each second.
pub(super) fn over_time(run: &RunResult) -> Plot {
    let (id, title) = ("latency", "Latency over time");
    let columns = columns(run, POINTS);
    let worst_for = |who: &str, p99_of: fn(&Column) -> Option<u64>| {
        let worst = columns.iter().filter(|column| p99_of(column).is_some()).max_by_key(|column| p99_of(column))?;
        let p99 = duration_ns(p99_of(worst)?);
        Some(format!("for {who} (at {} s) has a p99 of {p99}", number(worst.from)))
    };
    let of_ack = worst_for("producers", |column| column.ack.p99);
    let of_consumed = worst_for("consumers", |column| column.e2e.p99);
    let (has_ack, has_consumed) = (of_ack.is_some(), of_consumed.is_some());
    let said: Vec<String> = of_ack.into_iter().chain(of_consumed).collect();
    if said.is_empty() {
        return Plot::without_data(id, title, "No message was timed.");
    }
    let mut sentence = format!("The worst second {}.", said.join("; "));
    if run.series.len() > columns.len() {
        let seconds = run.series.len().div_ceil(columns.len());
        sentence += &format!(" Each point is the worst of {}.", counted(seconds as u64, "second"));
    }
    let seconds = Axis::exactly(Unit::Seconds, 0.0, end(&columns));
    let mut panels = Vec::new();
    if has_ack {
        panels.push(panel_of_worst("intended → ack", &columns, &seconds, |column| column.ack));
    }
    if has_consumed {
        panels.push(panel_of_worst("intended → consumed, all groups", &columns, &seconds, |column| column.e2e));
    }
    let legend =
        vec![(Ink::Worst, "maximum".to_owned()), (Ink::Group(0), "p99".to_owned()), (Ink::Acked, "p50".to_owned())];
    Plot { id, title, sentence, legend, panels }
}

/// Which of a column's percentiles.
type Pick = fn(Worst) -> Option<u64>;

fn panel_of_worst(label: &'static str, columns: &[Column], x: &Axis, of: impl Fn(&Column) -> Worst) -> Panel {
    let mut marks = Vec::new();
    let mut all_ns = Vec::new();
    let figures: [(Ink, Pick); 3] =
        [(Ink::Worst, |worst| worst.max), (Ink::Group(0), |worst| worst.p99), (Ink::Acked, |worst| worst.p50)];
    for (ink, pick) in figures {
        let figure = |column: &Column| pick(of(column));
        // A second without messages interrupts the line.
        for stretch in columns.split(|column| figure(column).is_none()).filter(|stretch| !stretch.is_empty()) {
            let known = stretch.iter().filter_map(|column| Some((column.middle(), figure(column)? as f64)));
            let points: Vec<(f64, f64)> =
                known.inspect(|(_, ns)| all_ns.push(*ns)).map(|(x, ns)| (x, log_ns(ns))).collect();
            marks.push(Mark::Line { points, ink, stroke: Stroke::Plain });
        }
    }
    Panel { label, x: x.clone(), y: Axis::latency(all_ns), marks }
}

/// How many messages had which latency, second by second.
pub(super) fn heat_map(run: &RunResult) -> Plot {
    let (id, title) = ("heat", "Latency heat map");
    let columns = columns(run, HEAT_COLUMNS);
    let cells = || {
        columns.iter().flat_map(|column| {
            column.heat.iter().map(move |(bucket, count)| (column, *bucket.min(&HIGHEST_BUCKET), *count))
        })
    };
    let Some(most) = cells().map(|(.., count)| count).max() else {
        return Plot::without_data(id, title, "No message was timed.");
    };
    let consumed = run.series.iter().any(|second| second.consumed.count > 0);
    let label = if consumed { "intended → consumed, all groups" } else { "intended → ack" };
    let slow = cells().filter(|(_, bucket, _)| *bucket >= heat_bucket(SLOW_NS));
    let slow = slow.fold(0u64, |slow, (.., count)| slow.saturating_add(count));
    let seconds = counted(run.series.len().div_ceil(columns.len().max(1)) as u64, "second");
    let sentence = format!(
        "Each column is {seconds}, each cell the messages of one latency, stronger for more (logarithmic, up to {}). Of \
         those that finished in the window, {} took about {} or more.",
        count(most),
        count(slow),
        duration_ns(SLOW_NS)
    );
    let mut edges = Vec::new();
    let marks = cells()
        .map(|(column, bucket, count)| {
            let (low, high) = (heat_bucket_floor_ns(bucket), heat_bucket_floor_ns(bucket + 1));
            edges.extend([low, high]);
            let density = (count as f64).ln_1p() / (most as f64).ln_1p().max(f64::MIN_POSITIVE);
            let opacity = FAINTEST + (1.0 - FAINTEST) * density.clamp(0.0, 1.0);
            Mark::Cell { x: (column.from, column.to), y: (log_ns(low), log_ns(high)), ink: Ink::Heat, opacity }
        })
        .collect();
    let panel = Panel { label, x: Axis::exactly(Unit::Seconds, 0.0, end(&columns)), y: Axis::latency(edges), marks };
    Plot { id, title, sentence, legend: Vec::new(), panels: vec![panel] }
}

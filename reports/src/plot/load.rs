//! Plots of where the messages went: throughput, partitions, consumer lag.

use super::columns::{Column, columns, end};
use super::{Axis, Ink, Mark, Panel, Plot, Stroke, Unit};
use crate::figures::{compact, count, counted, number};
use crate::judgement::acknowledged;
use crate::schema::RunResult;

/// More groups than this are shown as one line each no longer.
pub(super) const GROUPS_SHOWN: usize = 4;
/// Points a line has at most.
pub(super) const POINTS: usize = 600;

/// Messages due, sent, acknowledged and consumed a second.
pub(super) fn throughput(run: &RunResult) -> Plot {
    let (id, title) = ("throughput", "Throughput over time");
    let columns = columns(run, POINTS);
    let Some(slowest) = columns.iter().min_by(|a, b| a.acked.total_cmp(&b.acked)) else {
        return Plot::without_data(id, title, "Nothing was measured.");
    };
    let acknowledged = acknowledged(&run.plan);
    let sentence = format!(
        "In the slowest second (at {} s), {} messages were {acknowledged}. In the first ones, the warm-up’s last are among them.",
        number(slowest.from),
        number(slowest.acked)
    );
    let mut legend = vec![(Ink::Due, "due".into()), (Ink::Sent, "sent".into()), (Ink::Acked, acknowledged.into())];
    let acked = line(&columns, |column| column.acked);
    let sent = line(&columns, |column| column.sent);
    let mut marks = vec![
        Mark::Area { points: acked.clone(), ink: Ink::Acked },
        Mark::Line { points: acked, ink: Ink::Acked, stroke: Stroke::Broad },
        Mark::Line { points: sent, ink: Ink::Sent, stroke: Stroke::Plain },
    ];
    for (group, name) in shown_groups(run) {
        legend.push((Ink::Group(group), format!("consumed by {name}")));
        let points = line(&columns, |column| column.consumed.get(group).copied().unwrap_or(0.0));
        marks.push(Mark::Line { points, ink: Ink::Group(group), stroke: group_stroke(group) });
    }
    marks.push(Mark::Line { points: line(&columns, |column| column.due), ink: Ink::Due, stroke: Stroke::Dashed });
    let highest = columns.iter().fold(0.0f64, |highest, column| {
        column.consumed.iter().copied().fold(highest.max(column.due).max(column.sent).max(column.acked), f64::max)
    });
    let panel = Panel {
        label: "messages per second",
        x: Axis::exactly(Unit::Seconds, 0.0, end(&columns)),
        y: Axis::from_zero(Unit::Count, highest),
        marks,
    };
    Plot { id, title, sentence, legend, panels: vec![panel] }
}

/// Messages in each partition, beside what was expected.
pub(super) fn partitions(run: &RunResult) -> Plot {
    let (id, title) = ("partitions", "Messages per partition, warm-up included");
    let messages = || run.partitions.iter().map(|partition| partition.messages);
    let (Some(least), Some(most)) = (messages().min(), messages().max()) else {
        return Plot::without_data(id, title, "No partition is known.");
    };
    let violations: u64 =
        run.partitions.iter().fold(0, |sum, partition| sum.saturating_add(partition.order_violations));
    let order = match violations {
        0 => "order was kept in every one".to_owned(),
        n => format!("{} were read out of order", counted(n, "message")),
    };
    let sentence = format!(
        "{}; {order}.",
        match run.partitions.len() {
            1 => format!("The one partition holds {}", counted(most, "message")),
            partitions =>
                format!("{partitions} partitions hold between {} and {} messages each", count(least), count(most)),
        }
    );
    let mut marks = Vec::new();
    // Bars of many partitions touch; those of few keep a gap.
    let gap = if run.partitions.len() > 100 { 0.0 } else { 0.14 };
    let expected = |i: usize| run.partitions.get(i).and_then(|partition| partition.expected_messages);
    for (i, partition) in run.partitions.iter().enumerate() {
        let (left, right) = (i as f64 + gap, i as f64 + 1.0 - gap);
        let ink = if partition.order_violations > 0 { Ink::Worst } else { Ink::Acked };
        marks.push(Mark::Cell { x: (left, right), y: (0.0, partition.messages as f64), ink, opacity: 0.75 });
        if let Some(expected) = expected(i) {
            let y = expected as f64;
            marks.push(Mark::Line {
                points: vec![(i as f64, y), (i as f64 + 1.0, y)],
                ink: Ink::Due,
                stroke: Stroke::Plain,
            });
        }
    }
    let mut legend = vec![(Ink::Acked, format!("{} in it", acknowledged(&run.plan)))];
    if run.partitions.iter().any(|partition| partition.expected_messages.is_some()) {
        legend.push((Ink::Due, "expected of the partitioner".to_owned()));
    }
    if violations > 0 {
        legend.push((Ink::Worst, "order violated".to_owned()));
    }
    let highest = (0..run.partitions.len()).filter_map(expected).max().unwrap_or(0).max(most);
    let panel = Panel {
        label: "messages, by partition",
        x: Axis::exactly(Unit::Ordinal, 0.0, run.partitions.len() as f64),
        y: Axis::from_zero(Unit::Count, highest as f64),
        marks,
    };
    Plot { id, title, sentence, legend, panels: vec![panel] }
}

/// Messages acknowledged but not yet read, by group.
pub(super) fn lag(run: &RunResult) -> Plot {
    let (id, title) = ("lag", "Consumer lag over time");
    let columns = columns(run, POINTS);
    let worst = |column: &Column| column.lag.iter().copied().max();
    let Some(worst) = columns.iter().filter(|column| worst(column).is_some()).max_by_key(|column| worst(column)) else {
        return Plot::without_data(id, title, "Nothing was consumed.");
    };
    let highest = worst.lag.iter().copied().max().unwrap_or(0);
    let sentence = format!(
        "The slowest group was at most {} behind (at {} s), and {} at the end of the window.",
        counted(highest, "message"),
        number(worst.from),
        columns.last().and_then(|column| column.lag.iter().copied().max()).map_or("0".to_owned(), count)
    );
    let mut legend = Vec::new();
    let mut marks = Vec::new();
    for (group, name) in shown_groups(run) {
        legend.push((Ink::Group(group), name));
        let points = line(&columns, |column| column.lag.get(group).copied().unwrap_or(0) as f64);
        marks.push(Mark::Area { points: points.clone(), ink: Ink::Group(group) });
        marks.push(Mark::Line { points, ink: Ink::Group(group), stroke: group_stroke(group) });
    }
    let panel = Panel {
        label: "messages behind",
        x: Axis::exactly(Unit::Seconds, 0.0, end(&columns)),
        y: Axis::from_zero(Unit::Count, highest as f64),
        marks,
    };
    Plot { id, title, sentence, legend, panels: vec![panel] }
}

/// Groups often lie on each other: the later the finer.
pub(super) fn group_stroke(group: usize) -> Stroke {
    if group == 0 { Stroke::Plain } else { Stroke::Fine }
}

/// The first groups with their names; a note where there are more.
fn shown_groups(run: &RunResult) -> Vec<(usize, String)> {
    let groups = run.series.iter().map(|second| second.groups.len()).max().unwrap_or(0);
    let shown = groups.min(GROUPS_SHOWN);
    (0..shown)
        .map(|group| {
            let name = run.totals.groups.get(group).map_or_else(|| format!("group {}", group + 1), |g| g.name.clone());
            let more = if group + 1 == shown && groups > shown {
                format!(" ({} more not shown)", compact((groups - shown) as f64))
            } else {
                String::new()
            };
            (group, name + &more)
        })
        .collect()
}

pub(super) fn line(columns: &[Column], figure: impl Fn(&Column) -> f64) -> Vec<(f64, f64)> {
    columns.iter().map(|column| (column.middle(), figure(column))).collect()
}

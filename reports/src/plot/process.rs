//! Plot of what the broker's process used.

use super::columns::{Column, columns, end};
use super::load::POINTS;
use super::{Axis, Ink, Mark, Panel, Plot, Stroke, Unit};
use crate::figures::{bytes, number};
use crate::schema::RunResult;

/// CPU and resident memory over time.
pub(super) fn broker(run: &RunResult) -> Plot {
    let (id, title) = ("broker", "Broker CPU and memory over time");
    let columns = columns(run, POINTS);
    let cores = known(&columns, |column| column.broker_cores);
    let memory = known(&columns, |column| column.broker_rss_bytes.map(|bytes| bytes as f64));
    let generator = known(&columns, |column| column.generator_cores);
    if cores.is_empty() && memory.is_empty() {
        return Plot::without_data(id, title, "The broker's process was not watched: it runs elsewhere.");
    }
    let mut parts = Vec::new();
    let mut panels = Vec::new();
    let mut legend = vec![(Ink::Acked, "broker".to_owned())];
    let seconds = Axis::exactly(Unit::Seconds, 0.0, end(&columns));
    if !cores.is_empty() {
        let mean = cores.iter().map(|(_, cores)| cores).sum::<f64>() / cores.len() as f64;
        parts.push(format!("used {} cores on average", number(mean)));
        let mut marks = vec![
            Mark::Area { points: cores.clone(), ink: Ink::Acked },
            Mark::Line { points: cores.clone(), ink: Ink::Acked, stroke: Stroke::Plain },
        ];
        if !generator.is_empty() {
            legend.push((Ink::Sent, "generator (CPU only)".to_owned()));
            marks.push(Mark::Line { points: generator.clone(), ink: Ink::Sent, stroke: Stroke::Plain });
        }
        let y = Axis::from_zero(Unit::Count, highest(&cores).max(highest(&generator)));
        panels.push(Panel { label: "CPU cores in use", x: seconds.clone(), y, marks });
    }
    if !memory.is_empty() {
        parts.push(format!("held at most {} of memory", bytes(highest(&memory) as u64)));
        let y = Axis::from_zero(Unit::Bytes, highest(&memory));
        let marks = vec![
            Mark::Area { points: memory.clone(), ink: Ink::Acked },
            Mark::Line { points: memory, ink: Ink::Acked, stroke: Stroke::Plain },
        ];
        panels.push(Panel { label: "resident memory", x: seconds, y, marks });
    }
    Plot { id, title, sentence: format!("The broker {}.", parts.join(" and ")), legend, panels }
}

fn known(columns: &[Column], figure: impl Fn(&Column) -> Option<f64>) -> Vec<(f64, f64)> {
    columns.iter().filter_map(|column| Some((column.middle(), figure(column)?))).collect()
}

fn highest(points: &[(f64, f64)]) -> f64 {
    points.iter().fold(0.0, |highest, (_, y)| y.max(highest))
}

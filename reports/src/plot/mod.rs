//! Plots of one run or of a comparison, as data first ([`Plot`]: title, sentence, marks on axes) and as SVG last ([`Panel::svg`]).
//!
//! A plot is drawn by plotters' SVG backend at a size of the reader's choice, wide for a screen and narrow for a phone,
//! so that its text is legible on both. Text is laid out by the browser; nothing here knows a font. Colours are
//! [`Ink`]s, which leave as CSS variables: the page says what they look like. Every plot says in one sentence, made
//! from the data, what it shows; a plot without data has that sentence and no panel.

mod axis;
mod columns;
mod comparison;
mod draw;
mod ink;
mod latency;
mod load;
mod process;

pub use axis::{Axis, Unit};
pub use comparison::comparison_plots;
pub use draw::{Mark, Panel, Size, Stroke};
pub use ink::Ink;

use crate::schema::RunResult;

/// One plot: what a figure element of the page holds.
#[derive(Debug, Clone)]
pub struct Plot {
    /// Unique on the page, fit for an HTML id.
    pub id: &'static str,
    /// What is plotted.
    pub title: &'static str,
    /// What it shows in this run; plain text that may hold names from outside.
    pub sentence: String,
    /// Inks and what they stand for; plain text that may hold names from outside.
    pub legend: Vec<(Ink, String)>,
    /// One or two panels above each other; none where there is nothing to show.
    pub panels: Vec<Panel>,
}

impl Plot {
    fn without_data(id: &'static str, title: &'static str, sentence: &str) -> Self {
        Self { id, title, sentence: sentence.to_owned(), legend: Vec::new(), panels: Vec::new() }
    }
}

/// The plots of several runs beside each other, each by its name.
pub fn side_by_side(runs: &[(&str, &RunResult)]) -> Vec<Plot> {
    vec![latency::by_percentile_of_each(runs)]
}

/// All plots of a run, in the page's order.
pub fn plots(run: &RunResult) -> Vec<Plot> {
    vec![
        load::throughput(run),
        latency::by_percentile(run),
        latency::over_time(run),
        latency::heat_map(run),
        load::partitions(run),
        load::lag(run),
        process::broker(run),
    ]
}

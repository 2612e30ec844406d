//! A comparison on a terminal: one screen, the verdict first.

use super::{COLUMNS, Colour, Screen, printable};
use crate::comparison::{Compared, Comparison, Outcome, Series, Verdict};
use crate::figures::{counted, percent, ratio};
use crate::render::comparison::{differing, estimate, interval, shown};

/// Width of a metric's name, of a figure, of a ratio and of an interval.
const NAME: usize = 26;
const FIGURE: usize = 11;
const RATIO: usize = 8;
const INTERVAL: usize = 17;
/// Differing settings that are shown.
const SETTINGS_SHOWN: usize = 6;

/// The summary of a comparison, each line ended, for a terminal of so many columns.
pub fn terminal(comparison: &Comparison, colour: Colour, columns: usize) -> String {
    let mut screen = Screen::new(colour, columns, false);
    screen.findings(&comparison.findings());
    screen.blank();
    for (name, arm) in [("A", &comparison.a), ("B", &comparison.b)] {
        let label =
            if arm.label.is_empty() || arm.label == arm.spec { String::new() } else { format!("{}: ", arm.label) };
        screen.row(name, &format!("{label}{}", arm.spec));
    }
    let differ: Vec<String> = differing(comparison)
        .take(SETTINGS_SHOWN)
        .map(|s| format!("{} {} / {}", s.name, shown(s.a.as_ref()), shown(s.b.as_ref())))
        .collect();
    let more = differing(comparison).count().saturating_sub(SETTINGS_SHOWN);
    let more = if more > 0 { format!("; {more} more") } else { String::new() };
    if !comparison.settings.is_empty() {
        let differ = if differ.is_empty() { "nothing".to_owned() } else { differ.join("; ") };
        screen.row("differ", &format!("{differ}{more}"));
    }
    if !comparison.metrics.is_empty() {
        screen.blank();
        table(&mut screen, comparison);
        screen.blank();
    }
    screen.row("pairs", &comparison.pairs_in_words());
    noise(&mut screen, comparison);
    let mut text = screen.lines.join("\n");
    text.push('\n');
    text
}

fn table(screen: &mut Screen, comparison: &Comparison) {
    let head = format!("{:<NAME$}{:>FIGURE$}{:>FIGURE$}{:>RATIO$}{:>INTERVAL$}", "", "A", "B", "B/A", "interval");
    screen.line(&screen.colour.paint("2", &head));
    for metric in &comparison.metrics {
        let [a, b] = metric.medians();
        let (mark, code) = match (metric.outcome, metric.verdict) {
            (Some(Outcome::Regressed), _) | (None, Some(Verdict::Worse)) => ("worse", "1;31"),
            (Some(Outcome::Inconclusive), _) | (None, Some(Verdict::Inconclusive)) => ("open", "1;33"),
            (Some(Outcome::NotRegressed), _) => ("passed", "1;32"),
            (None, Some(Verdict::Better)) => ("better", "1;32"),
            (None, Some(Verdict::Equal)) => ("same", "1;32"),
            (None, None) => ("", "2"),
        };
        let name: String = printable(&metric.label).chars().take(NAME - 1).collect();
        let row =
            format!("{name:<NAME$}{a:>FIGURE$}{b:>FIGURE$}{:>RATIO$}{:>INTERVAL$}", estimate(metric), interval(metric));
        // What no verdict is given of steps back.
        let row = if metric.primary { row } else { screen.colour.paint("2", &row) };
        debug_assert!(NAME + 2 * FIGURE + RATIO + INTERVAL + " better".len() <= COLUMNS);
        screen.line(format!("{row} {}", screen.colour.paint(code, mark)).trim_end());
    }
}

fn noise(screen: &mut Screen, comparison: &Comparison) {
    let each = |said: &dyn Fn(&Compared) -> Option<String>| -> Vec<String> {
        comparison.primary().filter_map(|metric| Some(format!("{} {}", metric.name, said(metric)?))).collect()
    };
    let noise = each(&|metric| metric.noise.map(|noise| format!("±{}", percent(noise))));
    if !noise.is_empty() {
        screen.row("noise", &format!("{} between runs of one arm", noise.join(", ")));
    }
    let aa = each(&|metric| metric.aa.map(|aa| format!("{} ({})", ratio(aa.ratio), aa.interval_in_words())));
    if !aa.is_empty() {
        let pairs = counted(comparison.valid_pairs(Series::Aa).count() as u64, "pair");
        screen.row("A/A", &format!("{}; {pairs}", aa.join(", ")));
    }
}

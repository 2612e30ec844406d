//! Runs of different plans, brokers or machines beside each other: what differs, their figures, their latencies.
//!
//! Each was run once, at its own time: nothing here says that one is better. That takes `loadgen compare`.

use std::fmt::Write;

use super::html::{Page, Text};
use super::markdown::escaped;
use super::terminal::{Colour, printable, wrapped};
use crate::comparison::Setting;
use crate::figures::{bytes, bytes_f64, number, share, time_utc};
use crate::judgement::{Finding, Tone, findings, is_invalid};
use crate::merge::{Named, differences, merged_in_words};
use crate::plot;
use crate::schema::RunResult;
use crate::statistics::{Distribution, acked_while_open, throughput};

/// What every rendering says of the method.
pub(super) const CAVEAT: &str = "Each was run at its own time: a difference may be the machine's mood. loadgen compare runs pairs in turn and gives an \
     interval.";
/// Runs to each table on a terminal.
const COLUMNS_SHOWN: usize = 3;
/// Columns of a terminal, and of a row's name.
const COLUMNS: usize = 80;
const NAME_COLUMNS: usize = 27;
/// What a run's column is wide at most.
const WIDEST: usize = 26;

/// One row of a table whose columns are the runs.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cells: Vec<String>,
    /// Whether it is a figure, which an invalid run's must not be read without that word.
    pub(super) is_figure: bool,
}

/// What differs, each with its value in each run.
pub(super) fn differing(runs: &[Named]) -> Vec<Row> {
    let Some(first) = runs.first() else { return Vec::new() };
    let by_run: Vec<Vec<Setting>> = runs.iter().map(|named| differences(&first.run, &named.run)).collect();
    let mut names: Vec<&String> = Vec::new();
    for setting in by_run.iter().flatten() {
        if !names.contains(&&setting.name) {
            names.push(&setting.name);
        }
    }
    let shown = |value: Option<&String>| value.map_or_else(|| "–".to_owned(), String::clone);
    names
        .into_iter()
        .map(|name| {
            let find = |settings: &'_ [Setting]| settings.iter().find(|setting| setting.name == *name).cloned();
            let ours = by_run.iter().find_map(|settings| find(settings)).and_then(|setting| setting.a);
            let cells = by_run.iter().map(|settings| match find(settings) {
                Some(setting) => shown(setting.b.as_ref()),
                None => shown(ours.as_ref()),
            });
            Row { name: name.clone(), cells: cells.collect(), is_figure: false }
        })
        .collect()
}

/// How to get one figure out of a run.
type Pick = Box<dyn Fn(&RunResult) -> Option<String>>;

/// The figures, those that no run has left out.
pub(super) fn figures(runs: &[Named]) -> Vec<Row> {
    let quantile = |of: fn(&RunResult) -> Distribution, q: f64| -> Pick {
        Box::new(move |run| of(run).told_quantile(q).map(|quantile| quantile.to_string()))
    };
    let ack = |run: &RunResult| Distribution::of(&run.latencies.intended_to_ack);
    let consumed =
        |run: &RunResult| Distribution::merged(run.latencies.intended_to_consumed.iter().map(|group| &group.latency));
    let mut rows: Vec<(String, bool, Pick)> = vec![
        ("verdict".to_owned(), false, Box::new(|run| Some(words(run)))),
        ("started".to_owned(), false, Box::new(|run| Some(time_utc(run.times.started_unix_ms)))),
        ("merged".to_owned(), false, Box::new(merged_in_words)),
        ("messages/s acknowledged".to_owned(), true, Box::new(|run| throughput(run).map(number))),
        (
            "while the window was open".to_owned(),
            true,
            Box::new(|run| Some(share(acked_while_open(&run.totals), run.totals.due))),
        ),
    ];
    for (name, of) in [("intended → ack", ack as fn(&RunResult) -> _), ("intended → consumed", consumed)] {
        for (q, label) in super::QUANTILES {
            rows.push((format!("{label} {name}"), true, quantile(of, q)));
        }
        rows.push((format!("max {name}"), true, Box::new(move |run| of(run).max().map(|max| max.to_string()))));
    }
    let more: [(&str, Pick); 4] = [
        ("broker CPU, a million msgs", Box::new(|run| super::cpu_a_million(run, run.resources.broker.as_ref()?))),
        ("broker memory, at most", Box::new(|run| run.resources.broker.as_ref().map(|used| bytes(used.rss_max_bytes)))),
        ("messages in a batch", Box::new(|run| run.batching.messages_per_batch.map(number))),
        ("size of a batch", Box::new(|run| run.batching.bytes_per_batch.map(bytes_f64))),
    ];
    rows.extend(more.into_iter().map(|(name, pick)| (name.to_owned(), true, pick)));
    let row = |(name, is_figure, pick): (String, bool, Pick)| {
        let cells: Vec<Option<String>> = runs.iter().map(|named| pick(&named.run)).collect();
        let shown = cells.iter().any(Option::is_some);
        let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "–".to_owned())).collect();
        shown.then_some(Row { name, cells, is_figure })
    };
    rows.into_iter().filter_map(row).collect()
}

/// The words of a run's findings.
fn words(run: &RunResult) -> String {
    findings(run).iter().map(|finding| finding.word).collect::<Vec<_>>().join(", ")
}

/// The page: one self-contained file, as a run's own.
pub fn html(runs: &[Named]) -> String {
    let names: Vec<&str> = runs.iter().map(|named| named.name.as_str()).collect();
    let mut page = Page::new(false);
    let (title, heading) = (format!("{} side by side", names.join(", ")), format!("{} runs side by side", runs.len()));
    page.opening(&title, &heading, format_args!("{}", Text(&names.join(", "))));
    page.banner(&[Finding { tone: Tone::Caution, word: "ONE RUN EACH", sentence: CAVEAT.to_owned() }]);
    for named in runs {
        page.named_findings(&named.name, &named.run);
    }
    page.columns("What differs", runs, &differing(runs));
    page.columns("Figures", runs, &figures(runs));
    let plotted = runs.iter().map(|named| match is_invalid(&named.run) {
        true => format!("{}, INVALID", named.name),
        false => named.name.clone(),
    });
    let plotted: Vec<String> = plotted.collect();
    let shown: Vec<(&str, &RunResult)> =
        plotted.iter().zip(runs).map(|(name, named)| (name.as_str(), &named.run)).collect();
    page.plot_all(&plot::side_by_side(&shown));
    page.method();
    page.files(runs);
    page.close()
}

/// The tables in GitHub-flavoured Markdown.
pub fn markdown(runs: &[Named]) -> String {
    let mut text = String::new();
    let heads: String = runs.iter().map(|named| format!(" {} |", escaped(&named.name))).collect();
    for (title, rows) in [("what differs", differing(runs)), ("figure", figures(runs))] {
        // Writing to a String does not fail.
        let _ = writeln!(text, "| {title} |{heads}\n|---|{}", "--:|".repeat(runs.len()));
        for row in rows {
            let cells: String = marked(runs, &row).map(|cell| format!(" {} |", escaped(&cell))).collect();
            let _ = writeln!(text, "| {} |{cells}", escaped(&row.name));
        }
        text.push('\n');
    }
    text + CAVEAT + "\n"
}

/// The tables on a terminal, a few runs beside each other.
pub fn terminal(runs: &[Named], colour: Colour) -> String {
    let mut text = String::new();
    let tables = [("what differs", differing(runs)), ("figure", figures(runs))];
    let width = ((COLUMNS - NAME_COLUMNS) / runs.len().clamp(1, COLUMNS_SHOWN)).min(WIDEST);
    for from in (0..runs.len()).step_by(COLUMNS_SHOWN) {
        for (title, rows) in tables.iter().filter(|(_, rows)| !rows.is_empty()) {
            let heads: String =
                runs.iter().skip(from).take(COLUMNS_SHOWN).map(|named| right(&named.name, width)).collect();
            text += &colour.paint("2", &format!("{title:<NAME_COLUMNS$}"));
            text += &format!("{heads}\n");
            for row in rows {
                let name: String = row.name.chars().take(NAME_COLUMNS - 1).collect();
                let cells: String =
                    marked(runs, row).skip(from).take(COLUMNS_SHOWN).map(|cell| right(&cell, width)).collect();
                text += &format!("{:<NAME_COLUMNS$}{cells}\n", printable(&name));
            }
            text.push('\n');
        }
    }
    text + &wrapped(CAVEAT, COLUMNS).join("\n") + "\n"
}

/// Ends where its column ends, with its end where it is too long: names of files differ there.
fn right(text: &str, width: usize) -> String {
    let text = printable(text);
    let length = text.chars().count();
    let room = width - 1;
    let shown: String =
        if length > room { "…".chars().chain(text.chars().skip(length - room + 1)).collect() } else { text };
    format!("{shown:>width$}")
}

/// The cells; those of an invalid run carry the word.
fn marked<'a>(runs: &'a [Named], row: &'a Row) -> impl Iterator<Item = String> + 'a {
    runs.iter().zip(&row.cells).map(|(named, cell)| {
        if row.is_figure && is_invalid(&named.run) { format!("INVALID {cell}") } else { cell.clone() }
    })
}

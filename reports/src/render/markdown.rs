//! A short summary in GitHub-flavoured Markdown, for the summary of a CI run.

mod comparison;
mod gate;

use std::fmt::Write;

pub use comparison::markdown as comparison_markdown;
pub use gate::markdown as gate_markdown;

use super::{
    QUANTILES, anomaly_in_words, client_in_words, cpu_a_million, latency_rows, load_in_words, percent, without_acks,
};
use crate::figures::{bytes, bytes_f64, count, number, share};
use crate::judgement::{Finding, Tone, acknowledged, findings, is_invalid, place};
use crate::schema::RunResult;
use crate::statistics::{Distribution, acked_while_open, throughput, volume};

/// Examples of an anomaly that are listed.
const EXAMPLES_SHOWN: usize = 3;

/// The summary of a run.
pub fn markdown(run: &RunResult) -> String {
    let mut text = String::new();
    opening(&mut text, &findings(run));
    for anomaly in &run.verdict.anomalies {
        line(&mut text, &format!("- **{}**: {}", escaped(&anomaly_in_words(anomaly)), escaped(&anomaly.meaning)));
        for example in anomaly.examples.iter().take(EXAMPLES_SHOWN) {
            let detail = if example.detail.is_empty() { "" } else { ": " };
            line(&mut text, &format!("  - {}{detail}{}", escaped(&place(example)), escaped(&example.detail)));
        }
    }
    if !run.verdict.anomalies.is_empty() {
        text.push('\n');
    }
    paragraph(&mut text, &format!("{}; {}.", load_in_words(&run.plan), escaped(&client_in_words(&run.plan))));
    latencies(&mut text, run);
    figures(&mut text, run);
    text
}

/// The findings, each a paragraph.
fn opening(text: &mut String, findings: &[Finding]) {
    for finding in findings {
        let mark = match finding.tone {
            Tone::Good => "✅",
            Tone::Caution => "⚠️",
            Tone::Bad => "❌",
        };
        paragraph(text, &format!("{mark} **{}** {}", finding.word, escaped(&finding.sentence)));
    }
}

fn latencies(text: &mut String, run: &RunResult) {
    let heads: String = QUANTILES.iter().map(|(_, name)| format!(" {name} |")).collect();
    line(text, &format!("| latency{} |{heads} max |", invalid(run)));
    line(text, &format!("|---|{}", "--:|".repeat(QUANTILES.len() + 1)));
    for row in latency_rows(run) {
        let of = row.of.as_deref().map_or(String::new(), |of| format!(", {}", escaped(of)));
        let cells: Vec<String> = row.cells().collect();
        line(text, &format!("| {}{of} | {} |", row.label, cells.join(" | ")));
    }
    text.push('\n');
    if let Some(sentence) = without_acks(run) {
        paragraph(text, sentence);
    }
}

fn figures(text: &mut String, run: &RunResult) {
    let totals = &run.totals;
    let mut rows = vec![
        (acknowledged(&run.plan), format!("{} of {} due", count(totals.acked), count(totals.due))),
        ("while the window was open", share(acked_while_open(totals), totals.due)),
    ];
    if let Some(rate) = throughput(run) {
        rows.push(("rate", format!("{} messages/s", number(rate))));
    }
    if let Some(volume) = volume(run) {
        rows.push(("volume", format!("{}/s", bytes_f64(volume))));
    }
    if let Some(consumed) = totals.groups.iter().map(|group| group.consumed).min() {
        rows.push(("consumed by each group, at least", count(consumed)));
    }
    if let Some(n) = run.batching.messages_per_batch {
        rows.push(("messages in a batch", number(n)));
    }
    if let Some(broker) = &run.resources.broker {
        if let Some(cpu) = cpu_a_million(run, broker) {
            rows.push(("broker CPU, a million messages", cpu));
        }
        rows.push(("broker memory, at most", bytes(broker.rss_max_bytes)));
    }
    let health = &run.generator;
    if let Some(p99) = Distribution::of(&run.latencies.schedule_lag).quantile(0.99) {
        rows.push(("generator late, p99", p99.to_string()));
    }
    if let Some(share) = health.queue_full_share.filter(|share| *share > 0.0) {
        rows.push(("generator's queue full, of the window", percent(share)));
    }
    if let Some(limit) = health.limit_messages_per_second {
        let headroom = health.headroom.map_or(String::new(), |times| format!(" ({}× the rate)", number(times)));
        rows.push(("generator's limit into a null sink", format!("{} messages/s{headroom}", number(limit))));
    }
    line(text, &format!("| figure{} | |", invalid(run)));
    line(text, "|---|--:|");
    for (name, figure) in rows {
        line(text, &format!("| {name} | {figure} |"));
    }
}

fn invalid(run: &RunResult) -> &'static str {
    if is_invalid(run) { " (INVALID)" } else { "" }
}

fn paragraph(text: &mut String, paragraph: &str) {
    line(text, paragraph);
    text.push('\n');
}

fn line(text: &mut String, line: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{line}");
}

/// Text from outside as itself: no markup, no HTML, no new row.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_stay_text() {
        assert_eq!(escaped("<b>|x|\n*y*"), "&lt;b&gt;\\|x\\| \\*y\\*");
    }
}

//! The summary on a terminal: one screen, the verdict first, wrapped at the width it is told and at no less than 80 columns.
//!
//! A value keeps its unit: `10.1 ms` is never parted at a line's end.
//!
//! Text from outside loses its control characters, so that no name can move the cursor.

mod comparison;

use std::io::IsTerminal;

pub use comparison::terminal as comparison_terminal;

use super::{
    GROUPS_APART, QUANTILES, anomaly_in_words, broker_in_words, client_in_words, cpu_a_million, latency_rows,
    load_in_words, messages_in_words, percent, without_acks, worst_wait_share,
};
use crate::figures::{bytes, bytes_f64, count, counted, duration_ns, duration_us, number, share};
use crate::judgement::{Finding, Tone, awaits_acks, findings, is_invalid, place};
use crate::schema::{AnomalyExample, ProcessUse, RunResult};
use crate::statistics::{self, Distribution, acked_while_open, consumed_while_open, send_gap, volume};

/// Columns that every line of figures fits, and the least that text is wrapped at.
pub const COLUMNS: usize = 80;
/// Longer lines are hard to read.
const COLUMNS_AT_MOST: usize = 120;
/// Where the text after a label begins.
const LABEL_COLUMNS: usize = 13;
/// Width of a latency.
const LATENCY_COLUMNS: usize = 11;
/// Width of a latency row's name.
const NAME_COLUMNS: usize = 25;
/// Kinds of anomalies shown, and examples of each.
const ANOMALIES_SHOWN: usize = 4;
const EXAMPLES_SHOWN: usize = 2;

/// Share of the time for which a thread waits for a CPU that is worth a reader's while.
const WAIT_SHARE_SHOWN: f64 = 0.25;

/// Whether a text may hold ANSI colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// With ANSI escape sequences.
    Ansi,
}

impl Colour {
    /// Colours where the stream is a terminal and `NO_COLOR` (no-color.org) is not set.
    pub fn for_stream(stream: &impl IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if stream.is_terminal() && !refused { Self::Ansi } else { Self::Never }
    }

    pub(super) fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Never => text.to_owned(),
            Self::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// The summary of a run, each line ended, for a terminal of so many columns.
pub fn terminal(run: &RunResult, colour: Colour, columns: usize) -> String {
    let mut screen = Screen::new(colour, columns, is_invalid(run));
    screen.findings(&findings(run));
    anomalies(&mut screen, run);
    screen.blank();
    asked(&mut screen, run);
    screen.blank();
    latencies(&mut screen, run);
    throughput(&mut screen, run);
    resources(&mut screen, run);
    for assertion in run.assertions.iter().filter(|assertion| assertion.held == Some(true)) {
        let measured = assertion.measured.as_deref().unwrap_or("nothing");
        screen.row("asserted", &format!("{} held: {measured} measured", assertion.expression));
    }
    screen.lines.join("\n") + "\n"
}

struct Screen {
    lines: Vec<String>,
    colour: Colour,
    columns: usize,
    invalid: bool,
}

impl Screen {
    fn new(colour: Colour, columns: usize, invalid: bool) -> Self {
        Self { lines: Vec::new(), colour, columns: columns.clamp(COLUMNS, COLUMNS_AT_MOST), invalid }
    }

    /// A line with figures; an invalid run's carries the word.
    fn line(&mut self, text: &str) {
        let mark = if self.invalid { self.colour.paint("31", "INVALID") + "  " } else { String::new() };
        self.lines.push(format!("{mark}{text}"));
    }

    fn blank(&mut self) {
        self.lines.push(String::new());
    }

    fn room(&self) -> usize {
        if self.invalid { self.columns - "INVALID  ".len() } else { self.columns }
    }

    /// The verdict, each finding under its word.
    fn findings(&mut self, findings: &[Finding]) {
        let reasons = findings.iter().filter(|finding| finding.word == "INVALID").count();
        let mut seen = 0;
        for finding in findings {
            seen += usize::from(finding.word == "INVALID");
            // One reason is enough not to use the figures; the page has them all.
            if finding.word == "INVALID" && seen > 1 {
                if seen == reasons {
                    let more = counted(reasons as u64 - 1, "more reason");
                    self.lines.push(format!("         … and {more} in report.html"));
                }
                continue;
            }
            let code = match finding.tone {
                Tone::Good => "1;32",
                Tone::Caution => "1;33",
                Tone::Bad => "1;31",
            };
            let indent = finding.word.chars().count() + 2;
            let parts = wrapped(&finding.sentence, self.columns - indent);
            for (i, part) in parts.into_iter().enumerate() {
                let before = if i == 0 { self.colour.paint(code, finding.word) + "  " } else { " ".repeat(indent) };
                self.lines.push(format!("{before}{part}"));
            }
        }
    }

    /// A label and its text, wrapped under itself.
    fn row(&mut self, label: &str, text: &str) {
        let label = self.colour.paint("2", &format!("{label:<LABEL_COLUMNS$}"));
        for (i, part) in wrapped(text, self.room() - LABEL_COLUMNS).into_iter().enumerate() {
            let before = if i == 0 { label.clone() } else { " ".repeat(LABEL_COLUMNS) };
            self.line(&format!("{before}{part}"));
        }
    }
}

/// Where an example lies, and what is known of it, if anything is.
fn example_in_words(example: &AnomalyExample) -> String {
    if example.detail.is_empty() { place(example) } else { format!("{}: {}", place(example), example.detail) }
}

fn anomalies(screen: &mut Screen, run: &RunResult) {
    let anomalies = &run.verdict.anomalies;
    for anomaly in anomalies.iter().take(ANOMALIES_SHOWN) {
        let text = format!("{}: {}", anomaly_in_words(anomaly), anomaly.meaning);
        for (i, part) in wrapped(&text, screen.columns - 4).into_iter().enumerate() {
            screen.lines.push(format!("{}{part}", if i == 0 { "  " } else { "    " }));
        }
        for example in anomaly.examples.iter().take(EXAMPLES_SHOWN) {
            let text = example_in_words(example);
            screen.lines.extend(wrapped(&text, screen.columns - 4).into_iter().map(|part| format!("    {part}")));
        }
    }
    if anomalies.len() > ANOMALIES_SHOWN || anomalies.iter().any(|anomaly| anomaly.examples.len() > EXAMPLES_SHOWN) {
        screen.lines.push("  more of them in result.json".to_owned());
    }
}

fn asked(screen: &mut Screen, run: &RunResult) {
    let plan = &run.plan;
    screen.row(
        "asked",
        &format!(
            "{}; {}, key {}, partitioner {}",
            load_in_words(plan),
            messages_in_words(plan),
            plan.key,
            plan.partitioner
        ),
    );
    let to = format!(
        "{}, topic {} of {}; {}",
        broker_in_words(&run.manifest.broker),
        plan.topic,
        counted(u64::from(plan.partitions), "partition"),
        client_in_words(plan)
    );
    screen.row("of", &to);
}

fn latencies(screen: &mut Screen, run: &RunResult) {
    let heads = QUANTILES.iter().map(|(_, name)| *name).chain(["max"]);
    // The word INVALID takes its room from the columns.
    let columns = if screen.invalid { LATENCY_COLUMNS - 2 } else { LATENCY_COLUMNS };
    let heads: String = heads.map(|head| format!("{head:>columns$}")).collect();
    let head = screen.colour.paint("2", &format!("{:<NAME_COLUMNS$}{heads}", "latency"));
    screen.line(&head);
    for row in latency_rows(run) {
        let of = row.of.as_deref().map_or(String::new(), |of| format!(", {}", printable(of)));
        let name: String = format!("{}{of}", row.label).chars().take(NAME_COLUMNS - 1).collect();
        let cells: String = row.cells().map(|cell| format!("{:>columns$}", tight(cell, screen.invalid))).collect();
        screen.line(&format!("{name:<NAME_COLUMNS$}{cells}"));
        for (number, what) in [(row.censored, "unfinished"), (row.non_positive, "not above zero")] {
            if number > 0 {
                screen.line(&format!("  {} {what}", count(number)));
            }
        }
    }
    if let Some(sentence) = without_acks(run) {
        screen.row("", sentence);
    }
    if let Some(gap) = send_gap(&run.latencies).filter(|_| awaits_acks(&run.plan)) {
        let (p99, max) = (duration_ns(gap.p99_ns), duration_ns(gap.max_ns));
        screen.row("omitted", &format!("{p99} of p99 and {max} of the maximum, if measured from the actual send"));
    }
}

/// A lower bound without its blank, where room is scarce.
fn tight(cell: String, is_tight: bool) -> String {
    if is_tight { cell.replace("> ", ">") } else { cell }
}

fn throughput(screen: &mut Screen, run: &RunResult) {
    let totals = &run.totals;
    let rate = statistics::throughput(run).map_or("–".to_owned(), number);
    let volume = volume(run).map_or("–".to_owned(), bytes_f64);
    let while_open = share(acked_while_open(totals), totals.due);
    let mut text = format!("{rate}/s, {volume}/s; ");
    text += &format!("{} of {} due, {while_open} while the window was open", count(totals.acked), count(totals.due));
    for (number, what) in [(totals.failed, "failed"), (totals.unknown, "unknown"), (totals.unsent, "unsent")] {
        if number > 0 {
            text += &format!(", {} {what}", count(number));
        }
    }
    screen.row(if awaits_acks(&run.plan) { "acked" } else { "sent" }, &text);
    for group in totals.groups.iter().take(GROUPS_APART) {
        let while_open = share(consumed_while_open(totals, group), totals.due);
        let mut text = format!("{} by {}, {while_open} while the window was open", count(group.consumed), group.name);
        for (number, what) in [(group.redelivered, "redelivered"), (group.foreign, "foreign")] {
            if number > 0 {
                text += &format!(", {} {what}", count(number));
            }
        }
        screen.row("consumed", &text);
    }
    if totals.groups.len() > GROUPS_APART {
        let more = counted((totals.groups.len() - GROUPS_APART) as u64, "more group");
        screen.row("", &format!("… and {more}"));
    }
    let batching = &run.batching;
    let parts: Vec<String> = [
        batching.messages_per_batch.map(|n| format!("{} messages", number(n))),
        batching.bytes_per_batch.map(|n| format!("{} a batch", bytes_f64(n))),
        batching.produce_requests_per_second.map(|n| format!("{} produce requests/s", number(n))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !parts.is_empty() {
        screen.row("batching", &parts.join(", "));
    }
}

fn resources(screen: &mut Screen, run: &RunResult) {
    if let Some(broker) = &run.resources.broker {
        screen.row("broker", &process(run, broker));
    }
    let health = &run.generator;
    let queue = match health.queue_full_ns {
        0 => "queue never full".to_owned(),
        ns => format!("queue full for {}", duration_ns(ns)),
    };
    let max = duration_ns(health.max_schedule_lag_ns);
    let p99 = Distribution::of(&run.latencies.schedule_lag).quantile(0.99);
    let p99 = p99.map_or(String::new(), |p99| format!("p99 {p99}, "));
    let mut text = format!("late {p99}max {max}; {queue}");
    if let Some(cpu_share) = health.cpu_share {
        text += &format!("; {} of the CPU", percent(cpu_share));
    }
    if let Some(share) = worst_wait_share(health).filter(|share| *share >= WAIT_SHARE_SHOWN) {
        text += &format!(", a thread waited for one {} of the time", percent(share));
    }
    // Of a valid run, the verdict's own sentence says it.
    if let Some(limit) = health.limit_messages_per_second.filter(|_| screen.invalid) {
        text += &format!("; limit {}/s into a null sink", number(limit));
    }
    screen.row("generator", &text);
}

fn process(run: &RunResult, used: &ProcessUse) -> String {
    let cpu = used.user_us.saturating_add(used.system_us);
    let mut text = format!("{} of CPU", duration_us(cpu));
    if let Some(cpu) = cpu_a_million(run, used) {
        text += &format!(" ({cpu} a million messages)");
    }
    text += &format!(", {}", bytes(used.rss_max_bytes));
    if let Some(us) = used.ready_us {
        text += &format!(", ready in {}", duration_us(us));
    }
    text
}

/// Text from outside without what a terminal would act on.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Units that stay with the number before them.
const UNITS: [&str; 14] = ["ns", "µs", "ms", "s", "min", "h", "%", "B", "KiB", "MiB", "GiB", "KiB/s", "MiB/s", "GiB/s"];

/// Whether a word is the unit of the value before it.
fn is_unit_of(word: &str, value: &str) -> bool {
    let unit = word.trim_end_matches([',', ';', ':', '.', ')']);
    value.ends_with(|c: char| c.is_ascii_digit()) && UNITS.contains(&unit)
}

/// Lines of at most `columns` characters, broken at spaces, but for that before a unit; a longer word is cut.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let text = printable(text);
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match words.last_mut() {
            Some(value) if is_unit_of(word, value) => *value += &format!(" {word}"),
            _ => words.push(word.to_owned()),
        }
    }
    let mut lines = vec![String::new()];
    for word in words {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let line = lines.last_mut().filter(|line| !line.is_empty());
            let used = line.as_ref().map_or(0, |line| line.chars().count() + 1);
            match line {
                Some(line) if used + word.len() <= columns => {
                    line.push(' ');
                    line.extend(word.drain(..));
                }
                Some(_) => lines.push(String::new()),
                None => {
                    let rest = word.split_off(word.len().min(columns));
                    if let Some(line) = lines.last_mut() {
                        line.extend(word);
                    }
                    word = rest;
                }
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_wraps_at_spaces_and_never_overflows() {
        assert_eq!(wrapped("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("", 3), [""]);
        assert_eq!(wrapped("p99 of 10.1 ms, and 3 of 4", 12), ["p99 of", "10.1 ms, and", "3 of 4"]);
    }

    #[test]
    fn control_characters_of_a_name_do_not_reach_the_terminal() {
        assert_eq!(wrapped("a\x1b[31mb\nc", 40), ["a\u{fffd}[31mb\u{fffd}c"]);
    }
}

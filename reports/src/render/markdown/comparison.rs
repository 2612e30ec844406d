//! A comparison in GitHub-flavoured Markdown, for a pull request or the summary of a CI run.

use super::{escaped, line, opening, paragraph};
use crate::comparison::Comparison;
use crate::render::comparison::{differing, estimate, interval, method, p_value, shown, verdict_word};

/// The summary of a comparison.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = String::new();
    opening(&mut text, &comparison.findings());
    for (name, arm) in [("A", &comparison.a), ("B", &comparison.b)] {
        line(&mut text, &format!("- **{name}** {}: {}", escaped(&arm.label), escaped(&arm.spec)));
    }
    text.push('\n');
    if !comparison.metrics.is_empty() {
        line(&mut text, "| | A | B | B/A | interval | p | noise | |");
        line(&mut text, "|---|--:|--:|--:|--:|--:|--:|---|");
    }
    for metric in &comparison.metrics {
        let [a, b] = metric.medians();
        let strong = if metric.primary { "**" } else { "" };
        line(
            &mut text,
            &format!(
                "| {strong}{}{strong} | {a} | {b} | {} | {} | {} | {} | {} |",
                escaped(&metric.label),
                estimate(metric),
                interval(metric),
                p_value(metric.p_holm).replace('<', "&lt;"),
                metric.noise_in_words(),
                verdict_word(metric)
            ),
        );
    }
    text.push('\n');
    let differing: Vec<String> = differing(comparison)
        .map(|s| {
            format!("| {} | {} | {} |", escaped(&s.name), escaped(shown(s.a.as_ref())), escaped(shown(s.b.as_ref())))
        })
        .collect();
    if !differing.is_empty() {
        line(&mut text, "| differing setting | A | B |");
        line(&mut text, "|---|---|---|");
        differing.iter().for_each(|row| line(&mut text, row));
        text.push('\n');
    }
    paragraph(&mut text, &format!("Pairs: {}.", comparison.pairs_in_words()));
    line(&mut text, &format!("<details><summary>Method</summary>\n\n{}\n\n</details>", escaped(&method(comparison))));
    text
}

//! A gate in GitHub-flavoured Markdown: what is written to the pull request.

use super::{escaped, line, opening, paragraph};
use crate::comparison::{Comparison, Gate};
use crate::figures::percent;
use crate::render::comparison::{differing, estimate, interval, method, outcome_word, shown};

/// The comment of a gate.
pub fn markdown(gate: &Gate) -> String {
    let mut text = String::from("### loadgen gate\n\n");
    opening(&mut text, &gate.findings());
    let Some(last) = gate.last() else { return text };
    for (name, arm) in [("baseline", &last.a), ("candidate", &last.b)] {
        line(&mut text, &format!("- **{name}** {}: {}", escaped(&arm.label), escaped(&arm.spec)));
    }
    text.push('\n');
    figures(&mut text, gate);
    for (number, comparison) in (1..).zip(&gate.comparisons) {
        let which = if gate.comparisons.len() > 1 { format!(" of comparison {number}") } else { String::new() };
        paragraph(&mut text, &format!("Pairs{which}: {}.", comparison.pairs_in_words()));
    }
    differences(&mut text, last);
    let of_two =
        if gate.comparisons.len() > 1 { "The first comparison had an error rate as large, of its own. " } else { "" };
    let method = escaped(&format!("A is the baseline, B the candidate. {of_two}{}", method(last)));
    line(&mut text, &format!("<details><summary>Method</summary>\n\n{method}\n\n</details>"));
    text
}

fn figures(text: &mut String, gate: &Gate) {
    let judged = gate.judged();
    if judged.is_empty() {
        return;
    }
    line(text, "| | baseline | candidate | ratio | interval | tolerance | |");
    line(text, "|---|--:|--:|--:|--:|--:|---|");
    for judged in judged {
        let metric = judged.metric;
        let [a, b] = metric.medians();
        let by = if gate.comparisons.len() > 1 { format!(", comparison {}", judged.comparison) } else { String::new() };
        line(
            text,
            &format!(
                "| {} | {a} | {b} | {} | {} | {} | {}{by} |",
                escaped(&metric.label),
                estimate(metric),
                interval(metric),
                percent(metric.tolerance),
                outcome_word(judged.outcome)
            ),
        );
    }
    text.push('\n');
}

fn differences(text: &mut String, comparison: &Comparison) {
    let mut rows = differing(comparison).peekable();
    if rows.peek().is_none() {
        return;
    }
    line(text, "| differing setting | baseline | candidate |");
    line(text, "|---|---|---|");
    for row in rows {
        let [a, b] = [&row.a, &row.b].map(|value| escaped(shown(value.as_ref())));
        line(text, &format!("| {} | {a} | {b} |", escaped(&row.name)));
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{Compared, Outcome};

    #[test]
    fn the_comment_opens_with_the_outcome_of_both_comparisons() {
        let comparison = |outcome| Comparison {
            metrics: vec![Compared {
                name: "ack.p99".to_owned(),
                label: "a|b".to_owned(),
                primary: true,
                outcome: Some(outcome),
                ..Compared::default()
            }],
            outcome: Some(outcome),
            ..Comparison::default()
        };
        let gate = Gate { comparisons: vec![comparison(Outcome::Inconclusive), comparison(Outcome::NotRegressed)] };
        let text = markdown(&gate);
        assert!(text.contains("✅ **NOT REGRESSED** Not worse by more than the tolerance: a\\|b. A first"), "{text}");
        assert!(text.contains("not regressed, comparison 2 |") && !text.contains("INCONCLUSIVE"), "{text}");
    }
}

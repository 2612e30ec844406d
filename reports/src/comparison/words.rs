//! What a comparison says, in words: the findings every rendering opens with, and the sentences they share.

use super::{Compared, Comparison, Estimate, Gate, Outcome, Series, Verdict};
use crate::figures::{bytes_f64, counted, duration_ns, number, percent, ratio};
use crate::judgement::{Finding, Tone};
use crate::schema::Ending;
use crate::statistics::signed_rank::least_pairs;

/// The exit code of a run with anomalies.
const ANOMALIES: i32 = 1;

impl Comparison {
    /// What there is to know before any figure; never empty, and with the verdict unless the comparison failed.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut found = |tone, word, sentence| findings.push(Finding { tone, word, sentence });
        if let Ending::Failed { error } = &self.ending {
            let anomalies = self.runs.iter().any(|run| run.exit.code == ANOMALIES);
            found(Tone::Bad, if anomalies { "ANOMALIES" } else { "FAILED" }, error.clone());
        }
        if !self.metrics.is_empty() {
            let (tone, word, sentence) = self.conclusion();
            found(tone, word, sentence);
        }
        let valid = self.valid_pairs(Series::Ab).count();
        if let Some(sentence) = self.too_few(valid) {
            found(Tone::Caution, "TOO FEW PAIRS", sentence);
        }
        if let Some(sentence) = self.excluded(valid) {
            found(if valid == 0 { Tone::Bad } else { Tone::Caution }, "INVALID RUNS", sentence);
        }
        for (name, arm) in [("A", &self.a), ("B", &self.b)] {
            if arm.rate_not_held > 0 {
                let sentence = format!(
                    "{name} did not hold the rate in {} of {}: latencies there are those of a growing backlog.",
                    arm.rate_not_held,
                    counted(valid as u64, "run")
                );
                found(Tone::Caution, "RATE NOT HELD", sentence);
            }
        }
        if self.ending == Ending::Interrupted {
            let sentence = format!(
                "Ended by hand after {}. Where what it had shown by then was the reason, the confidence is less than stated.",
                counted(self.attempted(), "pair")
            );
            found(Tone::Caution, "CUT SHORT", sentence);
        }
        findings
    }

    /// The verdict, or what a gate says.
    fn conclusion(&self) -> (Tone, &'static str, String) {
        if let Some(outcome) = self.outcome {
            let of = |wanted| self.primary().filter(move |metric| metric.outcome == Some(wanted));
            let some = |wanted| of(wanted).map(in_words).collect::<Vec<_>>();
            let not_worse = of(Outcome::NotRegressed).map(|metric| metric.label.clone()).collect();
            return (
                outcome.tone(),
                outcome.word(),
                outcome_sentence(some(Outcome::Regressed), some(Outcome::Inconclusive), not_worse),
            );
        }
        let tone = match self.verdict {
            Verdict::Worse => Tone::Bad,
            Verdict::Inconclusive => Tone::Caution,
            Verdict::Equal | Verdict::Better => Tone::Good,
        };
        (tone, self.word(), self.verdict_sentence())
    }

    /// `B IS BETTER`, …
    fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Worse => "B IS WORSE",
            Verdict::Better => "B IS BETTER",
            verdict => verdict.word(),
        }
    }

    /// Pairs of A and B that were begun and not dropped.
    pub fn attempted(&self) -> u64 {
        let pairs = self.runs.iter().filter(|run| run.series == Series::Ab).map(|run| run.pair);
        pairs.collect::<std::collections::BTreeSet<_>>().len() as u64
    }

    /// The primary metrics by their verdict: `Worse: … Better: …`.
    fn verdict_sentence(&self) -> String {
        let of = |verdict| self.primary().filter(move |metric| metric.verdict == Some(verdict));
        let mut parts = Vec::new();
        for (verdict, opening) in
            [(Verdict::Worse, "Worse"), (Verdict::Better, "Better"), (Verdict::Inconclusive, "Not told apart")]
        {
            let said: Vec<String> = of(verdict).map(in_words).collect();
            if !said.is_empty() {
                parts.push(format!("{opening}: {}.", said.join("; ")));
            }
        }
        let equal: Vec<&str> = of(Verdict::Equal).map(|metric| metric.label.as_str()).collect();
        if !equal.is_empty() {
            parts.push(format!("No difference beyond the tolerance: {}.", equal.join("; ")));
        }
        parts.join(" ")
    }

    fn too_few(&self, valid: usize) -> Option<String> {
        let primary = self.primary().count().max(1) as f64;
        let most = self.design.looks.iter().map(|look| look.alpha).fold(0.0, f64::max);
        let least = least_pairs(most / primary);
        (valid > 0 && self.metrics.iter().any(|metric| metric.estimate.is_none_or(|e| e.low.is_none()))).then(|| {
            format!(
                "{} can bound no ratio at this confidence, whatever they show; {least} is the least that may.",
                counted(valid as u64, "valid pair")
            )
        })
    }

    fn excluded(&self, valid: usize) -> Option<String> {
        let invalid: Vec<_> = self.runs.iter().filter(|run| !run.invalid.is_empty()).collect();
        let first = invalid.first()?;
        Some(format!(
            "Left out: {} of {}, as {} INVALID, the first because: {}",
            self.attempted().saturating_sub(valid as u64),
            counted(self.attempted(), "pair"),
            if invalid.len() == 1 { "a run was".to_owned() } else { format!("{} runs were", invalid.len()) },
            first.invalid.first().map_or("", String::as_str)
        ))
    }

    /// `10 of 16 pairs planned; all was clear at look 1 of 2; 1 excluded`.
    pub fn pairs_in_words(&self) -> String {
        let (attempted, valid) = (self.attempted(), self.valid_pairs(Series::Ab).count() as u64);
        let mut text = format!("{valid} of {} planned", counted(self.design.pairs.into(), "pair"));
        let last = self.design.looks.iter().rposition(|look| look.taken);
        if let (Some(last), true) = (last, self.ending == Ending::Completed && valid < self.design.pairs.into()) {
            text += &format!("; all was clear at look {} of {}", last + 1, self.design.looks.len());
        }
        if attempted > valid {
            text += &format!("; {} excluded", attempted - valid);
        }
        text
    }
}

impl Gate {
    /// What there is to know before any figure; never empty.
    pub fn findings(&self) -> Vec<Finding> {
        let Some(last) = self.last() else { return Vec::new() };
        // Of the last comparison, but for what it concludes by itself.
        let mut findings: Vec<Finding> = last
            .findings()
            .into_iter()
            .filter(|finding| last.outcome.is_none_or(|o| finding.word != o.word()))
            .collect();
        if let Some(outcome) = self.outcome() {
            let judged = self.judged();
            let of = |wanted| judged.iter().filter(move |judged| judged.outcome == wanted);
            let some = |wanted| of(wanted).map(|judged| in_words(judged.metric)).collect();
            let not_worse = of(Outcome::NotRegressed).map(|judged| judged.metric.label.clone()).collect();
            let mut sentence = outcome_sentence(some(Outcome::Regressed), some(Outcome::Inconclusive), not_worse);
            if self.comparisons.len() > 1 {
                sentence += " A first comparison had left something open; a second one was made on fresh data.";
            }
            findings.insert(0, Finding { tone: outcome.tone(), word: outcome.word(), sentence });
        }
        findings
    }
}

impl Outcome {
    fn tone(self) -> Tone {
        match self {
            Self::Regressed => Tone::Bad,
            Self::Inconclusive => Tone::Caution,
            Self::NotRegressed => Tone::Good,
        }
    }
}

/// `Regressed: … Not told: … Not worse by more than the tolerance: …`.
fn outcome_sentence(regressed: Vec<String>, open: Vec<String>, not_worse: Vec<String>) -> String {
    let parts = [
        ("Worse by more than the tolerance", regressed),
        ("Not told", open),
        ("Not worse by more than the tolerance", not_worse),
    ];
    let said = parts.iter().filter(|(_, metrics)| !metrics.is_empty());
    said.map(|(opening, metrics)| format!("{opening}: {}.", metrics.join("; "))).collect::<Vec<_>>().join(" ")
}

impl Compared {
    /// A figure in the metric's unit.
    pub fn figure(&self, value: f64) -> String {
        match self.unit.as_str() {
            "ns" => duration_ns(value.round() as u64),
            "us" => duration_ns((value * 1e3).round() as u64),
            "bytes" => bytes_f64(value),
            "per_second" => format!("{}/s", number(value)),
            _ => number(value),
        }
    }

    /// A's and B's middle run, in the metric's unit.
    pub fn medians(&self) -> [String; 2] {
        [self.a_median, self.b_median].map(|value| value.map_or("–".to_owned(), |value| self.figure(value)))
    }

    /// `±7.3 %`, or a dash.
    pub fn noise_in_words(&self) -> String {
        self.noise.map_or("–".to_owned(), |noise| format!("±{}", percent(noise)))
    }
}

impl Estimate {
    /// `1.02 to 1.18`, or that nothing bounds it.
    pub fn interval_in_words(&self) -> String {
        match (self.low, self.high) {
            (Some(low), Some(high)) => format!("{} to {}", ratio(low), ratio(high)),
            _ => "unbounded".to_owned(),
        }
    }
}

/// `intended → ack p99 3.29 × A's (2.91 to 3.71)`.
fn in_words(metric: &Compared) -> String {
    let Some(estimate) = &metric.estimate else { return metric.label.clone() };
    let interval = estimate.low.map_or(String::new(), |_| format!(" ({})", estimate.interval_in_words()));
    // A gate has names for its arms.
    let whose = if metric.outcome.is_some() { "the baseline's" } else { "A's" };
    format!("{} {} × {whose}{interval}", metric.label, ratio(estimate.ratio))
}

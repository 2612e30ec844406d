//! Renderings of a comparison. Each is a text made from the [`Comparison`] alone, and opens with its
//! [findings](Comparison::findings).

pub use super::html::comparison_html as html;
pub use super::markdown::comparison_markdown as markdown;
pub use super::terminal::comparison_terminal as terminal;

use crate::comparison::{Compared, Comparison, Outcome, Question, Setting, Verdict};
use crate::figures::{counted, percent, ratio};

/// The verdict of a row, in a word.
pub(super) fn verdict_word(metric: &Compared) -> &'static str {
    match (metric.outcome, metric.verdict) {
        (Some(outcome), _) => outcome_word(outcome),
        (None, verdict) => match verdict {
            Some(Verdict::Worse) => "worse",
            Some(Verdict::Better) => "better",
            Some(Verdict::Equal) => "no difference",
            Some(Verdict::Inconclusive) => "inconclusive",
            None => "",
        },
    }
}

/// The outcome of a gate's row, in a word or two.
pub(super) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Regressed => "regressed",
        Outcome::NotRegressed => "not regressed",
        Outcome::Inconclusive => "inconclusive",
    }
}

/// The estimate, or a dash.
pub(super) fn estimate(metric: &Compared) -> String {
    metric.estimate.map_or("–".to_owned(), |estimate| ratio(estimate.ratio))
}

/// The interval, or a dash.
pub(super) fn interval(metric: &Compared) -> String {
    metric.estimate.map_or("–".to_owned(), |estimate| estimate.interval_in_words())
}

/// A p-value as text: never rounded to nothing.
pub(super) fn p_value(p: Option<f64>) -> String {
    match p {
        None => "–".to_owned(),
        Some(p) if p < 0.001 => "< 0.001".to_owned(),
        Some(p) => format!("{p:.3}"),
    }
}

/// The settings that differ; for most comparisons, what is compared.
pub(super) fn differing(comparison: &Comparison) -> impl Iterator<Item = &Setting> {
    comparison.settings.iter().filter(|setting| setting.differs())
}

/// The value, or a dash.
pub(super) fn shown(value: Option<&String>) -> &str {
    value.map_or("–", String::as_str)
}

/// What an error rate leaves, `97.5 %`: rounded down, so that no more is claimed than holds.
fn confidence(alpha: f64) -> String {
    let hundredths = ((1.0 - alpha) * 1e4 + 1e-6).floor();
    format!("{} %", hundredths / 100.0)
}

/// The method, in a paragraph.
pub(super) fn method(comparison: &Comparison) -> String {
    let design = &comparison.design;
    let primary = comparison.primary().count() as u64;
    let looks: Vec<String> =
        design.looks.iter().map(|look| format!("{} (spends {})", look.pairs, percent(look.alpha))).collect();
    let aa = match design.aa_pairs {
        0 => "The noise shown is that between successive runs of the same arm: half of all such runs differ by less.",
        _ => {
            "Pairs of A with itself ran in between, judged by the same method; the noise is that between successive runs of \
              the same arm."
        }
    };
    let rule = match design.question {
        Question::Difference => {
            "A verdict needs the whole interval beyond or inside the tolerance, which is symmetric: 1 / (1 + t) to 1 + t."
        }
        Question::Regression => {
            "A metric has regressed where the whole interval lies beyond the tolerance on the side of worse, has not where \
             none of it does, and is open else; the tolerance is 1 / (1 + t) or 1 + t. An interval errs to either side alike, \
             so that the probability of a regression found where there is none is half of the error rate."
        }
    };
    let levels: Vec<String> = design.looks.iter().map(|look| confidence(look.alpha / primary.max(1) as f64)).collect();
    format!(
        "Runs came in pairs of A and B on one machine, each run a process of its own on fresh data, both with the same \
         messages, in an order decided by a coin (seed {}). Each pair gives one number, the log ratio of B's figure to A's; \
         inference is over these, never over messages. The test is Wilcoxon's signed-rank statistic under all sign flips, \
         exact; the estimate is Hodges and Lehmann's, and the interval holds all ratios that the test does not reject. The \
         error rate of {} is shared by {} named in advance and by the planned looks after {} pairs, so that all \
         intervals of all looks hold together with at least {}; at each look, those of one metric hold with {}. {rule} p is of \
         “no difference at all”, after Holm. {aa} Of each arm's figure, the middle run is shown; latencies by percentile are \
         from histograms merged over all its runs.",
        comparison.seed,
        percent(design.alpha),
        counted(primary, "metric"),
        looks.join(" and "),
        confidence(design.alpha),
        levels.join(" and ")
    )
}

#[cfg(test)]
mod tests {
    use super::confidence;

    #[test]
    fn a_confidence_is_never_rounded_up() {
        assert_eq!([0.05, 0.025, 0.00625, 0.0].map(confidence), ["95 %", "97.5 %", "99.37 %", "100 %"]);
    }
}

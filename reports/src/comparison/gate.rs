//! What a gate says: one-sided, of one comparison or of two.
//!
//! A gate asks whether B is worse than A by more than the tolerance, and nothing else. A comparison that leaves that open may
//! be followed by a second one on fresh data. Each has an error rate of its own, and both add up to the gate's: by
//! Bonferroni's inequality, all intervals of both hold together with at least the confidence stated. So what either one
//! settled is settled, whatever the other leaves open, and a regression in either is one.

use serde::{Deserialize, Serialize};

use super::{Compared, Comparison};
use crate::statistics::Standing;

/// What is said of B, of one metric or of all primary ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// B is worse by more than the tolerance: the whole interval lies beyond it.
    Regressed,
    /// The interval reaches across the edge of the tolerance on the side of worse, or there is none.
    #[default]
    Inconclusive,
    /// B is not worse by more than the tolerance; whether it is better was not asked.
    NotRegressed,
}

impl Outcome {
    /// What follows for one metric from where its interval lies.
    pub(super) fn of(stands: Standing, lower_is_better: bool) -> Self {
        match (stands, lower_is_better) {
            (Standing::Above, true) | (Standing::Below, false) => Self::Regressed,
            (Standing::Within, _)
            | (Standing::Below | Standing::NotAbove, true)
            | (Standing::Above | Standing::NotBelow, false) => Self::NotRegressed,
            (Standing::NotBelow, true) | (Standing::NotAbove, false) | (Standing::Open, _) => Self::Inconclusive,
        }
    }

    /// The gravest: regressed in one is regressed, else open in one is open. `None` of none.
    pub(super) fn of_all(outcomes: impl Iterator<Item = Self> + Clone) -> Option<Self> {
        let any = |wanted: &Self| outcomes.clone().any(|outcome| outcome == *wanted);
        [Self::Regressed, Self::Inconclusive, Self::NotRegressed].into_iter().find(any)
    }

    /// `REGRESSED`, …: the word that renderings open with.
    pub fn word(self) -> &'static str {
        match self {
            Self::Regressed => "REGRESSED",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::NotRegressed => "NOT REGRESSED",
        }
    }
}

/// A gate: its comparisons, in the order they took place; one, or two where the first left something open.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// A is the baseline and B the candidate in each of them.
    pub comparisons: Vec<Comparison>,
}

/// A metric, by the comparison that settled it.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// What that comparison found; the last one, where none settled it.
    pub metric: &'a Compared,
    /// What follows.
    pub outcome: Outcome,
    /// The number of that comparison, from 1.
    pub comparison: usize,
}

impl Gate {
    /// The primary metrics that were measured.
    pub fn judged(&self) -> Vec<Judged<'_>> {
        let of = |name: &str| -> Option<Judged<'_>> {
            let found = self.comparisons.iter().zip(1..).filter_map(|(comparison, number)| {
                let metric = comparison.primary().find(|metric| metric.name == name)?;
                Some(Judged { metric, outcome: metric.outcome?, comparison: number })
            });
            let found: Vec<_> = found.collect();
            let first = |wanted| found.iter().find(|judged| judged.outcome == wanted).copied();
            first(Outcome::Regressed).or(first(Outcome::NotRegressed)).or(found.last().copied())
        };
        super::METRICS.iter().filter(|metric| metric.primary).filter_map(|metric| of(metric.name)).collect()
    }

    /// What it says of the candidate; `None` where nothing could be compared.
    pub fn outcome(&self) -> Option<Outcome> {
        Outcome::of_all(self.judged().iter().map(|judged| judged.outcome))
    }

    /// The comparison that decided: the last one.
    pub fn last(&self) -> Option<&Comparison> {
        self.comparisons.last()
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{Inconclusive, NotRegressed, Regressed};
    use super::*;

    /// A gate of comparisons with these outcomes of `ack.p99` and `throughput`.
    fn gate(comparisons: &[[Outcome; 2]]) -> Gate {
        let metric = |(name, outcome): (&str, Outcome)| Compared {
            name: name.to_owned(),
            primary: true,
            outcome: Some(outcome),
            ..Compared::default()
        };
        let comparison = |outcomes: &[Outcome; 2]| Comparison {
            metrics: ["ack.p99", "throughput"].into_iter().zip(*outcomes).map(metric).collect(),
            ..Comparison::default()
        };
        Gate { comparisons: comparisons.iter().map(comparison).collect() }
    }

    #[test]
    fn more_is_worse_of_latency_and_less_of_throughput_and_better_is_never_a_regression() {
        for (stands, of_latency, of_throughput) in [
            (Standing::Above, Regressed, NotRegressed),
            (Standing::Below, NotRegressed, Regressed),
            (Standing::Within, NotRegressed, NotRegressed),
            (Standing::NotAbove, NotRegressed, Inconclusive),
            (Standing::NotBelow, Inconclusive, NotRegressed),
            (Standing::Open, Inconclusive, Inconclusive),
        ] {
            assert_eq!(
                (Outcome::of(stands, true), Outcome::of(stands, false)),
                (of_latency, of_throughput),
                "{stands:?}"
            );
        }
    }

    #[test]
    fn what_either_comparison_settled_is_settled_and_a_regression_in_either_is_one() {
        for (comparisons, outcome, settled_by) in [
            (&[[NotRegressed, NotRegressed]][..], NotRegressed, [1, 1]),
            (&[[NotRegressed, Inconclusive]], Inconclusive, [1, 1]),
            (&[[NotRegressed, Inconclusive], [Inconclusive, NotRegressed]], NotRegressed, [1, 2]),
            (&[[NotRegressed, Inconclusive], [Inconclusive, Inconclusive]], Inconclusive, [1, 2]),
            (&[[NotRegressed, Inconclusive], [Regressed, Inconclusive]], Regressed, [2, 2]),
        ] {
            let gate = gate(comparisons);
            assert_eq!(gate.outcome(), Some(outcome), "{comparisons:?}");
            assert_eq!(gate.judged().iter().map(|judged| judged.comparison).collect::<Vec<_>>(), settled_by);
        }
        assert_eq!(Gate::default().outcome(), None);
    }
}

//! Renderings of a gate, each a text made from the [`Gate`](crate::comparison::Gate) alone.
//!
//! | room | for |
//! |---|---|
//! | [`markdown()`] | people: a comment on the pull request |
//! | [`junit()`] | the CI server's list of tests: one a primary metric |
//! | [`benchmark()`] | github-action-benchmark, which draws the candidate's figures over time |
//! | [`history()`] | git: one line a gate, appended to a file that is kept |

mod benchmark;
mod history;
mod junit;

pub use self::benchmark::benchmark;
pub use self::history::history;
pub use self::junit::junit;
pub use super::markdown::gate_markdown as markdown;

#[cfg(test)]
mod sample {
    use crate::comparison::{Compared, Comparison, Estimate, Figure, Gate, Outcome, Run, Side};
    use crate::schema::ExitStatus;

    /// One comparison of which two metrics have these outcomes; the candidate's runs took 10, 12 and 17 ms, and sent 50,000
    /// messages a second.
    pub(super) fn gate(outcomes: [Outcome; 2]) -> Gate {
        let metric = |name: &str, unit: &str, lower_is_better, b_median, outcome| Compared {
            name: name.to_owned(),
            label: format!("<{name}> & \"co\""),
            unit: unit.to_owned(),
            lower_is_better,
            primary: true,
            tolerance: 0.05,
            a_median: Some(b_median / 1.25),
            b_median: Some(b_median),
            estimate: Some(Estimate { ratio: 1.25, low: Some(1.125), high: Some(1.5), confidence: 0.99 }),
            outcome: Some(outcome),
            ..Compared::default()
        };
        let figure = |name: &str, value| (name.to_owned(), Figure { value, at_least: false });
        let run = |pair, side, ack| Run {
            pair,
            side,
            figures: [figure("ack.p99", ack), figure("throughput", 50_000.0)].into(),
            ..Run::default()
        };
        let pairs = [(1, 12e6), (2, 10e6), (3, 17e6)];
        let comparison = Comparison {
            command: vec!["loadgen".into(), "gate".into()],
            runs: pairs.iter().flat_map(|(n, ack)| [run(*n, Side::A, 1e6), run(*n, Side::B, *ack)]).collect(),
            metrics: vec![
                metric("ack.p99", "ns", true, 12e6, outcomes[0]),
                metric("throughput", "per_second", false, 50_000.0, outcomes[1]),
            ],
            total_ms: 61_500,
            started_unix_ms: 1_700_000_000_000,
            outcome: Some(outcomes[0]),
            exit: ExitStatus { code: 5, name: "regressed".into() },
            ..Comparison::default()
        };
        Gate { comparisons: vec![comparison] }
    }
}

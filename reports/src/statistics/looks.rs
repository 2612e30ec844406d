//! Planned looks: after how many pairs a comparison may end, and the error rate that each look spends.
//!
//! Looking at every pair and stopping when it looks good finds a difference where there is none, sooner or later. So the
//! looks are planned before the first run, and share the error rate α between them by a spending function (Lan and
//! DeMets, "Discrete sequential boundaries for clinical trials", 1983): once a share t of the pairs is in, α · t³ may
//! have been spent (Kim and DeMets, "Design and analysis of group sequential tests based on the type I error spending rate
//! function", 1987, ρ = 3, close to O'Brien and Fleming's boundary). A look spends the increment; the increments add up to
//! α, and by Bonferroni's inequality so do, at most, the errors, for a discrete exact test as for any other and
//! whatever the rule by which one stops. Likewise each of the metrics gets an equal share of a look's increment, so that
//! *all* intervals of *all* looks hold together with a probability of at least 1 − α.
//!
//! A look at which even the most extreme outcome could not be rejected ([`least_pairs`]) would only cost: the first look
//! is the first, from half of the pairs on, where rejecting is possible. A long comparison looks once more half-way to
//! the end. The table for α = 5 % and four metrics; "needs" is the fewest pairs that can reject at the look's level:
//!
//! | pairs planned | look at | spends | each metric's level | needs |
//! |--:|--:|--:|--:|--:|
//! | up to 7 | none can reject: every verdict is inconclusive | | | 8 |
//! | 8 | 8 | 5 % | 1.25 % | 8 |
//! | 10 | 10 | 5 % | 1.25 % | 8 |
//! | 12 | 9, 12 | 2.11 %, 2.89 % | 0.53 %, 0.72 % | 9, 9 |
//! | 16 | 10, 16 | 1.22 %, 3.78 % | 0.31 %, 0.94 % | 10, 8 |
//! | 24 | 12, 18, 24 | 0.62 %, 1.48 %, 2.89 % | 0.16 %, 0.37 %, 0.72 % | 11, 10, 9 |

use super::signed_rank::least_pairs;

/// One planned look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// After so many pairs.
    pub pairs: u32,
    /// The error rate it spends, over all metrics.
    pub alpha: f64,
}

/// The fewest pairs worth stopping for.
const SAVED: u32 = 2;
/// Between two looks lie at least so many pairs where there are three.
const APART: u32 = 4;

/// The looks of a comparison of so many pairs and metrics at an error rate of `alpha`; the last is at its end, and all
/// increments add up to `alpha`.
pub fn looks(pairs: u32, alpha: f64, metrics: u32) -> Vec<Look> {
    let metrics = f64::from(metrics.max(1));
    let spent = |at: u32| alpha * (f64::from(at) / f64::from(pairs.max(1))).powi(3);
    let can_reject = |at: u32, alpha: f64| at >= least_pairs(alpha / metrics);
    let first = (pairs.div_ceil(2)..=pairs.saturating_sub(SAVED))
        .find(|at| can_reject(*at, spent(*at)) && can_reject(pairs, alpha - spent(*at)));
    let Some(first) = first else { return vec![Look { pairs, alpha }] };
    let between = first.midpoint(pairs);
    let second = (between - first >= APART && can_reject(between, spent(between) - spent(first))).then_some(between);
    let mut before = 0.0;
    let increment = |at: u32| {
        let look = Look { pairs: at, alpha: spent(at) - before };
        before = spent(at);
        look
    };
    [Some(first), second, Some(pairs)].into_iter().flatten().map(increment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_module_head_is_what_is_planned() {
        let planned = |pairs| looks(pairs, 0.05, 4).iter().map(|look| look.pairs).collect::<Vec<_>>();
        assert_eq!(planned(7), [7]);
        assert_eq!(planned(8), [8]);
        assert_eq!(planned(10), [10]);
        assert_eq!(planned(12), [9, 12]);
        assert_eq!(planned(16), [10, 16]);
        assert_eq!(planned(24), [12, 18, 24]);
        let text = include_str!("looks.rs");
        for pairs in [8, 10, 12, 16, 24] {
            let list = |figure: &dyn Fn(&Look) -> String| {
                looks(pairs, 0.05, 4).iter().map(figure).collect::<Vec<_>>().join(", ")
            };
            let row = format!(
                "| {pairs} | {} | {} | {} | {} |",
                list(&|look| look.pairs.to_string()),
                list(&|look| percent(look.alpha)),
                list(&|look| percent(look.alpha / 4.0)),
                list(&|look| least_pairs(look.alpha / 4.0).to_string()),
            );
            assert!(text.contains(&row), "{row}");
        }
    }

    fn percent(share: f64) -> String {
        let text = format!("{:.2}", share * 100.0);
        format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
    }

    #[test]
    fn whatever_is_planned_spends_exactly_alpha_and_every_look_can_reject() {
        for metrics in 1..6 {
            for pairs in 1..60 {
                let looks = looks(pairs, 0.05, metrics);
                assert!((looks.iter().map(|look| look.alpha).sum::<f64>() - 0.05).abs() < 1e-12);
                assert!(looks.last().is_some_and(|look| look.pairs == pairs) && looks.len() <= 3);
                assert!(looks.is_sorted_by(|a, b| a.pairs < b.pairs));
                let of_one = |look: &Look| look.alpha / f64::from(metrics);
                assert!(looks.len() == 1 || looks.iter().all(|look| look.pairs >= least_pairs(of_one(look))));
            }
        }
    }
}

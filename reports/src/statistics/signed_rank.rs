//! Wilcoxon's signed-rank statistic under exact sign flips, and what comes of inverting it.
//!
//! Each pair's difference `d` is symmetric around the true difference θ: under no difference, the coin that decided
//! which arm ran first makes `d` and `-d` equally likely, whatever the noise looks like (skewed, drifting, with a first
//! run that is always slower). So all 2ⁿ ways to flip the signs are equally likely, and the distribution of the statistic
//! over them is known exactly; nothing is assumed normal. Ranks rather than the differences themselves, so that one wild
//! run among many moves the verdict no more than any other.
//!
//! The statistic is T = the sum of the ranks of |d| where d > 0, which is the number of *Walsh averages*
//! (dᵢ + dⱼ) / 2, i ≤ j, above zero (Tukey 1949). Shifting the differences by each candidate θ and asking which are not
//! rejected gives an interval whose ends are two Walsh averages, around their median: the Hodges–Lehmann estimate.
//!
//! Sources: Wilcoxon, "Individual comparisons by ranking methods" (1945); Pratt, "Remarks on zeros and ties in the Wilcoxon
//! signed rank procedures" (1959); Hodges and Lehmann, "Estimates of location based on rank tests" (1963); Hollander,
//! Wolfe and Chicken, "Nonparametric statistical methods" (2014), sections 3.1 to 3.3.

/// The two-sided p-value of "no difference": the share of all sign flips with a statistic at least as far from the
/// middle. Ties share their mean rank, and zeros are ranked but have no sign (Pratt); both are part of the enumeration,
/// which is exact for any number of pairs. 1 of nothing.
pub fn p_value(differences: &[f64]) -> f64 {
    let scores = doubled_ranks(differences);
    let total: usize = scores.iter().map(|(score, _)| score).sum();
    let positive: usize = scores.iter().filter(|(_, is_positive)| *is_positive).map(|(score, _)| score).sum();
    let flips = distribution(scores.iter().map(|(score, _)| *score));
    let from_middle = |sum: usize| (2 * sum).abs_diff(total);
    let at_least_as_far = flips.iter().enumerate().filter(|(sum, _)| from_middle(*sum) >= from_middle(positive));
    at_least_as_far.map(|(_, share)| share).sum::<f64>().min(1.0)
}

/// The Hodges–Lehmann estimate of the difference: the median of all Walsh averages; `None` of nothing.
pub fn estimate(differences: &[f64]) -> Option<f64> {
    super::median(&walsh_averages(differences))
}

/// The interval of all differences that the test does not reject at level `alpha`: it holds the true one with a
/// probability of at least 1 − `alpha`. `None` where there are too few pairs for any bound ([`least_pairs`]).
pub fn interval(differences: &[f64], alpha: f64) -> Option<(f64, f64)> {
    let mut averages = walsh_averages(differences);
    averages.sort_by(f64::total_cmp);
    let outside = averages_outside(differences.len(), alpha);
    let low = *averages.get(outside.checked_sub(1)?)?;
    let high = *averages.get(averages.len().checked_sub(outside)?)?;
    Some((low, high))
}

/// The fewest pairs of which the most extreme outcome (all on one side) is rejected at level `alpha`: with n pairs, no
/// p-value is below 2 · 2⁻ⁿ.
pub fn least_pairs(alpha: f64) -> u32 {
    (1..64).find(|pairs| 2.0 * 0.5f64.powi(*pairs) <= alpha).unwrap_or(64) as u32
}

/// The largest k with 2 · P(T ≤ k − 1) ≤ `alpha`: the interval runs from the k-th smallest Walsh average to the k-th
/// largest, both inclusive.
fn averages_outside(pairs: usize, alpha: f64) -> usize {
    let mut both_tails = 0.0;
    let within = distribution(1..=pairs).into_iter().take_while(|share| {
        both_tails += 2.0 * share;
        both_tails <= alpha
    });
    within.count()
}

/// (dᵢ + dⱼ) / 2 for all i ≤ j.
fn walsh_averages(differences: &[f64]) -> Vec<f64> {
    let from = |i: usize| differences[i..].iter().map(move |d| f64::midpoint(differences[i], *d));
    (0..differences.len()).flat_map(from).collect()
}

/// Twice the rank of each difference that has a sign, among the sizes of all, and whether it is positive. Doubled, the mean
/// ranks of ties are whole numbers.
fn doubled_ranks(differences: &[f64]) -> Vec<(usize, bool)> {
    let rank = |d: &f64| {
        let smaller = differences.iter().filter(|other| other.abs() < d.abs()).count();
        let equal = differences.iter().filter(|other| other.abs() == d.abs()).count();
        2 * smaller + equal + 1
    };
    differences.iter().filter(|d| **d != 0.0).map(|d| (rank(d), *d > 0.0)).collect()
}

/// Of all ways to choose a subset of `scores`, the share with each sum. Each step halves, so that every share is exact
/// in binary as far as 53 bits reach.
fn distribution(scores: impl Iterator<Item = usize>) -> Vec<f64> {
    let mut shares = vec![1.0];
    for score in scores {
        let mut next = vec![0.0; shares.len() + score];
        for (sum, share) in shares.iter().enumerate() {
            next[sum] += share / 2.0;
            next[sum + score] += share / 2.0;
        }
        shares = next;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, flip by flip.
    fn p_value_by_enumeration(differences: &[f64]) -> f64 {
        let signed = |flips: u32| {
            let sizes = differences.iter().map(|d| d.abs());
            let ranks = sizes.map(|size| {
                let smaller = differences.iter().filter(|other| other.abs() < size).count();
                let equal = differences.iter().filter(|other| other.abs() == size).count();
                smaller as f64 + (equal as f64 + 1.0) / 2.0
            });
            let sign =
                |i: usize, d: &f64| if *d == 0.0 { 0.0 } else { d.signum() * (1.0 - 2.0 * f64::from(flips >> i & 1)) };
            differences.iter().zip(ranks).enumerate().map(|(i, (d, rank))| sign(i, d) * rank).sum::<f64>().abs()
        };
        let all = 1u32 << differences.len();
        (0..all).filter(|flips| signed(*flips) >= signed(0)).count() as f64 / f64::from(all)
    }

    #[test]
    fn the_published_tables_are_met() {
        // Hollander, Wolfe and Chicken, table A.4: n = 9, P(T ≥ 40) = 0.020; n = 5, P(T ≥ 15) = 0.031.
        let tail = |pairs: usize, from: usize| distribution(1..=pairs).iter().skip(from).sum::<f64>();
        assert_eq!(format!("{:.3} {:.3}", tail(9, 40), tail(5, 15)), "0.020 0.031");
        // Their example 3.1 (Hamilton depression scale factor IV): T = 5 of 45, P = 0.020 one-sided, estimate −0.46.
        let depression = [0.952, -0.147, 1.022, 0.430, 0.620, 0.590, 0.490, -0.080, 0.010];
        let p = p_value(&depression);
        assert_eq!(format!("{p:.4}"), "0.0391");
        assert_eq!(format!("{:.2}", estimate(&depression).expect("nine")), "0.46");
        let (low, high) = interval(&depression, 0.04).expect("enough pairs");
        assert!((low - 0.010).abs() < 1e-9 && (high - 0.786).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn with_all_pairs_on_one_side_p_is_two_over_all_flips_and_the_fewest_pairs_follow() {
        for pairs in 1..12usize {
            let p = p_value(&(1..=pairs).map(|i| i as f64).collect::<Vec<_>>());
            assert_eq!(p, 2.0 / 2f64.powi(pairs as i32));
            assert!(least_pairs(p) as usize == pairs);
        }
        assert_eq!((least_pairs(0.05), least_pairs(0.0125)), (6, 8));
        assert_eq!(interval(&[1.0; 5], 0.05), None);
        assert_eq!(interval(&[1.0; 6], 0.05), Some((1.0, 1.0)));
    }

    #[test]
    fn nothing_is_no_evidence() {
        assert_eq!((p_value(&[]), p_value(&[0.0; 9])), (1.0, 1.0));
        assert_eq!((estimate(&[]), interval(&[], 0.05)), (None, None));
        assert_eq!(interval(&[0.0; 9], 0.05), Some((0.0, 0.0)));
    }

    proptest! {
        #[test]
        fn the_distribution_is_that_of_all_flips_with_ties_and_zeros(steps in proptest::collection::vec(-4i32..5, 0..9)) {
            let differences: Vec<f64> = steps.iter().map(|step| f64::from(*step) / 4.0).collect();
            prop_assert!((p_value(&differences) - p_value_by_enumeration(&differences)).abs() < 1e-12);
        }

        #[test]
        fn the_interval_excludes_zero_exactly_when_the_test_rejects(
            differences in proptest::collection::vec(-1.0f64..2.0, 1..14), alpha in 0.001f64..0.3,
        ) {
            let rejected = p_value(&differences) <= alpha;
            let excluded = interval(&differences, alpha).is_some_and(|(low, high)| low > 0.0 || high < 0.0);
            prop_assert_eq!(rejected, excluded);
        }

        #[test]
        fn exchanging_the_arms_mirrors_everything(differences in proptest::collection::vec(-1.0f64..1.0, 1..14)) {
            let mirrored: Vec<f64> = differences.iter().map(|d| -d).collect();
            prop_assert!((p_value(&differences) - p_value(&mirrored)).abs() < 1e-12);
            prop_assert_eq!(estimate(&differences), estimate(&mirrored).map(|d| -d));
            prop_assert_eq!(interval(&differences, 0.1), interval(&mirrored, 0.1).map(|(low, high)| (-high, -low)));
        }

        #[test]
        fn the_estimate_lies_in_the_interval_and_less_confidence_is_narrower(
            differences in proptest::collection::vec(-1.0f64..1.0, 8..14),
        ) {
            let estimate = estimate(&differences).expect("some");
            let (low, high) = interval(&differences, 0.01).expect("eight are enough");
            let (inner_low, inner_high) = interval(&differences, 0.1).expect("eight are enough");
            prop_assert!(low <= inner_low && inner_low <= estimate && estimate <= inner_high && inner_high <= high);
        }
    }
}

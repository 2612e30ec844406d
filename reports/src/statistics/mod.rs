//! Statistics, pure: over the messages of one run ([`latency`]), and over runs that are compared.
//!
//! # Two arms compared
//! The unit is the *run*, never the message: messages of one run share its machine, its minute and its broker, and a
//! million of them are one observation. Runs come in pairs, one of either arm right after the other, in an order that a
//! coin decided. Each pair gives one number, the logarithm of B's figure over A's.
//!
//! - [`signed_rank`]: the sign-flip permutation test, exact, of Wilcoxon's signed-rank statistic, and its inversion:
//!   the Hodges–Lehmann estimate with its interval. Test and interval are one thing: zero is outside the interval at
//!   confidence 1 − α exactly when p ≤ α.
//! - [`mod@looks`]: when a comparison may end early, and what that costs.
//! - [`mod@holm`]: p-values of several metrics side by side.
//! - [`mod@standing`]: where an interval lies against a tolerance; every verdict is read from it.

pub mod holm;
pub mod latency;
pub mod looks;
pub mod signed_rank;
pub mod standing;
pub mod throughput;

pub use holm::holm;
pub use latency::{Distribution, Quantile, SendGap, censored_quantile, per_second, send_gap};
pub use looks::{Look, looks};
pub use standing::{Standing, standing};
pub use throughput::{acked_while_open, consumed_while_open, throughput, volume};

/// The middle value, or the mean of the middle two; `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }
}

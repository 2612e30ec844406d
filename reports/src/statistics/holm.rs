//! Holm's step-down adjustment of several p-values ("A simple sequentially rejective multiple test procedure", 1979).

/// The adjusted p-values, in the order given: rejecting those at most α keeps the probability of any false rejection
/// at most α, however the tests depend on each other. `among` is how many tests were named in advance, those without
/// a p-value included; never fewer than are given.
pub fn holm(p_values: &[f64], among: usize) -> Vec<f64> {
    let among = among.max(p_values.len());
    let mut ascending: Vec<usize> = (0..p_values.len()).collect();
    ascending.sort_by(|i, j| p_values[*i].total_cmp(&p_values[*j]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0f64;
    for (step, index) in ascending.into_iter().enumerate() {
        largest = largest.max(p_values[index] * (among - step) as f64).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::holm;

    #[test]
    fn the_smallest_is_multiplied_by_all_and_none_overtakes_a_smaller() {
        let rounded = |p: &[f64], among| holm(p, among).iter().map(|p| format!("{p:.3}")).collect::<Vec<_>>().join(" ");
        assert_eq!(rounded(&[0.01, 0.04, 0.03, 0.005], 4), "0.030 0.060 0.060 0.020");
        assert_eq!(rounded(&[0.01, 0.9], 4), "0.040 1.000");
        assert_eq!(rounded(&[], 4), "");
    }
}

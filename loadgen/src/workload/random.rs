//! The seeded generator behind everything random: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
//! number generators", 2014). Written out here so that a seed in a result file means the same in every later version.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl SplitMix64 {
    /// The stream `stream` of `seed`; different streams are independent for any purpose of ours.
    pub fn new(seed: u64, stream: u64) -> SplitMix64 {
        let mut root = SplitMix64 { state: seed };
        let mut branch = SplitMix64 { state: root.next_u64() ^ stream.wrapping_mul(GOLDEN_GAMMA) };
        SplitMix64 { state: branch.next_u64() }
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform below `bound` (which is at least 1), by Lemire's multiplication; the bias is below `bound / 2^64`.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform in (0, 1].
    #[inline]
    pub fn unit(&mut self) -> f64 {
        ((self.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64_as_published() {
        let mut random = SplitMix64 { state: 1_234_567 };
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn streams_of_one_seed_differ_and_replay() {
        let first: Vec<u64> = (0..4).map(|stream| SplitMix64::new(7, stream).next_u64()).collect();
        assert!((1..4).all(|i| !first[..i].contains(&first[i])));
        assert_eq!(first[2], SplitMix64::new(7, 2).next_u64());
    }

    #[test]
    fn a_normal_sample_has_the_mean_and_the_spread_it_should() {
        let mut random = SplitMix64::new(1, 0);
        let samples: Vec<f64> = (0..20_000).map(|_| random.normal()).collect();
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / samples.len() as f64;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "mean {mean}, variance {variance}");
    }
}

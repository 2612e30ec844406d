//! Which run comes when: the pairs, their order, their messages. All of it follows from the seed.

use reports::comparison::{Series, Side};

use crate::workload::random::SplitMix64;

/// Streams of the seed.
const ORDER: u64 = 1;
const MESSAGES: u64 = 2;

/// One pair, as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub series: Series,
    /// From 1, within its series.
    pub number: u32,
    /// Which side runs first is decided by a coin: what the exact test rests on.
    pub order: [Side; 2],
    /// Both runs send the same messages.
    pub seed: u64,
}

/// Pairs that may take the place of excluded ones: a quarter as many, and two.
pub(super) fn spare(pairs: u32) -> u32 {
    pairs / 4 + 2
}

/// All pairs in their order, the spare ones too, those of A with itself spread evenly among those of A and B.
pub(super) fn schedule(pairs: u32, aa_pairs: u32, seed: u64) -> Vec<Pair> {
    let mut coin = SplitMix64::new(seed, ORDER);
    let mut messages = SplitMix64::new(seed, MESSAGES);
    let mut pair = |series, number| Pair {
        series,
        number,
        order: if coin.below(2) == 0 { [Side::A, Side::B] } else { [Side::B, Side::A] },
        // Fits the integers of every JSON reader.
        seed: messages.next_u64() >> 11,
    };
    let mut all = Vec::new();
    let mut aa_number = 0;
    for number in 1..=pairs + spare(pairs) {
        all.push(pair(Series::Ab, number));
        while u64::from(aa_number) < u64::from(number.min(pairs)) * u64::from(aa_pairs) / u64::from(pairs) {
            aa_number += 1;
            all.push(pair(Series::Aa, aa_number));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_plans_the_same_again_and_the_coin_falls_on_both_sides() {
        let planned = schedule(40, 10, 7);
        assert_eq!(planned, schedule(40, 10, 7));
        assert_ne!(planned, schedule(40, 10, 8));
        let a_first = planned.iter().filter(|pair| pair.order[0] == Side::A).count();
        assert!((15..47).contains(&a_first), "{a_first} of 62");
    }

    #[test]
    fn pairs_of_a_with_itself_are_spread_among_the_others_however_many_there_are() {
        for (pairs, aa_pairs) in [(16, 4), (3, 7), (5, 0), (1, 1)] {
            let planned = schedule(pairs, aa_pairs, 1);
            let count = |series| planned.iter().filter(|pair| pair.series == series).count() as u32;
            assert_eq!((count(Series::Ab), count(Series::Aa)), (pairs + spare(pairs), aa_pairs));
        }
        let places: Vec<usize> = (0..)
            .zip(schedule(16, 4, 1))
            .filter(|(_, pair)| pair.series == Series::Aa)
            .map(|(place, _)| place)
            .collect();
        assert_eq!(places, [4, 9, 14, 19]);
    }
}

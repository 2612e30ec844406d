//! Comparisons of simulated arms, with fixed seeds: how often they are wrong, and how often they see what is there.
//!
//! The noise is what a busy machine makes: skewed, common to all metrics of a run, drifting, and with a second run of each
//! pair that is slower than the first. A bound on an error rate is held with three and a half standard deviations of room.

use std::collections::BTreeMap;

use reports::comparison::{
    Comparison, Design, Figure, Gate, Outcome, PlannedLook, Question, Run, Series, Side, Verdict, is_settled, judge,
};
use reports::statistics::looks;

const ALPHA: f64 = 0.05;
const PRIMARY: [&str; 4] = ["ack.p99", "e2e.p99", "broker-cpu", "throughput"];

/// SplitMix64.
struct Random(u64);

impl Random {
    /// Uniform in (0, 1].
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Mean 0, standard deviation 1, and a long tail to the right.
    fn skewed(&mut self) -> f64 {
        -self.unit().ln() - 1.0
    }
}

#[derive(Clone, Copy)]
struct World {
    /// B's true figures over A's.
    ratio: f64,
    /// Standard deviation of a run's log figures.
    noise: f64,
    skewed: bool,
    /// By how much the second run of a pair is worse.
    order: f64,
    /// By how much each pair is worse than the one before.
    drift: f64,
}

const CALM: World = World { ratio: 1.0, noise: 0.05, skewed: false, order: 0.0, drift: 0.0 };
const BUSY: World = World { ratio: 1.0, noise: 0.15, skewed: true, order: 0.1, drift: 0.02 };

/// Runs a comparison of at most `pairs` in that world; shows it at every look until `ends` says so.
fn compare(world: World, pairs: u32, tolerance: f64, seed: u64, ends: impl FnMut(&Comparison) -> bool) -> Comparison {
    simulate(world, Design { pairs, alpha: ALPHA, tolerance, ..Design::default() }, seed, ends)
}

/// Runs a gate in that world, as `loadgen gate` does: once more where the first comparison leaves something open.
fn gate(world: World, tolerance: f64, seed: u64) -> Gate {
    let design =
        Design { question: Question::Regression, pairs: 16, alpha: ALPHA / 2.0, tolerance, ..Design::default() };
    let mut gate = Gate { comparisons: vec![simulate(world, design.clone(), seed, is_settled)] };
    if gate.outcome() == Some(Outcome::Inconclusive) {
        gate.comparisons.push(simulate(world, design, !seed, is_settled));
    }
    gate
}

fn simulate(world: World, design: Design, seed: u64, mut ends: impl FnMut(&Comparison) -> bool) -> Comparison {
    let pairs = design.pairs;
    let planned = looks(pairs, design.alpha, PRIMARY.len() as u32);
    let looks = planned.iter().map(|l| PlannedLook { pairs: l.pairs, alpha: l.alpha, taken: false }).collect();
    let mut comparison = Comparison { design: Design { looks, ..design }, ..Comparison::default() };
    let mut random = Random(seed);
    for pair in 1..=pairs {
        let second = if random.unit() < 0.5 { Side::A } else { Side::B };
        for side in [Side::A, Side::B] {
            let mut noise = || if world.skewed { random.skewed() } else { random.normal() };
            let of_run = noise() * world.noise;
            let figures: BTreeMap<String, Figure> = PRIMARY
                .iter()
                .map(|name| {
                    let log = of_run
                        + noise() * world.noise / 3.0
                        + world.drift * f64::from(pair)
                        + if side == second { world.order } else { 0.0 }
                        + if side == Side::B { world.ratio.ln() } else { 0.0 };
                    ((*name).to_owned(), Figure { value: 1e6 * log.exp(), at_least: false })
                })
                .collect();
            comparison.runs.push(Run { series: Series::Ab, pair, side, figures, ..Run::default() });
        }
        if let Some(look) = planned.iter().find(|look| look.pairs == pair) {
            judge(&mut comparison, look.alpha);
            if ends(&comparison) {
                break;
            }
        }
    }
    comparison
}

/// How many of so many comparisons are `wrong`, at most, where each is with probability `ALPHA`.
fn at_most(comparisons: u32) -> u32 {
    at_most_of(comparisons, ALPHA)
}

fn at_most_of(comparisons: u32, probability: f64) -> u32 {
    let n = f64::from(comparisons);
    (n * probability + 3.5 * (n * probability * (1.0 - probability)).sqrt()) as u32
}

#[test]
fn a_gate_alarms_falsely_as_rarely_as_promised_however_often_it_compares() {
    let gates = 150;
    // As slow as is tolerated: the hardest of all worlds in which nothing has regressed.
    let world = World { ratio: 1.05, ..BUSY };
    let run: Vec<Gate> = (0..gates).map(|seed: u32| gate(world, 0.05, u64::from(seed) << 20)).collect();
    let alarms = run.iter().filter(|gate| gate.outcome() == Some(Outcome::Regressed)).count() as u32;
    assert!(alarms <= at_most_of(gates, ALPHA / 2.0), "{alarms} of {gates}");
    assert!(run.iter().any(|gate| gate.comparisons.len() == 2), "the noise leaves nothing open");
}

#[test]
fn a_gate_finds_what_is_slower_and_lets_pass_what_is_not() {
    let gates = 40;
    let share = |world, tolerance, wanted| {
        let outcomes = (0..gates).map(|seed: u32| gate(world, tolerance, 3 + (u64::from(seed) << 20)).outcome());
        outcomes.filter(|outcome| *outcome == Some(wanted)).count() as f64 / f64::from(gates)
    };
    assert!(share(World { ratio: 1.2, ..CALM }, 0.05, Outcome::Regressed) > 0.9);
    assert!(share(CALM, 0.1, Outcome::NotRegressed) > 0.9);
}

#[test]
fn all_intervals_of_all_looks_hold_the_true_ratio_as_often_as_promised() {
    let comparisons = 150;
    for (world, pairs) in [(CALM, 8), (CALM, 24), (BUSY, 12), (BUSY, 16), (World { ratio: 1.3, ..BUSY }, 16)] {
        let mut missed = 0;
        for seed in 0..comparisons {
            let mut any = false;
            compare(world, pairs, 0.05, u64::from(seed) << 20, |comparison| {
                let holds = |low: Option<f64>, high: Option<f64>| {
                    low.is_none_or(|low| low <= world.ratio) && high.is_none_or(|high| high >= world.ratio)
                };
                let estimates = comparison.primary().filter_map(|metric| metric.estimate);
                any |= estimates.into_iter().any(|estimate| !holds(estimate.low, estimate.high));
                false
            });
            missed += u32::from(any);
        }
        assert!(missed <= at_most(comparisons), "{missed} of {comparisons}, {pairs} pairs");
    }
}

#[test]
fn whoever_ends_at_the_look_of_their_choice_is_not_misled_more_often() {
    let comparisons = 250;
    let mut misled = 0;
    for seed in 0..comparisons {
        // No tolerance, no difference: any verdict but "inconclusive" is wrong, and the first one ends it.
        let comparison = compare(BUSY, 16, 0.0, 77 + (u64::from(seed) << 20), |comparison| {
            comparison.primary().any(|metric| metric.verdict != Some(Verdict::Inconclusive))
        });
        misled += u32::from(comparison.primary().any(|metric| metric.verdict != Some(Verdict::Inconclusive)));
    }
    assert!(misled <= at_most(comparisons), "{misled} of {comparisons}");
}

#[test]
fn a_difference_that_stands_out_of_the_noise_is_found_and_its_absence_is_too() {
    let comparisons = 60;
    let verdicts = |world: World, tolerance: f64| {
        let verdict = |seed: u32| compare(world, 16, tolerance, 5 + (u64::from(seed) << 20), is_settled).verdict;
        (0..comparisons).map(verdict).collect::<Vec<_>>()
    };
    let share = |verdicts: &[Verdict], wanted| {
        verdicts.iter().filter(|verdict| **verdict == wanted).count() as f64 / f64::from(comparisons)
    };
    let slowed = verdicts(World { ratio: 1.2, ..CALM }, 0.05);
    assert!(share(&slowed, Verdict::Worse) > 0.9, "{slowed:?}");
    let equal = verdicts(World { noise: 0.01, ..CALM }, 0.05);
    assert!(share(&equal, Verdict::Equal) > 0.9, "{equal:?}");
    // Of throughput less is worse: where every figure is smaller, the gravest verdict is still "worse".
    let smaller = verdicts(World { ratio: 0.8, ..CALM }, 0.05);
    assert!(share(&smaller, Verdict::Worse) > 0.9, "{smaller:?}");
}

#[test]
fn a_clear_difference_ends_at_the_first_look() {
    let comparison = compare(World { ratio: 3.0, ..CALM }, 16, 0.05, 9, is_settled);
    assert_eq!(comparison.runs.len(), 20);
}

#[test]
fn too_few_pairs_are_inconclusive_however_clear_the_difference() {
    let comparison = compare(World { ratio: 3.0, ..CALM }, 7, 0.05, 9, is_settled);
    assert_eq!((comparison.verdict, comparison.runs.len()), (Verdict::Inconclusive, 14));
    assert!(comparison.primary().all(|metric| metric.estimate.is_some_and(|e| e.low.is_none())));
}

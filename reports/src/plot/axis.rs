//! Axes: a range in the axis' own coordinate, and ticks at values a person would choose.

use crate::figures;

/// What an axis measures, which decides coordinate, ticks and labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Plain numbers.
    Count,
    /// Bytes, ticks at powers of two.
    Bytes,
    /// Seconds since the window opened.
    Seconds,
    /// Latency; the coordinate is log₁₀ of nanoseconds.
    LogLatency,
    /// Share of messages; the coordinate is the number of nines, −log₁₀(1 − q).
    Nines,
    /// A ratio; the coordinate is its natural logarithm.
    LogRatio,
    /// Things with names, one below the other; see [`Axis::of_names`].
    Named,
    /// Whole numbers that name things (partitions); a tick stands in the middle of `n .. n + 1`.
    Ordinal,
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Labels of named things, the topmost first.
    names: Vec<String>,
    /// What it measures.
    pub unit: Unit,
    /// Where it begins, in its coordinate.
    pub from: f64,
    /// Where it ends; always beyond `from`.
    pub to: f64,
}

impl Axis {
    /// From zero to a little above the largest value.
    pub fn from_zero(unit: Unit, largest: f64) -> Self {
        let to = if largest.is_finite() && largest > 0.0 { largest * 1.06 } else { 1.0 };
        Self { names: Vec::new(), unit, from: 0.0, to }
    }

    /// Exactly `from .. to`, widened where that is nothing.
    pub fn exactly(unit: Unit, from: f64, to: f64) -> Self {
        Self { names: Vec::new(), unit, from, to: if to > from { to } else { from + 1.0 } }
    }

    /// A latency axis that holds all the given latencies, in nanoseconds, and at least a decade.
    pub fn latency(ns: impl IntoIterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for ns in ns {
            low = low.min(log_ns(ns));
            high = high.max(log_ns(ns));
        }
        if low > high {
            (low, high) = (6.0, 7.0);
        }
        let missing = (1.0 - (high - low)).max(0.1) / 2.0;
        Self { names: Vec::new(), unit: Unit::LogLatency, from: low - missing, to: high + missing }
    }

    /// One row for each name, the first on top: the row of the i-th of n is `n - 1 - i .. n - i`.
    pub fn of_names(names: Vec<String>) -> Self {
        Self { to: (names.len() as f64).max(1.0), names, unit: Unit::Named, from: 0.0 }
    }

    /// A ratio axis that holds one and all the given ratios, and at least a tenth on both sides of one.
    pub fn ratio(ratios: impl IntoIterator<Item = f64>) -> Self {
        let known = ratios.into_iter().filter(|ratio| *ratio > 0.0 && ratio.is_finite()).map(f64::ln);
        let (low, high) = known.fold((-0.1f64, 0.1f64), |(low, high), log| (low.min(log), high.max(log)));
        let beside = (high - low) * 0.04;
        Self { names: Vec::new(), unit: Unit::LogRatio, from: low - beside, to: high + beside }
    }

    /// At most about `wanted` ticks: coordinate and label.
    pub fn ticks(&self, wanted: usize) -> Vec<(f64, String)> {
        let wanted = wanted.max(2);
        match self.unit {
            Unit::Count => self.stepped(decimal_step((self.to - self.from) / wanted as f64), figures::compact),
            Unit::Bytes => {
                let step = (self.to - self.from) / wanted as f64;
                let unit = 1024f64.powf((step.max(1.0).log2() / 10.0).floor());
                self.stepped(decimal_step(step / unit).max(1.0) * unit, figures::bytes_f64)
            }
            Unit::Seconds => self.stepped(seconds_step((self.to - self.from) / wanted as f64), clock),
            Unit::LogLatency => self.latency_ticks(wanted),
            Unit::Nines => nines_ticks(self.to, wanted),
            Unit::LogRatio => ratio_ticks(self.from, self.to, wanted),
            Unit::Named => {
                let rows = self.names.iter().enumerate();
                rows.map(|(i, name)| (self.names.len() as f64 - i as f64 - 0.5, name.clone())).collect()
            }
            Unit::Ordinal => {
                let step = decimal_step((self.to - self.from) / wanted as f64).max(1.0);
                let mut ticks = self.stepped(step, figures::compact);
                ticks.retain(|(at, _)| at + 0.5 < self.to);
                ticks.iter_mut().for_each(|(at, _)| *at += 0.5);
                ticks
            }
        }
    }

    fn stepped(&self, step: f64, label: impl Fn(f64) -> String) -> Vec<(f64, String)> {
        let first = (self.from / step).ceil();
        let last = (self.to / step).floor();
        let ticks = ((last - first).max(0.0) as usize).min(50);
        (0..=ticks).map(|i| (first + i as f64) * step).map(|at| (at, label(at))).collect()
    }

    fn latency_ticks(&self, wanted: usize) -> Vec<(f64, String)> {
        let decades = self.to - self.from;
        let within: &[f64] = if decades * 2.0 <= wanted as f64 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = ((decades / wanted as f64).ceil() as i32).max(1);
        let mut ticks = Vec::new();
        for decade in (self.from.floor().max(0.0) as i32)..=(self.to.ceil().min(HIGHEST_DECADE) as i32) {
            if decade.rem_euclid(every) != 0 {
                continue;
            }
            for factor in within {
                let ns = factor * 10f64.powi(decade);
                let at = ns.log10();
                if (self.from..=self.to).contains(&at) {
                    ticks.push((at, figures::duration_ns(ns.round() as u64)));
                }
            }
        }
        ticks
    }
}

/// 64 bits of nanoseconds end below the next.
const HIGHEST_DECADE: f64 = 19.0;

/// The coordinate of a latency.
pub(super) fn log_ns(ns: f64) -> f64 {
    ns.max(1.0).log10()
}

fn nines_ticks(to: f64, wanted: usize) -> Vec<(f64, String)> {
    let mut ticks = vec![(0.0, "0 %".to_owned()), (0.5f64.log10().abs(), "50 %".to_owned())];
    let every = (to / wanted as f64).ceil().max(1.0) as usize;
    for nines in (1..=to.floor() as usize).step_by(every) {
        let label = match nines {
            1 => "90 %".to_owned(),
            2 => "99 %".to_owned(),
            n => format!("99.{} %", "9".repeat(n - 2)),
        };
        ticks.push((nines as f64, label));
    }
    // Labels of half the wanted distance still stand apart.
    let apart = to / wanted as f64 / 2.0;
    let mut last = f64::NEG_INFINITY;
    ticks.retain(|(at, _)| {
        let stays = *at <= to && at - last >= apart;
        last = if stays { *at } else { last };
        stays
    });
    ticks
}

/// Ratios a person would choose, one always among them: from whole decades to hundredths, as fine as there is room for.
fn ratio_ticks(from: f64, to: f64, wanted: usize) -> Vec<(f64, String)> {
    let in_range = |ratio: &f64| (from..=to).contains(&ratio.ln());
    let decades = |factors: &[f64]| -> Vec<f64> {
        let powers = (from / std::f64::consts::LN_10).floor() as i32..=(to / std::f64::consts::LN_10).ceil() as i32;
        let all = powers.flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
        all.filter(in_range).collect()
    };
    // Even steps stand apart evenly only where the axis is short.
    let steps = |step: f64| -> Vec<f64> {
        if to - from > 4f64.ln() {
            return Vec::new();
        }
        let (first, last) = ((from.exp() / step).ceil(), (to.exp() / step).floor());
        let count = (last - first).clamp(-1.0, 1e3) as i64;
        (0..=count).map(|i| (first + i as f64) * step).filter(in_range).collect()
    };
    let finer = [
        decades(&[1.0]),
        decades(&[1.0, 3.0]),
        decades(&[1.0, 2.0, 5.0]),
        decades(&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0]),
        steps(0.2),
        steps(0.1),
        steps(0.05),
        steps(0.02),
    ];
    let ticks =
        finer.into_iter().filter(|ticks| ticks.len() <= wanted).max_by_key(Vec::len).unwrap_or_else(|| vec![1.0]);
    ticks.into_iter().map(|ratio| (ratio.ln(), format!("{}×", figures::number(ratio)))).collect()
}

/// The smallest of 1, 2, 5 × 10ⁿ that is no less.
fn decimal_step(at_least: f64) -> f64 {
    if !(at_least.is_finite() && at_least > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(at_least.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|step| step * power).find(|step| *step >= at_least).unwrap_or(10.0 * power)
}

fn seconds_step(at_least: f64) -> f64 {
    const STEPS: [f64; 14] =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21_600.0];
    STEPS.into_iter().find(|step| *step >= at_least).unwrap_or_else(|| decimal_step(at_least / 3600.0) * 3600.0)
}

fn clock(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        s if s < 120 && !s.is_multiple_of(60) || s < 60 => format!("{s} s"),
        s if s.is_multiple_of(3600) => format!("{} h", s / 3600),
        s if s.is_multiple_of(60) && s < 7200 => format!("{} min", s / 60),
        s => format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, wanted: usize) -> Vec<String> {
        axis.ticks(wanted).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_stand_at_values_a_person_would_choose() {
        assert_eq!(labels(&Axis::from_zero(Unit::Count, 110_000.0), 5), ["0", "50k", "100k"]);
        assert_eq!(
            labels(&Axis::exactly(Unit::Seconds, 0.0, 30.0), 6),
            ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s"]
        );
        assert_eq!(
            labels(&Axis::exactly(Unit::Seconds, 0.0, 300.0), 5),
            ["0 s", "1 min", "2 min", "3 min", "4 min", "5 min"]
        );
        assert_eq!(labels(&Axis::from_zero(Unit::Bytes, 26_214_400.0), 5), ["0 B", "10 MiB", "20 MiB"]);
        assert_eq!(labels(&Axis::exactly(Unit::Ordinal, 0.0, 6.0), 8), ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(
            labels(&Axis::exactly(Unit::Nines, 0.0, 4.2), 12),
            ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]
        );
        assert_eq!(labels(&Axis::latency([0.9e6, 3e9]), 6), ["1 ms", "10 ms", "100 ms", "1 s"]);
        assert_eq!(labels(&Axis::ratio([0.31, 4.2]), 6), ["0.5×", "1×", "2×"]);
        assert_eq!(labels(&Axis::ratio([1.02]), 6), ["0.9×", "0.95×", "1×", "1.05×", "1.1×"]);
        assert_eq!(labels(&Axis::ratio([0.01]), 6), ["0.01×", "0.03×", "0.1×", "0.3×", "1×"]);
        assert_eq!(labels(&Axis::of_names(vec!["a".into(), "b".into()]), 1), ["a", "b"]);
    }

    #[test]
    fn no_range_is_too_small_or_too_large_for_ticks() {
        for unit in [Unit::Count, Unit::Bytes, Unit::Seconds, Unit::Nines, Unit::Ordinal, Unit::LogLatency] {
            for to in [0.0, 1e-9, 1.0, 1e6, 1e19, f64::from(u32::MAX)] {
                let axis = Axis::exactly(unit, 0.0, if unit == Unit::Nines { to.min(20.0) } else { to });
                let ticks = axis.ticks(6);
                assert!(ticks.len() <= 60, "{unit:?} to {to}: {} ticks", ticks.len());
                assert!(ticks.iter().all(|(at, _)| at.is_finite()));
            }
        }
        assert!(Axis::latency([]).ticks(5).len() >= 2);
    }
}

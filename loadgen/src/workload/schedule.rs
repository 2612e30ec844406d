//! When each message is due: an open loop.
//!
//! The run's operations are numbered from 0; producer `p` of `P` owns the operations `i ≡ p (mod P)`. Intended times
//! are nanoseconds since the run's start and a pure function of the index, the rate and the seed; nothing that happens
//! while the run goes on moves them.

use std::fmt;
use std::str::FromStr;

use super::quantity::Rate;
use super::random::SplitMix64;
use crate::clock::NANOS_PER_SECOND;

/// Random streams from here on are the arrivals', one for each producer; those below are for what messages are made of.
const FIRST_STREAM: u64 = 1 << 32;

/// How operations follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrival {
    /// At equal distances.
    #[default]
    Constant,
    /// As a Poisson process of the given rate.
    Poisson,
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arrival::Constant => "constant",
            Arrival::Poisson => "poisson",
        })
    }
}

impl FromStr for Arrival {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "constant" => Ok(Arrival::Constant),
            "poisson" => Ok(Arrival::Poisson),
            _ => Err(format!("{text:?} is no arrival process: constant, poisson")),
        }
    }
}

/// How much is measured after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// For so many nanoseconds.
    DurationNs(u64),
    /// So many messages.
    Messages(u64),
}

/// The part of the run that an intended time belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Before the measurement.
    Warmup,
    /// The measurement.
    Measured,
}

/// The schedule of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateSchedule {
    /// Messages a second over all producers.
    pub rate: Rate,
    /// How they follow one another.
    pub arrival: Arrival,
    /// Length of the warm-up, nanoseconds.
    pub warmup_ns: u64,
    /// What is measured after it.
    pub bound: Bound,
    /// Number of producers, at least 1.
    pub producers: u16,
    /// Seed of the arrival process.
    pub seed: u64,
}

/// One operation of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Index in the run, over all producers.
    pub index: u64,
    /// Nanoseconds since the run's start.
    pub intended_ns: u64,
}

impl RateSchedule {
    /// The phase of an intended time (nanoseconds since the run's start).
    pub fn phase(&self, intended_ns: u64) -> Phase {
        if intended_ns < self.warmup_ns { Phase::Warmup } else { Phase::Measured }
    }

    /// Nanoseconds from the start to the end of the measured phase, as planned; every operation is due before it.
    ///
    /// Where a number of messages bounds a Poisson process, the last of them ends it, for which all are gone through:
    /// about 10 ns each.
    pub fn end_ns(&self) -> u64 {
        match (self.bound, self.arrival) {
            (Bound::DurationNs(duration_ns), _) => self.warmup_ns + duration_ns,
            (Bound::Messages(messages), Arrival::Constant) => {
                self.warmup_ns + (messages as f64 * self.interval_ns()).ceil() as u64
            }
            (Bound::Messages(_), Arrival::Poisson) => {
                let last = (0..self.producers).filter_map(|producer| self.operations(producer).last());
                last.map(|operation| operation.intended_ns + 1).max().unwrap_or(self.warmup_ns)
            }
        }
    }

    /// The operations of one producer, in order.
    pub fn operations(&self, producer: u16) -> Operations {
        let producers = u64::from(self.producers.max(1));
        let arrivals = match self.arrival {
            Arrival::Constant => Arrivals::Constant { interval_ns: self.interval_ns() },
            Arrival::Poisson => Arrivals::Poisson {
                mean_ns: self.interval_ns() * producers as f64,
                elapsed_ns: 0.0,
                random: SplitMix64::new(self.seed, FIRST_STREAM + u64::from(producer)),
            },
        };
        let (end_ns, measured_left) = match self.bound {
            Bound::DurationNs(_) => (self.end_ns(), u64::MAX),
            Bound::Messages(messages) => (u64::MAX, self.share(messages, producer)),
        };
        Operations { index: u64::from(producer), producers, arrivals, warmup_ns: self.warmup_ns, end_ns, measured_left }
    }

    /// Nanoseconds between operations, on average.
    fn interval_ns(&self) -> f64 {
        NANOS_PER_SECOND as f64 / self.rate.as_per_second()
    }

    /// How many of the measured messages are this producer's. The first of them is the producer's whose turn it is
    /// when the warm-up ends.
    fn share(&self, messages: u64, producer: u16) -> u64 {
        let producers = u64::from(self.producers.max(1));
        let first = (self.warmup_ns as f64 / self.interval_ns()).ceil() as u64;
        let turn = (u64::from(producer) + producers - first % producers) % producers;
        messages / producers + u64::from(turn < messages % producers)
    }
}

#[derive(Debug, Clone)]
enum Arrivals {
    Constant { interval_ns: f64 },
    Poisson { mean_ns: f64, elapsed_ns: f64, random: SplitMix64 },
}

/// Iterator over one producer's operations.
#[derive(Debug, Clone)]
pub struct Operations {
    index: u64,
    producers: u64,
    arrivals: Arrivals,
    warmup_ns: u64,
    end_ns: u64,
    measured_left: u64,
}

impl Iterator for Operations {
    type Item = Operation;

    #[inline]
    fn next(&mut self) -> Option<Operation> {
        let intended_ns = match &mut self.arrivals {
            // Exact to the nanosecond for 2^53 ns, 104 days.
            Arrivals::Constant { interval_ns } => (self.index as f64 * *interval_ns) as u64,
            // The sum of the producers' independent processes is a Poisson process of the sum of their rates.
            Arrivals::Poisson { mean_ns, elapsed_ns, random } => {
                *elapsed_ns -= random.unit().ln() * *mean_ns;
                *elapsed_ns as u64
            }
        };
        if intended_ns >= self.end_ns {
            return None;
        }
        if intended_ns >= self.warmup_ns {
            self.measured_left = self.measured_left.checked_sub(1)?;
        }
        let operation = Operation { index: self.index, intended_ns };
        self.index += self.producers;
        Some(operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(rate: f64, arrival: Arrival, warmup_ns: u64, bound: Bound, producers: u16) -> RateSchedule {
        let rate = Rate::per_second(rate).unwrap();
        RateSchedule { rate, arrival, warmup_ns, bound, producers, seed: 1 }
    }

    fn merged(schedule: &RateSchedule) -> Vec<Operation> {
        let mut all: Vec<Operation> = (0..schedule.producers).flat_map(|p| schedule.operations(p)).collect();
        all.sort_by_key(|operation| operation.index);
        all
    }

    #[test]
    fn producers_share_one_schedule_and_miss_no_index() {
        let second = Bound::DurationNs(NANOS_PER_SECOND);
        let one = schedule(1000.0, Arrival::Constant, 0, second, 1);
        let three = schedule(1000.0, Arrival::Constant, 0, second, 3);
        assert_eq!(merged(&one), merged(&three));
        let indexes: Vec<u64> = merged(&three).iter().map(|operation| operation.index).collect();
        assert_eq!(indexes, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn constant_intended_times_do_not_drift() {
        let day = Bound::DurationNs(86_400 * NANOS_PER_SECOND);
        let mut operations = schedule(3.0, Arrival::Constant, 0, day, 1).operations(0);
        assert_eq!(operations.by_ref().last().unwrap().intended_ns, 86_399_666_666_666);
    }

    #[test]
    fn the_message_bound_counts_what_is_measured_only() {
        for producers in [1, 3, 4] {
            for arrival in [Arrival::Constant, Arrival::Poisson] {
                let schedule =
                    schedule(1000.0, arrival, NANOS_PER_SECOND / 2 + 1_000_000, Bound::Messages(250), producers);
                let all = merged(&schedule);
                let measured = all.iter().filter(|operation| schedule.phase(operation.intended_ns) == Phase::Measured);
                assert_eq!(measured.count(), 250, "{arrival:?}, {producers} producers");
                let end_ns = schedule.end_ns();
                assert!(all.iter().all(|operation| operation.intended_ns < end_ns), "{arrival:?} ends before its last");
                if arrival == Arrival::Constant {
                    let indexes: Vec<u64> = all.iter().map(|operation| operation.index).collect();
                    assert_eq!(indexes, (0..751).collect::<Vec<_>>());
                    assert_eq!(schedule.end_ns(), 751_000_000);
                }
            }
        }
    }

    #[test]
    fn a_poisson_process_keeps_its_rate_replays_and_has_exponential_gaps() {
        let schedule = schedule(10_000.0, Arrival::Poisson, 0, Bound::DurationNs(10 * NANOS_PER_SECOND), 4);
        let all = merged(&schedule);
        // The count's standard deviation is √100,000 ≈ 316.
        assert!((98_500..101_500).contains(&all.len()), "{} arrivals", all.len());
        assert_eq!(all, merged(&schedule));
        let times: Vec<u64> = schedule.operations(0).map(|operation| operation.intended_ns).collect();
        let mean = 400_000.0;
        let longer = times.windows(2).filter(|pair| (pair[1] - pair[0]) as f64 > mean).count();
        let share = longer as f64 / times.len() as f64;
        assert!((share - (-1.0f64).exp()).abs() < 0.02, "{share} of the gaps are longer than the mean");
    }

    #[test]
    fn phases_follow_the_intended_time() {
        let schedule = schedule(10.0, Arrival::Constant, 5, Bound::Messages(1), 1);
        assert_eq!(schedule.phase(4), Phase::Warmup);
        assert_eq!(schedule.phase(5), Phase::Measured);
    }
}

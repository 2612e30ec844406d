//! One distribution of latencies. Percentiles come from merged histograms only, never from other percentiles.

use hdrhistogram::Histogram;

use crate::figures;
use crate::schema::{Latencies, Latency};

/// A latency that a rendering may show: exact, or only known to be no less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantile {
    /// The latency, in nanoseconds.
    pub ns: u64,
    /// Whether unfinished messages make it a lower bound.
    pub at_least: bool,
}

impl std::fmt::Display for Quantile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = figures::duration_ns(self.ns);
        f.pad(&if self.at_least { format!("> {text}") } else { text })
    }
}

/// A distribution with its unfinished messages: what percentiles are read from.
#[derive(Debug, Clone)]
pub struct Distribution {
    finished: Option<Histogram<u64>>,
    /// `(least latency, messages)` of the unfinished.
    censored: Option<(u64, u64)>,
}

impl Distribution {
    /// Of one recorded latency; an encoding that cannot be read counts as nothing finished.
    pub fn of(latency: &Latency) -> Self {
        Self {
            finished: latency.decode().ok().flatten().filter(|histogram| !histogram.is_empty()),
            censored: (latency.censored > 0).then(|| (latency.censored_from_ns.unwrap_or(0), latency.censored)),
        }
    }

    /// Of several recorded latencies, their histograms merged.
    pub fn merged<'a>(latencies: impl IntoIterator<Item = &'a Latency>) -> Self {
        latencies.into_iter().map(Self::of).fold(Self { finished: None, censored: None }, Self::plus)
    }

    /// The histogram of the finished, and `(least latency, messages)` of the unfinished.
    pub fn into_parts(self) -> (Option<Histogram<u64>>, Option<(u64, u64)>) {
        (self.finished, self.censored)
    }

    fn plus(mut self, other: Self) -> Self {
        self.finished = match (self.finished, other.finished) {
            (Some(mut ours), Some(theirs)) => {
                ours.auto(true);
                // A resizable histogram refuses only what 64 bits cannot count; then ours stands.
                let _ = ours.add(&theirs);
                Some(ours)
            }
            (ours, theirs) => ours.or(theirs),
        };
        self.censored = match (self.censored, other.censored) {
            (Some((from, n)), Some((their_from, m))) => Some((from.min(their_from), n.saturating_add(m))),
            (ours, theirs) => ours.or(theirs),
        };
        self
    }

    /// Messages that were due, finished or not.
    pub fn len(&self) -> u64 {
        self.finished_len().saturating_add(self.censored.map_or(0, |(_, n)| n))
    }

    /// Whether nothing was due.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn finished_len(&self) -> u64 {
        self.finished.as_ref().map_or(0, Histogram::len)
    }

    /// [`censored_quantile`] of it.
    pub fn quantile(&self, q: f64) -> Option<Quantile> {
        censored_quantile(self.finished.as_ref(), self.censored, q)
    }

    /// The quantile where there are messages enough to tell it: one of them at least is beyond it, so that p99 takes 100 and
    /// p99.9 takes 1,000.
    pub fn told_quantile(&self, q: f64) -> Option<Quantile> {
        // A hair less than one, for 1 - 0.9 is a hair less than 0.1.
        (self.len() as f64 * (1.0 - q) >= 1.0 - 1e-9).then(|| self.quantile(q)).flatten()
    }

    /// Every distinct finished latency in ascending order, with the share of all due messages (above 0, at most 1) that
    /// took no longer; it ends where unfinished messages would make the share a guess.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let total = self.len() as f64;
        let guessed_from = self.censored.map_or(u64::MAX, |(from, _)| from);
        let mut finished = 0u64;
        self.finished
            .iter()
            .flat_map(|histogram| histogram.iter_recorded())
            .map(move |value| {
                finished = finished.saturating_add(value.count_at_value());
                (finished as f64 / total, value.value_iterated_to())
            })
            .take_while(move |(_, ns)| *ns <= guessed_from)
    }

    /// The largest latency; `None` of nothing.
    pub fn max(&self) -> Option<Quantile> {
        match (&self.finished, self.censored) {
            (None, None) => None,
            (Some(finished), None) => Some(Quantile { ns: finished.max(), at_least: false }),
            (finished, Some((from, _))) => {
                let ns = finished.as_ref().map_or(from, |finished| finished.max().max(from));
                Some(Quantile { ns, at_least: true })
            }
        }
    }
}

/// The latency that a share `q` (0 to 1) of all due messages did not exceed; `None` of nothing. `censored` are the
/// unfinished: `(least latency, messages)`.
///
/// An unfinished message is known to have waited at least so long. A percentile is exact while it lies below that,
/// else a lower bound.
pub fn censored_quantile(finished: Option<&Histogram<u64>>, censored: Option<(u64, u64)>, q: f64) -> Option<Quantile> {
    let finished = finished.filter(|finished| !finished.is_empty());
    let (from, unfinished) = censored.unwrap_or((u64::MAX, 0));
    let total = finished.map_or(0, Histogram::len).saturating_add(unfinished);
    if total == 0 {
        return None;
    }
    let Some(finished) = finished else { return Some(Quantile { ns: from, at_least: true }) };
    let rank = ((total as f64 * q.clamp(0.0, 1.0)).ceil() as u64).clamp(1, total);
    let below = match from {
        _ if unfinished == 0 => finished.len(),
        0 => 0,
        from => finished.count_between(0, from - 1).min(finished.len()),
    };
    // Half a sample off, so that rounding cannot reach the next rank.
    let at_rank = |rank: u64| finished.value_at_quantile((rank as f64 - 0.5) / finished.len() as f64);
    Some(if rank <= below {
        Quantile { ns: at_rank(rank), at_least: false }
    } else if rank <= below.saturating_add(unfinished) {
        Quantile { ns: from, at_least: true }
    } else {
        Quantile { ns: at_rank(rank - unfinished), at_least: true }
    })
}

/// What measuring from the actual send, and not from the intended time, would hide: the generator's own lateness, and the
/// wait for room in the client's queue.
///
/// It is not what a closed loop would report. One that waits for its replies sends nothing while the broker stalls, so that
/// its messages are others, due at other times; their latencies cannot be told from those of this run's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendGap {
    /// p99 of intended→ack less p99 of actual→ack, in nanoseconds.
    pub p99_ns: u64,
    /// The same of the maxima.
    pub max_ns: u64,
}

/// The gap between intended and actual send; `None` where nothing was acknowledged, or where unfinished messages make one
/// of the figures a lower bound.
pub fn send_gap(latencies: &Latencies) -> Option<SendGap> {
    let intended = Distribution::of(&latencies.intended_to_ack);
    let actual = Distribution::of(&latencies.actual_to_ack);
    let exact = |quantile: Option<Quantile>| quantile.filter(|quantile| !quantile.at_least).map(|quantile| quantile.ns);
    Some(SendGap {
        p99_ns: exact(intended.quantile(0.99))?.saturating_sub(exact(actual.quantile(0.99))?),
        max_ns: exact(intended.max())?.saturating_sub(exact(actual.max())?),
    })
}

/// `count` events over `ms` milliseconds, a second; `None` of no time.
pub fn per_second(count: u64, ms: u64) -> Option<f64> {
    (ms > 0).then(|| count as f64 * 1000.0 / ms as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).expect("3 digits are valid");
        for value in values {
            histogram.record(value).expect("resizable");
        }
        histogram
    }

    fn latency(values: impl IntoIterator<Item = u64>, censored: u64, from: u64) -> Latency {
        Latency::from_histogram(&histogram(values), censored, Some(from), 0)
    }

    #[test]
    fn percentiles_are_those_of_the_merged_histogram_not_their_mean() {
        let calm = latency((0..990).map(|_| 1_000), 0, 0);
        let stormy = latency((0..10).map(|_| 1_000_000), 0, 0);
        let both = Distribution::merged([&calm, &stormy]);
        assert_eq!(both.len(), 1000);
        assert_eq!(both.quantile(0.99).map(|q| q.ns), Some(1_000));
        assert!(both.quantile(0.991).is_some_and(|q| q.ns >= 1_000_000));
    }

    #[test]
    fn a_percentile_is_told_once_a_message_is_beyond_it() {
        let of = |messages: u64| Distribution::of(&latency((0..messages).map(|_| 1_000), 0, 0));
        for (messages, q) in [(2, 0.5), (10, 0.9), (100, 0.99), (1_000, 0.999)] {
            assert!(of(messages).told_quantile(q).is_some(), "{q} of {messages}");
            assert!(of(messages - 1).told_quantile(q).is_none(), "{q} of {}", messages - 1);
        }
    }

    #[test]
    fn unfinished_messages_turn_a_percentile_into_a_lower_bound() {
        let nine_of_ten = Distribution::of(&latency((1..=90).map(|i| i * 1_000), 10, 5_000_000));
        assert_eq!(nine_of_ten.quantile(0.5), Some(Quantile { ns: 50_015, at_least: false }));
        assert_eq!(nine_of_ten.quantile(0.95), Some(Quantile { ns: 5_000_000, at_least: true }));
        assert_eq!(nine_of_ten.cumulative().last().map(|(share, _)| share), Some(0.9));
        assert_eq!(nine_of_ten.max().map(|q| q.to_string()), Some("> 5 ms".to_owned()));
    }

    #[test]
    fn with_nothing_finished_everything_is_a_lower_bound_and_with_nothing_due_there_is_none() {
        let none_finished = Distribution::of(&latency([], 3, 7_000));
        assert_eq!(none_finished.quantile(0.5), Some(Quantile { ns: 7_000, at_least: true }));
        assert!(Distribution::of(&Latency::default()).quantile(0.5).is_none());
        assert!(Distribution::merged([]).max().is_none());
    }

    #[test]
    fn the_gap_is_what_a_measurement_from_the_actual_send_would_hide() {
        let latencies = Latencies {
            intended_to_ack: latency((0..100).map(|_| 9_000_000), 0, 0),
            actual_to_ack: latency((0..100).map(|_| 1_000_000), 0, 0),
            ..Latencies::default()
        };
        let gap = send_gap(&latencies).expect("both have samples");
        assert!((7_990_000..8_010_000).contains(&gap.p99_ns), "{gap:?}");
        assert_eq!(send_gap(&Latencies::default()), None);
        let unfinished = Latencies { intended_to_ack: latency([9_000_000], 5, 1_000_000), ..latencies };
        assert_eq!(send_gap(&unfinished), None, "a lower bound less another says nothing");
    }
}

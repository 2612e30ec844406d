//! The compact forms of "these messages": runs of sequences at offsets, and sets of numbers.

use std::collections::BTreeMap;

use crate::message::NO_OFFSET;

/// Consecutive sequences of one lane at consecutive offsets of one partition: 24 bytes for any number of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) sequence: u64,
    /// Of the first; [`NO_OFFSET`] where none of them has one.
    pub(super) offset: i64,
    pub(super) partition: i32,
    /// Number of messages, at least 1.
    pub(super) length: u32,
}

impl Run {
    pub(super) fn one(partition: i32, sequence: u64, offset: i64) -> Run {
        Run { sequence, offset, partition, length: 1 }
    }

    /// The sequence after the last.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.sequence + u64::from(self.length)
    }

    /// The offset after the last.
    #[inline]
    pub(super) fn end_offset(&self) -> i64 {
        self.offset_of(self.end())
    }

    #[inline]
    pub(super) fn offset_of(&self, sequence: u64) -> i64 {
        if self.offset == NO_OFFSET { NO_OFFSET } else { self.offset.wrapping_add((sequence - self.sequence) as i64) }
    }

    /// Takes in the message where it is the next.
    #[inline]
    pub(super) fn extend(&mut self, partition: i32, sequence: u64, offset: i64) -> bool {
        let next = sequence == self.end()
            && offset == self.end_offset()
            && partition == self.partition
            && self.length < u32::MAX;
        self.length += u32::from(next);
        next
    }

    /// The part with sequences from `from` up to `to`, which lie within.
    pub(super) fn part(&self, from: u64, to: u64) -> Run {
        Run { sequence: from, offset: self.offset_of(from), length: (to - from) as u32, ..*self }
    }

    /// (sequence, offset) of each message.
    pub(super) fn messages(&self) -> impl Iterator<Item = (u64, i64)> + use<> {
        let run = *self;
        (run.sequence..run.end()).map(move |sequence| (sequence, run.offset_of(sequence)))
    }
}

/// Runs of one lane that do not overlap, by sequence.
#[derive(Debug, Default)]
pub(super) struct Runs {
    by_sequence: BTreeMap<u64, Run>,
}

impl Runs {
    pub(super) fn count(&self) -> usize {
        self.by_sequence.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.by_sequence.values()
    }

    /// Adds a run whose sequences are not there yet; one that continues its neighbour is merged into it.
    pub(super) fn insert(&mut self, run: Run) {
        if let Some((_, before)) = self.by_sequence.range_mut(..run.sequence).next_back()
            && before.end() == run.sequence
            && before.end_offset() == run.offset
            && before.partition == run.partition
            && let Some(length) = before.length.checked_add(run.length)
        {
            before.length = length;
            return;
        }
        self.by_sequence.insert(run.sequence, run);
    }

    /// Takes out whatever shares sequences with `run`, and inserts the rest of `run` into `others`; `matched` is called
    /// with what was taken out and the part of `run` with the same sequences.
    pub(super) fn cancel(&mut self, run: Run, others: &mut Runs, mut matched: impl FnMut(Run, Run)) {
        let mut at = run.sequence;
        while at < run.end() {
            let first = self.by_sequence.range(..run.end()).next_back().map(|(_, last)| *last);
            let Some(found) = first.filter(|last| last.end() > at).and_then(|_| self.take_first_past(at)) else {
                break;
            };
            if found.sequence > at {
                others.insert(run.part(at, found.sequence));
            }
            let (from, to) = (found.sequence.max(at), found.end().min(run.end()));
            if found.sequence < from {
                self.by_sequence.insert(found.sequence, found.part(found.sequence, from));
            }
            if to < found.end() {
                self.by_sequence.insert(to, found.part(to, found.end()));
            }
            matched(found.part(from, to), run.part(from, to));
            at = to;
        }
        if at < run.end() {
            others.insert(run.part(at, run.end()));
        }
    }

    /// Takes out the last `count` runs, in the order of their sequences.
    pub(super) fn take_last(&mut self, count: usize) -> Vec<Run> {
        let keys = || self.by_sequence.keys();
        let first = keys().rev().nth(count.saturating_sub(1)).or_else(|| keys().next()).copied();
        first.map_or_else(Vec::new, |first| self.by_sequence.split_off(&first).into_values().collect())
    }

    /// Takes out the first run that ends past `sequence`.
    fn take_first_past(&mut self, sequence: u64) -> Option<Run> {
        let over = self.by_sequence.range(..=sequence).next_back().filter(|(_, run)| run.end() > sequence);
        let first = over.or_else(|| self.by_sequence.range(sequence..).next()).map(|(first, _)| *first)?;
        self.by_sequence.remove(&first)
    }
}

/// A set of numbers, kept as intervals.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    /// Start to end, exclusive; never touching.
    by_start: BTreeMap<u64, u64>,
}

impl Intervals {
    /// Adds `start..end`.
    pub(super) fn insert(&mut self, mut start: u64, mut end: u64) {
        if start >= end {
            return;
        }
        if let Some((before, before_end)) = self.by_start.range_mut(..=start).next_back()
            && *before_end >= start
        {
            if *before_end >= end {
                return;
            }
            start = *before;
        }
        while let Some((&next, &next_end)) = self.by_start.range(start + 1..=end).next() {
            end = end.max(next_end);
            self.by_start.remove(&next);
        }
        self.by_start.insert(start, end);
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.touches(number, number + 1)
    }

    /// Whether any of `start..end` is in it.
    #[inline]
    pub(super) fn touches(&self, start: u64, end: u64) -> bool {
        self.by_start.range(..end).next_back().is_some_and(|(_, last_end)| *last_end > start)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn intervals_hold_what_a_set_holds(ranges in proptest::collection::vec((0..60u64, 0..9u64), 0..30)) {
            let (mut intervals, mut set) = (Intervals::default(), BTreeSet::new());
            for (start, length) in ranges {
                intervals.insert(start, start + length);
                set.extend(start..start + length);
            }
            for number in 0..80 {
                prop_assert_eq!(intervals.contains(number), set.contains(&number));
                prop_assert_eq!(intervals.touches(number, number + 3), set.range(number..number + 3).next().is_some());
            }
            let touching = intervals.by_start.values().filter(|end| intervals.by_start.contains_key(end)).count();
            prop_assert_eq!(touching, 0);
        }

        #[test]
        fn cancelling_runs_is_the_difference_of_maps(
            ours in proptest::collection::vec((0..40u64, 1..9u32), 0..8),
            run in (0..40u64, 1..20u32),
        ) {
            let (mut runs, mut map) = (Runs::default(), BTreeMap::new());
            for (sequence, length) in ours {
                let added = Run { sequence, offset: sequence as i64 + 100, partition: 1, length };
                if added.messages().all(|(sequence, _)| !map.contains_key(&sequence)) {
                    runs.insert(added);
                    map.extend(added.messages());
                }
            }
            let run = Run { sequence: run.0, offset: 7, partition: 1, length: run.1 };
            let (mut rest, mut matched) = (Runs::default(), Vec::new());
            runs.cancel(run, &mut rest, |found, part| {
                assert_eq!((found.sequence, found.length), (part.sequence, part.length));
                matched.extend(found.messages().zip(part.messages()));
            });
            let all = |runs: &Runs| runs.iter().flat_map(Run::messages).collect::<BTreeMap<u64, i64>>();
            for (found, part) in &matched {
                prop_assert_eq!(map.remove(&found.0), Some(found.1));
                prop_assert_eq!(part.1, run.offset_of(part.0));
            }
            prop_assert_eq!(all(&runs), map.clone());
            let expected: BTreeMap<u64, i64> =
                run.messages().filter(|(sequence, _)| !matched.iter().any(|(found, _)| found.0 == *sequence)).collect();
            prop_assert_eq!(all(&rest), expected);
            prop_assert!(run.messages().all(|(sequence, _)| !map.contains_key(&sequence)));
        }
    }

    #[test]
    fn a_run_takes_in_only_the_next_message() {
        let mut run = Run::one(3, 10, 100);
        assert!(run.extend(3, 11, 101));
        assert!(!run.extend(3, 13, 102) && !run.extend(3, 12, 103) && !run.extend(2, 12, 102));
        assert_eq!(run, Run { sequence: 10, offset: 100, partition: 3, length: 2 });
        let mut without = Run::one(3, 0, NO_OFFSET);
        assert!(without.extend(3, 1, NO_OFFSET) && !without.extend(3, 2, 0));
    }

    #[test]
    fn runs_that_continue_one_another_are_one() {
        let mut runs = Runs::default();
        for sequence in 0..1000 {
            runs.insert(Run::one(0, sequence, 50 + sequence as i64));
        }
        assert_eq!(runs.count(), 1);
    }
}

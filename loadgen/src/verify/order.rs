//! Whether a lane's messages stand in a partition in the order of their sequences, by acknowledgements or whoever read them.
//!
//! A consumer sees an order break within one of its assignments; when a partition has moved, each of its readers may have
//! seen a part that is in order. So the parts are held against each other here, in whatever order their evidence comes.

use std::collections::BTreeMap;

use super::runs::Run;

/// Sequences and offsets that rise together, in one partition. Parts whose sequences touch are one; where the client
/// chooses the partition, sequences have gaps, and neighbours are one across them.
#[derive(Debug, Clone, Copy)]
struct Part {
    last: u64,
    first_offset: i64,
    last_offset: i64,
}

/// What a group has read of one lane, or a producer was told of it: (partition, first sequence) → part.
#[derive(Debug, Default)]
pub(super) struct Order {
    parts: BTreeMap<(i32, u64), Part>,
}

impl Order {
    /// Takes in a run of sequences that were not seen before, or leaves it out and names a sequence that it stands on the
    /// wrong side of. That two claim the same offset is no matter of order.
    pub(super) fn insert(&mut self, run: &Run, across_gaps: bool) -> Result<(), u64> {
        let (partition, offset, last_offset) = (run.partition, run.offset, run.end_offset() - 1);
        let mut first = run.sequence;
        let mut part = Part { last: run.end() - 1, first_offset: offset, last_offset };
        let before = self.parts.range((partition, 0)..(partition, first)).next_back();
        if let Some((&(_, before_first), before)) = before {
            if before.last > first {
                return match (before.first_offset <= offset, last_offset <= before.last_offset) {
                    (true, true) => Ok(()),
                    (false, _) => Err(before_first),
                    (true, false) => Err(before.last),
                };
            }
            if before.last_offset > offset {
                return Err(before.last);
            }
            if across_gaps || before.last + 1 == first {
                (first, part.first_offset) = (before_first, before.first_offset);
            }
        }
        let after = self.parts.range((partition, run.end())..=(partition, u64::MAX)).next();
        if let Some((&(_, after_first), after)) = after {
            if after.first_offset < last_offset {
                return Err(after_first);
            }
            if across_gaps || after_first == run.end() {
                (part.last, part.last_offset) = (after.last, after.last_offset);
                self.parts.remove(&(partition, after_first));
            }
        }
        self.parts.insert((partition, first), part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sequence: u64, offset: i64, length: u32) -> Run {
        Run { sequence, offset, partition: 0, length }
    }

    #[test]
    fn parts_in_order_become_one_whatever_comes_first() {
        for across_gaps in [false, true] {
            let mut order = Order::default();
            for part in [run(6, 16, 4), run(0, 3, 3), run(3, 10, 3)] {
                assert_eq!(order.insert(&part, across_gaps), Ok(()));
            }
            assert_eq!(order.parts.len(), 1);
        }
    }

    #[test]
    fn a_part_on_the_wrong_side_of_another_is_left_out_and_the_other_is_named() {
        let mut order = Order::default();
        assert_eq!(order.insert(&run(0, 0, 4), false), Ok(()));
        assert_eq!(order.insert(&run(5, 4, 1), false), Ok(()));
        assert_eq!(order.insert(&run(4, 5, 1), false), Err(5));
        assert_eq!(order.insert(&run(6, 2, 1), false), Err(5));
        assert_eq!(order.insert(&run(6, 6, 2), false), Ok(()));
    }

    #[test]
    fn partitions_have_orders_of_their_own() {
        let mut order = Order::default();
        assert_eq!(order.insert(&run(0, 100, 4), true), Ok(()));
        assert_eq!(order.insert(&Run { partition: 1, ..run(4, 7, 2) }, true), Ok(()));
    }
}

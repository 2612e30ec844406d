//! Messages handed to the client and not completed: a slab whose slot numbers travel through the client as tags.
//!
//! Slots are given in the order of memory, round and round in twice the room that is needed: by the time a message
//! completes its slot has left the core's own caches, and only what lies in a row is fetched ahead. (Slots used again in
//! the order of a stack missed the caches twice a message: 0.3 µs of the 5 that a message cost altogether.)

/// What the worker must know again when a message completes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) intended_ns: u64,
    pub(super) actual_ns: u64,
    pub(super) sequence: u64,
    /// As composed, maybe [`CLIENT_CHOOSES`](crate::message::CLIENT_CHOOSES).
    pub(super) partition: i32,
    pub(super) size_bytes: u32,
}

/// Slots that are gone round in at least.
const FEWEST_SLOTS: usize = 1024;

/// A free slot: no message is due so late.
const FREE: Pending = Pending { intended_ns: u64::MAX, actual_ns: 0, sequence: 0, partition: 0, size_bytes: 0 };

/// The slab. It grows to twice the most messages that were ever in flight.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    slots: Vec<Pending>,
    /// Where the search for a free slot begins.
    next: usize,
    len: usize,
}

impl InFlight {
    /// Notes a message and returns its tag.
    #[inline]
    pub(super) fn insert(&mut self, pending: Pending) -> u64 {
        // At least half of these slots are free.
        let room = (2 * (self.len + 1)).max(FEWEST_SLOTS);
        if self.slots.len() < room {
            self.slots.resize(room.next_power_of_two(), FREE);
        }
        loop {
            let slot = if self.next < room { self.next } else { 0 };
            self.next = slot + 1;
            if self.slots[slot] == FREE {
                self.slots[slot] = pending;
                self.len += 1;
                return slot as u64;
            }
        }
    }

    /// Takes the message with this tag out. Each tag that `insert` gave is taken once.
    #[inline]
    pub(super) fn take(&mut self, tag: u64) -> Option<Pending> {
        let slot = self.slots.get_mut(usize::try_from(tag).ok()?).filter(|slot| **slot != FREE)?;
        self.len -= 1;
        Some(std::mem::replace(slot, FREE))
    }

    /// The message with this tag turned out to be handed over later than thought.
    pub(super) fn sent_at(&mut self, tag: u64, actual_ns: u64) {
        if let Some(pending) = self.slots.get_mut(tag as usize) {
            pending.actual_ns = actual_ns;
        }
    }

    /// The messages in flight, in no order.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.slots.iter().filter(|slot| **slot != FREE)
    }

    /// Messages in flight.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn each_message_comes_back_by_its_tag_once_whatever_completes_first(
            steps in proptest::collection::vec((0..10u8, any::<proptest::sample::Index>()), 0..4000),
        ) {
            let (mut in_flight, mut kept) = (InFlight::default(), Vec::new());
            for (sequence, (step, which)) in (0..).zip(steps) {
                if step < 7 || kept.is_empty() {
                    let pending = Pending { sequence, ..Pending::default() };
                    kept.push((in_flight.insert(pending), pending));
                } else {
                    let (tag, pending) = kept.swap_remove(which.index(kept.len()));
                    prop_assert_eq!(in_flight.take(tag), Some(pending));
                    prop_assert_eq!(in_flight.take(tag), None);
                }
            }
            let tags: HashSet<u64> = kept.iter().map(|(tag, _)| *tag).collect();
            prop_assert_eq!((tags.len(), in_flight.len()), (kept.len(), kept.len()));
            prop_assert_eq!(in_flight.pending().count(), kept.len());
        }
    }

    #[test]
    fn slots_are_used_again_in_the_order_of_memory_past_those_still_in_flight() {
        let mut in_flight = InFlight::default();
        let stuck = in_flight.insert(Pending::default());
        for turn in 0..5 * FEWEST_SLOTS {
            let tag = in_flight.insert(Pending::default());
            assert_eq!(tag, 1 + (turn % (FEWEST_SLOTS - 1)) as u64);
            in_flight.take(tag);
        }
        assert_eq!((in_flight.len(), in_flight.take(stuck)), (1, Some(Pending::default())));
    }
}

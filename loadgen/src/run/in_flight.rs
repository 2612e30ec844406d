//! Messages handed to the client and not completed: a slab whose slot numbers travel through the client as tags.

use std::collections::HashSet;

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

/// The slab. Slots are used again; it grows to the most messages that were ever in flight.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    slots: Vec<Pending>,
    free: Vec<u32>,
}

impl InFlight {
    /// Notes a message and returns its tag.
    #[inline]
    pub(super) fn insert(&mut self, pending: Pending) -> u64 {
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.slots.get_mut(slot as usize)
        {
            *place = pending;
            return u64::from(slot);
        }
        self.slots.push(pending);
        self.slots.len() as u64 - 1
    }

    /// Takes the message with this tag out. Each tag that `insert` gave is taken once.
    #[inline]
    pub(super) fn take(&mut self, tag: u64) -> Option<Pending> {
        let pending = *self.slots.get(usize::try_from(tag).ok()?)?;
        self.free.push(tag as u32);
        Some(pending)
    }

    /// The message with this tag turned out to be handed over later than thought.
    pub(super) fn sent_at(&mut self, tag: u64, actual_ns: u64) {
        if let Some(pending) = self.slots.get_mut(tag as usize) {
            pending.actual_ns = actual_ns;
        }
    }

    /// The messages in flight, in no order.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Pending> {
        let free: HashSet<usize> = self.free.iter().map(|slot| *slot as usize).collect();
        self.slots.iter().enumerate().filter(move |(slot, _)| !free.contains(slot)).map(|(_, pending)| pending)
    }

    /// Messages in flight.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again() {
        let mut in_flight = InFlight::default();
        let first = in_flight.insert(Pending { sequence: 1, ..Pending::default() });
        let second = in_flight.insert(Pending { sequence: 2, ..Pending::default() });
        assert_eq!(in_flight.take(first).map(|pending| pending.sequence), Some(1));
        assert_eq!(in_flight.insert(Pending { sequence: 3, ..Pending::default() }), first);
        assert_eq!(in_flight.take(second).map(|pending| pending.sequence), Some(2));
        assert_eq!(in_flight.len(), 1);
        assert_eq!(in_flight.pending().map(|pending| pending.sequence).collect::<Vec<_>>(), [3]);
    }
}

//! Where acknowledged runs go that are too many for memory: an unnamed temporary file.
//!
//! The file is cut into slots of [`PAGE_RUNS`] runs. A page is what one slot holds: runs of one lane that one group has
//! not seen, by sequence. An entry is 24 bytes in this machine's byte order: sequence, offset, partition, length (8, 8,
//! 4, 4 bytes). Slots are used again, so that the file, as memory up to its bound, follows the slowest group's lag.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::runs::{Run, Runs};

/// Runs of one page, at most.
pub(super) const PAGE_RUNS: usize = 16 << 10;
const ENTRY_BYTES: usize = 24;
const SLOT_BYTES: u64 = (PAGE_RUNS * ENTRY_BYTES) as u64;

/// The file, made when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Spill {
    file: Option<File>,
    slots: u64,
    free: Vec<u64>,
}

/// Runs in the file.
#[derive(Debug)]
struct Page {
    slot: u64,
    count: usize,
    /// The sequence after the last.
    end: u64,
}

/// The acknowledged runs of one lane that one group has not seen: the first in memory, those after them maybe in the
/// file. No two share a sequence, though the spans of pages may overlap.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    in_memory: Runs,
    /// By first sequence.
    pages: BTreeMap<u64, Page>,
}

impl Unseen {
    /// Runs in memory.
    pub(super) fn count(&self) -> usize {
        self.in_memory.count()
    }

    /// Where a newly acknowledged run goes.
    pub(super) fn in_memory(&mut self) -> &mut Runs {
        &mut self.in_memory
    }

    /// As [`Runs::cancel`], over memory and file.
    pub(super) fn cancel(
        &mut self,
        run: Run,
        others: &mut Runs,
        spill: &mut Spill,
        matched: impl FnMut(Run, Run),
    ) -> io::Result<()> {
        // Mostly there is none; a group reads where its lag begins, and pages lie behind that.
        while let Some(first) = self.page_within(run.sequence, run.end())
            && let Some(page) = self.pages.remove(&first)
        {
            spill.take(&page)?.into_iter().for_each(|run| self.in_memory.insert(run));
        }
        self.in_memory.cancel(run, others, matched);
        Ok(())
    }

    /// Moves the last runs in memory, those that the group comes to last, to the file; returns how many.
    pub(super) fn page_out(&mut self, spill: &mut Spill) -> io::Result<usize> {
        let runs = self.in_memory.take_last(PAGE_RUNS);
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else { return Ok(0) };
        let page = Page { slot: spill.put(&runs)?, count: runs.len(), end: last.end() };
        self.pages.insert(first.sequence, page);
        Ok(runs.len())
    }

    /// Takes out a part of what is left, until there is nothing more.
    pub(super) fn take_some(&mut self, spill: &mut Spill) -> io::Result<Vec<Run>> {
        match self.pages.pop_first() {
            Some((_, page)) => spill.take(&page),
            None => Ok(self.in_memory.take_last(usize::MAX)),
        }
    }

    fn page_within(&self, from: u64, to: u64) -> Option<u64> {
        self.pages.range(..to).find(|(_, page)| page.end > from).map(|(first, _)| *first)
    }
}

impl Spill {
    /// The most that the file ever held.
    pub(super) fn size_bytes(&self) -> u64 {
        self.slots * SLOT_BYTES
    }

    fn put(&mut self, runs: &[Run]) -> io::Result<u64> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        let mut bytes = Vec::with_capacity(runs.len() * ENTRY_BYTES);
        for run in runs {
            bytes.extend_from_slice(&run.sequence.to_ne_bytes());
            bytes.extend_from_slice(&run.offset.to_ne_bytes());
            bytes.extend_from_slice(&run.partition.to_ne_bytes());
            bytes.extend_from_slice(&run.length.to_ne_bytes());
        }
        file.write_all_at(&bytes, slot * SLOT_BYTES)?;
        Ok(slot)
    }

    /// Reads a page and frees its slot.
    fn take(&mut self, page: &Page) -> io::Result<Vec<Run>> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let mut bytes = vec![0; page.count * ENTRY_BYTES];
        file.read_exact_at(&mut bytes, page.slot * SLOT_BYTES)?;
        self.free.push(page.slot);
        let (entries, _) = bytes.as_chunks::<ENTRY_BYTES>();
        let run = |entry: &[u8; ENTRY_BYTES]| Run {
            sequence: u64::from_ne_bytes(part(entry, 0)),
            offset: i64::from_ne_bytes(part(entry, 8)),
            partition: i32::from_ne_bytes(part(entry, 16)),
            length: u32::from_ne_bytes(part(entry, 20)),
        };
        Ok(entries.iter().map(run).collect())
    }
}

fn part<const N: usize>(entry: &[u8; ENTRY_BYTES], at: usize) -> [u8; N] {
    std::array::from_fn(|i| entry[at + i])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Single messages whose offsets leave gaps, so that none continues another.
    fn unseen(messages: u64) -> Unseen {
        let mut unseen = Unseen::default();
        (0..messages).for_each(|sequence| unseen.in_memory.insert(Run::one(1, sequence, 2 * sequence as i64)));
        unseen
    }

    #[test]
    fn what_was_paged_out_is_cancelled_and_left_over_as_if_it_were_in_memory() {
        let (mut spill, mut unseen) = (Spill::default(), unseen(3 * PAGE_RUNS as u64));
        while unseen.count() > 0 {
            unseen.page_out(&mut spill).expect("written");
        }
        let (mut others, mut matched) = (Runs::default(), Vec::new());
        let middle = PAGE_RUNS as u64 - 5;
        let run = Run { sequence: middle, offset: 0, partition: 1, length: 10 };
        unseen.cancel(run, &mut others, &mut spill, |found, _| matched.push(found)).expect("read");
        assert_eq!(matched, (middle..middle + 10).map(|s| Run::one(1, s, 2 * s as i64)).collect::<Vec<_>>());
        assert_eq!((others.count(), unseen.count()), (0, 2 * PAGE_RUNS - 10));
        let mut left = Vec::new();
        loop {
            let some = unseen.take_some(&mut spill).expect("read");
            if some.is_empty() {
                break;
            }
            left.extend(some.iter().map(|run| run.sequence));
        }
        left.sort_unstable();
        let all = (0..3 * PAGE_RUNS as u64).filter(|sequence| !(middle..middle + 10).contains(sequence));
        assert_eq!(left, all.collect::<Vec<_>>());
    }

    #[test]
    fn slots_are_used_again() {
        let mut spill = Spill::default();
        for _ in 0..5 {
            let mut unseen = unseen(10);
            assert_eq!(unseen.page_out(&mut spill).expect("written"), 10);
            assert_eq!(unseen.take_some(&mut spill).expect("read").len(), 10);
        }
        assert_eq!(spill.size_bytes(), SLOT_BYTES);
    }
}

//! Which leader epoch began at which offset (Kafka's `LeaderEpochFileCache`).
//!
//! `leader-epoch-checkpoint` is text: `0` (the version), the number of entries, and a line `epoch start-offset` for each.
//! It is brought to stable storage together with the batches it speaks of; they have their epochs in their headers, from
//! which a checkpoint that a power cut spoilt is made again.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::LogError;
use super::storage::{self, Durability};

/// The checkpoint's name.
pub(super) const FILE_NAME: &str = "leader-epoch-checkpoint";

/// Epochs and their first offsets, both ascending.
#[derive(Debug)]
pub(super) struct LeaderEpochs {
    path: PathBuf,
    entries: Vec<(i32, i64)>,
    unsynced: bool,
}

impl LeaderEpochs {
    /// Without a checkpoint to read.
    pub(super) fn none(dir: &Path) -> Self {
        LeaderEpochs { path: dir.join(FILE_NAME), entries: Vec::new(), unsynced: false }
    }

    /// Reads the checkpoint; a missing one has no entries, a spoilt one those that `walk` assigns to it.
    pub(super) fn open(
        dir: &Path,
        walk: impl FnOnce(&mut dyn FnMut(i32, i64)) -> Result<(), LogError>,
    ) -> Result<Self, LogError> {
        let mut epochs = LeaderEpochs::none(dir);
        let Some(bytes) = storage::read_file(&epochs.path)? else { return Ok(epochs) };
        match parse(&String::from_utf8_lossy(&bytes)) {
            Ok(entries) => epochs.entries = entries,
            Err(reason) => {
                tracing::warn!("{} is malformed ({reason}): reading epochs from batches", epochs.path.display());
                let mut entries: Vec<(i32, i64)> = Vec::new();
                walk(&mut |epoch, offset| {
                    if epoch > entries.last().map_or(-1, |(latest, _)| *latest) {
                        entries.push((epoch, offset));
                    }
                })?;
                epochs.store(entries)?;
            }
        }
        Ok(epochs)
    }

    /// The newest epoch.
    pub(super) fn latest(&self) -> Option<i32> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// The epoch that wrote at `offset`, or would have; `None` before the first.
    pub(super) fn epoch_of(&self, offset: i64) -> Option<i32> {
        let after = self.entries.partition_point(|(_, start)| *start <= offset);
        after.checked_sub(1).map(|index| self.entries[index].0)
    }

    /// Notes that `epoch` writes from `start_offset` on.
    pub(super) fn assign(&mut self, epoch: i32, start_offset: i64) -> Result<(), LogError> {
        if epoch < 0 || self.latest().is_some_and(|latest| epoch <= latest) {
            return Ok(());
        }
        let mut entries = self.entries.clone();
        entries.retain(|(_, start)| *start < start_offset);
        entries.push((epoch, start_offset));
        self.store(entries)
    }

    /// Forgets epochs that begin at or past `end_offset`.
    pub(super) fn truncate_end(&mut self, end_offset: i64) -> Result<(), LogError> {
        let mut entries = self.entries.clone();
        entries.retain(|(_, start)| *start < end_offset);
        self.store(entries)
    }

    /// Forgets epochs that ended at or before `start_offset`; the one it lies in then begins there.
    pub(super) fn truncate_start(&mut self, start_offset: i64) -> Result<(), LogError> {
        let mut entries = self.entries.clone();
        let gone = entries.iter().take_while(|(_, start)| *start <= start_offset).count();
        if gone > 0 {
            entries.drain(..gone - 1);
            entries[0].1 = start_offset;
        }
        self.store(entries)
    }

    /// The largest epoch at or below `epoch`, and the offset where the next one begins (Kafka's `endOffsetFor`).
    pub(super) fn end_offset_for(&self, epoch: i32, log_end_offset: i64) -> Option<(i32, i64)> {
        if epoch < 0 {
            return None;
        }
        let after = self.entries.partition_point(|(start, _)| *start <= epoch);
        match (after.checked_sub(1).map(|index| self.entries[index].0), self.entries.get(after)) {
            (Some(floor), None) if floor == epoch => Some((epoch, log_end_offset)),
            (_, None) => None,
            (floor, Some((_, next_start))) => Some((floor.unwrap_or(epoch), *next_start)),
        }
    }

    fn store(&mut self, entries: Vec<(i32, i64)>) -> Result<(), LogError> {
        if entries == self.entries {
            return Ok(());
        }
        let mut text = format!("0\n{}\n", entries.len());
        for (epoch, start_offset) in &entries {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{epoch} {start_offset}");
        }
        storage::replace(&self.path, text.as_bytes(), Durability::Relaxed)?;
        self.entries = entries;
        self.unsynced = true;
        Ok(())
    }

    /// Brings the checkpoint to stable storage, but for its name; true if there was something to bring.
    pub(super) fn sync(&mut self) -> Result<bool, LogError> {
        if !self.unsynced {
            return Ok(false);
        }
        storage::sync_file(&self.path)?;
        self.unsynced = false;
        Ok(true)
    }
}

fn parse(text: &str) -> Result<Vec<(i32, i64)>, String> {
    let mut lines = text.lines();
    match lines.next() {
        Some("0") => {}
        version => return Err(format!("version {version:?}")),
    }
    let count: usize = lines.next().and_then(|count| count.parse().ok()).ok_or("no entry count")?;
    let entries: Vec<(i32, i64)> = lines
        .map(|line| {
            let (epoch, start_offset) = line.split_once(' ')?;
            Some((epoch.parse().ok()?, start_offset.parse().ok()?))
        })
        .collect::<Option<_>>()
        .ok_or("an entry that is not two numbers")?;
    let ascending = entries.is_sorted_by(|before, after| before.0 < after.0 && before.1 <= after.1);
    if entries.len() != count || !ascending {
        return Err(format!("{count} ascending entries announced, {} found: {entries:?}", entries.len()));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> Result<LeaderEpochs, LogError> {
        LeaderEpochs::open(dir, |_| Ok(()))
    }

    #[test]
    fn a_spoilt_checkpoint_is_made_again_from_the_batches() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leader-epoch-checkpoint");
        for spoilt in ["", "1\n0\n", "0\n2\n0 0\n", "0\n2\n1 0\n0 5\n", "0\n1\nx y\n"] {
            std::fs::write(&path, spoilt).unwrap();
            let batches = [(0, 0), (0, 3), (2, 7), (2, 9)];
            let walk = |assign: &mut dyn FnMut(i32, i64)| {
                batches.iter().for_each(|(epoch, offset)| assign(*epoch, *offset));
                Ok(())
            };
            assert_eq!(LeaderEpochs::open(dir.path(), walk).unwrap().entries, [(0, 0), (2, 7)], "{spoilt:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n2\n0 0\n2 7\n");
        }
    }

    #[test]
    fn epochs_survive_reopening_in_kafkas_format() {
        let dir = tempfile::tempdir().unwrap();
        let mut epochs = open(dir.path()).unwrap();
        epochs.assign(0, 0).unwrap();
        epochs.assign(0, 5).unwrap();
        epochs.assign(3, 10).unwrap();
        let text = std::fs::read_to_string(dir.path().join("leader-epoch-checkpoint")).unwrap();
        assert_eq!(text, "0\n2\n0 0\n3 10\n");
        let epochs = open(dir.path()).unwrap();
        assert_eq!(epochs.latest(), Some(3));
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let dir = tempfile::tempdir().unwrap();
        let mut epochs = open(dir.path()).unwrap();
        assert_eq!(epochs.end_offset_for(0, 0), None);
        epochs.assign(2, 0).unwrap();
        epochs.assign(4, 10).unwrap();
        assert_eq!(epochs.end_offset_for(-1, 30), None);
        assert_eq!(epochs.end_offset_for(1, 30), Some((1, 0)));
        assert_eq!(epochs.end_offset_for(2, 30), Some((2, 10)));
        assert_eq!(epochs.end_offset_for(3, 30), Some((2, 10)));
        assert_eq!(epochs.end_offset_for(4, 30), Some((4, 30)));
        assert_eq!(epochs.end_offset_for(5, 30), None);
        assert_eq!(
            [-1, 0, 9, 10, 30].map(|offset| epochs.epoch_of(offset)),
            [None, Some(2), Some(2), Some(4), Some(4)]
        );
    }

    #[test]
    fn truncation_forgets_epochs_at_both_ends() {
        let dir = tempfile::tempdir().unwrap();
        let mut epochs = open(dir.path()).unwrap();
        for (epoch, start_offset) in [(0, 0), (1, 10), (2, 20)] {
            epochs.assign(epoch, start_offset).unwrap();
        }
        epochs.truncate_end(20).unwrap();
        assert_eq!(epochs.latest(), Some(1));
        epochs.truncate_start(12).unwrap();
        assert_eq!(epochs.end_offset_for(0, 15), Some((0, 12)));
        assert_eq!(open(dir.path()).unwrap().entries, [(1, 12)]);
    }
}

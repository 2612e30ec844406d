//! The data directory: made, locked against a second broker, and removed again if it is ephemeral.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use uuid::Uuid;

use super::StartError;
use crate::config::Storage;

/// Kafka's name for it.
const LOCK: &str = ".lock";
/// Ephemeral directories are known by their name, so that those which a killed broker left behind can be removed.
const EPHEMERAL_PREFIX: &str = "ephemeral-broker-";

/// A data directory in use. The lock goes with the process, however it ends.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    ephemeral: bool,
    _lock: File,
}

impl DataDir {
    pub(super) fn open(storage: &Storage) -> Result<Self, StartError> {
        match storage {
            Storage::Directory(path) => {
                let failed = |source| StartError::DataDir { path: path.clone(), source };
                fs::create_dir_all(path).map_err(failed)?;
                let lock = lock(path).map_err(failed)?.ok_or_else(|| StartError::Locked { path: path.clone() })?;
                Ok(DataDir { path: path.clone(), ephemeral: false, _lock: lock })
            }
            Storage::Ephemeral => ephemeral(&std::env::temp_dir()),
        }
    }

    pub(super) fn is_ephemeral(&self) -> bool {
        self.ephemeral
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.ephemeral
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the ephemeral data directory could not be removed");
        }
    }
}

/// A new directory under `parent`, after removing what brokers that were killed left there.
fn ephemeral(parent: &Path) -> Result<DataDir, StartError> {
    remove_leftovers(parent);
    let path = parent.join(format!("{EPHEMERAL_PREFIX}{}", Uuid::new_v4().simple()));
    let failed = |source| StartError::DataDir { path: path.clone(), source };
    // Locked under a name that nobody looks for, so that another broker's cleaning does not take it for a leftover.
    let unnamed = path.with_extension("new");
    fs::create_dir(&unnamed).map_err(failed)?;
    let lock = lock(&unnamed).map_err(failed)?.ok_or_else(|| StartError::Locked { path: path.clone() })?;
    fs::rename(&unnamed, &path).map_err(failed)?;
    Ok(DataDir { path, ephemeral: true, _lock: lock })
}

/// Takes the lock of `directory`; `None` if another process has it.
fn lock(directory: &Path) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(directory.join(LOCK))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes ephemeral directories whose broker is gone: their lock can be had. Others' directories are passed over.
fn remove_leftovers(parent: &Path) {
    let Ok(entries) = parent.read_dir() else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(EPHEMERAL_PREFIX) && !name.ends_with(".new"));
        if ours && entry.path().join(LOCK).exists() && matches!(lock(&entry.path()), Ok(Some(_))) {
            tracing::info!(path = %entry.path().display(), "removing what a killed ephemeral broker left");
            // Whatever cannot be removed now is met again at the next start.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_refused_and_free_again_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::Directory(dir.path().join("new"));
        let first = DataDir::open(&storage).unwrap();
        assert!(matches!(DataDir::open(&storage), Err(StartError::Locked { .. })));
        drop(first);
        DataDir::open(&storage).unwrap();
    }

    #[test]
    fn ephemeral_directories_are_removed_by_their_broker_or_else_by_the_next() {
        let parent = tempfile::tempdir().unwrap();
        let alive = ephemeral(parent.path()).unwrap();
        let gone = ephemeral(parent.path()).unwrap();
        let gone_path = gone.path().to_owned();
        drop(gone);
        assert!(!gone_path.exists());

        // What a killed broker leaves: the directory and a lock file that nobody holds.
        fs::create_dir(&gone_path).unwrap();
        fs::write(gone_path.join(LOCK), "").unwrap();
        let next = ephemeral(parent.path()).unwrap();
        assert!(!gone_path.exists() && alive.path().exists() && next.path().exists());
    }
}

//! A leaf: a file's next content, written beside it and then put in its place by a rename. Other processes, and whoever
//! starts after a crash, find the old content or the new one, never a mixture.
//!
//! It is written to `<name>.tmp`, so that there is one replacement of a file at a time; what a crash leaves there is
//! overwritten by the next.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What a power cut may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The file may be lost, or found empty.
    Relaxed,
    /// The new content stays once it is in place.
    Synced,
}

/// See the module.
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl Replacement {
    /// Begins with an empty file beside `path`.
    ///
    /// # Errors
    /// What the system says to creating it.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let file = File::create(&temporary)?;
        Ok(Replacement { path: path.to_owned(), temporary, file })
    }

    /// Where the content is to be written.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Puts what was written in place of what the path held.
    ///
    /// # Errors
    /// What the system says to the rename, which then has not taken place, or to an fsync.
    pub fn put_in_place(self, durability: Durability) -> io::Result<()> {
        if durability == Durability::Synced {
            self.file.sync_data()?;
        }
        fs::rename(&self.temporary, &self.path)?;
        match (durability, self.path.parent()) {
            (Durability::Synced, Some(directory)) => sync_directory(directory),
            _ => Ok(()),
        }
    }
}

/// Puts `bytes` in place of what `path` held, durably.
///
/// # Errors
/// What the system says; the old content is still there, unless it was the directory's fsync that failed.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let replacement = Replacement::begin(path)?;
    replacement.file().write_all(bytes)?;
    replacement.put_in_place(Durability::Synced)
}

/// Makes names created in, renamed in or removed from `directory` survive a power cut.
///
/// # Errors
/// What the system says.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_content_stays_until_the_new_one_is_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.txt");
        replace(&path, b"a longer old one").unwrap();
        let replacement = Replacement::begin(&path).unwrap();
        replacement.file().write_all(b"half of").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a longer old one");
        drop(replacement);
        let replacement = Replacement::begin(&path).unwrap();
        replacement.file().write_all(b"new").unwrap();
        replacement.put_in_place(Durability::Relaxed).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(dir.path().read_dir().unwrap().count(), 1, "nothing stays beside it");
    }
}

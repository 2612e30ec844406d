//! The seam to the file system: everything the log does to files goes through here, so that a faulty one can stand in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::io::{Errno, ReadWriteFlags};

use super::LogError;
use crate::replacement::{self, Replacement};

pub(super) use crate::replacement::Durability;

/// Opens a file for reading and writing, creating it if needed.
pub(super) fn open(path: &Path) -> Result<File, LogError> {
    #[cfg(test)]
    faults::name(path).map_err(LogError::io("open", path))?;
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    options.map_err(LogError::io("open", path))
}

/// Creates a file, or empties the one that is there.
pub(super) fn create(path: &Path) -> Result<File, LogError> {
    #[cfg(test)]
    faults::name(path).map_err(LogError::io("create", path))?;
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
    options.map_err(LogError::io("create", path))
}

/// Opens a file that is there.
pub(super) fn open_existing(path: &Path) -> Result<File, LogError> {
    OpenOptions::new().read(true).write(true).open(path).map_err(LogError::io("open", path))
}

/// Writes all of `slices` at `position` by `pwritev(2)`: one call, unless the system writes less than it was given.
pub(super) fn write_all_at(file: &File, mut slices: &mut [IoSlice<'_>], mut position: u64) -> io::Result<()> {
    /// Linux takes this many slices at once (`UIO_MAXIOV`).
    const MAX_SLICES: usize = 1024;
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        let call = &slices[..slices.len().min(MAX_SLICES)];
        #[cfg(test)]
        let call = &faults::shortened(call)?[..];
        match rustix::io::pwritev(file, call, position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                position += written as u64;
                IoSlice::advance_slices(&mut slices, written);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads at most `buffer.len()` bytes at `position`, fewer only at the end of the file; returns how many.
pub(super) fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Whether a read may wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It waits.
    MayWait,
    /// It fails with [`io::ErrorKind::WouldBlock`] where something is not in the page cache, or not opened yet.
    Resident,
}

/// As [`read_at`], waiting for the disk or not. A file system that cannot say counts as not resident.
pub(super) fn read_at_by(access: Access, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    if access == Access::MayWait {
        return read_at(file, buffer, position);
    }
    let mut filled = 0;
    while filled < buffer.len() {
        let mut rest = [IoSliceMut::new(&mut buffer[filled..])];
        match rustix::io::preadv2(file, &mut rest, position + filled as u64, ReadWriteFlags::NOWAIT) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// Cuts a file, or fails as the test says.
pub(super) fn truncate(file: &File, size_bytes: u64) -> io::Result<()> {
    #[cfg(test)]
    faults::truncate()?;
    file.set_len(size_bytes)
}

/// Brings a file's bytes to stable storage.
pub(super) fn sync_data(file: &File) -> io::Result<()> {
    #[cfg(test)]
    faults::sync()?;
    file.sync_data()
}

/// Makes names created in, renamed in or removed from `dir` survive a power cut.
pub(super) fn sync_dir(dir: &Path) -> Result<(), LogError> {
    replacement::sync_directory(dir).map_err(LogError::io("fsync", dir))
}

/// Brings a file's bytes to stable storage, by name; one that is gone needs nothing.
pub(super) fn sync_file(path: &Path) -> Result<(), LogError> {
    match File::open(path).and_then(|file| file.sync_data()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LogError::io("fsync", path)(error)),
        _ => Ok(()),
    }
}

/// Writes a file that nothing is at the name of yet. A power cut may take any part of it.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), LogError> {
    write_all_at(&create(path)?, &mut [IoSlice::new(bytes)], 0).map_err(LogError::io("write", path))
}

/// Puts `bytes` in place of what `path` held: all of it or nothing, as seen by other processes and after a crash.
pub(super) fn replace(path: &Path, bytes: &[u8], durability: Durability) -> Result<(), LogError> {
    let write = |file: &File| write_all_at(file, &mut [IoSlice::new(bytes)], 0).map_err(LogError::io("write", path));
    replace_by(path, durability, write)
}

/// As [`replace`], with the bytes that `write` puts into the file.
pub(super) fn replace_by(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&File) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let replacement = Replacement::begin(path).map_err(LogError::io("replace", path))?;
    write(replacement.file())?;
    #[cfg(test)]
    faults::name(path).map_err(LogError::io("replace", path))?;
    replacement.put_in_place(durability).map_err(LogError::io("replace", path))
}

/// Renames a file.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), LogError> {
    #[cfg(test)]
    faults::name(from).map_err(LogError::io("rename", from))?;
    fs::rename(from, to).map_err(LogError::io("rename", from))
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), LogError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LogError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// A small file's bytes; `None` if there is no such file.
pub(super) fn read_file(path: &Path) -> Result<Option<Vec<u8>>, LogError> {
    match File::open(path).and_then(read_small) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogError::io("read", path)(error)),
    }
}

/// All of a file that most often fits one read, which is then the only call: a start reads some of each partition.
fn read_small(mut file: File) -> io::Result<Vec<u8>> {
    const MOSTLY_BELOW_BYTES: usize = 1024;
    let mut bytes = vec![0; MOSTLY_BELOW_BYTES];
    let read = file.read(&mut bytes)?;
    bytes.truncate(read);
    // A regular file gives less than was asked for only where it ends.
    if read == MOSTLY_BELOW_BYTES {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Faults that a test injects into its own thread's file operations.
#[cfg(test)]
pub(super) mod faults {
    use std::cell::Cell;
    use std::io::{self, IoSlice};
    use std::path::Path;

    thread_local! {
        static NAME: Cell<Option<&'static str>> = const { Cell::new(None) };
        static SPACE_BYTES: Cell<Option<usize>> = const { Cell::new(None) };
        static TRUNCATE_FAILS: Cell<bool> = const { Cell::new(false) };
        static SYNC_FAILS: Cell<bool> = const { Cell::new(false) };
    }

    /// From now on the disk has room for so many bytes; `None` for any number.
    pub(in crate::log) fn set_space(space_bytes: Option<usize>) {
        SPACE_BYTES.set(space_bytes);
    }

    /// From now on creating, or renaming, a file whose name ends like this fails.
    pub(in crate::log) fn set_name(name: Option<&'static str>) {
        NAME.set(name);
    }

    /// From now on cutting a file fails.
    pub(in crate::log) fn set_truncate_fails(fails: bool) {
        TRUNCATE_FAILS.set(fails);
    }

    /// From now on bringing a segment to stable storage fails.
    pub(in crate::log) fn set_sync_fails(fails: bool) {
        SYNC_FAILS.set(fails);
    }

    /// The part of `slices` that still has room, as `pwritev` writes short before it fails.
    pub(super) fn shortened<'a>(slices: &'a [IoSlice<'_>]) -> io::Result<Vec<IoSlice<'a>>> {
        let Some(space_bytes) = SPACE_BYTES.get() else {
            return Ok(slices.iter().map(|slice| IoSlice::new(slice)).collect());
        };
        if space_bytes == 0 {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        let mut left = space_bytes;
        let mut kept = Vec::new();
        for slice in slices {
            let len = slice.len().min(left);
            kept.push(IoSlice::new(&slice[..len]));
            left -= len;
        }
        SPACE_BYTES.set(Some(left));
        Ok(kept)
    }

    pub(super) fn name(path: &Path) -> io::Result<()> {
        let fails = NAME.get().is_some_and(|name| path.to_string_lossy().ends_with(name));
        if fails { Err(rustix::io::Errno::MFILE.into()) } else { Ok(()) }
    }

    pub(super) fn truncate() -> io::Result<()> {
        if TRUNCATE_FAILS.get() { Err(rustix::io::Errno::IO.into()) } else { Ok(()) }
    }

    pub(super) fn sync() -> io::Result<()> {
        if SYNC_FAILS.get() { Err(rustix::io::Errno::IO.into()) } else { Ok(()) }
    }
}

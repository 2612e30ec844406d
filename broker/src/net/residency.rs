//! Whether bytes of a file are in the page cache, and how they get there.
//!
//! `sendfile(2)` of a page that is not in memory blocks the thread that calls it, and with it every connection of that
//! thread (Kafka has this: KAFKA-7504). So a piece of a region is sent by the runtime only if it is resident, which is
//! decided so:
//!
//! - A region that was planned as hot (just appended) is resident, as long as its client keeps up.
//! - Else the piece's first and last byte are read by `preadv2(RWF_NOWAIT)`, which fails with EAGAIN where it would have
//!   to wait for the disk. The pages between are taken to be as resident as those two: a piece is at most
//!   [`super::send::PIECE_BYTES`] long, was written at one time, and is read ahead and evicted together. Where the guess
//!   is wrong, one call blocks for one read; nothing breaks.
//! - A file system that cannot say (EOPNOTSUPP) means not resident, except tmpfs, whose files are memory.
//!
//! A piece that is not resident is brought in by the pool, which touches one byte of each page. These single bytes are
//! the only ones of a region that enter user space.

use std::fs::File;
use std::io::IoSliceMut;
use std::num::NonZeroU64;

use rustix::fs::Advice;
use rustix::io::{Errno, ReadWriteFlags};

const PAGE_BYTES: u64 = 4 << 10;
/// How much the kernel is asked to read past a piece that is brought in: the next pieces of the same region.
const READ_AHEAD_BYTES: u64 = 2 << 20;
/// statfs(2) `TMPFS_MAGIC`.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Whether the first and the last of `len` bytes from `position` on can be read without waiting for the disk.
pub(super) fn is_resident(file: &File, position: u64, len: usize) -> bool {
    let last = position + (len as u64).saturating_sub(1);
    is_byte_resident(file, position) && (last / PAGE_BYTES == position / PAGE_BYTES || is_byte_resident(file, last))
}

fn is_byte_resident(file: &File, position: u64) -> bool {
    let mut byte = [0];
    match rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut byte)], position, ReadWriteFlags::NOWAIT) {
        // 0 is the end of the file, which the sender will find without waiting.
        Ok(_) => true,
        Err(Errno::OPNOTSUPP) => is_tmpfs(file),
        Err(_) => false,
    }
}

fn is_tmpfs(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|stat| stat.f_type as u64 == TMPFS_MAGIC)
}

/// Reads `len` bytes from `position` on into the page cache; blocks. An error is left for the sender to meet.
pub(super) fn bring_in(file: &File, position: u64, len: usize) {
    let end = position + len as u64;
    // Only advice: without it the reads below do all the work.
    let _ = rustix::fs::fadvise(file, position, NonZeroU64::new(len as u64 + READ_AHEAD_BYTES), Advice::WillNeed);
    let mut byte = [0];
    let mut at = position;
    while at < end && rustix::io::pread(file, &mut byte, at).is_ok() {
        at = (at / PAGE_BYTES + 1) * PAGE_BYTES;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_was_just_written_is_resident() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 100_000]).unwrap();
        assert!(is_resident(&file, 0, 100_000));
        assert!(is_resident(&file, 99_999, 1));
    }

    #[test]
    fn what_is_on_tmpfs_is_resident() {
        let Ok(mut file) = tempfile::tempfile_in("/dev/shm") else {
            eprintln!("skipped: no /dev/shm");
            return;
        };
        file.write_all(&[7; 100_000]).unwrap();
        assert!(is_resident(&file, 0, 100_000));
    }

    #[test]
    fn what_was_evicted_is_not_resident_until_it_is_brought_in() {
        let mut file = tempfile::NamedTempFile::new_in(".").unwrap().into_file();
        file.write_all(&[7; 1 << 20]).unwrap();
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        if is_resident(&file, 0, 1 << 20) {
            eprintln!("skipped: this file system keeps what it was told to drop");
            return;
        }
        bring_in(&file, 0, 1 << 20);
        assert!(is_resident(&file, 0, 1 << 20));
    }
}

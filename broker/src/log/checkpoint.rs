//! `recovery-point`: what a start needs to know of the last run, in a few lines of text.
//!
//! ```text
//! version: 1
//! boot_id: the kernel's, while which what was written stays written, whatever becomes of the process
//! clean: true after a clean shutdown, until the first append
//! log_start_offset: offset
//! written: offset segment position
//! flushed: offset segment position
//! crc32c: of the lines above, in hexadecimal
//! ```
//!
//! Kafka keeps this for all partitions of a data directory in `recovery-point-offset-checkpoint`,
//! `log-start-offset-checkpoint` and `.kafka_cleanshutdown`; one file a partition moves with its partition.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::LogError;
use super::storage::{self, Durability};

const FILE_NAME: &str = "recovery-point";

/// A place in the log: between two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    /// Offset of what comes next.
    pub(super) offset: i64,
    /// Base offset of the segment.
    pub(super) segment: i64,
    /// Byte in that segment.
    pub(super) position: u64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) boot_id: String,
    pub(super) clean: bool,
    pub(super) log_start_offset: i64,
    /// Everything before was handed to the kernel.
    pub(super) written: Point,
    /// Everything before is on stable storage.
    pub(super) flushed: Point,
}

impl Checkpoint {
    /// Reads the partition's checkpoint; the error says what is wrong with it.
    pub(super) fn read(dir: &Path) -> Result<Option<Result<Checkpoint, String>>, LogError> {
        let bytes = storage::read_file(&path(dir))?;
        Ok(bytes.map(|bytes| parse(&String::from_utf8_lossy(&bytes)).ok_or_else(|| format!("{} bytes", bytes.len()))))
    }

    /// Writes the partition's checkpoint.
    pub(super) fn write(&self, dir: &Path, durability: Durability) -> Result<(), LogError> {
        storage::replace(&path(dir), self.to_text().as_bytes(), durability)
    }

    /// Whether the next start may go by this one in place of `now`: it says nothing else, only less.
    pub(super) fn holds_for(&self, now: &Checkpoint) -> bool {
        let as_far_as_now = Checkpoint { written: now.written, ..self.clone() };
        as_far_as_now == *now
            && self.written.segment == now.written.segment
            && self.written.offset <= now.written.offset
    }

    /// Writes the checkpoint of a partition that has none yet.
    pub(super) fn write_new(&self, dir: &Path) -> Result<(), LogError> {
        storage::write_new(&path(dir), self.to_text().as_bytes())
    }

    fn to_text(&self) -> String {
        let point = |point: &Point| format!("{} {} {}", point.offset, point.segment, point.position);
        let text = format!(
            "version: 1\nboot_id: {}\nclean: {}\nlog_start_offset: {}\nwritten: {}\nflushed: {}\n",
            self.boot_id,
            self.clean,
            self.log_start_offset,
            point(&self.written),
            point(&self.flushed)
        );
        format!("{text}crc32c: {:08x}\n", crc32c::crc32c(text.as_bytes()))
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

fn parse(text: &str) -> Option<Checkpoint> {
    let (body, crc) = text.split_once("crc32c: ")?;
    if crc32c::crc32c(body.as_bytes()) != u32::from_str_radix(crc.trim_end(), 16).ok()? {
        return None;
    }
    let mut lines = body.lines();
    let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ");
    let point = |text: &str| {
        let mut fields = text.split(' ');
        let (offset, segment) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Point { offset, segment, position: fields.next()?.parse().ok()? })
    };
    value("version").filter(|version| *version == "1")?;
    Some(Checkpoint {
        boot_id: value("boot_id")?.to_owned(),
        clean: value("clean")?.parse().ok()?,
        log_start_offset: value("log_start_offset")?.parse().ok()?,
        written: point(value("written")?)?,
        flushed: point(value("flushed")?)?,
    })
}

/// The kernel's boot id; empty where it cannot be read, which no checkpoint is then trusted with.
pub(super) fn boot_id() -> &'static str {
    static BOOT_ID: OnceLock<String> = OnceLock::new();
    BOOT_ID.get_or_init(|| {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        boot_id.map_or_else(|_| String::new(), |boot_id| boot_id.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_back_and_any_damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Checkpoint::read(dir.path()).unwrap(), None);
        let written = Checkpoint {
            boot_id: boot_id().to_owned(),
            clean: true,
            log_start_offset: 5,
            written: Point { offset: 70, segment: 50, position: 1234 },
            flushed: Point { offset: 50, segment: 50, position: 0 },
        };
        written.write(dir.path(), Durability::Synced).unwrap();
        assert_eq!(Checkpoint::read(dir.path()).unwrap(), Some(Ok(written)));
        let text = std::fs::read(path(dir.path())).unwrap();
        for at in 0..text.len() - 1 {
            let mut damaged = text.clone();
            damaged[at] ^= 1;
            std::fs::write(path(dir.path()), damaged).unwrap();
            assert!(Checkpoint::read(dir.path()).unwrap().unwrap().is_err(), "byte {at}");
            std::fs::write(path(dir.path()), &text[..at]).unwrap();
            assert!(Checkpoint::read(dir.path()).unwrap().unwrap().is_err(), "cut at {at}");
        }
    }
}

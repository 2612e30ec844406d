//! Brings a shard's image back: the snapshot, then the log from there on.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;
use tracing::{error, warn};

use super::Host;
use crate::coordinator::image::Image;
use crate::coordinator::records::Record;
use crate::coordinator::snapshot::{self, SnapshotOf};
use crate::coordinator::{OffsetsLog, OffsetsLogError};
use crate::record::{BatchError, DecompressError, RecordError, batches};

const READ_BYTES: usize = 1024 * 1024;

/// A batch of `__consumer_offsets` decompresses to no more than this.
const BATCH_BYTES: usize = 64 * 1024 * 1024;

/// What was loaded.
#[derive(Debug, Default)]
pub struct Loaded {
    pub(super) image: Image,
    /// The image is that of the log below this offset.
    pub(super) next_offset: i64,
    /// Size of the snapshot that was read.
    pub(super) records_in_snapshot: usize,
    /// Records that were read off the log after it.
    pub(super) records_since_snapshot: usize,
}

/// Why a partition cannot be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] OffsetsLogError),
    /// What was read is no batch.
    #[error("at offset {at}: {source}")]
    Batch {
        /// Where.
        at: i64,
        /// What is wrong.
        source: BatchError,
    },
    /// A batch's records cannot be decompressed.
    #[error("at offset {at}: {source}")]
    Decompress {
        /// Where.
        at: i64,
        /// What is wrong.
        source: DecompressError,
    },
    /// A batch's records are no records.
    #[error("at offset {at}: {source}")]
    Record {
        /// Where.
        at: i64,
        /// What is wrong.
        source: RecordError,
    },
    /// The log says that there is more, and does not give it.
    #[error("nothing at offset {at}, the log ends at {end}")]
    Stuck {
        /// Where.
        at: i64,
        /// The log's end.
        end: i64,
    },
    /// The coordinator is stopping.
    #[error("interrupted")]
    Interrupted,
}

/// Loads one partition.
pub fn load(host: &Host, directory: &Path, of: SnapshotOf, stop: &AtomicBool) -> Result<Loaded, LoadError> {
    let partition = of.partition;
    let end = host.log.end_offset(partition)?;
    let start = host.log.start_offset(partition)?;
    let (mut image, offset) = usable_snapshot(directory, of, start, end).unwrap_or((Image::default(), start));
    let records_in_snapshot = image.record_count();
    let from = offset.max(start);
    let mut next_offset = from;
    while next_offset < end {
        if stop.load(Ordering::Relaxed) {
            return Err(LoadError::Interrupted);
        }
        let replayed_to = replay(&*host.log, partition, next_offset, &mut image)?;
        if replayed_to <= next_offset {
            return Err(LoadError::Stuck { at: next_offset, end });
        }
        next_offset = replayed_to;
    }
    let records_since_snapshot = usize::try_from(next_offset - from).unwrap_or(usize::MAX);
    Ok(Loaded { image, next_offset, records_in_snapshot, records_since_snapshot })
}

fn usable_snapshot(directory: &Path, of: SnapshotOf, start: i64, end: i64) -> Option<(Image, i64)> {
    let reason = match snapshot::read(directory, of) {
        Ok(None) => return None,
        Ok(Some((image, offset))) if offset <= end => return Some((image, offset)),
        Ok(Some((_, offset))) => format!("it is of offset {offset}, the log ends at {end}"),
        Err(error) => error.to_string(),
    };
    let partition = of.partition;
    if start > 0 {
        let aside = snapshot::put_aside(directory, partition);
        error!(
            partition,
            reason,
            start,
            ?aside,
            "what groups said before the start of the log is lost with its snapshot"
        );
    } else {
        warn!(partition, reason, "reading the whole partition of __consumer_offsets: snapshot dropped");
        if let Err(error) = snapshot::remove(directory, partition) {
            warn!(partition, %error, "cannot remove a snapshot");
        }
    }
    None
}

/// Replays the batches at `from` and returns the offset after them.
fn replay(log: &dyn OffsetsLog, partition: i32, from: i64, image: &mut Image) -> Result<i64, LoadError> {
    let bytes = log.read(partition, from, READ_BYTES)?;
    let mut next_offset = from;
    for batch in batches(&bytes) {
        let batch = batch.map_err(|source| LoadError::Batch { at: next_offset, source })?;
        let at = batch.header.base_offset;
        batch.verify_crc().map_err(|source| LoadError::Batch { at, source })?;
        // Control batches say nothing of groups; offsets committed in transactions are not hosted.
        if !batch.header.is_control() && !batch.header.is_transactional() {
            let records = batch.records(BATCH_BYTES).map_err(|source| LoadError::Decompress { at, source })?;
            for record in records.iter() {
                let record = record.map_err(|source| LoadError::Record { at, source })?;
                let Some(key) = record.key.filter(|_| record.offset >= next_offset) else { continue };
                match Record::decode(key, record.value) {
                    Ok(Some(known)) => image.replay(known),
                    Ok(None) => {}
                    Err(error) => {
                        warn!(partition, offset = record.offset, %error, "passing over a record that cannot be read");
                    }
                }
            }
        }
        next_offset = next_offset.max(batch.header.last_offset() + 1);
    }
    Ok(next_offset)
}

//! Walks the batches of a segment file by their headers, which is all that is read of them.

use std::fs::File;
use std::io;

use super::storage::{self, Access};
use crate::record::{BatchError, BatchHeader, HEADER_BYTES};

/// Bytes read at once while batches are smaller than that; of larger ones only the header is read.
const CHUNK_BYTES: usize = 8 << 10;
/// Bytes read at once to compute a CRC.
const CRC_CHUNK_BYTES: usize = 256 << 10;
/// First byte of a batch that its CRC covers.
const CRC_START: u64 = 21;

/// Why a walk ended early.
#[derive(Debug)]
pub(super) enum ScanError {
    /// The file cannot be read.
    Io(io::Error),
    /// There is no whole batch at `position`.
    Batch {
        /// Where.
        position: u64,
        /// What is there instead.
        source: BatchError,
    },
}

/// See the module.
#[derive(Debug)]
pub(super) struct HeaderScan<'a> {
    file: &'a File,
    position: u64,
    /// Where the walk ends.
    limit: u64,
    chunk: Vec<u8>,
    chunk_position: u64,
    last_size_bytes: usize,
    access: Access,
}

impl<'a> HeaderScan<'a> {
    /// Walks from the batch that starts at `position` up to byte `limit`.
    pub(super) fn new(file: &'a File, position: u64, limit: u64) -> Self {
        HeaderScan {
            file,
            position,
            limit,
            chunk: Vec::new(),
            chunk_position: position,
            last_size_bytes: 0,
            access: Access::MayWait,
        }
    }

    /// The same walk, waiting for the disk or not.
    pub(super) fn by(self, access: Access) -> Self {
        HeaderScan { access, ..self }
    }

    /// The next batch's position and header; `None` at the limit.
    pub(super) fn next(&mut self) -> Result<Option<(u64, BatchHeader)>, ScanError> {
        let (position, left) = (self.position, self.limit.saturating_sub(self.position));
        if left == 0 {
            return Ok(None);
        }
        let at = usize::try_from(position - self.chunk_position).unwrap_or(usize::MAX);
        let header = match self.chunk.get(at..).filter(|bytes| bytes.len() >= HEADER_BYTES) {
            Some(bytes) => BatchHeader::parse(bytes),
            None => BatchHeader::parse(self.fill(position, left).map_err(ScanError::Io)?),
        };
        let header = header.and_then(|header| match header.size_bytes() as u64 <= left {
            true => Ok(header),
            false => Err(BatchError::Short { got: left as usize, expected: header.size_bytes() }),
        });
        let header = header.map_err(|source| ScanError::Batch { position, source })?;
        self.last_size_bytes = header.size_bytes();
        self.position += self.last_size_bytes as u64;
        Ok(Some((position, header)))
    }

    fn fill(&mut self, position: u64, left: u64) -> io::Result<&[u8]> {
        let wanted = if self.last_size_bytes > CHUNK_BYTES { HEADER_BYTES } else { CHUNK_BYTES };
        self.chunk.resize(wanted.min(usize::try_from(left).unwrap_or(usize::MAX)), 0);
        let read = storage::read_at_by(self.access, self.file, &mut self.chunk, position)?;
        self.chunk.truncate(read);
        self.chunk_position = position;
        Ok(&self.chunk)
    }
}

/// Whether the CRC of the batch at `position` holds; `buffer` is kept to be used again.
pub(super) fn crc_holds(file: &File, position: u64, header: &BatchHeader, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let (mut at, end) = (position + CRC_START, position + header.size_bytes() as u64);
    let mut crc = 0;
    while at < end {
        buffer.resize(CRC_CHUNK_BYTES.min((end - at) as usize), 0);
        let read = storage::read_at(file, buffer, at)?;
        if read < buffer.len() {
            return Ok(false);
        }
        crc = crc32c::crc32c_append(crc, buffer);
        at += read as u64;
    }
    Ok(crc == header.crc)
}

/// Whether the file holds nothing but zeros from `position` to `limit`, as preallocated space does.
pub(super) fn is_zero(file: &File, mut position: u64, limit: u64) -> io::Result<bool> {
    let mut buffer = vec![0; CRC_CHUNK_BYTES];
    while position < limit {
        let wanted = CRC_CHUNK_BYTES.min((limit - position) as usize);
        let read = storage::read_at(file, &mut buffer[..wanted], position)?;
        if read == 0 {
            break;
        }
        if buffer[..read].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        position += read as u64;
    }
    Ok(true)
}

/// The first whole batch that starts at or past `position`, has a right CRC, and whose offsets lie within `offsets`.
pub(super) fn find_batch(
    file: &File,
    mut position: u64,
    limit: u64,
    offsets: std::ops::Range<i64>,
) -> io::Result<Option<(u64, BatchHeader)>> {
    let (mut window, mut buffer) = (vec![0; CRC_CHUNK_BYTES], Vec::new());
    while position + HEADER_BYTES as u64 <= limit {
        let wanted = CRC_CHUNK_BYTES.min((limit - position) as usize);
        let read = storage::read_at(file, &mut window[..wanted], position)?;
        if read < HEADER_BYTES {
            break;
        }
        for (index, head) in window[..read].windows(HEADER_BYTES).enumerate() {
            let candidate = position + index as u64;
            let Ok(header) = BatchHeader::parse(head) else { continue };
            let fits = candidate + header.size_bytes() as u64 <= limit;
            let in_line = offsets.contains(&header.base_offset)
                && header.last_offset_delta >= 0
                && header.last_offset() < offsets.end;
            if fits && in_line && crc_holds(file, candidate, &header, &mut buffer)? {
                return Ok(Some((candidate, header)));
            }
        }
        position += (read - HEADER_BYTES + 1) as u64;
    }
    Ok(None)
}

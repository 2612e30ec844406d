//! One batch, or a run of them, in place.

use super::compression::DecompressError;
use super::header::{BatchHeader, CRC_START, HEADER_BYTES};
use super::records::Records;

/// Bytes that are not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Cut short.
    #[error("{got} bytes where {expected} are needed")]
    Short {
        /// Bytes there are.
        got: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// Another format version.
    #[error("magic {got}; only 2 is supported")]
    Magic {
        /// The version.
        got: i8,
    },
    /// A length below that of the header itself.
    #[error("length {got} is below that of a batch header")]
    Length {
        /// The length.
        got: i32,
    },
    /// Damaged on the way or on disk.
    #[error("CRC-32C is {got:#010x}, the header says {expected:#010x}")]
    Crc {
        /// Computed.
        got: u32,
        /// Stored.
        expected: u32,
    },
}

/// A whole batch: its header, decoded, and all its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The decoded header.
    pub header: BatchHeader,
    /// Exactly the batch, header included.
    pub bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch at the start of `bytes`, which may go on after it.
    pub fn parse(bytes: &'a [u8]) -> Result<Batch<'a>, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let size_bytes = header.size_bytes();
        let bytes = bytes.get(..size_bytes).ok_or(BatchError::Short { got: bytes.len(), expected: size_bytes })?;
        Ok(Batch { header, bytes })
    }

    /// Fails unless the CRC-32C holds.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let (got, expected) = (crc32c::crc32c(&self.bytes[CRC_START..]), self.header.crc);
        if got == expected { Ok(()) } else { Err(BatchError::Crc { got, expected }) }
    }

    /// The bytes after the header: records, compressed as the header says.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// The records; a compressed batch is decompressed, to at most `max_bytes`.
    pub fn records(&self, max_bytes: usize) -> Result<Records<'a>, DecompressError> {
        Records::new(self, max_bytes)
    }
}

/// Iterates over the batches of `bytes`; ends after the first error.
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { rest: bytes }
}

/// See [`batches`].
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let batch = Batch::parse(self.rest);
        self.rest = batch.as_ref().map_or(&[], |batch| &self.rest[batch.bytes.len()..]);
        Some(batch)
    }
}

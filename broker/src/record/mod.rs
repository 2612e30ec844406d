//! Record batches (magic 2) in place.

mod batch;
mod builder;
mod compression;
mod header;
mod records;

pub use batch::{Batch, BatchError, Batches, batches};
pub use builder::BatchBuilder;
pub use compression::{Compression, DecompressError};
pub use header::{BatchHeader, HEADER_BYTES, TimestampType};
pub use records::{Record, RecordError, RecordHeader, Records};

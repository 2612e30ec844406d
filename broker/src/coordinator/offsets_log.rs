//! The seam to `__consumer_offsets`: what the coordinator needs of the topic, and nothing else.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use thiserror::Error;
use uuid::Uuid;

/// The topic `__consumer_offsets`, as the coordinator uses it. Appends and reads are synchronous and may be called from
/// any thread; the coordinator calls them for one partition from one thread at a time.
pub trait OffsetsLog: Send + Sync + 'static {
    /// The topic's id and its number of partitions; `None` while it does not exist.
    fn topic(&self) -> Option<(Uuid, i32)>;

    /// Creates the topic, with `partitions` partitions and `cleanup.policy=compact`, unless it exists. Returns once it
    /// can be appended to.
    fn ensure_exists(&self, partitions: i32) -> BoxFuture<'_, Result<(), OffsetsLogError>>;

    /// Appends one record batch (magic 2, base offset 0) and returns the offset of its last record. On an error nothing
    /// of the batch is in the log.
    fn append(&self, partition: i32, batch: Bytes) -> Result<i64, OffsetsLogError>;

    /// Whole batches from the one that holds `from` on, about `max_bytes` of them and at least one; empty at the end
    /// of the log. The first batch may begin before `from`.
    fn read(&self, partition: i32, from: i64, max_bytes: usize) -> Result<Bytes, OffsetsLogError>;

    /// First offset that can be read.
    fn start_offset(&self, partition: i32) -> Result<i64, OffsetsLogError>;

    /// Lets whole segments below `offset` go, now or later; whoever calls it has what they say on stable storage. What
    /// the log itself has below `offset` is made durable first, so that no crash takes its end back behind that.
    fn delete_before(&self, partition: i32, offset: i64) -> Result<(), OffsetsLogError>;

    /// Offset of the next record to be appended.
    fn end_offset(&self, partition: i32) -> Result<i64, OffsetsLogError>;
}

/// A boxed future, so that [`OffsetsLog`] can be used as a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why `__consumer_offsets` could not be used.
#[derive(Debug, Error)]
pub enum OffsetsLogError {
    /// The topic or the partition does not exist.
    #[error("__consumer_offsets has no partition {partition}")]
    NoSuchPartition {
        /// The partition asked for.
        partition: i32,
    },
    /// The partition's log is still being opened; ask again.
    #[error("partition {partition} of __consumer_offsets is not open yet")]
    NotReady {
        /// The partition asked for.
        partition: i32,
    },
    /// The batch exceeds the topic's `max.message.bytes`.
    #[error("a batch of {size_bytes} bytes is too large")]
    TooLarge {
        /// Size of the batch.
        size_bytes: usize,
    },
    /// The topic could not be created, read or appended to.
    #[error("__consumer_offsets: {0}")]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

//! `__consumer_offsets` for the group coordinator: its seam, over metadata and topics.

use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use uuid::Uuid;

use crate::clock::Clock;
use crate::coordinator::{OffsetsLog, OffsetsLogError};
use crate::log::AppendError;
use crate::metadata::{Command, Metadata, NewTopic, ProposeError, Refusal};
use crate::topic::{Isolation, Partition, PartitionError, Topics};

const NAME: &str = "__consumer_offsets";

/// The topic that groups keep their state in.
#[derive(Debug)]
pub(super) struct OffsetsTopic {
    pub(super) metadata: Arc<Metadata>,
    pub(super) topics: Arc<Topics>,
    pub(super) clock: Clock,
    /// `segment.bytes` of the topic when it is created.
    pub(super) segment_bytes: i32,
}

impl OffsetsTopic {
    fn partition(&self, index: i32) -> Result<Arc<Partition>, OffsetsLogError> {
        let topic = self.topics.by_name(NAME);
        let partition = topic.and_then(|topic| topic.partition(index).cloned());
        partition.ok_or(OffsetsLogError::NoSuchPartition { partition: index })
    }
}

impl OffsetsLog for OffsetsTopic {
    fn topic(&self) -> Option<(Uuid, i32)> {
        self.metadata.image().topic(NAME).map(|topic| (topic.id, topic.partitions))
    }

    fn ensure_exists(&self, partitions: i32) -> Pin<Box<dyn Future<Output = Result<(), OffsetsLogError>> + Send + '_>> {
        Box::pin(async move {
            if self.topic().is_some() {
                return Ok(());
            }
            let topic = NewTopic::named(NAME)
                .partitions(partitions)
                .setting("cleanup.policy", "compact")
                .setting("segment.bytes", self.segment_bytes.to_string());
            match self.metadata.propose(Command::CreateTopic(topic)).await {
                // Another request was faster.
                Ok(_) | Err(ProposeError::Refused(Refusal::TopicExists { .. })) => Ok(()),
                Err(error) => Err(OffsetsLogError::Failed(Box::new(error))),
            }
        })
    }

    fn append(&self, partition: i32, batch: Bytes) -> Result<i64, OffsetsLogError> {
        let held = self.partition(partition)?;
        let append = || held.append_internal(&batch, self.clock.now_ms());
        // The coordinator's lock is held: whoever waits for it waits for the disk, too, but no one else.
        let appended = if held.append_may_wait() { tokio::task::block_in_place(append) } else { append() };
        appended.map(|appended| appended.last_offset).map_err(|error| refused(partition, error))
    }

    fn read(&self, partition: i32, from: i64, max_bytes: usize) -> Result<Bytes, OffsetsLogError> {
        let read = self
            .partition(partition)?
            .read(from, max_bytes, Isolation::ReadUncommitted, true)
            .map_err(|error| refused(partition, error))?;
        let mut bytes = BytesMut::zeroed(read.size_bytes);
        let mut rest = &mut bytes[..];
        for region in &read.regions {
            let (into, after) = rest.split_at_mut(region.len);
            region
                .file
                .read_exact_at(into, region.position)
                .map_err(|error| OffsetsLogError::Failed(Box::new(error)))?;
            rest = after;
        }
        Ok(bytes.freeze())
    }

    fn start_offset(&self, partition: i32) -> Result<i64, OffsetsLogError> {
        self.partition(partition)?.log_start_offset().map_err(|error| refused(partition, error))
    }

    fn delete_before(&self, partition: i32, offset: i64) -> Result<(), OffsetsLogError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| OffsetsLogError::Failed(error);
        let held = self.partition(partition)?;
        let log = held.log().map_err(|error| refused(partition, error))?;
        // A log of one segment has nothing to let go.
        if log.segment_count() > 1 && log.log_start_offset() < offset {
            log.flush_to(offset).map_err(|error| failed(error.into()))?;
            // The next round of retention takes the segments away.
            log.delete_before(offset).map_err(|error| failed(error.into()))?;
        }
        Ok(())
    }

    fn end_offset(&self, partition: i32) -> Result<i64, OffsetsLogError> {
        let log = self.partition(partition)?;
        log.log().map(|log| log.log_end_offset()).map_err(|error| refused(partition, error))
    }
}

fn refused(partition: i32, error: PartitionError) -> OffsetsLogError {
    match error {
        PartitionError::Opening => OffsetsLogError::NotReady { partition },
        PartitionError::Deleted => OffsetsLogError::NoSuchPartition { partition },
        PartitionError::Append(AppendError::BatchTooLarge { size_bytes, .. }) => {
            OffsetsLogError::TooLarge { size_bytes }
        }
        other => OffsetsLogError::Failed(Box::new(other)),
    }
}

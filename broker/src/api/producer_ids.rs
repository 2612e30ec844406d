//! Producer ids, handed out one by one from blocks that the metadata allocates (Kafka's `ProducerIdManager`), so that one
//! commit is paid for many ids. What is left of a block when the broker stops is never used.

use std::ops::Range;

use tokio::sync::Mutex;

use crate::metadata::{Command, Committed, Metadata, PRODUCER_ID_BLOCK, ProposeError};

/// The block in use.
#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    block: Mutex<Range<i64>>,
}

impl ProducerIds {
    /// An id that nobody has had.
    pub(super) async fn next(&self, metadata: &Metadata) -> Result<i64, ProposeError> {
        let mut block = self.block.lock().await;
        loop {
            if let Some(id) = block.next() {
                return Ok(id);
            }
            if let Committed::ProducerIds { first } = metadata.propose(Command::AllocateProducerIds).await? {
                *block = first..first + PRODUCER_ID_BLOCK;
            }
        }
    }
}

//! Makes batches.

use bytes::Bytes;

use super::compression::Compression;

/// Builds one batch, as a producer would.
#[derive(Debug)]
pub struct BatchBuilder {
    compression: Compression,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        BatchBuilder::new()
    }
}

impl BatchBuilder {
    /// A batch without records, not compressed, from no idempotent producer.
    pub fn new() -> Self {
        BatchBuilder { compression: Compression::None }
    }

    /// Compresses the records.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// First offset; 0 unless set (a leader assigns it).
    pub fn base_offset(self, _base_offset: i64) -> Self {
        panic!("being built")
    }

    /// Leader epoch; -1 unless set (a leader assigns it).
    pub fn leader_epoch(self, _leader_epoch: i32) -> Self {
        panic!("being built")
    }

    /// Marks the batch as an idempotent producer's.
    pub fn producer(self, _producer_id: i64, _producer_epoch: i16, _base_sequence: i32) -> Self {
        panic!("being built")
    }

    /// Adds a record without headers. `timestamp` is in milliseconds since the epoch.
    pub fn record(self, _timestamp: i64, _key: Option<&[u8]>, _value: Option<&[u8]>) -> Self {
        panic!("being built")
    }

    /// Adds a record.
    pub fn record_with_headers(
        self,
        _timestamp: i64,
        _key: Option<&[u8]>,
        _value: Option<&[u8]>,
        _headers: &[(&str, Option<&[u8]>)],
    ) -> Self {
        panic!("being built")
    }

    /// The batch with its CRC.
    pub fn build(self) -> Bytes {
        panic!("being built")
    }
}

//! Makes batches.

use bytes::Bytes;

use super::compression::Compression;
use super::header::{BatchHeader, CRC_START, HEADER_BYTES, LENGTH_OVERHEAD_BYTES};
use super::varint;

/// Builds one batch, as a producer would.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    header: BatchHeader,
    compression: Compression,
    /// Encoded records.
    payload: Vec<u8>,
    /// One record's encoding; kept to be used again.
    scratch: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        BatchBuilder::new()
    }
}

impl BatchBuilder {
    /// A batch without records, not compressed, from no idempotent producer.
    pub fn new() -> Self {
        let header = BatchHeader {
            base_offset: 0,
            batch_length: 0,
            partition_leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: -1,
            base_timestamp: -1,
            max_timestamp: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: 0,
        };
        BatchBuilder { header, compression: Compression::None, payload: Vec::new(), scratch: Vec::new() }
    }

    /// Compresses the records.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// First offset; 0 unless set (a leader assigns it).
    pub fn base_offset(mut self, base_offset: i64) -> Self {
        self.header.base_offset = base_offset;
        self
    }

    /// Leader epoch; -1 unless set (a leader assigns it).
    pub fn leader_epoch(mut self, leader_epoch: i32) -> Self {
        self.header.partition_leader_epoch = leader_epoch;
        self
    }

    /// Marks the batch as an idempotent producer's.
    pub fn producer(mut self, producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Self {
        self.header.producer_id = producer_id;
        self.header.producer_epoch = producer_epoch;
        self.header.base_sequence = base_sequence;
        self
    }

    /// Adds a record without headers. `timestamp` is in milliseconds since the epoch.
    pub fn record(self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        self.record_with_headers(timestamp, key, value, &[])
    }

    /// Adds a record.
    pub fn record_with_headers(
        mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> Self {
        if self.header.record_count == 0 {
            self.header.base_timestamp = timestamp;
        }
        self.header.max_timestamp = self.header.max_timestamp.max(timestamp);
        let record = &mut self.scratch;
        record.clear();
        record.push(0);
        varint::put(record, timestamp - self.header.base_timestamp);
        varint::put(record, i64::from(self.header.record_count));
        put_bytes(record, key);
        put_bytes(record, value);
        varint::put(record, headers.len() as i64);
        for (key, value) in headers {
            put_bytes(record, Some(key.as_bytes()));
            put_bytes(record, *value);
        }
        put_bytes(&mut self.payload, Some(&self.scratch));
        self.header.last_offset_delta += 1;
        self.header.record_count += 1;
        self
    }

    /// Bytes of records so far, before compression.
    pub fn payload_bytes(&self) -> usize {
        self.payload.len()
    }

    /// Records so far.
    pub fn record_count(&self) -> usize {
        self.header.record_count as usize
    }

    /// The batch with its CRC.
    ///
    /// # Panics
    ///
    /// If the records take 2 GiB or more.
    pub fn build(self) -> Bytes {
        let BatchBuilder { mut header, compression, payload, .. } = self;
        let payload = compression.compress(&payload);
        header.attributes |= compression.code();
        header.batch_length =
            i32::try_from(HEADER_BYTES - LENGTH_OVERHEAD_BYTES + payload.len()).expect("a batch is below 2 GiB");
        header.crc = crc32c::crc32c_append(crc32c::crc32c(&header.to_bytes()[CRC_START..]), &payload);
        [&header.to_bytes()[..], &payload].concat().into()
    }
}

fn put_bytes(output: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::put(output, -1),
        Some(bytes) => {
            varint::put(output, bytes.len() as i64);
            output.extend_from_slice(bytes);
        }
    }
}

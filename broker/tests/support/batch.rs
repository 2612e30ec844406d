//! Record batches, encoded and decoded by the kafka-protocol crate: an encoder that is not the broker's own.

use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{
    Compression, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};

/// A batch to be: records with the same key `k`, the values given, and consecutive timestamps.
pub struct Batch {
    pub values: Vec<Bytes>,
    pub first_timestamp: i64,
    pub producer: Option<(i64, i16)>,
    pub base_sequence: i32,
    pub transactional: bool,
}

impl Batch {
    pub fn of(values: &[&str]) -> Batch {
        Batch {
            values: values.iter().map(|value| Bytes::copy_from_slice(value.as_bytes())).collect(),
            first_timestamp: 1_700_000_000_000,
            producer: None,
            base_sequence: 0,
            transactional: false,
        }
    }

    pub fn at(mut self, first_timestamp: i64) -> Batch {
        self.first_timestamp = first_timestamp;
        self
    }

    pub fn by_producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Batch {
        self.producer = Some((id, epoch));
        self.base_sequence = base_sequence;
        self
    }

    pub fn transactional(mut self) -> Batch {
        self.transactional = true;
        self
    }

    pub fn encode(&self) -> Bytes {
        let (producer_id, producer_epoch) = self.producer.unwrap_or((NO_PRODUCER_ID, NO_PRODUCER_EPOCH));
        let first_sequence = if self.producer.is_some() { self.base_sequence } else { -1 };
        let records: Vec<Record> = (0_i32..)
            .zip(&self.values)
            .map(|(nth, value)| Record {
                transactional: self.transactional,
                control: false,
                delete_horizon: false,
                partition_leader_epoch: -1,
                producer_id,
                producer_epoch,
                timestamp_type: TimestampType::Creation,
                offset: i64::from(nth),
                sequence: first_sequence + nth,
                timestamp: self.first_timestamp + i64::from(nth),
                key: Some(Bytes::from_static(b"k")),
                value: Some(value.clone()),
                headers: Default::default(),
            })
            .collect();
        let mut encoded = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        RecordBatchEncoder::encode(&mut encoded, &records, &options).expect("a batch");
        encoded.freeze()
    }
}

/// Every record of the uncompressed batches in `records`, in order.
pub fn decode(mut records: Bytes) -> Vec<Record> {
    RecordBatchDecoder::decode_all(&mut records)
        .expect("whole batches")
        .into_iter()
        .flat_map(|set| set.records)
        .collect()
}

/// (offset, value as text) of every record.
pub fn offsets_and_values(records: Bytes) -> Vec<(i64, String)> {
    decode(records)
        .into_iter()
        .map(|record| (record.offset, String::from_utf8_lossy(&record.value.unwrap_or_default()).into_owned()))
        .collect()
}

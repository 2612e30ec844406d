//! What idempotent producers sent: the last five batches of each, so that a batch sent again is recognised and a lost one
//! noticed (Kafka's `ProducerStateManager` and `ProducerAppendInfo`).
//!
//! A `{offset:020}.snapshot` holds the state before that offset: version (i16, 1), CRC-32C (u32, of what follows), entry
//! count (i32), and for each producer: id i64, epoch i16, last sequence i32, last offset i64, offset delta i32, timestamp
//! i64, coordinator epoch i32, first offset of the open transaction i64 (-1 for none); -1 for a producer without batches.
//! Only the last batch of each is kept there, as in Kafka. Version 2 is read as version 1.

use std::collections::{HashMap, VecDeque};

use super::AppendError;
use crate::record::BatchHeader;

/// Batches remembered for each producer: as many as it may have in flight.
const REMEMBERED_BATCHES: usize = 5;
const SNAPSHOT_VERSION: i16 = 1;
/// Bytes before the entry count, where the CRC starts.
const SNAPSHOT_HEAD_BYTES: usize = 6;
const SNAPSHOT_ENTRY_BYTES: usize = 46;

/// A batch that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SentBatch {
    /// Sequence of its last record.
    last_sequence: i32,
    /// Offset of its last record.
    pub(super) last_offset: i64,
    /// Last offset minus base offset.
    offset_delta: i32,
    /// Its largest timestamp.
    pub(super) timestamp: i64,
}

impl SentBatch {
    fn of(header: &BatchHeader) -> Self {
        SentBatch {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        }
    }

    /// Offset of its first record.
    pub(super) fn base_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// One producer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Producer {
    epoch: i16,
    /// Oldest first; empty right after a new epoch began with a marker.
    batches: VecDeque<SentBatch>,
    last_timestamp: i64,
    coordinator_epoch: i32,
    transaction_first_offset: Option<i64>,
}

/// All producers of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Producers {
    by_id: HashMap<i64, Producer>,
}

impl Producers {
    /// Checks an idempotent producer's batch. Returns the batch it repeats, if it does.
    ///
    /// As Kafka 4: an unknown producer may start at any sequence (its state may have expired), a new epoch starts at 0,
    /// an older epoch is fenced, and within an epoch sequences follow one another, from `i32::MAX` to 0.
    pub(super) fn check(&self, header: &BatchHeader) -> Result<Option<SentBatch>, AppendError> {
        let Some(producer) = self.by_id.get(&header.producer_id) else { return Ok(None) };
        if header.producer_epoch < producer.epoch {
            return Err(AppendError::InvalidProducerEpoch {
                producer_id: header.producer_id,
                got: header.producer_epoch,
                current: producer.epoch,
            });
        }
        let same_epoch = header.producer_epoch == producer.epoch;
        if same_epoch {
            let sent = SentBatch::of(header);
            let repeats = |batch: &&SentBatch| {
                batch.last_sequence == sent.last_sequence && batch.offset_delta == sent.offset_delta
            };
            if let Some(batch) = producer.batches.iter().find(repeats) {
                return Ok(Some(*batch));
            }
        }
        let last = if same_epoch { producer.batches.back().map_or(-1, |batch| batch.last_sequence) } else { -1 };
        // i32::MAX wraps to i32::MIN, and the mask takes that to 0.
        let expected = last.wrapping_add(1) & i32::MAX;
        if header.base_sequence != expected {
            return Err(AppendError::OutOfOrderSequence {
                producer_id: header.producer_id,
                got: header.base_sequence,
                last,
            });
        }
        Ok(None)
    }

    /// Notes a batch that was appended, its offsets assigned. Batches of other producers change nothing.
    pub(super) fn update(&mut self, header: &BatchHeader) {
        if !header.has_producer_id() {
            return;
        }
        let producer = self.by_id.entry(header.producer_id).or_insert_with(|| Producer {
            epoch: header.producer_epoch,
            batches: VecDeque::with_capacity(REMEMBERED_BATCHES),
            last_timestamp: -1,
            coordinator_epoch: -1,
            transaction_first_offset: None,
        });
        if header.producer_epoch != producer.epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        producer.last_timestamp = header.max_timestamp;
        if header.is_control() {
            producer.transaction_first_offset = None;
            return;
        }
        if header.is_transactional() {
            producer.transaction_first_offset.get_or_insert(header.base_offset);
        }
        if producer.batches.len() == REMEMBERED_BATCHES {
            producer.batches.pop_front();
        }
        producer.batches.push_back(SentBatch::of(header));
    }

    /// Forgets producers that sent nothing for `expiration_ms` and have no transaction open.
    pub(super) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.by_id.retain(|_, producer| {
            producer.transaction_first_offset.is_some()
                || now_ms.saturating_sub(producer.last_timestamp) < expiration_ms
        });
    }

    /// Encodes a snapshot.
    pub(super) fn to_snapshot(&self) -> Vec<u8> {
        let mut bytes = vec![0; SNAPSHOT_HEAD_BYTES];
        bytes.extend_from_slice(&(self.by_id.len() as i32).to_be_bytes());
        for (id, producer) in &self.by_id {
            let nothing = SentBatch { last_sequence: -1, last_offset: -1, offset_delta: 0, timestamp: -1 };
            let last = producer.batches.back().copied().unwrap_or(nothing);
            bytes.extend_from_slice(&id.to_be_bytes());
            bytes.extend_from_slice(&producer.epoch.to_be_bytes());
            bytes.extend_from_slice(&last.last_sequence.to_be_bytes());
            bytes.extend_from_slice(&last.last_offset.to_be_bytes());
            bytes.extend_from_slice(&last.offset_delta.to_be_bytes());
            bytes.extend_from_slice(&producer.last_timestamp.to_be_bytes());
            bytes.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
            bytes.extend_from_slice(&producer.transaction_first_offset.unwrap_or(-1).to_be_bytes());
        }
        let crc = crc32c::crc32c(&bytes[SNAPSHOT_HEAD_BYTES..]);
        bytes[0..2].copy_from_slice(&SNAPSHOT_VERSION.to_be_bytes());
        bytes[2..6].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Decodes a snapshot; the error says what is wrong with it.
    pub(super) fn from_snapshot(bytes: &[u8]) -> Result<Self, String> {
        let (head, body) = bytes.split_at_checked(SNAPSHOT_HEAD_BYTES).ok_or("cut short")?;
        let version = i16::from_be_bytes([head[0], head[1]]);
        if !(1..=2).contains(&version) {
            return Err(format!("version {version}"));
        }
        let (got, expected) = (crc32c::crc32c(body), u32::from_be_bytes([head[2], head[3], head[4], head[5]]));
        if got != expected {
            return Err(format!("CRC-32C is {got:#010x}, the file says {expected:#010x}"));
        }
        let (count, entries) = body.split_first_chunk::<4>().ok_or("cut short")?;
        let count = i32::from_be_bytes(*count);
        let (entries, rest) = entries.as_chunks::<SNAPSHOT_ENTRY_BYTES>();
        if !rest.is_empty() || usize::try_from(count) != Ok(entries.len()) {
            return Err(format!("{count} entries do not fill {} bytes", body.len() - 4));
        }
        Ok(Producers { by_id: entries.iter().map(decode_entry).collect() })
    }
}

fn decode_entry(bytes: &[u8; SNAPSHOT_ENTRY_BYTES]) -> (i64, Producer) {
    fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
        let (field, rest) = bytes.split_first_chunk().expect("the fields add up to the entry's size");
        *bytes = rest;
        *field
    }
    let mut rest = &bytes[..];
    let rest = &mut rest;
    let id = i64::from_be_bytes(take(rest));
    let epoch = i16::from_be_bytes(take(rest));
    let last_sequence = i32::from_be_bytes(take(rest));
    let last_offset = i64::from_be_bytes(take(rest));
    let offset_delta = i32::from_be_bytes(take(rest));
    let timestamp = i64::from_be_bytes(take(rest));
    let coordinator_epoch = i32::from_be_bytes(take(rest));
    let transaction_first_offset = Some(i64::from_be_bytes(take(rest))).filter(|offset| *offset >= 0);
    let last = SentBatch { last_sequence, last_offset, offset_delta, timestamp };
    let batches = (last_offset >= 0).then_some(last).into_iter().collect();
    (id, Producer { epoch, batches, last_timestamp: timestamp, coordinator_epoch, transaction_first_offset })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, BatchHeader};

    fn batch(epoch: i16, base_sequence: i32, records: usize, base_offset: i64) -> BatchHeader {
        let builder = BatchBuilder::new().producer(7, epoch, base_sequence).base_offset(base_offset);
        let builder = (0..records).fold(builder, |builder, _| builder.record(1_000, None, None));
        BatchHeader::parse(&builder.build()).unwrap()
    }

    #[test]
    fn the_last_five_batches_are_recognised_when_sent_again() {
        let mut producers = Producers::default();
        for index in 0..7 {
            let batch = batch(0, index * 2, 2, 100 + i64::from(index) * 2);
            assert_eq!(producers.check(&batch).unwrap(), None);
            producers.update(&batch);
        }
        for index in 2..7 {
            let repeated = producers.check(&batch(0, index * 2, 2, 0)).unwrap().unwrap();
            assert_eq!(repeated.base_offset(), 100 + i64::from(index) * 2);
        }
        for index in 0..2 {
            let refused = producers.check(&batch(0, index * 2, 2, 0));
            assert!(matches!(refused, Err(AppendError::OutOfOrderSequence { last: 13, .. })));
        }
    }

    #[test]
    fn a_gap_is_refused_and_the_next_in_line_is_not() {
        let mut producers = Producers::default();
        producers.update(&batch(0, 0, 3, 0));
        let refused = producers.check(&batch(0, 4, 1, 0));
        assert!(matches!(refused, Err(AppendError::OutOfOrderSequence { producer_id: 7, got: 4, last: 2 })));
        assert!(producers.check(&batch(0, 3, 1, 0)).unwrap().is_none());
    }

    #[test]
    fn sequences_go_on_at_zero_after_the_largest() {
        let mut producers = Producers::default();
        producers.update(&batch(0, i32::MAX - 1, 2, 0));
        assert!(producers.check(&batch(0, 1, 1, 0)).is_err());
        assert!(producers.check(&batch(0, 0, 1, 0)).unwrap().is_none());
        let mut producers = Producers::default();
        producers.update(&batch(0, i32::MAX, 2, 0));
        assert!(producers.check(&batch(0, 1, 1, 0)).unwrap().is_none(), "the batch itself spanned the wrap");
    }

    #[test]
    fn a_new_epoch_starts_at_zero_and_fences_the_old() {
        let mut producers = Producers::default();
        producers.update(&batch(1, 0, 1, 0));
        assert!(producers.check(&batch(2, 1, 1, 0)).is_err());
        assert!(producers.check(&batch(2, 0, 1, 0)).unwrap().is_none());
        producers.update(&batch(2, 0, 1, 1));
        let fenced = producers.check(&batch(1, 1, 1, 0));
        assert!(matches!(fenced, Err(AppendError::InvalidProducerEpoch { got: 1, current: 2, .. })));
    }

    #[test]
    fn an_unknown_producer_may_start_anywhere() {
        assert!(Producers::default().check(&batch(3, 99, 1, 0)).unwrap().is_none());
    }

    #[test]
    fn idle_producers_are_forgotten() {
        let mut producers = Producers::default();
        producers.update(&batch(0, 0, 1, 0));
        producers.expire(1_999, 1_000);
        assert_ne!(producers, Producers::default());
        producers.expire(2_000, 1_000);
        assert_eq!(producers, Producers::default());
    }

    #[test]
    fn a_snapshot_is_read_back_and_any_damage_is_noticed() {
        let mut producers = Producers::default();
        producers.update(&batch(2, 5, 3, 40));
        let snapshot = producers.to_snapshot();
        assert_eq!(snapshot.len(), 6 + 4 + 46);
        assert_eq!(Producers::from_snapshot(&snapshot).unwrap(), producers);
        assert_eq!(Producers::from_snapshot(&Producers::default().to_snapshot()).unwrap(), Producers::default());
        for at in 0..snapshot.len() {
            let mut damaged = snapshot.clone();
            damaged[at] ^= 0x55;
            assert!(Producers::from_snapshot(&damaged).is_err(), "byte {at}");
            assert!(Producers::from_snapshot(&snapshot[..at]).is_err(), "cut at {at}");
        }
    }
}

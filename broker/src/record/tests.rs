use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn batch_of(values: &[&str]) -> Vec<u8> {
    let builder = BatchBuilder::new();
    values.iter().fold(builder, |builder, value| builder.record(1_000, None, Some(value.as_bytes()))).build().to_vec()
}

#[derive(Debug, Clone)]
struct Sent {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

fn any_record() -> impl Strategy<Value = Sent> {
    let bytes = || option::of(vec(any::<u8>(), 0..40));
    (0..i64::MAX / 2, bytes(), bytes(), vec(("[a-zé]{0,5}", bytes()), 0..3))
        .prop_map(|(timestamp, key, value, headers)| Sent { timestamp, key, value, headers })
}

fn build(sent: &[Sent], codec: Compression) -> bytes::Bytes {
    let mut builder = BatchBuilder::new().compression(codec).base_offset(77).leader_epoch(3).producer(9, 1, 5);
    for record in sent {
        let headers: Vec<_> = record.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        builder =
            builder.record_with_headers(record.timestamp, record.key.as_deref(), record.value.as_deref(), &headers);
    }
    builder.build()
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(sent in vec(any_record(), 1..20), codec in prop::sample::select(&CODECS[..])) {
        let bytes = build(&sent, codec);
        let batch = Batch::parse(&bytes).unwrap();
        batch.verify_crc().unwrap();
        prop_assert_eq!(batch.bytes.len(), batch.header.size_bytes());
        prop_assert_eq!(batch.header.compression(), Some(codec));
        prop_assert_eq!(batch.header.last_offset(), 76 + sent.len() as i64);
        prop_assert_eq!(batch.header.max_timestamp, sent.iter().map(|record| record.timestamp).max().unwrap());
        validate_records(&batch).unwrap();
        let records = batch.records(1 << 20).unwrap();
        let read: Vec<_> = records.iter().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), sent.len());
        for (index, (read, sent)) in read.iter().zip(&sent).enumerate() {
            prop_assert_eq!(read.offset, 77 + index as i64);
            prop_assert_eq!(read.timestamp, sent.timestamp);
            prop_assert_eq!(read.key, sent.key.as_deref());
            prop_assert_eq!(read.value, sent.value.as_deref());
            let headers: Vec<_> =
                read.headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect();
            prop_assert_eq!(&headers, &sent.headers);
        }
    }

    #[test]
    fn a_header_is_the_bytes_it_was_parsed_from(sent in vec(any_record(), 1..4)) {
        let bytes = build(&sent, Compression::None);
        prop_assert_eq!(&BatchHeader::parse(&bytes).unwrap().to_bytes()[..], &bytes[..HEADER_BYTES]);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        for batch in batches(&bytes).flatten() {
            let _ = batch.verify_crc();
        }
        for codec in CODECS {
            let _ = codec.decompress(&bytes, 4096);
        }
    }

    #[test]
    fn a_batch_with_bytes_changed_never_panics(
        sent in vec(any_record(), 1..5),
        codec in prop::sample::select(&CODECS[..]),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = build(&sent, codec).to_vec();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
            for batch in batches(bytes).flatten() {
                let _ = validate_shape(&batch.header);
                let _ = validate_records(&batch);
                let _ = validate_keys(&batch, 4096);
                let _ = (batch.header.last_offset(), batch.header.last_sequence());
                if let Ok(records) = batch.records(4096) {
                    prop_assert!(records.iter().count() <= 4097);
                }
            }
        }
    }

    #[test]
    fn any_changed_byte_past_the_crc_is_noticed(at in 17usize..100, flip in 1u8..) {
        let mut bytes = batch_of(&["some value that is long enough to reach past byte one hundred"]);
        bytes[at] ^= flip;
        prop_assert!(Batch::parse(&bytes).unwrap().verify_crc().is_err());
    }

    #[test]
    fn varints_are_read_back(value: i64) {
        let mut bytes = Vec::new();
        varint::put(&mut bytes, value);
        let mut rest = &bytes[..];
        prop_assert_eq!(varint::take_long(&mut rest), Ok(value));
        prop_assert!(rest.is_empty());
    }
}

#[test]
fn a_batch_is_byte_for_byte_what_the_kafka_protocol_crate_encodes() {
    use kafka_protocol::indexmap::IndexMap;
    use kafka_protocol::records::{
        Compression as Codec, Record as Theirs, RecordBatchEncoder, RecordEncodeOptions, TimestampType as Clock,
    };
    let mut headers = IndexMap::new();
    headers.insert(kafka_protocol::protocol::StrBytes::from_static_str("trace"), Some(bytes::Bytes::from_static(b"7")));
    let theirs = Theirs {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 4,
        producer_id: 11,
        producer_epoch: 2,
        timestamp_type: Clock::Creation,
        offset: 500,
        sequence: 9,
        timestamp: 1_700_000_000_000,
        key: Some(bytes::Bytes::from_static(b"key")),
        value: Some(bytes::Bytes::from_static(b"value")),
        headers,
    };
    let mut encoded = bytes::BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Codec::None };
    RecordBatchEncoder::encode(&mut encoded, [&theirs], &options).unwrap();
    let ours = BatchBuilder::new()
        .base_offset(500)
        .leader_epoch(4)
        .producer(11, 2, 9)
        .record_with_headers(1_700_000_000_000, Some(b"key"), Some(b"value"), &[("trace", Some(b"7"))])
        .build();
    assert_eq!(ours, encoded.freeze());
}

#[test]
fn a_run_of_batches_ends_after_a_torn_one() {
    let (first, second) = (batch_of(&["a", "b"]), batch_of(&["c"]));
    let run = [&first[..], &second[..second.len() - 1]].concat();
    let mut iterated = batches(&run);
    assert_eq!(iterated.next().unwrap().unwrap().bytes, first);
    assert_eq!(
        iterated.next().unwrap().unwrap_err(),
        BatchError::Short { got: second.len() - 1, expected: second.len() }
    );
    assert!(iterated.next().is_none());
}

#[test]
fn what_decompresses_past_the_limit_is_refused() {
    let input = vec![7; 100_000];
    for codec in CODECS.into_iter().skip(1) {
        let compressed = codec.compress(&input);
        assert_eq!(codec.decompress(&compressed, 100_000).unwrap(), input, "{codec:?}");
        let refused = codec.decompress(&compressed, 99_999);
        assert!(matches!(refused, Err(DecompressError::TooLarge { max_bytes: 99_999 })), "{codec:?}: {refused:?}");
    }
}

#[test]
fn a_bare_snappy_block_is_understood() {
    let block = snap::raw::Encoder::new().compress_vec(b"from librdkafka").unwrap();
    assert_eq!(&Compression::Snappy.decompress(&block, 100).unwrap()[..], b"from librdkafka");
}

#[test]
fn a_snappy_block_that_claims_gigabytes_allocates_nothing() {
    assert!(Compression::Snappy.decompress(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0], usize::MAX).is_err());
}

#[test]
fn sequences_wrap_to_zero() {
    let batch = BatchBuilder::new().producer(1, 0, i32::MAX - 1);
    let batch = (0..4).fold(batch, |batch, _| batch.record(0, None, None)).build();
    assert_eq!(BatchHeader::parse(&batch).unwrap().last_sequence(), 1);
}

#[test]
fn a_batch_with_more_or_fewer_records_than_it_claims_ends_in_an_error() {
    for claimed in [1i32, 3, -1] {
        let mut bytes = batch_of(&["a", "b"]);
        bytes[57..61].copy_from_slice(&claimed.to_be_bytes());
        let batch = Batch::parse(&bytes).unwrap();
        let records = batch.records(1000).unwrap();
        let failed = records.iter().any(|record| record.is_err());
        assert!(failed || claimed < 0, "{claimed}");
        assert!(validate_shape(&batch.header).is_err());
    }
}

#[test]
fn records_that_are_not_there_are_not_believed_whatever_the_codec() {
    for codec in CODECS {
        let values = [b"a".repeat(300), b"b".to_vec()];
        let builder = BatchBuilder::new().compression(codec);
        let builder = values.iter().fold(builder, |builder, value| builder.record(1_000, None, Some(value)));
        let bytes = builder.build();
        let batch = Batch::parse(&bytes).unwrap();
        validate_records(&batch).unwrap();
        let claim = |record_count| {
            let header = BatchHeader { record_count, ..batch.header };
            validate_records(&Batch { header, bytes: &bytes })
        };
        assert!(claim(i32::MAX).is_err(), "{codec:?}");
        if codec == Compression::None {
            assert!(matches!(claim(3), Err(InvalidBatch::Record(RecordError::Short))));
            assert!(matches!(claim(1), Err(InvalidBatch::Record(RecordError::LeftOver { .. }))));
        }
    }
    let mut renumbered = batch_of(&["a", "b"]);
    // The first record has 8 bytes; length, attributes and timestamp delta of the second come before its offset delta.
    let offset_delta = HEADER_BYTES + 8 + 3;
    assert_eq!(renumbered[offset_delta], 2, "1, in zig-zag");
    renumbered[offset_delta] = 4;
    let refused = validate_records(&Batch::parse(&renumbered).unwrap());
    assert!(matches!(refused, Err(InvalidBatch::OffsetDelta { got: 2, expected: 1 })), "{refused:?}");
}

#[test]
fn highly_compressible_records_are_not_mistaken_for_a_false_count() {
    for codec in CODECS {
        let builder = BatchBuilder::new().compression(codec);
        let bytes = (0..200_000).fold(builder, |builder, _| builder.record(0, None, None)).build();
        validate_records(&Batch::parse(&bytes).unwrap()).unwrap();
    }
}

#[test]
fn a_client_may_send_only_what_a_client_may_send() {
    let valid = BatchHeader::parse(&batch_of(&["a", "b"])).unwrap();
    validate_shape(&valid).unwrap();
    let refused = |change: fn(&mut BatchHeader)| {
        let mut header = valid;
        change(&mut header);
        validate_shape(&header).unwrap_err()
    };
    assert!(matches!(refused(|header| header.base_offset = 1), InvalidBatch::BaseOffset { got: 1 }));
    assert!(matches!(refused(|header| header.record_count = 3), InvalidBatch::RecordCount { .. }));
    assert!(matches!(refused(|header| header.record_count = 0), InvalidBatch::RecordCount { .. }));
    assert!(matches!(refused(|header| header.last_offset_delta = i32::MAX), InvalidBatch::RecordCount { .. }));
    assert!(matches!(refused(|header| header.attributes |= 0x20), InvalidBatch::Control));
    assert!(matches!(refused(|header| header.attributes |= 0x08), InvalidBatch::TimestampType));
    assert!(matches!(refused(|header| header.attributes |= 0x05), InvalidBatch::Codec { code: 5 }));
    assert!(matches!(refused(|header| header.producer_id = 1), InvalidBatch::Sequence { .. }));
}

#[test]
fn a_compacted_topic_needs_keys_whatever_the_codec() {
    for codec in CODECS {
        let builder = BatchBuilder::new().compression(codec).record(0, Some(b"k"), None);
        let keyed = builder.clone().build();
        validate_keys(&Batch::parse(&keyed).unwrap(), 1000).unwrap();
        let keyless = builder.record(0, None, Some(b"v")).build();
        let refused = validate_keys(&Batch::parse(&keyless).unwrap(), 1000);
        assert!(matches!(refused, Err(InvalidBatch::MissingKey { index: 1 })), "{codec:?}");
    }
}

#[test]
fn log_append_time_stands_for_every_record_and_keeps_the_crc_right() {
    let mut bytes = batch_of(&["a", "b"]);
    let mut header = BatchHeader::parse(&bytes).unwrap();
    header.set_log_append_time(5_000, &bytes[HEADER_BYTES..]);
    bytes[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
    let batch = Batch::parse(&bytes).unwrap();
    batch.verify_crc().unwrap();
    assert_eq!(batch.header.timestamp_type(), TimestampType::LogAppendTime);
    let records = batch.records(1000).unwrap();
    assert!(records.iter().all(|record| record.unwrap().timestamp == 5_000));
}

//! Golden vectors, printed by Kafka 4.3.1's own `GroupCoordinatorRecordSerde` and `MessageUtil`.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn offset(group_id: &str, topic: &str, partition: i32, value: Option<OffsetCommitValue>) -> Record {
    Record::Offset { group_id: group_id.into(), topic: topic.into(), partition, value }
}

fn assert_same_both_ways(record: &Record, key: &str, value: Option<&str>) {
    assert_eq!(record.encode_key(), hex(key));
    assert_eq!(record.encode_value(), value.map(hex));
    let decoded = Record::decode(&hex(key), value.map(hex).as_deref());
    assert_eq!(decoded.as_ref(), Ok(&Some(record.clone())));
}

const COMMIT_KEY: &str = "0001000767726f75702d6100086e6577735f74616700000003";

#[test]
fn a_commit_has_the_bytes_that_kafka_writes() {
    let value = OffsetCommitValue {
        offset: 1_234_567_890_123,
        leader_epoch: 7,
        metadata: "é meta".to_owned(),
        commit_timestamp_ms: 1_700_000_000_000,
        expire_timestamp_ms: None,
    };
    assert_same_both_ways(
        &offset("group-a", "news_tag", 3, Some(value)),
        COMMIT_KEY,
        Some("00040000011f71fb04cb0000000708c3a9206d6574610000018bcfe5680000"),
    );
}

#[test]
fn a_commit_of_the_empty_group_without_epoch_has_the_bytes_that_kafka_writes() {
    let value = OffsetCommitValue {
        offset: 0,
        leader_epoch: -1,
        metadata: String::new(),
        commit_timestamp_ms: 1_700_000_000_000,
        expire_timestamp_ms: None,
    };
    assert_same_both_ways(
        &offset("", "t", 0, Some(value)),
        "0001000000017400000000",
        Some("00040000000000000000ffffffff010000018bcfe5680000"),
    );
}

#[test]
fn a_commit_with_its_own_retention_has_the_bytes_that_kafka_writes() {
    let value = OffsetCommitValue {
        offset: 42,
        leader_epoch: -1,
        metadata: "m".to_owned(),
        commit_timestamp_ms: 1_700_000_000_000,
        expire_timestamp_ms: Some(1_700_000_060_000),
    };
    assert_same_both_ways(
        &offset("group-a", "news_tag", 3, Some(value)),
        COMMIT_KEY,
        Some("0001000000000000002a00016d0000018bcfe568000000018bcfe65260"),
    );
}

#[test]
fn tombstones_have_the_bytes_that_kafka_writes() {
    assert_same_both_ways(&offset("group-a", "news_tag", 3, None), COMMIT_KEY, None);
    let group = Record::Group { group_id: "group-a".into(), value: None };
    assert_same_both_ways(&group, "0002000767726f75702d61", None);
}

#[test]
fn every_version_of_a_commit_that_kafka_ever_wrote_is_read() {
    let versions = [
        ("0000000000000000002a00016d0000018bcfe56800", -1, None),
        ("0001000000000000002a00016d0000018bcfe568000000018bcfe65260", -1, Some(1_700_000_060_000)),
        ("0002000000000000002a00016d0000018bcfe56800", -1, None),
        ("0003000000000000002a0000000700016d0000018bcfe56800", 7, None),
        ("0004000000000000002a00000007026d0000018bcfe56800010010112233445566778899aabbccddeeff00", 7, None),
    ];
    for (bytes, leader_epoch, expire_timestamp_ms) in versions {
        let value = OffsetCommitValue {
            offset: 42,
            leader_epoch,
            metadata: "m".to_owned(),
            commit_timestamp_ms: 1_700_000_000_000,
            expire_timestamp_ms,
        };
        assert_eq!(OffsetCommitValue::decode(&hex(bytes)), Ok(value), "{bytes}");
    }
}

const GROUP_VERSIONS: [&str; 5] = [
    "00000008636f6e73756d657200000005000572616e676500036d2d310000000200036d2d31000163000a2f3132372e302e302e310000afc80000000300010200000002090800036d2d32000164000a2f3132372e302e302e31000027100000000000000000",
    "00010008636f6e73756d657200000005000572616e676500036d2d310000000200036d2d31000163000a2f3132372e302e302e31000493e00000afc80000000300010200000002090800036d2d32000164000a2f3132372e302e302e310000ea60000027100000000000000000",
    "00020008636f6e73756d657200000005000572616e676500036d2d310000018bcfe568000000000200036d2d31000163000a2f3132372e302e302e31000493e00000afc80000000300010200000002090800036d2d32000164000a2f3132372e302e302e310000ea60000027100000000000000000",
    "00030008636f6e73756d657200000005000572616e676500036d2d310000018bcfe568000000000200036d2d3100087374617469632d31000163000a2f3132372e302e302e31000493e00000afc80000000300010200000002090800036d2d32ffff000164000a2f3132372e302e302e310000ea60000027100000000000000000",
    "000409636f6e73756d6572000000050672616e6765046d2d310000018bcfe5680003046d2d31097374617469632d3102630b2f3132372e302e302e31000493e00000afc80400010203090800046d2d320002640b2f3132372e302e302e310000ea600000271001010000",
];

fn golden_group(version: usize) -> GroupMetadataValue {
    GroupMetadataValue {
        protocol_type: "consumer".to_owned(),
        generation: 5,
        protocol: Some("range".to_owned()),
        leader: Some("m-1".to_owned()),
        current_state_timestamp_ms: if version >= 2 { 1_700_000_000_000 } else { -1 },
        members: vec![
            MemberMetadata {
                member_id: "m-1".to_owned(),
                group_instance_id: (version >= 3).then(|| "static-1".to_owned()),
                client_id: "c".to_owned(),
                client_host: "/127.0.0.1".to_owned(),
                rebalance_timeout_ms: if version >= 1 { 300_000 } else { 45_000 },
                session_timeout_ms: 45_000,
                subscription: Bytes::from_static(&[0, 1, 2]),
                assignment: Bytes::from_static(&[9, 8]),
            },
            MemberMetadata {
                member_id: "m-2".to_owned(),
                group_instance_id: None,
                client_id: "d".to_owned(),
                client_host: "/127.0.0.1".to_owned(),
                rebalance_timeout_ms: if version >= 1 { 60_000 } else { 10_000 },
                session_timeout_ms: 10_000,
                subscription: Bytes::new(),
                assignment: Bytes::new(),
            },
        ],
    }
}

#[test]
fn every_version_of_a_group_that_kafka_ever_wrote_is_read() {
    for (version, bytes) in GROUP_VERSIONS.iter().enumerate() {
        assert_eq!(GroupMetadataValue::decode(&hex(bytes)), Ok(golden_group(version)), "version {version}");
    }
}

#[test]
fn groups_have_the_bytes_that_kafka_writes() {
    assert_eq!(golden_group(3).encode(), hex(GROUP_VERSIONS[3]));
    let empty = GroupMetadataValue {
        protocol_type: String::new(),
        generation: 0,
        protocol: None,
        leader: None,
        current_state_timestamp_ms: 1_700_000_000_000,
        members: Vec::new(),
    };
    assert_same_both_ways(
        &Record::Group { group_id: "group-a".into(), value: Some(empty) },
        "0002000767726f75702d61",
        Some("0003000000000000ffffffff0000018bcfe5680000000000"),
    );
}

#[test]
fn kinds_of_other_protocols_are_passed_over_and_unknown_versions_are_not() {
    assert_eq!(Record::decode(&hex("0003000767726f75702d61"), Some(&[])), Ok(None));
    assert_eq!(
        Record::decode(&hex("0002000767726f75702d61"), Some(&[0, 9])),
        Err(RecordError::UnknownVersion { what: "GroupMetadataValue", got: 9, known: 4 })
    );
}

#[test]
fn a_record_cut_anywhere_is_an_error_and_no_panic() {
    let key = hex(COMMIT_KEY);
    for bytes in GROUP_VERSIONS.map(hex) {
        for len in 0..bytes.len() {
            assert!(GroupMetadataValue::decode(&bytes[..len]).is_err(), "{len}");
        }
    }
    for len in 0..key.len() {
        assert!(Record::decode(&key[..len], None).is_err(), "{len}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_without_panic(key in prop::collection::vec(0u8..4, 0..24),
                                              value in prop::collection::vec(any::<u8>(), 0..96)) {
        let _ = Record::decode(&key, Some(&value));
        for version in 0..=4u8 {
            let mut versioned = vec![0, version];
            versioned.extend_from_slice(&value);
            let _ = GroupMetadataValue::decode(&versioned);
            let _ = OffsetCommitValue::decode(&versioned);
        }
    }
}

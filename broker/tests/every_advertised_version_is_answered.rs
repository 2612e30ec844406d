//! Every version of every API that ApiVersions advertises is answered, decodably, and with the error a valid request
//! deserves: none.

mod support;

use std::collections::BTreeMap;

use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Request, StrBytes};
use support::{Batch, Client, TestBroker, text, topic_name};

const TOPIC: &str = "answered";
const GROUP: &str = "group";

/// What ApiVersions says, and which keys the test has been through.
struct Advertised {
    ranges: BTreeMap<i16, (i16, i16)>,
}

impl Advertised {
    fn ask(client: &mut Client) -> Advertised {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(text("test"))
            .with_client_software_version(text("1.0"));
        let response = client.call(4, &request);
        assert_eq!(response.error_code, 0);
        let ranges = response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect();
        Advertised { ranges }
    }

    /// Calls every advertised version from `lowest` on; `make` builds a valid request of that version.
    fn answer<R: Request>(
        &mut self,
        client: &mut Client,
        lowest: i16,
        make: impl Fn(i16) -> R,
        check: impl Fn(i16, R::Response),
    ) {
        let (min, max) = self.ranges.remove(&R::KEY).unwrap_or_else(|| panic!("API {} is not advertised", R::KEY));
        assert!(max <= R::VERSIONS.max, "API {}: {max} is more than the codec knows", R::KEY);
        for version in min.max(lowest)..=max {
            check(version, client.call(version, &make(version)));
        }
    }
}

#[test]
fn every_advertised_version_is_answered() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let topic_id = support::create_topic(&mut client, TOPIC, 1);
    let mut advertised = Advertised::ask(&mut client);

    topics(&mut advertised, &mut client);
    records(&mut advertised, &mut client, topic_id);
    offsets(&mut advertised, &mut client);
    joins(&mut advertised, &mut client);
    strangers(&mut advertised, &mut client);
    groups(&mut advertised, &mut client);
    committed_offsets(&mut advertised, &mut client);
    cluster(&mut advertised, &mut client);

    assert!(advertised.ranges.is_empty(), "not tried: {:?}", advertised.ranges);
}

fn topics(advertised: &mut Advertised, client: &mut Client) {
    use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
    use kafka_protocol::messages::create_topics_request::CreatableTopic;
    use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
    use kafka_protocol::messages::metadata_request::MetadataRequestTopic;

    let numbered = |version| StrBytes::from_string(format!("made-by-version-{version}"));
    advertised.answer(
        client,
        0,
        |version| {
            let topic = CreatableTopic::default()
                .with_name(TopicName(numbered(version)))
                .with_num_partitions(1)
                .with_replication_factor(1);
            CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000)
        },
        |version, response| {
            assert_eq!(response.topics[0].error_code, 0, "version {version}");
            assert_eq!(response.topics[0].topic_id.is_nil(), version < 7);
        },
    );
    advertised.answer(
        client,
        0,
        |version| {
            let topic =
                CreatePartitionsTopic::default().with_name(TopicName(numbered(7))).with_count(2 + i32::from(version));
            CreatePartitionsRequest::default().with_topics(vec![topic.with_assignments(None)]).with_timeout_ms(5_000)
        },
        |version, response| assert_eq!(response.results[0].error_code, 0, "version {version}"),
    );
    advertised.answer(
        client,
        0,
        |version| {
            let request = DeleteTopicsRequest::default().with_timeout_ms(5_000);
            match version {
                0..=5 => request.with_topic_names(vec![TopicName(numbered(version))]),
                _ => {
                    request.with_topics(vec![DeleteTopicState::default().with_name(Some(TopicName(numbered(version))))])
                }
            }
        },
        |version, response| {
            // CreateTopics starts at version 2, so nothing is called made-by-version-1.
            let expected = if version < 2 { 3 } else { 0 };
            assert_eq!(response.responses[0].error_code, expected, "version {version}");
        },
    );
    advertised.answer(
        client,
        0,
        |_| {
            let topic = MetadataRequestTopic::default().with_name(Some(topic_name(TOPIC)));
            MetadataRequest::default().with_topics(Some(vec![topic]))
        },
        |version, response: MetadataResponse| {
            assert_eq!(response.brokers.len(), 1, "version {version}");
            assert_eq!(response.topics[0].error_code, 0, "version {version}");
            assert_eq!(response.topics[0].partitions.len(), 1, "version {version}");
        },
    );
}

fn records(advertised: &mut Advertised, client: &mut Client, topic_id: uuid::Uuid) {
    advertised.answer(
        client,
        3,
        |version| support::produce_request(version, TOPIC, topic_id, 0, Batch::of(&["value"]).encode()),
        |version, response: ProduceResponse| {
            let partition = &response.responses[0].partition_responses[0];
            assert_eq!(partition.error_code, 0, "version {version}");
            assert_eq!(partition.base_offset, i64::from(version) - 3, "version {version}");
        },
    );
    advertised.answer(
        client,
        0,
        |version| support::fetch_request(version, TOPIC, topic_id, 0, 0),
        |version, response: FetchResponse| {
            let partition = &response.responses[0].partitions[0];
            assert_eq!(partition.error_code, 0, "version {version}");
            let records = partition.records.clone().unwrap_or_default();
            assert_eq!(support::offsets_and_values(records).len(), 11, "version {version}");
        },
    );
}

fn offsets(advertised: &mut Advertised, client: &mut Client) {
    use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
    use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};

    advertised.answer(
        client,
        0,
        |_| {
            let partition = ListOffsetsPartition::default().with_timestamp(-1);
            let topic = ListOffsetsTopic::default().with_name(topic_name(TOPIC)).with_partitions(vec![partition]);
            ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic])
        },
        |version, response: ListOffsetsResponse| {
            let partition = &response.topics[0].partitions[0];
            assert_eq!((partition.error_code, partition.offset), (0, 11), "version {version}");
        },
    );
    advertised.answer(
        client,
        0,
        |_| {
            let partition = OffsetForLeaderPartition::default().with_leader_epoch(0);
            let topic = OffsetForLeaderTopic::default().with_topic(topic_name(TOPIC)).with_partitions(vec![partition]);
            OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic])
        },
        |version, response: OffsetForLeaderEpochResponse| {
            let partition = &response.topics[0].partitions[0];
            assert_eq!((partition.error_code, partition.end_offset), (0, 11), "version {version}");
        },
    );
    advertised.answer(
        client,
        0,
        |_| InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(60_000),
        |version, response: InitProducerIdResponse| {
            assert_eq!((response.error_code, response.producer_epoch), (0, 0), "version {version}");
        },
    );
}

fn joins(advertised: &mut Advertised, client: &mut Client) {
    use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;

    advertised.answer(
        client,
        0,
        |version| {
            let request = FindCoordinatorRequest::default();
            if version < 4 { request.with_key(text(GROUP)) } else { request.with_coordinator_keys(vec![text(GROUP)]) }
        },
        |version, response: FindCoordinatorResponse| {
            let port = if version < 4 { response.port } else { response.coordinators[0].port };
            assert_ne!(port, 0, "version {version}");
        },
    );
    advertised.answer(
        client,
        0,
        |version| {
            JoinGroupRequest::default()
                .with_group_id(GroupId(StrBytes::from_string(format!("joined-by-version-{version}"))))
                .with_session_timeout_ms(10_000)
                .with_rebalance_timeout_ms(if version == 0 { -1 } else { 10_000 })
                .with_protocol_type(text("consumer"))
                .with_protocols(vec![JoinGroupRequestProtocol::default().with_name(text("range"))])
        },
        |version, response: JoinGroupResponse| {
            let member_id_required = if version < 4 { 0 } else { 79 };
            assert_eq!(response.error_code, member_id_required, "version {version}");
            assert!(!response.member_id.is_empty(), "version {version}");
        },
    );
}

fn strangers(advertised: &mut Advertised, client: &mut Client) {
    use kafka_protocol::messages::leave_group_request::MemberIdentity;

    let group = GroupId(text(GROUP));
    let unknown_member = 25;
    advertised.answer(
        client,
        0,
        |version| {
            let request = SyncGroupRequest::default().with_group_id(group.clone()).with_member_id(text("nobody"));
            match version {
                0..=4 => request,
                _ => request.with_protocol_type(Some(text("consumer"))).with_protocol_name(Some(text("range"))),
            }
        },
        |version, response: SyncGroupResponse| assert_eq!(response.error_code, unknown_member, "version {version}"),
    );
    advertised.answer(
        client,
        0,
        |_| HeartbeatRequest::default().with_group_id(group.clone()).with_member_id(text("nobody")),
        |version, response: HeartbeatResponse| assert_eq!(response.error_code, unknown_member, "version {version}"),
    );
    advertised.answer(
        client,
        0,
        |version| {
            let request = LeaveGroupRequest::default().with_group_id(group.clone());
            match version {
                0..=2 => request.with_member_id(text("nobody")),
                _ => request.with_members(vec![MemberIdentity::default().with_member_id(text("nobody"))]),
            }
        },
        |version, response: LeaveGroupResponse| {
            let error_code = if version < 3 { response.error_code } else { response.members[0].error_code };
            assert_eq!(error_code, unknown_member, "version {version}");
        },
    );
}

fn groups(advertised: &mut Advertised, client: &mut Client) {
    advertised.answer(
        client,
        0,
        |_| DescribeGroupsRequest::default().with_groups(vec![GroupId(text("joined-by-version-0"))]),
        |version, response: DescribeGroupsResponse| {
            assert_eq!(response.groups[0].error_code, 0, "version {version}");
            assert_eq!(response.groups[0].members.len(), 1, "version {version}");
        },
    );
    advertised.answer(
        client,
        0,
        |_| ListGroupsRequest::default(),
        |version, response: ListGroupsResponse| {
            assert_eq!(response.error_code, 0, "version {version}");
            assert!(response.groups.iter().any(|group| &*group.group_id.0 == "joined-by-version-0"));
        },
    );
    advertised.answer(
        client,
        0,
        |_| DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text("never seen"))]),
        |version, response: DeleteGroupsResponse| assert_eq!(response.results[0].error_code, 69, "version {version}"),
    );
}

fn committed_offsets(advertised: &mut Advertised, client: &mut Client) {
    use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
    use kafka_protocol::messages::offset_fetch_request::*;

    let group = GroupId(text(GROUP));
    advertised.answer(
        client,
        0,
        |version| {
            let partition = OffsetCommitRequestPartition::default().with_committed_offset(i64::from(version));
            let topic =
                OffsetCommitRequestTopic::default().with_name(topic_name(TOPIC)).with_partitions(vec![partition]);
            OffsetCommitRequest::default().with_group_id(group.clone()).with_topics(vec![topic])
        },
        |version, response: OffsetCommitResponse| {
            assert_eq!(response.topics[0].partitions[0].error_code, 0, "version {version}");
        },
    );
    advertised.answer(
        client,
        0,
        |version| {
            if version < 8 {
                let topic =
                    OffsetFetchRequestTopic::default().with_name(topic_name(TOPIC)).with_partition_indexes(vec![0]);
                OffsetFetchRequest::default().with_group_id(group.clone()).with_topics(Some(vec![topic]))
            } else {
                let topic =
                    OffsetFetchRequestTopics::default().with_name(topic_name(TOPIC)).with_partition_indexes(vec![0]);
                let asked =
                    OffsetFetchRequestGroup::default().with_group_id(group.clone()).with_topics(Some(vec![topic]));
                OffsetFetchRequest::default().with_groups(vec![asked])
            }
        },
        |version, response: OffsetFetchResponse| {
            let offset = if version < 8 {
                response.topics[0].partitions[0].committed_offset
            } else {
                response.groups[0].topics[0].partitions[0].committed_offset
            };
            assert_eq!(offset, 9, "version {version}");
        },
    );
    advertised.answer(
        client,
        0,
        |_| OffsetDeleteRequest::default().with_group_id(GroupId(text("never seen"))),
        |version, response: OffsetDeleteResponse| assert_eq!(response.error_code, 69, "version {version}"),
    );
}

fn cluster(advertised: &mut Advertised, client: &mut Client) {
    use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;

    advertised.answer(
        client,
        0,
        |_| {
            let topic = DescribeConfigsResource::default().with_resource_type(2).with_resource_name(text(TOPIC));
            let broker = DescribeConfigsResource::default().with_resource_type(4).with_resource_name(text("1"));
            DescribeConfigsRequest::default()
                .with_resources(vec![topic.with_configuration_keys(None), broker.with_configuration_keys(None)])
                .with_include_synonyms(true)
        },
        |version, response: DescribeConfigsResponse| {
            for result in response.results {
                assert_eq!(result.error_code, 0, "version {version}: {:?}", result.error_message);
                assert!(!result.configs.is_empty(), "version {version}");
            }
        },
    );
    advertised.answer(
        client,
        0,
        |_| DescribeClusterRequest::default(),
        |version, response: DescribeClusterResponse| {
            assert_eq!(response.error_code, 0, "version {version}");
            assert_eq!(response.brokers.len(), 1, "version {version}");
        },
    );
    advertised.answer(
        client,
        0,
        |version| match version {
            0..=2 => ApiVersionsRequest::default(),
            _ => ApiVersionsRequest::default()
                .with_client_software_name(text("test"))
                .with_client_software_version(text("1.0")),
        },
        |version, response: ApiVersionsResponse| assert_eq!(response.error_code, 0, "version {version}"),
    );
}

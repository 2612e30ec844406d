//! The classic group protocol over sockets: members share, leave and are refused; offsets are committed and kept.

mod support;

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, StrBytes};
use support::{Client, TestBroker, text, topic_name};

const GROUP: &str = "group";
const TOPIC: &str = "shared";

mod error {
    pub const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    pub const OFFSET_METADATA_TOO_LARGE: i16 = 12;
    pub const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
    pub const ILLEGAL_GENERATION: i16 = 22;
    pub const INCONSISTENT_GROUP_PROTOCOL: i16 = 23;
    pub const UNKNOWN_MEMBER_ID: i16 = 25;
    pub const INVALID_SESSION_TIMEOUT: i16 = 26;
    pub const REBALANCE_IN_PROGRESS: i16 = 27;
    pub const NON_EMPTY_GROUP: i16 = 68;
    pub const GROUP_ID_NOT_FOUND: i16 = 69;
    pub const MEMBER_ID_REQUIRED: i16 = 79;
    pub const GROUP_SUBSCRIBED_TO_TOPIC: i16 = 86;
}

/// One member and its connection.
struct Member {
    client: Client,
    id: StrBytes,
    generation: i32,
}

fn group() -> GroupId {
    GroupId(text(GROUP))
}

/// What a consumer of the topic says to its assignor: version 0, the topics, no user data.
fn subscription() -> Bytes {
    let mut subscription = BytesMut::from(&[0, 0][..]);
    let topics = ConsumerProtocolSubscription::default().with_topics(vec![text(TOPIC)]);
    topics.encode(&mut subscription, 0).expect("a subscription");
    subscription.freeze()
}

fn join_request(member_id: &StrBytes) -> JoinGroupRequest {
    let range = JoinGroupRequestProtocol::default().with_name(text("range"));
    JoinGroupRequest::default()
        .with_group_id(group())
        .with_member_id(member_id.clone())
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![range.with_metadata(subscription())])
}

impl Member {
    /// Gets a member id, as clients do since KIP-394; the join is yet to be asked for.
    fn new(broker: &TestBroker) -> Member {
        let mut client = broker.client();
        let mut refused = client.call(9, &join_request(&StrBytes::default()));
        while refused.error_code == error::COORDINATOR_LOAD_IN_PROGRESS {
            refused = client.call(9, &join_request(&StrBytes::default()));
        }
        assert_eq!(refused.error_code, error::MEMBER_ID_REQUIRED);
        assert!(!refused.member_id.is_empty());
        Member { client, id: refused.member_id, generation: -1 }
    }

    fn ask_to_join(&mut self) -> i32 {
        self.client.send(9, &join_request(&self.id))
    }

    fn joined(&mut self, asked: i32) -> JoinGroupResponse {
        let response = self.client.receive::<JoinGroupRequest>(9, asked);
        assert_eq!((response.error_code, &response.member_id), (0, &self.id));
        self.generation = response.generation_id;
        response
    }

    fn join(&mut self) -> JoinGroupResponse {
        let asked = self.ask_to_join();
        self.joined(asked)
    }

    fn ask_to_sync(&mut self, assignments: &[(&StrBytes, &'static [u8])]) -> i32 {
        let assignments = assignments.iter().map(|(id, assignment)| {
            SyncGroupRequestAssignment::default()
                .with_member_id((*id).clone())
                .with_assignment(Bytes::from_static(assignment))
        });
        let request = SyncGroupRequest::default()
            .with_group_id(group())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone())
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range")))
            .with_assignments(assignments.collect());
        self.client.send(5, &request)
    }

    fn synced(&mut self, asked: i32) -> Bytes {
        let response = self.client.receive::<SyncGroupRequest>(5, asked);
        assert_eq!(response.error_code, 0);
        response.assignment
    }

    fn heartbeat(&mut self) -> i16 {
        let request = HeartbeatRequest::default()
            .with_group_id(group())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone());
        self.client.call(4, &request).error_code
    }

    fn leave(&mut self) -> i16 {
        let leaving = MemberIdentity::default().with_member_id(self.id.clone());
        let request = LeaveGroupRequest::default().with_group_id(group()).with_members(vec![leaving]);
        self.client.call(5, &request).members[0].error_code
    }
}

/// A group of one that has its assignment.
fn stable_member(broker: &TestBroker) -> Member {
    let mut member = Member::new(broker);
    let joined = member.join();
    assert_eq!((joined.leader.clone(), joined.members.len()), (member.id.clone(), 1));
    let id = member.id.clone();
    let asked = member.ask_to_sync(&[(&id, b"everything")]);
    assert_eq!(member.synced(asked), &b"everything"[..]);
    member
}

fn commit_request(group: &str, topic: &str, partition: i32, offset: i64, metadata: &str) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text(metadata)));
    let topic = OffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
    OffsetCommitRequest::default().with_group_id(GroupId(text(group))).with_topics(vec![topic])
}

fn commit(client: &mut Client, request: &OffsetCommitRequest) -> i16 {
    client.call(8, request).topics[0].partitions[0].error_code
}

/// (offset, metadata) of partition 0 of the topic; asked for again while the coordinator is loading.
fn committed(client: &mut Client, group: &str) -> (i64, String) {
    let topic = OffsetFetchRequestTopic::default().with_name(topic_name(TOPIC)).with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default().with_group_id(GroupId(text(group))).with_topics(Some(vec![topic]));
    let mut response = client.call(7, &request);
    while response.error_code == error::COORDINATOR_LOAD_IN_PROGRESS {
        response = client.call(7, &request);
    }
    assert_eq!(response.error_code, 0);
    let partition = &response.topics[0].partitions[0];
    assert_eq!(partition.error_code, 0);
    (partition.committed_offset, partition.metadata.clone().unwrap_or_default().to_string())
}

#[test]
fn a_second_member_makes_the_group_rebalance() {
    let broker = TestBroker::start();
    let mut first = stable_member(&broker);
    let mut second = Member::new(&broker);
    let second_asked = second.ask_to_join();
    while first.heartbeat() != error::REBALANCE_IN_PROGRESS {}

    let leading = first.join();
    let following = second.joined(second_asked);
    assert_eq!(leading.generation_id, following.generation_id);
    assert_eq!((&leading.leader, &following.leader), (&first.id, &first.id));
    assert_eq!((leading.members.len(), following.members.len()), (2, 0), "only the leader sees the members");
    assert!(leading.members.iter().all(|member| member.metadata == subscription()));

    let second_asked = second.ask_to_sync(&[]);
    let (first_id, second_id) = (first.id.clone(), second.id.clone());
    let first_asked = first.ask_to_sync(&[(&first_id, b"half"), (&second_id, b"other half")]);
    assert_eq!(first.synced(first_asked), &b"half"[..]);
    assert_eq!(second.synced(second_asked), &b"other half"[..]);
    assert_eq!((first.heartbeat(), second.heartbeat()), (0, 0));

    assert_eq!(second.leave(), 0);
    assert_eq!(first.heartbeat(), error::REBALANCE_IN_PROGRESS);
    assert_eq!(first.join().members.len(), 1);
}

#[test]
fn who_is_not_in_the_group_is_told_so() {
    let broker = TestBroker::start();
    let mut member = stable_member(&broker);
    member.generation -= 1;
    assert_eq!(member.heartbeat(), error::ILLEGAL_GENERATION);
    member.generation += 1;
    assert_eq!(member.leave(), 0);
    assert_eq!(member.leave(), error::UNKNOWN_MEMBER_ID);
    assert_eq!(member.heartbeat(), error::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_join_that_does_not_fit_is_refused() {
    let broker = TestBroker::start();
    let mut member = stable_member(&broker);
    let mut client = broker.client();
    let nobody = StrBytes::default();
    let too_short = join_request(&nobody).with_session_timeout_ms(1);
    assert_eq!(client.call(3, &too_short).error_code, error::INVALID_SESSION_TIMEOUT);
    let other_type = join_request(&nobody).with_protocol_type(text("connect"));
    assert_eq!(client.call(3, &other_type).error_code, error::INCONSISTENT_GROUP_PROTOCOL);
    let unnamed = SyncGroupRequest::default().with_group_id(group()).with_member_id(member.id.clone());
    assert_eq!(client.call(5, &unnamed).error_code, error::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(member.heartbeat(), 0, "the group did not notice");
}

#[test]
fn a_group_is_described_listed_and_deleted_when_empty() {
    let broker = TestBroker::start();
    let mut member = stable_member(&broker);
    let mut admin = broker.client();

    let described = admin.call(5, &DescribeGroupsRequest::default().with_groups(vec![group()])).groups.remove(0);
    assert_eq!((described.error_code, &*described.group_state), (0, "Stable"));
    assert_eq!((&*described.protocol_type, &*described.protocol_data), ("consumer", "range"));
    assert_eq!(&*described.members[0].client_host, "/127.0.0.1");
    assert_eq!(&*described.members[0].client_id, "test");
    assert_eq!(described.members[0].member_assignment, &b"everything"[..]);

    let mut listed = |states: &[&str], types: &[&str]| {
        let texts = |names: &[&str]| names.iter().map(|name| text(name)).collect::<Vec<_>>();
        let request = ListGroupsRequest::default().with_states_filter(texts(states)).with_types_filter(texts(types));
        admin.call(5, &request).groups.len()
    };
    assert_eq!((listed(&[], &[]), listed(&["stable"], &["Classic"])), (1, 1));
    assert_eq!((listed(&["Empty"], &[]), listed(&["Dead"], &[]), listed(&[], &["consumer"])), (0, 0, 0));

    let delete = DeleteGroupsRequest::default().with_groups_names(vec![group(), GroupId(text("unheard of"))]);
    let codes = |response: DeleteGroupsResponse| -> Vec<i16> {
        response.results.iter().map(|result| result.error_code).collect()
    };
    assert_eq!(codes(admin.call(2, &delete)), [error::NON_EMPTY_GROUP, error::GROUP_ID_NOT_FOUND]);
    assert_eq!(member.leave(), 0);
    assert_eq!(codes(admin.call(2, &delete)), [0, error::GROUP_ID_NOT_FOUND]);

    let describe = DescribeGroupsRequest::default().with_groups(vec![group()]);
    let below_6 = admin.call(5, &describe).groups.remove(0);
    assert_eq!((below_6.error_code, &*below_6.group_state), (0, "Dead"));
    let from_6 = admin.call(6, &describe).groups.remove(0);
    assert_eq!((from_6.error_code, &*from_6.group_state), (error::GROUP_ID_NOT_FOUND, "Dead"));
}

#[test]
fn offsets_of_topics_that_a_group_does_not_consume_are_deleted() {
    use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
    use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    assert_eq!(commit(&mut client, &commit_request("alone", TOPIC, 0, 42, "")), 0);
    let delete = |client: &mut Client, group: &str, topic: &str, partitions: &[i32]| {
        let partition = |index: &i32| OffsetDeleteRequestPartition::default().with_partition_index(*index);
        let topic = OffsetDeleteRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(partitions.iter().map(partition).collect());
        let request = OffsetDeleteRequest::default().with_group_id(GroupId(text(group))).with_topics(vec![topic]);
        let response: OffsetDeleteResponse = client.call(0, &request);
        let codes = response.topics.iter().flat_map(|topic| &topic.partitions);
        let codes: Vec<_> = codes.map(|partition| (partition.partition_index, partition.error_code)).collect();
        (response.error_code, codes)
    };
    assert_eq!(delete(&mut client, "unheard of", TOPIC, &[0]), (error::GROUP_ID_NOT_FOUND, vec![]));
    let unknown = error::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(delete(&mut client, "alone", "unheard of", &[0, 1]), (0, vec![(0, unknown), (1, unknown)]));
    assert_eq!(committed(&mut client, "alone").0, 42);
    assert_eq!(delete(&mut client, "alone", TOPIC, &[7, 0, 0]), (0, vec![(7, unknown), (0, 0)]));
    assert_eq!(committed(&mut client, "alone").0, -1);
    let broker = broker.restart();
    assert_eq!(committed(&mut broker.client(), "alone").0, -1, "it stays deleted");

    let mut member = stable_member(&broker);
    let group_name = group().to_string();
    let subscribed = delete(&mut broker.client(), &group_name, TOPIC, &[0]);
    assert_eq!(subscribed, (0, vec![(0, error::GROUP_SUBSCRIBED_TO_TOPIC)]));
    assert_eq!(member.leave(), 0);
}

#[test]
fn committed_offsets_survive_a_restart() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    assert_eq!(committed(&mut client, "alone"), (-1, String::new()), "nothing yet");
    for offset in [5, 42] {
        assert_eq!(commit(&mut client, &commit_request("alone", TOPIC, 0, offset, "noted")), 0);
    }
    assert_eq!(committed(&mut client, "alone"), (42, "noted".to_owned()));

    let broker = broker.restart();
    let mut client = broker.client();
    assert_eq!(committed(&mut client, "alone"), (42, "noted".to_owned()));
    let directories =
        broker.data_dir().read_dir().unwrap().map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir());
    for name in directories.map(|directory| directory.file_name().into_string().unwrap()) {
        // Kafka refuses a data directory with any other directory in it.
        assert!(name.starts_with("__consumer_offsets-") || name.starts_with(TOPIC), "{name} is no partition");
    }
}

#[test]
fn the_offsets_log_is_cut_below_its_snapshot_and_nothing_is_forgotten() {
    let settings = [
        ("offsets.topic.num.partitions", "1"),
        ("offsets.topic.segment.bytes", "1048576"),
        ("log.retention.check.interval.ms", "20"),
    ];
    let broker = TestBroker::start_with(&settings);
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    assert_eq!(commit(&mut client, &commit_request("first", TOPIC, 0, 1, "")), 0);
    let note = "n".repeat(4096);
    for offset in 0..300 {
        assert_eq!(commit(&mut client, &commit_request("alone", TOPIC, 0, offset, &note)), 0);
    }
    let first_segment = broker.data_dir().join("__consumer_offsets-0/00000000000000000000.log");
    assert!(first_segment.exists());

    // The snapshot of a clean stop stands for all of the log.
    let broker = broker.restart();
    let deadline = Instant::now() + Duration::from_secs(20);
    while first_segment.exists() {
        assert!(Instant::now() < deadline, "retention has not taken the first segment away");
        std::thread::yield_now();
    }
    let broker = broker.restart();
    let mut client = broker.client();
    assert_eq!(committed(&mut client, "alone"), (299, note));
    assert_eq!(committed(&mut client, "first").0, 1);
}

#[test]
fn offsets_go_with_their_topic_even_if_the_client_that_deleted_it_is_gone() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    assert_eq!(commit(&mut client, &commit_request("alone", TOPIC, 0, 5, "")), 0);

    let broker = broker.restart();
    let mut client = broker.client();
    assert_eq!(committed(&mut client, "alone").0, 5, "the groups are loaded");
    let mut leaving = broker.client();
    leaving.send(4, &DeleteTopicsRequest::default().with_topic_names(vec![topic_name(TOPIC)]).with_timeout_ms(10_000));
    drop(leaving);
    let all = MetadataRequest::default().with_topics(None);
    while client.call(9, &all).topics.iter().any(|topic| topic.name == Some(topic_name(TOPIC))) {}
    assert_eq!(committed(&mut client, "alone").0, -1);
}

#[test]
fn several_groups_are_asked_for_at_once() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    assert_eq!(commit(&mut client, &commit_request("one", TOPIC, 0, 1, "")), 0);
    assert_eq!(commit(&mut client, &commit_request("two", TOPIC, 0, 2, "")), 0);
    let asked = |name: &str| OffsetFetchRequestGroup::default().with_group_id(GroupId(text(name)));
    let topic = OffsetFetchRequestTopics::default().with_name(topic_name(TOPIC)).with_partition_indexes(vec![0, 7]);
    let groups = vec![
        asked("one").with_topics(Some(vec![topic])),
        asked("two").with_topics(None),
        asked("three").with_topics(None),
    ];
    let response = client.call(8, &OffsetFetchRequest::default().with_groups(groups));
    let [one, two, three] = &response.groups[..] else { panic!("three groups") };
    let offsets = |group: &offset_fetch_response::OffsetFetchResponseGroup| -> Vec<(i32, i64)> {
        let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| (partition.partition_index, partition.committed_offset)).collect()
    };
    assert_eq!((one.error_code, offsets(one)), (0, vec![(0, 1), (7, -1)]));
    assert_eq!((two.error_code, offsets(two)), (0, vec![(0, 2)]), "null asks for all there are");
    assert_eq!((three.error_code, three.topics.len()), (0, 0));
}

#[test]
fn what_is_asked_for_again_and_again_is_answered_once() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    assert_eq!(commit(&mut client, &commit_request("one", TOPIC, 0, 1, "")), 0);
    let topic = OffsetFetchRequestTopics::default().with_name(topic_name(TOPIC)).with_partition_indexes(vec![0; 100]);
    let group = |name: &str| OffsetFetchRequestGroup::default().with_group_id(GroupId(text(name)));
    let groups = vec![group("one").with_topics(Some(vec![topic; 100])), group("two"), group("two"), group("two")];
    let response = client.call(8, &OffsetFetchRequest::default().with_groups(groups));
    let [one, two] = &response.groups[..] else { panic!("{} groups", response.groups.len()) };
    assert_eq!(one.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>(), 1);
    assert_eq!((two.error_code, two.topics.len()), (42, 0), "INVALID_REQUEST");

    let topic = OffsetFetchRequestTopic::default().with_name(topic_name(TOPIC)).with_partition_indexes(vec![0; 100]);
    let request = OffsetFetchRequest::default().with_group_id(GroupId(text("one"))).with_topics(Some(vec![topic; 100]));
    let response = client.call(7, &request);
    assert_eq!(response.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>(), 1);

    let groups = ["one", "two", "one", "one"].map(|name| GroupId(text(name)));
    let response = client.call(5, &DescribeGroupsRequest::default().with_groups(groups.to_vec()));
    assert_eq!(response.groups.len(), 2);
}

#[test]
fn a_commit_that_does_not_fit_is_refused() {
    let broker = TestBroker::start();
    let mut member = stable_member(&broker);
    let mut client = broker.client();
    support::create_topic(&mut client, TOPIC, 1);
    let mut code = |request: OffsetCommitRequest| commit(&mut client, &request);
    assert_eq!(code(commit_request("alone", "nowhere", 0, 1, "")), error::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code(commit_request("alone", TOPIC, 1, 1, "")), error::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code(commit_request("alone", TOPIC, 0, 1, &"x".repeat(5000))), error::OFFSET_METADATA_TOO_LARGE);

    assert_eq!(code(commit_request(GROUP, TOPIC, 0, 1, "")), error::UNKNOWN_MEMBER_ID, "the group has members");
    let mut from_member = |generation: i32| {
        let request = commit_request(GROUP, TOPIC, 0, 1, "").with_member_id(member.id.clone());
        code(request.with_generation_id_or_member_epoch(generation))
    };
    assert_eq!(from_member(member.generation), 0);
    assert_eq!(from_member(member.generation + 1), error::ILLEGAL_GENERATION);
    assert_eq!(
        code(commit_request("unheard of", TOPIC, 0, 1, "").with_generation_id_or_member_epoch(3)),
        error::ILLEGAL_GENERATION
    );
    assert_eq!(member.heartbeat(), 0);
}

#[test]
fn a_coordinator_is_found_for_groups_only() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let one = client.call(3, &FindCoordinatorRequest::default().with_key(text(GROUP)));
    assert_eq!((one.error_code, one.port), (0, i32::from(broker.address().port())));
    let keys = vec![text("a"), text("b")];
    let several = client.call(4, &FindCoordinatorRequest::default().with_coordinator_keys(keys.clone()));
    assert!(several.coordinators.iter().all(|found| found.error_code == 0 && &*found.host == "127.0.0.1"));
    assert_eq!(several.coordinators.iter().map(|found| found.key.clone()).collect::<Vec<_>>(), keys);
    for (key_type, expected) in [(1, 53), (2, 42)] {
        let request = FindCoordinatorRequest::default().with_key_type(key_type).with_coordinator_keys(keys.clone());
        let refused = client.call(6, &request);
        assert_eq!(refused.coordinators[0].error_code, expected);
        assert!(refused.coordinators[0].error_message.is_some());
    }
}

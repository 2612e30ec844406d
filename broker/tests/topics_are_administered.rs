//! Topics: created, shown, grown, described, deleted; on the way, by name and by id.

mod support;

use std::collections::BTreeMap;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::*;
use support::{Client, TestBroker, text, topic_name};
use uuid::Uuid;

mod error {
    pub const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    pub const INVALID_TOPIC: i16 = 17;
    pub const TOPIC_ALREADY_EXISTS: i16 = 36;
    pub const INVALID_PARTITIONS: i16 = 37;
    pub const INVALID_REPLICATION_FACTOR: i16 = 38;
    pub const INVALID_CONFIG: i16 = 40;
    pub const INVALID_REQUEST: i16 = 42;
    pub const UNKNOWN_TOPIC_ID: i16 = 100;
}

fn new_topic(name: &str) -> CreatableTopic {
    CreatableTopic::default().with_name(topic_name(name)).with_num_partitions(-1).with_replication_factor(-1)
}

fn create(client: &mut Client, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
    client.call(7, &CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(1_000)).topics
}

fn by_name(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(topic_name(name)))
}

fn metadata(client: &mut Client, version: i16, topics: Option<Vec<MetadataRequestTopic>>) -> MetadataResponse {
    client.call(version, &MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false))
}

#[test]
fn a_new_topic_has_the_brokers_defaults_and_its_own_settings() {
    let broker = TestBroker::start_with(&[("num.partitions", "3")]);
    let mut client = broker.client();
    let setting =
        |name: &str, value: &str| CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)));
    let topic = new_topic("made").with_configs(vec![setting("retention.ms", "1000")]);
    let made = create(&mut client, vec![topic]).remove(0);
    assert_eq!((made.error_code, made.num_partitions, made.replication_factor), (0, 3, 1), "{:?}", made.error_message);
    let settings: BTreeMap<String, (String, i8)> = made
        .configs
        .unwrap_or_default()
        .into_iter()
        .map(|it| (it.name.to_string(), (it.value.unwrap_or_default().to_string(), it.config_source)))
        .collect();
    assert_eq!(settings["retention.ms"], ("1000".to_owned(), 1));
    assert_eq!(settings["segment.bytes"], ("1073741824".to_owned(), 5));

    let shown = metadata(&mut client, 12, Some(vec![by_name("made")])).topics.remove(0);
    assert_eq!((shown.topic_id, shown.partitions.len(), shown.is_internal), (made.topic_id, 3, false));
    let node = shown.partitions[0].leader_id;
    for (index, partition) in (0..).zip(&shown.partitions) {
        assert_eq!((partition.partition_index, partition.leader_epoch), (index, 0));
        assert_eq!((&partition.replica_nodes, &partition.isr_nodes), (&vec![node], &vec![node]));
    }
}

#[test]
fn a_topic_that_cannot_be_is_refused() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, "taken", 1);
    support::create_topic(&mut client, "with.dot", 1);
    let setting = |name: &str, value: &str| {
        vec![CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))]
    };
    let placed = CreatableReplicaAssignment::default().with_broker_ids(vec![BrokerId(4242)]);
    let cases = [
        (new_topic("taken"), error::TOPIC_ALREADY_EXISTS),
        (new_topic("no blanks"), error::INVALID_TOPIC),
        (new_topic("with_dot"), error::INVALID_TOPIC),
        (new_topic(""), error::INVALID_TOPIC),
        (new_topic("zero").with_num_partitions(0), error::INVALID_PARTITIONS),
        (new_topic("three").with_replication_factor(3), error::INVALID_REPLICATION_FACTOR),
        (new_topic("a").with_configs(setting("no.such.setting", "1")), error::INVALID_CONFIG),
        (new_topic("b").with_configs(setting("retention.ms", "soon")), error::INVALID_CONFIG),
        (new_topic("c").with_num_partitions(1).with_assignments(vec![placed.clone()]), error::INVALID_REQUEST),
        (new_topic("d").with_assignments(vec![placed]), 39),
    ];
    for (topic, expected) in cases {
        let name = topic.name.clone();
        let refused = create(&mut client, vec![topic]).remove(0);
        assert_eq!((refused.error_code, refused.name), (expected, name), "{:?}", refused.error_message);
        assert!(refused.error_message.is_some());
    }
    assert_eq!(metadata(&mut client, 12, None).topics.len(), 2);
}

#[test]
fn a_name_that_is_there_twice_is_refused_once_and_the_others_are_made() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let results = create(&mut client, vec![new_topic("twice"), new_topic("once"), new_topic("twice")]);
    let codes: BTreeMap<&str, i16> = results.iter().map(|result| (result.name.as_str(), result.error_code)).collect();
    assert_eq!(results.len(), 2);
    assert_eq!(codes, BTreeMap::from([("once", 0), ("twice", error::INVALID_REQUEST)]));
}

#[test]
fn what_is_only_validated_is_not_made() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let request = CreateTopicsRequest::default().with_validate_only(true).with_timeout_ms(1_000);
    let valid = client.call(7, &request.clone().with_topics(vec![new_topic("maybe").with_num_partitions(2)]));
    assert_eq!((valid.topics[0].error_code, valid.topics[0].num_partitions), (0, 2));
    let invalid = client.call(7, &request.with_topics(vec![new_topic("no blanks")]));
    assert_eq!(invalid.topics[0].error_code, error::INVALID_TOPIC);
    assert_eq!(metadata(&mut client, 12, None).topics.len(), 0);
}

#[test]
fn all_topics_and_no_topics_are_told_apart_by_version() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, "b", 1);
    support::create_topic(&mut client, "a", 1);
    let mut names = |version: i16, topics: Option<Vec<MetadataRequestTopic>>| -> Vec<String> {
        let request = MetadataRequest::default().with_topics(topics);
        let topics = client.call(version, &request).topics.into_iter();
        topics.map(|topic| topic.name.unwrap_or_default().to_string()).collect()
    };
    assert_eq!(names(0, Some(vec![])), ["a", "b"]);
    assert_eq!(names(1, None), ["a", "b"]);
    assert!(names(1, Some(vec![])).is_empty());
    assert_eq!(names(12, None), ["a", "b"]);
    assert!(names(12, Some(vec![])).is_empty());
    assert_eq!(names(12, Some(vec![by_name("b"), by_name("b")])), ["b"]);
}

#[test]
fn a_topic_is_made_on_the_way_where_both_sides_allow_it() {
    let ask = |client: &mut Client, allow: bool, name: &str| {
        let request =
            MetadataRequest::default().with_topics(Some(vec![by_name(name)])).with_allow_auto_topic_creation(allow);
        client.call(12, &request).topics.remove(0)
    };
    let broker = TestBroker::start_with(&[("num.partitions", "4")]);
    let mut client = broker.client();
    assert_eq!(ask(&mut client, false, "new").error_code, error::UNKNOWN_TOPIC_OR_PARTITION);
    let made = ask(&mut client, true, "new");
    assert_eq!((made.error_code, made.partitions.len()), (0, 4));
    assert_eq!(support::append(&mut client, "new", 3, &["at once"]), 0);
    assert_eq!(ask(&mut client, true, "no blanks").error_code, error::INVALID_TOPIC);

    let strict = TestBroker::start_with(&[("auto.create.topics.enable", "false")]);
    let mut client = strict.client();
    assert_eq!(ask(&mut client, true, "new").error_code, error::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn topics_are_asked_for_by_id() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let id = support::create_topic(&mut client, "named", 1);
    let by_id = |id: Uuid| MetadataRequestTopic::default().with_name(None).with_topic_id(id);
    let unknown = Uuid::from_u128(7);
    let topics = metadata(&mut client, 12, Some(vec![by_id(id), by_id(unknown)])).topics;
    assert_eq!(topics[0].name, Some(topic_name("named")));
    assert_eq!((topics[1].error_code, topics[1].topic_id, &topics[1].name), (error::UNKNOWN_TOPIC_ID, unknown, &None));
    let too_early = metadata(&mut client, 11, Some(vec![by_id(id).with_name(Some(topic_name("named")))])).topics;
    assert_eq!(too_early[0].error_code, error::INVALID_REQUEST);
}

#[test]
fn what_a_caller_may_do_is_said_when_asked() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, "topic", 1);
    let request = MetadataRequest::default().with_topics(None);
    let silent = client.call(8, &request);
    assert_eq!(
        (silent.cluster_authorized_operations, silent.topics[0].topic_authorized_operations),
        (i32::MIN, i32::MIN)
    );
    let asked = request.with_include_cluster_authorized_operations(true).with_include_topic_authorized_operations(true);
    let told = client.call(8, &asked);
    // What Kafka 4.3 without an authorizer says.
    assert_eq!((told.cluster_authorized_operations, told.topics[0].topic_authorized_operations), (8_096, 3_576));
}

#[test]
fn a_topic_grows_and_never_shrinks() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, "growing", 2);
    let mut grow = |name: &str, count: i32, validate_only: bool| {
        let topic =
            CreatePartitionsTopic::default().with_name(topic_name(name)).with_count(count).with_assignments(None);
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(1_000)
            .with_validate_only(validate_only);
        client.call(3, &request).results[0].error_code
    };
    assert_eq!(grow("growing", 3, true), 0);
    assert_eq!(grow("growing", 3, false), 0);
    assert_eq!(grow("growing", 3, false), error::INVALID_PARTITIONS);
    assert_eq!(grow("growing", 1, false), error::INVALID_PARTITIONS);
    assert_eq!(grow("nowhere", 3, false), error::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(support::append(&mut client, "growing", 2, &["in the new one"]), 0);
}

#[test]
fn a_topic_is_deleted_by_name_or_by_id_and_its_name_is_free_again() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let first = support::create_topic(&mut client, "reborn", 1);
    support::append(&mut client, "reborn", 0, &["old"]);
    let mut delete = |topic: DeleteTopicState| {
        client
            .call(6, &DeleteTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(5_000))
            .responses
            .remove(0)
    };
    let by_id = |id: Uuid| DeleteTopicState::default().with_name(None).with_topic_id(id);
    let by_name = |name: &str| DeleteTopicState::default().with_name(Some(topic_name(name)));
    assert_eq!(delete(by_name("nowhere")).error_code, error::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(delete(by_id(Uuid::from_u128(7))).error_code, error::UNKNOWN_TOPIC_ID);
    assert_eq!(delete(by_name("reborn").with_topic_id(first)).error_code, error::INVALID_REQUEST);
    assert_eq!(delete(by_id(Uuid::nil())).error_code, error::INVALID_REQUEST);
    let deleted = delete(by_id(first));
    assert_eq!((deleted.error_code, deleted.name), (0, Some(topic_name("reborn"))));

    let second = support::create_topic(&mut client, "reborn", 1);
    assert_ne!(first, second);
    assert_eq!(support::list_offset(&mut client, "reborn", 0, -1).offset, 0, "without the old records");
    let stale = client.call(13, &support::fetch_request(13, "", first, 0, 0));
    assert_eq!(stale.responses[0].partitions[0].error_code, error::UNKNOWN_TOPIC_ID);
}

#[test]
fn settings_are_described_with_their_source() {
    let broker = TestBroker::start_with(&[("log.retention.ms", "5000")]);
    let mut client = broker.client();
    support::create_topic_with(&mut client, "set", 1, &[("segment.bytes", "1048576")]);
    let mut describe = |kind: i8, name: &str, keys: &[&str]| {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configuration_keys(Some(keys.iter().map(|key| text(key)).collect()));
        let request = DescribeConfigsRequest::default()
            .with_resources(vec![resource])
            .with_include_synonyms(true)
            .with_include_documentation(true);
        client.call(4, &request).results.remove(0)
    };
    let topic = describe(2, "set", &["segment.bytes", "retention.ms", "no.such.setting"]);
    let settings: BTreeMap<&str, (Option<&str>, i8)> =
        topic.configs.iter().map(|it| (it.name.as_str(), (it.value.as_deref(), it.config_source))).collect();
    assert_eq!(
        settings,
        BTreeMap::from([("retention.ms", (Some("5000"), 4)), ("segment.bytes", (Some("1048576"), 1))])
    );
    assert!(topic.configs.iter().all(|it| it.documentation.is_some() && !it.synonyms.is_empty()));
    assert!(describe(2, "set", &[]).configs.len() > 20, "no keys means all");
    assert_eq!(describe(2, "nowhere", &[]).error_code, error::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(describe(2, "no blanks", &[]).error_code, error::INVALID_TOPIC);
    assert_eq!(describe(4, "", &[]).error_code, 0);
    assert_eq!(describe(4, "4242", &[]).error_code, error::INVALID_REQUEST);
    assert_eq!(describe(8, "1", &[]).error_code, error::INVALID_REQUEST);
}

#[test]
fn a_resource_is_described_once_however_often_it_is_asked_for() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    support::create_topic(&mut client, "set", 1);
    let node = metadata(&mut client, 12, None).brokers[0].node_id.to_string();
    let resource = |kind: i8, name: &str, key: Option<&str>| {
        let keys = key.map(|key| vec![text(key)]);
        DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configuration_keys(keys)
    };
    let mut resources = vec![resource(2, "set", Some("retention.ms")), resource(2, "set", Some("segment.bytes"))];
    resources.extend(vec![resource(2, "set", Some("segment.bytes")); 100]);
    resources.extend([resource(4, &node, Some("num.partitions")), resource(4, &node, None), resource(4, &node, None)]);
    // The same number, and no name of this broker.
    resources.push(resource(4, &format!("0{node}"), None));
    let results = client.call(4, &DescribeConfigsRequest::default().with_resources(resources)).results;
    let [topic, broker, other] = &results[..] else { panic!("{} results", results.len()) };
    let mut names: Vec<&str> = topic.configs.iter().map(|it| it.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["retention.ms", "segment.bytes"]);
    assert!(broker.configs.len() > 1, "no keys once means all");
    assert_eq!(other.error_code, error::INVALID_REQUEST);
}

#[test]
fn an_internal_topic_is_neither_created_nor_grown_by_clients() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let name = "__consumer_offsets";
    assert_eq!(create(&mut client, vec![new_topic(name), new_topic("other")])[0].error_code, error::INVALID_TOPIC);
    assert_eq!(metadata(&mut client, 12, None).topics.len(), 1, "the other one");
    let grown = CreatePartitionsTopic::default().with_name(topic_name(name)).with_count(60).with_assignments(None);
    let request = CreatePartitionsRequest::default().with_topics(vec![grown]).with_timeout_ms(1_000);
    assert_eq!(client.call(3, &request).results[0].error_code, error::INVALID_TOPIC);
}

#[test]
fn topics_and_records_survive_a_restart() {
    let broker = TestBroker::start();
    let mut client = broker.client();
    let id = support::create_topic_with(&mut client, "kept", 2, &[("retention.ms", "-1")]);
    support::append(&mut client, "kept", 1, &["a", "b"]);
    let cluster = metadata(&mut client, 12, None).cluster_id;

    let broker = broker.restart();
    let mut client = broker.client();
    let shown = metadata(&mut client, 12, None);
    assert_eq!(shown.cluster_id, cluster);
    assert_eq!((shown.topics[0].topic_id, shown.topics[0].partitions.len()), (id, 2));
    assert_eq!(support::append(&mut client, "kept", 1, &["c"]), 2);
    let values: Vec<String> = support::read_all(&mut client, "kept", 1).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["a", "b", "c"]);
}

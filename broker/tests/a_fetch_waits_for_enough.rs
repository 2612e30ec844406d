//! Long polls: a fetch waits until `min_bytes` are there or `max_wait_ms` passed, and an append wakes it.

mod support;

use std::time::{Duration, Instant};

use kafka_protocol::messages::FetchRequest;
use support::{Batch, Client, TestBroker};
use uuid::Uuid;

const TOPIC: &str = "waited-for";
/// Longer than any test takes: a fetch that answers was woken.
const LONG_MS: i32 = 15_000;

fn waiting_fetch(offset: i64, min_bytes: usize, max_wait_ms: i32) -> FetchRequest {
    support::fetch_request(12, TOPIC, Uuid::nil(), 0, offset)
        .with_min_bytes(min_bytes as i32)
        .with_max_wait_ms(max_wait_ms)
}

fn two_clients(broker: &TestBroker) -> (Client, Client) {
    let (consumer, mut producer) = (broker.client(), broker.client());
    support::create_topic(&mut producer, TOPIC, 2);
    (consumer, producer)
}

#[test]
fn an_append_wakes_a_waiting_fetch() {
    let broker = TestBroker::start();
    let (mut consumer, mut producer) = two_clients(&broker);
    let asked = consumer.send(12, &waiting_fetch(0, 1, LONG_MS));
    let started = Instant::now();
    support::append(&mut producer, TOPIC, 0, &["awaited"]);
    let response = consumer.receive::<FetchRequest>(12, asked);
    assert!(started.elapsed() < Duration::from_millis(LONG_MS as u64 / 2), "woken, not timed out");
    let records = response.responses[0].partitions[0].records.clone().unwrap_or_default();
    assert_eq!(support::offsets_and_values(records), [(0, "awaited".to_owned())]);
}

#[test]
fn a_fetch_does_not_answer_before_it_has_enough() {
    let broker = TestBroker::start();
    let (mut consumer, mut producer) = two_clients(&broker);
    let size = Batch::of(&["0"]).encode().len();
    let asked = consumer.send(12, &waiting_fetch(0, 3 * size, LONG_MS));
    for value in ["0", "1", "2"] {
        support::append(&mut producer, TOPIC, 0, &[value]);
    }
    let response = consumer.receive::<FetchRequest>(12, asked);
    let records = response.responses[0].partitions[0].records.clone().unwrap_or_default();
    assert_eq!(records.len(), 3 * size);
}

#[test]
fn appends_to_another_partition_do_not_wake_it_and_time_does() {
    let broker = TestBroker::start();
    let (mut consumer, mut producer) = two_clients(&broker);
    let started = Instant::now();
    let asked = consumer.send(12, &waiting_fetch(0, 1, 300));
    support::append(&mut producer, TOPIC, 1, &["elsewhere"]);
    let response = consumer.receive::<FetchRequest>(12, asked);
    assert!(started.elapsed() >= Duration::from_millis(300));
    let partition = &response.responses[0].partitions[0];
    assert_eq!((partition.error_code, partition.records.as_ref().map(|it| it.len())), (0, Some(0)));
}

#[test]
fn a_deleted_topic_ends_the_wait() {
    use kafka_protocol::messages::DeleteTopicsRequest;
    let broker = TestBroker::start();
    let (mut consumer, mut admin) = two_clients(&broker);
    let asked = consumer.send(12, &waiting_fetch(0, 1, LONG_MS));
    let started = Instant::now();
    let delete =
        DeleteTopicsRequest::default().with_topic_names(vec![support::topic_name(TOPIC)]).with_timeout_ms(5_000);
    assert_eq!(admin.call(5, &delete).responses[0].error_code, 0);
    let response = consumer.receive::<FetchRequest>(12, asked);
    assert!(started.elapsed() < Duration::from_millis(LONG_MS as u64 / 2));
    assert_eq!(response.responses[0].partitions[0].error_code, 3);
}

#[test]
fn many_fetches_wait_for_the_same_append() {
    let broker = TestBroker::start();
    let (_, mut producer) = two_clients(&broker);
    let mut consumers: Vec<Client> = (0..32).map(|_| broker.client()).collect();
    let asked: Vec<i32> = consumers.iter_mut().map(|it| it.send(12, &waiting_fetch(0, 1, LONG_MS))).collect();
    support::append(&mut producer, TOPIC, 0, &["for all"]);
    for (consumer, asked) in consumers.iter_mut().zip(asked) {
        let response = consumer.receive::<FetchRequest>(12, asked);
        assert!(response.responses[0].partitions[0].records.as_ref().is_some_and(|records| !records.is_empty()));
    }
}

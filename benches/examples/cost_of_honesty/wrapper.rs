//! The same loop through the `rdkafka` crate: its `BaseProducer` and `BaseConsumer`, as their documentation has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use loadgen::clock::now_ns;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::load::{COMMIT_EVERY_NS, Load, PARTITIONS, SIZE_BYTES, keep_pace};

/// Counts acknowledgements, on the one thread that polls.
#[derive(Default)]
struct Acked(AtomicU64);

impl ClientContext for Acked {}

impl ProducerContext for Acked {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        self.0.store(self.0.load(Ordering::Relaxed) + u64::from(result.is_ok()), Ordering::Relaxed);
    }
}

/// Returns how many messages were acknowledged.
pub fn produce(load: &Load) -> u64 {
    let value = [b'v'; SIZE_BYTES];
    let config = configuration(load.producer_settings());
    let producer: BaseProducer<Acked> =
        BaseProducer::from_config_and_context(&config, Acked::default()).expect("a producer");
    let mut partition = 0;
    keep_pace(load, |due| {
        for _ in 0..due {
            let mut record = BaseRecord::<(), [u8]>::to(&load.topic).partition(partition).payload(&value);
            while let Err((_, back)) = producer.send(record) {
                record = back;
                producer.poll(Duration::from_millis(1));
            }
            partition = (partition + 1) % PARTITIONS;
        }
        producer.poll(Duration::ZERO);
    });
    producer.flush(Duration::from_secs(10)).expect("everything is acknowledged");
    producer.context().0.load(Ordering::Relaxed)
}

/// Reads until told to stop; returns how many messages.
pub fn consume(load: &Load, stop: &Arc<AtomicBool>) -> u64 {
    let consumer: BaseConsumer = configuration(load.consumer_settings()).create().expect("a consumer");
    consumer.subscribe(&[&load.topic]).expect("subscribed");
    let mut read = 0;
    let mut next: [Option<i64>; PARTITIONS as usize] = Default::default();
    let mut commit_ns = now_ns() + COMMIT_EVERY_NS;
    while !stop.load(Ordering::Acquire) {
        // The clock is read once for as many messages as the generator's batches have.
        for _ in 0..1024 {
            let Some(message) = consumer.poll(Duration::from_millis(50)) else { break };
            let message = message.expect("a message");
            next[message.partition() as usize] = Some(message.offset() + 1);
            read += 1;
        }
        if now_ns() >= commit_ns {
            commit_ns += COMMIT_EVERY_NS;
            let mut offsets = TopicPartitionList::new();
            for (partition, offset) in (0..).zip(next).filter_map(|(partition, offset)| Some((partition, offset?))) {
                offsets.add_partition_offset(&load.topic, partition, Offset::Offset(offset)).expect("a partition");
            }
            // An empty list of offsets commits nothing, and is refused.
            let _ = consumer.commit(&offsets, CommitMode::Async);
        }
    }
    read
}

fn configuration(settings: BTreeMap<String, String>) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.extend(settings);
    config
}

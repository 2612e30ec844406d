//! The floor: librdkafka's C functions called directly, nothing stamped, recorded or checked.
//!
//! Delivery reports are on and counted. Reading is by batches, the cheapest way there is, as in the generator.

use std::collections::BTreeMap;
use std::ffi::{CString, c_void};
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use loadgen::clock::now_ns;
use rdkafka::bindings::*;

use crate::load::{COMMIT_EVERY_NS, Load, PARTITIONS, SIZE_BYTES, keep_pace};

const NO_ERROR: rd_kafka_resp_err_t = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
const BATCH: usize = 1024;

/// Returns how many messages were acknowledged.
pub fn produce(load: &Load) -> u64 {
    let mut acked = 0u64;
    let value = [b'v'; SIZE_BYTES];
    let name = CString::new(load.topic.as_str()).expect("a name");
    // SAFETY: the configuration is handed over to the client; `acked` outlives the client, and its callback runs inside
    // `rd_kafka_poll` and `rd_kafka_flush` only, on this thread; every handle is used while it is alive.
    unsafe {
        let conf = configuration(&load.producer_settings());
        rd_kafka_conf_set_opaque(conf, (&raw mut acked).cast());
        rd_kafka_conf_set_dr_msg_cb(conf, Some(on_delivery));
        let client = client(rd_kafka_type_t::RD_KAFKA_PRODUCER, conf);
        let topic = rd_kafka_topic_new(client, name.as_ptr(), null_mut());
        let mut partition = 0;
        keep_pace(load, |due| {
            for _ in 0..due {
                let payload = value.as_ptr().cast_mut().cast();
                while rd_kafka_produce(
                    topic,
                    partition,
                    RD_KAFKA_MSG_F_COPY,
                    payload,
                    SIZE_BYTES,
                    null(),
                    0,
                    null_mut(),
                ) != 0
                {
                    rd_kafka_poll(client, 1);
                }
                partition = (partition + 1) % PARTITIONS;
            }
            rd_kafka_poll(client, 0);
        });
        rd_kafka_flush(client, 10_000);
        rd_kafka_topic_destroy(topic);
        rd_kafka_destroy(client);
    }
    acked
}

/// Reads until told to stop; returns how many messages.
pub fn consume(load: &Load, stop: &Arc<AtomicBool>) -> u64 {
    let mut read = 0;
    let mut next: [Option<i64>; PARTITIONS as usize] = Default::default();
    let mut batch = [null_mut(); BATCH];
    let name = CString::new(load.topic.as_str()).expect("a name");
    // SAFETY: the configuration is handed over to the client; every handle is used while it is alive; messages are ours
    // from the call that returns them to their destruction; a batch writes at most as many pointers as there is room for.
    unsafe {
        let client = client(rd_kafka_type_t::RD_KAFKA_CONSUMER, configuration(&load.consumer_settings()));
        rd_kafka_poll_set_consumer(client);
        let queue = rd_kafka_queue_get_consumer(client);
        let subscription = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(subscription, name.as_ptr(), -1);
        assert_eq!(rd_kafka_subscribe(client, subscription), NO_ERROR);
        let mut commit_ns = now_ns() + COMMIT_EVERY_NS;
        while !stop.load(Ordering::Acquire) {
            batch[0] = rd_kafka_consumer_poll(client, 50);
            if !batch[0].is_null() {
                let more = rd_kafka_consume_batch_queue(queue, 0, batch[1..].as_mut_ptr(), BATCH - 1);
                for message in &batch[..1 + more.max(0) as usize] {
                    let record = &**message;
                    assert_eq!(record.err, NO_ERROR);
                    next[record.partition as usize] = Some(record.offset + 1);
                    read += 1;
                    rd_kafka_message_destroy(*message);
                }
            }
            if now_ns() >= commit_ns {
                commit_ns += COMMIT_EVERY_NS;
                commit(client, &name, &next);
            }
        }
        rd_kafka_topic_partition_list_destroy(subscription);
        rd_kafka_queue_destroy(queue);
        rd_kafka_consumer_close(client);
        rd_kafka_destroy(client);
    }
    read
}

/// # Safety
/// `client` is a consumer that is alive.
unsafe fn commit(client: *mut rd_kafka_t, topic: &CString, next: &[Option<i64>]) {
    // SAFETY: the list is ours and copied by the commit; the client is alive.
    unsafe {
        let offsets = rd_kafka_topic_partition_list_new(PARTITIONS);
        for (partition, offset) in (0..).zip(next).filter_map(|(partition, offset)| Some((partition, (*offset)?))) {
            (*rd_kafka_topic_partition_list_add(offsets, topic.as_ptr(), partition)).offset = offset;
        }
        rd_kafka_commit(client, offsets, 1);
        rd_kafka_topic_partition_list_destroy(offsets);
    }
}

fn configuration(settings: &BTreeMap<String, String>) -> *mut rd_kafka_conf_t {
    // SAFETY: allocates a configuration.
    let conf = unsafe { rd_kafka_conf_new() };
    for (name, value) in settings {
        let pair = [name, value].map(|text| CString::new(text.as_str()).expect("no NUL in it"));
        // SAFETY: the configuration is alive and the strings are NUL-terminated.
        let result = unsafe { rd_kafka_conf_set(conf, pair[0].as_ptr(), pair[1].as_ptr(), null_mut(), 0) };
        assert_eq!(result, rd_kafka_conf_res_t::RD_KAFKA_CONF_OK, "{name}={value}");
    }
    conf
}

/// # Safety
/// `conf` is alive; it is the client's from here on.
unsafe fn client(kind: rd_kafka_type_t, conf: *mut rd_kafka_conf_t) -> *mut rd_kafka_t {
    // SAFETY: promised by the caller.
    let client = unsafe { rd_kafka_new(kind, conf, null_mut(), 0) };
    assert!(!client.is_null(), "a client");
    client
}

unsafe extern "C" fn on_delivery(_: *mut rd_kafka_t, message: *const rd_kafka_message_t, opaque: *mut c_void) {
    // SAFETY: the message is lent for the call; the opaque is the counter, used by this thread alone.
    unsafe { *opaque.cast::<u64>() += u64::from((*message).err == NO_ERROR) };
}

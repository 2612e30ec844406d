//! A member of a consumer group: batches of borrowed records in, offsets committed by hand.

use std::cell::UnsafeCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{NonNull, null_mut};
use std::time::Duration;

use rdkafka::bindings::*;

use super::{Client, Configuration, bytes, client_error, client_error_with_reason, take_error, timed_out};
use crate::driver::{ClientError, DriverError, Incoming, Sink};

/// Records handed over by one call, at most. Also the size of the array of pointers they come in.
const BATCH: usize = 1024;

/// How long a rebalance may ask the coordinator for committed offsets.
const COMMITTED_TIMEOUT_MS: c_int = 10_000;

/// How long a commit may be waited for. librdkafka itself would wait for as long as the coordinator does not answer.
const COMMIT_TIMEOUT_MS: c_int = 5_000;

/// What happened inside a poll, besides records. The records of a batch are newer than its events: what a rebalance has
/// outdated is discarded, from the batch by librdkafka, and its first record, which comes by another call, by
/// [`Shared::hand_over`].
enum Event {
    Assigned(Vec<(i32, i64)>),
    Revoked(Vec<i32>),
    Error(ClientError),
}

/// State shared with the callbacks, which run on the owner's thread inside a poll, a commit or the close.
struct Shared {
    topic: CString,
    /// Where a partition without a committed offset is read from.
    start_offsets: Vec<i64>,
    /// By partition; none where it is another member's.
    owned: Vec<Option<Owned>>,
    events: Vec<Event>,
}

/// A partition of this member's assignment.
#[derive(Clone, Copy, Default)]
struct Owned {
    /// The offset after the last record handed over.
    next: Option<i64>,
}

/// A subscribed consumer of one topic.
pub(in super::super) struct NativeConsumer {
    // Dropped in this order: the reference to the queue, the client, then what its callbacks write to.
    queue: Queue,
    client: Client,
    shared: Box<UnsafeCell<Shared>>,
    batch: Box<[*mut rd_kafka_message_t; BATCH]>,
    stamp_header: CString,
}

// SAFETY: librdkafka's handles may be used from any thread; the shared state and the batch, which is empty between calls,
// are only reached through `&mut self`.
unsafe impl Send for NativeConsumer {}

struct Queue(NonNull<rd_kafka_queue_t>);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: we own this reference.
        unsafe { rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

/// A list of partitions with offsets.
struct Partitions(NonNull<rd_kafka_topic_partition_list_t>);

impl Partitions {
    fn new(topic: &CStr, offsets: impl Iterator<Item = (i32, i64)>) -> Option<Self> {
        // SAFETY: allocates a list that we own.
        let list = Self(NonNull::new(unsafe { rd_kafka_topic_partition_list_new(8) })?);
        for (partition, offset) in offsets {
            // SAFETY: the list is ours, the name is copied, and the element stays valid until the next one is added.
            unsafe {
                let element = rd_kafka_topic_partition_list_add(list.0.as_ptr(), topic.as_ptr(), partition);
                (*element).offset = offset;
            }
        }
        Some(list)
    }
}

impl Drop for Partitions {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) };
    }
}

impl NativeConsumer {
    pub(in super::super) fn new<'a>(
        properties: impl Iterator<Item = (&'a str, &'a str)>,
        topic: &str,
        start_offsets: &[i64],
        stamp_header: &str,
    ) -> Result<Self, DriverError> {
        let create = |reason: &str| DriverError::Create { reason: reason.into() };
        let topic = CString::new(topic).map_err(|_| create("the topic's name contains a NUL"))?;
        let stamp_header = CString::new(stamp_header).map_err(|_| create("the header's name contains a NUL"))?;
        let conf = Configuration::new(properties)?;
        let shared = Box::new(UnsafeCell::new(Shared {
            topic: topic.clone(),
            start_offsets: start_offsets.to_vec(),
            owned: vec![None; start_offsets.len()],
            events: Vec::new(),
        }));
        // SAFETY: the configuration is ours; the callbacks have the signatures asked for; the shared state is boxed, so
        // it stays where it is, and it is dropped after the client.
        unsafe {
            rd_kafka_conf_set_opaque(conf.0.as_ptr(), shared.get().cast());
            rd_kafka_conf_set_rebalance_cb(conf.0.as_ptr(), Some(on_rebalance));
            rd_kafka_conf_set_error_cb(conf.0.as_ptr(), Some(on_error));
            rd_kafka_conf_set_offset_commit_cb(conf.0.as_ptr(), Some(on_commit));
        }
        let client = conf.into_client(rd_kafka_type_t::RD_KAFKA_CONSUMER)?;
        // SAFETY: the client is alive; afterwards one queue carries records, rebalances and errors.
        unsafe { rd_kafka_poll_set_consumer(client.as_ptr()) };
        // SAFETY: the client is alive; the reference becomes ours.
        let queue = unsafe { rd_kafka_queue_get_consumer(client.as_ptr()) };
        let queue = Queue(NonNull::new(queue).ok_or_else(|| create("no consumer queue"))?);
        let subscription = Partitions::new(&topic, [(-1, 0)].into_iter()).ok_or_else(|| create("out of memory"))?;
        // SAFETY: client and list are alive; the list is copied.
        let subscribed = result(unsafe { rd_kafka_subscribe(client.as_ptr(), subscription.0.as_ptr()) });
        subscribed.map_err(|error| DriverError::Refused { what: "subscribe".into(), error })?;
        Ok(Self { queue, client, shared, batch: Box::new([null_mut(); BATCH]), stamp_header })
    }

    /// Checks properties without making a client that looks for a cluster.
    pub(in super::super) fn check<'a>(properties: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), DriverError> {
        let conf = Configuration::new(properties)?;
        conf.set("group.id", "loadgen-check")?;
        conf.into_client(rd_kafka_type_t::RD_KAFKA_CONSUMER).map(drop)
    }

    /// Waits for the first record or event, then takes what is there without waiting.
    pub(in super::super) fn poll(&mut self, wait: Duration, sink: &mut dyn Sink) -> usize {
        let wait_ms = c_int::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX);
        // SAFETY: the client is alive; callbacks write to the shared state, to which nobody holds a reference now; the
        // message becomes ours.
        let first = unsafe { rd_kafka_consumer_poll(self.client.as_ptr(), wait_ms) };
        if first.is_null() {
            self.deliver_events(sink);
            return 0;
        }
        let Some((head, rest)) = self.batch.split_first_mut() else { return 0 };
        *head = first;
        // SAFETY: as above; at most as many pointers are written as the slice has room for.
        let more = unsafe { rd_kafka_consume_batch_queue(self.queue.0.as_ptr(), 0, rest.as_mut_ptr(), rest.len()) };
        let count = 1 + usize::try_from(more).unwrap_or(0);
        self.deliver_events(sink);
        let mut records = 0;
        for index in 0..count.min(BATCH) {
            let message = std::mem::replace(&mut self.batch[index], null_mut());
            records += usize::from(self.deliver(message, sink));
            // SAFETY: the message is ours, and `deliver` lent it out only for its call.
            unsafe { rd_kafka_message_destroy(message) };
        }
        records
    }

    /// Whether it was a record, and neither outdated nor an error in a record's clothes.
    fn deliver(&mut self, message: *mut rd_kafka_message_t, sink: &mut dyn Sink) -> bool {
        // SAFETY: the message is alive until its destruction by the caller.
        let borrowed = unsafe { &*message };
        if borrowed.err != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            // SAFETY: the text is NUL-terminated and lives as long as the message.
            sink.error(unsafe { client_error_with_reason(borrowed.err as i32, rd_kafka_message_errstr(message)) });
            return false;
        }
        let partition = borrowed.partition;
        if !self.shared.get_mut().hand_over(partition, borrowed.offset) {
            return false;
        }
        // SAFETY: key and value are valid for their lengths as long as the message is.
        let (key, value) = unsafe { (bytes(borrowed.key, borrowed.key_len), bytes(borrowed.payload, borrowed.len)) };
        let stamp_header = self.header(message);
        sink.record(&Incoming { partition, offset: borrowed.offset, key, value, stamp_header });
        true
    }

    fn header<'a>(&self, message: *mut rd_kafka_message_t) -> Option<&'a [u8]> {
        let mut headers = null_mut();
        let (mut value, mut len) = (std::ptr::null(), 0);
        let none = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        // SAFETY: the message is alive; headers and their values live as long as the message does, which the caller
        // bounds; the name is NUL-terminated.
        unsafe {
            if rd_kafka_message_headers(message, &mut headers) != none
                || rd_kafka_header_get_last(headers, self.stamp_header.as_ptr(), &mut value, &mut len) != none
            {
                return None;
            }
            bytes(value, len)
        }
    }

    fn deliver_events(&mut self, sink: &mut dyn Sink) {
        let shared = self.shared.get_mut();
        if shared.events.is_empty() {
            return;
        }
        for event in std::mem::take(&mut shared.events) {
            match event {
                Event::Assigned(partitions) => sink.assigned(&partitions),
                Event::Revoked(partitions) => sink.revoked(&partitions),
                Event::Error(error) => sink.error(error),
            }
        }
    }

    /// Commits the next offset of every assigned partition of which a record was handed over.
    /// Does not wait for the answer.
    pub(in super::super) fn commit(&mut self) -> Result<(), ClientError> {
        let Some(list) = self.shared.get_mut().processed_offsets() else { return Ok(()) };
        // SAFETY: client and list are alive; the list is copied.
        result(unsafe { rd_kafka_commit(self.client.as_ptr(), list.0.as_ptr(), 1) })
    }

    /// Commits what was handed over, leaves the group, and destroys the client, however long the cluster takes to answer.
    pub(in super::super) fn close(mut self) -> Result<(), ClientError> {
        let list = self.shared.get_mut().processed_offsets();
        // SAFETY: the client is alive; the close serves the last rebalance on this thread, while nobody holds a reference to
        // the shared state.
        unsafe {
            let committed = commit_and_wait(self.client.as_ptr(), list);
            rd_kafka_consumer_close(self.client.as_ptr());
            committed
        }
    }
}

impl Shared {
    fn assigned(&mut self, partition: i32) {
        let index = partition.max(0) as usize;
        if index >= self.owned.len() {
            self.owned.resize(index + 1, None);
        }
        self.owned[index] = Some(Owned::default());
    }

    fn revoked(&mut self, partition: i32) {
        if let Some(owned) = self.owned.get_mut(partition.max(0) as usize) {
            *owned = None;
        }
    }

    /// Notes that a record is handed over, if its partition is still this member's: one that a rebalance took away
    /// meanwhile is read, and its offset committed, by its next owner.
    fn hand_over(&mut self, partition: i32, offset: i64) -> bool {
        let owned = self.owned.get_mut(partition.max(0) as usize).and_then(Option::as_mut);
        owned.map(|owned| owned.next = Some(offset + 1)).is_some()
    }

    fn processed(&self) -> impl Iterator<Item = (i32, i64)> {
        (0..).zip(&self.owned).filter_map(|(partition, owned)| Some((partition, (*owned)?.next?)))
    }

    fn processed_offsets(&self) -> Option<Partitions> {
        let mut offsets = self.processed().peekable();
        offsets.peek()?;
        Partitions::new(&self.topic, offsets)
    }
}

/// Commits by a queue of its own: `rd_kafka_commit` knows of no time-out.
///
/// # Safety
/// `client` is alive, and no reference to its shared state exists.
unsafe fn commit_and_wait(client: *mut rd_kafka_t, offsets: Option<Partitions>) -> Result<(), ClientError> {
    let Some(offsets) = offsets else { return Ok(()) };
    // SAFETY: promised by the caller; the list is copied; queue and event are ours, and the queue outlives the event.
    unsafe {
        let queue = Queue(NonNull::new(rd_kafka_queue_new(client)).ok_or_else(timed_out)?);
        result(rd_kafka_commit_queue(client, offsets.0.as_ptr(), queue.0.as_ptr(), None, null_mut()))?;
        let event = rd_kafka_queue_poll(queue.0.as_ptr(), COMMIT_TIMEOUT_MS);
        if event.is_null() {
            return Err(timed_out());
        }
        let committed = result(rd_kafka_event_error(event));
        rd_kafka_event_destroy(event);
        committed
    }
}

fn result(code: rd_kafka_resp_err_t) -> Result<(), ClientError> {
    if code == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(client_error(code)) }
}

/// The elements of a list that librdkafka lends.
///
/// # Safety
/// `list` is valid, and nobody else uses it, during `'a`.
unsafe fn elements<'a>(list: *mut rd_kafka_topic_partition_list_t) -> &'a mut [rd_kafka_topic_partition_t] {
    // SAFETY: promised by the caller; an empty list may have a null array.
    unsafe {
        let len = usize::try_from((*list).cnt).unwrap_or(0);
        if len == 0 { &mut [] } else { std::slice::from_raw_parts_mut((*list).elems, len) }
    }
}

unsafe extern "C" fn on_rebalance(
    client: *mut rd_kafka_t,
    code: rd_kafka_resp_err_t,
    list: *mut rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    let shared: *mut Shared = opaque.cast();
    // SAFETY: librdkafka lends client and list for the call; the shared state outlives the client, and the owner holds
    // no reference to it while callbacks are served.
    unsafe {
        let cooperative = CStr::from_ptr(rd_kafka_rebalance_protocol(client)) == c"COOPERATIVE";
        let result = if code == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            assign(client, list, shared, cooperative)
        } else {
            revoke(client, list, shared, cooperative)
        };
        if let Err(error) = result {
            (*shared).events.push(Event::Error(error));
        }
    }
}

/// # Safety
/// As [`on_rebalance`] has it.
unsafe fn assign(
    client: *mut rd_kafka_t,
    list: *mut rd_kafka_topic_partition_list_t,
    shared: *mut Shared,
    cooperative: bool,
) -> Result<(), ClientError> {
    // SAFETY: promised by the caller; references into the list and the shared state end before librdkafka gets them.
    unsafe {
        let committed = rd_kafka_committed(client, list, COMMITTED_TIMEOUT_MS);
        let state = &mut *shared;
        if committed != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            state.events.push(Event::Error(client_error(committed)));
        }
        let mut assigned = Vec::new();
        for element in elements(list) {
            let partition = element.partition as usize;
            if element.offset < 0 {
                element.offset = state.start_offsets.get(partition).copied().unwrap_or(0);
            }
            state.assigned(element.partition);
            assigned.push((element.partition, element.offset));
        }
        state.events.push(Event::Assigned(assigned));
        if cooperative {
            return take_error(rd_kafka_incremental_assign(client, list));
        }
        result(rd_kafka_assign(client, list))
    }
}

/// # Safety
/// As [`on_rebalance`] has it.
unsafe fn revoke(
    client: *mut rd_kafka_t,
    list: *mut rd_kafka_topic_partition_list_t,
    shared: *mut Shared,
    cooperative: bool,
) -> Result<(), ClientError> {
    // SAFETY: promised by the caller; references into the list and the shared state end before librdkafka gets them.
    unsafe {
        let lost = rd_kafka_assignment_lost(client) != 0;
        let processed = (*shared).processed_offsets();
        let committed = if lost { Ok(()) } else { commit_and_wait(client, processed) };
        let state = &mut *shared;
        let revoked: Vec<i32> = elements(list).iter().map(|element| element.partition).collect();
        revoked.iter().for_each(|partition| state.revoked(*partition));
        state.events.push(Event::Revoked(revoked));
        let unassigned = if cooperative {
            take_error(rd_kafka_incremental_unassign(client, list))
        } else {
            result(rd_kafka_assign(client, null_mut()))
        };
        committed.and(unassigned)
    }
}

unsafe extern "C" fn on_error(_: *mut rd_kafka_t, code: c_int, reason: *const c_char, opaque: *mut c_void) {
    // SAFETY: the reason is NUL-terminated for the time of the call; the shared state as in `on_rebalance`.
    unsafe { (*opaque.cast::<Shared>()).events.push(Event::Error(client_error_with_reason(code, reason))) };
}

unsafe extern "C" fn on_commit(
    _: *mut rd_kafka_t,
    code: rd_kafka_resp_err_t,
    _: *mut rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    use rd_kafka_resp_err_t::*;
    if matches!(code, RD_KAFKA_RESP_ERR_NO_ERROR | RD_KAFKA_RESP_ERR__NO_OFFSET) {
        return;
    }
    // SAFETY: as in `on_rebalance`.
    unsafe { (*opaque.cast::<Shared>()).events.push(Event::Error(client_error(code))) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_revoked_partition_is_neither_handed_over_nor_committed() {
        let (topic, start_offsets) = (CString::default(), Vec::new());
        let mut shared = Shared { topic, start_offsets, owned: Vec::new(), events: Vec::new() };
        shared.assigned(0);
        shared.assigned(2);
        assert!(shared.hand_over(0, 10) && shared.hand_over(2, 20) && !shared.hand_over(1, 30));
        assert_eq!(shared.processed().collect::<Vec<_>>(), [(0, 11), (2, 21)]);
        shared.revoked(2);
        assert!(!shared.hand_over(2, 21));
        assert_eq!(shared.processed().collect::<Vec<_>>(), [(0, 11)]);
        shared.assigned(2);
        assert_eq!(shared.processed().collect::<Vec<_>>(), [(0, 11)], "a new assignment has handed nothing over");
    }
}

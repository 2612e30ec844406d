//! A producing handle: one topic, copies in, completions out by the delivery callback.

use std::cell::UnsafeCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr::{NonNull, null, null_mut};
use std::time::{Duration, Instant};

use rdkafka::bindings::*;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::{Client, Configuration, client_error, client_error_with_reason, take_error};
use crate::driver::{ClientError, Completion, DriverError, SubmitError};
use crate::message::{NO_OFFSET, Outcome, Outgoing};

/// What the callbacks leave for the owner. Written by callbacks, which run on the owner's thread inside a poll; read by the
/// owner between polls. So the two never overlap.
#[derive(Default)]
struct Inbox {
    /// With `acks=0` nobody names an offset; librdkafka then counts up from -1001, past zero in a large batch.
    offsets_are_known: bool,
    completions: Vec<Completion>,
    errors: Vec<ClientError>,
    /// The latest statistics document.
    statistics: Option<String>,
}

impl Inbox {
    fn offset(&self, message: &rd_kafka_message_t) -> i64 {
        if self.offsets_are_known { message.offset.max(NO_OFFSET) } else { NO_OFFSET }
    }
}

/// A producer of one topic.
pub(in super::super) struct NativeProducer {
    // Dropped in this order: topic and queue references first, the client, then what its callbacks write to.
    topic: Topic,
    _main_queue: Queue,
    client: Client,
    inbox: Box<UnsafeCell<Inbox>>,
    /// Becomes readable when librdkafka puts something into the empty main queue.
    wake: OwnedFd,
    stamp_header: CString,
}

// SAFETY: librdkafka's handles may be used from any thread; the inbox is only reached through `&mut self`.
unsafe impl Send for NativeProducer {}

struct Topic(NonNull<rd_kafka_topic_t>);

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: we own this reference.
        unsafe { rd_kafka_topic_destroy(self.0.as_ptr()) };
    }
}

struct Queue(NonNull<rd_kafka_queue_t>);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: we own this reference; signalling through `wake` ends with the queue, before the descriptor closes.
        unsafe {
            rd_kafka_queue_io_event_enable(self.0.as_ptr(), -1, null(), 0);
            rd_kafka_queue_destroy(self.0.as_ptr());
        }
    }
}

impl NativeProducer {
    pub(in super::super) fn new<'a>(
        properties: impl Iterator<Item = (&'a str, &'a str)>,
        topic: &str,
        stamp_header: &str,
    ) -> Result<Self, DriverError> {
        let create = |reason: &str| DriverError::Create { reason: reason.into() };
        let mut offsets_are_known = true;
        let conf = Configuration::new(properties.inspect(|property| offsets_are_known &= *property != ("acks", "0")))?;
        let inbox = Box::new(UnsafeCell::new(Inbox { offsets_are_known, ..Inbox::default() }));
        // SAFETY: the configuration is ours; the callbacks have the signatures asked for; the inbox is boxed, so it
        // stays where it is, and it is dropped after the client.
        unsafe {
            rd_kafka_conf_set_opaque(conf.0.as_ptr(), inbox.get().cast());
            rd_kafka_conf_set_dr_msg_cb(conf.0.as_ptr(), Some(on_delivery));
            rd_kafka_conf_set_error_cb(conf.0.as_ptr(), Some(on_error));
            rd_kafka_conf_set_stats_cb(conf.0.as_ptr(), Some(on_statistics));
        }
        let client = conf.into_client(rd_kafka_type_t::RD_KAFKA_PRODUCER)?;
        let name = CString::new(topic).map_err(|_| create("the topic's name contains a NUL"))?;
        let stamp_header = CString::new(stamp_header).map_err(|_| create("the header's name contains a NUL"))?;
        let wake = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)
            .map_err(|error| create(&format!("eventfd: {error}")))?;
        // SAFETY: the client is alive, the name NUL-terminated; a null configuration means the client's defaults.
        let topic = unsafe { rd_kafka_topic_new(client.as_ptr(), name.as_ptr(), null_mut()) };
        let topic = Topic(NonNull::new(topic).ok_or_else(|| create("the topic's handle was refused"))?);
        // SAFETY: the client is alive; the reference becomes ours.
        let main_queue = unsafe { rd_kafka_queue_get_main(client.as_ptr()) };
        let main_queue = Queue(NonNull::new(main_queue).ok_or_else(|| create("no main queue"))?);
        let one = 1u64.to_ne_bytes();
        // SAFETY: the queue is alive, the payload is copied, and `wake` outlives the queue's use of it.
        unsafe {
            rd_kafka_queue_io_event_enable(main_queue.0.as_ptr(), wake.as_raw_fd(), one.as_ptr().cast(), one.len());
        }
        Ok(Self { topic, _main_queue: main_queue, client, inbox, wake, stamp_header })
    }

    pub(in super::super) fn submit(&mut self, message: &Outgoing<'_>, tag: u64) -> Result<(), SubmitError> {
        let (key, key_len) = message.key.map_or((null(), 0), |key| (key.as_ptr().cast::<c_void>(), key.len()));
        if let Some(stamp) = message.stamp_header {
            return self.submit_with_header(message, tag, (key, key_len), stamp);
        }
        // SAFETY: topic and client are alive; librdkafka copies key and value before it returns (RD_KAFKA_MSG_F_COPY),
        // and never writes through the value's pointer. The tag travels as an integer in the opaque pointer.
        let code = unsafe {
            rd_kafka_produce(
                self.topic.0.as_ptr(),
                message.partition,
                RD_KAFKA_MSG_F_COPY,
                message.value.as_ptr().cast_mut().cast(),
                message.value.len(),
                key,
                key_len,
                tag as *mut c_void,
            )
        };
        if code == 0 {
            return Ok(());
        }
        // SAFETY: reads the calling thread's last error.
        let error = client_error(unsafe { rd_kafka_last_error() });
        Err(refusal(self.client.as_ptr(), error))
    }

    fn submit_with_header(
        &mut self,
        message: &Outgoing<'_>,
        tag: u64,
        (key, key_len): (*const c_void, usize),
        stamp: &[u8],
    ) -> Result<(), SubmitError> {
        use rd_kafka_vtype_t::*;
        let memory = |ptr: *const c_void, size| rd_kafka_vu_s__bindgen_ty_1 {
            mem: rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: ptr.cast_mut(), size },
        };
        let header = rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_2 {
            name: self.stamp_header.as_ptr(),
            val: stamp.as_ptr().cast(),
            size: stamp.len() as isize,
        };
        let arguments = [
            rd_kafka_vu_s { vtype: RD_KAFKA_VTYPE_RKT, u: rd_kafka_vu_s__bindgen_ty_1 { rkt: self.topic.0.as_ptr() } },
            rd_kafka_vu_s {
                vtype: RD_KAFKA_VTYPE_PARTITION,
                u: rd_kafka_vu_s__bindgen_ty_1 { i32_: message.partition },
            },
            rd_kafka_vu_s { vtype: RD_KAFKA_VTYPE_MSGFLAGS, u: rd_kafka_vu_s__bindgen_ty_1 { i: RD_KAFKA_MSG_F_COPY } },
            rd_kafka_vu_s { vtype: RD_KAFKA_VTYPE_KEY, u: memory(key, key_len) },
            rd_kafka_vu_s {
                vtype: RD_KAFKA_VTYPE_VALUE,
                u: memory(message.value.as_ptr().cast(), message.value.len()),
            },
            rd_kafka_vu_s { vtype: RD_KAFKA_VTYPE_HEADER, u: rd_kafka_vu_s__bindgen_ty_1 { header } },
            rd_kafka_vu_s { vtype: RD_KAFKA_VTYPE_OPAQUE, u: rd_kafka_vu_s__bindgen_ty_1 { ptr: tag as *mut c_void } },
        ];
        // SAFETY: each union holds the member that its type names; key, value and header are copied before the call
        // returns; the error, if any, is ours.
        unsafe { take_error(rd_kafka_produceva(self.client.as_ptr(), arguments.as_ptr(), arguments.len())) }
            .map_err(|error| refusal(self.client.as_ptr(), error))
    }

    /// Waits until librdkafka has something to say or `wait` has passed, then serves the callbacks.
    pub(in super::super) fn poll(&mut self, wait: Duration) {
        if !wait.is_zero() {
            let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
            let mut descriptors = [PollFd::new(&self.wake, PollFlags::IN)];
            // An interrupted wait is a short wait.
            if matches!(poll(&mut descriptors, Some(&timeout)), Ok(ready) if ready > 0) {
                // Reset before the queue is served: what arrives after this signals again.
                let _ = rustix::io::read(self.wake.as_fd(), &mut [0; 8]);
            }
        }
        // SAFETY: the client is alive; callbacks write to the inbox, to which nobody holds a reference now.
        unsafe { rd_kafka_poll(self.client.as_ptr(), 0) };
    }

    /// Lets what is queued leave at once, for at most `wait`, serving callbacks meanwhile.
    pub(in super::super) fn flush(&mut self, wait: Duration) {
        let deadline = Instant::now() + wait;
        while self.in_flight() > 0 && Instant::now() < deadline {
            // SAFETY: as in `poll`.
            unsafe { rd_kafka_flush(self.client.as_ptr(), 50) };
        }
    }

    /// Gives every message up that is queued or in flight.
    pub(in super::super) fn purge(&mut self) {
        // SAFETY: the client is alive; the reports are served by the next poll.
        unsafe { rd_kafka_purge(self.client.as_ptr(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT) };
        self.flush(Duration::from_secs(5));
    }

    /// Messages, and events not served yet.
    pub(in super::super) fn in_flight(&self) -> usize {
        // SAFETY: the client is alive.
        usize::try_from(unsafe { rd_kafka_outq_len(self.client.as_ptr()) }).unwrap_or(0)
    }

    pub(in super::super) fn completions(&mut self) -> std::vec::Drain<'_, Completion> {
        self.inbox.get_mut().completions.drain(..)
    }

    pub(in super::super) fn take_errors(&mut self) -> Vec<ClientError> {
        std::mem::take(&mut self.inbox.get_mut().errors)
    }

    pub(in super::super) fn take_statistics(&mut self) -> Option<String> {
        self.inbox.get_mut().statistics.take()
    }
}

fn refusal(client: *mut rd_kafka_t, error: ClientError) -> SubmitError {
    match error.code {
        ClientError::LOCAL_QUEUE_FULL => SubmitError::QueueFull,
        // SAFETY: the owner of the client calls this.
        _ => SubmitError::Refused(unsafe { cause(client, error) }),
    }
}

/// What stands behind "fatal error"; any other error as it is.
///
/// # Safety
/// The client is alive.
unsafe fn cause(client: *mut rd_kafka_t, error: ClientError) -> ClientError {
    if error.code != ClientError::LOCAL_FATAL {
        return error;
    }
    let mut text = [0; 512];
    // SAFETY: the client is alive and the buffer's length is given; the text is NUL-terminated.
    unsafe {
        let code = rd_kafka_fatal_error(client, text.as_mut_ptr(), text.len());
        client_error_with_reason(code as i32, text.as_ptr())
    }
}

unsafe extern "C" fn on_delivery(client: *mut rd_kafka_t, message: *const rd_kafka_message_t, opaque: *mut c_void) {
    // SAFETY: librdkafka lends the message for the call; the opaque is the inbox, which outlives the client and to
    // which no other reference exists while callbacks are served.
    let (message, status, inbox) =
        unsafe { (&*message, rd_kafka_message_status(message), &mut *opaque.cast::<Inbox>()) };
    let acknowledged = message.err == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
    let outcome = match status {
        _ if acknowledged => Outcome::Acked { partition: message.partition, offset: inbox.offset(message) },
        rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED => Outcome::Failed,
        _ => Outcome::Unknown,
    };
    inbox.completions.push(Completion {
        tag: message._private as u64,
        outcome,
        // SAFETY: the client is alive while it calls back.
        error: (!acknowledged).then(|| unsafe { cause(client, client_error(message.err)) }),
    });
}

unsafe extern "C" fn on_error(client: *mut rd_kafka_t, code: c_int, reason: *const c_char, opaque: *mut c_void) {
    // SAFETY: the client is alive, and the reason NUL-terminated, for the time of the call.
    let error = unsafe { cause(client, client_error_with_reason(code, reason)) };
    // SAFETY: as in `on_delivery`.
    unsafe { (*opaque.cast::<Inbox>()).errors.push(error) };
}

unsafe extern "C" fn on_statistics(_: *mut rd_kafka_t, json: *mut c_char, _: usize, opaque: *mut c_void) -> c_int {
    // SAFETY: the document is NUL-terminated for the time of the call; the inbox as in `on_delivery`.
    unsafe { (*opaque.cast::<Inbox>()).statistics = Some(CStr::from_ptr(json).to_string_lossy().into_owned()) };
    0
}

//! Counters that anyone may read and any thread may raise: plain relaxed atomics, one set per broker.
//!
//! They are figures, not synchronisation: nothing in the broker decides by them.

use std::sync::atomic::{AtomicU64, Ordering};

/// A value that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `by`.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// The value now.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value that goes up and down; never below 0 if what is subtracted was added before.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Adds `by`.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// Takes away `by`, which was added before.
    pub fn subtract(&self, by: u64) {
        self.0.fetch_sub(by, Ordering::Relaxed);
    }

    /// The value now.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The broker's figures.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Connections open now.
    pub connections_open: Gauge,
    /// Connections ever accepted.
    pub connections_accepted: Counter,
    /// Connections that we closed for a cause: broken input, a time-out, a limit.
    pub connections_closed_for_cause: Counter,
    /// Request frames read completely.
    pub frames_in: Counter,
    /// Bytes read from clients.
    pub bytes_in: Counter,
    /// Calls of `recv(2)` that returned bytes.
    pub read_calls: Counter,
    /// Bytes of request frames in memory now, above what each connection has for itself.
    pub bytes_in_flight: Gauge,
    /// Bytes sent from user space.
    pub bytes_out_copied: Counter,
    /// Calls of `sendmsg(2)`.
    pub write_calls: Counter,
    /// Bytes sent from the page cache.
    pub bytes_out_sendfile: Counter,
    /// Calls of `sendfile(2)`.
    pub sendfile_calls: Counter,
    /// Pieces of regions that were not in the page cache and were brought in by the pool.
    pub cold_regions: Counter,
    /// Fetch requests served.
    pub fetch_requests: Counter,
    /// Produce requests served.
    pub produce_requests: Counter,
    /// Record batches appended.
    pub produce_batches: Counter,
    /// Bytes of record batches appended.
    pub produce_bytes: Counter,
    /// Responses that carried an error code.
    pub errors: Counter,
}

impl Metrics {
    /// Writes the figures to the log, on one line: which way how many bytes went, and in how many calls and batches.
    pub fn log(&self) {
        tracing::info!(
            connections = self.connections_accepted.value(),
            connections_open = self.connections_open.value(),
            closed_for_cause = self.connections_closed_for_cause.value(),
            requests = self.frames_in.value(),
            bytes_in = self.bytes_in.value(),
            read_calls = self.read_calls.value(),
            produce_requests = self.produce_requests.value(),
            produce_batches = self.produce_batches.value(),
            produce_bytes = self.produce_bytes.value(),
            fetch_requests = self.fetch_requests.value(),
            bytes_out_sendfile = self.bytes_out_sendfile.value(),
            sendfile_calls = self.sendfile_calls.value(),
            bytes_out_copied = self.bytes_out_copied.value(),
            write_calls = self.write_calls.value(),
            cold_regions = self.cold_regions.value(),
            errors = self.errors.value(),
            "served"
        );
    }
}

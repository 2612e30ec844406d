//! Sockets: a listener, one task a connection, frames in, replies out.
//!
//! A connection's requests are answered in order: the next one is handled once the reply to the previous one is queued,
//! and replies to requests that arrived together leave together. While a request waits (a long poll, a rebalance), what
//! was queued before it is sent, and the client is watched: a reset drops the request, an orderly end of its sending
//! side gives the request [`NetSettings::half_closed_timeout`] to finish.
//!
//! # Memory
//!
//! An idle connection has no buffer. A busy one has up to two buffers of 16 KiB for itself; whatever a longer frame
//! takes is charged to one budget for all connections, as the bytes arrive and not as they are claimed. So request frames
//! take at most `max_bytes_in_flight + max_frame_bytes + 32 KiB × max_connections` bytes.
//!
//! Replies are not charged: the budget is what requests wait for, and a client that does not read would make all others
//! wait with it for [`NetSettings::write_stall_timeout`]. A connection queues less than 256 KiB of replies
//! (`send::PIECE_BYTES`), and on top of that one reply, whatever its size; then it sends before it reads on. Records are
//! not in it, they go from the page cache; what is in memory is what the service builds: large only where the answer
//! names every topic, partition, setting, group or offset there is. So clients that ask for it and do not read hold at most
//! `max_connections × (256 KiB + the largest such reply)` bytes, until the time-out.
//!
//! Readers that hold part of a frame and wait for the budget cannot block each other for ever: one at a time may
//! overdraw it to finish its frame. While anybody waits, readers that hold budget and whose clients are slow are closed
//! ([`frames`]); requests that fit the connection's own buffer never wait.
//!
//! # Who holds what
//!
//! Everything about a connection belongs to its task; tasks share the service, the budget, the pool for cold reads,
//! counters, and the rate of log lines. No lock is held across an await.
//!
//! This room knows the four bytes of a frame's length and hands the rest to [`crate::protocol`]; it knows nothing of
//! Kafka past the request's header.

mod budget;
mod cause;
mod connection;
mod frames;
mod listener;
mod residency;
mod send;
mod watchdog;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::Duration;

use crate::api::reply::{Outcome, Peer};
use crate::protocol::Request;

pub use listener::Listener;

/// Answers requests; implemented by [`crate::server`] for [`crate::api`], and by tests.
pub trait Service: Send + Sync + 'static {
    /// Answers one request. Dropped without an answer when the client is gone.
    fn call(&self, request: Request, peer: &Peer) -> impl Future<Output = Outcome> + Send;
}

/// What bounds the connections, by Kafka's names where Kafka has one.
#[derive(Debug, Clone)]
pub struct NetSettings {
    /// `socket.request.max.bytes`: the longest frame that is accepted, in bytes.
    pub max_frame_bytes: usize,
    /// `queued.max.request.bytes`: bytes of request frames in memory over all connections, past what each has for
    /// itself.
    pub max_bytes_in_flight: usize,
    /// `max.connections`: connections open at a time; one more is closed at once.
    pub max_connections: usize,
    /// `connections.max.idle.ms`: how long a connection may stay without a request.
    pub idle_timeout: Duration,
    /// `socket.send.buffer.bytes`; `None` lets the system size it as it goes.
    pub send_buffer_bytes: Option<usize>,
    /// `socket.receive.buffer.bytes`; `None` lets the system size it as it goes.
    pub receive_buffer_bytes: Option<usize>,
    /// How long a client may stop inside a frame.
    pub read_stall_timeout: Duration,
    /// How long a client may stop reading its reply. Long, since Kafka's Java consumer reads its socket only in
    /// `poll()`, and may stay away for `max.poll.interval.ms` (5 minutes).
    pub write_stall_timeout: Duration,
    /// How long a request in progress goes on after its client has shut down its sending side.
    pub half_closed_timeout: Duration,
    /// How long requests in progress may take to finish after the listener was told to stop.
    pub shutdown_timeout: Duration,
}

impl Default for NetSettings {
    fn default() -> Self {
        NetSettings {
            max_frame_bytes: 100 << 20,
            max_bytes_in_flight: 256 << 20,
            max_connections: 10_000,
            idle_timeout: Duration::from_secs(600),
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
            read_stall_timeout: Duration::from_secs(30),
            write_stall_timeout: Duration::from_secs(600),
            half_closed_timeout: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

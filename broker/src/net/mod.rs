//! Sockets: a listener, one task a connection, frames in, replies out.
//!
//! This room knows the four bytes of a frame's length and hands the rest to [`crate::protocol`]; it knows nothing of
//! Kafka past the request's header.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::api::reply::{Outcome, Peer};
use crate::background::pool::Pool;
use crate::metrics::Metrics;
use crate::protocol::Request;

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
    /// `queued.max.request.bytes`: bytes of request frames in memory, over all connections. See [`crate::net`].
    pub max_bytes_in_flight: usize,
    /// `max.connections`: connections open at a time; one more is closed at once.
    pub max_connections: usize,
    /// `connections.max.idle.ms`: how long a connection may stay without a request.
    pub idle_timeout: Duration,
    /// How long a client may stop inside a frame.
    pub read_stall_timeout: Duration,
    /// How long a client may stop reading its reply.
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
            read_stall_timeout: Duration::from_secs(30),
            write_stall_timeout: Duration::from_secs(600),
            half_closed_timeout: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

/// A bound socket that accepts connections once it is served.
#[derive(Debug)]
pub struct Listener {
    _settings: NetSettings,
}

impl Listener {
    /// Binds and listens. Port 0 picks a free one. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// What `bind(2)` and `listen(2)` say.
    pub fn bind(_address: SocketAddr, _settings: NetSettings) -> io::Result<Listener> {
        panic!("being built")
    }

    /// The address that it is bound to.
    pub fn address(&self) -> SocketAddr {
        panic!("being built")
    }

    /// Serves connections until `stop` is ready; then accepts no more, lets requests in progress finish within
    /// [`NetSettings::shutdown_timeout`], and returns when every connection is closed. `cold_reads` is where regions
    /// that are not in the page cache are brought in.
    pub async fn serve<S: Service>(
        self,
        _service: Arc<S>,
        _metrics: Arc<Metrics>,
        _cold_reads: Pool,
        _stop: impl Future<Output = ()> + Send,
    ) {
        panic!("being built")
    }
}

//! Accepts connections, as many as may be open, and ends them when told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::budget::Budget;
use super::cause::{Cause, CauseLog};
use super::connection::{self, Shared};
use super::{NetSettings, Service};
use crate::api::reply::Peer;
use crate::background::pool::Pool;
use crate::metrics::Metrics;

/// Connections that the kernel may have accepted before we do; it caps this at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// How long to wait when accepting fails for lack of descriptors or memory, which only others can give back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket that accepts connections once it is served.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    settings: NetSettings,
}

impl Listener {
    /// Binds and listens. Port 0 picks a free one. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// What `setsockopt(2)`, `bind(2)` and `listen(2)` say.
    pub fn bind(address: SocketAddr, settings: NetSettings) -> io::Result<Listener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        // Connections inherit these. A receive buffer past 64 KiB only counts if it is set before `listen(2)`.
        if let Some(size_bytes) = settings.send_buffer_bytes {
            socket.set_send_buffer_size(size_bytes)?;
        }
        if let Some(size_bytes) = settings.receive_buffer_bytes {
            socket.set_recv_buffer_size(size_bytes)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from_std(socket.into())?;
        let address = socket.local_addr()?;
        Ok(Listener { socket, address, settings })
    }

    /// The address that it is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves connections until `stop` is ready; then accepts no more, lets requests in progress finish within
    /// [`NetSettings::shutdown_timeout`], and returns when every connection is closed. `cold_reads` is where regions
    /// that are not in the page cache are brought in.
    pub async fn serve<S: Service>(
        self,
        service: Arc<S>,
        metrics: Arc<Metrics>,
        cold_reads: Pool,
        stop: impl Future<Output = ()> + Send,
    ) {
        let Listener { socket, settings, .. } = self;
        let shutdown_timeout = settings.shutdown_timeout;
        let budget = Budget::new(settings.max_bytes_in_flight, Arc::clone(&metrics));
        let shared = Arc::new(Shared { service, settings, metrics, budget, cold_reads, causes: CauseLog::new() });
        let (stopping, stopped) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(ended) = connections.join_next() => report_panic(ended),
                accepted = socket.accept() => match accepted {
                    Ok((stream, remote)) => admit(stream, remote, &shared, &stopped, &mut connections),
                    Err(error) => {
                        tracing::warn!("cannot accept connections: {error}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(socket);
        let _ = stopping.send(()); // fails if there is no connection to tell
        let finish = async {
            while let Some(ended) = connections.join_next().await {
                report_panic(ended);
            }
        };
        if tokio::time::timeout(shutdown_timeout, finish).await.is_err() {
            tracing::warn!("{} connections had requests in progress after {shutdown_timeout:?}", connections.len());
            connections.shutdown().await;
        }
    }
}

/// Starts the task of a new connection, unless there are too many.
fn admit<S: Service>(
    stream: TcpStream,
    remote: SocketAddr,
    shared: &Arc<Shared<S>>,
    stopped: &watch::Receiver<()>,
    connections: &mut JoinSet<()>,
) {
    shared.metrics.connections_accepted.increment();
    // Both fail only if the client is gone already.
    let (Ok(()), Ok(local)) = (stream.set_nodelay(true), stream.local_addr()) else { return };
    let peer = Peer { remote, local };
    let limit = shared.settings.max_connections;
    if connections.len() >= limit {
        shared.causes.closed(&peer, &Cause::TooManyConnections { limit }, &shared.metrics);
        return;
    }
    let open = Open::new(Arc::clone(&shared.metrics));
    let serve = connection::serve(stream, peer, Arc::clone(shared), stopped.clone());
    connections.spawn(async move {
        let _open = open;
        serve.await;
    });
}

/// A bug in a handler ends its connection, and nothing else.
fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection's task panicked: {error}");
    }
}

/// Counts an open connection for as long as it lives.
struct Open(Arc<Metrics>);

impl Open {
    fn new(metrics: Arc<Metrics>) -> Self {
        metrics.connections_open.add(1);
        Open(metrics)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections_open.subtract(1);
    }
}

//! One connection: read a frame, let the service answer it, send the reply; in order, until one side ends it.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::budget::{Budget, Charge};
use super::cause::{Cause, CauseLog};
use super::frames::FrameReader;
use super::send::{Outbox, PIECE_BYTES, Way};
use super::watchdog::Watchdog;
use super::{NetSettings, Service};
use crate::api::reply::{Outcome, Peer};
use crate::background::pool::Pool;
use crate::metrics::Metrics;
use crate::protocol::Request;

/// Replies that wait for one flush, at most.
const MAX_QUEUED_REPLIES: usize = 64;
/// What a client must send for its read time-out to start anew: one byte now and then is not progress.
const PROGRESS_BYTES: usize = 4 << 10;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared<S> {
    pub(super) service: Arc<S>,
    pub(super) settings: NetSettings,
    pub(super) metrics: Arc<Metrics>,
    pub(super) budget: Arc<Budget>,
    pub(super) cold_reads: Pool,
    pub(super) causes: CauseLog,
}

/// Serves a connection to its end, and says why it ended. Ends between two requests once `stop` changes.
pub(super) async fn serve<S: Service>(
    stream: TcpStream,
    peer: Peer,
    shared: Arc<Shared<S>>,
    stop: watch::Receiver<()>,
) {
    let reader = FrameReader::new(
        Charge::new(Arc::clone(&shared.budget)),
        shared.settings.max_frame_bytes,
        Arc::clone(&shared.metrics),
    );
    let watchdog = Watchdog::new(shared.settings.idle_timeout);
    let mut connection = Connection { stream, peer, reader, outbox: Outbox::default(), watchdog, stop, shared };
    if let Err(cause) = connection.run().await {
        if cause.leaves_socket_usable() {
            // What fails here is not the reason why the connection ends.
            let _ = connection.flush().await;
        }
        let shared = &connection.shared;
        shared.causes.closed(&connection.peer, &cause, &shared.metrics);
    }
}

struct Connection<S> {
    stream: TcpStream,
    peer: Peer,
    reader: FrameReader,
    outbox: Outbox,
    watchdog: Watchdog,
    stop: watch::Receiver<()>,
    shared: Arc<Shared<S>>,
}

impl<S: Service> Connection<S> {
    async fn run(&mut self) -> Result<(), Cause> {
        while let Some(request) = self.next_request().await? {
            self.answer(request).await?;
            self.reader.release();
            if self.outbox.replies() >= MAX_QUEUED_REPLIES || self.outbox.bytes() >= PIECE_BYTES {
                self.flush().await?;
                tokio::task::yield_now().await;
            }
        }
        self.flush().await
    }

    /// The next request, after everything owed was sent if it is not there yet; `None` at the end of the connection.
    async fn next_request(&mut self) -> Result<Option<Request>, Cause> {
        if self.stop.has_changed().unwrap_or(true) {
            return Ok(None);
        }
        if let Some(frame) = self.reader.buffered()? {
            return Ok(Some(Request::parse(frame)?));
        }
        self.flush().await?;
        self.arm_read_deadline();
        let mut progress_from = self.reader.pending_bytes();
        loop {
            let has_grown = tokio::select! {
                biased;
                has_grown = self.reader.make_room() => has_grown?,
                _ = self.stop.changed() => return Ok(None),
            };
            if has_grown {
                // The client is not to blame for the wait.
                self.arm_read_deadline();
            }
            let settings = &self.shared.settings;
            tokio::select! {
                biased;
                read = self.reader.read(&mut self.stream) => read?,
                _ = self.stop.changed() => return Ok(None),
                () = self.watchdog.expired() => return Err(match self.reader.pending_bytes() {
                    0 => Cause::Idle(settings.idle_timeout),
                    got => Cause::ReadStalled { after: settings.read_stall_timeout, got },
                }),
            }
            if let Some(frame) = self.reader.buffered()? {
                return Ok(Some(Request::parse(frame)?));
            }
            let got = self.reader.pending_bytes();
            if self.reader.is_at_end() {
                return if got == 0 { Ok(None) } else { Err(Cause::EndInsideFrame { got }) };
            }
            if progress_from == 0 || got >= progress_from + PROGRESS_BYTES {
                progress_from = got;
                self.arm_read_deadline();
            }
        }
    }

    fn arm_read_deadline(&mut self) {
        let settings = &self.shared.settings;
        self.watchdog.arm(match self.reader.pending_bytes() {
            0 => settings.idle_timeout,
            _ => settings.read_stall_timeout,
        });
    }

    /// Lets the service answer, and queues the reply. If that takes time, what was queued before is sent meanwhile, and
    /// the client is watched.
    async fn answer(&mut self, request: Request) -> Result<(), Cause> {
        let shared = Arc::clone(&self.shared);
        let peer = self.peer;
        let mut call = pin!(shared.service.call(request, &peer));
        let outcome = match poll_once(call.as_mut()).await {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                self.flush().await?;
                tokio::select! {
                    biased;
                    outcome = call => outcome,
                    gone = client_gone(&mut self.stream, &mut self.reader, shared.settings.half_closed_timeout) => {
                        return Err(Cause::Gone(gone));
                    }
                }
            }
        };
        match outcome {
            Outcome::Reply(reply) => self.outbox.push(reply),
            Outcome::NoReply => {}
            Outcome::Close(reason) => return Err(Cause::Service(reason)),
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Cause> {
        let mut way = Way {
            stream: &self.stream,
            watchdog: &mut self.watchdog,
            stall_timeout: self.shared.settings.write_stall_timeout,
            cold_reads: &self.shared.cold_reads,
            metrics: &self.shared.metrics,
        };
        self.outbox.flush(&mut way).await
    }
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Ready once nobody waits for an answer any more: after a reset at once, after an orderly end of the client's sending
/// side when `half_closed_timeout` has passed, since the client may still read. Requests that arrive meanwhile are read
/// ahead, as far as the connection's own buffer goes, because an end comes only after them.
async fn client_gone(stream: &mut TcpStream, reader: &mut FrameReader, half_closed_timeout: Duration) -> io::Error {
    while !reader.is_at_end() && reader.has_own_room() {
        if let Err(error) = reader.read_ahead(stream).await {
            return error;
        }
    }
    let reset = stream.ready(Interest::ERROR);
    if !reader.is_at_end() {
        return reset.await.err().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into());
    }
    match tokio::time::timeout(half_closed_timeout, reset).await {
        Ok(_) => io::ErrorKind::ConnectionReset.into(),
        Err(_) => io::Error::new(io::ErrorKind::TimedOut, "a request outlasted its client's sending side"),
    }
}

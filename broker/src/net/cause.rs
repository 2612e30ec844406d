//! Why a connection is closed, and the one log line that says so.

use std::borrow::Cow;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::api::reply::Peer;
use crate::metrics::Metrics;
use crate::protocol::RequestError;

/// Why a connection is closed from our side.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cause {
    /// The client went away; the ordinary end of a connection.
    #[error("the client is gone: {0}")]
    Gone(#[from] io::Error),
    /// No request for a long time, as Kafka closes too.
    #[error("idle for {0:?}")]
    Idle(Duration),
    #[error("a frame claims {claimed} bytes; at most {limit} are accepted (socket.request.max.bytes)")]
    FrameTooLong { claimed: i32, limit: usize },
    #[error("a frame claims {claimed} bytes")]
    NegativeLength { claimed: i32 },
    #[error("the client closed its side {got} bytes into a frame")]
    EndInsideFrame { got: usize },
    #[error("the client stopped for {after:?}, {got} bytes into a frame")]
    ReadStalled { after: Duration, got: usize },
    #[error("the client is slow, {got} bytes into a frame, while others wait for memory (queued.max.request.bytes)")]
    SlowUnderPressure { got: usize },
    #[error("the client stopped reading for {after:?} with {left} bytes of its replies unsent")]
    WriteStalled { after: Duration, left: usize },
    #[error("a region of a segment file ends {missing} bytes early")]
    RegionTruncated { missing: usize },
    #[error("{limit} connections are open (max.connections)")]
    TooManyConnections { limit: usize },
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("{0}")]
    Service(Cow<'static, str>),
}

impl Cause {
    /// The ordinary ends of a connection are not worth a line.
    fn is_ordinary(&self) -> bool {
        matches!(self, Cause::Gone(_) | Cause::Idle(_))
    }

    /// Whether replies to earlier requests can still be sent.
    pub(super) fn leaves_socket_usable(&self) -> bool {
        !matches!(self, Cause::Gone(_) | Cause::WriteStalled { .. } | Cause::RegionTruncated { .. })
    }
}

/// Lines a second at most; what is left out is counted in the next line.
const LINES_PER_SECOND: u32 = 10;

/// Says why connections are closed, at a bounded rate: thousands of hostile clients must not fill the disk either.
#[derive(Debug)]
pub(super) struct CauseLog {
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl CauseLog {
    pub(super) fn new() -> CauseLog {
        CauseLog { window: Mutex::new(Window { since: Instant::now(), lines: 0, suppressed: 0 }) }
    }

    /// Counts the close and, unless it is an ordinary one, says it.
    pub(super) fn closed(&self, peer: &Peer, cause: &Cause, metrics: &Metrics) {
        if cause.is_ordinary() {
            tracing::debug!(peer = %peer.remote, "connection closed: {cause}");
            return;
        }
        metrics.connections_closed_for_cause.increment();
        match self.admit(Instant::now()) {
            None => {}
            Some(0) => tracing::warn!(peer = %peer.remote, "connection closed: {cause}"),
            Some(suppressed) => {
                tracing::warn!(peer = %peer.remote, suppressed, "connection closed: {cause}");
            }
        }
    }

    /// Whether a line may be written now, and how many were left out before it.
    fn admit(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(window.since) >= Duration::from_secs(1) {
            window.since = now;
            window.lines = 0;
        }
        if window.lines == LINES_PER_SECOND {
            window.suppressed += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_over_the_rate_are_left_out_and_counted_in_the_next() {
        let log = CauseLog::new();
        let start = Instant::now();
        let admitted = (0..25).filter(|_| log.admit(start).is_some()).count();
        assert_eq!(admitted, 10);
        assert_eq!(log.admit(start + Duration::from_secs(2)), Some(15));
        assert_eq!(log.admit(start + Duration::from_secs(2)), Some(0));
    }
}

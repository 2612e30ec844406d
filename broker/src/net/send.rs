//! Replies into a socket: heads by `sendmsg(2)` with `MSG_MORE`, regions by `sendfile(2)`.
//!
//! Record bytes stay in the page cache, however few they are. Replies without regions leave in one call; replies with
//! regions take several, and the socket is corked meanwhile, or each region would leave, and wake the client, on its own.
//! After [`PIECE_BYTES`] the other connections of the thread get their turn.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::cause::Cause;
use super::residency;
use super::watchdog::Watchdog;
use crate::api::reply::{Part, Reply};
use crate::background::pool::Pool;
use crate::metrics::Metrics;
use crate::region::FileRegion;

/// What is sent before others get their turn, and the unit in which residency is decided, in bytes.
pub(super) const PIECE_BYTES: usize = 256 << 10;
/// Slices in one `sendmsg(2)`.
const MAX_SLICES: usize = 64;
/// What a client must have read for its write time-out to start anew: one byte now and then is not progress.
const PROGRESS_BYTES: usize = 64 << 10;

/// What an [`Outbox`] sends through.
#[derive(Debug)]
pub(super) struct Way<'a> {
    pub(super) stream: &'a TcpStream,
    pub(super) watchdog: &'a mut Watchdog,
    pub(super) stall_timeout: Duration,
    pub(super) cold_reads: &'a Pool,
    pub(super) metrics: &'a Metrics,
}

/// Replies that were not sent yet, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    parts: VecDeque<Part>,
    replies: usize,
    bytes: usize,
    /// How much of the first region may be sent without waiting for the disk.
    resident_bytes: usize,
}

impl Outbox {
    pub(super) fn push(&mut self, reply: Reply) {
        self.replies += 1;
        self.bytes += reply.parts.iter().map(Part::len).sum::<usize>();
        self.parts.extend(reply.parts.into_iter().filter(|part| !part.is_empty()));
    }

    /// Replies waiting.
    pub(super) fn replies(&self) -> usize {
        self.replies
    }

    /// Bytes waiting, regions included.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sends everything.
    ///
    /// # Errors
    /// The socket's; a client that does not read; a region that is not in its file any more.
    pub(super) async fn flush(&mut self, way: &mut Way<'_>) -> Result<(), Cause> {
        let mut patience = Patience::default();
        let mut turn_bytes = 0;
        let mut cork = Cork::default();
        if self.parts.iter().any(|part| matches!(part, Part::Region(_))) {
            cork.set(way, true);
        }
        while !self.parts.is_empty() {
            self.make_resident(way, patience.is_tried()).await;
            match self.send_some(way) {
                Ok(0) => return Err(Cause::RegionTruncated { missing: self.first_region().map_or(0, |it| it.len) }),
                Ok(sent) => {
                    self.bytes -= sent;
                    patience.progress(sent);
                    turn_bytes += sent;
                    if turn_bytes >= PIECE_BYTES {
                        turn_bytes = 0;
                        tokio::task::yield_now().await;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // What is in the socket must leave, or there may never be room.
                    cork.set(way, false);
                    patience.wait_writable(way, self.bytes).await?;
                    turn_bytes = 0;
                }
                Err(error) => return Err(Cause::Gone(error)),
            }
        }
        cork.set(way, false);
        self.replies = 0;
        Ok(())
    }

    /// The region that the next calls will come to.
    fn first_region(&self) -> Option<&FileRegion> {
        self.parts.iter().take(MAX_SLICES + 1).find_map(|part| match part {
            Part::Region(region) => Some(region),
            Part::Bytes(_) => None,
        })
    }

    /// Sees to it that the next piece of the next region is in the page cache, before the head in front of it leaves.
    async fn make_resident(&mut self, way: &Way<'_>, is_late: bool) {
        if self.resident_bytes > 0 {
            return;
        }
        let Some(region) = self.first_region() else { return };
        let piece_bytes = region.len.min(PIECE_BYTES);
        let is_hot = region.hot && !is_late;
        if !is_hot && !residency::is_resident(&region.file, region.position, piece_bytes) {
            way.metrics.cold_regions.increment();
            let (file, position) = (Arc::clone(&region.file), region.position);
            // If the pool fails, sending does the reading itself: slower for others, not wrong.
            let _ = way.cold_reads.run(move || residency::bring_in(&file, position, piece_bytes)).await;
        }
        self.resident_bytes = piece_bytes;
    }

    /// One call. `Ok(0)` is the end of a region's file.
    fn send_some(&mut self, way: &Way<'_>) -> io::Result<usize> {
        match self.parts.front_mut() {
            Some(Part::Region(region)) => {
                let count = self.resident_bytes.min(region.len);
                let sent = way.stream.try_io(Interest::WRITABLE, || {
                    rustix::fs::sendfile(way.stream, &*region.file, Some(&mut region.position), count)
                        .map_err(io::Error::from)
                })?;
                way.metrics.sendfile_calls.increment();
                way.metrics.bytes_out_sendfile.add(sent as u64);
                region.len -= sent;
                self.resident_bytes -= sent;
                if region.len == 0 {
                    self.parts.pop_front();
                }
                Ok(sent)
            }
            _ => self.send_bytes(way),
        }
    }

    fn send_bytes(&mut self, way: &Way<'_>) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        let mut flags = SendFlags::NOSIGNAL;
        for part in &self.parts {
            match (part, slices.get_mut(count)) {
                (Part::Bytes(bytes), Some(slice)) => *slice = IoSlice::new(bytes),
                (Part::Bytes(_), None) => break,
                (Part::Region(_), _) => {
                    flags |= SendFlags::MORE;
                    break;
                }
            }
            count += 1;
        }
        let sent = way.stream.try_io(Interest::WRITABLE, || {
            rustix::net::sendmsg(way.stream, &slices[..count], &mut SendAncillaryBuffer::default(), flags)
                .map_err(io::Error::from)
        })?;
        way.metrics.write_calls.increment();
        way.metrics.bytes_out_copied.add(sent as u64);
        let mut rest = sent;
        while let Some(Part::Bytes(bytes)) = self.parts.front_mut() {
            if rest < bytes.len() {
                bytes.advance(rest);
                break;
            }
            rest -= bytes.len();
            self.parts.pop_front();
        }
        Ok(sent)
    }
}

/// Whether the socket keeps back what does not fill a segment.
#[derive(Debug, Default)]
struct Cork {
    is_in: bool,
}

impl Cork {
    fn set(&mut self, way: &Way<'_>, is_in: bool) {
        if self.is_in != is_in {
            // It fails on a socket that is of no use any more, which sending will find out.
            let _ = rustix::net::sockopt::set_tcp_cork(way.stream, is_in);
            self.is_in = is_in;
        }
    }
}

/// How long a client that does not read is waited for.
#[derive(Debug, Default)]
struct Patience {
    /// What was sent since the deadline was set; `None` as long as the socket took everything.
    progress: Option<usize>,
}

impl Patience {
    /// Whether the socket was waited for already.
    fn is_tried(&self) -> bool {
        self.progress.is_some()
    }

    fn progress(&mut self, sent: usize) {
        self.progress = self.progress.map(|progress| progress + sent);
    }

    async fn wait_writable(&mut self, way: &mut Way<'_>, left: usize) -> Result<(), Cause> {
        if self.progress.is_none_or(|progress| progress >= PROGRESS_BYTES) {
            way.watchdog.arm(way.stall_timeout);
            self.progress = Some(0);
        }
        tokio::select! {
            biased;
            writable = way.stream.writable() => Ok(writable?),
            () = way.watchdog.expired() => Err(Cause::WriteStalled { after: way.stall_timeout, left }),
        }
    }
}

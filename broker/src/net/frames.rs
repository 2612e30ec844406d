//! Frames out of a socket: `length i32 | that many bytes`, read with few calls and without copies.
//!
//! A read asks for as much as the buffer holds; every complete frame in it is split off as a slice. A long frame gets
//! room in steps that double with what has arrived, so that a claimed length alone takes no memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::budget::Charge;
use super::cause::Cause;
use crate::metrics::Metrics;

/// What a connection may buffer without being charged.
const OWN_BYTES: usize = 16 << 10;
/// The smallest buffer.
const MIN_CAPACITY: usize = 4 << 10;
/// The first step of a long frame, and the most that is reserved in the hope of a frame as long as the last one.
const FIRST_STEP: usize = 256 << 10;
/// Room past the end of a frame. A read that does not fill its buffer tells tokio that the socket is drained, which
/// saves the call that would find that out.
const SLACK: usize = 512;
/// How long a reader that holds budget may be slow while others wait for it.
const PRESSURE_WINDOW: Duration = Duration::from_secs(1);
/// What a reader that holds budget must get in that time.
const PRESSURE_FLOOR: usize = 64 << 10;

/// The receiving half of a connection.
#[derive(Debug)]
pub(super) struct FrameReader {
    buffer: BytesMut,
    /// For all memory of this connection past [`OWN_BYTES`].
    charge: Charge,
    max_frame_bytes: usize,
    /// Length of the last frame, as a guess at the next.
    typical_len: usize,
    is_at_end: bool,
    pace: Pace,
    metrics: Arc<Metrics>,
}

/// What arrived since when, for a reader under pressure.
#[derive(Debug)]
struct Pace {
    since: Instant,
    bytes: usize,
}

impl Pace {
    fn start() -> Pace {
        Pace { since: Instant::now(), bytes: 0 }
    }
}

impl FrameReader {
    pub(super) fn new(charge: Charge, max_frame_bytes: usize, metrics: Arc<Metrics>) -> FrameReader {
        FrameReader {
            buffer: BytesMut::new(),
            charge,
            max_frame_bytes,
            typical_len: 0,
            is_at_end: false,
            pace: Pace::start(),
            metrics,
        }
    }

    /// A frame that is there completely, without its length.
    ///
    /// # Errors
    /// A length that is negative or over the limit, as soon as it is known.
    pub(super) fn buffered(&mut self) -> Result<Option<Bytes>, Cause> {
        let Some(len) = self.claimed_len()? else { return Ok(None) };
        if self.buffer.len() < 4 + len {
            return Ok(None);
        }
        self.buffer.advance(4);
        self.typical_len = 4 + len;
        self.metrics.frames_in.increment();
        Ok(Some(self.buffer.split_to(len).freeze()))
    }

    /// Bytes of a frame that is not complete.
    pub(super) fn pending_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Whether the client has shut down its sending side and everything that it sent was read.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Whether there is room to read ahead while a request is in progress, without being charged.
    pub(super) fn has_own_room(&self) -> bool {
        self.buffer.len() < OWN_BYTES
    }

    /// If the buffer is full, waits until there is room in the budget for more of the frame. Says whether the buffer
    /// has grown. Cancel safe.
    ///
    /// # Errors
    /// A length that is negative or over the limit.
    pub(super) async fn make_room(&mut self) -> Result<bool, Cause> {
        let is_full = self.buffer.len() >= self.affordable();
        if is_full {
            let wanted = self.claimed_len()?.map_or(0, |len| 4 + len + SLACK);
            let target = wanted.min((2 * self.buffer.len()).max(FIRST_STEP));
            self.charge.grow_to(target).await;
            self.pace = Pace::start();
        }
        Ok(is_full)
    }

    /// Reads into the room there is, waiting for the first byte of a frame without a buffer. Cancel safe.
    ///
    /// # Errors
    /// A client that is slow while others wait for memory; the socket's errors.
    pub(super) async fn read(&mut self, stream: &mut TcpStream) -> Result<(), Cause> {
        if self.buffer.capacity() == 0 {
            stream.readable().await?;
            let guess = (self.typical_len + SLACK).next_power_of_two().clamp(MIN_CAPACITY, FIRST_STEP);
            if guess > OWN_BYTES && self.charge.try_grow_to(guess) {
                self.pace = Pace::start();
            }
            self.buffer.reserve(guess.min(self.affordable()));
        }
        if self.charge.bytes() == 0 {
            return Ok(self.fill(stream, OWN_BYTES).await?);
        }
        let window_end = self.pace.since + PRESSURE_WINDOW;
        let read = tokio::time::timeout_at(window_end, self.fill(stream, self.affordable())).await;
        if Instant::now() >= window_end {
            if self.pace.bytes < PRESSURE_FLOOR && self.charge.budget().is_contended() {
                return Err(Cause::SlowUnderPressure { got: self.pending_bytes() });
            }
            self.pace = Pace::start();
        }
        read.unwrap_or(Ok(())).map_err(Cause::from)
    }

    /// Reads while a request is in progress, as far as the connection's own buffer goes. Cancel safe.
    ///
    /// # Errors
    /// The socket's.
    pub(super) async fn read_ahead(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        if self.buffer.capacity() == 0 {
            stream.readable().await?;
        }
        self.fill(stream, OWN_BYTES).await
    }

    /// One read into a buffer that may hold `limit` bytes, more than it holds now.
    async fn fill(&mut self, stream: &mut TcpStream, limit: usize) -> io::Result<()> {
        let room = limit.saturating_sub(self.buffer.len());
        if self.buffer.len() == self.buffer.capacity() {
            self.buffer.reserve(room);
        }
        let got = stream.read_buf(&mut (&mut self.buffer).limit(room)).await?;
        self.is_at_end = got == 0;
        self.pace.bytes += got;
        self.metrics.read_calls.increment();
        self.metrics.bytes_in.add(got as u64);
        Ok(())
    }

    /// How many bytes the buffer may hold now.
    fn affordable(&self) -> usize {
        self.charge.bytes().max(OWN_BYTES)
    }

    /// To be called when the last frame is not in use any more: gives back memory.
    pub(super) fn release(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
            self.charge.clear();
        } else if self.charge.bytes() > 0 && self.buffer.len() <= OWN_BYTES {
            let mut own = BytesMut::with_capacity(OWN_BYTES);
            own.extend_from_slice(&self.buffer);
            self.buffer = own;
            self.charge.clear();
        }
    }

    fn claimed_len(&self) -> Result<Option<usize>, Cause> {
        let Some(claimed) = self.buffer.first_chunk().map(|length| i32::from_be_bytes(*length)) else {
            return Ok(None);
        };
        match usize::try_from(claimed) {
            Err(_) => Err(Cause::NegativeLength { claimed }),
            Ok(len) if len > self.max_frame_bytes => Err(Cause::FrameTooLong { claimed, limit: self.max_frame_bytes }),
            Ok(len) => Ok(Some(len)),
        }
    }
}

//! The seam between [`crate::api`] and [`crate::net`]: who asks, and what goes back.
//!
//! A reply is a whole frame (length, response header, body) as a sequence of parts, so that record bytes can stay in
//! the page cache: heads are bytes, records are regions of segment files.

use std::borrow::Cow;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::region::FileRegion;

/// The two ends of the connection that a request came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The client's end.
    pub remote: SocketAddr,
    /// Our end: the address the client connected to, which is also what is advertised by default.
    pub local: SocketAddr,
}

/// A piece of a reply.
#[derive(Debug, Clone)]
pub enum Part {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes of a segment file, sent without entering user space.
    Region(FileRegion),
}

impl Part {
    /// Length on the wire, in bytes.
    pub fn len(&self) -> usize {
        match self {
            Part::Bytes(bytes) => bytes.len(),
            Part::Region(region) => region.len,
        }
    }

    /// Whether the part puts nothing on the wire.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One whole response frame: the first part begins with the frame's length.
#[derive(Debug, Clone)]
pub struct Reply {
    /// In the order they are sent.
    pub parts: Vec<Part>,
}

impl From<Bytes> for Reply {
    /// A reply without regions.
    fn from(frame: Bytes) -> Self {
        Reply { parts: vec![Part::Bytes(frame)] }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Send this and go on.
    Reply(Reply),
    /// Send nothing and go on (Produce with `acks=0`).
    NoReply,
    /// Send what was owed for earlier requests, then close the connection; the reason goes to the log.
    Close(Cow<'static, str>),
}

//! A minimal, zero-copy reference broker for the Kafka protocol.
//!
//! One loop leads from a frame to its reply: [`net`] reads a frame, [`protocol`] decodes it within the bounds of the
//! bytes that are there, [`api`] translates it into calls on the rooms below, and [`net`] sends what comes back, record
//! bytes by `sendfile(2)`.
//!
//! The rooms, in the order data meets them. A room imports only from rooms below it; a test reads the `use` lines.
//!
//! | room | holds | never knows |
//! |---|---|---|
//! | [`config`], [`server`] | settings by Kafka's names; the composition root: start, stop, embedding | |
//! | [`net`] | listener, connection, frames, response order, sendfile | Kafka semantics past the header |
//! | [`protocol`] | version table, bounded decoding, the Fetch response as bytes and holes | sockets, files, state |
//! | [`api`] | one file an API: translates between the protocol and the rooms below | files, sockets |
//! | [`coordinator`] | consumer groups as a pure state machine, and the runtime that persists, then replies | protocol, net |
//! | [`topic`] | partitions: watermarks, append, read, purgatory | protocol, coordinators |
//! | [`metadata`] | topics, their settings and ids as a log of commands | partitions' data |
//! | [`log`] | segments, indexes, producer state, recovery, retention; synchronous functions | tokio, protocol, topics |
//! | [`record`] | record batches (magic 2) in place: header view, CRC-32C, iteration, builder | everything else |
//! | [`region`] | a leaf: a piece of a file that can be sent | everything else |
//! | [`replacement`] | a leaf: a file's next content, put in its place at once | everything else |
//! | [`metrics`], [`clock`], [`background`] | leaves used by all | |

pub mod api;
pub mod background;
pub mod clock;
pub mod config;
pub mod coordinator;
pub mod log;
pub mod metadata;
pub mod metrics;
pub mod net;
pub mod protocol;
pub mod record;
pub mod region;
pub mod replacement;
pub mod server;
pub mod topic;

//! Topics and their partitions: what is appended, what may be read, and who waits for it.
//!
//! [`Topics`] follows the committed metadata: it opens the partitions of a new topic, adds those of a grown one, and
//! takes a deleted one away. A [`Partition`] is a log with watermarks and a purgatory of waiting fetches ([`Wait`]).
//!
//! Watermarks of a partition, at all times:
//! `log_start_offset ≤ last_stable_offset ≤ high_watermark ≤ log_end_offset`. With one replica the high watermark
//! follows the log end offset at once; it is kept apart, and settable, so that replication can hold it back.
//!
//! Locks: the registry is published by an atomic pointer, written by the metadata's writer thread alone; a purgatory
//! has a mutex that is held for a few instructions and only taken when somebody waits there.
//!
//! This room knows neither the protocol nor the coordinators, and never waits: whoever has to, awaits a [`Wait`].

mod adoption;
mod directory;
mod maintenance;
mod opening;
mod partition;
mod purgatory;
mod registry;

pub use adoption::find_unknown_topics;
pub use opening::Opening;
pub use partition::{Isolation, Partition, PartitionError, PartitionRead};
pub use purgatory::Wait;
pub use registry::{Topic, Topics, TopicsOptions};

#[cfg(test)]
mod tests;

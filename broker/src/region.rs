//! A piece of a file that can be sent to a socket without entering user space.
//!
//! A leaf: [`crate::log`] plans regions, [`crate::api`] pairs them with the holes of a response, [`crate::net`] sends
//! them. The `Arc<File>` keeps the inode readable after retention has unlinked its name.

use std::fs::File;
use std::sync::Arc;

/// `len` bytes of `file` from `position` on. The bytes were complete, and below the watermark they were planned under,
/// when the region was made; segments are append-only, so they do not change while the region lives.
#[derive(Debug, Clone)]
pub struct FileRegion {
    /// The open segment file.
    pub file: Arc<File>,
    /// First byte, counted from the start of the file.
    pub position: u64,
    /// Length in bytes; never 0.
    pub len: usize,
    /// A hint: the bytes were written moments ago, so they are in the page cache and the sender need not probe.
    pub hot: bool,
}

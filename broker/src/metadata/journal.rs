//! The files.
use std::path::Path;

use super::Image;

/// Why the metadata could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The files could not be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}
pub(super) struct Journal;
impl Journal {
    pub(super) fn open(_data_dir: &Path) -> Result<(Self, Image), JournalError> {
        panic!("being built")
    }
}

//! What each message's value holds.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::keys::FieldPath;

/// Where values come from.
#[derive(Debug, Clone)]
pub enum PayloadSource {
    /// Seeded bytes of these sizes.
    Random(SizeSpec),
    /// The lines of a file, in turn, as they are.
    Lines(Arc<Lines>),
}

/// `--size`: the value's size in bytes, stamp included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SizeSpec {
    /// `1KiB`.
    Fixed(usize),
    /// `uniform:100..2000`, both ends included.
    Uniform {
        /// Smallest.
        low: usize,
        /// Largest.
        high: usize,
    },
    /// `lognormal:MEDIAN:SIGMA` or `lognormal:MEDIAN:SIGMA:MAX` (default 1 MB).
    LogNormal {
        /// Median size.
        median: usize,
        /// Standard deviation of the size's natural logarithm.
        sigma: f64,
        /// Larger sizes are cut to this.
        max: usize,
    },
}

/// A `--size` that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no size ({reason}); expected 1KiB, uniform:100..2000 or lognormal:MEDIAN:SIGMA[:MAX]")]
pub struct SizeSpecError {
    /// The text.
    pub got: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for SizeSpec {
    type Err = SizeSpecError;

    fn from_str(_text: &str) -> Result<Self, Self::Err> {
        panic!("being built")
    }
}

impl fmt::Display for SizeSpec {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("being built")
    }
}

/// A payload file's messages, one a line, without the line's end (`\n` or `\r\n`). Empty lines are left out.
#[derive(Debug)]
pub struct Lines {}

/// A payload file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds no line with anything in it.
    #[error("{} holds no messages: every line is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// No line has the field that the key is to come from.
    #[error("no line of {} has the key's field", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
}

impl Lines {
    /// Loads a file's first [`Lines::LIMIT_BYTES`], and the key of each line where `key` names its field.
    pub fn load(_path: &Path, _key: Option<&FieldPath>) -> Result<Lines, LinesError> {
        panic!("being built")
    }

    /// What is loaded of a larger file; a line cut by the limit is left out.
    pub const LIMIT_BYTES: u64 = 256 << 20;

    /// Number of messages.
    pub fn count(&self) -> usize {
        panic!("being built")
    }

    /// Lines without the key's field; they are sent without a key.
    pub fn without_key(&self) -> usize {
        panic!("being built")
    }

    /// Whether the file was larger than the limit.
    pub fn is_cut(&self) -> bool {
        panic!("being built")
    }
}

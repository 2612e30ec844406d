//! A cluster that stopped answering.

use std::fmt;
use std::num::NonZeroI32;

use reports::figures::duration_ns;

/// From when to when nothing was heard from the cluster, although it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silence {
    /// The last answer, after the first message was due.
    pub(super) since_ns: u64,
    /// From there until the run gave up.
    pub(super) lasted_ns: u64,
    /// The broker's process, where it was on this machine and is gone.
    pub(super) ended: Option<NonZeroI32>,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [since, lasted] = [self.since_ns, self.lasted_ns].map(duration_ns);
        write!(f, "the cluster has not answered since {since} into the run, for {lasted} until the run gave up")?;
        match self.ended {
            Some(pid) => write!(f, "; the broker's process {pid} has ended, and nobody took its place: see its log"),
            None => write!(f, ": see whether the broker runs, and its log"),
        }
    }
}

//! What was acknowledged held against what each group read.

use super::RunShape;
use super::expectations::Expectations;
use super::verdict::Verdict;

/// What a ledger or a checker noted; sent to the thread that owns the [`Reconciler`].
#[derive(Debug)]
pub struct Evidence {}

/// Why reconciliation stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The spill file cannot be written or read.
    #[error("cannot spill unreconciled messages to a temporary file: {source}")]
    Spill {
        /// Why.
        #[from]
        source: std::io::Error,
    },
}

/// Owned by one thread; merges the evidence of all workers, in any order.
#[derive(Debug)]
pub struct Reconciler {}

impl Reconciler {
    /// An empty reconciler.
    pub fn new(_shape: RunShape) -> Reconciler {
        panic!("being built")
    }

    /// Takes a worker's evidence.
    pub fn accept(&mut self, _evidence: Evidence) -> Result<(), ReconcileError> {
        panic!("being built")
    }

    /// The verdict, once every worker's last evidence is in.
    pub fn finish(self, _expectations: &Expectations) -> Result<Verdict, ReconcileError> {
        panic!("being built")
    }
}

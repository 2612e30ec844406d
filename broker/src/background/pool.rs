//! A bounded place for work that blocks, so that the runtime's own threads never do.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Runs blocking functions on tokio's blocking threads, at most `width` of them at a time; the rest wait in line.
/// Cloning shares the line.
#[derive(Debug, Clone)]
pub struct Pool {
    turns: Arc<Semaphore>,
}

/// The function panicked, or the runtime is shutting down.
#[derive(Debug, thiserror::Error)]
#[error("blocking work did not finish: {0}")]
pub struct Unfinished(#[from] tokio::task::JoinError);

impl Pool {
    /// A pool that runs at most `width` functions at a time; `width` is at least 1.
    pub fn new(width: usize) -> Self {
        Pool { turns: Arc::new(Semaphore::new(width.max(1))) }
    }

    /// Waits for a turn, then runs `work` where it may block. A caller that goes away while it waits in line leaves
    /// the line; once started, `work` runs to its end and keeps its turn until then.
    ///
    /// # Errors
    /// `work` panicked, or the runtime is shutting down.
    pub async fn run<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Result<R, Unfinished> {
        // The semaphore is never closed, so that a failure here cannot happen; work would merely run unbounded.
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        Ok(done.await?)
    }
}

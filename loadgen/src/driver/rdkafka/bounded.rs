//! Ends for clients of a cluster that may have stopped answering.
//!
//! librdkafka waits without a bound in a synchronous commit, in the close of a consumer, and in the destruction of a client.
//! Such calls go to a thread of their own; where they take too long, that thread is left behind, with the client in it, until
//! the process ends.

use std::ops::{Deref, DerefMut};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// How long the destruction of a client may take. Of one that was closed or flushed it takes milliseconds.
const DESTROYED_WITHIN: Duration = Duration::from_secs(2);

/// What `work` returns, or `None` where that takes longer than `within`; it goes on then, and nobody waits for it.
pub(super) fn at_most<T: Send + 'static>(within: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = channel();
    let run = move || {
        // Nobody may be there to hear of it any more.
        let _ = done.send(work());
    };
    if let Err(error) = thread::Builder::new().name("ending".into()).spawn(run) {
        tracing::debug!("a client was not ended in order: {error}");
    }
    result.recv_timeout(within).ok()
}

/// A client whose destruction is waited for no longer than [`DESTROYED_WITHIN`].
pub(super) struct Bounded<T: Send + 'static>(Option<T>);

impl<T: Send> Bounded<T> {
    pub(super) fn new(client: T) -> Self {
        Self(Some(client))
    }

    /// The client, whose end is the caller's affair from here on.
    pub(super) fn into_inner(mut self) -> Option<T> {
        self.0.take()
    }
}

impl<T: Send> Deref for Bounded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("taken by value or by drop alone")
    }
}

impl<T: Send> DerefMut for Bounded<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("taken by value or by drop alone")
    }
}

impl<T: Send + 'static> Drop for Bounded<T> {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            at_most(DESTROYED_WITHIN, move || drop(client));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender};

    use super::*;

    /// Its destruction waits for a word.
    struct Stubborn(Receiver<()>, Sender<()>);

    impl Drop for Stubborn {
        fn drop(&mut self) {
            let _ = self.0.recv();
            let _ = self.1.send(());
        }
    }

    #[test]
    fn a_client_that_cannot_be_destroyed_is_left_behind() {
        let ((word, waits), (gone, is_gone)) = (channel(), channel());
        drop(Bounded::new(Stubborn(waits, gone)));
        assert!(is_gone.try_recv().is_err(), "it was waited for");
        word.send(()).expect("it still waits");
        is_gone.recv().expect("it goes when it can");
    }

    #[test]
    fn a_result_comes_back_if_it_comes_in_time() {
        assert_eq!(at_most(Duration::from_secs(60), || 7), Some(7));
        let (word, waits) = channel::<()>();
        assert_eq!(at_most(Duration::ZERO, move || waits.recv().is_ok()), None);
        drop(word);
    }
}

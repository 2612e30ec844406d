//! Work that is done again and again on a thread of its own.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A thread that does its work, sleeps for as long as the work says, and does it again until it is stopped.
#[derive(Debug)]
pub struct Periodic {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Periodic {
    /// Starts thread `name`; the first `work` begins after `delay`, and each says when the next one is due.
    pub fn start(
        name: &str,
        mut delay: Duration,
        mut work: impl FnMut() -> Duration + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let run = move || {
            while stopped.recv_timeout(delay) == Err(RecvTimeoutError::Timeout) {
                delay = work();
            }
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Periodic { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Periodic {
    /// Returns when the work in progress, if any, is done.
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a background thread had panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_repeated_until_it_is_stopped() {
        let (done, seen) = mpsc::channel();
        let periodic = Periodic::start("test", Duration::ZERO, move || {
            let _ = done.send(());
            Duration::from_micros(10)
        });
        for _ in 0..3 {
            seen.recv().unwrap();
        }
        drop(periodic.unwrap());
        while seen.try_recv().is_ok() {}
        assert_eq!(seen.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }

    #[test]
    fn a_long_sleep_does_not_hold_up_the_stop() {
        drop(Periodic::start("test", Duration::from_secs(3600), || Duration::ZERO).unwrap());
    }
}

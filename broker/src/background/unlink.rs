//! Removes files and directories that nobody needs any more, off the threads that serve. Large files take the kernel a
//! while to unlink.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// The way to the thread `unlink`. Cloning shares it; it ends with the last clone. What it has not removed by then is
/// recognised by its name and removed after the next start.
#[derive(Debug, Clone)]
pub struct Unlinker {
    inbox: Sender<(Instant, PathBuf)>,
}

impl Unlinker {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let (inbox, paths) = mpsc::channel();
        thread::Builder::new().name("unlink".to_owned()).spawn(move || run(&paths))?;
        Ok(Unlinker { inbox })
    }

    /// Removes a directory with all that is in it.
    pub fn remove_directory(&self, path: PathBuf) {
        self.remove_after(path, Duration::ZERO);
    }

    /// Removes a file or a directory when `delay` has passed.
    pub fn remove_after(&self, path: PathBuf, delay: Duration) {
        // The thread lives as long as a clone of us does.
        let _ = self.inbox.send((Instant::now() + delay, path));
    }
}

fn run(paths: &Receiver<(Instant, PathBuf)>) {
    let mut waiting = BinaryHeap::new();
    loop {
        let due = waiting.peek().map(|Reverse((due, _)): &Reverse<(Instant, PathBuf)>| *due);
        let received = match due {
            Some(due) => paths.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => paths.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(entry) => waiting.push(Reverse(entry)),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(Reverse((_, path))) = waiting.pop() {
                    remove(&path);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn remove(path: &Path) {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "could not be removed");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_removed_and_what_is_not_stays() {
        let dir = tempfile::tempdir().unwrap();
        let [due, later] = ["due", "later"].map(|name| dir.path().join(name));
        std::fs::create_dir_all(due.join("inner")).unwrap();
        std::fs::write(&later, "x").unwrap();
        let (inbox, paths) = mpsc::channel();
        let unlinker = Unlinker { inbox };
        let work = thread::spawn(move || run(&paths));
        unlinker.remove_after(later.clone(), Duration::from_secs(3600));
        unlinker.remove_directory(due.clone());
        while due.exists() {
            thread::yield_now();
        }
        drop(unlinker);
        work.join().unwrap();
        assert!(later.exists());
    }
}

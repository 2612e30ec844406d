//! Ending with the process that started us, however that ends.
//!
//! `PR_SET_PDEATHSIG` would fire when the *thread* that forked us ends; a descriptor of the process does not.

use std::io;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, getppid, pidfd_open};

/// The parent process.
#[derive(Debug)]
pub(super) struct Parent(OwnedFd);

impl Parent {
    /// Our parent. With `expected`, it is checked that it still is the process of that id, and has not ended while we
    /// were starting.
    pub(super) fn find(expected: Option<i32>) -> io::Result<Self> {
        let gone = || io::Error::new(io::ErrorKind::NotFound, "the parent process is gone");
        let parent = getppid().ok_or_else(gone)?;
        let descriptor = pidfd_open(parent, PidfdFlags::empty())?;
        // The id may have been another process's when we opened it; if it still is our parent's, it was not.
        let is_parent = getppid() == Some(parent);
        let is_expected = expected.is_none_or(|expected| Pid::from_raw(expected) == Some(parent));
        if is_parent && is_expected { Ok(Parent(descriptor)) } else { Err(gone()) }
    }

    /// Returns when the parent has ended.
    pub(super) fn wait(&self) {
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        while poll(&mut polled, None).is_err_and(|error| error == rustix::io::Errno::INTR) {}
    }
}

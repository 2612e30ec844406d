//! File descriptors: segments and connections take many, and the usual soft limit is 1,024.

use std::fs::File;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that the process's table has room for from the start: 64 KiB of the kernel's memory.
const ROOM: i32 = 8192;

/// Makes room for descriptors as long as there are no threads. The kernel doubles a full table, and where threads share
/// it, waits for each processor before it lets go of the old one (`expand_fdtable`): some 10 ms each time, which a start
/// with a hundred logs would spend four times.
pub(super) fn make_room() {
    // Only the time is lost if this fails, as it does under a lower limit.
    let _ = File::open("/dev/null").map(|any| fcntl_dupfd_cloexec(any, ROOM - 1));
}

/// Raises the process's soft limit of open files to its hard limit.
pub(super) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(?current, ?maximum, %error, "the limit of open files could not be raised");
    }
}

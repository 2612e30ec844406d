//! The watchdog around a command that knows nothing of ours: ends its process group when the generator ends.
//!
//! It runs as the hidden command `supervise`, between the generator and the command. The end of its standard input is the
//! sign; then the group gets SIGTERM, after a while SIGKILL, and the directory that was to be removed goes.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// How long the command may take to end after SIGTERM.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

enum Event {
    LifelineEnded,
    CommandEnded(ExitCode),
}

/// The command line that supervises `command` by the program at `own_path`.
pub(crate) fn command(
    own_path: &Path,
    remove_dir: Option<&Path>,
    command: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut supervised = Command::new(own_path);
    supervised.arg("supervise");
    if let Some(directory) = remove_dir {
        supervised.arg("--remove-dir").arg(directory);
    }
    supervised.arg("--").args(command);
    supervised
}

/// Runs `command` until it ends or standard input does; then removes `remove_dir`.
pub fn run(command: &[OsString], remove_dir: Option<PathBuf>) -> ExitCode {
    let code = supervise(command);
    if let Some(directory) = remove_dir
        && let Err(error) = std::fs::remove_dir_all(&directory)
    {
        eprintln!("cannot remove {}: {error}", directory.display());
    }
    code
}

fn supervise(command: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = command.split_first() else { return ExitCode::from(2) };
    let mut child = match Command::new(program).args(arguments).stdin(Stdio::null()).process_group(0).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("cannot start {}: {error}", program.to_string_lossy());
            return ExitCode::FAILURE;
        }
    };
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let signal = |signal| {
        if let Some(group) = group {
            // The group may be gone already.
            let _ = kill_process_group(group, signal);
        }
    };
    let (events, received) = channel();
    let command_ended = events.clone();
    thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        while matches!(input.read(&mut [0; 64]), Ok(count) if count > 0) {}
        let _ = events.send(Event::LifelineEnded);
    });
    thread::spawn(move || {
        let code = child.wait().ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
        let _ = command_ended.send(Event::CommandEnded(code.map_or(ExitCode::FAILURE, ExitCode::from)));
    });
    let code = match received.recv() {
        Ok(Event::CommandEnded(code)) => code,
        Ok(Event::LifelineEnded) | Err(_) => {
            signal(Signal::TERM);
            let deadline = Instant::now() + ENDS_WITHIN;
            let code = match received.recv_timeout(ENDS_WITHIN) {
                Ok(Event::CommandEnded(code)) => code,
                Ok(Event::LifelineEnded) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    ExitCode::FAILURE
                }
            };
            // A shell ends at once, and the broker that it ran may still be tidying up.
            while group.is_some_and(|group| test_kill_process_group(group).is_ok()) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
            code
        }
    };
    // What the command left behind in its group ends with it.
    signal(Signal::KILL);
    code
}

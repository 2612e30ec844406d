//! Ctrl-C, SIGTERM, and SIGHUP where it is not ignored (as under `nohup`): once ends the measurement, twice the process.
//! Before there is anything to judge, once is enough.

use std::io::Write;
use std::sync::Arc;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;
use crate::run::Control;

/// Listens on a thread of its own until the process ends; `saying` is what becomes of the command at the first sign.
///
/// # Errors
/// What the system says when a handler cannot be installed.
pub(super) fn watch(control: Arc<Control>, saying: &'static str) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate, mut hangup) = {
        let _entered = runtime.enter();
        // A handler would undo that it is ignored.
        let hangup = if is_hangup_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, hangup)
    };
    thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    () = next(&mut hangup) => {}
                }
                if control.is_interrupted() {
                    // What the run started ends by itself, with this process.
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
                control.interrupt();
                if let Some(after) = control.leaves_after() {
                    let again = tokio::select! {
                        () = tokio::time::sleep(after) => false,
                        _ = interrupt.recv() => true,
                        _ = terminate.recv() => true,
                    };
                    // Unless something has come of it meanwhile.
                    if again || control.leaves_after().is_some() {
                        let _ = writeln!(std::io::stderr(), "\ninterrupted before the first message");
                        std::process::exit(i32::from(Exit::Interrupted.code()));
                    }
                }
                // After a hangup nobody may be there to read it.
                let _ = writeln!(std::io::stderr(), "\nending: {saying}; once more leaves at once");
            }
        });
    })?;
    Ok(())
}

/// Waits for the next signal, for ever where none is listened to.
async fn next(signals: &mut Option<Signal>) {
    match signals {
        Some(signals) => {
            signals.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether this process was started with SIGHUP ignored.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores_hangup(&status)
}

/// Reads the mask `SigIgn` of proc_pid_status(5), whose lowest bit is signal 1, SIGHUP.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_hangup_is_read_from_the_mask() {
        assert!(ignores_hangup("Name:\tloadgen\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n"));
        assert!(!ignores_hangup("SigIgn:\t0000000000001000\n") && !ignores_hangup(""));
    }
}

//! Ctrl-C and SIGTERM: once ends the measurement, twice the process.

use std::sync::Arc;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;
use crate::run::Control;

/// Listens on a thread of its own until the process ends.
///
/// # Errors
/// What the system says when a handler cannot be installed.
pub(super) fn watch(control: Arc<Control>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if control.is_interrupted() {
                    // What the run started ends by itself, with this process.
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
                control.interrupt();
                eprintln!("\nending: what was sent is drained and verified; once more leaves at once");
            }
        });
    })?;
    Ok(())
}

//! The reference broker as a process of its own: this program, run again with the hidden command `embedded-broker`.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

/// How it differs from a stock broker: a group of a known size does not wait three seconds for more members.
pub(super) const SETTINGS: [(&str, &str); 1] = [("group.initial.rebalance.delay.ms", "0")];

/// The command that runs it: on a free port, on data that go when it does, which is when this process ends at the latest.
pub(super) fn command(own_path: &Path) -> Command {
    let mut command = Command::new(own_path);
    command
        .args(["embedded-broker", "--ephemeral", "--listen", "127.0.0.1:0", "--log-level", "warn"])
        .arg(format!("--exit-with-parent={}", std::process::id()));
    for (name, value) in SETTINGS {
        command.arg("--config").arg(format!("{name}={value}"));
    }
    command
}

/// Runs the broker in this process until it is told to stop; `arguments` are those of the program `broker`.
pub fn run(arguments: &[OsString]) -> ExitCode {
    broker::server::main_from_args(
        std::iter::once(OsString::from("loadgen embedded-broker")).chain(arguments.iter().cloned()),
    )
}

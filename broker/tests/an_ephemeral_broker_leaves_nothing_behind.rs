//! An ephemeral broker's directory goes with it: at SIGTERM, when its parent ends, and, after SIGKILL, when the next one
//! starts.

mod process;

use std::path::Path;
use std::process::{Command, Stdio};

use process::{BrokerProcess, command, read_to_end};

fn ephemeral(temporary: &Path) -> Command {
    let mut command = command(&["--ephemeral"]);
    command.env("TMPDIR", temporary);
    command
}

fn directories(temporary: &Path) -> usize {
    temporary.read_dir().unwrap().count()
}

#[test]
fn its_directory_is_removed_at_sigterm_or_else_by_the_next_one() {
    let temporary = tempfile::tempdir().unwrap();
    let broker = BrokerProcess::run(&mut ephemeral(temporary.path()));
    assert_eq!(directories(temporary.path()), 1);
    assert!(broker.terminate().success());
    assert_eq!(directories(temporary.path()), 0);

    BrokerProcess::run(&mut ephemeral(temporary.path())).kill();
    assert_eq!(directories(temporary.path()), 1, "nobody can clean up after SIGKILL");
    let next = BrokerProcess::run(&mut ephemeral(temporary.path()));
    assert_eq!(directories(temporary.path()), 1, "the next one did");
    assert!(next.terminate().success());
    assert_eq!(directories(temporary.path()), 0);
}

#[test]
fn it_stops_and_cleans_up_when_its_parent_is_killed() {
    let temporary = tempfile::tempdir().unwrap();
    // A shell that starts the broker and stays its parent; both write to the one pipe, which ends with the last of them.
    let script = r#""$0" --ephemeral --listen 127.0.0.1:0 --log-level error --exit-with-parent=$$ & wait"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_broker")]).env("TMPDIR", temporary.path()).stdout(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    let mut stdout = shell.stdout.take().unwrap();
    let mut first = [0; 13];
    std::io::Read::read_exact(&mut stdout, &mut first).unwrap();
    assert_eq!(&first, b"listening on ");
    assert_eq!(directories(temporary.path()), 1);
    shell.kill().unwrap();
    shell.wait().unwrap();
    // The pipe ends when the broker has.
    read_to_end(stdout);
    assert_eq!(directories(temporary.path()), 0);
}

#[test]
fn a_broker_whose_parent_is_already_gone_does_not_start() {
    let temporary = tempfile::tempdir().unwrap();
    let ended = ephemeral(temporary.path()).arg("--exit-with-parent=1").output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "broker: --exit-with-parent: the parent process is gone\n");
    assert_eq!(directories(temporary.path()), 0);
}

//! A start that comes to nothing ends with one sentence and an exit code, and leaves nothing behind.

mod process;

use std::net::TcpListener;
use std::process::{Command, Output};

use process::run_to_end;

/// Exit code and standard error.
fn refusal(output: Output) -> (Option<i32>, String) {
    assert_eq!(output.stdout, b"");
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn a_taken_port_leaves_no_data_directory() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let parent = tempfile::tempdir().unwrap();
    let data_dir = parent.path().join("data");
    let listen = format!("listeners=PLAINTEXT://{address}");
    let output = run_to_end(&["--data-dir", data_dir.to_str().unwrap(), "--config", &listen]);
    let (code, text) = refusal(output);
    assert_eq!(code, Some(1));
    assert!(text.starts_with(&format!("broker: cannot listen on {address}: ")), "{text}");
    assert!(!data_dir.exists());
}

#[test]
fn a_wrong_command_line_is_told_what_is_wanted() {
    for (arguments, told) in [
        (["--listen", "9092"], "HOST:PORT"),
        (["--listen", ":9092"], "HOST:PORT"),
        (["--listen", "localhost:kafka"], "HOST:PORT"),
        (["--log-level", "banana"], "off, error, warn, info, debug, trace"),
        (["--config", "flush.messages=1"], "log.flush.interval.messages"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_broker")).arg("--ephemeral").args(arguments).output().unwrap();
        let (code, text) = refusal(output);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.starts_with("broker: ") && text.contains(told) && text.lines().count() == 1, "{text}");
    }
}

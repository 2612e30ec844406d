//! The broker as a process of its own, to be stopped, killed and started again.

#![allow(dead_code, reason = "each scenario is a crate of its own and uses a part of this")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

pub struct BrokerProcess {
    child: Child,
    address: SocketAddr,
}

/// The program with `arguments`, not yet started.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_broker"));
    command.args(["--listen", "127.0.0.1:0", "--log-level", "warn"]).args(arguments);
    command
}

impl BrokerProcess {
    /// Starts on `data_dir` and returns when the broker says that it listens.
    pub fn start(data_dir: &Path) -> BrokerProcess {
        let data_dir = data_dir.to_str().expect("a path in UTF-8");
        BrokerProcess::run(&mut command(&["--data-dir", data_dir]))
    }

    pub fn run(command: &mut Command) -> BrokerProcess {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("standard output is piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line on standard output");
        let address = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("got {line:?}")).trim();
        BrokerProcess { child, address: address.parse().expect("an address") }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: nothing is written any more, and nothing is cleaned up.
    pub fn kill(mut self) {
        self.child.kill().expect("the process is ours");
        self.child.wait().expect("the process is ours");
    }

    /// SIGTERM, and wait until it has stopped.
    pub fn terminate(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("the process is ours");
        self.child.wait().expect("the process is ours")
    }
}

impl Drop for BrokerProcess {
    /// For tests that fail half-way; a process that has been waited for is not signalled again.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program until it ends by itself.
pub fn run_to_end(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

/// What is left to read until the other side closes.
pub fn read_to_end(mut from: impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).expect("UTF-8");
    text
}

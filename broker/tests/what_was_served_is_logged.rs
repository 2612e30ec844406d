//! The broker's counters are in its log when it stops, and whenever it is asked for them by SIGUSR1.

mod process;
mod support;

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use process::BrokerProcess;
use rustix::process::{Pid, Signal, kill_process};
use support::{Client, append, create_topic, read_all};

#[test]
fn what_was_served_is_logged_at_sigusr1_and_at_a_clean_stop() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_broker"));
    command.args(["--listen", "127.0.0.1:0", "--log-level", "info", "--ephemeral"]);
    let broker = BrokerProcess::run(command.env_remove("RUST_LOG").stderr(File::create(&log).unwrap()));
    let mut client = Client::connect(broker.address());
    create_topic(&mut client, "news", 1);
    append(&mut client, "news", 0, &["first", "second"]);
    assert_eq!(read_all(&mut client, "news", 0).len(), 2);

    let reports = || -> Vec<String> {
        let text = std::fs::read_to_string(&log).unwrap();
        text.lines().filter(|line| line.contains(" served ")).map(str::to_owned).collect()
    };
    kill_process(Pid::from_raw(broker.id() as i32).unwrap(), Signal::USR1).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while reports().is_empty() {
        assert!(Instant::now() < deadline, "nothing was logged");
        std::thread::yield_now();
    }
    assert!(broker.terminate().success());
    let reports = reports();
    assert_eq!(reports.len(), 2);
    for report in reports {
        for figure in ["connections=1 ", "produce_batches=1 ", "fetch_requests=1 ", "sendfile_calls=1 "] {
            assert!(report.contains(figure), "{figure} is not in {report}");
        }
    }
}

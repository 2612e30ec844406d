//! A broker of the test's own, on a free port, over a directory that goes with it.

use std::net::SocketAddr;
use std::path::Path;

use broker::config::Config;
use broker::server::{Broker, Handle};
use tempfile::TempDir;

use super::Client;

pub struct TestBroker {
    handle: Handle,
    config: Config,
    data_dir: TempDir,
}

impl TestBroker {
    pub fn start() -> TestBroker {
        TestBroker::start_with(&[])
    }

    /// With settings by Kafka's names, beside what makes tests quick: groups that do not wait for a second member.
    pub fn start_with(settings: &[(&str, &str)]) -> TestBroker {
        let data_dir = tempfile::tempdir().expect("a directory");
        let mut config = Config::new("127.0.0.1:0", data_dir.path());
        let quick = [("group.initial.rebalance.delay.ms", "0"), ("offsets.topic.num.partitions", "2")];
        for (name, value) in quick.iter().chain(settings) {
            config.set(name, value).expect("a setting");
        }
        let handle = Broker::start(config.clone()).expect("the broker starts");
        TestBroker { handle, config, data_dir }
    }

    pub fn address(&self) -> SocketAddr {
        self.handle.address()
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address())
    }

    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// Stops it cleanly and starts another over the same data; the port may differ.
    pub fn restart(self) -> TestBroker {
        let TestBroker { handle, config, data_dir } = self;
        handle.shutdown();
        let handle = Broker::start(config.clone()).expect("the broker starts again");
        TestBroker { handle, config, data_dir }
    }
}

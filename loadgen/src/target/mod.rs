//! Where the load goes: a broker that the run starts and ends, or a cluster that is there.
//!
//! Whatever the run starts is a process of its own, in a process group of its own (so that Ctrl-C reaches only the
//! generator), and ends when the generator does, however that ends, and removes its data. The reference broker watches
//! its parent itself; what knows nothing of ours runs under a watchdog ([`supervise`]).
//!
//! The room never knows what load is sent.

mod child;
pub mod embedded;
pub mod identity;
mod kafka;
mod listener;
pub mod null_sink;
pub mod process;
pub mod supervise;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroI32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

pub use child::ChildError;
use child::{Child, Stop};
pub use kafka::KafkaError;

/// How long a broker may take until it prints its address.
const ADDRESS_WITHIN: Duration = Duration::from_secs(60);

/// `--target`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSpec {
    /// The reference broker.
    Embedded,
    /// A shell command that runs a broker.
    Exec(String),
    /// Apache Kafka from the jars in this directory, or in its `libs`.
    Kafka(PathBuf),
    /// A cluster that is there, by its addresses; `None` until they are known from `--bootstrap-servers`.
    Existing(Option<String>),
}

impl FromStr for TargetSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            _ if text == "embedded" => Ok(Self::Embedded),
            _ if text == "existing" => Ok(Self::Existing(None)),
            Some(("exec", "")) => Err("exec: needs a command, such as exec:./my-broker".to_owned()),
            Some(("exec", command)) => Ok(Self::Exec(command.to_owned())),
            Some(("kafka", "")) => Err("kafka: needs the directory of Kafka's jars".to_owned()),
            Some(("kafka", directory)) if directory.parse::<u16>().is_err() => Ok(Self::Kafka(directory.into())),
            _ => {
                crate::cli::addresses(text).map(|addresses| Self::Existing(Some(addresses))).map_err(|error| match text
                    .rsplit_once(':')
                {
                    Some((_, port)) if port.parse::<u64>().is_ok() => error,
                    _ => "expected embedded, exec:COMMAND, kafka:DIRECTORY or HOST:PORT".to_owned(),
                })
            }
        }
    }
}

impl TargetSpec {
    /// Whether the run starts it on fresh data that nobody else uses and that go with it. Of what a command starts, nothing
    /// is known: it may keep its data.
    pub fn is_own(&self) -> bool {
        matches!(self, Self::Embedded | Self::Kafka(_))
    }
}

impl fmt::Display for TargetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Exec(command) => write!(f, "exec:{command}"),
            Self::Kafka(directory) => write!(f, "kafka:{}", directory.display()),
            Self::Existing(Some(addresses)) => f.write_str(addresses),
            Self::Existing(None) => f.write_str("existing"),
        }
    }
}

/// Why there is no broker to send to.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The process did not start, or not as far as its address.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// Kafka could not be prepared.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// This program does not know its own path.
    #[error("cannot find this program's own file to run the broker from: {0}")]
    OwnPath(std::io::Error),
}

/// A target that runs; what the run started ends when this is dropped.
#[derive(Debug)]
pub struct Target {
    /// Where its brokers answer, `HOST:PORT[,HOST:PORT…]`.
    pub bootstrap_servers: String,
    /// `embedded`, `Apache Kafka`, `command` or `existing cluster`.
    pub kind: &'static str,
    started: Instant,
    child: Option<Child>,
    given_pid: Option<NonZeroI32>,
    is_broker_itself: bool,
}

impl Target {
    /// Starts what is to be started. `bootstrap_servers` says where a command's broker answers, `pid` which process to
    /// watch; both are found out where they are not given.
    ///
    /// # Errors
    /// [`TargetError`]; nothing is left running.
    pub fn start(
        spec: &TargetSpec,
        bootstrap_servers: Option<&str>,
        pid: Option<NonZeroI32>,
    ) -> Result<Target, TargetError> {
        let own_path = || std::env::current_exe().map_err(TargetError::OwnPath);
        let started = Instant::now();
        let mut target = Target {
            bootstrap_servers: bootstrap_servers.unwrap_or_default().to_owned(),
            kind: "existing cluster",
            started,
            child: None,
            given_pid: pid,
            is_broker_itself: false,
        };
        match spec {
            TargetSpec::Existing(addresses) => {
                target.bootstrap_servers = addresses.clone().unwrap_or(target.bootstrap_servers);
            }
            TargetSpec::Embedded => {
                target.kind = "embedded";
                target.is_broker_itself = true;
                let mut child =
                    Child::spawn(&mut embedded::command(&own_path()?), "the embedded broker", Stop::Signal)?;
                target.bootstrap_servers = child.address(ADDRESS_WITHIN)?;
                target.child = Some(child);
            }
            TargetSpec::Exec(command) => {
                target.kind = "command";
                let mut supervised = supervise::command(&own_path()?, None, ["sh", "-c", command]);
                let mut child = Child::spawn(&mut supervised, "the target's command", Stop::Lifeline)?;
                if bootstrap_servers.is_none() {
                    target.bootstrap_servers = child.address(ADDRESS_WITHIN)?;
                }
                target.child = Some(child);
            }
            TargetSpec::Kafka(directory) => {
                target.kind = "Apache Kafka";
                let prepared = kafka::prepare(directory)?;
                target.started = Instant::now();
                target.bootstrap_servers = prepared.address.clone();
                target.child =
                    Some(Child::spawn(&mut prepared.into_command(&own_path()?), "Apache Kafka", Stop::Lifeline)?);
            }
        }
        Ok(target)
    }

    /// How long ago the broker's process was started; `None` for a cluster that was there.
    pub fn age(&self) -> Option<Duration> {
        self.child.as_ref().map(|_| self.started.elapsed())
    }

    /// How long to wait for the first answer.
    pub fn answers_within(&self) -> Duration {
        if self.child.is_some() { Duration::from_secs(60) } else { Duration::from_secs(10) }
    }

    /// The broker's process, where it is on this machine: told, started here, or found by its listening socket.
    pub fn broker_pid(&self) -> Option<NonZeroI32> {
        if self.given_pid.is_some() {
            return self.given_pid;
        }
        match &self.child {
            Some(child) if self.is_broker_itself => NonZeroI32::new(child.id()),
            _ => listener::owner_of(&self.bootstrap_servers),
        }
    }

    /// Whether its process is the run's, and so is its end.
    pub fn is_started_here(&self) -> bool {
        self.child.is_some()
    }

    /// Finds the process that answers at the target's addresses by then: that of a broker which was restarted is another one.
    pub fn broker_finder(&self) -> impl Fn() -> Option<NonZeroI32> + use<> {
        let addresses = self.bootstrap_servers.clone();
        move || listener::owner_of(&addresses)
    }

    /// Whether broker and generator share a machine, as far as the addresses tell.
    pub fn is_local(&self) -> bool {
        listener::is_loopback(&self.bootstrap_servers)
    }

    /// Settings in which a broker that the run started differs from stock.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let settings: &[(&str, &str)] = match self.kind {
            "embedded" => &embedded::SETTINGS,
            "Apache Kafka" => &kafka::SETTINGS,
            _ => &[],
        };
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Whether the process that the run started has ended, with its last words.
    pub fn ended(&mut self) -> Option<ChildError> {
        self.child.as_mut()?.ended()
    }

    /// The last lines that a process of the run printed: where things went wrong, they may say why.
    pub fn last_words(&self) -> Option<String> {
        self.child.as_ref().map(Child::last_words).filter(|words| !words.is_empty())
    }

    /// Ends what the run started, and waits for it.
    pub fn stop(mut self) {
        if let Some(child) = self.child.take() {
            child.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_read_as_they_are_written() {
        for text in ["embedded", "exec:./broker --port 9092", "kafka:/opt/kafka", "localhost:9092,b:1"] {
            assert_eq!(text.parse::<TargetSpec>().expect(text).to_string(), text);
        }
        assert_eq!("kafka:9092".parse(), Ok(TargetSpec::Existing(Some("kafka:9092".into()))));
    }

    #[test]
    fn only_what_runs_on_fresh_data_needs_no_tidying() {
        let own = |text: &str| text.parse::<TargetSpec>().expect(text).is_own();
        assert!(own("embedded") && own("kafka:/opt/kafka"));
        assert!(!own("exec:./broker --data /srv") && !own("localhost:9092"));
    }

    #[test]
    fn a_bad_target_says_what_there_is() {
        let text = "nowhere".parse::<TargetSpec>().expect_err("no target");
        assert!(text.contains("embedded") && text.contains("HOST:PORT"), "{text}");
        assert!("exec:".parse::<TargetSpec>().is_err());
    }
}

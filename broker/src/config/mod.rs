//! What a broker is told when it starts: where to listen, where its data is, and settings under Kafka's names.
//!
//! ```
//! use broker::config::Config;
//!
//! let config = Config::ephemeral("127.0.0.1:0").with("num.partitions", "6")?;
//! assert_eq!(config.settings.num_partitions, 6);
//! # Ok::<(), broker::config::ConfigError>(())
//! ```

mod properties;
mod settings;

pub use settings::{BrokerSetting, BrokerSettings, SettingError, broker_settings};

use std::io;
use std::path::{Path, PathBuf};

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In this directory, which is created if it is missing and kept.
    Directory(PathBuf),
    /// In a new directory under the system's temporary one, removed when the broker stops.
    Ephemeral,
}

/// Everything [`crate::server::Broker::start`] needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// `HOST:PORT`; port 0 takes a free one.
    pub listen: String,
    /// Where the data is.
    pub storage: Storage,
    /// Settings by Kafka's names.
    pub settings: BrokerSettings,
}

/// Why a configuration was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A setting is unknown or has a bad value.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Not of the form `key=value`.
    #[error("{got:?} is not of the form key=value")]
    NotAnAssignment {
        /// What was given.
        got: String,
    },
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A listener that is not plaintext, or not one.
    #[error("{name}: expected PLAINTEXT://HOST:PORT, got {got:?}")]
    Listener {
        /// The setting.
        name: &'static str,
        /// What was given.
        got: String,
    },
}

impl Config {
    /// A broker that keeps its data in `data_dir`.
    pub fn new(listen: impl Into<String>, data_dir: impl Into<PathBuf>) -> Self {
        let storage = Storage::Directory(data_dir.into());
        Config { listen: listen.into(), storage, settings: BrokerSettings::default() }
    }

    /// A broker whose data goes when it stops.
    pub fn ephemeral(listen: impl Into<String>) -> Self {
        Config { listen: listen.into(), storage: Storage::Ephemeral, settings: BrokerSettings::default() }
    }

    /// The same with setting `name` at `value`.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        self.set(name, value)?;
        Ok(self)
    }

    /// Sets `name` to `value`. Beside the broker's settings, `listeners` and `log.dirs` stand for [`Config::listen`]
    /// and [`Config::storage`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        match name {
            "listeners" => {
                let Endpoint { host, port } = plaintext("listeners", value)?;
                // Kafka's way to say "all interfaces" is to leave the host out.
                let host = if host.is_empty() { "0.0.0.0" } else { &host };
                self.listen = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            }
            "log.dirs" | "log.dir" => self.storage = Storage::Directory(value.trim().into()),
            "advertised.listeners" => {
                plaintext("advertised.listeners", value)?;
                self.settings.set(name, value)?;
            }
            _ => self.settings.set(name, value)?,
        }
        Ok(())
    }

    /// Takes one `key=value`.
    pub fn assign(&mut self, assignment: &str) -> Result<(), ConfigError> {
        let (name, value) =
            assignment.split_once('=').ok_or_else(|| ConfigError::NotAnAssignment { got: assignment.to_owned() })?;
        self.set(name.trim(), value)
    }

    /// Takes a file in the style of Kafka's `server.properties`. Returns the names in it that this broker does not
    /// have, for a warning: such a file is usually shared with Kafka. A bad value is an error all the same.
    pub fn read_file(&mut self, path: &Path) -> Result<Vec<String>, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        let mut unknown = Vec::new();
        for (name, value) in properties::parse(&text) {
            match self.set(&name, &value) {
                Err(ConfigError::Setting(SettingError::Unknown { .. } | SettingError::OfTopics { .. })) => {
                    unknown.push(name);
                }
                other => other?,
            }
        }
        Ok(unknown)
    }

    /// The address that clients are told, if it is not the one they connected to.
    pub fn advertised(&self) -> Option<Endpoint> {
        plaintext("advertised.listeners", &self.settings.advertised_listeners).ok()
    }
}

/// Host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Without brackets, also for IPv6.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// The one plaintext listener in a list in Kafka's form. Others, such as KRaft's `CONTROLLER`, are passed over.
fn plaintext(name: &'static str, listeners: &str) -> Result<Endpoint, ConfigError> {
    let endpoint = |listener: &str| {
        let (host, port) = listener.trim().strip_prefix("PLAINTEXT://")?.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Endpoint { host: host.to_owned(), port: port.parse().ok()? })
    };
    let found = listeners.split(',').find_map(endpoint);
    found.ok_or_else(|| ConfigError::Listener { name, got: listeners.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_properties_file_is_taken_and_what_is_not_ours_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.properties");
        let text = "# KRaft\nprocess.roles=broker,controller\nnode.id = 3\n\nlisteners=CONTROLLER://:9093,PLAINTEXT://:9092\n\
                    log.dirs=/data\nnum.partitions: 6\n";
        std::fs::write(&path, text).unwrap();
        let mut config = Config::ephemeral("127.0.0.1:0");
        assert_eq!(config.read_file(&path).unwrap(), ["process.roles"]);
        assert_eq!((config.settings.node_id, config.settings.num_partitions), (3, 6));
        assert_eq!(config.listen, "0.0.0.0:9092");
        assert_eq!(config.storage, Storage::Directory("/data".into()));

        std::fs::write(&path, "num.partitions=none\n").unwrap();
        assert!(matches!(config.read_file(&path), Err(ConfigError::Setting(SettingError::Invalid { .. }))));
    }

    #[test]
    fn an_advertised_address_is_a_plaintext_one() {
        let config = Config::ephemeral("127.0.0.1:0").with("advertised.listeners", "PLAINTEXT://[::1]:19092").unwrap();
        assert_eq!(config.advertised(), Some(Endpoint { host: "::1".to_owned(), port: 19092 }));
        assert_eq!(Config::ephemeral("127.0.0.1:0").advertised(), None);
        for bad in ["SSL://a:1", "a:1", "PLAINTEXT://a", "PLAINTEXT://a:99999"] {
            let error = Config::ephemeral("127.0.0.1:0").with("advertised.listeners", bad).unwrap_err();
            assert!(matches!(error, ConfigError::Listener { .. }), "{bad}");
        }
    }
}

//! The manifest: the machine, the versions and the resolved settings that a figure is worth nothing without.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the run ran on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// Version of the load generator.
    pub tool_version: String,
    /// Commit it was built from, where known; `-dirty` where files differed from it.
    pub commit: Option<String>,
    /// `debug` or `release`.
    pub build_profile: String,
    /// The machine the generator ran on.
    pub machine: Machine,
    /// The Kafka client library.
    pub client: ClientInfo,
    /// The broker the load went to.
    pub broker: BrokerInfo,
}

/// The generator's machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Operating system and kernel release.
    pub kernel: String,
    /// Processor architecture.
    pub architecture: String,
    /// Model name of the CPU.
    pub cpu_model: String,
    /// Cores this process may use.
    pub cores: u32,
    /// Memory of the machine (or of the control group, where that is less).
    pub memory_bytes: u64,
    /// File system of the broker's data directory, where the broker is on this machine and holds a segment open.
    pub filesystem: Option<String>,
    /// File system of the directory that the result was written to.
    pub out_filesystem: Option<String>,
}

/// The Kafka client library and its settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientInfo {
    /// `librdkafka`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The producer's settings that differ from the library's defaults. Never a password.
    pub producer_settings: BTreeMap<String, String>,
    /// The consumers' settings that differ from the library's defaults. Never a password.
    pub consumer_settings: BTreeMap<String, String>,
}

/// The broker, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BrokerInfo {
    /// `embedded`, `Apache Kafka`, another program's name, or `existing cluster` where its process cannot be seen.
    pub kind: String,
    /// Its version, where known.
    pub version: Option<String>,
    /// Addresses the client used.
    pub address: String,
    /// Brokers in the cluster.
    pub nodes: Option<u32>,
    /// Whether broker and generator share a machine.
    pub same_machine: Option<bool>,
    /// Settings that matter to the figures, as the broker reported them.
    pub settings: BTreeMap<String, String>,
}

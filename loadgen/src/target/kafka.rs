//! Apache Kafka as a target: one KRaft node on loopback, on fresh data that are wiped afterwards.
//!
//! Its settings are stock but for what one node needs, and `group.initial.rebalance.delay.ms=0`, so that a group of a known
//! size does not wait three seconds for more members.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::supervise;

/// How it differs from stock, beside what one node needs.
pub(super) const SETTINGS: [(&str, &str); 1] = [("group.initial.rebalance.delay.ms", "0")];

/// Kafka's own defaults (`bin/kafka-server-start.sh`, `bin/kafka-run-class.sh`); the variables mean what they mean there.
const HEAP: (&str, &str) = ("KAFKA_HEAP_OPTS", "-Xmx1G -Xms1G");
const PERFORMANCE: (&str, &str) = (
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent \
     -Djava.awt.headless=true",
);

/// Why Kafka cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    /// The directory does not hold Kafka.
    #[error("{} holds no Kafka jars (kafka_2.13-*.jar, there or in libs): name Kafka's directory, or get one by scripts/kafka fetch", directory.display())]
    NoJars {
        /// The directory named.
        directory: PathBuf,
    },
    /// No Java, or one that fails.
    #[error("cannot format Kafka's storage with java (17 or newer is needed): {reason}")]
    Format {
        /// The last line that was printed, or what the system said.
        reason: String,
    },
    /// The temporary directory or a free port.
    #[error("cannot prepare Kafka's data directory: {0}")]
    Io(#[from] std::io::Error),
}

/// A node whose storage is formatted, ready to start.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) address: String,
    /// Removed by the watchdog, or by dropping this before it runs.
    directory: tempfile::TempDir,
    class_path: String,
}

/// Formats fresh storage for a node with the jars of `directory`.
pub(super) fn prepare(directory: &Path) -> Result<Prepared, KafkaError> {
    let jars = [directory.join("libs"), directory.join("lib"), directory.to_path_buf()]
        .into_iter()
        .find(|candidate| holds_kafka(candidate))
        .ok_or_else(|| KafkaError::NoJars { directory: directory.to_path_buf() })?;
    let class_path = format!("{}/*", fs::canonicalize(jars)?.display());
    let data = tempfile::Builder::new().prefix("loadgen-kafka-").tempdir()?;
    let (clients, controller) = (free_port()?, free_port()?);
    let path = data.path().join("server.properties");
    fs::write(&path, settings(&data.path().join("data"), clients, controller))?;
    let output = Command::new("java")
        .args([
            "-cp",
            &class_path,
            "kafka.tools.StorageTool",
            "format",
            "--standalone",
            "-t",
            "bG9hZGdlbi1rYWZrYS0wMQ",
            "-c",
        ])
        .arg(&path)
        .output()
        .map_err(|error| KafkaError::Format { reason: error.to_string() })?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let reason = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given").to_owned();
        return Err(KafkaError::Format { reason });
    }
    Ok(Prepared { address: format!("127.0.0.1:{clients}"), directory: data, class_path })
}

impl Prepared {
    /// The supervised command; the watchdog removes the data from now on.
    pub(super) fn into_command(self, own_path: &Path) -> Command {
        let directory = self.directory.keep();
        let options =
            |(variable, default): (&str, &str)| std::env::var(variable).unwrap_or_else(|_| default.to_owned());
        let (heap, performance) = (options(HEAP), options(PERFORMANCE));
        let settings = directory.join("server.properties").display().to_string();
        let java = ["java"].into_iter().chain(heap.split_whitespace()).chain(performance.split_whitespace());
        let words: Vec<&str> = java.chain(["-cp", &self.class_path, "kafka.Kafka", &settings]).collect();
        supervise::command(own_path, Some(&directory), &words)
    }
}

fn holds_kafka(directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(directory) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("kafka_2.") && name.ends_with(".jar")
    })
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, std::io::Error> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn settings(data: &Path, clients: u16, controller: u16) -> String {
    let [(name, value)] = SETTINGS;
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{clients}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         inter.broker.listener.name=PLAINTEXT\n\
         log.dirs={data}\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         {name}={value}\n",
        data = data.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_jars_says_how_to_get_some() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let text = prepare(directory.path()).expect_err("no jars").to_string();
        assert!(text.contains("holds no Kafka jars") && text.contains("scripts/kafka fetch"), "{text}");
    }
}

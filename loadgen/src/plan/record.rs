//! The plan as the result file keeps it, without secrets.

use std::collections::BTreeMap;

use reports::schema;

use super::Plan;
use crate::cli::Calibrate;
use crate::driver::rdkafka::{shown, without_secrets};
use crate::workload::{Bound, PayloadSource};

impl Plan {
    /// The plan as the result file keeps it.
    pub fn record(&self, partitions: i32, topic_created: bool) -> schema::Plan {
        let (duration_ms, messages) = match self.schedule.bound {
            Bound::DurationNs(ns) => (Some(ns / 1_000_000), None),
            Bound::Messages(messages) => (None, Some(messages)),
        };
        schema::Plan {
            command: self.command.iter().map(|argument| self.public(argument)).collect(),
            seed: self.seed,
            target: self.target.to_string(),
            bootstrap_servers: self.bootstrap_servers.clone(),
            topic: self.topic.name.clone(),
            topic_created,
            partitions: partitions.unsigned_abs(),
            replication_factor: self.topic.replication_factor.map(i16::unsigned_abs),
            rate_per_second: self.schedule.rate.as_per_second(),
            duration_ms,
            messages,
            warmup_ms: self.schedule.warmup_ns / 1_000_000,
            size: match self.payload {
                PayloadSource::Random(size) => size.to_string(),
                PayloadSource::Lines(_) => "each line's own".to_owned(),
            },
            payload_file: self.payload_file.as_ref().map(|path| path.display().to_string()),
            key: self.key.to_string(),
            partitioner: self.partitioner.to_string(),
            producers: u32::from(self.schedule.producers),
            groups: u32::from(self.groups),
            consumers_per_group: u32::from(self.consumers),
            acks: self.client_properties().producer.get("acks").cloned().unwrap_or_default(),
            compression: self.compression.name().into(),
            linger_us: self.linger.as_micros() as u64,
            idempotent: self.idempotent,
            properties: without_secrets(&self.properties),
            assertions: self.assertions.iter().map(ToString::to_string).collect(),
            out_dir: Some(self.out.display().to_string()),
            other: self.other_options(),
        }
    }

    /// An argument as it may be written to a file: the value of a secret property is left out.
    fn public(&self, argument: &str) -> String {
        let secrets = self.properties.iter().filter(|(name, value)| shown(name, value) != **value);
        let assigned = secrets.filter_map(|(name, value)| {
            let after = argument.find(name.as_str())? + name.len();
            let equals = after + argument[after..].find('=')?;
            let only_blanks = argument[after..equals].trim().is_empty();
            (only_blanks && !value.is_empty()).then(|| format!("{}(hidden)", &argument[..=equals]))
        });
        assigned.min_by_key(String::len).unwrap_or_else(|| argument.to_owned())
    }

    /// The options that the result's plan has no field for, by their names.
    fn other_options(&self) -> BTreeMap<String, String> {
        let option = |name: &str, value: String| (name.to_owned(), value);
        [
            Some(option("arrival", self.schedule.arrival.to_string())),
            Some(option("drain-timeout", format!("{:?}", self.drain_timeout))),
            (self.calibrate != Calibrate::default()).then(|| option("calibrate", self.calibrate.name().to_owned())),
            self.topic.keep.then(|| option("keep-topic", "true".to_owned())),
            self.target_pid.map(|pid| option("target-pid", pid.to_string())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

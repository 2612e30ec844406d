//! Every setting of both arms side by side: what a comparison holds equal, and what it does not.

use std::collections::BTreeMap;

use super::Setting;
use crate::figures::{duration_ms, duration_us, number};
use crate::schema::RunResult;

/// Every setting of two runs that could move a figure, those that differ first, else by name.
pub fn settings(a: &RunResult, b: &RunResult) -> Vec<Setting> {
    let (a, b) = (of(a), of(b));
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let setting = |name: &String| Setting { name: name.clone(), a: a.get(name).cloned(), b: b.get(name).cloned() };
    let mut settings: Vec<Setting> = names.into_iter().map(setting).collect();
    settings.sort_by_key(|setting| !setting.differs());
    settings
}

fn of(run: &RunResult) -> BTreeMap<String, String> {
    let (plan, manifest) = (&run.plan, &run.manifest);
    let broker = &manifest.broker;
    let mut settings = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        if !value.is_empty() {
            settings.insert(name.to_owned(), value);
        }
    };
    set("rate", format!("{} messages/s", number(plan.rate_per_second)));
    set("warm-up", duration_ms(plan.warmup_ms));
    set("duration", plan.duration_ms.map(duration_ms).unwrap_or_default());
    set("messages", plan.messages.map(crate::figures::count).unwrap_or_default());
    set("size", if plan.payload_file.is_some() { String::new() } else { plan.size.clone() });
    set("payload file", plan.payload_file.clone().unwrap_or_default());
    set("key", plan.key.clone());
    set("partitioner", plan.partitioner.clone());
    set("partitions", plan.partitions.to_string());
    set("replication factor", plan.replication_factor.map_or(String::new(), |n| n.to_string()));
    set("producers", plan.producers.to_string());
    set("consumer groups", plan.groups.to_string());
    set("members of each group", plan.consumers_per_group.to_string());
    set("acks", plan.acks.clone());
    set("idempotent", plan.idempotent.to_string());
    set("linger", duration_us(plan.linger_us));
    set("compression", plan.compression.clone());
    set("broker", format!("{} {}", broker.kind, broker.version.as_deref().unwrap_or_default()).trim().to_owned());
    set("brokers", broker.nodes.map_or(String::new(), |nodes| nodes.to_string()));
    let place = |same| if same { "this machine" } else { "another machine" };
    set("broker runs on", broker.same_machine.map_or(String::new(), |same| place(same).to_owned()));
    set("file system of the broker", manifest.machine.filesystem.clone().unwrap_or_default());
    set("client", format!("{} {}", manifest.client.name, manifest.client.version));
    let commit = manifest.commit.as_deref().map_or(String::new(), |commit| format!(" {commit}"));
    set("loadgen", format!("{}{commit}, {} build", manifest.tool_version, manifest.build_profile));
    for (name, value) in &plan.other {
        set(name, value.clone());
    }
    let maps = [
        ("producer", &manifest.client.producer_settings),
        ("consumer", &manifest.client.consumer_settings),
        ("broker", &broker.settings),
    ];
    for (of, map) in maps {
        for (name, value) in map {
            set(&format!("{of}: {name}"), value.clone());
        }
    }
    settings
}

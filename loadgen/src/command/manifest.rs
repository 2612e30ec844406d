//! The machine, the versions and the settings that a figure is worth nothing without.

use std::fs;

use reports::schema::{BrokerInfo, ClientInfo, Machine, Manifest};

use crate::driver::rdkafka::without_secrets;
use crate::driver::{ClusterDescription, Driver};
use crate::plan::Plan;
use crate::target::{Target, identity};

/// Collects the manifest.
pub(super) fn collect(plan: &Plan, driver: &dyn Driver, target: &Target, cluster: &ClusterDescription) -> Manifest {
    let properties = plan.client_properties();
    let with_user = |own: &std::collections::BTreeMap<String, String>| {
        let mut all = own.clone();
        all.extend(properties.user.clone());
        without_secrets(&all)
    };
    let name = driver.name();
    let broker_pid = target.broker_pid();
    let software = broker_pid.and_then(identity::software).filter(|_| target.kind != "embedded");
    let own_version = (target.kind == "embedded").then(|| env!("CARGO_PKG_VERSION").to_owned());
    let (client, client_version) = name.split_once(' ').unwrap_or((&name, ""));
    Manifest {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("LOADGEN_COMMIT").map(str::to_owned),
        build_profile: build_profile().to_owned(),
        machine: Machine {
            filesystem: broker_pid.and_then(identity::data_filesystem),
            out_filesystem: fs::canonicalize(&plan.out).ok().and_then(|out| identity::filesystem(&out)),
            ..machine()
        },
        client: ClientInfo {
            name: client.to_owned(),
            version: client_version.to_owned(),
            producer_settings: with_user(&properties.producer),
            consumer_settings: with_user(&properties.consumer),
        },
        broker: BrokerInfo {
            kind: software.as_ref().map_or(target.kind, |software| &software.name).to_owned(),
            version: own_version.or(software.and_then(|software| software.version)),
            address: target.bootstrap_servers.clone(),
            nodes: u32::try_from(cluster.brokers.len()).ok(),
            same_machine: Some(target.is_local()),
            settings: target.settings(),
        },
    }
}

/// `debug` or `release`.
pub(super) fn build_profile() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

pub(super) fn machine() -> Machine {
    let system = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu_model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, model)| model);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kib =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    let memory_bytes: u64 = memory_kib.unwrap_or(0_u64) * 1024;
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|limit| limit.trim().parse().ok());
    Machine {
        kernel: format!("{} {}", text(system.sysname()), text(system.release())),
        architecture: text(system.machine()),
        cpu_model: cpu_model.unwrap_or("unknown").to_owned(),
        cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u32),
        memory_bytes: limit.map_or(memory_bytes, |limit: u64| limit.min(memory_bytes)),
        ..Machine::default()
    }
}

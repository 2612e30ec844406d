//! The plan: everything one run needs, resolved and held against itself before anything starts.
//!
//! What the command line says becomes a [`Plan`] by [`Plan::resolve`]; what it leaves open is filled in there. What only
//! the cluster knows (an existing topic's partitions) is filled in by the run. The plan never knows a client or a socket.

mod assertion;
mod error;
mod properties;
mod record;

use std::collections::BTreeMap;
use std::num::NonZeroI32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use assertion::{Assertion, AssertionError};
pub use error::PlanError;
use reports::figures::{counted, time_compact};

use crate::cli::{Calibrate, Compression, RunArgs};
use crate::target::TargetSpec;
use crate::verify::{Acks, Promises, RunShape};
use crate::workload::{
    Bound, KeySpec, Lines, PartitionerSpec, PayloadSource, RateSchedule, SizeSpec, WorkloadSpec, rehearse,
};

/// Partitions of a topic that the run creates, unless told otherwise.
const DEFAULT_PARTITIONS: i32 = 6;
/// What is measured, unless told otherwise.
const DEFAULT_DURATION: Duration = Duration::from_secs(30);

/// Everything one run needs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The command as typed.
    pub command: Vec<String>,
    /// Random for each run, and in every stamp.
    pub run_id: u64,
    /// Seed of every random choice.
    pub seed: u64,
    /// Where the load goes.
    pub target: TargetSpec,
    /// `--bootstrap-servers`.
    pub bootstrap_servers: Option<String>,
    /// `--target-pid`.
    pub target_pid: Option<NonZeroI32>,
    /// The topic.
    pub topic: TopicPlan,
    /// When each message is due.
    pub schedule: RateSchedule,
    /// Where values come from.
    pub payload: PayloadSource,
    /// As typed, for the result.
    pub size: SizeSpec,
    /// As typed, for the result.
    pub payload_file: Option<PathBuf>,
    /// Which keys.
    pub key: KeySpec,
    /// Who chooses the partition.
    pub partitioner: PartitionerSpec,
    /// Consumer groups.
    pub groups: u16,
    /// Members of each group.
    pub consumers: u16,
    /// `acks`.
    pub acks: Acks,
    /// `compression.type`.
    pub compression: Compression,
    /// `linger.ms`.
    pub linger: Duration,
    /// `enable.idempotence`.
    pub idempotent: bool,
    /// `-X`.
    pub properties: BTreeMap<String, String>,
    /// Whether to measure the generator's own limit first.
    pub calibrate: Calibrate,
    /// How long to wait for what is unfinished at the end.
    pub drain_timeout: Duration,
    /// `--assert`.
    pub assertions: Vec<Assertion>,
    /// Where the result goes.
    pub out: PathBuf,
}

/// The topic of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPlan {
    /// Its name.
    pub name: String,
    /// Whether the name is the run's own, so that the topic cannot exist yet.
    pub own_name: bool,
    /// `--partitions`.
    pub partitions: Option<i32>,
    /// `--replication-factor`; none leaves it to the cluster.
    pub replication_factor: Option<i16>,
    /// Whether to leave it.
    pub keep: bool,
    /// The largest batch that it has to take, where that is more than Kafka's topics do by default.
    pub max_message_bytes: Option<usize>,
}

impl TopicPlan {
    /// Partitions to create it with.
    pub fn partitions_to_create(&self) -> i32 {
        self.partitions.unwrap_or(DEFAULT_PARTITIONS)
    }
}

impl Plan {
    /// Resolves what the command line says.
    ///
    /// # Errors
    /// [`PlanError`]: options that make no sense together, or a payload file that cannot be used.
    pub fn resolve(args: &RunArgs, command: Vec<String>) -> Result<Plan, PlanError> {
        let acks = Acks::from(args.acks);
        let idempotent = args.idempotent.unwrap_or(acks == Acks::All);
        if idempotent && acks != Acks::All {
            return Err(PlanError::IdempotentWithoutAcks);
        }
        let properties = properties::checked(&args.properties)?;
        let target = target(args)?;
        if args.keep_topic && target.is_own() {
            return Err(PlanError::KeepsNothing { target: target.to_string() });
        }
        let partitioner = partitioner(args)?;
        let payload = payload(args)?;
        let bound = bound(args)?;
        let (run_id, random) = uuid::Uuid::new_v4().as_u64_pair();
        // 53 bits, which every reader of JSON takes as they are.
        let seed = args.seed.unwrap_or(random >> 11);
        let topic = TopicPlan {
            name: args.topic.clone().unwrap_or_else(|| format!("loadgen-{run_id:016x}")),
            own_name: args.topic.is_none(),
            partitions: args.partitions,
            replication_factor: args.replication_factor,
            keep: args.keep_topic,
            max_message_bytes: properties::room_for(&payload),
        };
        let schedule = RateSchedule {
            rate: args.rate,
            arrival: args.arrival,
            warmup_ns: args.warmup.as_nanos() as u64,
            bound,
            producers: args.producers.get(),
            seed,
        };
        let plan = Plan {
            command,
            run_id,
            seed,
            target,
            bootstrap_servers: args.bootstrap_servers.clone(),
            target_pid: args.target_pid,
            topic,
            schedule,
            payload,
            size: args.size,
            payload_file: args.payload_file.clone(),
            key: args.key.clone(),
            partitioner,
            groups: args.groups.get(),
            consumers: args.consumers.get(),
            acks,
            compression: args.compression,
            linger: args.linger,
            idempotent,
            properties,
            calibrate: args.calibrate,
            drain_timeout: args.drain_timeout,
            assertions: args.assertions.clone(),
            out: args.out.clone().unwrap_or_else(default_out),
        };
        // An existing topic's partitions are known to the cluster alone; then the run rehearses.
        if plan.topic.own_name {
            rehearse(&plan.workload(plan.topic.partitions_to_create()), &plan.schedule)?;
        }
        Ok(plan)
    }

    /// Id of the consumer group with this index: no other run's.
    pub fn group_id(&self, group: u16) -> String {
        format!("loadgen-{:016x}-{group}", self.run_id)
    }

    /// What the result calls that group.
    pub fn group_name(&self, group: u16) -> String {
        format!("g{group}")
    }

    /// What every message is made of, on a topic of so many partitions.
    pub fn workload(&self, partitions: i32) -> WorkloadSpec {
        WorkloadSpec {
            source: self.payload.clone(),
            key: self.key.clone(),
            partitioner: self.partitioner.clone(),
            partitions,
            seed: self.seed,
        }
    }

    /// What the parts of the verification agree upon.
    pub fn shape(&self, partitions: i32) -> RunShape {
        RunShape {
            run_id: self.run_id,
            producers: self.schedule.producers,
            partitions,
            groups: self.groups,
            client_chooses: self.partitioner == PartitionerSpec::Client,
        }
    }

    /// What the settings promise.
    pub fn promises(&self, own_topic: bool, drained: bool) -> Promises {
        let number = |names: [&str; 2], default: i64| {
            names.iter().find_map(|name| self.properties.get(*name)?.parse().ok()).unwrap_or(default)
        };
        Promises {
            acks: self.acks,
            idempotent: self.idempotent,
            retries: number(["message.send.max.retries", "retries"], i64::MAX) > 0,
            pipelined: number(["max.in.flight.requests.per.connection", "max.in.flight"], i64::MAX) > 1,
            key_decides: self.partitioner != PartitionerSpec::Client
                || self.properties.get("partitioner").is_none_or(|partitioner| partitioner != "random"),
            own_topic,
            drained,
        }
    }

    /// What is worth knowing about the plan before its figures are read: what became of the payload file.
    pub fn remarks(&self) -> Vec<String> {
        let PayloadSource::Lines(lines) = &self.payload else { return Vec::new() };
        let limit_mib = Lines::LIMIT_BYTES >> 20;
        let cut = format!("--payload-file is larger than {limit_mib} MiB: only the lines up to there were sent");
        let keyless = format!(
            "{} of the payload file's {} lines lack the key and were sent without one",
            lines.without_key(),
            lines.count()
        );
        let empty = format!("{} of the payload file skipped", counted(lines.empty() as u64, "empty line"));
        [(lines.is_cut(), cut), (lines.without_key() > 0, keyless), (lines.empty() > 0, empty)]
            .into_iter()
            .filter_map(|(is, remark)| is.then_some(remark))
            .collect()
    }
}

fn target(args: &RunArgs) -> Result<TargetSpec, PlanError> {
    match (&args.target, &args.bootstrap_servers) {
        (TargetSpec::Existing(None), Some(addresses)) => Ok(TargetSpec::Existing(Some(addresses.clone()))),
        (TargetSpec::Existing(None), None) => Err(PlanError::NoAddress),
        (target @ (TargetSpec::Embedded | TargetSpec::Kafka(_) | TargetSpec::Existing(Some(_))), Some(_)) => {
            Err(PlanError::TwoTargets { target: target.to_string() })
        }
        (target, _) => Ok(target.clone()),
    }
}

fn partitioner(args: &RunArgs) -> Result<PartitionerSpec, PlanError> {
    let keyed = args.key != KeySpec::None;
    let chosen = match &args.partitioner {
        Some(chosen) => chosen.clone(),
        None if keyed => PartitionerSpec::Murmur2,
        None => PartitionerSpec::RoundRobin,
    };
    if !keyed && chosen.needs_keys() {
        return Err(PlanError::PartitionerNeedsKeys { partitioner: chosen.to_string() });
    }
    Ok(chosen)
}

fn payload(args: &RunArgs) -> Result<PayloadSource, PlanError> {
    let field = match &args.key {
        KeySpec::Payload(field) => Some(field),
        _ => None,
    };
    match &args.payload_file {
        Some(path) => Ok(PayloadSource::Lines(Arc::new(Lines::load(path, field)?))),
        None if field.is_some() => Err(PlanError::KeyNeedsPayload { key: args.key.to_string() }),
        None => Ok(PayloadSource::Random(args.size)),
    }
}

fn bound(args: &RunArgs) -> Result<Bound, PlanError> {
    match (args.messages, args.duration.unwrap_or(DEFAULT_DURATION)) {
        (Some(0), _) => Err(PlanError::Nothing { what: "--messages" }),
        (Some(messages), _) => Ok(Bound::Messages(messages)),
        (None, Duration::ZERO) => Err(PlanError::Nothing { what: "--duration" }),
        (None, duration) => Ok(Bound::DurationNs(duration.as_nanos() as u64)),
    }
}

/// `loadgen-results/20260131T235959Z`, in UTC.
pub(crate) fn default_out() -> PathBuf {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    PathBuf::from("loadgen-results").join(time_compact(since_epoch.as_millis() as i64))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn resolve(arguments: &str) -> Result<Plan, PlanError> {
        let words = ["loadgen", "run"].into_iter().chain(arguments.split_whitespace());
        match Cli::try_parse_from(words).expect("parses").command {
            Command::Run(args) => Plan::resolve(&args, Vec::new()),
            _ => panic!("not run"),
        }
    }

    #[test]
    fn the_defaults_are_those_the_help_promises() {
        let plan = resolve("").expect("valid");
        assert_eq!(plan.schedule.rate.as_per_second(), 100_000.0);
        assert_eq!(plan.schedule.bound, Bound::DurationNs(30_000_000_000));
        assert_eq!(plan.partitioner, PartitionerSpec::RoundRobin);
        assert!(plan.idempotent && plan.acks == Acks::All && plan.target == TargetSpec::Embedded);
        assert_eq!(plan.topic.partitions_to_create(), 6);
    }

    #[test]
    fn keys_make_murmur2_the_default() {
        assert_eq!(resolve("--key 10k").expect("valid").partitioner, PartitionerSpec::Murmur2);
    }

    #[test]
    fn idempotence_follows_acks_and_contradicts_less_than_all() {
        assert!(!resolve("--acks 1").expect("valid").idempotent);
        assert!(matches!(resolve("--acks 1 --idempotent"), Err(PlanError::IdempotentWithoutAcks)));
    }

    #[test]
    fn a_property_with_an_option_of_its_own_is_sent_there() {
        let text = resolve("-X linger.ms=3").expect_err("refused").to_string();
        assert_eq!(text, "-X linger.ms is what --linger sets: use that");
        assert!(matches!(resolve("-X group.id=a"), Err(PlanError::PropertyReserved { .. })));
    }

    #[test]
    fn an_address_makes_the_target_an_existing_cluster() {
        let plan = resolve("-b a:1,b:2").expect("valid");
        assert_eq!(plan.target, TargetSpec::Existing(Some("a:1,b:2".into())));
        assert!(matches!(resolve("-b a:1 --target embedded"), Err(PlanError::TwoTargets { .. })));
    }

    #[test]
    fn the_clients_random_partitioner_promises_nothing_about_keys() {
        let promises = |options: &str| resolve(options).expect("valid").promises(true, true);
        assert!(promises("--key 10 --partitioner client").key_decides);
        assert!(!promises("--key 10 --partitioner client -X partitioner=random").key_decides);
        assert!(promises("--key 10 -X partitioner=random").key_decides, "the plan's own choice stands");
    }

    #[test]
    fn every_option_without_a_field_of_its_own_is_recorded_too() {
        let plan = resolve("-b a:1 --arrival poisson --drain-timeout 90s --keep-topic --target-pid 7").expect("valid");
        let other = plan.record(6, true).other;
        let shown: Vec<String> = other.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["arrival=poisson", "drain-timeout=90s", "keep-topic=true", "target-pid=7"]);
    }

    #[test]
    fn lines_without_the_key_are_remarked_on_and_no_size_is_claimed_for_them() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "{\"user\":1}\n{}\n{}\n").expect("written");
        let plan = resolve(&format!("--payload-file {} --key payload:$.user", file.path().display())).expect("valid");
        assert_eq!(plan.remarks(), ["2 of the payload file's 3 lines lack the key and were sent without one"]);
        std::fs::write(file.path(), "a\n\r\n\nb\n").expect("written");
        let gappy = resolve(&format!("--payload-file {}", file.path().display())).expect("valid");
        assert_eq!(gappy.remarks(), ["2 empty lines of the payload file skipped"]);
        assert!(!plan.record(6, true).size.contains("100"));
        assert!(resolve("").expect("valid").remarks().is_empty());
    }

    #[test]
    fn contradictions_are_refused() {
        assert!(matches!(resolve("--keep-topic"), Err(PlanError::KeepsNothing { .. })));
        let explicit = resolve("--partitioner explicit:key[0:2]%6");
        assert!(matches!(explicit, Err(PlanError::PartitionerNeedsKeys { .. })));
        assert!(matches!(resolve("--partitioner explicit:seq%7"), Err(PlanError::Rehearsal(_))));
        assert!(resolve("--partitioner explicit:seq%7 --topic t").is_ok(), "it may have seven");
        assert!(matches!(resolve("--messages 0"), Err(PlanError::Nothing { .. })));
        assert!(matches!(resolve("--duration 0s"), Err(PlanError::Nothing { .. })));
        assert!(matches!(resolve("--partitioner murmur2"), Err(PlanError::PartitionerNeedsKeys { .. })));
        assert!(matches!(resolve("--key payload:$.user"), Err(PlanError::KeyNeedsPayload { .. })));
    }
}

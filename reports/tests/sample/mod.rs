//! Plausible results: a clean 30 s run at 100,000 messages a second with a hiccup, and runs that went wrong.

pub mod comparison;

use hdrhistogram::Histogram;
use reports::RunResult;
use reports::schema::*;
use serde_json::Value;

const SECONDS: u32 = 30;
const RATE: u64 = 100_000;
const GROUPS: [&str; 2] = ["g0", "g1"];

/// A clean run; the broker stalled for a moment in second 12.
pub fn clean() -> RunResult {
    let mut noise = Noise(7);
    let [mut whole_ack, mut whole_actual, mut whole_consumed, mut whole_lag] = std::array::from_fn(|_| histogram());
    let mut series = Vec::new();
    let mut behind = 0;
    for second in 0..SECONDS {
        let (mut ack, mut consumed) = (histogram(), histogram());
        let stalled = second == 12;
        for i in 0..2_000 {
            // In a stall, a message waits for its end.
            let stall_us = if stalled && i < 700 { f64::from(700 - i) * 500.0 } else { 0.0 };
            let broker_us =
                900.0 + noise.exponential(350.0) + if noise.unit() < 0.004 { noise.exponential(6_000.0) } else { 0.0 };
            let linger_us = noise.unit() * 5_000.0;
            let wake_us = 80.0 + noise.exponential(150.0);
            let intended_us = linger_us + broker_us + stall_us;
            for (into, us) in [
                (&mut ack, intended_us),
                (&mut whole_ack, intended_us),
                (&mut whole_actual, linger_us + broker_us + stall_us * 0.2),
                (&mut whole_lag, wake_us),
            ] {
                into.record_n((us * 1e3) as u64, RATE / 2_000).expect("resizable");
            }
            for group in 0..GROUPS.len() {
                let us = intended_us + 150.0 + noise.exponential(400.0);
                consumed.record_n((us * 1e3) as u64, RATE / 2_000).expect("resizable");
                if group == 0 {
                    whole_consumed.record_n((us * 1e3) as u64, RATE / 2_000).expect("resizable");
                }
            }
        }
        let acked = if stalled { 67_300 } else { RATE + if second == 13 { 32_700 } else { 0 } };
        behind = if stalled { 21_400 } else { behind / 8 + 250 + (noise.unit() * 120.0) as u64 };
        series.push(Second {
            second,
            due: RATE,
            sent: RATE - if stalled { 9_100 } else { 0 } + if second == 13 { 9_100 } else { 0 },
            acked,
            acked_bytes: acked * 100,
            groups: (0..2).map(|g| GroupSecond { consumed: acked - 60 * g, lag: behind + 40 * g }).collect(),
            ack: LatencySlice::from_histogram(&ack),
            consumed: LatencySlice::from_histogram(&consumed),
            broker_cpu_us: Some(if stalled { 120_000 } else { 190_000 + (noise.unit() * 30_000.0) as u64 }),
            broker_rss_bytes: Some((21 << 20) + u64::from(second) * 120_000),
            generator_cpu_us: Some(430_000 + (noise.unit() * 40_000.0) as u64),
        });
    }
    let [intended, actual, consumed, lag] = [whole_ack, whole_actual, whole_consumed, whole_lag]
        .map(|histogram| Latency::from_histogram(&histogram, 0, None, 0));
    let messages = RATE * u64::from(SECONDS);
    RunResult {
        plan: plan(),
        manifest: manifest(),
        times: Times { started_unix_ms: 1_795_400_000_000, warmup_ms: 5_000, measured_ms: 30_000, drain_ms: 41, total_ms: 35_260 },
        totals: Totals {
            due: messages,
            submitted: messages,
            acked: messages,
            acked_in_window: messages - 412,
            acked_during_window: messages - 3,
            acked_bytes: messages * 100,
            warmup_messages: 500_000,
            groups: GROUPS
                .map(|name| GroupTotals {
                    name: name.to_owned(),
                    members: 2,
                    consumed: messages,
                    consumed_in_window: messages - 640,
                    consumed_during_window: messages + 12,
                    consumed_bytes: messages * 100,
                    ..GroupTotals::default()
                })
                .to_vec(),
            ..Totals::default()
        },
        latencies: Latencies {
            intended_to_ack: intended,
            actual_to_ack: actual,
            intended_to_consumed: GROUPS.map(|group| GroupLatency { group: group.to_owned(), latency: consumed.clone() }).to_vec(),
            schedule_lag: lag.clone(),
        },
        series,
        partitions: (0..6)
            .map(|partition| PartitionTotals {
                partition,
                messages: 491_000 + [13_210, 0, 21_400, 5_700, 10_810, 2_880][partition as usize],
                expected_messages: Some(messages / 6),
                order_violations: 0,
            })
            .collect(),
        verdict: Verdict {
            complete: true,
            clean: true,
            checked: messages * 2,
            expectation: vec![
                "Idempotent producers with acks=all: every acknowledged message is there once, in the order it was sent.".into(),
                "Each of 2 groups reads every message; a member may read again what was not committed when it was assigned.".into(),
            ],
            ..Verdict::default()
        },
        generator: GeneratorHealth {
            max_schedule_lag_ns: 2_140_000,
            queue_full_ns: 0,
            pacing_quantum_ns: 1_000_000,
            cpu_share: Some(0.222),
            clock_jitter_ns: Some(61_000),
            clock_jitter_p99_ns: Some(58_000),
            queue_full_share: Some(0.0),
            workers: vec![WorkerHealth { worker: 0, schedule_lag: lag, queue_full_ns: 0 }],
            threads: threads(),
            limit_messages_per_second: Some(812_340.0),
            headroom: Some(8.1234),
            calibration: Some(Calibration {
                measured_unix_ms: 1_699_990_000_000,
                cached: true,
                took_ms: 1_480,
                covers: "producing only, into a server on this machine that acknowledges and keeps nothing".into(),
            }),
        },
        resources: Resources {
            broker: Some(ProcessUse {
                user_us: 2_310_000,
                system_us: 3_480_000,
                cpu_us_per_million_messages: Some(1_930_000),
                rss_max_bytes: 25 << 20,
                read_bytes: Some(0),
                written_bytes: Some(428 << 20),
                voluntary_switches: Some(181_220),
                involuntary_switches: Some(4_410),
                ready_us: Some(6_800),
            }),
            generator: Some(ProcessUse { user_us: 9_800_000, system_us: 3_500_000, rss_max_bytes: 88 << 20, ..ProcessUse::default() }),
        },
        batching: Batching {
            messages_per_batch: Some(83.4),
            bytes_per_batch: Some(9_120.0),
            produce_requests_per_second: Some(1_199.0),
        },
        assertions: vec![Assertion { expression: "p99<100ms".into(), measured: Some("54.1 ms".into()), held: Some(true) }],
        exit: ExitStatus { code: 0, name: "clean".into() },
        ..RunResult::default()
    }
}

/// Messages lost and read twice.
pub fn with_anomalies() -> RunResult {
    let mut run = clean();
    run.verdict.clean = false;
    let example = |partition, first, last, group: Option<&str>, detail: &str| AnomalyExample {
        partition,
        first_offset: first,
        last_offset: last,
        group: group.map(str::to_owned),
        detail: detail.to_owned(),
    };
    run.verdict.anomalies = vec![
        Anomaly {
            name: "lost-write".into(),
            count: 318,
            failing: true,
            meaning: "Acknowledged, and never read by the group although it read past the offset.".into(),
            examples: vec![
                example(
                    3,
                    Some(211_804),
                    Some(212_103),
                    Some("loadgen-1"),
                    "300 messages of producer 1, sequences 211,790 to 212,089, were acknowledged at these offsets.",
                ),
                example(
                    5,
                    Some(98),
                    Some(115),
                    Some("loadgen-2"),
                    "18 messages of producer 0 were acknowledged at these offsets.",
                ),
            ],
        },
        Anomaly {
            name: "nonmonotonic-poll".into(),
            count: 2,
            failing: true,
            meaning: "One poll returned an offset that is no higher than the one before it.".into(),
            examples: vec![example(0, Some(4_411), None, Some("loadgen-1"), "Offset 4,411 followed offset 4,415.")],
        },
        Anomaly {
            name: "duplicate".into(),
            count: 12,
            failing: false,
            meaning: "The same message stands in the log twice.".into(),
            examples: vec![example(1, Some(77), Some(88), None, "Sequences 60 to 71 of producer 1 again.")],
        },
    ];
    run.partitions[0].order_violations = 2;
    run.assertions.push(Assertion {
        expression: "p99.9<200ms".into(),
        measured: Some("324 ms".into()),
        held: Some(false),
    });
    run.exit = ExitStatus { code: 1, name: "anomalies".into() };
    run
}

/// Ended by the user after eight and a half seconds.
pub fn cut_short() -> RunResult {
    let mut run = clean();
    run.ending = Ending::Interrupted;
    run.times.measured_ms = 8_500;
    run.series.truncate(9);
    if let Some(last) = run.series.last_mut() {
        (last.due, last.sent, last.acked) = (last.due / 2, last.sent / 2, last.acked / 2);
        last.groups.iter_mut().for_each(|group| group.consumed /= 2);
    }
    let messages = 850_000;
    (run.totals.due, run.totals.submitted, run.totals.acked, run.totals.acked_in_window) =
        (messages, messages, messages - 120, messages - 400);
    run.totals.acked_during_window = messages - 110;
    run.totals.unknown = 120;
    run.totals.acked_bytes = run.totals.acked * 100;
    run.verdict.checked = run.totals.acked * 2;
    run.totals.groups.iter_mut().for_each(|group| {
        (group.consumed, group.consumed_in_window) = (messages - 120, messages - 500);
        group.consumed_during_window = messages - 130;
    });
    run.latencies.intended_to_ack.censored = 120;
    run.latencies.intended_to_ack.censored_from_ns = Some(400_000_000);
    run
}

/// The generator could not keep to its schedule.
pub fn invalid() -> RunResult {
    let mut run = clean();
    let reason = |kind: &str, rule: &str, sentence: &str| Invalidity {
        kind: kind.into(),
        rule: rule.into(),
        sentence: sentence.into(),
    };
    run.validity = Validity {
        valid: false,
        reasons: vec![reason(
            "GENERATOR-LIMITED",
            "late",
            "one message in a hundred left more than 1.9 s late, which is most of the latency measured; lower --rate",
        )],
    };
    run.generator.headroom = Some(0.81);
    run.generator.limit_messages_per_second = Some(81_000.0);
    run.generator.max_schedule_lag_ns = 1_900_000_000;
    run.generator.queue_full_ns = 4_200_000_000;
    run.generator.cpu_share = Some(0.97);
    (run.totals.acked_in_window, run.totals.acked_during_window) = (2_790_000, 2_791_000);
    run.exit = ExitStatus { code: 2, name: "invalid".into() };
    run
}

/// Every text of a run that failed is hostile, but those that decide how the file is read.
pub fn hostile() -> RunResult {
    const HOSTILE: &str = "<script>alert('1')</script>\"&\u{1b}[31m|`";
    const STRUCTURE: [&str; 3] = ["schema_version", "histogram", "how"];
    fn spoil(value: &mut Value) {
        match value {
            Value::String(text) => HOSTILE.clone_into(text),
            Value::Array(values) => values.iter_mut().for_each(spoil),
            Value::Object(fields) => {
                fields
                    .iter_mut()
                    .filter(|(name, _)| !STRUCTURE.contains(&name.as_str()))
                    .for_each(|(_, value)| spoil(value));
                if fields.contains_key("linger.ms") {
                    fields.insert(HOSTILE.to_owned(), Value::String(HOSTILE.to_owned()));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut run = with_anomalies();
    run.ending = Ending::Failed { error: String::new() };
    run.verdict.invalid.push(String::new());
    let mut json = serde_json::to_value(&run).expect("plain records");
    spoil(&mut json);
    serde_json::from_value(json).expect("still the same shape")
}

fn threads() -> Vec<ThreadsUse> {
    let of = |role: &str, threads, run_us, wait_us: u64| ThreadsUse {
        role: role.into(),
        threads,
        run_us,
        wait_us: Some(wait_us),
        turns: Some(61_000),
        max_wait_share: Some(wait_us as f64 / 30e6),
        max_run_share: run_us as f64 / 30e6,
        voluntary_switches: Some(60_100),
        involuntary_switches: Some(900),
    };
    vec![
        of("producer workers", 1, 5_210_000, 620_000),
        of("consumer workers", 2, 4_480_000, 310_000),
        of("librdkafka", 12, 3_600_000, 800_000),
        of("rest", 3, 30_000, 2_000),
    ]
}

fn plan() -> Plan {
    Plan {
        command: ["loadgen", "run", "--rate", "100k/s", "--groups", "2", "--assert", "p99<100ms"]
            .map(str::to_owned)
            .to_vec(),
        seed: 4_211_907,
        target: "embedded".into(),
        topic: "loadgen-4211907".into(),
        topic_created: true,
        partitions: 6,
        rate_per_second: 100_000.0,
        duration_ms: Some(30_000),
        warmup_ms: 5_000,
        size: "100 B".into(),
        key: "uniform:10000".into(),
        partitioner: "murmur2".into(),
        producers: 2,
        groups: 2,
        consumers_per_group: 2,
        acks: "all".into(),
        compression: "none".into(),
        linger_us: 5_000,
        idempotent: true,
        assertions: vec!["p99<100ms".into()],
        ..Plan::default()
    }
}

fn manifest() -> Manifest {
    let settings = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Manifest {
        tool_version: "0.1.0".into(),
        commit: Some("1ae5ad6".into()),
        build_profile: "release".into(),
        machine: Machine {
            kernel: "Linux 6.12.8".into(),
            architecture: "x86_64".into(),
            cpu_model: "AMD EPYC 7763 64-Core Processor".into(),
            cores: 2,
            memory_bytes: 8 << 30,
            filesystem: Some("ext4".into()),
            out_filesystem: Some("xfs".into()),
        },
        client: ClientInfo {
            name: "librdkafka".into(),
            version: "2.12.1".into(),
            producer_settings: settings(&[("acks", "all"), ("linger.ms", "5"), ("enable.idempotence", "true")]),
            consumer_settings: settings(&[("auto.offset.reset", "error"), ("fetch.wait.max.ms", "500")]),
        },
        broker: BrokerInfo {
            kind: "embedded broker".into(),
            version: Some("0.1.0".into()),
            address: "127.0.0.1:39127".into(),
            nodes: Some(1),
            same_machine: Some(true),
            settings: settings(&[("log.segment.bytes", "1073741824"), ("flush.messages", "9223372036854775807")]),
        },
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are valid")
}

/// SplitMix64: repeatable, and enough for a picture.
struct Noise(u64);

impl Noise {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

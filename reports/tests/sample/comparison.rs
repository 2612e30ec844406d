//! Made-up comparisons: a broker that is clearly better but for one metric, the same with itself, and what goes wrong.

use std::collections::BTreeMap;

use reports::RunResult;
use reports::comparison::*;
use reports::schema::{Ending, ExitStatus};
use reports::statistics::looks;

use super::{Noise, clean, hostile};

/// B's figures over A's by metric; those without have 1.
const BETTER: [(&str, f64); 7] = [
    ("ack.p99", 0.31),
    ("e2e.p99", 0.42),
    ("broker-cpu", 0.26),
    ("ack.p50", 0.72),
    ("e2e.p50", 0.74),
    ("broker-rss", 0.0112),
    ("ready", 0.004),
];

/// Ten pairs of a clear case, which ended at the first look; one pair was excluded.
pub fn better() -> Comparison {
    let mut comparison = compared(&BETTER, 16, 11);
    comparison.runs[5].invalid.push("GENERATOR-LIMITED: one message in a hundred left more than 11 ms late".into());
    comparison.design.looks[0].taken = true;
    let alpha = comparison.design.looks[0].alpha;
    judge(&mut comparison, alpha);
    comparison.exit = ExitStatus { code: 0, name: "clean".into() };
    comparison
}

/// Sixteen pairs of a broker and itself, with pairs of A and A in between.
pub fn same() -> Comparison {
    let mut comparison = compared(&[("e2e.p99", 1.04)], 16, 16);
    comparison.b.label = format!("{} again", comparison.a.label);
    let aa: Vec<Run> = comparison.runs.iter().map(|run| Run { series: Series::Aa, ..run.clone() }).collect();
    comparison.runs.extend(aa);
    comparison.design.aa_pairs = 16;
    comparison.design.looks.iter_mut().for_each(|look| look.taken = true);
    judge(&mut comparison, 0.0378);
    comparison
}

/// Three pairs, in which B is worse for all that can be told, and then a run that lost messages.
pub fn with_anomalies() -> Comparison {
    let mut comparison = compared(&[("ack.p99", 2.0)], 16, 3);
    comparison.ending = Ending::Failed { error: "embedded found 2 lost-write: see runs/pair-04-b/report.html".into() };
    comparison.runs.push(Run {
        pair: 4,
        side: Side::B,
        exit: ExitStatus { code: 1, name: "anomalies".into() },
        ..Run::default()
    });
    judge(&mut comparison, 0.0122);
    comparison
}

/// Names from outside that try to be markup.
pub fn with_hostile_names() -> Comparison {
    let mut comparison = compared(&BETTER, 8, 8);
    let evil = "</code><script>alert(1)</script>\u{1b}[31m|`*";
    for arm in [&mut comparison.a, &mut comparison.b] {
        (arm.spec, arm.label) = (evil.to_owned(), evil.to_owned());
    }
    comparison.runs.iter_mut().for_each(|run| run.dir = "javascript\u{3a}\"onclick=\"".to_owned() + evil);
    comparison.settings.push(Setting { name: evil.into(), a: Some(evil.into()), b: None });
    comparison.command = vec![evil.into()];
    judge(&mut comparison, 0.05);
    comparison
}

fn compared(ratios: &[(&str, f64)], planned: u32, pairs: u32) -> Comparison {
    let (a, mut b) = (clean(), clean());
    b.plan.target = "kafka:/opt/kafka".into();
    (b.manifest.broker.kind, b.manifest.broker.version) = ("Apache Kafka".into(), Some("4.3.1".into()));
    let mut noise = Noise(3);
    let mut runs = Vec::new();
    for pair in 1..=pairs {
        for side in [Side::A, Side::B] {
            let of_run = noise.exponential(0.05);
            let vary = |(name, figure): (String, Figure)| {
                let ratio = ratios.iter().find(|(metric, _)| *metric == name).map_or(1.0, |(_, ratio)| *ratio);
                let ratio = if side == Side::B { ratio } else { 1.0 };
                let spread = if name == "throughput" { 0.002 } else { 1.0 };
                let value = figure.value * ratio * ((of_run + noise.exponential(0.04)) * spread).exp();
                (name, Figure { value, ..figure })
            };
            let figures: BTreeMap<String, Figure> = figures(&a).into_iter().map(vary).collect();
            runs.push(Run {
                pair,
                side,
                dir: format!("runs/pair-{pair:02}-{}", if side == Side::A { "a" } else { "b" }),
                total_ms: 17_300,
                exit: ExitStatus { code: 0, name: "clean".into() },
                rate_held: true,
                figures,
                ..Run::default()
            });
        }
    }
    let look = |look: reports::statistics::Look| PlannedLook { pairs: look.pairs, alpha: look.alpha, taken: false };
    let arm = |spec: &str, label: &str, result: &RunResult| Arm {
        spec: spec.into(),
        label: label.into(),
        plan: result.plan.clone(),
        manifest: result.manifest.clone(),
        latencies: merged([result, result].into_iter()),
        ..Arm::default()
    };
    Comparison {
        schema: SCHEMA.into(),
        command: vec!["loadgen".into(), "compare".into(), "kafka:/opt/kafka".into(), "embedded".into()],
        seed: 7,
        started_unix_ms: 1_700_000_000_000,
        total_ms: 412_000,
        machine: a.manifest.machine.clone(),
        settings: settings(&b, &a),
        a: arm("kafka:/opt/kafka", "Apache Kafka 4.3.1", &b),
        b: arm("embedded", "embedded 0.1.0", &a),
        design: Design {
            pairs: planned,
            alpha: 0.05,
            tolerance: 0.05,
            looks: looks(planned, 0.05, 4).into_iter().map(look).collect(),
            ..Design::default()
        },
        runs,
        ..Comparison::default()
    }
}

/// All of them, by name.
#[allow(dead_code, reason = "not every test that holds the samples looks at these")]
pub fn all() -> Vec<(&'static str, Comparison)> {
    let mut of_hostile_run = compared(&[], 8, 1);
    of_hostile_run.settings = settings(&hostile(), &clean());
    vec![
        ("better", better()),
        ("same", same()),
        ("failed", with_anomalies()),
        ("hostile-names", with_hostile_names()),
        ("hostile-run", of_hostile_run),
        ("nothing", Comparison::default()),
    ]
}

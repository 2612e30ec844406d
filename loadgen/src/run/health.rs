//! The generator's health as records of the result, and the judgement that follows from them.

use reports::schema;

use super::record::{latency_record, sampled_ns, used};
use super::{Outcome, producer};
use crate::measure::threads::RoleUse;
use crate::measure::{Quantile, validity};

/// The records.
pub(super) fn record(outcome: &Outcome) -> schema::GeneratorHealth {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let used = used(outcome, |sample| sample.generator).map(|(first, last)| last.cpu_us() - first.cpu_us());
    let jitter = &outcome.jitter;
    let workers: Vec<schema::WorkerHealth> =
        outcome.producers.iter().zip(0..).map(|(report, worker)| worker_health(outcome, report, worker)).collect();
    let longest_full_ns = workers.iter().map(|worker| worker.queue_full_ns).max().unwrap_or(0);
    schema::GeneratorHealth {
        max_schedule_lag_ns: outcome.producers.iter().map(|report| report.max_lag_ns).max().unwrap_or(0),
        queue_full_ns: workers.iter().map(|worker| worker.queue_full_ns).sum(),
        queue_full_share: (outcome.measured_ns > 0).then(|| longest_full_ns as f64 / outcome.measured_ns as f64),
        pacing_quantum_ns: producer::QUANTUM_NS,
        cpu_share: used.map(|us| us as f64 * 1e3 / (sampled_ns(outcome) * cores) as f64),
        clock_jitter_ns: (jitter.count() > 0).then(|| jitter.max()),
        clock_jitter_p99_ns: match jitter.quantile(0.99) {
            Quantile::At(ns) | Quantile::Above(ns) => Some(ns),
            Quantile::Empty => None,
        },
        workers,
        threads: outcome.threads.iter().map(threads_use).collect(),
        ..schema::GeneratorHealth::default()
    }
}

fn worker_health(outcome: &Outcome, report: &producer::ProducerReport, worker: u16) -> schema::WorkerHealth {
    let lag = outcome.measurements.lag_by_producer.get(&worker);
    schema::WorkerHealth {
        worker: u32::from(worker),
        schedule_lag: lag.map(latency_record).unwrap_or_default(),
        queue_full_ns: report.queue_full_ns,
    }
}

fn threads_use(used: &RoleUse) -> schema::ThreadsUse {
    schema::ThreadsUse {
        role: used.role.name().to_owned(),
        threads: used.threads,
        run_us: used.run_ns / 1_000,
        wait_us: used.waited.map(|(wait_ns, _)| wait_ns / 1_000),
        turns: used.waited.map(|(_, turns)| turns),
        max_wait_share: used.max_wait_share,
        max_run_share: used.max_run_share,
        voluntary_switches: used.switches.map(|(voluntary, _)| voluntary),
        involuntary_switches: used.switches.map(|(_, involuntary)| involuntary),
    }
}

/// Judges the result by what stands in it. To be called again where something was added that a rule looks at.
pub fn judge(result: &mut schema::RunResult) {
    result.validity = validity::judge(result);
    let sentence = |reason: &schema::Invalidity| format!("{}: {}", reason.kind, reason.sentence);
    result.verdict.invalid = result.validity.reasons.iter().map(sentence).collect();
}

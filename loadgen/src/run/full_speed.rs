//! The producers alone, as fast as they can: no pace, no consumers, no verdict.
//!
//! The same workers, client, stamps, recorders and ledger as in a run, on a schedule by which everything is due at once.
//! What they noted goes nowhere; the acknowledgements of a fixed time are counted.

use std::sync::mpsc::channel;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use super::producer::{ProducerReport, ProducerWorker};
use super::{Control, LEAD_NS, RunError, Senders, joined, named, producer_workers};
use crate::clock::{NANOS_PER_SECOND, now_ns};
use crate::driver::Driver;
use crate::measure::threads::PRODUCER_THREAD;
use crate::plan::Plan;
use crate::workload::{Arrival, Bound, Rate, RateSchedule};

/// Connecting, and filling the first batches: not counted.
const RAMP_NS: u64 = 300_000_000;
/// For how long acknowledgements are counted.
const WINDOW_NS: u64 = NANOS_PER_SECOND;
/// What falls due for each worker: several times what a client library takes.
const RATE_A_WORKER: f64 = 4e6;

/// Acknowledged messages a second, over all producers of the plan, into whatever the driver connects to.
///
/// # Errors
/// A client that cannot be made, or a worker's thread; a target that acknowledges nothing.
pub fn full_speed(plan: &Plan, driver: &dyn Driver, partitions: i32) -> Result<f64, RunError> {
    let rate = Rate::per_second(RATE_A_WORKER * f64::from(plan.schedule.producers)).unwrap_or(plan.schedule.rate);
    let schedule = RateSchedule {
        rate,
        arrival: Arrival::Constant,
        warmup_ns: RAMP_NS,
        bound: Bound::DurationNs(WINDOW_NS),
        ..plan.schedule
    };
    // What is due and not sent when the time is over is given up there and then.
    let plan = Plan { schedule, drain_timeout: Duration::ZERO, ..plan.clone() };
    let control = Control::default();
    // Without receivers, what is handed over is dropped.
    let (intervals, evidence) = (channel().0, channel().0);
    let start_ns = now_ns() + LEAD_NS;
    let workers = producer_workers(&plan, driver, &control, Senders { intervals, evidence }, partitions, start_ns)?;
    control.start_at(start_ns);
    control.end_at(start_ns + schedule.end_ns());
    let reports = thread::scope(|scope| {
        let run = |worker: ProducerWorker<'_>| worker.run();
        let spawned: Result<Vec<ScopedJoinHandle<'_, ProducerReport>>, _> = workers
            .into_iter()
            .map(|worker| named(PRODUCER_THREAD).spawn_scoped(scope, move || run(worker)).map_err(RunError::Thread))
            .collect();
        Ok::<_, RunError>(spawned?.into_iter().map(joined).collect::<Vec<_>>())
    })?;
    let acked: u64 = reports.iter().map(|report| report.acked_during_window).sum();
    if acked == 0 {
        return Err(RunError::NothingAcknowledged { last_error: None });
    }
    Ok(acked as f64 * NANOS_PER_SECOND as f64 / WINDOW_NS as f64)
}

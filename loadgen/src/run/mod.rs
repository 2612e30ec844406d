//! One run, from an answering cluster to the facts about every message.
//!
//! [`execute`] reads as the table of contents: topic, consumers, warm-up and measurement, drain, verdict. Workers are
//! threads that share [`Control`] and send what they noted to the thread that called `execute`, which alone owns the
//! collector of measurements and the reconciler of evidence. The room never knows which client library or broker it drives,
//! and renders nothing.

mod consumer;
mod control;
pub mod full_speed;
mod health;
mod in_flight;
mod leftovers;
mod producer;
pub mod progress;
mod record;
mod resources;
mod silence;
#[cfg(test)]
mod tests;
mod topic;
mod wording;

use std::num::NonZeroI32;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use consumer::{ConsumerReport, ConsumerWorker, Reader};
use control::GroupProgress;
pub use control::{Control, CutOff};
pub use health::judge;
use in_flight::InFlight;
pub use leftovers::Leftovers;
use producer::{Books, ProducerReport, ProducerWorker};
use progress::{Progress, Snapshot, Stage};
pub use record::record;
pub(crate) use record::{complaints, forget_latencies_of_no_acks};
use resources::{Sample, Sampler};
use silence::Silence;
use topic::Topic;
pub use topic::TopicError;

use crate::clock::{NANOS_PER_SECOND, now_ns, sleep_until};
use crate::driver::{Admin, ClientError, Driver, DriverError};
use crate::measure::threads::{CONSUMER_THREAD, PRODUCER_THREAD, RoleUse, Threads};
use crate::measure::{Collector, Interval, Latency, Measurements, Recorder, Source, jitter};
use crate::message::Producer as ProducerIdentity;
use crate::plan::Plan;
use crate::target::process::has_ended;
use crate::verify::{Acks, Checker, Evidence, Expectations, Ledger, Promises, ReconcileError, Reconciler, Verdict};
use crate::workload::{RateSchedule, RehearsalError, Workload, WorkloadError, rehearse};

/// How long the groups may take until every member has its partitions.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks of the run's own thread.
const TURN_NS: u64 = 50_000_000;
/// So long before the window closes the workers' threads are looked at: a moment later some have ended.
const LAST_LOOK_NS: u64 = 20_000_000;
/// How long an interruption waits for the topic to be made, so that it can be removed.
const PREPARED_WITHIN: Duration = Duration::from_secs(2);
/// From the last assignment to the first message, so that every worker is there.
const LEAD_NS: u64 = 50_000_000;
/// Between two looks at whether the groups are done.
const DRAIN_TURN_NS: u64 = 5_000_000;

/// The first wait for an answer while the groups read to the end; each further one is twice as long.
const FIRST_ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// For how long a cluster is still asked that did not answer all through the flush.
const LAST_CHANCE: Duration = Duration::from_secs(2);

/// What the run is told about the cluster.
#[derive(Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// The broker's process, where it is on this machine.
    pub broker_pid: Option<NonZeroI32>,
    /// Whether the run started that process, so that its end is the run's.
    pub broker_is_own: bool,
    /// Finds the process that took the place of one that ended.
    pub successor: Option<&'a dyn Fn() -> Option<NonZeroI32>>,
    /// Whether the cluster goes away with the run, so that there is nothing to tidy up.
    pub cluster_is_own: bool,
}

/// Everything that is known after a run.
#[derive(Debug)]
pub struct Outcome {
    topic: Topic,
    measurements: Measurements,
    verdict: Verdict,
    promises: Promises,
    producers: Vec<ProducerReport>,
    consumers: Vec<ConsumerReport>,
    samples: Vec<Sample>,
    /// What was planned, or what the user's interruption left of it.
    warmup_ns: u64,
    measured_ns: u64,
    drain: Duration,
    drained: bool,
    /// Since when the cluster did not answer, if it did not at the end.
    silence: Option<Silence>,
    interrupted: bool,
    /// Why the run ended early by itself, if it did.
    cut_off: Option<CutOff>,
    /// How late a thread that only sleeps was woken.
    jitter: Latency,
    /// What the generator's threads used in the window; empty where it was cut off.
    threads: Vec<RoleUse>,
}

/// Why a run ended without an outcome.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The topic.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// A client.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The workload does not fit together.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// A message for which `--partitioner` has no partition.
    #[error(transparent)]
    Partition(#[from] RehearsalError),
    /// The run was ended before a single message was acknowledged.
    #[error(transparent)]
    CutOff(CutOff),
    /// The consumers got no partitions.
    #[error(
        "the consumer groups have no partitions after {after:?}{}: see the broker's log, and whether its group coordinator answers",
        because(last_error)
    )]
    NotAssigned {
        /// How long was waited.
        after: Duration,
        /// The last error a consumer reported.
        last_error: Option<ClientError>,
    },
    /// Not one message came through.
    #[error("no message was acknowledged{}", because(last_error))]
    NothingAcknowledged {
        /// The most frequent error.
        last_error: Option<ClientError>,
    },
    /// The user ended the run before it had begun to send.
    #[error("interrupted before the first message")]
    InterruptedEarly,
    /// A worker's thread cannot be had.
    #[error(
        "cannot start a thread: {0}; choose fewer --producers, --groups or --consumers, or raise the limit (ulimit -u)"
    )]
    Thread(std::io::Error),
    /// Verification needs its temporary files.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
}

fn because(error: &Option<ClientError>) -> String {
    let Some(error) = error else { return String::new() };
    error.remedy().map_or_else(|| format!(" ({error})"), |remedy| format!(" ({error}; {remedy})"))
}

/// Runs the plan against a cluster that answers. What it makes there is noted in `leftovers`, to be removed when the verdict
/// is out, however the run ended.
///
/// # Errors
/// [`RunError`]: what ended the run before there was anything to judge. A run with anomalies is no error.
pub fn execute(
    plan: &Plan,
    driver: &dyn Driver,
    admin: &dyn Admin,
    surroundings: Surroundings<'_>,
    control: &Control,
    progress: &mut dyn Progress,
    leftovers: &mut Leftovers,
) -> Result<Outcome, RunError> {
    progress.stage(Stage::Preparing);
    control.leave_after(Some(PREPARED_WITHIN));
    let topic = topic::prepare(&plan.topic, admin)?;
    control.leave_after(None);
    if !surroundings.cluster_is_own {
        leftovers.topic = (topic.created && !plan.topic.keep).then(|| plan.topic.name.clone());
        leftovers.groups = (0..plan.groups).map(|group| plan.group_id(group)).collect();
    }
    let rehearsed = rehearse(&plan.workload(topic.partitions), &plan.schedule).map_err(RunError::from);
    let result = rehearsed.and_then(|()| Run::new(plan, driver, admin, &topic, surroundings, control).go(progress));
    leftovers.cluster_is_silent = control.is_cluster_given_up();
    progress.stage(Stage::Done);
    result
}

/// What the parts of a run have in common.
struct Run<'a> {
    plan: &'a Plan,
    driver: &'a dyn Driver,
    admin: &'a dyn Admin,
    topic: &'a Topic,
    surroundings: Surroundings<'a>,
    control: &'a Control,
    groups: Vec<GroupProgress>,
}

/// The channels by which workers hand over what they noted, and its owners.
struct Desk {
    intervals: Receiver<Interval>,
    evidence: Receiver<Evidence>,
    to_intervals: Sender<Interval>,
    to_evidence: Sender<Evidence>,
    collector: Collector,
    reconciler: Reconciler,
}

impl Desk {
    fn new(plan: &Plan, partitions: i32) -> Self {
        let (to_intervals, intervals) = channel();
        let (to_evidence, evidence) = channel();
        let collector = Collector::new(plan.groups);
        let reconciler = Reconciler::new(plan.shape(partitions));
        Self { intervals, evidence, to_intervals, to_evidence, collector, reconciler }
    }

    /// Takes in what has arrived.
    fn clear(&mut self) -> Result<(), ReconcileError> {
        self.intervals.try_iter().for_each(|interval| self.collector.accept(interval));
        self.evidence.try_iter().try_for_each(|evidence| self.reconciler.accept(evidence))
    }
}

impl<'a> Run<'a> {
    fn new(
        plan: &'a Plan,
        driver: &'a dyn Driver,
        admin: &'a dyn Admin,
        topic: &'a Topic,
        surroundings: Surroundings<'a>,
        control: &'a Control,
    ) -> Self {
        let group = |_| GroupProgress::new(topic.start_offsets.len(), plan.consumers);
        Self { plan, driver, admin, topic, surroundings, control, groups: (0..plan.groups).map(group).collect() }
    }

    fn go(&self, progress: &mut dyn Progress) -> Result<Outcome, RunError> {
        let mut desk = Desk::new(self.plan, self.topic.partitions);
        thread::scope(|scope| {
            let consumers = self.consumer_workers(&desk)?;
            // Whatever happens from here on, the workers are told to stop, or the scope would wait for ever.
            let stopped = StopWorkers(self.control);
            let consumers: Result<Vec<_>, _> = consumers
                .into_iter()
                .map(|worker| named(CONSUMER_THREAD).spawn_scoped(scope, || worker.run()).map_err(RunError::Thread))
                .collect();
            let consumers = consumers?;
            progress.stage(Stage::Assigning);
            self.wait_for_assignments(&consumers)?;

            let planned_ns = self.plan.schedule.end_ns();
            let start_ns = (now_ns() + LEAD_NS).next_multiple_of(TURN_NS);
            let senders = Senders { intervals: desk.to_intervals.clone(), evidence: desk.to_evidence.clone() };
            let producers =
                producer_workers(self.plan, self.driver, self.control, senders, self.topic.partitions, start_ns)?;
            self.control.start_at(start_ns);
            self.control.end_at(start_ns + planned_ns);
            let producers: Result<Vec<_>, _> = producers
                .into_iter()
                .map(|worker| named(PRODUCER_THREAD).spawn_scoped(scope, || worker.run()).map_err(RunError::Thread))
                .collect();
            let producers = producers?;
            let window_start_ns = start_ns + self.plan.schedule.warmup_ns;
            let control = self.control;
            let watch = move || jitter::watch(window_start_ns, producer::TIMER_SLACK_NS, || control.end_ns());
            let jitter = named("jitter").spawn_scoped(scope, watch).map_err(RunError::Thread)?;
            let mut sampler = Sampler::new(self.surroundings, window_start_ns);
            let threads = self.oversee(&mut desk, start_ns, &producers, &mut sampler, progress)?;
            let producers: Vec<ProducerReport> = producers.into_iter().map(joined).collect();

            progress.stage(Stage::Draining);
            let drain_started = Instant::now();
            let sent = producers.iter().flat_map(|report| &report.acked_by_partition).sum();
            let drained = self.drain(&mut desk, sent, progress)?;
            let drain = drain_started.elapsed();
            let silence = (drained == Drained::Unanswered).then(|| self.silence(start_ns, &mut sampler));
            let drained = drained == Drained::Complete;
            drop(stopped);
            let consumers: Vec<ConsumerReport> = consumers.into_iter().map(joined).collect();

            progress.stage(Stage::Verifying);
            desk.clear()?;
            self.check_for_failure(&producers)?;
            let promises = self.plan.promises(self.topic.created, drained);
            let verdict = desk.reconciler.finish(&Expectations::of(&promises))?;
            let sent_ns = self.control.end_ns().saturating_sub(start_ns);
            let warmup_ns = self.plan.schedule.warmup_ns.min(sent_ns);
            Ok(Outcome {
                topic: self.topic.clone(),
                measurements: desk.collector.finish(),
                verdict,
                promises,
                producers,
                consumers,
                samples: sampler.samples,
                warmup_ns,
                measured_ns: sent_ns - warmup_ns,
                drain,
                drained,
                silence,
                interrupted: self.control.is_interrupted(),
                cut_off: self.control.cut_off_by(),
                jitter: joined(jitter),
                threads,
            })
        })
    }

    fn consumer_workers(&self, desk: &Desk) -> Result<Vec<ConsumerWorker<'_>>, RunError> {
        let shape = self.plan.shape(self.topic.partitions);
        let mut workers = Vec::new();
        for (group, progress) in (0..).zip(&self.groups) {
            for member in 0..self.plan.consumers {
                let name = self.plan.group_id(group);
                let consumer = self.driver.consumer(&name, usize::from(member), &self.topic.start_offsets)?;
                let reader = Reader {
                    group,
                    member,
                    control: self.control,
                    progress,
                    schedule: self.plan.schedule,
                    checker: Checker::new(group, shape),
                    intervals: desk.to_intervals.clone(),
                    recorder: None,
                    polled_ns: 0,
                    read: 0,
                    report: ConsumerReport { group, ..ConsumerReport::default() },
                };
                workers.push(ConsumerWorker { consumer, reader, evidence: desk.to_evidence.clone() });
            }
        }
        Ok(workers)
    }

    fn wait_for_assignments(&self, consumers: &[ScopedJoinHandle<'_, ConsumerReport>]) -> Result<(), RunError> {
        let deadline = Instant::now() + ASSIGNED_WITHIN;
        while !self.groups.iter().all(GroupProgress::is_settled) {
            if let Some(reason) = self.control.cut_off_by() {
                return Err(RunError::CutOff(reason));
            }
            if self.control.is_interrupted() {
                return Err(RunError::InterruptedEarly);
            }
            if Instant::now() > deadline || consumers.iter().any(ScopedJoinHandle::is_finished) {
                return Err(RunError::NotAssigned { after: ASSIGNED_WITHIN, last_error: self.control.last_error() });
            }
            sleep_until(now_ns() + DRAIN_TURN_NS);
        }
        Ok(())
    }

    /// Watches the producers until all have finished; returns what the threads used.
    fn oversee(
        &self,
        desk: &mut Desk,
        start_ns: u64,
        producers: &[ScopedJoinHandle<'_, ProducerReport>],
        sampler: &mut Sampler<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<RoleUse>, RunError> {
        let window_start_ns = start_ns + self.plan.schedule.warmup_ns;
        let own_broker = self.surroundings.broker_pid.filter(|_| self.surroundings.broker_is_own);
        let (mut threads_before, mut threads) = (None, Vec::new());
        let mut ended = false;
        let mut wake_ns = start_ns;
        while !producers.iter().all(ScopedJoinHandle::is_finished) {
            let last_look_ns = self.control.end_ns().saturating_sub(LAST_LOOK_NS);
            if threads.is_empty() && last_look_ns < wake_ns + TURN_NS {
                sleep_until(last_look_ns);
                threads = threads_before.iter().flat_map(|before| Threads::now().since(before)).collect();
            }
            wake_ns += TURN_NS;
            sleep_until(wake_ns);
            let now = now_ns();
            wake_ns = wake_ns.max(now.saturating_sub(TURN_NS));
            let end_ns = self.control.end_ns();
            if now >= sampler.due_ns() && !ended {
                sampler.sample();
                threads_before.get_or_insert_with(Threads::now);
            }
            if now >= end_ns && !ended {
                ended = true;
                progress.stage(Stage::Flushing);
            }
            if own_broker.is_some_and(has_ended) && self.control.cut_off_by().is_none() {
                self.control.cut_off(CutOff::BrokerEnded);
            }
            desk.clear()?;
            let stage = if now < window_start_ns { Stage::WarmingUp } else { Stage::Measuring };
            if !ended {
                progress.stage(stage);
            }
            let elapsed = Duration::from_nanos(now.saturating_sub(start_ns));
            // After the end, what is left is the time that the last messages are given.
            let drain_ns = if ended { self.plan.drain_timeout.as_nanos() as u64 } else { 0 };
            let left_ns = end_ns.saturating_add(drain_ns).saturating_sub(now);
            progress.tick(&self.snapshot(desk, elapsed, Duration::from_nanos(left_ns)));
        }
        Ok(threads)
    }

    fn snapshot(&self, desk: &mut Desk, elapsed: Duration, remaining: Duration) -> Snapshot {
        let live = desk.collector.live();
        let unheard = Duration::from_nanos(now_ns().saturating_sub(self.control.heard_ns()));
        Snapshot { live, groups: u64::from(self.plan.groups), elapsed, remaining, unheard }
    }

    /// The cluster's silence up to now.
    fn silence(&self, start_ns: u64, sampler: &mut Sampler<'_>) -> Silence {
        let heard_ns = self.control.heard_ns().max(start_ns);
        Silence {
            since_ns: heard_ns - start_ns,
            lasted_ns: now_ns().saturating_sub(heard_ns),
            ended: sampler.ended_broker(),
        }
    }

    /// Waits until every group has read the `sent` messages, or the deadline.
    ///
    /// What was acknowledged lies below the end offsets. Without acknowledgements the last messages may still be on their
    /// way, however long: then it takes as many of the run's own messages (neither others' nor transaction markers), or the
    /// deadline, at which all that there is has been read.
    fn drain(&self, desk: &mut Desk, sent: u64, progress: &mut dyn Progress) -> Result<Drained, RunError> {
        let started_ns = now_ns();
        let unheard = Duration::from_nanos(started_ns.saturating_sub(self.control.heard_ns()));
        let within =
            self.plan.drain_timeout.min(if unheard < self.plan.drain_timeout { Duration::MAX } else { LAST_CHANCE });
        let deadline = Instant::now() + within;
        let acknowledged = self.plan.acks != Acks::None;
        let (mut ends, mut answered_within, mut answers) = (None, FIRST_ANSWER_WITHIN, true);
        loop {
            if self.control.is_broker_gone() {
                return Ok(Drained::Incomplete);
            }
            if ends.is_none() {
                let patience = answered_within.min(deadline.saturating_duration_since(Instant::now()));
                ends = match self.admin.end_offsets(&self.plan.topic.name, self.topic.partitions, patience) {
                    Ok(ends) => {
                        self.control.heard(now_ns());
                        Some(ends)
                    }
                    // Neither will it be another time.
                    Err(DriverError::Refused { .. }) if self.control.cut_off_by().is_some() => {
                        return Ok(Drained::Incomplete);
                    }
                    // It is asked again until the deadline.
                    Err(error) => {
                        tracing::debug!("{error}");
                        answers = !matches!(error, DriverError::Unreachable { .. });
                        answered_within *= 2;
                        None
                    }
                };
                answers |= ends.is_some();
            }
            // Whom the user will not wait for is not waited for.
            let late = Instant::now() > deadline || (!answers && self.control.is_hurried());
            if ends.as_ref().is_some_and(|ends| self.groups.iter().all(|group| group.has_reached(ends))) {
                if acknowledged || late || self.groups.iter().all(|group| group.read() >= sent) {
                    return Ok(Drained::Complete);
                }
                ends = None;
            }
            if late && !answers {
                self.control.give_cluster_up();
                return Ok(Drained::Unanswered);
            }
            if late {
                return Ok(Drained::Incomplete);
            }
            sleep_until(now_ns() + DRAIN_TURN_NS);
            desk.clear()?;
            let elapsed = Duration::from_nanos(now_ns() - started_ns);
            progress.tick(&self.snapshot(desk, elapsed, deadline.saturating_duration_since(Instant::now())));
        }
    }

    /// Whether the producers met what leaves nothing to judge.
    fn check_for_failure(&self, producers: &[ProducerReport]) -> Result<(), RunError> {
        let acked: u64 = producers.iter().flat_map(|report| &report.acked_by_partition).sum();
        let due: u64 = producers.iter().map(|report| report.submitted + report.warmup_messages).sum();
        let refused = self.control.cut_off_by().filter(|reason| *reason != CutOff::BrokerEnded);
        if let Some(reason) = refused.filter(|_| acked == 0) {
            return Err(RunError::CutOff(reason));
        }
        if acked == 0 && due > 0 {
            let errors = producers.iter().flat_map(|report| report.errors.values());
            let last_error = errors.max_by_key(|(_, count)| *count).map(|(error, _)| error.clone());
            return Err(RunError::NothingAcknowledged { last_error });
        }
        Ok(())
    }
}

/// How the waiting for the groups ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drained {
    /// All of them read to the end.
    Complete,
    /// Not all of them did in time.
    Incomplete,
    /// Not in time, and at last the cluster did not even say where the end is.
    Unanswered,
}

/// Where producer workers hand over what they noted.
struct Senders {
    intervals: Sender<Interval>,
    evidence: Sender<Evidence>,
}

fn producer_workers<'a>(
    plan: &Plan,
    driver: &dyn Driver,
    control: &'a Control,
    to: Senders,
    partitions: i32,
    start_ns: u64,
) -> Result<Vec<ProducerWorker<'a>>, RunError> {
    let (spec, shape) = (plan.workload(partitions), plan.shape(partitions));
    let origin_ns = series_origin_ns(&plan.schedule, start_ns);
    let worker = |index: u16| {
        let identity = ProducerIdentity { run_id: plan.run_id, index, epoch: 0 };
        Ok(ProducerWorker {
            control,
            start_ns,
            operations: plan.schedule.operations(index),
            workload: Workload::new(&spec, identity)?,
            producer: driver.producer(usize::from(index))?,
            drain_timeout: plan.drain_timeout,
            opening: None,
            books: Books {
                control,
                schedule: plan.schedule,
                start_ns,
                recorder: Recorder::new(Source::Producer(index), origin_ns, to.intervals.clone()),
                ledger: Ledger::new(identity, shape),
                evidence: to.evidence.clone(),
                in_flight: InFlight::default(),
                heard_ns: 0,
                report: ProducerReport::default(),
            },
        })
    };
    (0..plan.schedule.producers).map(worker).collect()
}

/// From where the series counts its seconds: such that one of them begins with the window.
fn series_origin_ns(schedule: &RateSchedule, start_ns: u64) -> u64 {
    start_ns + schedule.warmup_ns - schedule.warmup_ns.next_multiple_of(NANOS_PER_SECOND)
}

/// Tells all workers to stop when dropped.
struct StopWorkers<'a>(&'a Control);

impl Drop for StopWorkers<'_> {
    fn drop(&mut self) {
        self.0.end_at(now_ns());
        self.0.consumers_done();
    }
}

fn named(worker: &str) -> thread::Builder {
    thread::Builder::new().name(worker.to_owned())
}

/// The report of a worker; a worker's panic goes on in the run's thread.
fn joined<T>(handle: ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

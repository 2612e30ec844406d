//! A producer worker: one thread, one client, an open loop.
//!
//! It sleeps until the next message is due, rounded up to the pacing quantum, or until completions arrive; then it sends all
//! that is due. A full queue makes it wait with the message in hand: the message keeps its intended time, and so do those
//! behind it. Nothing is skipped.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::control::{Control, CutOff};
use super::in_flight::{InFlight, Pending};
use crate::clock::{NANOS_PER_SECOND, now_ns, set_timer_slack_ns};
use crate::driver::{ClientError, Completion, Producer, ProducerStatistics, SubmitError};
use crate::measure::{Metric, Recorder};
use crate::message::{Outcome, Outgoing};
use crate::verify::{Evidence, Ledger};
use crate::workload::{Composed, Operation, Operations, PartitionError, Phase, RateSchedule, Workload};

/// Messages due within one quantum are sent together: every wake-up costs more than sending one message.
pub(super) const QUANTUM_NS: u64 = 500_000;
/// How late the kernel may wake the worker.
pub(super) const TIMER_SLACK_NS: u64 = 10_000;
/// Completions are looked at after so many messages sent without a pause.
const DRAIN_EVERY: u32 = 256;
/// The clock is read again after so many messages sent without a pause: some ten microseconds.
const CLOCK_EVERY: u32 = 16;
/// How often measurements and evidence are handed over.
const HOUSEKEEPING_NS: u64 = 200_000_000;
/// How long to wait for room in a full queue before looking again.
const FULL_WAIT: Duration = Duration::from_millis(1);
/// One turn of waiting for the last completions.
const FLUSH_TURN: Duration = Duration::from_millis(100);
/// How exactly it is known when the cluster last answered.
const HEARD_EVERY_NS: u64 = 10_000_000;

/// What a worker is made of.
pub(super) struct ProducerWorker<'a> {
    pub(super) control: &'a Control,
    /// When operation 0 is due.
    pub(super) start_ns: u64,
    pub(super) operations: Operations,
    pub(super) workload: Workload,
    pub(super) producer: Box<dyn Producer>,
    pub(super) drain_timeout: Duration,
    /// What the client had said of itself when the window opened, or first said then.
    pub(super) opening: Option<ProducerStatistics>,
    pub(super) books: Books<'a>,
}

/// The worker's own accounts, apart from the client so that completions can be noted while the client is polled.
pub(super) struct Books<'a> {
    pub(super) control: &'a Control,
    pub(super) schedule: RateSchedule,
    pub(super) start_ns: u64,
    pub(super) recorder: Recorder,
    pub(super) ledger: Ledger,
    pub(super) evidence: Sender<Evidence>,
    pub(super) in_flight: InFlight,
    /// When an acknowledgement was last noted for all to see.
    pub(super) heard_ns: u64,
    pub(super) report: ProducerReport,
}

/// What a worker knows at its end, besides measurements and evidence.
#[derive(Debug, Default)]
pub(super) struct ProducerReport {
    /// Measured messages, acknowledged before the window closed.
    pub(super) acked_in_window: u64,
    /// Acknowledged while the window was open, whatever their phase.
    pub(super) acked_during_window: u64,
    /// Messages by the second of the window that they were due in.
    pub(super) due_by_second: Vec<u64>,
    /// Measured messages that were handed over.
    pub(super) submitted: u64,
    pub(super) measured: Settled,
    pub(super) warmup_messages: u64,
    pub(super) acked_bytes: u64,
    /// Acknowledged in all phases, by partition.
    pub(super) acked_by_partition: Vec<u64>,
    /// For how long messages, the last of the warm-up among them, waited for room while the window was open.
    pub(super) queue_full_ns: u64,
    /// How late a measured message left at worst.
    pub(super) max_lag_ns: u64,
    /// From the first to the last that the client said while the window was open.
    pub(super) statistics: ProducerStatistics,
    /// By code, with how often.
    pub(super) errors: BTreeMap<i32, (ClientError, u64)>,
}

/// Outcomes of the measured messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) acked: u64,
    pub(super) failed: u64,
    pub(super) unknown: u64,
    pub(super) unsent: u64,
}

/// Why a worker stops before its schedule's end.
enum Stop {
    NoPartition(PartitionError),
    /// The client's queue stayed full until the drain's deadline.
    NoRoom,
}

impl Books<'_> {
    fn phase(&self, intended_ns: u64) -> Phase {
        self.schedule.phase(intended_ns.saturating_sub(self.start_ns))
    }

    /// Notes completions; all of one turn arrived now, and belong to its second.
    fn settle(&mut self, completion: Completion, now_ns: u64) {
        self.recorder.tick(now_ns);
        let Some(pending) = self.in_flight.take(completion.tag) else { return };
        let phase = self.phase(pending.intended_ns);
        let measured = u64::from(phase == Phase::Measured);
        match completion.outcome {
            Outcome::Acked { .. } => {
                if now_ns > self.heard_ns + HEARD_EVERY_NS {
                    self.heard_ns = now_ns;
                    self.control.heard(now_ns);
                }
                let size_bytes = pending.size_bytes as usize;
                self.recorder.acked(phase, pending.intended_ns, pending.actual_ns, now_ns, size_bytes);
                self.report.measured.acked += measured;
                self.report.acked_bytes += measured * u64::from(pending.size_bytes);
                if now_ns <= self.control.end_ns() {
                    self.report.acked_in_window += measured;
                    self.report.acked_during_window += u64::from(self.phase(now_ns) == Phase::Measured);
                }
            }
            Outcome::Failed => {
                self.recorder.failed(phase);
                self.report.measured.failed += measured;
            }
            Outcome::Unknown => {
                self.recorder.failed(phase);
                self.report.measured.unknown += measured;
            }
        }
        self.ledger.settle(pending.partition, pending.sequence, completion.outcome);
        if let Some(error) = completion.error {
            // The client has tried again what may succeed then; whatever else it reports, the next message would meet too.
            if error.is_permanent() {
                self.control.cut_off(CutOff::Refused(error.clone()));
            }
            self.note_error(error);
        }
    }

    /// Notes that a message of the window is due.
    fn due(&mut self, due_ns: u64) {
        let into_window_ns = due_ns.saturating_sub(self.start_ns + self.schedule.warmup_ns);
        let second = (into_window_ns / NANOS_PER_SECOND) as usize;
        if second >= self.report.due_by_second.len() {
            self.report.due_by_second.resize(second + 1, 0);
        }
        self.report.due_by_second[second] += 1;
    }

    /// Notes how long the unfinished messages of the window have waited by now.
    fn censor(&mut self, now_ns: u64) {
        for pending in self.in_flight.pending() {
            if self.schedule.phase(pending.intended_ns.saturating_sub(self.start_ns)) == Phase::Measured {
                self.recorder.censored(Metric::IntendedToAck, now_ns.saturating_sub(pending.intended_ns));
                self.recorder.censored(Metric::ActualToAck, now_ns.saturating_sub(pending.actual_ns));
            }
        }
    }

    fn note_error(&mut self, error: ClientError) {
        self.report.errors.entry(error.code).or_insert((error, 0)).1 += 1;
    }

    fn hand_over(&mut self, now_ns: u64) {
        self.recorder.tick(now_ns);
        // The receiver lives as long as the run.
        let _ = self.evidence.send(self.ledger.take_evidence());
    }
}

impl ProducerWorker<'_> {
    /// Sends what the schedule says, waits for what is unfinished, and reports.
    pub(super) fn run(mut self) -> ProducerReport {
        if let Err(error) = set_timer_slack_ns(TIMER_SLACK_NS) {
            tracing::debug!("timer slack stays as it is: {error}");
        }
        self.send_all();
        self.finish()
    }

    fn send_all(&mut self) {
        let mut housekeeping_ns = 0;
        let mut unpaused = 0;
        let mut now = 0;
        while let Some(operation) = self.operations.next() {
            let due_ns = self.start_ns + operation.intended_ns;
            if due_ns > now || unpaused % CLOCK_EVERY == 0 {
                now = now_ns();
                if self.control.gives_up_at(now, self.drain_timeout) {
                    return self.count_unsent(Some(operation));
                }
            }
            while due_ns > now && due_ns < self.control.end_ns() {
                let wake_ns = due_ns.next_multiple_of(QUANTUM_NS);
                self.drain(Duration::from_nanos(wake_ns.saturating_sub(now).min(HOUSEKEEPING_NS)));
                unpaused = 0;
                now = now_ns();
                if now >= housekeeping_ns {
                    housekeeping_ns = now + HOUSEKEEPING_NS;
                    self.keep_house(now);
                }
            }
            if due_ns >= self.control.end_ns() {
                return;
            }
            match self.send(due_ns, now) {
                Ok(sent_ns) => now = sent_ns,
                Err(Stop::NoPartition(error)) => return self.control.cut_off(CutOff::NoPartition(error)),
                Err(Stop::NoRoom) => return self.count_unsent(None),
            }
            unpaused += 1;
            if unpaused >= DRAIN_EVERY {
                unpaused = 0;
                self.drain(Duration::ZERO);
                now = now_ns();
                if now >= housekeeping_ns {
                    housekeeping_ns = now + HOUSEKEEPING_NS;
                    self.keep_house(now);
                }
            }
        }
    }

    /// Hands over what was noted, and notes what the client says of itself while the window is open.
    fn keep_house(&mut self, now_ns: u64) {
        self.books.hand_over(now_ns);
        let said = self.producer.statistics();
        if said.age_us > 0 && self.books.phase(now_ns) == Phase::Measured && now_ns <= self.control.end_ns() {
            let opening = self.opening.get_or_insert(said);
            self.books.report.statistics = said.since(opening);
        }
    }

    /// Sends one message now, or once there is room; returns when that was.
    fn send(&mut self, due_ns: u64, actual_ns: u64) -> Result<u64, Stop> {
        let Self { workload, producer, books, control, drain_timeout, .. } = self;
        let Composed { message, sequence } = workload.compose(due_ns).map_err(Stop::NoPartition)?;
        let size_bytes = message.key.map_or(0, <[u8]>::len) + message.value.len();
        let phase = books.phase(due_ns);
        let measured = u64::from(phase == Phase::Measured);
        let tag = books.in_flight.insert(Pending {
            intended_ns: due_ns,
            actual_ns,
            sequence,
            partition: message.partition,
            size_bytes: size_bytes as u32,
        });
        books.ledger.submitted();
        if phase == Phase::Measured {
            books.due(due_ns);
        }
        let mut submitted = producer.submit(&message, tag);
        let mut sent_ns = actual_ns;
        if submitted == Err(SubmitError::QueueFull) {
            submitted = wait_for_room(producer.as_mut(), books, (&message, tag), control, *drain_timeout);
            sent_ns = now_ns();
            let window_start_ns = books.start_ns + books.schedule.warmup_ns;
            books.report.queue_full_ns += sent_ns.min(control.end_ns()).saturating_sub(actual_ns.max(window_start_ns));
            books.in_flight.sent_at(tag, sent_ns);
        }
        books.report.max_lag_ns = books.report.max_lag_ns.max(measured * sent_ns.saturating_sub(due_ns));
        books.report.warmup_messages += 1 - measured;
        match submitted {
            Ok(()) => {
                books.recorder.tick(sent_ns);
                books.recorder.sent(phase, due_ns, sent_ns, size_bytes);
                books.report.submitted += measured;
            }
            Err(SubmitError::QueueFull) => {
                books.settle(Completion { tag, outcome: Outcome::Failed, error: None }, sent_ns);
                return Err(Stop::NoRoom);
            }
            Err(SubmitError::Refused(error)) => {
                books.settle(Completion { tag, outcome: Outcome::Failed, error: Some(error) }, sent_ns);
            }
        }
        Ok(sent_ns)
    }

    /// There is no more sending: what was due, from this operation on, is unsent.
    fn count_unsent(&mut self, first: Option<Operation>) {
        let (end_ns, now) = (self.control.end_ns(), now_ns());
        for operation in first.into_iter().chain(self.operations.by_ref()) {
            let due_ns = self.start_ns + operation.intended_ns;
            if due_ns >= end_ns {
                break;
            }
            self.books.ledger.unsent(1);
            if self.books.phase(due_ns) == Phase::Measured {
                self.books.report.measured.unsent += 1;
                self.books.due(due_ns);
                for metric in [Metric::IntendedToAck, Metric::IntendedToSent] {
                    self.books.recorder.censored(metric, now.saturating_sub(due_ns));
                }
            }
        }
    }

    fn drain(&mut self, wait: Duration) {
        let Self { producer, books, .. } = self;
        let mut arrived_ns = 0;
        producer.drain(wait, &mut |completion| {
            if arrived_ns == 0 {
                arrived_ns = now_ns();
            }
            books.settle(completion, arrived_ns);
        });
    }

    /// Waits for what is in flight, gives up on the rest, and counts what was due and never sent.
    fn finish(mut self) -> ProducerReport {
        let deadline_ns = now_ns() + self.drain_timeout.as_nanos() as u64;
        while self.books.in_flight.len() > 0 {
            let books = &mut self.books;
            self.producer.flush(FLUSH_TURN, &mut |completion| books.settle(completion, now_ns()));
            books.hand_over(now_ns());
            if now_ns() >= deadline_ns || self.control.is_broker_gone() {
                break;
            }
        }
        if self.books.in_flight.len() > 0 {
            self.books.censor(now_ns());
            let books = &mut self.books;
            self.producer.abandon(&mut |completion| books.settle(completion, now_ns()));
        }
        for error in self.producer.take_errors() {
            // It concerns no message: the client may get over it, unless it never got anywhere.
            if error.is_permanent() && self.books.ledger.tally().acked == 0 {
                self.control.cut_off(CutOff::Refused(error.clone()));
            }
            self.books.note_error(error);
        }
        let mut report = std::mem::take(&mut self.books.report);
        report.acked_by_partition = self.books.ledger.acked_by_partition().to_vec();
        self.books.hand_over(now_ns());
        self.books.recorder.finish();
        report
    }
}

/// Tries again until there is room, or until the run has been over for as long as a drain may take.
fn wait_for_room(
    producer: &mut dyn Producer,
    books: &mut Books<'_>,
    (message, tag): (&Outgoing<'_>, u64),
    control: &Control,
    drain_timeout: Duration,
) -> Result<(), SubmitError> {
    loop {
        producer.drain(FULL_WAIT, &mut |completion| books.settle(completion, now_ns()));
        let submitted = producer.submit(message, tag);
        if submitted != Err(SubmitError::QueueFull) || control.gives_up_at(now_ns(), drain_timeout) {
            return submitted;
        }
        books.recorder.tick(now_ns());
    }
}

//! A consumer worker: one thread, one member of a group; it reads, checks and commits.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::control::{Control, CutOff, GroupProgress};
use crate::clock::{domain, now_ns};
use crate::driver::{ClientError, Consumer, Incoming, Sink};
use crate::measure::{Interval, Recorder, Source};
use crate::verify::{Checker, Consumed, Evidence, Sighting};
use crate::workload::{Phase, RateSchedule};

/// The longest wait for a record; also how soon the end is noticed.
const POLL_WAIT: Duration = Duration::from_millis(50);
/// How often measurements and evidence are handed over.
const HOUSEKEEPING_NS: u64 = 200_000_000;
/// How long leaving the group may take, its last commit included.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);
/// How often offsets are committed.
const COMMIT_EVERY_NS: u64 = 1_000_000_000;

/// What a worker is made of.
pub(super) struct ConsumerWorker<'a> {
    pub(super) consumer: Box<dyn Consumer>,
    pub(super) reader: Reader<'a>,
    pub(super) evidence: Sender<Evidence>,
}

/// Takes what the client reads.
pub(super) struct Reader<'a> {
    pub(super) group: u16,
    pub(super) member: u16,
    pub(super) control: &'a Control,
    pub(super) progress: &'a GroupProgress,
    pub(super) schedule: RateSchedule,
    pub(super) checker: Checker,
    pub(super) intervals: Sender<Interval>,
    /// Made once the run's start is known; none of its messages is older than that.
    pub(super) recorder: Option<Recorder>,
    /// When the poll that is being delivered returned; 0 before its first record.
    pub(super) polled_ns: u64,
    /// Messages of the run in that poll, read for the first time.
    pub(super) read: u64,
    pub(super) report: ConsumerReport,
}

/// What a worker knows at its end, besides measurements and evidence.
#[derive(Debug, Default)]
pub(super) struct ConsumerReport {
    pub(super) group: u16,
    /// This run's measured messages; here and below, none that was only redelivered.
    pub(super) consumed: u64,
    /// Of these, read before the window closed.
    pub(super) consumed_in_window: u64,
    /// Messages of the run, of any phase, read while the window was open.
    pub(super) consumed_during_window: u64,
    pub(super) consumed_bytes: u64,
    /// By code, with how often.
    pub(super) errors: BTreeMap<i32, (ClientError, u64)>,
}

impl ConsumerWorker<'_> {
    /// Reads until there is nothing more to read, commits and leaves the group.
    pub(super) fn run(mut self) -> ConsumerReport {
        let (mut housekeeping_ns, mut commit_ns) = (0, now_ns() + COMMIT_EVERY_NS);
        while !self.reader.control.are_consumers_done() {
            self.reader.polled_ns = 0;
            self.consumer.poll(POLL_WAIT, &mut self.reader);
            self.reader.progress.add_read(std::mem::take(&mut self.reader.read));
            let now = if self.reader.polled_ns > 0 { self.reader.polled_ns } else { now_ns() };
            if now >= housekeeping_ns {
                housekeeping_ns = now + HOUSEKEEPING_NS;
                self.hand_over(now);
            }
            if now >= commit_ns {
                commit_ns = now + COMMIT_EVERY_NS;
                if let Err(error) = self.consumer.commit() {
                    self.reader.error(error);
                }
            }
        }
        let mut reader = self.reader;
        let given_up = reader.control.is_cluster_given_up();
        let closed = self.consumer.close(if given_up { Duration::ZERO } else { CLOSED_WITHIN });
        // What is known to be gone need not be complained about once more.
        if let Some(error) = closed.err().filter(|_| !given_up) {
            reader.error(error);
        }
        // The receiver lives as long as the run.
        let _ = self.evidence.send(reader.checker.take_evidence());
        if let Some(recorder) = reader.recorder.take() {
            recorder.finish();
        }
        reader.report
    }

    fn hand_over(&mut self, now_ns: u64) {
        if let Some(recorder) = self.reader.recorder() {
            recorder.tick(now_ns);
        }
        // The receiver lives as long as the run.
        let _ = self.evidence.send(self.reader.checker.take_evidence());
    }
}

impl Reader<'_> {
    fn recorder(&mut self) -> Option<&mut Recorder> {
        if self.recorder.is_none() {
            let source = Source::Consumer { group: self.group, member: self.member };
            let origin_ns = super::series_origin_ns(&self.schedule, self.control.start_ns()?);
            self.recorder = Some(Recorder::new(source, origin_ns, self.intervals.clone()));
        }
        self.recorder.as_mut()
    }
}

impl Sink for Reader<'_> {
    fn record(&mut self, record: &Incoming<'_>) {
        if self.polled_ns == 0 {
            let now = now_ns();
            self.polled_ns = now;
            self.control.heard(now);
            if let Some(recorder) = self.recorder() {
                recorder.tick(now);
            }
        }
        let value = record.value.unwrap_or_default();
        let sighting = self.checker.check(Consumed {
            partition: record.partition,
            offset: record.offset,
            key: record.key,
            value,
            stamp_header: record.stamp_header,
        });
        let first = self.progress.advance(record.partition, record.offset + 1);
        let Sighting::Ours(stamp) = sighting else { return };
        self.read += u64::from(first);
        let Some(start_ns) = self.control.start_ns().filter(|_| first) else { return };
        let size_bytes = record.key.map_or(0, <[u8]>::len) + value.len();
        let phase = self.schedule.phase(stamp.intended_ns.saturating_sub(start_ns));
        let before_end = self.polled_ns <= self.control.end_ns();
        let in_window = before_end && self.schedule.phase(self.polled_ns.saturating_sub(start_ns)) == Phase::Measured;
        self.report.consumed_during_window += u64::from(in_window);
        if phase == Phase::Measured {
            self.report.consumed += 1;
            self.report.consumed_bytes += size_bytes as u64;
            self.report.consumed_in_window += u64::from(before_end);
        }
        let intended_ns = (stamp.clock_domain == domain()).then_some(stamp.intended_ns);
        let polled_ns = self.polled_ns;
        if let Some(recorder) = self.recorder() {
            recorder.consumed(phase, intended_ns, polled_ns, size_bytes);
        }
    }

    fn assigned(&mut self, partitions: &[(i32, i64)]) {
        for (partition, position) in partitions {
            self.checker.assigned(*partition, Some(*position));
        }
        self.progress.assigned(self.member, partitions);
        self.control.heard(now_ns());
    }

    fn revoked(&mut self, partitions: &[i32]) {
        for partition in partitions {
            self.checker.revoked(*partition);
        }
        self.progress.revoked(self.member, partitions);
    }

    fn error(&mut self, error: ClientError) {
        if self.control.start_ns().is_none() {
            self.control.note_error(error.clone());
        }
        if error.is_permanent() {
            self.control.cut_off(CutOff::Refused(error.clone()));
        }
        self.report.errors.entry(error.code).or_insert((error, 0)).1 += 1;
    }
}

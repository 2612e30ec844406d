//! The faults: each changes what producers were told, what the log holds, or what one group read.

use super::history::{History, Record, SHAPE, Step, Told, record};
use crate::message::{Outcome, STAMP_SIZE_BYTES};
use crate::verify::Anomaly;

/// A fault and what it must be called.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    Drop,
    DropAndReuseOffset,
    Duplicate,
    Swap,
    /// As a swap, and acknowledged so.
    Reorder,
    CorruptByte,
    CorruptKey,
    MoveToAnotherPartition,
    Phantom,
    FailedButWritten,
    AckedOffsetLie,
    ReadOffsetLie,
    Foreign,
    SkipWhileReading,
    StepBackWhileReading,
    StopReadingEarly,
}

impl Fault {
    pub(super) const ALL: [Fault; 16] = [
        Fault::Drop,
        Fault::DropAndReuseOffset,
        Fault::Duplicate,
        Fault::Swap,
        Fault::Reorder,
        Fault::CorruptByte,
        Fault::CorruptKey,
        Fault::MoveToAnotherPartition,
        Fault::Phantom,
        Fault::FailedButWritten,
        Fault::AckedOffsetLie,
        Fault::ReadOffsetLie,
        Fault::Foreign,
        Fault::SkipWhileReading,
        Fault::StepBackWhileReading,
        Fault::StopReadingEarly,
    ];

    pub(super) fn names(self) -> &'static [Anomaly] {
        match self {
            Fault::Drop | Fault::SkipWhileReading => &[Anomaly::LostWrite],
            Fault::DropAndReuseOffset => &[Anomaly::LostWrite, Anomaly::InconsistentOffsets],
            Fault::Duplicate => &[Anomaly::Duplicate],
            Fault::Swap => &[Anomaly::InconsistentOffsets],
            Fault::Reorder => &[Anomaly::NonmonotonicSend],
            Fault::CorruptByte | Fault::CorruptKey => &[Anomaly::Corrupt],
            Fault::MoveToAnotherPartition => &[Anomaly::WrongPartition],
            Fault::Phantom | Fault::FailedButWritten => &[Anomaly::Phantom],
            Fault::AckedOffsetLie => &[Anomaly::InconsistentOffsets],
            Fault::ReadOffsetLie => &[Anomaly::InconsistentOffsets, Anomaly::NonmonotonicPoll],
            Fault::Foreign => &[Anomaly::Foreign],
            Fault::StepBackWhileReading => &[Anomaly::NonmonotonicPoll],
            Fault::StopReadingEarly => &[Anomaly::Unseen],
        }
    }

    /// What a member sees only where its assignment does not happen to begin or end there.
    pub(super) fn may_name(self) -> &'static [Anomaly] {
        match self {
            Fault::Drop | Fault::SkipWhileReading | Fault::MoveToAnotherPartition | Fault::ReadOffsetLie => {
                &[Anomaly::PollSkip]
            }
            Fault::Swap => &[Anomaly::NonmonotonicSend],
            _ => &[],
        }
    }

    /// Makes a history with the fault in it; none where it has no place for one.
    pub(super) fn inject(self, seed: u64) -> Option<History> {
        let mut history = History::new(seed, SHAPE);
        let (partition, index) = history.victim();
        let log = &mut history.log[partition];
        let reuse = |log: &mut Vec<Record>| log[index..].iter_mut().for_each(|record| record.offset -= 1);
        match self {
            Fault::Drop => drop(log.remove(index)),
            Fault::DropAndReuseOffset => {
                log.remove(index);
                reuse(log);
            }
            Fault::Duplicate => {
                let copy = Record { offset: history.end_offset(partition), ..history.log[partition][index].clone() };
                history.log[partition].push(copy);
            }
            Fault::Swap | Fault::Reorder => {
                let (first, second) = (&log[index - 1], &log[index]);
                if first.producer != second.producer {
                    return None;
                }
                let (one, other) = (first.offset, second.offset);
                log.swap(index - 1, index);
                (log[index - 1].offset, log[index].offset) = (one, other);
                for (index, offset) in [(index - 1, one), (index, other)].into_iter().filter(|_| self == Fault::Reorder)
                {
                    if let Some(told) = history.told_of(partition, index) {
                        told.outcome = Outcome::Acked { partition: partition as i32, offset };
                    }
                }
            }
            Fault::CorruptByte => log[index].value[STAMP_SIZE_BYTES + 3] ^= 0x10,
            Fault::CorruptKey => log[index].key[0] ^= 1,
            Fault::MoveToAnotherPartition => {
                let moved = log.remove(index);
                let other = (partition + 1) % history.log.len();
                let offset = history.end_offset(other);
                history.log[other].push(Record { offset, ..moved });
            }
            Fault::Phantom => {
                let offset = history.end_offset(partition);
                history.log[partition].push(record(1, partition as i32, 1_000_000, offset));
            }
            Fault::FailedButWritten => history.told_of(partition, index)?.outcome = Outcome::Failed,
            Fault::AckedOffsetLie => {
                let told = history.told_of(partition, index)?;
                let Outcome::Acked { partition, offset } = told.outcome else { return None };
                told.outcome = Outcome::Acked { partition, offset: offset + 1 };
            }
            Fault::Foreign => log[index].value = b"from another program".to_vec(),
            Fault::ReadOffsetLie | Fault::SkipWhileReading | Fault::StepBackWhileReading | Fault::StopReadingEarly => {
                return self.misread(history.read());
            }
        }
        if self == Fault::Foreign {
            // It is nobody's message, then.
            let Told { outcome, .. } = history.told_of(partition, index)?;
            *outcome = Outcome::Failed;
        }
        Some(history.read())
    }

    /// Changes what one group reads.
    fn misread(self, mut history: History) -> Option<History> {
        let (partition, index) = history.victim();
        let victim = history.log[partition][index].clone();
        let steps = &mut history.reads[1];
        let is_victim = |step: &Step| matches!(step, Step::Read(_, record) if *record == victim);
        match self {
            Fault::SkipWhileReading => steps.retain(|(_, step)| !is_victim(step)),
            Fault::StopReadingEarly => {
                let stop = steps.iter().position(|(_, step)| is_victim(step))?;
                let mut at = 0..;
                steps.retain(|(_, step)| {
                    let (Step::Assigned(of, _) | Step::Revoked(of) | Step::Read(of, _)) = step;
                    at.next() < Some(stop) || *of != partition as i32
                });
            }
            Fault::StepBackWhileReading => {
                let at = steps.iter().position(|(_, step)| is_victim(step))?;
                let again = steps[at].clone();
                steps.insert(at + 1, again);
            }
            _ => {
                for (_, step) in steps.iter_mut().filter(|(_, step)| is_victim(step)) {
                    let Step::Read(_, record) = step else { continue };
                    record.offset -= 1;
                }
            }
        }
        Some(history)
    }
}

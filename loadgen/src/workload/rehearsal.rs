//! Whether an explicit choice of partition holds, tried before anything is sent.
//!
//! Keys and lines follow from the seed, so that the choices of a rehearsal are those of the run. What lies beyond
//! [`REHEARSED`] messages shows in the run itself, which ends there.

use super::{PartitionError, PartitionerSpec, RateSchedule, Workload, WorkloadError, WorkloadSpec};
use crate::message::Producer;

/// Messages of each producer that are tried: a tenth of a second's work.
const REHEARSED: usize = 1_000_000;

/// A message for which an explicit choice names no partition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalError {
    /// The choice.
    #[error("message {message} of producer {producer}: {error}; correct --partitioner, --key or --partitions")]
    Partition {
        /// Its number among the producer's, from 0: `seq`.
        message: u64,
        /// The producer, from 0.
        producer: u16,
        /// What is wrong with it.
        error: PartitionError,
    },
    /// The workload cannot be made at all.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
}

/// Chooses partitions as the run will, of the first messages that each producer is to send.
///
/// # Errors
/// The first message without a partition.
pub fn rehearse(spec: &WorkloadSpec, schedule: &RateSchedule) -> Result<(), RehearsalError> {
    if !matches!(spec.partitioner, PartitionerSpec::Explicit(_)) {
        return Ok(());
    }
    for producer in 0..schedule.producers {
        let mut workload = Workload::new(spec, Producer { run_id: 0, index: producer, epoch: 0 })?;
        for (message, _) in (0..).zip(schedule.operations(producer).take(REHEARSED)) {
            workload.choose().map_err(|error| RehearsalError::Partition { message, producer, error })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Arrival, Bound, PayloadSource, Rate};

    fn of_messages(messages: u64) -> RateSchedule {
        let rate = Rate::per_second(1e5).unwrap();
        let bound = Bound::Messages(messages);
        RateSchedule { rate, arrival: Arrival::Constant, warmup_ns: 0, bound, producers: 2, seed: 1 }
    }

    fn rehearsed(partitioner: &str, key: &str, partitions: i32, messages: u64) -> Result<(), String> {
        let source = PayloadSource::Random("100".parse().unwrap());
        let (key, partitioner) = (key.parse().unwrap(), partitioner.parse().unwrap());
        let spec = WorkloadSpec { source, key, partitioner, partitions, seed: 1 };
        rehearse(&spec, &of_messages(messages)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_choice_that_leaves_the_range_is_found_before_anything_is_sent() {
        assert_eq!(rehearsed("explicit:seq % 6", "none", 6, 10_000), Ok(()));
        assert_eq!(rehearsed("explicit:producer", "none", 2, 100), Ok(()));
        assert_eq!(rehearsed("explicit:seq / 100", "none", 6, 1_200), Ok(()), "600 of each producer fit");
        let error = rehearsed("explicit:seq / 100", "none", 6, 1_201).unwrap_err();
        assert_eq!(
            error,
            "message 600 of producer 0: the partitioner chose 6, expected 0 to 5; correct --partitioner, --key or --partitions"
        );
        assert!(rehearsed("explicit:producer", "none", 1, 100).unwrap_err().starts_with("message 0 of producer 1: "));
        assert!(rehearsed("explicit:1 % (seq - 10)", "none", 9, 100).unwrap_err().contains("division by zero"));
        assert_eq!(rehearsed("murmur2", "10", 1, 100), Ok(()), "only an explicit choice can leave the range");
    }

    #[test]
    fn the_keys_of_the_rehearsal_are_those_of_the_run() {
        let source = PayloadSource::Random("uniform:10..200".parse().unwrap());
        let (key, partitioner) = ("1000".parse().unwrap(), "explicit:key[0:9] % 7".parse().unwrap());
        let spec = WorkloadSpec { source, key, partitioner, partitions: 7, seed: 5 };
        let workload = || Workload::new(&spec, Producer { run_id: 0, index: 1, epoch: 0 }).unwrap();
        let (mut run, mut rehearsal) = (workload(), workload());
        for _ in 0..1000 {
            assert_eq!(rehearsal.choose(), run.compose(0).map(|sent| sent.message.partition));
        }
    }
}

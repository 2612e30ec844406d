//! A cluster in memory, behind the same seam as a real one, whose faults are scripted: for tests of all that stands above.
//!
//! Each fault strikes the message with a given number, counted from 0 in the order of submission over all producers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{
    Admin, ClientError, ClusterDescription, Completion, Consumer, Driver, DriverError, Incoming, NewTopic, Producer,
    ProducerStatistics, Sink, SubmitError, TopicDescription,
};
use crate::message::{NO_OFFSET, Outcome, Outgoing};

/// What goes wrong with one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Acknowledged, and not written; another message stands at its offset.
    Lose,
    /// Written twice.
    Duplicate,
    /// Written with its last byte changed.
    Corrupt,
    /// Written to the partition after the one asked for.
    Misplace,
    /// Held back until the next message of its partition is written.
    Delay,
    /// Acknowledged one offset too high.
    WrongOffset,
    /// Not written, and reported as failed.
    Fail,
    /// Written, and reported as failed.
    FailButWrite,
    /// Written, and never acknowledged.
    Unanswered,
    /// Acknowledged without an offset, as with acks=0, and written only once somebody has asked so many times where the topic ends.
    Late(u32),
    /// Not written, and reported as failed with this error.
    FailWith(i32),
    /// Refused by the client with this code.
    Refuse(i32),
    /// The queue is full so many times before it takes the message.
    QueueFull(u32),
}

/// A record as the cluster keeps it.
#[derive(Debug, Clone)]
struct Stored {
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    stamp_header: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Cluster {
    partitions: Vec<Vec<Stored>>,
    held_back: Vec<Option<(Stored, u64)>>,
    /// To be written after so many more questions for the end offsets, by partition.
    late: Vec<(u32, usize, Stored)>,
    submitted: u64,
    faults: Vec<(u64, Fault)>,
    deleted_topics: Vec<String>,
}

/// The driver; its clients share one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    cluster: Arc<Mutex<Cluster>>,
    members: usize,
    existing: Option<i32>,
    fails_to_create: bool,
    rebalance_after: Option<usize>,
    tells_ends: bool,
}

impl Scripted {
    /// A cluster for groups of so many members, where the numbered messages meet these faults.
    pub(crate) fn new(members: usize, faults: &[(u64, Fault)]) -> Self {
        let cluster = Cluster { faults: faults.to_vec(), ..Cluster::default() };
        Self {
            cluster: Arc::new(Mutex::new(cluster)),
            members,
            existing: None,
            fails_to_create: false,
            rebalance_after: None,
            tells_ends: true,
        }
    }

    /// The topic is there, with so many partitions, each of which holds a message of somebody else's.
    pub(crate) fn with_existing_topic(mut self, partitions: i32) -> Self {
        self.existing = Some(partitions);
        let foreign = || Stored { key: None, value: b"not of this run".to_vec(), stamp_header: None };
        self.cluster().partitions = (0..partitions).map(|_| vec![foreign()]).collect();
        self.cluster().held_back = vec![None; partitions as usize];
        self
    }

    /// Each member loses its partitions once it has read so many records, and gets them back 10 offsets earlier.
    pub(crate) fn with_rebalance_after(mut self, records: usize) -> Self {
        self.rebalance_after = Some(records);
        self
    }

    /// Every creation of a topic ends in an error.
    pub(crate) fn that_fails_to_create_topics(mut self) -> Self {
        self.fails_to_create = true;
        self
    }

    /// Nobody answers who asks where the topic ends.
    pub(crate) fn without_end_offsets(mut self) -> Self {
        self.tells_ends = false;
        self
    }

    /// Somebody else's message arrives.
    pub(crate) fn add_foreign(&self, partition: usize) {
        let foreign = Stored { key: None, value: b"not of this run".to_vec(), stamp_header: None };
        self.cluster().partitions[partition].push(foreign);
    }

    /// Topics that were deleted.
    pub(crate) fn deleted_topics(&self) -> Vec<String> {
        self.cluster().deleted_topics.clone()
    }

    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver for Scripted {
    fn name(&self) -> String {
        "scripted 1".to_owned()
    }

    fn admin(&self) -> Result<Box<dyn Admin>, DriverError> {
        Ok(Box::new(self.clone()))
    }

    fn producer(&self, _: usize) -> Result<Box<dyn Producer>, DriverError> {
        Ok(Box::new(ScriptedProducer { scripted: self.clone(), done: VecDeque::new(), unanswered: Vec::new() }))
    }

    fn consumer(&self, _: &str, member: usize, start_offsets: &[i64]) -> Result<Box<dyn Consumer>, DriverError> {
        let mine = (0..start_offsets.len()).filter(|partition| partition % self.members == member);
        let positions = mine.map(|partition| (partition as i32, start_offsets[partition])).collect();
        let rebalance_after = self.rebalance_after;
        Ok(Box::new(ScriptedConsumer { scripted: self.clone(), positions, joined: false, rebalance_after }))
    }
}

struct ScriptedProducer {
    scripted: Scripted,
    done: VecDeque<Completion>,
    unanswered: Vec<u64>,
}

impl Producer for ScriptedProducer {
    fn submit(&mut self, message: &Outgoing<'_>, tag: u64) -> Result<(), SubmitError> {
        let mut cluster = self.scripted.cluster();
        let number = cluster.submitted;
        let fault = cluster.faults.iter_mut().find(|(struck, _)| *struck == number).map(|(_, fault)| fault);
        if let Some(Fault::QueueFull(times)) = fault
            && *times > 0
        {
            *times -= 1;
            return Err(SubmitError::QueueFull);
        }
        let fault = fault.cloned();
        cluster.submitted += 1;
        if let Some(Fault::Refuse(code)) = fault {
            return Err(SubmitError::Refused(ClientError { code, reason: "refused by the script".into() }));
        }
        match cluster.write(message, tag, fault.as_ref()) {
            Some(completion) => self.done.push_back(completion),
            None => self.unanswered.push(tag),
        }
        Ok(())
    }

    fn drain(&mut self, wait: Duration, sink: &mut dyn FnMut(Completion)) {
        if self.done.is_empty() {
            thread::sleep(wait);
        }
        self.done.drain(..).for_each(sink);
    }

    fn flush(&mut self, wait: Duration, sink: &mut dyn FnMut(Completion)) {
        self.drain(wait, sink);
    }

    fn abandon(&mut self, sink: &mut dyn FnMut(Completion)) {
        for tag in self.unanswered.drain(..) {
            sink(Completion { tag, outcome: Outcome::Unknown, error: None });
        }
    }

    fn statistics(&self) -> ProducerStatistics {
        ProducerStatistics::default()
    }

    fn take_errors(&mut self) -> Vec<ClientError> {
        Vec::new()
    }
}

impl Cluster {
    /// Writes a message as its fault has it, and says how it completes, if it does.
    fn write(&mut self, message: &Outgoing<'_>, tag: u64, fault: Option<&Fault>) -> Option<Completion> {
        let asked = usize::try_from(message.partition).unwrap_or(0);
        let partition = if fault == Some(&Fault::Misplace) { (asked + 1) % self.partitions.len() } else { asked };
        let mut stored = Stored {
            key: message.key.map(<[u8]>::to_vec),
            value: message.value.to_vec(),
            stamp_header: message.stamp_header.map(<[u8]>::to_vec),
        };
        let log = &mut self.partitions[partition];
        let mut offset = log.len() as i64;
        match fault {
            Some(Fault::Lose) => {
                log.push(Stored { key: None, value: b"in its place".to_vec(), stamp_header: None });
            }
            Some(Fault::Fail | Fault::FailWith(_)) => {}
            Some(Fault::Late(questions)) => self.late.push((*questions, partition, stored)),
            Some(Fault::Duplicate) => log.extend([stored.clone(), stored]),
            Some(Fault::Corrupt) => {
                stored.value.last_mut().into_iter().for_each(|byte| *byte ^= 1);
                log.push(stored);
            }
            Some(Fault::Delay) => {
                self.held_back[partition] = Some((stored, tag));
                // It will stand behind its successor.
                offset += 1;
            }
            _ => log.push(stored),
        }
        if fault != Some(&Fault::Delay)
            && let Some((held, _)) = self.held_back[partition].take()
        {
            self.partitions[partition].push(held);
        }
        let outcome = match fault {
            Some(Fault::Unanswered) => return None,
            Some(Fault::Fail | Fault::FailButWrite | Fault::FailWith(_)) => Outcome::Failed,
            Some(Fault::Late(_)) => Outcome::Acked { partition: partition as i32, offset: NO_OFFSET },
            Some(Fault::WrongOffset) => Outcome::Acked { partition: partition as i32, offset: offset + 1 },
            _ => Outcome::Acked { partition: partition as i32, offset },
        };
        let error = match fault {
            Some(Fault::FailWith(code)) => Some(ClientError { code: *code, reason: "as the script says".into() }),
            _ => None,
        };
        Some(Completion { tag, outcome, error })
    }

    /// The end of each partition; what is late comes closer.
    fn end_offsets(&mut self) -> Vec<i64> {
        let ends = self.partitions.iter().map(|log| log.len() as i64).collect();
        for (questions, partition, stored) in std::mem::take(&mut self.late) {
            match questions.checked_sub(1) {
                None => self.partitions[partition].push(stored),
                Some(questions) => self.late.push((questions, partition, stored)),
            }
        }
        ends
    }
}

struct ScriptedConsumer {
    scripted: Scripted,
    positions: Vec<(i32, i64)>,
    joined: bool,
    /// Records until the partitions change hands.
    rebalance_after: Option<usize>,
}

impl Consumer for ScriptedConsumer {
    fn poll(&mut self, wait: Duration, sink: &mut dyn Sink) -> usize {
        if !self.joined {
            self.joined = true;
            sink.assigned(&self.positions);
        }
        let mut records = 0;
        for (partition, position) in &mut self.positions {
            let new: Vec<Stored> = {
                let cluster = self.scripted.cluster();
                let log = cluster.partitions.get(*partition as usize);
                log.and_then(|log| log.get(*position as usize..)).unwrap_or_default().to_vec()
            };
            for stored in new {
                sink.record(&Incoming {
                    partition: *partition,
                    offset: *position,
                    key: stored.key.as_deref(),
                    value: Some(&stored.value),
                    stamp_header: stored.stamp_header.as_deref(),
                });
                *position += 1;
                records += 1;
            }
        }
        if let Some(left) = self.rebalance_after {
            self.rebalance_after = Some(left.saturating_sub(records)).filter(|left| *left > 0);
            if self.rebalance_after.is_none() {
                sink.revoked(&self.positions.iter().map(|(partition, _)| *partition).collect::<Vec<_>>());
                self.positions.iter_mut().for_each(|(_, position)| *position = (*position - 10).max(0));
                sink.assigned(&self.positions);
            }
        }
        if records == 0 {
            thread::sleep(wait.min(Duration::from_millis(1)));
        }
        records
    }

    fn commit(&mut self) -> Result<(), ClientError> {
        Ok(())
    }

    fn close(self: Box<Self>, _: Duration) -> Result<(), ClientError> {
        Ok(())
    }
}

impl Admin for Scripted {
    fn cluster(&self, _: Duration) -> Result<ClusterDescription, DriverError> {
        Ok(ClusterDescription { cluster_id: None, brokers: vec!["scripted:1".to_owned()] })
    }

    fn topic(&self, _: &str) -> Result<Option<TopicDescription>, DriverError> {
        Ok(self.existing.map(|partitions| TopicDescription { partitions, replication_factor: 1 }))
    }

    fn max_message_bytes(&self, _: &str) -> Option<usize> {
        Some(1_048_588)
    }

    fn create_topic(&self, topic: &NewTopic) -> Result<(), DriverError> {
        if self.fails_to_create {
            let error = ClientError { code: 5, reason: "leader not available".into() };
            return Err(DriverError::Refused { what: format!("create topic '{}'", topic.name), error });
        }
        let mut cluster = self.cluster();
        cluster.partitions = vec![Vec::new(); topic.partitions as usize];
        cluster.held_back = vec![None; topic.partitions as usize];
        Ok(())
    }

    fn delete_topic(&self, name: &str, _: Duration) -> Result<(), DriverError> {
        self.cluster().deleted_topics.push(name.to_owned());
        Ok(())
    }

    fn end_offsets(&self, _: &str, _: i32, _: Duration) -> Result<Vec<i64>, DriverError> {
        if !self.tells_ends {
            let (address, reason) = ("scripted:1".to_owned(), "as the script says".to_owned());
            return Err(DriverError::Unreachable { address, after: Duration::ZERO, reason });
        }
        Ok(self.cluster().end_offsets())
    }

    fn delete_groups(&self, _: &[String], _: Duration) -> Result<(), DriverError> {
        Ok(())
    }
}

//! The seam between the generator and a Kafka client: submit, drain completions, poll records, administer.
//!
//! Two implementations stand behind it: [`rdkafka`], the client users run, and `scripted`, a cluster in memory whose
//! faults are scripted, for tests of everything above the seam.
//!
//! What callers may rely on:
//!
//! - A [`Producer`] or [`Consumer`] is used by the one thread that owns it. Its sinks are called from inside
//!   [`Producer::drain`] and [`Consumer::poll`], on that thread, never between them.
//! - Every message accepted by [`Producer::submit`] completes exactly once, with the tag it was submitted under.
//! - A full queue is back-pressure, not an error: the message stays with the caller, who drains and submits it again.
//! - Nothing here allocates per message.
//!
//! The seam never knows the plan's workload, stamps, or what is expected of the messages.

mod error;
pub mod rdkafka;
#[cfg(test)]
pub(crate) mod scripted;

use std::time::Duration;

pub use error::{ClientError, DriverError};

use crate::message::{Outcome, Outgoing};

/// Makes the clients of one run. Clients of one driver talk to one cluster with the same settings.
pub trait Driver: Sync {
    /// The client library and its version, such as `librdkafka 2.12.1`.
    fn name(&self) -> String;

    /// Connects an administrative client.
    ///
    /// # Errors
    /// A setting that the client refuses.
    fn admin(&self) -> Result<Box<dyn Admin>, DriverError>;

    /// Makes the producer of worker `worker`, counted from 0.
    ///
    /// # Errors
    /// A setting that the client refuses.
    fn producer(&self, worker: usize) -> Result<Box<dyn Producer>, DriverError>;

    /// Makes member `member` of the consumer group named `group` and subscribes it. Partitions without a committed
    /// offset are consumed from `start_offsets`, indexed by partition.
    ///
    /// # Errors
    /// A setting that the client refuses.
    fn consumer(&self, group: &str, member: usize, start_offsets: &[i64]) -> Result<Box<dyn Consumer>, DriverError>;
}

/// Why a message was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitError {
    /// The client's queue is full: drain, then submit the same message again.
    QueueFull,
    /// The client refused the message for good; it was not sent and no completion follows.
    Refused(ClientError),
}

/// What became of a submitted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The tag it was submitted under.
    pub tag: u64,
    /// Acknowledged, failed, or unknown.
    pub outcome: Outcome,
    /// Why it was not acknowledged.
    pub error: Option<ClientError>,
}

/// What a producer's client says of its own batching, summed since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProducerStatistics {
    /// The client's age when it said so; 0 before it said anything.
    pub age_us: u64,
    /// Produce requests sent.
    pub requests: u64,
    /// Record batches sent.
    pub batches: u64,
    /// Bytes of those batches, as sent.
    pub batch_bytes: u64,
    /// Messages in those batches.
    pub messages: u64,
}

impl ProducerStatistics {
    /// What came to be after `earlier`, which the same client said.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            age_us: self.age_us.saturating_sub(earlier.age_us),
            requests: self.requests.saturating_sub(earlier.requests),
            batches: self.batches.saturating_sub(earlier.batches),
            batch_bytes: self.batch_bytes.saturating_sub(earlier.batch_bytes),
            messages: self.messages.saturating_sub(earlier.messages),
        }
    }

    /// Produce requests a second of that time; none of no time.
    pub fn requests_per_second(&self) -> Option<f64> {
        (self.age_us > 0).then(|| self.requests as f64 * 1e6 / self.age_us as f64)
    }
}

/// One producing client.
pub trait Producer: Send {
    /// Hands over one message; its key, value and header are copied, and `tag` comes back with its completion.
    ///
    /// # Errors
    /// [`SubmitError::QueueFull`] as back-pressure, [`SubmitError::Refused`] for good.
    fn submit(&mut self, message: &Outgoing<'_>, tag: u64) -> Result<(), SubmitError>;

    /// Waits until a completion is there or `wait` has passed, then hands all that are there to `sink`.
    fn drain(&mut self, wait: Duration, sink: &mut dyn FnMut(Completion));

    /// Sends what is still queued without waiting for batches to fill, and drains until nothing is in flight or `wait` has passed.
    fn flush(&mut self, wait: Duration, sink: &mut dyn FnMut(Completion));

    /// Gives up on what is still in flight: each such message completes as failed or unknown.
    fn abandon(&mut self, sink: &mut dyn FnMut(Completion));

    /// The client's own figures, as of about the last second.
    fn statistics(&self) -> ProducerStatistics;

    /// Takes the errors that belonged to no message, such as a lost connection, oldest first.
    fn take_errors(&mut self) -> Vec<ClientError>;
}

/// A record as it came back, borrowed from the client.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// The value of the stamp's record header, if it has one.
    pub stamp_header: Option<&'a [u8]>,
}

/// Takes what a consumer reads. Calls come in order, from inside [`Consumer::poll`].
pub trait Sink {
    /// A record.
    fn record(&mut self, record: &Incoming<'_>);

    /// Partitions joined the assignment, each with the offset from which it is read now.
    fn assigned(&mut self, partitions: &[(i32, i64)]);

    /// Partitions left the assignment; what was handed over of them is committed.
    fn revoked(&mut self, partitions: &[i32]);

    /// An error that the client reports.
    fn error(&mut self, error: ClientError);
}

/// One member of a consumer group.
pub trait Consumer: Send {
    /// Waits until a record or an event is there or `wait` has passed, then hands all that are there to `sink`, up to a
    /// bounded batch. Returns the number of records.
    fn poll(&mut self, wait: Duration, sink: &mut dyn Sink) -> usize;

    /// Commits, for each assigned partition, the offset after the last record handed over, and does not wait for the answer.
    ///
    /// # Errors
    /// What is known at once.
    fn commit(&mut self) -> Result<(), ClientError>;

    /// Commits what was handed over and leaves the group, all of it for no longer than `within`.
    ///
    /// # Errors
    /// The commit's refusal, or that the cluster did not answer in time.
    fn close(self: Box<Self>, within: Duration) -> Result<(), ClientError>;
}

/// A topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Number of partitions.
    pub partitions: i32,
    /// Replicas of each partition (the fewest, should they differ).
    pub replication_factor: i32,
}

/// A cluster as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id, where it says one.
    pub cluster_id: Option<String>,
    /// `host:port` of each broker.
    pub brokers: Vec<String>,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Replicas of each partition.
    pub replication_factor: i32,
    /// The largest batch that it takes; none leaves that to the cluster.
    pub max_message_bytes: Option<usize>,
}

/// The administrative client.
pub trait Admin: Send {
    /// Describes the cluster, trying until `within` has passed: the probe for "is it there".
    ///
    /// # Errors
    /// [`DriverError::Unreachable`] with the last reason, or [`DriverError::NotKafka`].
    fn cluster(&self, within: Duration) -> Result<ClusterDescription, DriverError>;

    /// Describes a topic; `None` where the cluster has none of that name.
    ///
    /// # Errors
    /// Unreachable, or not authorised.
    fn topic(&self, name: &str) -> Result<Option<TopicDescription>, DriverError>;

    /// The largest batch that a topic takes (`max.message.bytes`); `None` where the cluster does not say.
    fn max_message_bytes(&self, topic: &str) -> Option<usize>;

    /// Creates a topic and waits until its partitions have leaders.
    ///
    /// # Errors
    /// The cluster's refusal.
    fn create_topic(&self, topic: &NewTopic) -> Result<(), DriverError>;

    /// Deletes a topic.
    ///
    /// # Errors
    /// The cluster's refusal, or unreachable `within` that time.
    fn delete_topic(&self, name: &str, within: Duration) -> Result<(), DriverError>;

    /// The end offset of each partition, indexed by partition.
    ///
    /// # Errors
    /// Unreachable `within` that time, or not authorised.
    fn end_offsets(&self, topic: &str, partitions: i32, within: Duration) -> Result<Vec<i64>, DriverError>;

    /// Deletes consumer groups that the run made. Best effort: a group that is gone is no error.
    ///
    /// # Errors
    /// The cluster's refusal, or unreachable `within` that time.
    fn delete_groups(&self, groups: &[String], within: Duration) -> Result<(), DriverError>;
}

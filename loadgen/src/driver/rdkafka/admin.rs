//! Administration by the `rdkafka` crate's own client: rare calls, where allocation does not matter.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic as NewKafkaTopic, ResourceSpecifier, TopicReplication};
use rdkafka::bindings::rd_kafka_resp_err_t;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{IsError, KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::bounded::Bounded;
use super::native::{client_error, shown};
use super::probe::{Stranger, stranger_at};
use crate::driver::{Admin, ClientError, ClusterDescription, DriverError, NewTopic, TopicDescription};

/// How long one administrative operation may take.
const OPERATION: Duration = Duration::from_secs(30);
/// How long the leaders of a new topic may take to be known.
const LEADERS: Duration = Duration::from_secs(30);
/// Events looked at for the reason why nobody answered.
const QUEUED_EVENTS: usize = 100;
/// The topic's setting for the largest batch.
const MAX_MESSAGE_BYTES: &str = "max.message.bytes";
/// Between two looks at something that is about to happen.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) struct RdKafkaAdmin {
    address: String,
    /// How brokers are spoken to, unless without TLS and credentials.
    secured_by: Option<String>,
    admin: Bounded<AdminClient<LastReason>>,
    /// Asks for offsets: the administrative client of the crate has no such call.
    offsets: Bounded<BaseConsumer<LastReason>>,
    last_reason: LastReason,
}

/// Keeps the last error that a client reported, for the sentence that explains why nobody answered.
#[derive(Debug, Clone, Default)]
struct LastReason(Arc<Mutex<Option<String>>>);

impl LastReason {
    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_else(|| "no answer".into())
    }
}

impl ClientContext for LastReason {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(target: "librdkafka", "{facility}: {line}");
        if facility == "FAIL" {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause(line));
        }
    }

    fn error(&self, _: KafkaError, reason: &str) {
        // What matters is logged too, and earlier.
        tracing::debug!(target: "librdkafka", "{reason}");
    }
}

impl rdkafka::consumer::ConsumerContext for LastReason {}

/// The cause in a line such as `[thrd:a:1/bootstrap]: a:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused
/// (after 0ms in state CONNECT)`.
fn cause(line: &str) -> String {
    let brief = line.split(" (after ").next().unwrap_or(line);
    let brief = brief.split_once("]: ").map_or(brief, |(_, rest)| rest);
    brief.rsplit_once(" failed: ").map_or(brief, |(_, cause)| cause).trim().to_owned()
}

impl RdKafkaAdmin {
    pub(super) fn new(address: &str, properties: &BTreeMap<String, String>) -> Result<Self, DriverError> {
        let last_reason = LastReason::default();
        let protocol = properties.get("security.protocol");
        let secured_by = protocol.filter(|protocol| !protocol.eq_ignore_ascii_case("plaintext")).cloned();
        let mut config = ClientConfig::new();
        config.extend(properties.clone());
        let refused = |error: KafkaError| match error {
            KafkaError::ClientConfig(_, reason, name, value) => {
                DriverError::Property { value: shown(&name, &value), name, reason }
            }
            other => DriverError::Create { reason: other.to_string() },
        };
        let admin = AdminClient::from_config_and_context(&config, last_reason.clone()).map_err(refused)?;
        config.set("group.id", "loadgen-offsets").set("enable.auto.commit", "false");
        let offsets = BaseConsumer::from_config_and_context(&config, last_reason.clone()).map_err(refused)?;
        Ok(Self {
            address: address.into(),
            secured_by,
            admin: Bounded::new(admin),
            offsets: Bounded::new(offsets),
            last_reason,
        })
    }

    fn refused(&self, what: String, within: Duration, error: KafkaError) -> DriverError {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::OperationTimedOut) => {
                self.unreachable(within)
            }
            Some(code) => DriverError::Refused { what, error: by_code(code) },
            None => DriverError::Refused { what, error: ClientError { code: -1, reason: error.to_string().into() } },
        }
    }

    /// Why there is no cluster: nobody is there, or somebody else.
    fn absent(&self, after: Duration) -> DriverError {
        let finding = match (stranger_at(&self.address), &self.secured_by) {
            (Some(stranger), None) => stranger.to_string(),
            (Some(Stranger::Broker), Some(protocol)) => format!(
                "it is a broker, and not one for security.protocol={protocol}, or not with these credentials: see which \
                 protocol and mechanisms its listener has, and its log"
            ),
            _ => return self.unreachable(after),
        };
        DriverError::NotKafka { address: self.address.clone(), after, finding }
    }

    fn unreachable(&self, after: Duration) -> DriverError {
        // Logged reasons wait in the client's queue until it is polled.
        for _ in 0..QUEUED_EVENTS {
            let _ = self.offsets.poll(Duration::ZERO);
        }
        DriverError::Unreachable { address: self.address.clone(), after, reason: self.last_reason.text() }
    }
}

/// The client's own text for a code of the `rdkafka` crate.
fn by_code(code: RDKafkaErrorCode) -> ClientError {
    ClientError { code: code as i32, reason: code.to_string().into() }
}

impl Admin for RdKafkaAdmin {
    fn cluster(&self, within: Duration) -> Result<ClusterDescription, DriverError> {
        let client = self.offsets.client();
        let started = Instant::now();
        let metadata = client.fetch_metadata(None, within).map_err(|_| self.absent(started.elapsed()))?;
        let brokers = metadata.brokers().iter().map(|broker| format!("{}:{}", broker.host(), broker.port())).collect();
        Ok(ClusterDescription { cluster_id: client.fetch_cluster_id(Duration::from_secs(5)), brokers })
    }

    fn topic(&self, name: &str) -> Result<Option<TopicDescription>, DriverError> {
        let what = || format!("describe topic '{name}'");
        let metadata = self
            .offsets
            .fetch_metadata(Some(name), OPERATION)
            .map_err(|error| self.refused(what(), OPERATION, error))?;
        let Some(topic) = metadata.topics().first() else { return Ok(None) };
        match topic.error() {
            Some(rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) => return Ok(None),
            Some(code) if code.is_error() => {
                return Err(DriverError::Refused { what: what(), error: client_error(code) });
            }
            _ => {}
        }
        let replicas = topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
        Ok(Some(TopicDescription { partitions: topic.partitions().len() as i32, replication_factor: replicas as i32 }))
    }

    fn max_message_bytes(&self, topic: &str) -> Option<usize> {
        let options = answered_within(OPERATION);
        let described = wait_for(self.admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options)).ok()?;
        described.into_iter().next()?.ok()?.get(MAX_MESSAGE_BYTES)?.value.as_ref()?.parse().ok()
    }

    fn create_topic(&self, topic: &NewTopic) -> Result<(), DriverError> {
        let what = || format!("create topic '{}'", topic.name);
        let max_message_bytes = topic.max_message_bytes.map(|bytes| bytes.to_string());
        let new = NewKafkaTopic::new(&topic.name, topic.partitions, TopicReplication::Fixed(topic.replication_factor));
        let new = match &max_message_bytes {
            Some(bytes) => new.set(MAX_MESSAGE_BYTES, bytes),
            None => new,
        };
        let options = answered_within(OPERATION).operation_timeout(Some(OPERATION));
        let results =
            wait_for(self.admin.create_topics([&new], &options)).map_err(|e| self.refused(what(), OPERATION, e))?;
        if let Some(Err((_, code))) = results.into_iter().next() {
            return Err(DriverError::Refused { what: what(), error: by_code(code) });
        }
        let deadline = Instant::now() + LEADERS;
        loop {
            let metadata = self.offsets.fetch_metadata(Some(&topic.name), OPERATION);
            let led = metadata.is_ok_and(|metadata| {
                metadata.topics().first().is_some_and(|described| {
                    described.partitions().len() == topic.partitions as usize
                        && described.partitions().iter().all(|partition| partition.leader() >= 0)
                })
            });
            if led {
                return Ok(());
            }
            if Instant::now() > deadline {
                let reason = "its partitions have no leaders yet; see whether all brokers run".into();
                return Err(DriverError::Refused { what: what(), error: ClientError { code: 5, reason } });
            }
            thread::sleep(PAUSE);
        }
    }

    fn delete_topic(&self, name: &str, within: Duration) -> Result<(), DriverError> {
        let what = || format!("delete topic '{name}'");
        let results = wait_for(self.admin.delete_topics(&[name], &answered_within(within)))
            .map_err(|error| self.refused(what(), within, error))?;
        match results.into_iter().next() {
            Some(Err((_, code))) => Err(DriverError::Refused { what: what(), error: by_code(code) }),
            _ => Ok(()),
        }
    }

    fn end_offsets(&self, topic: &str, partitions: i32, within: Duration) -> Result<Vec<i64>, DriverError> {
        let what = || format!("list the end offsets of topic '{topic}'");
        let mut asked = TopicPartitionList::new();
        for partition in 0..partitions {
            // A time of -1 asks ListOffsets for the end, as the protocol has it.
            asked
                .add_partition_offset(topic, partition, Offset::End)
                .map_err(|error| self.refused(what(), within, error))?;
        }
        let answered =
            self.offsets.offsets_for_times(asked, within).map_err(|error| self.refused(what(), within, error))?;
        let mut ends = vec![0; usize::try_from(partitions).unwrap_or(0)];
        for element in answered.elements() {
            element.error().map_err(|error| self.refused(what(), within, error))?;
            let slot = usize::try_from(element.partition()).ok().and_then(|partition| ends.get_mut(partition));
            if let (Some(end), Offset::Offset(offset)) = (slot, element.offset()) {
                *end = offset;
            }
        }
        Ok(ends)
    }

    fn delete_groups(&self, groups: &[String], within: Duration) -> Result<(), DriverError> {
        let names: Vec<&str> = groups.iter().map(String::as_str).collect();
        let results = wait_for(self.admin.delete_groups(&names, &answered_within(within)))
            .map_err(|error| self.refused("delete the run's consumer groups".into(), within, error))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound)) => {}
                Err((group, code)) => {
                    return Err(DriverError::Refused { what: format!("delete group '{group}'"), error: by_code(code) });
                }
            }
        }
        Ok(())
    }
}

/// The time for a broker to be found, asked, and to answer.
fn answered_within(within: Duration) -> AdminOptions {
    AdminOptions::new().request_timeout(Some(within))
}

/// Waits for a future on this thread. The crate's futures are woken by its own polling thread.
fn wait_for<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_a_failed_connection_is_found_in_its_log_line() {
        let line = "[thrd:a:1/bootstrap]: a:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused \
                    (after 0ms in state CONNECT)";
        assert_eq!(cause(line), "Connection refused");
        let line =
            "[thrd:a:1/bootstrap]: a:1/bootstrap: Disconnected while requesting ApiVersion (after 2ms in state X)";
        assert_eq!(cause(line), "a:1/bootstrap: Disconnected while requesting ApiVersion");
    }
}

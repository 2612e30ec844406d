//! librdkafka behind the seam: what users run.

mod admin;
mod bounded;
mod native;
mod probe;
mod statistics;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Admin, ClientError, Completion, Consumer, Driver, DriverError, Producer, ProducerStatistics, Sink, SubmitError,
};
use crate::message::{Outgoing, STAMP_HEADER};
use bounded::{Bounded, at_most};
pub use native::shown;
use native::{NativeConsumer, NativeProducer};
use statistics::Accumulator;

/// The driver on librdkafka: properties by its own names, for one topic.
#[derive(Debug, Clone)]
pub struct RdKafka {
    bootstrap_servers: String,
    topic: String,
    /// For every client, then those of one kind.
    common: BTreeMap<String, String>,
    producer: BTreeMap<String, String>,
    consumer: BTreeMap<String, String>,
}

/// Properties by librdkafka's names; later ones prevail over earlier ones: our own, then the user's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// For producers.
    pub producer: BTreeMap<String, String>,
    /// For consumers.
    pub consumer: BTreeMap<String, String>,
    /// From the user, for every client.
    pub user: BTreeMap<String, String>,
}

impl RdKafka {
    /// A driver whose clients talk to `bootstrap_servers` about `topic`.
    pub fn new(bootstrap_servers: &str, topic: &str, properties: &Properties) -> Self {
        let with_user = |own: &BTreeMap<String, String>| {
            own.iter().chain(&properties.user).map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            topic: topic.into(),
            common: properties.user.clone(),
            producer: with_user(&properties.producer),
            consumer: with_user(&properties.consumer),
        }
    }

    /// Checks every property without connecting.
    ///
    /// # Errors
    /// [`DriverError::Property`] or [`DriverError::TlsNotBuilt`], naming the first refused one.
    pub fn check(&self) -> Result<(), DriverError> {
        NativeProducer::new(Self::pairs(&self.producer), &self.topic, STAMP_HEADER).map(drop)?;
        NativeConsumer::check(Self::pairs(&self.consumer))
    }

    fn pairs(properties: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
        properties.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn with(&self, own: &BTreeMap<String, String>, more: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut all = own.clone();
        all.insert("bootstrap.servers".into(), self.bootstrap_servers.clone());
        all.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        all
    }
}

impl Driver for RdKafka {
    fn name(&self) -> String {
        format!("librdkafka {}", native::version())
    }

    fn admin(&self) -> Result<Box<dyn Admin>, DriverError> {
        let properties = self.with(
            &self.common,
            &[
                ("client.id", "loadgen-admin"),
                // The first answer is the moment a started broker is ready: not seen late by a pause between two attempts.
                ("reconnect.backoff.ms", "5"),
                ("reconnect.backoff.max.ms", "10"),
            ],
        );
        Ok(Box::new(admin::RdKafkaAdmin::new(&self.bootstrap_servers, &properties)?))
    }

    fn producer(&self, worker: usize) -> Result<Box<dyn Producer>, DriverError> {
        let properties = self.with(&self.producer, &[("client.id", &format!("loadgen-producer-{worker}"))]);
        let native = NativeProducer::new(Self::pairs(&properties), &self.topic, STAMP_HEADER)?;
        Ok(Box::new(RdKafkaProducer { native: Bounded::new(native), statistics: Accumulator::default() }))
    }

    fn consumer(&self, group: &str, member: usize, start_offsets: &[i64]) -> Result<Box<dyn Consumer>, DriverError> {
        let more = [("group.id", group), ("client.id", &format!("loadgen-consumer-{member}"))];
        let properties = self.with(&self.consumer, &more);
        let native = NativeConsumer::new(Self::pairs(&properties), &self.topic, start_offsets, STAMP_HEADER)?;
        Ok(Box::new(RdKafkaConsumer { native: Bounded::new(native) }))
    }
}

/// Properties as they may be shown and written to a file.
pub fn without_secrets(properties: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    properties.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect()
}

struct RdKafkaProducer {
    native: Bounded<NativeProducer>,
    statistics: Accumulator,
}

impl RdKafkaProducer {
    fn deliver(&mut self, sink: &mut dyn FnMut(Completion)) {
        self.native.completions().for_each(sink);
        if let Some(document) = self.native.take_statistics() {
            self.statistics.add(&document);
        }
    }
}

impl Producer for RdKafkaProducer {
    fn submit(&mut self, message: &Outgoing<'_>, tag: u64) -> Result<(), SubmitError> {
        self.native.submit(message, tag)
    }

    fn drain(&mut self, wait: Duration, sink: &mut dyn FnMut(Completion)) {
        self.native.poll(wait);
        self.deliver(sink);
    }

    fn flush(&mut self, wait: Duration, sink: &mut dyn FnMut(Completion)) {
        self.native.flush(wait);
        self.deliver(sink);
    }

    fn abandon(&mut self, sink: &mut dyn FnMut(Completion)) {
        self.native.purge();
        self.deliver(sink);
    }

    fn statistics(&self) -> ProducerStatistics {
        self.statistics.total()
    }

    fn take_errors(&mut self) -> Vec<ClientError> {
        self.native.take_errors()
    }
}

struct RdKafkaConsumer {
    native: Bounded<NativeConsumer>,
}

impl Consumer for RdKafkaConsumer {
    fn poll(&mut self, wait: Duration, sink: &mut dyn Sink) -> usize {
        self.native.poll(wait, sink)
    }

    fn commit(&mut self) -> Result<(), ClientError> {
        self.native.commit()
    }

    fn close(self: Box<Self>, within: Duration) -> Result<(), ClientError> {
        let Some(native) = self.native.into_inner() else { return Ok(()) };
        at_most(within, move || native.close()).unwrap_or_else(|| Err(native::timed_out()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_property_prevails_and_is_checked_without_a_cluster() {
        let mut properties = Properties::default();
        properties.producer.insert("linger.ms".into(), "5".into());
        properties.user.insert("linger.ms".into(), "0".into());
        let driver = RdKafka::new("127.0.0.1:1", "t", &properties);
        assert_eq!(driver.producer.get("linger.ms").map(String::as_str), Some("0"));
        driver.check().expect("a known property");

        properties.user.insert("nonsense".into(), "1".into());
        let refused = RdKafka::new("127.0.0.1:1", "t", &properties).check();
        assert!(matches!(refused, Err(DriverError::Property { name, .. }) if name == "nonsense"));
    }
}

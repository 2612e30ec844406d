//! What librdkafka's statistics documents say of batching (see its STATISTICS.md).
//!
//! Requests are totals since the client was made, as is its age; batch figures are windows of one interval, which are summed.

use serde::Deserialize;
use std::collections::HashMap;

use crate::driver::ProducerStatistics;

/// Sums documents up.
#[derive(Debug, Default)]
pub(super) struct Accumulator {
    total: ProducerStatistics,
}

#[derive(Deserialize)]
struct Document {
    /// Microseconds since the client was made.
    #[serde(default)]
    age: u64,
    #[serde(default)]
    brokers: HashMap<String, Broker>,
    #[serde(default)]
    topics: HashMap<String, Topic>,
}

#[derive(Deserialize)]
struct Broker {
    #[serde(default)]
    req: HashMap<String, u64>,
}

#[derive(Deserialize)]
struct Topic {
    batchsize: Window,
    batchcnt: Window,
}

#[derive(Deserialize)]
struct Window {
    sum: u64,
    cnt: u64,
}

impl Accumulator {
    /// Adds a document; one that cannot be read (another version's) changes nothing.
    pub(super) fn add(&mut self, json: &str) {
        let Ok(document) = serde_json::from_str::<Document>(json) else { return };
        self.total.age_us = document.age;
        self.total.requests = document.brokers.values().filter_map(|broker| broker.req.get("Produce")).sum();
        for topic in document.topics.values() {
            self.total.batches += topic.batchcnt.cnt;
            self.total.messages += topic.batchcnt.sum;
            self.total.batch_bytes += topic.batchsize.sum;
        }
    }

    pub(super) fn total(&self) -> ProducerStatistics {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"age": 1500000, "brokers": {"a:1/1": {"req": {"Produce": 7, "Metadata": 1}}, "a:1/bootstrap": {"req": {}}},
        "topics": {"t": {"batchsize": {"avg": 500, "sum": 1000, "cnt": 2}, "batchcnt": {"avg": 5, "sum": 10, "cnt": 2}}}}"#;

    #[test]
    fn requests_are_totals_and_batches_are_summed() {
        let mut statistics = Accumulator::default();
        statistics.add(DOCUMENT);
        statistics.add(DOCUMENT);
        statistics.add("not json");
        let expected =
            ProducerStatistics { age_us: 1_500_000, requests: 7, batches: 4, batch_bytes: 2000, messages: 20 };
        assert_eq!(statistics.total(), expected);
    }

    #[test]
    fn requests_a_second_are_those_between_two_documents_by_the_clients_age() {
        let mut statistics = Accumulator::default();
        statistics.add(DOCUMENT);
        let earlier = statistics.total();
        assert_eq!(earlier.since(&earlier).requests_per_second(), None, "no time has passed");
        statistics.add(&DOCUMENT.replace("1500000", "4000000").replace("\"Produce\": 7", "\"Produce\": 507"));
        let within = statistics.total().since(&earlier);
        assert_eq!((within.requests_per_second(), within.batches, within.messages), (Some(200.0), 2, 10));
    }
}

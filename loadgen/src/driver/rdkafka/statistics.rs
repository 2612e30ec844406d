//! What librdkafka's statistics documents say of batching (see its STATISTICS.md).
//!
//! Requests are totals since the client was made; batch figures are windows of one interval, which are summed.

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

    const DOCUMENT: &str = r#"{"brokers": {"a:1/1": {"req": {"Produce": 7, "Metadata": 1}}, "a:1/bootstrap": {"req": {}}},
        "topics": {"t": {"batchsize": {"avg": 500, "sum": 1000, "cnt": 2}, "batchcnt": {"avg": 5, "sum": 10, "cnt": 2}}}}"#;

    #[test]
    fn requests_are_totals_and_batches_are_summed() {
        let mut statistics = Accumulator::default();
        statistics.add(DOCUMENT);
        statistics.add(DOCUMENT);
        statistics.add("not json");
        assert_eq!(statistics.total(), ProducerStatistics { requests: 7, batches: 4, batch_bytes: 2000, messages: 20 });
    }
}

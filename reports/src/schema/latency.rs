//! Latencies of the whole window as HdrHistograms that other tools can read.
//!
//! A histogram is stored as its *V2 deflate* encoding in standard base64, the text that the HdrHistogram libraries of
//! every language read (`Histogram.decodeFromCompressedByteBuffer`, `HdrHistogram.decode`); its unit is nanoseconds.
//! Percentiles stand beside it for readers without such a library. They are derived from that histogram alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

/// The latencies of the measured window, side by side from one schedule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latencies {
    /// From the intended time to the acknowledgement: what a user of the producer waits. Empty with acks 0, as is the next.
    pub intended_to_ack: Latency,
    /// From the actual submission to the client library to the acknowledgement: without the generator's own lateness and
    /// the wait for room in the client's queue. Not what a closed loop would report, which sends other messages.
    pub actual_to_ack: Latency,
    /// From the intended time to the poll that returned the message, one record a group.
    pub intended_to_consumed: Vec<GroupLatency>,
    /// From the intended time to the actual submission: what the generator itself added.
    pub schedule_lag: Latency,
}

/// One group's intended→consumed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupLatency {
    /// The group's name.
    pub group: String,
    /// Its latency.
    pub latency: Latency,
}

/// One distribution of latencies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latency {
    /// The finished messages, V2 deflate in base64, nanoseconds; empty for none.
    pub histogram: String,
    /// Finished messages.
    pub count: u64,
    /// Messages that were due and never finished; they are in no percentile field here, but in every rendering.
    pub censored: u64,
    /// The least that an unfinished message had waited when the run was cut off.
    pub censored_from_ns: Option<u64>,
    /// Samples of zero or below (a clock's fault), kept in the histogram as 1 ns.
    pub non_positive: u64,
    /// Smallest; `null` where nothing finished, as are the others.
    pub min_ns: Option<u64>,
    /// Median of the finished messages.
    pub p50_ns: Option<u64>,
    /// 90th percentile of the finished messages.
    pub p90_ns: Option<u64>,
    /// 99th percentile of the finished messages.
    pub p99_ns: Option<u64>,
    /// 99.9th percentile of the finished messages.
    pub p99_9_ns: Option<u64>,
    /// 99.99th percentile of the finished messages.
    pub p99_99_ns: Option<u64>,
    /// Largest.
    pub max_ns: Option<u64>,
}

/// Why an encoded histogram could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not base64.
    #[error("histogram is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// Not a V2 deflate histogram.
    #[error("histogram is not in V2 deflate encoding: {0:?}")]
    Histogram(hdrhistogram::serialization::DeserializeError),
}

impl Latency {
    /// Of a histogram in nanoseconds that was merged over all workers.
    ///
    /// `censored` messages never finished, each having waited at least `censored_from_ns`; `non_positive` samples were
    /// zero or below and stand in the histogram as 1.
    pub fn from_histogram(
        histogram: &Histogram<u64>,
        censored: u64,
        censored_from_ns: Option<u64>,
        non_positive: u64,
    ) -> Self {
        let at = |quantile| (!histogram.is_empty()).then(|| histogram.value_at_quantile(quantile));
        Self {
            histogram: encode(histogram),
            count: histogram.len(),
            censored,
            censored_from_ns,
            non_positive,
            min_ns: (!histogram.is_empty()).then(|| histogram.min()),
            p50_ns: at(0.5),
            p90_ns: at(0.9),
            p99_ns: at(0.99),
            p99_9_ns: at(0.999),
            p99_99_ns: at(0.9999),
            max_ns: (!histogram.is_empty()).then(|| histogram.max()),
        }
    }

    /// The histogram of the finished messages; `None` where none finished.
    ///
    /// # Errors
    /// [`DecodeError`] where the text is not what [`Self::from_histogram`] writes.
    pub fn decode(&self) -> Result<Option<Histogram<u64>>, DecodeError> {
        if self.histogram.is_empty() {
            return Ok(None);
        }
        let bytes = STANDARD.decode(&self.histogram)?;
        Deserializer::new().deserialize(&mut bytes.as_slice()).map(Some).map_err(DecodeError::Histogram)
    }
}

fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    if histogram.is_empty() || V2DeflateSerializer::new().serialize(histogram, &mut bytes).is_err() {
        // Writing to memory does not fail, and a histogram past 4 GiB does not fit there.
        return String::new();
    }
    STANDARD.encode(bytes)
}

//! Renderings of one run. Each is a text made from the [`RunResult`] alone, and opens with its
//! [findings](crate::judgement::findings); figures of an invalid run never stand without that word.

pub mod comparison;
pub mod gate;
mod html;
mod markdown;
pub mod side_by_side;
mod terminal;

pub use html::html;
pub use markdown::markdown;
pub use terminal::{COLUMNS, Colour, terminal};

use crate::figures::{count, counted, duration_ms, duration_us};
use crate::judgement::awaits_acks;
use crate::schema::{BrokerInfo, GeneratorHealth, Latency, Plan, ProcessUse, RunResult};
use crate::statistics::{Distribution, Quantile};

/// The percentiles every rendering shows, and the maximum after them.
const QUANTILES: [(f64, &str); 4] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")];

/// More groups than this share one row.
const GROUPS_APART: usize = 4;

/// One row of the table of latencies.
struct LatencyRow {
    label: &'static str,
    /// The group, or that there are several.
    of: Option<String>,
    quantiles: Vec<Option<Quantile>>,
    max: Option<Quantile>,
    count: u64,
    censored: u64,
    non_positive: u64,
}

impl LatencyRow {
    fn of<'a>(label: &'static str, of: Option<String>, parts: impl Iterator<Item = &'a Latency> + Clone) -> Self {
        let distribution = Distribution::merged(parts.clone());
        let sum = |figure: fn(&Latency) -> u64| parts.clone().map(figure).fold(0, u64::saturating_add);
        Self {
            label,
            of,
            quantiles: QUANTILES.iter().map(|(q, _)| distribution.told_quantile(*q)).collect(),
            max: distribution.max(),
            count: sum(|latency| latency.count),
            censored: sum(|latency| latency.censored),
            non_positive: sum(|latency| latency.non_positive),
        }
    }

    /// Percentiles and maximum as text; a dash where too few were timed.
    fn cells(&self) -> impl Iterator<Item = String> {
        let all = self.quantiles.iter().chain([&self.max]);
        all.map(|quantile| quantile.map_or_else(|| "–".to_owned(), |quantile| quantile.to_string()))
    }
}

/// The latencies side by side, from one schedule.
fn latency_rows(run: &RunResult) -> Vec<LatencyRow> {
    let latencies = &run.latencies;
    let none = Latency::default();
    let ack = |label, latency| {
        LatencyRow::of(label, None, std::iter::once(if awaits_acks(&run.plan) { latency } else { &none }))
    };
    let mut rows =
        vec![ack("intended → ack", &latencies.intended_to_ack), ack("actual → ack", &latencies.actual_to_ack)];
    let groups = &latencies.intended_to_consumed;
    if groups.len() > GROUPS_APART {
        let of = Some("all".to_owned());
        rows.push(LatencyRow::of("intended → consumed", of, groups.iter().map(|group| &group.latency)));
    } else {
        rows.extend(groups.iter().map(|group| {
            let of = (groups.len() > 1).then(|| group.group.clone());
            LatencyRow::of("intended → consumed", of, std::iter::once(&group.latency))
        }));
    }
    rows
}

/// `100,000 messages/s for 30 s after 5 s of warm-up`.
pub fn load_in_words(plan: &Plan) -> String {
    let length = match (plan.messages, plan.duration_ms) {
        (Some(messages), _) => format!("until {}", counted(messages, "message")),
        (None, Some(ms)) => format!("for {}", duration_ms(ms)),
        (None, None) => "until stopped".to_owned(),
    };
    let warmup = match plan.warmup_ms {
        0 => "no warm-up".to_owned(),
        ms => format!("after {} of warm-up", duration_ms(ms)),
    };
    format!("{} messages/s {length}, {warmup}", crate::figures::number(plan.rate_per_second))
}

/// `100 B each`, or where they come from.
pub fn messages_in_words(plan: &Plan) -> String {
    match &plan.payload_file {
        Some(path) => format!("lines of {path}"),
        // `uniform:100B..200B` says it by itself.
        None if plan.size.contains(':') => format!("{} in size", plan.size),
        None => format!("{} each", plan.size),
    }
}

/// `Apache Kafka 4.3.1 at 127.0.0.1:9092`.
fn broker_in_words(broker: &BrokerInfo) -> String {
    let version = broker.version.as_deref().map_or(String::new(), |version| format!(" {version}"));
    format!("{}{version} at {}", broker.kind, broker.address)
}

/// `acks all, linger 5 ms, compression none, idempotent`.
fn client_in_words(plan: &Plan) -> String {
    let idempotent = if plan.idempotent { "idempotent" } else { "not idempotent" };
    format!(
        "acks {}, linger {}, compression {}, {idempotent}",
        plan.acks,
        duration_us(plan.linger_us),
        plan.compression
    )
}

/// A share from 0 to 1 as `2.6 %`.
fn percent(share: f64) -> String {
    format!("{} %", crate::figures::number(share * 100.0))
}

/// Acknowledged messages that a process's CPU time is shared out over at least: what it does without any outweighs less.
const CPU_TOLD_FROM: u64 = 10_000;

/// `1.39 s`: what a process's CPU spent a million messages; none of a handful.
fn cpu_a_million(run: &RunResult, used: &ProcessUse) -> Option<String> {
    used.cpu_us_per_million_messages.filter(|_| run.totals.acked >= CPU_TOLD_FROM).map(duration_us)
}

/// What stands below the latencies where there are none to an acknowledgement.
fn without_acks(run: &RunResult) -> Option<&'static str> {
    (!awaits_acks(&run.plan))
        .then_some("with acks 0 nothing is acknowledged, and so nothing is timed to an acknowledgement")
}

/// The longest that one of the generator's threads waited for a CPU, as a share of the window.
fn worst_wait_share(health: &GeneratorHealth) -> Option<f64> {
    health.threads.iter().filter_map(|threads| threads.max_wait_share).max_by(f64::total_cmp)
}

/// The anomalies' name and how often, in one phrase.
fn anomaly_in_words(anomaly: &crate::schema::Anomaly) -> String {
    let weight = if anomaly.failing { "fails the run" } else { "counted only" };
    format!("{} × {} ({weight})", anomaly.name, count(anomaly.count))
}

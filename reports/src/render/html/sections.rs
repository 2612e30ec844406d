//! The page's sections of figures and words.

use std::collections::BTreeMap;

use super::{Page, Text};
use crate::figures::{bytes, bytes_f64, count, counted, duration_ms, duration_ns, duration_us, number, share};
use crate::judgement::{acknowledged, awaits_acks, place};
use crate::render::{
    QUANTILES, client_in_words, cpu_a_million, latency_rows, load_in_words, messages_in_words, without_acks,
};
use crate::schema::{Plan, ProcessUse, RunResult};
use crate::statistics::{self, Distribution, acked_while_open, consumed_while_open, send_gap, volume};

/// Seconds the table has at most; a longer series is in the result file.
const SECONDS_SHOWN: usize = 900;

impl Page {
    pub(super) fn anomalies(&mut self, run: &RunResult) {
        if run.verdict.anomalies.is_empty() {
            return;
        }
        self.put(format_args!("<section id=\"anomalies\">\n<h2>Anomalies</h2>\n"));
        for anomaly in &run.verdict.anomalies {
            let weight = if anomaly.failing { "fails the run" } else { "counted only: the settings promise no better" };
            self.put(format_args!(
                "<h3>{} × {} <span class=\"quiet\">{weight}</span></h3>\n<p>{}</p>\n",
                Text(&anomaly.name),
                count(anomaly.count),
                Text(&anomaly.meaning)
            ));
            if !anomaly.examples.is_empty() {
                self.put(format_args!("<ul class=\"examples\">\n"));
                for example in &anomaly.examples {
                    let place = place(example);
                    self.put(format_args!("<li><code>{}</code> {}</li>\n", Text(&place), Text(&example.detail)));
                }
                self.put(format_args!("</ul>\n"));
            }
        }
        self.put(format_args!("</section>\n"));
    }

    pub(super) fn key_figures(&mut self, run: &RunResult) {
        let quantile =
            |distribution: &Distribution, q| distribution.told_quantile(q).map(|quantile| quantile.to_string());
        let timed = awaits_acks(&run.plan).then_some(&run.latencies.intended_to_ack);
        let ack = Distribution::merged(timed);
        let consumed = Distribution::merged(run.latencies.intended_to_consumed.iter().map(|group| &group.latency));
        let totals = &run.totals;
        let rate = statistics::throughput(run).map(number);
        let volume = volume(run).map(|n| format!("{}/s", bytes_f64(n)));
        let broker = run.resources.broker.as_ref();
        let cpu = broker.and_then(|broker| cpu_a_million(run, broker));
        let acknowledged = acknowledged(&run.plan);
        let tiles = [
            (format!("messages/s {acknowledged}"), rate, format!("of {} asked for", number(run.plan.rate_per_second))),
            (
                format!("{acknowledged} while the window was open"),
                Some(share(acked_while_open(totals), totals.due)),
                volume.unwrap_or_default(),
            ),
            ("p99 intended → ack".to_owned(), quantile(&ack, 0.99), half(quantile(&ack, 0.5))),
            ("p99 intended → consumed".to_owned(), quantile(&consumed, 0.99), half(quantile(&consumed, 0.5))),
            ("broker CPU, a million messages".to_owned(), cpu, "user and kernel".to_owned()),
            (
                "broker memory, at most".to_owned(),
                broker.map(|broker| bytes(broker.rss_max_bytes)),
                broker
                    .and_then(|broker| broker.ready_us)
                    .map_or(String::new(), |us| format!("ready in {}", duration_us(us))),
            ),
        ];
        let mark = self.mark();
        self.put(format_args!("<section aria-label=\"Key figures\">\n<dl class=\"tiles\">\n"));
        for (label, figure, note) in tiles {
            let Some(figure) = figure else { continue };
            self.put(format_args!(
                "<div><dt>{label}</dt><dd>{}{mark}</dd><dd class=\"quiet\">{}</dd></div>\n",
                Text(&figure),
                Text(&note)
            ));
        }
        self.put(format_args!("</dl>\n</section>\n"));
    }

    pub(super) fn latencies(&mut self, run: &RunResult) {
        let mark = self.mark();
        self.put(format_args!(
            "<section id=\"latencies\">\n<h2>Latency{mark}</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
             aria-label=\"Latency table\">\n<table class=\"stacked\">\n<thead><tr><th scope=\"col\">from → to</th>"
        ));
        for head in QUANTILES.iter().map(|(_, name)| *name).chain(["max"]) {
            self.put(format_args!("<th scope=\"col\">{head}</th>"));
        }
        self.put(format_args!("<th scope=\"col\" class=\"spare\">messages</th></tr></thead>\n<tbody>\n"));
        let rows = latency_rows(run);
        for row in &rows {
            let of = row.of.as_deref().map_or(String::new(), |of| format!(", {of}"));
            self.put(format_args!("<tr><th scope=\"row\">{}{}</th>", row.label, Text(&of)));
            for cell in row.cells() {
                self.put(format_args!("<td>{}</td>", Text(&cell)));
            }
            self.put(format_args!("<td class=\"spare\">{}</td></tr>\n", count(row.count)));
        }
        self.put(format_args!("</tbody>\n</table>\n</div>\n"));
        if let Some(gap) = send_gap(&run.latencies).filter(|_| awaits_acks(&run.plan)) {
            self.put(format_args!(
                "<p class=\"quiet\">Measured from the actual send, and not from when each message was due, {} of p99 and {} \
                 of the maximum would be hidden: the generator’s own lateness, and the wait for room in the client’s \
                 queue.</p>\n",
                duration_ns(gap.p99_ns),
                duration_ns(gap.max_ns)
            ));
        }
        if let Some(sentence) = without_acks(run) {
            self.put(format_args!("<p class=\"quiet\">{sentence}.</p>\n"));
        }
        for row in rows.iter().filter(|row| row.censored > 0) {
            self.put(format_args!(
                "<p class=\"quiet\">{}: {} had not finished when the run ended; a figure marked “&gt;” is a lower bound \
                 because of them.</p>\n",
                row.label,
                counted(row.censored, "due message")
            ));
        }
        for row in rows.iter().filter(|row| row.non_positive > 0) {
            let samples = counted(row.non_positive, "sample");
            self.put(format_args!(
                "<p class=\"quiet\">{}: {samples} not above zero, a fault of the clock.</p>\n",
                row.label
            ));
        }
        self.put(format_args!("</section>\n"));
    }

    pub(super) fn accounting(&mut self, run: &RunResult) {
        let (totals, mark) = (&run.totals, self.mark());
        self.put(format_args!("<section id=\"accounting\">\n<h2>Where every message went{mark}</h2>\n"));
        let mut rows = vec![
            ("due in the window", count(totals.due)),
            ("submitted", count(totals.submitted)),
            (acknowledged(&run.plan), count(totals.acked)),
            ("failed", count(totals.failed)),
            ("unknown", count(totals.unknown)),
            ("unsent", count(totals.unsent)),
            ("sent for the warm-up", count(totals.warmup_messages)),
            ("checked, the warm-up's too", count(run.verdict.checked)),
        ];
        rows.extend(run.batching.messages_per_batch.map(|n| ("messages in a batch", number(n))));
        rows.extend(run.batching.bytes_per_batch.map(|n| ("size of a batch", bytes_f64(n))));
        rows.extend(run.batching.produce_requests_per_second.map(|n| ("produce requests/s", number(n))));
        self.definitions(rows.iter().map(|(name, figure)| (*name, figure.as_str())));
        if !totals.groups.is_empty() {
            self.put(format_args!(
                "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Consumer groups\">\n<table class=\"stacked\">\n<thead><tr>\
                 <th scope=\"col\">consumer group</th><th scope=\"col\">members</th><th scope=\"col\">consumed</th>\
                 <th scope=\"col\">while the window was open</th><th scope=\"col\">redelivered</th><th scope=\"col\">foreign</th></tr></thead>\n\
                 <tbody>\n"
            ));
            for group in &totals.groups {
                self.put(format_args!(
                    "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                    Text(&group.name),
                    group.members,
                    count(group.consumed),
                    share(consumed_while_open(totals, group), totals.due),
                    count(group.redelivered),
                    count(group.foreign)
                ));
            }
            self.put(format_args!("</tbody>\n</table>\n</div>\n"));
        }
        self.put(format_args!("</section>\n"));
    }

    pub(super) fn seconds(&mut self, run: &RunResult) {
        if run.series.is_empty() {
            return;
        }
        let mark = self.mark();
        self.put(format_args!(
            "<details>\n<summary>Every second as a table{mark}</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
             aria-label=\"Every second\">\n<table>\n<thead><tr><th scope=\"col\">second</th><th scope=\"col\">due</th>\
             <th scope=\"col\">sent</th><th scope=\"col\">acknowledged</th><th scope=\"col\">consumed</th>\
             <th scope=\"col\">behind</th><th scope=\"col\">ack p50</th><th scope=\"col\">p99</th><th scope=\"col\">max</th>\
             <th scope=\"col\">consumed p50</th><th scope=\"col\">p99</th><th scope=\"col\">max</th></tr></thead>\n<tbody>\n"
        ));
        for second in run.series.iter().take(SECONDS_SHOWN) {
            let consumed = second.groups.iter().fold(0u64, |sum, group| sum.saturating_add(group.consumed));
            let behind = second.groups.iter().map(|group| group.lag).max().unwrap_or(0);
            self.put(format_args!("<tr><th scope=\"row\">{}</th>", second.second));
            for n in [second.due, second.sent, second.acked, consumed, behind] {
                self.put(format_args!("<td>{}</td>", count(n)));
            }
            let (ack, consumed) = (&second.ack, &second.consumed);
            for ns in [ack.p50_ns, ack.p99_ns, ack.max_ns, consumed.p50_ns, consumed.p99_ns, consumed.max_ns] {
                self.put(format_args!("<td>{}</td>", ns.map_or_else(|| "–".to_owned(), duration_ns)));
            }
            self.put(format_args!("</tr>\n"));
        }
        self.put(format_args!("</tbody>\n</table>\n</div>\n"));
        if run.series.len() > SECONDS_SHOWN {
            let more = count((run.series.len() - SECONDS_SHOWN) as u64);
            self.put(format_args!("<p>{more} more seconds are in <code>result.json</code>.</p>\n"));
        }
        self.put(format_args!("</details>\n"));
    }

    pub(super) fn plan(&mut self, run: &RunResult) {
        let plan = &run.plan;
        self.put(format_args!("<section id=\"plan\">\n<h2>What was run</h2>\n"));
        let topic_origin = if plan.topic_created { "created by the run" } else { "existing" };
        let mut rows = vec![
            ("load", load_in_words(plan)),
            ("took place", {
                let [warmup, window, drain] =
                    [run.times.warmup_ms, run.times.measured_ms, run.times.drain_ms].map(duration_ms);
                format!("{warmup} of warm-up, a window of {window}, {drain} of drain")
            }),
            ("target", plan.target.clone()),
            ("topic", format!("{} ({topic_origin}), {}", plan.topic, counted(u64::from(plan.partitions), "partition"))),
            ("messages", messages_in_words(plan)),
            ("key", plan.key.clone()),
            ("partitioner", plan.partitioner.clone()),
            ("producers", plan.producers.to_string()),
            ("consumers", consumers_in_words(plan)),
            ("delivery", client_in_words(plan)),
            ("seed", plan.seed.to_string()),
        ];
        rows.extend(plan.replication_factor.map(|n| ("replication factor", n.to_string())));
        rows.extend(plan.bootstrap_servers.clone().map(|servers| ("bootstrap servers", servers)));
        rows.extend(plan.payload_file.clone().map(|file| ("payload file", file)));
        self.definitions(rows.iter().map(|(name, text)| (*name, text.as_str())));
        self.map("Other options", &plan.other);
        if !run.assertions.is_empty() {
            self.put(format_args!("<h3>Assertions</h3>\n<ul>\n"));
            for assertion in &run.assertions {
                let outcome = match assertion.held {
                    Some(true) => "held",
                    Some(false) => "missed",
                    None => "could not be decided",
                };
                let measured = assertion.measured.as_deref().unwrap_or("nothing");
                let expression = Text(&assertion.expression);
                self.put(format_args!("<li><code>{expression}</code> {outcome}: {} measured</li>\n", Text(measured)));
            }
            self.put(format_args!("</ul>\n"));
        }
        if !run.verdict.expectation.is_empty() {
            self.put(format_args!("<h3>What these settings promise</h3>\n<ul>\n"));
            for sentence in &run.verdict.expectation {
                self.put(format_args!("<li>{}</li>\n", Text(sentence)));
            }
            self.put(format_args!("</ul>\n"));
        }
        self.put(format_args!("</section>\n"));
    }

    pub(super) fn settings(&mut self, run: &RunResult) {
        let (client, broker) = (&run.manifest.client, &run.manifest.broker);
        self.put(format_args!("<section id=\"settings\">\n<h2>Client and broker</h2>\n"));
        let nodes = broker.nodes.map_or("unknown".to_owned(), |nodes| nodes.to_string());
        let place = match broker.same_machine {
            Some(true) => "this machine",
            Some(false) => "another machine",
            None => "unknown",
        };
        let rows = [
            ("client", format!("{} {}", client.name, client.version)),
            ("broker", format!("{} {}", broker.kind, broker.version.as_deref().unwrap_or(""))),
            ("address", broker.address.clone()),
            ("nodes", nodes),
            ("broker runs on", place.to_owned()),
        ];
        self.definitions(rows.iter().map(|(name, text)| (*name, text.as_str())));
        self.map("-X properties", &run.plan.properties);
        self.map("Producer settings", &client.producer_settings);
        self.map("Consumer settings", &client.consumer_settings);
        self.map("Broker settings", &broker.settings);
        self.put(format_args!("</section>\n"));
    }

    pub(super) fn processes(&mut self, run: &RunResult) {
        let resources = &run.resources;
        if resources.broker.is_none() && resources.generator.is_none() {
            return;
        }
        self.put(format_args!("<section id=\"processes\">\n<h2>CPU and memory</h2>\n"));
        for (name, used) in [("Broker process", &run.resources.broker), ("Generator process", &run.resources.generator)]
        {
            let Some(used) = used else { continue };
            let mark = self.mark();
            self.put(format_args!("<h3>{name}, in the window{mark}</h3>\n"));
            let rows = process(run, used);
            self.definitions(rows.iter().map(|(name, text)| (*name, text.as_str())));
        }
        self.put(format_args!("</section>\n"));
    }

    pub(super) fn machine(&mut self, run: &RunResult) {
        let manifest = &run.manifest;
        let machine = &manifest.machine;
        self.put(format_args!("<section id=\"machine\">\n<h2>Machine</h2>\n"));
        let commit = manifest.commit.as_deref().map_or(String::new(), |commit| format!(", commit {commit}"));
        let mut rows = vec![
            ("loadgen", format!("{}{commit}, {} build", manifest.tool_version, manifest.build_profile)),
            ("CPU", format!("{}, {} cores, {}", machine.cpu_model, machine.cores, machine.architecture)),
            ("memory", bytes(machine.memory_bytes)),
            ("kernel", machine.kernel.clone()),
        ];
        rows.extend(machine.filesystem.clone().map(|filesystem| ("file system of the broker", filesystem)));
        let out = machine.out_filesystem.clone();
        rows.extend(out.map(|filesystem| ("file system of the result", filesystem)));
        self.definitions(rows.iter().map(|(name, text)| (*name, text.as_str())));
        self.put(format_args!("</section>\n"));
    }

    pub(in crate::render) fn method(&mut self) {
        self.put(format_args!("<section id=\"method\">\n<h2>How it was measured</h2>\n"));
        self.definitions(
            [
                (
                    "intended time",
                    "when the schedule said a message was due; it never waits for a slow broker (open loop)",
                ),
                ("actual time", "when the message was handed to the client library"),
                ("intended → ack", "what a user of the producer waits; the honest figure"),
                ("actual → ack", "without the generator’s own lateness and the wait for room in the client’s queue"),
                ("intended → consumed", "until the poll of the consumer group that returned the message"),
                (
                    "while the window was open",
                    "messages due in the measured window and finished before it closed, or as many of the warm-up’s finished in \
                     it in their place: what is in flight at its end was so at its start. The rest is waited for and verified",
                ),
                ("submitted", "handed to the client library"),
                ("failed", "certainly not written: the broker, or the client before it sent them, said so"),
                ("unknown", "sent, and never answered: perhaps written, perhaps not"),
                ("unsent", "due, and never handed to the client library: its queue had no room, or the run ended early"),
                ("checked", "messages held against what was sent, over all groups, those of the warm-up too"),
                ("redelivered", "read again after a partition changed hands, from the offset last committed: allowed"),
                ("foreign", "in the topic and not sent by this run: counted, and in no other figure"),
                ("percentiles", "from one histogram merged over all workers (HdrHistogram), never averaged; told where one message at least is \
                     beyond: p99 takes 100 of them, p99.9 takes 1,000"),
                ("verified", "every message's identity, order, partition and checksum, in every group"),
                (
                    "VALID",
                    "the generator kept up, throughput and backlog were steady, and the whole window was measured and verified",
                ),
                (
                    "INVALID",
                    "one of these does not hold, so that the figures do not describe the broker: GENERATOR-LIMITED, UNSTABLE or CUT SHORT",
                ),
            ]
            .into_iter(),
        );
        self.put(format_args!("</section>\n"));
    }

    /// Opens the section that says how to repeat it.
    pub(super) fn command(&mut self, command: &[String], seed: u64) {
        let mut words: Vec<String> = command.iter().map(|argument| quoted(argument)).collect();
        if !command.iter().any(|argument| argument == "--seed" || argument.starts_with("--seed=")) {
            words.push(format!("--seed {seed}"));
        }
        self.put(format_args!(
            "<section id=\"again\">\n<h2>Run it again</h2>\n<pre tabindex=\"0\"><code>{}</code></pre>\n",
            Text(&words.join(" "))
        ));
    }

    pub(super) fn again(&mut self, run: &RunResult) {
        self.command(&run.plan.command, run.plan.seed);
        self.put(format_args!(
            "<p>The same figures for machines, encoded histograms included, are in <a href=\"result.json\"><code>result.json</code>\
             </a> beside this page (schema {}):</p>\n\
             <pre tabindex=\"0\"><code>jq .latencies.intended_to_ack.p99_ns result.json</code></pre>\n\
             <p class=\"quiet\">Exit status {}: {}.</p>\n</section>\n",
            Text(&run.schema_version),
            run.exit.code,
            Text(&run.exit.name)
        ));
    }

    pub(super) fn definitions<'a>(&mut self, rows: impl Iterator<Item = (&'a str, &'a str)>) {
        self.put(format_args!("<dl class=\"rows\">\n"));
        for (name, text) in rows.filter(|(_, text)| !text.trim().is_empty()) {
            self.put(format_args!("<div><dt>{}</dt><dd>{}</dd></div>\n", Text(name), Text(text)));
        }
        self.put(format_args!("</dl>\n"));
    }

    fn map(&mut self, title: &str, settings: &BTreeMap<String, String>) {
        if settings.is_empty() {
            return;
        }
        self.put(format_args!("<details>\n<summary>{title}</summary>\n"));
        self.definitions(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.put(format_args!("</details>\n"));
    }
}

/// `2 groups of 3 members`.
fn consumers_in_words(plan: &Plan) -> String {
    let members = counted(u64::from(plan.consumers_per_group), "member");
    format!("{} of {members}", counted(u64::from(plan.groups), "group"))
}

fn half(p50: Option<String>) -> String {
    p50.map_or(String::new(), |p50| format!("p50 {p50}"))
}

fn process(run: &RunResult, used: &ProcessUse) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("CPU, user", duration_us(used.user_us)),
        ("CPU, kernel", duration_us(used.system_us)),
        ("memory, at most", bytes(used.rss_max_bytes)),
    ];
    rows.extend(cpu_a_million(run, used).map(|cpu| ("CPU, a million messages", cpu)));
    rows.extend(used.read_bytes.map(|n| ("read from storage", bytes(n))));
    rows.extend(used.written_bytes.map(|n| ("written to storage", bytes(n))));
    rows.extend(used.voluntary_switches.map(|n| ("switches, waiting", count(n))));
    rows.extend(used.involuntary_switches.map(|n| ("switches, preempted", count(n))));
    rows.extend(used.ready_us.map(|us| ("start to first Metadata reply", duration_us(us))));
    rows
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_a_shell() {
        assert_eq!(quoted("--rate=100k/s"), "--rate=100k/s");
        assert_eq!(quoted("p99<20ms"), "'p99<20ms'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}

//! The page's section on the generator: how late it was, what it waited for, what it can do.

use super::{Page, Text};
use crate::figures::{count, duration_ms, duration_ns, duration_us, number, share, time_utc};
use crate::render::percent;
use crate::schema::{GeneratorHealth, RunResult, ThreadsUse, WorkerHealth};
use crate::statistics::Distribution;

/// Workers the table has at most; the others are in the result file.
const WORKERS_SHOWN: usize = 64;

impl Page {
    pub(super) fn generator(&mut self, run: &RunResult) {
        let (health, mark) = (&run.generator, self.mark());
        self.put(format_args!("<section id=\"generator\">\n<h2>The generator itself{mark}</h2>\n"));
        self.put(format_args!(
            "<p class=\"quiet\">A figure is the target’s only where the generator kept up. These are what the verdict VALID \
             or INVALID was judged by; <code>loadgen run --help</code> has the rules.</p>\n"
        ));
        let rows = rows(run);
        self.definitions(rows.iter().map(|(name, text)| (*name, text.as_str())));
        if let Some(calibration) = &health.calibration {
            self.put(format_args!("<p class=\"quiet\">The limit covers {}.</p>\n", Text(&calibration.covers)));
        }
        if !health.threads.is_empty() {
            self.threads(health);
        }
        if health.workers.len() > 1 {
            self.workers(health, run.times.measured_ms);
        }
        self.put(format_args!("</section>\n"));
    }

    fn threads(&mut self, health: &GeneratorHealth) {
        self.table(
            "Threads",
            &["threads", "number", "CPU time", "busiest ran", "waited for a CPU", "wait a turn", "preempted"],
        );
        for threads in &health.threads {
            let ThreadsUse { role, threads: number_of, run_us, wait_us, turns, .. } = threads;
            let a_turn = wait_us.zip(*turns).filter(|(_, turns)| *turns > 0);
            let cells = [
                number_of.to_string(),
                duration_us(*run_us),
                percent(threads.max_run_share),
                threads.max_wait_share.map_or("–".to_owned(), percent),
                a_turn.map_or("–".to_owned(), |(us, turns)| duration_ns(us.saturating_mul(1_000) / turns)),
                threads.involuntary_switches.map_or("–".to_owned(), count),
            ];
            self.table_row(role, &cells);
        }
        self.put(format_args!("</tbody>\n</table>\n</div>\n"));
    }

    fn workers(&mut self, health: &GeneratorHealth, measured_ms: u64) {
        self.table("Producer workers", &["producer worker", "late p50", "p99", "max", "queue full"]);
        for WorkerHealth { worker, schedule_lag, queue_full_ns } in health.workers.iter().take(WORKERS_SHOWN) {
            let late = Distribution::of(schedule_lag);
            let cell =
                |quantile: Option<crate::statistics::Quantile>| quantile.map_or("–".to_owned(), |q| q.to_string());
            let full = share(queue_full_ns / 1_000_000, measured_ms);
            let cells = [cell(late.quantile(0.5)), cell(late.quantile(0.99)), cell(late.max()), full];
            self.table_row(&worker.to_string(), &cells);
        }
        self.put(format_args!("</tbody>\n</table>\n</div>\n"));
        if health.workers.len() > WORKERS_SHOWN {
            let more = health.workers.len() - WORKERS_SHOWN;
            self.put(format_args!("<p>{more} more workers are in <code>result.json</code>.</p>\n"));
        }
    }

    /// Opens a table that becomes a list on a phone.
    fn table(&mut self, label: &str, heads: &[&str]) {
        self.put(format_args!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\">\n<table class=\"stacked\">\n<thead><tr>"
        ));
        for (column, head) in heads.iter().enumerate() {
            self.put(format_args!("<th scope=\"col\"{}>{head}</th>", spare(column)));
        }
        self.put(format_args!("</tr></thead>\n<tbody>\n"));
    }

    fn table_row(&mut self, head: &str, cells: &[String]) {
        self.put(format_args!("<tr><th scope=\"row\">{}</th>", Text(head)));
        for (column, cell) in (1..).zip(cells) {
            self.put(format_args!("<td{}>{}</td>", spare(column), Text(cell)));
        }
        self.put(format_args!("</tr>\n"));
    }
}

/// A phone shows five figures beside each other.
fn spare(column: usize) -> &'static str {
    if column > 5 { " class=\"spare\"" } else { "" }
}

fn rows(run: &RunResult) -> Vec<(&'static str, String)> {
    let health = &run.generator;
    let lag = Distribution::of(&run.latencies.schedule_lag);
    let max = duration_ns(health.max_schedule_lag_ns);
    let mut rows = Vec::new();
    rows.push(match lag.quantile(0.99) {
        Some(p99) => ("behind schedule, p99 and at most", format!("{p99}, {max}")),
        None => ("behind schedule, at most", max),
    });
    let full = health.queue_full_share.map_or(String::new(), |share| format!(", {} of the window", percent(share)));
    rows.push(("queue of the client full", format!("{}{full}", duration_ns(health.queue_full_ns))));
    if let Some(limit) = health.limit_messages_per_second {
        let headroom =
            health.headroom.map_or(String::new(), |times| format!(", {}× the rate asked for", number(times)));
        rows.push(("its limit with this plan", format!("{} messages/s{headroom}", number(limit))));
    }
    if let Some(calibration) = &health.calibration {
        let when = if calibration.cached { "before an earlier run, at" } else { "before this run, at" };
        let (time, took) = (time_utc(calibration.measured_unix_ms), duration_ms(calibration.took_ms));
        rows.push(("the limit was measured", format!("{when} {time}, in {took}")));
    }
    rows.extend(health.cpu_share.map(|cpu| ("share of the CPU", percent(cpu))));
    if let Some(max) = health.clock_jitter_ns {
        let p99 = health.clock_jitter_p99_ns.map_or(String::new(), |p99| format!("{}, ", duration_ns(p99)));
        rows.push(("clock jitter, p99 and at most", format!("{p99}{}", duration_ns(max))));
    }
    rows.push(("pacing quantum", duration_ns(health.pacing_quantum_ns)));
    rows
}

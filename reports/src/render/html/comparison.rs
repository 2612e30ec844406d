//! The page of a comparison.

use super::{Page, Text};
use crate::comparison::{Comparison, Run, Series, Setting, Side};
use crate::figures::{counted, duration_ms, duration_ns, percent, ratio, time_utc};
use crate::plot::comparison_plots;
use crate::render::comparison::{estimate, interval, method, p_value, shown, verdict_word};

/// The page of a comparison, with links to the pages of its runs.
pub fn html(comparison: &Comparison) -> String {
    let mut page = Page::new(false);
    let findings = comparison.findings();
    let first = findings.first().map_or("", |finding| finding.word);
    let (a, b) = (&comparison.a, &comparison.b);
    let name = |arm: &crate::comparison::Arm| if arm.label.is_empty() { arm.spec.clone() } else { arm.label.clone() };
    let heading = format!("{} against {}", name(b), name(a));
    page.opening(
        &format!("{first} · {heading}"),
        &heading,
        format_args!(
            "A: <code>{}</code>, B: <code>{}</code>; {}, {}",
            Text(&a.spec),
            Text(&b.spec),
            time_utc(comparison.started_unix_ms),
            duration_ms(comparison.total_ms / 1000 * 1000)
        ),
    );
    page.banner(&findings);
    page.metrics(comparison);
    page.plot_all(&comparison_plots(comparison));
    page.arm_settings(comparison);
    page.put(format_args!(
        "<section id=\"method\">\n<h2>How it was compared</h2>\n<p>{}</p>\n</section>\n",
        Text(&method(comparison))
    ));
    page.runs(comparison);
    page.compared_on(comparison);
    page.close()
}

impl Page {
    fn metrics(&mut self, comparison: &Comparison) {
        if comparison.metrics.is_empty() {
            return;
        }
        self.put(format_args!(
            "<section id=\"metrics\">\n<h2>Figures</h2>\n<p class=\"quiet\">Pairs: {}. A's and B's figure is that of the \
             middle run.</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Figures\">\n\
             <table class=\"compared\">\n<thead><tr><th scope=\"col\">metric</th><th scope=\"col\">A</th><th scope=\"col\">B</th>\
             <th scope=\"col\">B / A</th><th scope=\"col\">interval</th><th scope=\"col\" class=\"spare\">p, Holm</th><th scope=\"col\" class=\"spare\">noise</th>\
             <th scope=\"col\" class=\"verdict\">verdict</th></tr></thead>\n<tbody>\n",
            Text(&comparison.pairs_in_words())
        ));
        for metric in &comparison.metrics {
            let [a, b] = metric.medians();
            let word = verdict_word(metric);
            let class = if metric.primary { word.split(' ').next().unwrap_or_default() } else { "secondary" };
            let tolerance = match metric.primary {
                true => format!("{}, ±{}", metric.name, percent(metric.tolerance)),
                false => metric.name.clone(),
            };
            self.put(format_args!(
                "<tr class=\"{class}\"><th scope=\"row\">{} <span class=\"quiet\">{}</span></th><td>{}</td><td>{}</td><td>{}</td>\
                 <td>{}</td><td class=\"spare\">{}</td><td class=\"spare\">{}</td><td class=\"verdict\">{word}</td></tr>\n",
                Text(&metric.label),
                Text(&tolerance),
                Text(&a),
                Text(&b),
                Text(&estimate(metric)),
                Text(&interval(metric)),
                Text(&p_value(metric.p_holm)),
                Text(&metric.noise_in_words())
            ));
        }
        self.put(format_args!("</tbody>\n</table>\n</div>\n"));
        self.against_itself(comparison);
        self.put(format_args!("</section>\n"));
    }

    /// What the same method says of A and A.
    fn against_itself(&mut self, comparison: &Comparison) {
        let pairs = comparison.valid_pairs(Series::Aa).count() as u64;
        let said = comparison.primary().filter_map(|metric| {
            let aa = metric.aa?;
            Some(format!("{} {} ({})", metric.label, ratio(aa.ratio), aa.interval_in_words()))
        });
        let said: Vec<String> = said.collect();
        if !said.is_empty() {
            self.put(format_args!(
                "<p>A against itself, {}: {}.</p>\n",
                counted(pairs, "pair"),
                Text(&said.join("; "))
            ));
        }
    }

    fn arm_settings(&mut self, comparison: &Comparison) {
        if comparison.settings.is_empty() {
            return;
        }
        let (differing, matched): (Vec<&Setting>, Vec<&Setting>) =
            comparison.settings.iter().partition(|setting| setting.differs());
        self.put(format_args!("<section id=\"settings\">\n<h2>What differs, and what does not</h2>\n"));
        if differing.is_empty() {
            self.put(format_args!("<p>Every setting of both arms is the same.</p>\n"));
        } else {
            self.put(format_args!(
                "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Differing settings\">\n<table class=\"settings\">\n\
                 <thead><tr><th scope=\"col\">setting</th><th scope=\"col\">A</th><th scope=\"col\">B</th></tr></thead>\n<tbody>\n"
            ));
            for setting in differing {
                self.put(format_args!(
                    "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>\n",
                    Text(&setting.name),
                    Text(shown(setting.a.as_ref())),
                    Text(shown(setting.b.as_ref()))
                ));
            }
            self.put(format_args!("</tbody>\n</table>\n</div>\n"));
        }
        self.put(format_args!(
            "<details open>\n<summary>{} the same in both arms</summary>\n",
            counted(matched.len() as u64, "setting")
        ));
        self.definitions(matched.iter().map(|setting| (setting.name.as_str(), shown(setting.a.as_ref()))));
        self.put(format_args!("</details>\n</section>\n"));
    }

    fn runs(&mut self, comparison: &Comparison) {
        let primary: Vec<_> = comparison.primary().collect();
        self.put(format_args!(
            "<section id=\"runs\">\n<h2>Runs</h2>\n<details>\n<summary>All {} in the order they took place</summary>\n\
             <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Runs\">\n<table>\n<thead><tr><th scope=\"col\">run</th>",
            counted(comparison.runs.len() as u64, "run")
        ));
        for metric in &primary {
            self.put(format_args!("<th scope=\"col\">{}</th>", Text(&metric.name)));
        }
        self.put(format_args!("<th scope=\"col\">took</th><th scope=\"col\">ended</th></tr></thead>\n<tbody>\n"));
        for run in &comparison.runs {
            self.put(format_args!(
                "<tr><th scope=\"row\"><a href=\"./{}/report.html\">{}</a></th>",
                Text(&run.dir),
                run_name(run)
            ));
            for metric in &primary {
                let figure = run.figures.get(&metric.name);
                let text = figure.map_or("–".to_owned(), |figure| {
                    format!("{}{}", if figure.at_least { "> " } else { "" }, metric.figure(figure.value))
                });
                self.put(format_args!("<td>{}</td>", Text(&text)));
            }
            let how = run.invalid.first().map_or(run.exit.name.clone(), |reason| format!("INVALID: {reason}"));
            self.put(format_args!("<td>{}</td><td>{}</td></tr>\n", duration_ms(run.total_ms), Text(&how)));
        }
        self.put(format_args!("</tbody>\n</table>\n</div>\n</details>\n</section>\n"));
    }

    fn compared_on(&mut self, comparison: &Comparison) {
        let machine = &comparison.machine;
        let lag = |arm: &crate::comparison::Arm| {
            let distribution = crate::statistics::Distribution::of(&arm.latencies.schedule_lag);
            distribution.quantile(0.99).map_or("–".to_owned(), |p99| duration_ns(p99.ns))
        };
        let rows = [
            ("CPU", format!("{}, {} cores, {}", machine.cpu_model, machine.cores, machine.architecture)),
            ("memory", crate::figures::bytes(machine.memory_bytes)),
            ("kernel", machine.kernel.clone()),
            ("generator behind schedule, p99", format!("{} with A, {} with B", lag(&comparison.a), lag(&comparison.b))),
        ];
        self.put(format_args!("<section id=\"machine\">\n<h2>Machine</h2>\n"));
        self.definitions(rows.iter().map(|(name, text)| (*name, text.as_str())));
        self.put(format_args!("</section>\n"));
        self.command(&comparison.command, comparison.seed);
        self.put(format_args!(
            "<p>All of it for machines is in <a href=\"comparison.json\"><code>comparison.json</code></a> beside this page \
             ({}), each run's result below <code>runs/</code>.</p>\n\
             <p class=\"quiet\">Exit status {}: {}.</p>\n</section>\n",
            Text(&comparison.schema),
            comparison.exit.code,
            Text(&comparison.exit.name)
        ));
    }
}

/// `pair 3, B`.
fn run_name(run: &Run) -> String {
    match (run.series, run.side) {
        (Series::Ab, Side::A) => format!("pair {}, A", run.pair),
        (Series::Ab, Side::B) => format!("pair {}, B", run.pair),
        (Series::Aa, Side::A) => format!("A/A {}, first", run.pair),
        (Series::Aa, Side::B) => format!("A/A {}, second", run.pair),
    }
}

//! What a page of several runs is made of.

use super::{Page, Text};
use crate::figures::{counted, time_utc};
use crate::judgement::{findings, is_invalid};
use crate::merge::Named;
use crate::render::side_by_side::Row;
use crate::schema::RunResult;

impl Page {
    /// A run's findings under its name.
    pub(in crate::render) fn named_findings(&mut self, name: &str, run: &RunResult) {
        self.put(format_args!("<h2 class=\"named\">{}</h2>\n", Text(name)));
        self.banner(&findings(run));
    }

    /// A table whose columns are the runs.
    pub(in crate::render) fn columns(&mut self, title: &str, runs: &[Named], rows: &[Row]) {
        if rows.is_empty() {
            return;
        }
        self.put(format_args!(
            "<section>\n<h2>{title}</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">\n\
             <table class=\"beside\" style=\"--columns:{}\">\n<thead><tr><td></td>",
            runs.len()
        ));
        for named in runs {
            let mark = if is_invalid(&named.run) { " <strong class=\"mark\">INVALID</strong>" } else { "" };
            self.put(format_args!("<th scope=\"col\">{}{mark}</th>", Text(&named.name)));
        }
        self.put(format_args!("</tr></thead>\n<tbody>\n"));
        for row in rows {
            self.put(format_args!("<tr><th scope=\"row\">{}</th>", Text(&row.name)));
            for (named, cell) in runs.iter().zip(&row.cells) {
                let invalid = row.is_figure && is_invalid(&named.run);
                let mark = if invalid { " <strong class=\"mark\">INVALID</strong>" } else { "" };
                self.put(format_args!("<td>{}{mark}</td>", Text(cell)));
            }
            self.put(format_args!("</tr>\n"));
        }
        self.put(format_args!("</tbody>\n</table>\n</div>\n</section>\n"));
    }

    /// The files that the page was made of.
    pub(in crate::render) fn files(&mut self, runs: &[Named]) {
        self.put(format_args!("<section>\n<h2>Made of</h2>\n<ul>\n"));
        for named in runs {
            let merged = match named.run.merged.len() {
                0 => String::new(),
                runs => format!(", {} merged", counted(runs as u64, "run")),
            };
            self.put(format_args!(
                "<li><code>{}</code>, {}{merged}</li>\n",
                Text(&named.file),
                time_utc(named.run.times.started_unix_ms)
            ));
        }
        self.put(format_args!("</ul>\n</section>\n"));
    }

    /// The runs that a merged result is made of.
    pub(super) fn merged(&mut self, run: &RunResult) {
        if run.merged.is_empty() {
            return;
        }
        self.put(format_args!(
            "<section id=\"merged\">\n<h2>The runs that were merged</h2>\n<p class=\"quiet\">Counts are added and histograms \
             merged; the windows stand one after the other in the plots over time.</p>\n\
             <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Merged runs\">\n<table>\n\
             <thead><tr><th scope=\"col\">file</th><th scope=\"col\">started</th><th scope=\"col\">seed</th>\
             <th scope=\"col\">window</th><th scope=\"col\">due</th><th scope=\"col\">acknowledged</th>\
             <th scope=\"col\">ack p99</th></tr></thead>\n<tbody>\n"
        ));
        for merged in &run.merged {
            self.put(format_args!("<tr><th scope=\"row\">{}</th>", Text(&merged.file)));
            let p99 = merged.ack_p99_ns.map_or_else(|| "–".to_owned(), crate::figures::duration_ns);
            for cell in [
                time_utc(merged.started_unix_ms),
                merged.seed.to_string(),
                crate::figures::duration_ms(merged.measured_ms),
                crate::figures::count(merged.due),
                crate::figures::count(merged.acked),
                p99,
            ] {
                self.put(format_args!("<td>{cell}</td>"));
            }
            self.put(format_args!("</tr>\n"));
        }
        self.put(format_args!("</tbody>\n</table>\n</div>\n</section>\n"));
    }
}

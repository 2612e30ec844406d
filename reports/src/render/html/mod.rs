//! The page: one self-contained HTML file without a script, light and dark, for a screen, a phone and paper.
//!
//! Everything from outside passes [`Text`], and the page's own policy (`default-src 'none'`) loads nothing and runs
//! nothing, should that ever fail. The theme is chosen by radio buttons and CSS alone.

mod comparison;
mod generator;
mod sections;
mod side_by_side;

use std::fmt::{self, Display, Write};

use crate::figures::time_utc;
use crate::judgement::{Finding, Tone, findings, is_invalid};
use crate::plot::{Plot, Size, plots};
use crate::schema::RunResult;

pub use comparison::html as comparison_html;

const STYLE: &str = include_str!("page.css");

/// The page of a run.
pub fn html(run: &RunResult) -> String {
    let mut page = Page::new(is_invalid(run));
    page.head(run);
    page.banner(&findings(run));
    page.anomalies(run);
    page.merged(run);
    page.key_figures(run);
    page.latencies(run);
    page.plan(run);
    page.accounting(run);
    page.plots(run);
    page.seconds(run);
    page.processes(run);
    page.generator(run);
    page.settings(run);
    page.machine(run);
    page.method();
    page.again(run);
    page.close()
}

/// Text from outside, as text.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Neither HTML nor XML has a place for other control characters.
                c if c.is_control() && !matches!(c, '\n' | '\t') => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

pub(super) struct Page {
    html: String,
    invalid: bool,
}

impl Page {
    fn put(&mut self, html: fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = self.html.write_fmt(html);
    }

    /// The mark that figures of an invalid run carry.
    fn mark(&self) -> &'static str {
        if self.invalid { " <strong class=\"mark\">INVALID</strong>" } else { "" }
    }

    pub(super) fn new(invalid: bool) -> Self {
        Self { html: String::with_capacity(256 * 1024), invalid }
    }

    fn head(&mut self, run: &RunResult) {
        let first = findings(run).first().map_or("", |finding| finding.word);
        let broker = &run.manifest.broker.kind;
        let invalid = if self.invalid && first != "INVALID" { ", INVALID" } else { "" };
        let on = match broker.as_str() {
            "" => "a broker".to_owned(),
            "embedded" => "the embedded broker".to_owned(),
            kind => kind.to_owned(),
        };
        let heading = format!("{} messages/s on {on}", crate::figures::number(run.plan.rate_per_second));
        let title = format!("{first}{invalid} · {heading}");
        let below = format!("topic <code>{}</code>, {}", Text(&run.plan.topic), time_utc(run.times.started_unix_ms));
        self.opening(&title, &heading, format_args!("{below}"));
    }

    /// Everything up to the first section; `below` the heading stands HTML.
    pub(super) fn opening(&mut self, title: &str, heading: &str, below: fmt::Arguments<'_>) {
        self.put(format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n\
             <body>\n",
            Text(title)
        ));
        self.put(format_args!(
            "<header>\n<div><h1>{}</h1>\n<p class=\"quiet\">{below}</p></div>\n\
             <fieldset class=\"theme\"><legend class=\"unseen\">Theme</legend>\n",
            Text(heading)
        ));
        for (theme, checked) in [("auto", " checked"), ("light", ""), ("dark", "")] {
            self.put(format_args!(
                "<label><input type=\"radio\" name=\"theme\" id=\"theme-{theme}\"{checked}><span>{theme}</span></label>\n"
            ));
        }
        self.put(format_args!("</fieldset>\n</header>\n<main>\n"));
    }

    /// The whole page.
    pub(super) fn close(mut self) -> String {
        self.put(format_args!("</main>\n</body>\n</html>\n"));
        self.html
    }

    /// What to know before any figure.
    pub(super) fn banner(&mut self, findings: &[Finding]) {
        self.put(format_args!("<section class=\"findings\" aria-label=\"Verdict\">\n"));
        for finding in findings {
            let tone = match finding.tone {
                Tone::Good => "good",
                Tone::Caution => "caution",
                Tone::Bad => "bad",
            };
            self.put(format_args!(
                "<p class=\"{tone}\"><strong>{}</strong> <span>{}</span></p>\n",
                finding.word,
                Text(&finding.sentence)
            ));
        }
        self.put(format_args!("</section>\n"));
    }

    fn plots(&mut self, run: &RunResult) {
        self.plot_all(&plots(run));
    }

    pub(super) fn plot_all(&mut self, plots: &[Plot]) {
        self.put(format_args!("<div class=\"plots\">\n"));
        plots.iter().for_each(|plot| self.plot(plot));
        self.put(format_args!("</div>\n"));
    }

    fn plot(&mut self, plot: &Plot) {
        let (id, mark) = (plot.id, self.mark());
        // In the picture too, which may be cut out of the page.
        let watermark = if self.invalid {
            "<text class=\"watermark\" x=\"50%\" y=\"50%\" text-anchor=\"middle\">INVALID</text>\n"
        } else {
            ""
        };
        self.put(format_args!(
            "<figure id=\"{id}\">\n<figcaption><h2>{}{mark}</h2>\n<p>{}</p></figcaption>\n",
            plot.title,
            Text(&plot.sentence)
        ));
        if !plot.legend.is_empty() {
            self.put(format_args!("<ul class=\"legend\">\n"));
            for (ink, name) in &plot.legend {
                let variable = ink.variable();
                self.put(format_args!("<li><i style=\"background:var({variable})\"></i>{}</li>\n", Text(name)));
            }
            self.put(format_args!("</ul>\n"));
        }
        for (n, panel) in plot.panels.iter().enumerate() {
            self.put(format_args!("<p class=\"axis\">{}</p>\n", panel.label));
            for (class, size) in [("wide", Size::WIDE), ("narrow", Size::NARROW)] {
                let (content, view_box) = panel.svg(size);
                let svg_id = format!("{id}-{n}-{class}");
                self.put(format_args!(
                    "<svg class=\"{class}\" viewBox=\"{view_box}\" role=\"img\" \
                     aria-labelledby=\"{svg_id}-title {svg_id}-desc\">\n<title id=\"{svg_id}-title\">{}: {}</title>\n\
                     <desc id=\"{svg_id}-desc\">{}</desc>\n{content}{watermark}</svg>\n",
                    plot.title,
                    panel.label,
                    Text(&plot.sentence)
                ));
            }
        }
        self.put(format_args!("</figure>\n"));
    }
}

//! JUnit's XML, as CI servers read it: a test case for each primary metric.

use std::fmt::Write;

use crate::comparison::{Gate, Judged, METRICS, Metric, Outcome};
use crate::figures::percent;
use crate::render::comparison::{estimate, interval};
use crate::schema::Ending;

/// The test cases: a regression is a failure; what could not be told, or was not measured, is skipped; where the gate itself
/// failed, what it left open is an error.
pub fn junit(gate: &Gate) -> String {
    let judged = gate.judged();
    let failed = gate.last().and_then(|last| match &last.ending {
        Ending::Failed { error } => Some(error.as_str()),
        Ending::Completed | Ending::Interrupted => None,
    });
    let primary = METRICS.iter().filter(|metric| metric.primary);
    let cases: Vec<Case> = primary
        .map(|metric| Case::of(metric, judged.iter().find(|judged| judged.metric.name == metric.name), failed))
        .collect();
    let count = |kind: &str| cases.iter().filter(|case| case.kind == kind).count();
    let seconds = gate.comparisons.iter().map(|comparison| comparison.total_ms).sum::<u64>() as f64 / 1e3;
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\"",
        cases.len(),
        count("failure"),
        count("error"),
        count("skipped")
    );
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n<testsuite name=\"loadgen gate\" {counts}>\n"
    );
    for case in &cases {
        case.write(&mut xml);
    }
    xml += "</testsuite>\n</testsuites>\n";
    xml
}

struct Case {
    name: &'static str,
    /// `failure`, `error`, `skipped`, or nothing of one that passed.
    kind: &'static str,
    message: String,
    figures: String,
}

impl Case {
    fn of(metric: &Metric, judged: Option<&Judged<'_>>, failed: Option<&str>) -> Self {
        let case =
            |kind, message: &str, figures| Self { name: metric.name, kind, message: message.to_owned(), figures };
        match (judged.map(|judged| (judged.outcome, sentence(judged))), failed) {
            (Some((Outcome::Regressed, figures)), _) => case("failure", "regressed", figures),
            (Some((Outcome::NotRegressed, figures)), _) => case("", "", figures),
            (Some((Outcome::Inconclusive, figures)), Some(error)) => case("error", error, figures),
            (None, Some(error)) => case("error", error, String::new()),
            (Some((Outcome::Inconclusive, figures)), None) => case("skipped", "inconclusive", figures),
            (None, None) => case("skipped", "not measured", String::new()),
        }
    }

    fn write(&self, xml: &mut String) {
        let (kind, figures) = (self.kind, escaped(&self.figures));
        let message = if self.figures.is_empty() { String::new() } else { format!(": {figures}") };
        // Writing to a String does not fail.
        let _ = writeln!(xml, "<testcase classname=\"loadgen.gate\" name=\"{}\">", escaped(self.name));
        let _ = match kind {
            "" => Ok(()),
            _ => writeln!(xml, "<{kind} message=\"{}{message}\"/>", escaped(&self.message)),
        };
        let _ = writeln!(xml, "<system-out>{figures}</system-out>\n</testcase>");
    }
}

/// `intended → ack p99: 10 ms to 12 ms, 1.2 × the baseline's (1.1 to 1.3); tolerance 5 %`.
fn sentence(judged: &Judged<'_>) -> String {
    let metric = judged.metric;
    let [a, b] = metric.medians();
    format!(
        "{}: {a} to {b}, {} × the baseline's ({}); tolerance {}",
        metric.label,
        estimate(metric),
        interval(metric),
        percent(metric.tolerance)
    )
}

/// Text as XML's character data or attribute value; what XML 1.0 has no way to write becomes a blank.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::super::sample::gate;
    use super::*;

    /// Each test case's name, and what stands in it with its message.
    fn cases(xml: &str) -> Vec<(String, String, String)> {
        let document = Document::parse(xml).expect("well-formed");
        let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
        cases
            .map(|case| {
                let said = case.children().find(|child| child.has_attribute("message"));
                let text = |attribute: Option<&str>| attribute.unwrap_or_default().to_owned();
                let kind = said.map_or("", |said| said.tag_name().name());
                (text(case.attribute("name")), kind.to_owned(), text(said.and_then(|said| said.attribute("message"))))
            })
            .collect()
    }

    #[test]
    fn a_regression_fails_its_case_and_what_is_open_or_not_measured_is_skipped() {
        let cases = cases(&junit(&gate([Outcome::Regressed, Outcome::Inconclusive])));
        let brief: Vec<_> = cases.iter().map(|(name, kind, _)| (name.as_str(), kind.as_str())).collect();
        let expected =
            [("ack.p99", "failure"), ("e2e.p99", "skipped"), ("broker-cpu", "skipped"), ("throughput", "skipped")];
        assert_eq!(brief, expected);
        assert!(cases[0].2.starts_with("regressed: <ack.p99> & \"co\": 9.6"), "{}", cases[0].2);
        assert_eq!(cases[1].2, "not measured");
        assert!(cases[3].2.starts_with("inconclusive"), "{}", cases[3].2);
    }

    #[test]
    fn where_the_gate_failed_every_case_that_is_open_says_why() {
        let mut gate = gate([Outcome::NotRegressed, Outcome::Inconclusive]);
        gate.comparisons[0].ending = Ending::Failed { error: "no <room>\u{1b}[0m".to_owned() };
        let cases = cases(&junit(&gate));
        let kinds: Vec<_> = cases.iter().map(|(_, kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["", "error", "error", "error"]);
        assert_eq!(cases[1].2, "no <room> [0m");
    }

    #[test]
    fn the_counts_are_those_of_the_cases() {
        let xml = junit(&gate([Outcome::Regressed, Outcome::NotRegressed]));
        assert!(xml.contains(r#"tests="4" failures="1" errors="0" skipped="2" time="61.500""#), "{xml}");
        assert_eq!(cases(&junit(&Gate::default())).len(), 4);
    }
}

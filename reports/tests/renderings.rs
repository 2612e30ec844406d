//! Every rendering of every valid result is whole, safe and says the verdict.

mod sample;

use std::sync::LazyLock;

use hdrhistogram::Histogram;
use proptest::prelude::*;
use reports::RunResult;
use reports::comparison::{Comparison, SCHEMA};
use reports::judgement::findings;
use reports::render::{COLUMNS, Colour, comparison, html, markdown, terminal};
use reports::schema::*;

/// Elements that HTML closes by itself.
const VOID: [&str; 3] = ["meta", "br", "input"];

/// Panics unless every element is closed where it should be and every attribute is quoted.
fn assert_well_formed(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("a document type");
    while let Some(start) = rest.find('<') {
        let (tag, after) = rest[start + 1..].split_once('>').expect("a tag ends");
        assert!(!tag.contains('<'), "a tag inside a tag: <{tag}>");
        assert!(tag.matches('"').count().is_multiple_of(2), "an attribute is not closed: <{tag}>");
        rest = after;
        let name = tag.trim_start_matches('/').split([' ', '/']).next().expect("split yields something");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes something else");
        } else if name == "style" {
            rest = rest.split_once("</style>").expect("a style ends").1;
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
}

fn assert_sound(run: &RunResult) {
    let page = html(run);
    assert_well_formed(&page);
    for outside in ["http:", "https:", "url(", "@import", "src=", "<script", "<link", "javascript:"] {
        assert!(!page.contains(outside), "the page holds {outside}");
    }
    let summary = terminal(run, Colour::Never, COLUMNS);
    for (name, text) in [("page", &page), ("summary", &summary), ("markdown", &markdown(run))] {
        for word in ["NaN", "inf ", "-0 "] {
            assert!(!text.contains(word), "the {name} holds {word:?}");
        }
        assert!(findings(run).iter().all(|finding| text.contains(finding.word)), "the {name} does not say the verdict");
    }
    assert!(summary.lines().all(|line| line.chars().count() <= 80), "{summary}");
    assert!(!summary.contains('\x1b'));
    assert!(terminal(run, Colour::Never, 120).lines().all(|line| line.chars().count() <= 120));
    assert_eq!(terminal(run, Colour::Never, 40), summary, "a narrower terminal wraps by itself");
}

#[test]
fn every_kind_of_run_renders_soundly() {
    for run in [
        RunResult::default(),
        sample::clean(),
        sample::with_anomalies(),
        sample::cut_short(),
        sample::invalid(),
        sample::hostile(),
    ] {
        assert_sound(&run);
    }
}

#[test]
fn a_run_without_acknowledgements_shows_no_latency_to_one() {
    let mut run = sample::clean();
    run.plan.acks = "0".into();
    assert_sound(&run);
    let summary = terminal(&run, Colour::Never, COLUMNS);
    assert!(summary.starts_with("CLEAN  All 3,000,000 messages were sent and read"), "{summary}");
    let row = summary.lines().find(|line| line.starts_with("intended → ack")).expect("a row");
    assert_eq!(row.matches('–').count(), 5, "{row}");
    assert!(!summary.contains("omitted"), "{summary}");
}

#[test]
fn every_kind_of_comparison_renders_soundly() {
    for (name, compared) in sample::comparison::all() {
        let page = comparison::html(&compared);
        assert_well_formed(&page);
        for outside in ["http:", "https:", "url(", "@import", "src=", "<script", "<link", "\"javascript:"] {
            assert!(!page.contains(outside), "{name}: the page holds {outside}");
        }
        let summary = comparison::terminal(&compared, Colour::Never, COLUMNS);
        let short = comparison::markdown(&compared);
        for text in [&page, &summary, &short] {
            assert!(!text.contains("NaN") && !text.contains("inf "), "{name}");
            assert!(compared.findings().iter().all(|finding| text.contains(finding.word)), "{name}");
        }
        assert!(!short.contains("<script"), "{short}");
        assert!(summary.lines().all(|line| line.chars().count() <= 80), "{summary}");
        assert!(!summary.contains('\x1b'));
    }
}

#[test]
fn a_comparison_fits_one_screen_and_opens_with_what_it_found() {
    let summary = comparison::terminal(&sample::comparison::better(), Colour::Never, COLUMNS);
    assert!(summary.starts_with("B IS BETTER"), "{summary}");
    assert!(summary.lines().count() <= 31, "{summary}");
    let same = comparison::terminal(&sample::comparison::same(), Colour::Never, COLUMNS);
    assert!(same.contains("A/A"), "{same}");
    let failed = comparison::terminal(&sample::comparison::with_anomalies(), Colour::Never, COLUMNS);
    assert!(failed.starts_with("ANOMALIES"), "{failed}");
}

#[test]
fn a_comparison_reads_back_as_it_was_written_and_another_schema_is_refused() {
    for (name, compared) in sample::comparison::all() {
        let versioned = Comparison { schema: SCHEMA.into(), ..compared };
        let read = Comparison::from_json(&versioned.to_json()).expect(name);
        // The last bit of a decimal fraction may be lost, and nothing that is said.
        assert_eq!(comparison::markdown(&read), comparison::markdown(&versioned));
        assert_eq!(
            (read.settings, read.design, read.a.latencies),
            (versioned.settings, versioned.design, versioned.a.latencies)
        );
    }
    let error = Comparison::from_json(r#"{"schema": "loadgen-comparison/2.0", "runs": 5}"#).expect_err("newer");
    assert!(error.to_string().contains("loadgen-comparison/2.0"));
    assert!(Comparison::from_json(&sample::clean().to_json()).is_err(), "a run's result is none");
}

#[test]
fn a_clean_run_fits_one_screen() {
    let summary = terminal(&sample::clean(), Colour::Never, COLUMNS);
    assert!(summary.starts_with("CLEAN"));
    assert!(summary.lines().count() <= 24, "{summary}");
    assert!(terminal(&sample::with_anomalies(), Colour::Never, COLUMNS).lines().count() <= 38);
}

#[test]
fn the_page_shows_every_plot_wide_and_narrow_with_title_and_description() {
    let page = html(&sample::clean());
    for id in ["throughput", "percentiles", "latency", "heat", "partitions", "lag", "broker"] {
        for size in ["wide", "narrow"] {
            assert!(
                page.contains(&format!("aria-labelledby=\"{id}-0-{size}-title {id}-0-{size}-desc\"")),
                "{id} {size}"
            );
        }
    }
    assert!(!page.contains("\"#0"), "a colour did not become a variable");
    assert!(page.contains("var(--plot-acked)"));
}

#[test]
fn an_anomaly_is_shown_with_its_exact_offsets_everywhere() {
    let run = sample::with_anomalies();
    for text in [html(&run), terminal(&run, Colour::Never, COLUMNS), markdown(&run)] {
        assert!(text.contains("lost-write") && text.contains("offsets 211804–212103"), "{text}");
    }
}

#[test]
fn figures_of_an_invalid_run_never_stand_without_that_word() {
    let run = sample::invalid();
    let summary = terminal(&run, Colour::Never, COLUMNS);
    let figures = summary.lines().skip_while(|line| !line.is_empty());
    for line in figures.filter(|line| !line.is_empty()) {
        assert!(line.starts_with("INVALID  "), "{line}");
    }
    let page = html(&run);
    let figures =
        page.matches("<figure").count() + page.matches("<div><dt>p99").count() + page.matches("<table").count();
    assert!(figures >= 10 && page.matches("class=\"mark\">INVALID").count() >= figures);
    assert!(!html(&sample::clean()).contains("class=\"mark\">"));
}

#[test]
fn text_from_outside_stays_text() {
    let run = sample::hostile();
    assert!(!html(&run).contains("<script") && html(&run).contains("&lt;script&gt;"));
    assert!(!markdown(&run).contains("<script"));
    assert!(!terminal(&run, Colour::Never, COLUMNS).contains('\x1b'));
}

#[test]
fn colours_are_there_only_when_asked_for() {
    let run = sample::clean();
    assert!(terminal(&run, Colour::Ansi, COLUMNS).contains("\x1b[1;32mCLEAN\x1b[0m"));
    assert_eq!(Colour::for_stream(&std::fs::File::open("/dev/null").expect("always there")), Colour::Never);
}

#[test]
fn extremes_render_soundly() {
    let mut one_message = Histogram::<u64>::new(3).expect("valid");
    one_message.record(1).expect("resizable");
    let mut slow = Histogram::<u64>::new(3).expect("valid");
    slow.record(u64::MAX / 2).expect("resizable");
    let second = |second, histogram: &Histogram<u64>| Second {
        second,
        acked: u64::MAX,
        ack: LatencySlice::from_histogram(histogram),
        groups: vec![GroupSecond { consumed: u64::MAX, lag: u64::MAX }; 7],
        broker_cpu_us: Some(u64::MAX),
        broker_rss_bytes: Some(u64::MAX),
        ..Second::default()
    };
    let with = |change: &dyn Fn(&mut RunResult)| {
        let mut run = sample::clean();
        change(&mut run);
        assert_sound(&run);
    };
    with(&|run| run.series.clear());
    with(&|run| run.series.truncate(1));
    with(&|run| run.series = vec![second(0, &one_message)]);
    with(&|run| run.series = vec![second(u32::MAX, &slow), second(0, &one_message)]);
    with(&|run| run.series = (0..10_000).map(|n| second(n, &one_message)).collect());
    with(&|run| run.latencies.intended_to_ack = Latency::from_histogram(&one_message, 0, None, 1));
    with(&|run| run.latencies.intended_to_ack = Latency::from_histogram(&slow, u64::MAX, Some(u64::MAX), u64::MAX));
    with(&|run| run.latencies = Latencies::default());
    with(&|run| run.latencies.intended_to_consumed = vec![GroupLatency::default(); 40]);
    with(&|run| run.plan.rate_per_second = f64::NAN);
    with(&|run| {
        run.partitions = (0..1000)
            .map(|partition| PartitionTotals {
                partition,
                messages: u64::MAX,
                order_violations: u64::MAX,
                expected_messages: Some(0),
            })
            .collect();
    });
}

prop_compose! {
    fn latency()(values in prop::collection::vec((0..u64::MAX / 4, 1..1u64 << 40), 0..6), censored in any::<u64>(), from in any::<Option<u64>>())
        -> Latency {
        let mut histogram = Histogram::<u64>::new(2).expect("valid");
        for (value, count) in values {
            histogram.record_n(value, count).expect("resizable");
        }
        Latency::from_histogram(&histogram, censored, from, 0)
    }
}

prop_compose! {
    fn second()(second in any::<u32>(), counts in any::<[u64; 4]>(), groups in prop::collection::vec(any::<(u64, u64)>(), 0..4),
        quantiles in any::<[Option<u64>; 3]>(), heat in prop::collection::vec(any::<(u32, u64)>(), 0..4), process in any::<[Option<u64>; 3]>())
        -> Second {
        let slice = LatencySlice { count: counts[3], p50_ns: quantiles[0], p99_ns: quantiles[1], max_ns: quantiles[2], heat };
        Second {
            second,
            due: counts[0],
            sent: counts[1],
            acked: counts[2],
            acked_bytes: counts[3],
            groups: groups.into_iter().map(|(consumed, lag)| GroupSecond { consumed, lag }).collect(),
            ack: slice.clone(),
            consumed: slice,
            broker_cpu_us: process[0],
            broker_rss_bytes: process[1],
            generator_cpu_us: process[2],
        }
    }
}

/// Made once; every case changes a copy.
static HOSTILE: LazyLock<RunResult> = LazyLock::new(sample::hostile);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_result_makes_a_rendering_panic(
        latencies in prop::collection::vec(latency(), 4),
        series in prop::collection::vec(second(), 0..5),
        partitions in prop::collection::vec((any::<i32>(), any::<u64>(), any::<Option<u64>>(), any::<u64>()), 0..5),
        counts in any::<[u64; 8]>(),
        started_unix_ms in any::<i64>(),
        word in any::<String>(),
        rate in any::<f64>(),
    ) {
        let mut run = HOSTILE.clone();
        run.series = series;
        run.times = Times { started_unix_ms, warmup_ms: counts[0], measured_ms: counts[1], drain_ms: counts[2], total_ms: counts[3] };
        (run.totals.due, run.totals.acked, run.totals.acked_in_window, run.totals.acked_bytes) = (counts[4], counts[5], counts[6], counts[7]);
        run.latencies.schedule_lag = latencies[0].clone();
        run.latencies.actual_to_ack = latencies[1].clone();
        run.latencies.intended_to_ack = latencies[2].clone();
        run.latencies.intended_to_consumed = latencies.into_iter().map(|latency| GroupLatency { group: word.clone(), latency }).collect();
        run.partitions = partitions.into_iter().map(|(partition, messages, expected_messages, order_violations)| {
            PartitionTotals { partition, messages, expected_messages, order_violations }
        }).collect();
        run.plan.topic = word;
        run.plan.rate_per_second = rate;
        run.generator = GeneratorHealth { max_schedule_lag_ns: counts[0], cpu_share: Some(rate), ..GeneratorHealth::default() };
        run.batching.messages_per_batch = Some(rate);
        assert_well_formed(&html(&run));
        terminal(&run, Colour::Ansi, COLUMNS);
        markdown(&run);
        prop_assert!(RunResult::from_json(&run.to_json()).is_ok() || !rate.is_finite());
    }
}

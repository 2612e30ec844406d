//! Several runs of one plan become one result; different ones stand side by side.

mod sample;

use reports::RunResult;
use reports::judgement::findings;
use reports::merge::{MergeError, Named, differences, merge};
use reports::render::{Colour, html, side_by_side};
use reports::schema::Ending;
use reports::statistics::Distribution;

fn named(name: &str, run: RunResult) -> Named {
    Named { name: name.to_owned(), file: format!("{name}/result.json"), run }
}

#[test]
fn counts_are_added_and_percentiles_are_those_of_the_merged_histogram() {
    let (one, other) = (sample::clean(), sample::clean());
    let both = merge(&[named("a", one.clone()), named("b", other)]).expect("one plan");
    assert_eq!((both.totals.due, both.totals.acked), (2 * one.totals.due, 2 * one.totals.acked));
    assert_eq!(both.totals.groups[1].consumed, 2 * one.totals.groups[1].consumed);
    assert_eq!(both.times.measured_ms, 2 * one.times.measured_ms);
    let (merged, alone) = (&both.latencies.intended_to_ack, &one.latencies.intended_to_ack);
    assert_eq!((merged.count, merged.p99_ns, merged.max_ns), (2 * alone.count, alone.p99_ns, alone.max_ns));
    let parts = Distribution::merged([alone, alone]);
    assert_eq!(Distribution::of(merged).quantile(0.999), parts.quantile(0.999));
    assert_eq!(both.partitions[2].messages, 2 * one.partitions[2].messages);
    assert_eq!(both.batching.messages_per_batch, one.batching.messages_per_batch);
    let seconds: Vec<u32> = both.series.iter().map(|second| second.second).collect();
    assert!(seconds.windows(2).all(|pair| pair[0] + 1 == pair[1]) && seconds.len() == 2 * one.series.len());
    assert_eq!(both.merged.len(), 2);
    assert!(findings(&both).iter().any(|finding| finding.word == "MERGED"));
    assert_eq!(RunResult::from_json(&both.to_json()).expect("own text"), both);
    assert!(html(&both).contains("a/result.json"), "the page names what it was made of");
}

#[test]
fn merging_what_was_merged_keeps_the_runs_apart() {
    let two = merge(&[named("a", sample::clean()), named("b", sample::clean())]).expect("one plan");
    let three = merge(&[named("ab", two), named("c", sample::clean())]).expect("one plan");
    let files: Vec<&str> = three.merged.iter().map(|run| run.file.as_str()).collect();
    assert_eq!(files, ["a/result.json", "b/result.json", "c/result.json"]);
}

#[test]
fn one_run_that_is_not_clean_makes_the_whole_so() {
    let mut dirty = sample::with_anomalies();
    (dirty.plan, dirty.manifest) = (sample::clean().plan, sample::clean().manifest);
    dirty.ending = Ending::Failed { error: "it broke".to_owned() };
    let all = merge(&[named("a", sample::clean()), named("b", dirty.clone())]).expect("one plan");
    assert!(!all.verdict.clean);
    assert_eq!(all.verdict.anomalies.len(), dirty.verdict.anomalies.len());
    assert_eq!(all.ending, Ending::Failed { error: "b: it broke".to_owned() });
}

#[test]
fn runs_of_different_plans_are_refused_by_name_and_by_what_differs() {
    let mut faster = sample::clean();
    faster.plan.rate_per_second *= 2.0;
    let error = merge(&[named("a", sample::clean()), named("b", faster)]).expect_err("different");
    assert!(matches!(&error, MergeError::Different { differences, .. } if differences.len() == 1));
    let text = error.to_string();
    assert!(text.starts_with("a/result.json and b/result.json are no runs of one plan: rate differs"), "{text}");
    assert_eq!(merge(&[]).expect_err("nothing"), MergeError::Nothing);
}

#[test]
fn a_seed_a_topic_of_the_runs_own_and_a_time_are_no_differences() {
    let mut other = sample::clean();
    other.plan.seed += 1;
    other.plan.topic = "loadgen-0123456789abcdef".to_owned();
    other.times.started_unix_ms += 1_000_000;
    other.plan.out_dir = Some("elsewhere".to_owned());
    assert_eq!(differences(&sample::clean(), &other), []);
    other.manifest.broker.version = Some("9".to_owned());
    other.manifest.machine.cores += 1;
    let names: Vec<String> = differences(&sample::clean(), &other).into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["broker", "CPU"]);
}

#[test]
fn different_runs_stand_side_by_side_and_an_invalid_one_never_without_that_word() {
    let runs = [named("ours", sample::clean()), named("<theirs>", sample::invalid()), named("third", sample::clean())];
    let page = side_by_side::html(&runs);
    assert!(page.contains("<svg") && page.contains("&lt;theirs&gt;") && !page.contains("<theirs>"));
    assert!(page.contains("&lt;theirs&gt;, INVALID"), "the plot's legend carries the word too");
    assert_eq!(page.matches("<h1>").count(), 1);
    let hostile = side_by_side::html(&[named("hostile", sample::hostile()), named("short", sample::cut_short())]);
    assert!(!hostile.contains("<script") && !hostile.contains("<img"), "names from outside stay text");
    let text = side_by_side::terminal(&runs, Colour::Never);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("INVALID "), "{text}");
    let markdown = side_by_side::markdown(&runs);
    assert!(markdown.contains("| ours | &lt;theirs&gt; | third |"), "{markdown}");
}

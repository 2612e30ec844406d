//! `loadgen report` and `loadgen replay` on the results of real runs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use reports::RunResult;

fn loadgen<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen")).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn result(directory: &Path) -> RunResult {
    RunResult::read(&directory.join("result.json")).expect("a result")
}

#[test]
fn a_run_is_replayed_message_by_message_and_rendered_again() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (first, second) = (directory.path().join("first"), directory.path().join("second"));
    let (first_name, second_name) = (first.display().to_string(), second.display().to_string());
    let options = "run -q --rate 1k --messages 500 --warmup 0 --partitions 3 --key 50 --seed 7 --out";
    let ran = loadgen(options.split(' ').chain([first_name.as_str()]));
    let replayed = loadgen(["replay", &first_name, "-q", "--linger", "0ms", "--out", &second_name]);
    let said = text(&replayed.stdout);
    assert!(said.contains("what differs") && said.contains("linger"), "{said}{}", text(&replayed.stderr));
    let (before, now) = (result(&first), result(&second));
    assert_eq!((now.plan.seed, now.plan.messages, now.plan.linger_us), (7, Some(500), 0), "{}", text(&ran.stderr));
    let messages = |run: &RunResult| run.partitions.iter().map(|part| part.messages).collect::<Vec<_>>();
    assert_eq!(messages(&before), messages(&now), "the same keys");

    let page = directory.path().join("both.html");
    let page_name = page.display().to_string();
    let reported = loadgen(["report", &first_name, &second_name, "-o", &page_name]);
    assert!(reported.status.success(), "{}", text(&reported.stderr));
    assert!(fs::read_to_string(&page).expect("written").contains("2 runs side by side"));
    let summary = text(&loadgen(["report", &first_name]).stdout);
    assert!(summary.contains("intended → ack"), "{summary}");

    let refused = loadgen(["report", "--merge", &first_name, &second_name]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("linger differs"), "{}", text(&refused.stderr));
}

#[test]
fn what_is_no_result_of_this_version_is_refused_in_one_sentence() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("newer.json");
    fs::write(&file, r#"{"schema_version": "2.0"}"#).expect("written");
    let name = file.display().to_string();
    for arguments in [["report", &name], ["replay", &name], ["report", "missing.json"]] {
        let output = loadgen(arguments);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    }
}

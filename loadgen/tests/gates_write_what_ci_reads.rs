//! Whole gates of the program against itself, as short as they get: what they write, not what they find.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use reports::Comparison;

fn gate(out: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["gate", "--rate", "1k", "--warmup", "100ms", "--duration", "1s", "--pairs", "1", "--out"]).arg(out);
    command.args(arguments).output().expect("the program starts")
}

#[test]
fn two_gates_of_one_program_write_every_file_and_fail_only_where_asked_to() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let history = directory.path().join("history.jsonl");
    let program = format!("'{}' --linger 1ms", env!("CARGO_BIN_EXE_loadgen"));
    let mut lines = 0;
    for (name, strict) in [("lenient", None), ("strict", Some("--fail-on-inconclusive"))] {
        let out = directory.path().join(name);
        let arguments = ["--baseline", &program, "--history", history.to_str().expect("UTF-8"), "--json"];
        let output = gate(&out, &[&arguments[..], strict.as_slice()].concat());
        let code = output.status.code();
        // 3 where the machine was too loaded for any generator to keep up.
        let decided = if strict.is_some() { 6 } else { 0 };
        assert!(code == Some(decided) || code == Some(3), "{output:?}");

        let read = |file: &str| fs::read_to_string(out.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let comparison = Comparison::from_json(&read("comparison.json")).expect("a comparison");
        assert_eq!(comparison.design.alpha, 0.025);
        assert!(read("report.html").contains("</html>"));
        assert!(read("gate.md").starts_with("### loadgen gate"));
        assert!(serde_json::from_str::<serde_json::Value>(&read("benchmark.json")).is_ok_and(|json| json.is_array()));
        let junit = read("junit.xml");
        let document = roxmltree::Document::parse(&junit).expect("well-formed");
        assert_eq!(document.descendants().filter(|node| node.has_tag_name("testcase")).count(), 4);
        assert!(!document.descendants().any(|node| node.has_tag_name("failure")), "{junit}");
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(printed.lines().count(), 1, "{printed}");
        if code == Some(decided) {
            assert!(out.join("again/comparison.json").exists(), "one pair is always inconclusive");
            assert!(read("gate.md").contains("INCONCLUSIVE"));
            lines += 1;
            let kept = fs::read_to_string(&history).expect("written");
            assert_eq!((kept.lines().count(), kept.ends_with(&printed)), (lines, true), "{kept}");
        }
    }
}

#[test]
fn a_baseline_that_is_none_is_refused_before_anything_runs() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let out = directory.path().join("out");
    for (baseline, said) in [
        ("git:no-such-branch", "baseline: git:no-such-branch: "),
        ("/bin/true", "/bin/true is no loadgen"),
        ("nowhere", "or another loadgen: its file, or git:COMMIT"),
    ] {
        let output = gate(&out, &["--baseline", baseline]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && text.contains(said), "{output:?}");
    }
    assert!(!out.exists());
}

#[test]
fn a_commit_is_built_once_in_a_worktree_that_goes_and_its_program_is_kept() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [repository, cache, out] = ["repository", "cache", "out"].map(|name| directory.path().join(name));
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(&repository).output().expect("git starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    // A loadgen that can do nothing but tell that it ran.
    let source = "fn main() { eprintln!(\"error: built of {}\", env!(\"LOADGEN_COMMIT\")); std::process::exit(8) }";
    let files = [
        ("src/main.rs", source),
        ("Cargo.toml", "[package]\nname = \"loadgen\"\nversion = \"0.0.0\"\nedition = \"2024\"\n"),
        ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"loadgen\"\nversion = \"0.0.0\"\n"),
    ];
    fs::create_dir_all(repository.join("src")).expect("created");
    files.iter().for_each(|(name, text)| fs::write(repository.join(name), text).expect("written"));
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false", "commit", "--quiet", "-m", "one"]);
    let commit = git(&["rev-parse", "HEAD"]).trim().to_owned();

    for is_first in [true, false] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.args(["gate", "--baseline", "git:HEAD", "--candidate", "git:HEAD", "--pairs", "1", "--out"]).arg(&out);
        let output = command.current_dir(&repository).env("XDG_CACHE_HOME", &cache).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), said.matches("building").count()),
            (Some(8), usize::from(is_first)),
            "{said}"
        );
        let found = fs::read_to_string(out.join("gate.md")).expect("written");
        assert!(found.contains(&format!("error: built of {}", &commit[..12])), "{found}");
        assert!(fs::read_to_string(out.join("junit.xml")).expect("written").contains("<error"));
    }
    let kept: Vec<_> = fs::read_dir(cache.join("loadgen/baselines")).expect("kept").flatten().collect();
    assert_eq!(kept.iter().map(|entry| entry.file_name()).collect::<Vec<_>>(), [&*commit], "and nothing else");
    assert_eq!(git(&["worktree", "list"]).lines().count(), 1);
}

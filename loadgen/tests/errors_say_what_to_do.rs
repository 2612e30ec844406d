//! What a user meets when something is wrong: one sentence that says what to do, and the documented exit code.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Runs with these options and returns the exit code and what was said.
fn refused(options: &[&str]) -> (Option<i32>, String) {
    let out = tempfile::tempdir().expect("a temporary directory");
    refused_into(out.path(), options)
}

fn refused_into(out: &Path, options: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args([
            "run",
            "--quiet",
            "--calibrate",
            "never",
            "--rate",
            "1k",
            "--duration",
            "1s",
            "--warmup",
            "100ms",
            "--drain-timeout",
            "2s",
            "--out",
        ])
        .arg(out)
        .args(options)
        .output()
        .expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_cluster_that_does_not_answer_is_exit_code_7() {
    // Bound and not listening any more: nobody answers there.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let (code, said) = refused(&["-b", &format!("127.0.0.1:{port}")]);
    assert_eq!(code, Some(7), "{said}");
    assert!(said.contains("no broker answers at") && said.contains("Connection refused"), "{said}");
}

#[test]
fn a_message_larger_than_the_defaults_take_gets_the_room_it_needs() {
    let (code, said) = refused(&["--size", "2MiB", "--rate", "10"]);
    assert!(matches!(code, Some(0 | 3 | 9)), "{code:?}: {said}");
    assert!(!said.contains("too large"), "{said}");
}

#[test]
fn something_that_is_no_broker_is_told_from_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (code, said) = refused(&["-b", &silent.local_addr().expect("bound").to_string()]);
    assert_eq!(code, Some(7), "{said}");
    assert!(
        said.contains("not as a Kafka broker does to this client: it takes connections and says nothing"),
        "{said}"
    );
}

#[test]
fn a_process_to_watch_that_is_not_there_is_exit_code_2() {
    let (code, said) = refused(&["-b", "127.0.0.1:1", "--target-pid", "2147483647"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no process 2147483647"), "{said}");
}

#[test]
fn a_run_without_a_result_leaves_no_directory_behind() {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let (code, said) = refused_into(&parent.path().join("results/first"), &["--target", "exec:exit 9"]);
    assert_eq!(code, Some(7), "{said}");
    assert_eq!(std::fs::read_dir(parent.path()).expect("readable").count(), 0);
}

#[test]
fn a_broker_that_ends_at_once_is_quoted() {
    let (code, said) = refused(&["--target", "exec:echo no licence >&2; exit 9"]);
    assert_eq!(code, Some(7), "{said}");
    assert!(said.contains("no licence"), "{said}");
}

#[test]
fn bad_options_are_exit_code_2() {
    for (options, words) in [
        (&["--rate", "fast"][..], "--rate"),
        (&["--size", "huge"], "--size"),
        (&["--key", "many"], "--key"),
        (&["--duration", "0s"], "nothing to measure"),
        (&["--linger", "5"], "no unit"),
        (&["--acks", "1", "--idempotent"], "--acks all"),
        (&["-X", "linger.ms=1"], "--linger"),
        (&["-X", "max.in.flight=10"], "max.in.flight"),
        (&["--partitioner", "explicit:key[0:2] % 6"], "--key"),
        (&["-X", "no.such.thing=1"], "no.such.thing=1"),
        (&["-X", "fetch.min.bytes=many"], "fetch.min.bytes=many"),
        (&["--assert", "speed>1"], "throughput"),
        (&["--target", "nowhere"], "HOST:PORT"),
        (&["--payload-file", "/no/such/file"], "/no/such/file"),
        (&["--partitioner", "explicit:key[0:2"], "--partitioner"),
        (&["--partitions", "0"], "--partitions"),
        (&["--topic", "a b"], "letters, digits"),
    ] {
        let (code, said) = refused(options);
        assert_eq!(code, Some(2), "{options:?}: {said}");
        assert!(said.contains(words), "{options:?}: {said}");
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn tls_without_the_feature_says_how_to_build_it() {
    let (code, said) = refused(&["-b", "127.0.0.1:1", "-X", "security.protocol=ssl"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--features tls"), "{said}");
}

#[test]
fn a_message_larger_than_the_client_sends_names_the_setting() {
    let (code, said) = refused(&["--size", "2MiB", "--rate", "10", "-X", "message.max.bytes=1000000"]);
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains("--size") && said.contains("message.max.bytes"), "{said}");
}

#[test]
fn a_payload_file_without_messages_is_exit_code_2() {
    let (code, said) = refused(&["--payload-file", "/dev/null"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("holds no messages"), "{said}");
}

#[test]
fn a_full_disk_ends_in_exit_code_8_with_the_brokers_own_words() {
    // No file of the broker may grow past 64 KiB: what a full disk does, without one.
    let target = format!(
        "exec:trap '' XFSZ; ulimit -f 128; exec {} embedded-broker --ephemeral --listen 127.0.0.1:0 \
         --config group.initial.rebalance.delay.ms=0",
        env!("CARGO_BIN_EXE_loadgen")
    );
    let (code, said) = refused(&["--target", &target, "--size", "10KiB", "--partitions", "1", "--drain-timeout", "1s"]);
    assert!(matches!(code, Some(8 | 3)), "{code:?}: {said}");
    assert!(said.contains("the broker said:") && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn more_replicas_than_brokers_are_refused_by_name() {
    let (code, said) = refused(&["--replication-factor", "3"]);
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains("--replication-factor"), "{said}");
}

#[test]
fn an_output_directory_that_cannot_be_made_is_said_before_anything_is_sent() {
    let (code, said) = refused_into(Path::new("/proc/loadgen"), &[]);
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains("--out"), "{said}");
}

#[test]
fn an_expression_that_names_no_partition_ends_the_run() {
    let (code, said) = refused(&["--partitioner", "explicit:6"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the partitioner chose 6, expected 0 to 5"), "{said}");
}

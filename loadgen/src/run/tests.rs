//! Whole runs against the scripted cluster: each fault, injected between the driver and the checker, is seen and named.

use clap::Parser;
use reports::RunResult;

use super::progress::Silent;
use super::*;
use crate::cli::{Cli, Command};
use crate::driver::ClientError;
use crate::driver::scripted::{Fault, Scripted};
use crate::exit::Exit;

/// A run of 50 messages of warm-up and 400 measured ones, over in half a second.
const SHORT: &str = "--rate 1000 --messages 400 --warmup 50ms --partitions 3 --drain-timeout 300ms --seed 7";

fn plan(options: &str) -> Plan {
    let words = ["loadgen", "run"].into_iter().chain(SHORT.split_whitespace()).chain(options.split_whitespace());
    match Cli::try_parse_from(words).expect("parses").command {
        Command::Run(args) => Plan::resolve(&args, Vec::new()).expect("a valid plan"),
        _ => panic!("not run"),
    }
}

fn run_on(driver: &Scripted, options: &str) -> Result<RunResult, RunError> {
    let plan = plan(options);
    let admin = driver.admin()?;
    let (control, mut leftovers) = (Control::default(), Leftovers::default());
    let outcome =
        execute(&plan, driver, admin.as_ref(), Surroundings::default(), &control, &mut Silent, &mut leftovers);
    leftovers.remove(admin.as_ref());
    Ok(record(&plan, &outcome?))
}

fn run_with(faults: &[(u64, Fault)], options: &str) -> RunResult {
    run_on(&Scripted::new(1, faults), options).expect("the run ends with a result")
}

/// The exit code, but for a machine too loaded for the generator or the rate to keep up.
fn exit_of(result: &RunResult) -> Exit {
    let mut result = result.clone();
    result.validity.reasons.retain(|reason| reason.kind == "CUT SHORT");
    result.validity.valid = result.validity.reasons.is_empty();
    result.verdict.invalid.clear();
    match crate::command::run::exit_of(&result) {
        Exit::RateNotHeld => Exit::Clean,
        exit => exit,
    }
}

fn failing(result: &RunResult) -> Vec<&str> {
    result.verdict.anomalies.iter().filter(|anomaly| anomaly.failing).map(|anomaly| anomaly.name.as_str()).collect()
}

#[test]
fn a_run_without_faults_is_clean_and_accounts_for_every_message() {
    let result = run_with(&[], "");
    assert_eq!((exit_of(&result), failing(&result)), (Exit::Clean, vec![]), "{:?}", result.verdict);
    assert_eq!((result.totals.due, result.totals.acked, result.totals.warmup_messages), (400, 400, 50));
    assert_eq!(result.totals.groups[0].consumed, 400);
    assert_eq!(result.partitions.iter().map(|partition| partition.messages).sum::<u64>(), 450);
    assert_eq!(result.latencies.intended_to_ack.count, 400);
    assert_eq!(result.series.iter().map(|second| second.due).collect::<Vec<_>>(), [400]);
    assert_eq!(result.totals.groups[0].name, "g0");
    assert!(result.totals.groups[0].group_id.starts_with("loadgen-"));
    assert_eq!(result.latencies.intended_to_consumed[0].latency.count, 400);
}

#[test]
fn no_secret_of_the_command_line_is_in_the_files() {
    let options =
        ["-X sasl.password=hunter2", "-Xssl.key.password=hunter2", "-X=sasl.oauthbearer.client.secret=hunter2"];
    let arguments: Vec<String> =
        options.iter().flat_map(|option| option.split_whitespace()).map(str::to_owned).chain(["-X".into()]).collect();
    let mut plan = plan(&options.join(" "));
    plan.command = arguments;
    plan.command.push("sasl.password = hunter2".into());
    let (driver, control) = (Scripted::new(1, &[]), Control::default());
    let admin = driver.admin().expect("always");
    let outcome = execute(
        &plan,
        &driver,
        admin.as_ref(),
        Surroundings::default(),
        &control,
        &mut Silent,
        &mut Leftovers::default(),
    );
    let result = record(&plan, &outcome.expect("a result"));
    let files = [result.to_json(), reports::render::html(&result)];
    assert!(files.iter().all(|file| file.contains("sasl.password") && !file.contains("hunter2")), "{}", files[0]);
}

#[test]
fn two_groups_of_two_members_each_see_everything() {
    let driver = Scripted::new(2, &[]);
    let result = run_on(&driver, "--groups 2 --consumers 2 --producers 2 --key 20").expect("a result");
    assert_eq!(exit_of(&result), Exit::Clean, "{:?}", result.verdict);
    assert!(result.totals.groups.iter().all(|group| group.consumed == 400));
}

#[test]
fn each_fault_is_named_and_ends_in_the_exit_code_for_anomalies() {
    for (fault, name) in [
        (Fault::Lose, "lost-write"),
        (Fault::Duplicate, "duplicate"),
        (Fault::Corrupt, "corrupt"),
        (Fault::Misplace, "wrong-partition"),
        (Fault::Delay, "nonmonotonic-send"),
        (Fault::WrongOffset, "inconsistent-offsets"),
        (Fault::FailButWrite, "phantom"),
    ] {
        let result = run_with(&[(100, fault.clone())], "");
        assert!(failing(&result).contains(&name), "{fault:?}: {:?}", result.verdict.anomalies);
        assert_eq!(exit_of(&result), Exit::Anomalies, "{fault:?}");
        let found = result.verdict.anomalies.iter().find(|anomaly| anomaly.name == name).expect("found above");
        assert!(found.examples.iter().any(|example| example.first_offset.is_some()), "{fault:?}: {found:?}");
    }
}

#[test]
fn what_was_acknowledged_and_never_read_is_censored() {
    let result = run_with(&[(100, Fault::Lose)], "");
    let consumed = &result.latencies.intended_to_consumed[0].latency;
    assert_eq!((consumed.count, consumed.censored), (399, 1));
    let median = reports::statistics::Distribution::of(consumed).quantile(0.5).expect("messages were read");
    assert!(!median.at_least, "one lost message leaves the median exact");
}

#[test]
fn what_is_delivered_again_is_counted_apart() {
    let driver = Scripted::new(1, &[]).with_rebalance_after(200);
    let result = run_on(&driver, "").expect("a result");
    assert_eq!(exit_of(&result), Exit::Clean, "{:?}", result.verdict);
    let group = &result.totals.groups[0];
    assert_eq!((group.consumed, group.redelivered), (400, 30));
    assert_eq!(result.latencies.intended_to_consumed[0].latency.count, 400);
}

#[test]
fn duplicates_are_only_counted_where_retries_are_not_idempotent() {
    let result = run_with(&[(100, Fault::Duplicate)], "--idempotent false");
    assert!(result.verdict.anomalies.iter().any(|anomaly| anomaly.name == "duplicate" && !anomaly.failing));
    assert_eq!(exit_of(&result), Exit::Clean, "{:?}", result.verdict);
}

#[test]
fn a_failed_message_and_an_unanswered_one_are_counted_and_promise_nothing() {
    let result = run_with(&[(100, Fault::Fail), (200, Fault::Unanswered)], "");
    assert_eq!((result.totals.failed, result.totals.unknown, result.totals.acked), (1, 1, 398));
    assert!(result.verdict.clean, "{:?}", result.verdict);
    assert_eq!(exit_of(&result), Exit::Failed, "the promises are kept, and yet not every message came through");
    let ack = &result.latencies.intended_to_ack;
    // It was due in the middle of the run, and waited out the drain's 300 ms.
    assert!(ack.censored == 1 && ack.censored_from_ns >= Some(300_000_000), "{:?}", ack.censored_from_ns);
}

#[test]
fn a_full_queue_delays_messages_and_drops_none() {
    let result = run_with(&[(100, Fault::QueueFull(5))], "");
    assert_eq!((exit_of(&result), result.totals.acked), (Exit::Clean, 400), "{:?}", result.verdict);
    assert!(result.generator.queue_full_ns > 0);
    assert!(result.generator.max_schedule_lag_ns >= 1_000_000);
}

#[test]
fn what_never_found_room_is_unsent() {
    let result = run_with(&[(300, Fault::QueueFull(u32::MAX))], "");
    assert_eq!(result.totals.due, 400);
    assert_eq!((result.totals.acked, result.totals.failed, result.totals.unsent), (250, 1, 149));
    assert_eq!(result.latencies.intended_to_ack.censored, 149);
    assert_eq!(result.latencies.schedule_lag.censored, 149);
    assert_eq!(result.latencies.intended_to_consumed[0].latency.censored, 149);
    assert_eq!(result.series.iter().map(|second| second.due).sum::<u64>(), 400);
}

#[test]
fn a_refusal_that_every_message_would_meet_ends_the_run() {
    // All of them: more than one may have left before the first refusal is looked at.
    let faults: Vec<_> = (0..450).map(|n| (n, Fault::Refuse(ClientError::MESSAGE_TOO_LARGE))).collect();
    let driver = Scripted::new(1, &faults);
    let text = run_on(&driver, "").expect_err("nothing to report").to_string();
    assert!(text.contains("--size"), "{text}");
}

#[test]
fn not_being_authorised_ends_the_run_in_one_sentence_with_what_to_do() {
    // All of them: more than one may have left before the first comes back.
    let faults: Vec<_> = (0..450).map(|n| (n, Fault::FailWith(ClientError::TOPIC_AUTHORIZATION_FAILED))).collect();
    let driver = Scripted::new(1, &faults);
    let text = run_on(&driver, "").expect_err("nothing to report").to_string();
    assert!(text.contains("grant this user Describe, Write and Read") && text.contains("--topic"), "{text}");
    assert_eq!(driver.deleted_topics().len(), 1, "the run tidies up behind itself all the same");
}

#[test]
fn a_permanent_error_in_the_middle_ends_the_run_at_once_and_keeps_what_was_measured() {
    for code in [
        ClientError::TOPIC_AUTHORIZATION_FAILED,
        ClientError::MESSAGE_TOO_LARGE,
        ClientError::LOCAL_UNKNOWN_TOPIC,
        ClientError::UNSUPPORTED_VERSION,
    ] {
        let driver = Scripted::new(1, &[(200, Fault::FailWith(code))]);
        let result = run_on(&driver, "--messages 100k").expect("what was measured");
        let reports::schema::Ending::Failed { error } = &result.ending else { panic!("{code}: {:?}", result.ending) };
        assert!(error.contains(&format!("({code}); ")), "it says what, and what to do: {error}");
        assert!(result.totals.acked >= 150 && result.totals.due < 100_000, "{code}: {}", result.totals.due);
        assert_eq!(result.totals.due, result.totals.acked + result.totals.failed + result.totals.unsent, "{code}");
        assert!(result.verdict.clean && result.verdict.complete, "{code}: what was sent is read: {:?}", result.verdict);
        assert_eq!(exit_of(&result), Exit::Failed, "{code}");
    }
}

#[test]
fn an_error_that_the_client_tries_again_by_itself_fails_its_message_and_not_the_run() {
    // KAFKA_STORAGE_ERROR of one partition, and a message that timed out.
    let faults = [(150, Fault::FailWith(ClientError::STORAGE)), (200, Fault::FailWith(-192))];
    let result = run_with(&faults, "");
    assert_eq!((result.totals.failed, result.totals.acked), (2, 398));
    assert_eq!((result.ending.clone(), exit_of(&result)), (reports::schema::Ending::Completed, Exit::Failed));
}

#[test]
fn without_acknowledgements_the_drain_waits_for_what_is_still_on_its_way() {
    let result = run_with(&[(448, Fault::Late(5)), (449, Fault::Late(20))], "--acks 0 --drain-timeout 60s");
    assert!(result.verdict.complete && result.verdict.anomalies.is_empty(), "{:?}", result.verdict);
    assert_eq!(result.totals.groups[0].consumed, 400);
}

#[test]
fn without_acknowledgements_others_messages_are_no_sign_that_ours_have_arrived() {
    let driver = Scripted::new(1, &[(449, Fault::Late(20))]).with_existing_topic(3);
    driver.add_foreign(1);
    let result = run_on(&driver, "--acks 0 --drain-timeout 60s --topic shared").expect("a result");
    assert_eq!(result.totals.groups[0].consumed, 400);
    assert!(result.verdict.anomalies.iter().all(|anomaly| anomaly.name == "foreign"), "{:?}", result.verdict);
}

#[test]
fn without_acknowledgements_a_lost_message_is_counted_once_the_drains_time_is_over() {
    let result = run_with(&[(100, Fault::Late(u32::MAX))], "--acks 0");
    assert!(result.verdict.complete && result.verdict.clean, "{:?}", result.verdict);
    assert!(result.verdict.anomalies.iter().any(|anomaly| anomaly.name == "lost-write"), "{:?}", result.verdict);
}

#[test]
fn a_partition_that_the_topic_lacks_ends_the_run_before_it_or_keeps_what_was_measured() {
    let driver = Scripted::new(1, &[]).with_existing_topic(3);
    let text = run_on(&driver, "--topic shared --partitioner explicit:seq/100").expect_err("rehearsed").to_string();
    assert!(text.starts_with("message 300 of producer 0: ") && text.contains("correct --partitioner"), "{text}");
    // Beyond what is rehearsed: the topic has less than the plan knows of.
    let (mut plan, control) = (plan("--messages 1000"), Control::default());
    plan.partitioner = "explicit:seq/100".parse().expect("valid");
    let admin = driver.admin().expect("always");
    let topic = Topic { partitions: 3, created: false, start_offsets: vec![1; 3] };
    let run = Run::new(&plan, &driver, admin.as_ref(), &topic, Surroundings::default(), &control);
    let result = record(&plan, &run.go(&mut Silent).expect("what was measured"));
    let reports::schema::Ending::Failed { error } = &result.ending else { panic!("{:?}", result.ending) };
    assert!(error.contains("the partitioner chose 3, expected 0 to 2"), "{error}");
    assert_eq!((result.totals.due, result.totals.acked, result.totals.groups[0].consumed), (250, 250, 250));
    assert!(result.verdict.clean && result.verdict.complete, "{:?}", result.verdict);
}

#[test]
fn a_topic_that_was_there_is_kept_and_its_messages_are_apart() {
    let driver = Scripted::new(1, &[]).with_existing_topic(3);
    driver.add_foreign(1);
    let result = run_on(&driver, "--topic shared").expect("a result");
    assert_eq!((exit_of(&result), result.totals.groups[0].consumed), (Exit::Clean, 400), "{:?}", result.verdict);
    assert_eq!(driver.deleted_topics(), Vec::<String>::new());
    assert!(!result.plan.topic_created);
}

#[test]
fn a_topic_of_the_runs_own_goes_with_it_unless_it_is_to_stay() {
    let driver = Scripted::new(1, &[]);
    let result = run_on(&driver, "").expect("a result");
    assert_eq!(driver.deleted_topics(), [result.plan.topic]);
    let driver = Scripted::new(1, &[]);
    run_on(&driver, "-b a:1 --keep-topic").expect("a result");
    assert_eq!(driver.deleted_topics(), Vec::<String>::new());
}

#[test]
fn another_number_of_partitions_than_asked_for_is_refused() {
    let driver = Scripted::new(1, &[]).with_existing_topic(4);
    let text = run_on(&driver, "--topic shared").expect_err("refused").to_string();
    assert!(text.contains("has 4 partitions, not 3"), "{text}");
}

#[test]
fn a_cluster_that_no_longer_says_where_it_ends_leaves_the_measurement() {
    let result = run_on(&Scripted::new(1, &[]).without_end_offsets(), "").expect("a result");
    assert_eq!((result.totals.acked, result.verdict.complete), (400, false));
    let reports::schema::Ending::Failed { error } = &result.ending else { panic!("{:?}", result.ending) };
    assert!(error.starts_with("the cluster has not answered since"), "{error}");
    // The window was not cut, and its generator is not to blame.
    let rules: Vec<&str> = result.validity.reasons.iter().map(|reason| reason.rule.as_str()).collect();
    assert_eq!((exit_of(&result), rules), (Exit::Failed, vec!["drain"]));
}

#[test]
fn a_broker_that_ends_in_the_middle_ends_the_run_with_what_was_measured() {
    let mut broker = std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts");
    let surroundings = Surroundings {
        broker_pid: NonZeroI32::new(broker.id() as i32),
        broker_is_own: true,
        ..Surroundings::default()
    };
    let (plan, driver, control) = (plan("--messages 100k"), Scripted::new(1, &[]), Control::default());
    let admin = driver.admin().expect("always");
    let mut killer = KillAfter { broker: &mut broker, messages: 200 };
    let outcome =
        execute(&plan, &driver, admin.as_ref(), surroundings, &control, &mut killer, &mut Leftovers::default());
    broker.wait().expect("it was started here");
    let result = record(&plan, &outcome.expect("a result"));
    assert!(matches!(result.ending, reports::schema::Ending::Failed { .. }));
    assert!(result.totals.acked >= 150 && result.totals.due < 100_000, "{}", result.totals.due);
    assert_eq!(exit_of(&result), Exit::Failed, "{:?}", result.verdict);
}

/// Ends the broker's process once so many messages were acknowledged.
struct KillAfter<'a> {
    broker: &'a mut std::process::Child,
    messages: u64,
}

impl Progress for KillAfter<'_> {
    fn stage(&mut self, _: Stage) {}
    fn tick(&mut self, snapshot: &Snapshot) {
        if snapshot.live.totals.acked >= self.messages {
            self.broker.kill().expect("it was started here");
        }
    }
}

#[test]
fn an_interruption_reports_what_was_measured_so_far() {
    let (plan, driver, control) = (plan("--messages 100k"), Scripted::new(1, &[]), Control::default());
    let admin = driver.admin().expect("always");
    let mut interrupter = InterruptAfter { control: &control, messages: 200 };
    let outcome = execute(
        &plan,
        &driver,
        admin.as_ref(),
        Surroundings::default(),
        &control,
        &mut interrupter,
        &mut Leftovers::default(),
    );
    let result = record(&plan, &outcome.expect("a result"));
    assert_eq!(result.ending, reports::schema::Ending::Interrupted);
    assert!(result.totals.due >= 150 && result.totals.due < 100_000, "{}", result.totals.due);
    assert_eq!(result.totals.due, result.totals.groups[0].consumed);
    assert!(result.verdict.clean && result.verdict.complete);
}

/// Plays the user who interrupts once so many messages were acknowledged.
struct InterruptAfter<'a> {
    control: &'a Control,
    messages: u64,
}

impl Progress for InterruptAfter<'_> {
    fn stage(&mut self, _: Stage) {}
    fn tick(&mut self, snapshot: &Snapshot) {
        if snapshot.live.totals.acked >= self.messages {
            self.control.interrupt();
        }
    }
}

//! The detector under test: fault-free histories are clean, and each kind of fault put between a scripted cluster and
//! the checkers is named, with the exact message.
//!
//! A history is made in three steps, each from a seed: what producers sent and were told, what the log holds, and what
//! the groups' members read of it while partitions move between them. Faults change one of the three.

mod fault;
mod history;
mod scale;

use proptest::prelude::*;

use self::fault::Fault;
use self::history::{History, RUN_ID, Record, SHAPE, Step, Told, record};
use super::*;
use crate::message::{CLIENT_CHOOSES, NO_OFFSET, Outcome, Producer, STAMP_SIZE_BYTES, Stamp};
use crate::workload::random::SplitMix64;

const IN_MEMORY: usize = usize::MAX;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn histories_without_faults_are_clean_whatever_moves_between_members(seed in any::<u64>(), client in any::<bool>()) {
        let history = History::new(seed, RunShape { client_chooses: client, ..SHAPE });
        let mut told = history.told.clone();
        let written: usize = history.log.iter().map(Vec::len).sum();
        let mut verdict = history.read().verdict(IN_MEMORY);
        // Keys wander there: this cluster's own partitioner takes no notice of them.
        verdict.findings.retain(|finding| !(client && finding.anomaly == Anomaly::WrongPartition));
        prop_assert!(verdict.is_clean() && verdict.findings.is_empty(), "{verdict:#?}");
        prop_assert_eq!(verdict.producers.due, told.len() as u64);
        told.retain(|told| matches!(told.outcome, Outcome::Acked { .. }));
        prop_assert_eq!(verdict.producers.acked, told.len() as u64);
        prop_assert!(verdict.groups.iter().all(|group| group.distinct == written as u64));
    }

    #[test]
    fn every_single_fault_is_named(seed in any::<u64>(), fault in proptest::sample::select(&Fault::ALL[..])) {
        let history = fault.inject(seed);
        prop_assume!(history.is_some());
        let verdict = history.unwrap().verdict(IN_MEMORY);
        prop_assert!(!verdict.is_clean() && verdict.adds_up());
        for anomaly in fault.names() {
            prop_assert!(verdict.finding(*anomaly).is_some(), "{fault:?} without {anomaly}: {verdict:#?}");
        }
        for finding in &verdict.findings {
            let mut names = fault.names().iter().chain(fault.may_name());
            prop_assert!(names.any(|name| *name == finding.anomaly), "{fault:?} called {}: {verdict:#?}", finding.anomaly);
        }
    }

    #[test]
    fn spilling_changes_no_verdict(seed in any::<u64>(), fault in proptest::sample::select(&Fault::ALL[..])) {
        let histories = (fault.inject(seed), fault.inject(seed));
        prop_assume!(histories.0.is_some());
        let (in_memory, spilled) = (histories.0.unwrap().verdict(IN_MEMORY), histories.1.unwrap().verdict(0));
        let counts = |verdict: &Verdict| verdict.findings.iter().map(|f| (f.anomaly, f.count)).collect::<Vec<_>>();
        prop_assert_eq!((counts(&in_memory), in_memory.groups), (counts(&spilled), spilled.groups));
    }
}

#[test]
fn a_message_without_an_offset_of_its_own_is_cleared_by_one_that_was_acknowledged_elsewhere() {
    // A seed under which the lie is read before the message whose place it takes, which was never acknowledged.
    let history = Fault::ReadOffsetLie.inject(12_310_499_502_220_431_784).expect("the fault fits");
    let verdict = history.verdict(IN_MEMORY);
    assert_eq!(verdict.finding(Anomaly::InconsistentOffsets).map(|finding| finding.count), Some(1));
}

/// A history of one producer, one partition, one group and one member: four messages, acknowledged at 10 to 13.
fn four(reads: &[(u64, i64)]) -> Verdict {
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 1, groups: 1, client_chooses: false };
    let told = (0..4).map(|sequence| {
        let outcome = Outcome::Acked { partition: 0, offset: 10 + sequence as i64 };
        Told { producer: 0, lane: 0, sequence, outcome }
    });
    let reads = reads.iter().map(|(sequence, offset)| (0, Step::Read(0, record(0, 0, *sequence, *offset))));
    let reads = vec![[(0, Step::Assigned(0, 10))].into_iter().chain(reads).collect()];
    let random = SplitMix64::new(1, 1);
    History { shape, random, told: told.collect(), log: vec![Vec::new()], reads }.verdict(IN_MEMORY)
}

fn found(verdict: &Verdict) -> Vec<(Anomaly, u64)> {
    verdict.findings.iter().map(|finding| (finding.anomaly, finding.count)).collect()
}

#[test]
fn a_lost_message_is_named_by_producer_partition_sequence_and_offset() {
    let verdict = four(&[(0, 10), (2, 12), (3, 13)]);
    assert_eq!(found(&verdict), [(Anomaly::LostWrite, 1), (Anomaly::PollSkip, 1)]);
    let lost = &verdict.finding(Anomaly::LostWrite).unwrap().examples[0];
    assert_eq!(lost.to_string(), "producer 0 sequence 1 partition 0 offset 11 in group 0");
    let skip = &verdict.finding(Anomaly::PollSkip).unwrap().examples[0];
    assert_eq!(skip.to_string(), "partition 0 offset 12 (expected offset 11) in group 0");
}

#[test]
fn a_retry_that_was_written_twice_is_a_duplicate_and_nothing_else_whichever_copy_was_acknowledged() {
    let last_acked = four(&[(0, 8), (1, 9), (0, 10), (1, 11), (2, 12), (3, 13)]);
    assert_eq!(found(&last_acked), [(Anomaly::Duplicate, 2), (Anomaly::NonmonotonicPoll, 2)]);
    let first_acked = four(&[(0, 10), (1, 11), (2, 12), (3, 13), (1, 14), (2, 15)]);
    assert_eq!(found(&first_acked), [(Anomaly::Duplicate, 2)]);
}

#[test]
fn messages_that_changed_places_in_the_log_are_out_of_order_and_not_where_they_were_acknowledged() {
    let verdict = four(&[(0, 10), (2, 11), (1, 12), (3, 13)]);
    assert_eq!(found(&verdict), [(Anomaly::InconsistentOffsets, 2), (Anomaly::NonmonotonicSend, 1)]);
    let late = &verdict.finding(Anomaly::NonmonotonicSend).unwrap().examples[0];
    assert_eq!(late.to_string(), "producer 0 sequence 1 partition 0 offset 12 in group 0");
}

#[test]
fn messages_handed_over_out_of_order_are_a_nonmonotonic_poll() {
    let verdict = four(&[(0, 10), (2, 12), (1, 11), (3, 13)]);
    assert_eq!(found(&verdict), [(Anomaly::NonmonotonicPoll, 1), (Anomaly::PollSkip, 1)]);
}

#[test]
fn messages_at_the_end_that_nobody_read_are_unseen_and_not_lost() {
    let verdict = four(&[(0, 10), (1, 11)]);
    assert_eq!(found(&verdict), [(Anomaly::Unseen, 2)]);
    assert_eq!(verdict.findings[0].examples[0].offset, Some(12));
}

#[test]
fn without_offsets_in_acknowledgements_messages_are_still_accounted_for() {
    let told = (0..5).map(|sequence| {
        let outcome = Outcome::Acked { partition: 0, offset: NO_OFFSET };
        Told { producer: 0, lane: 0, sequence, outcome }
    });
    let reads = (0..4).map(|sequence| (0, Step::Read(0, record(0, 0, sequence, 100 + sequence as i64))));
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 1, groups: 1, client_chooses: false };
    let random = SplitMix64::new(1, 1);
    let history = History { shape, random, told: told.collect(), log: vec![Vec::new()], reads: vec![reads.collect()] };
    assert_eq!(found(&history.verdict(IN_MEMORY)), [(Anomaly::LostWrite, 1)]);
}

#[test]
fn what_is_read_is_freed_as_soon_as_every_group_has_it() {
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 1, groups: 2, client_chooses: false };
    let mut ledger = Ledger::new(Producer { run_id: RUN_ID, index: 0, epoch: 0 }, shape);
    let mut checkers = [Checker::new(0, shape), Checker::new(1, shape)];
    let mut reconciler = Reconciler::new(shape);
    for sequence in 0..1000u64 {
        let offset = 3 * sequence as i64;
        ledger.submitted();
        ledger.settle(0, sequence, Outcome::Acked { partition: 0, offset });
        let Record { key, value, .. } = record(0, 0, sequence, offset);
        let read = Consumed { partition: 0, offset, key: Some(&key), value: &value, stamp_header: None };
        checkers.iter_mut().for_each(|checker| assert!(matches!(checker.check(read), Sighting::Ours(_))));
    }
    reconciler.accept(ledger.take_evidence()).unwrap();
    reconciler.accept(checkers[0].take_evidence()).unwrap();
    assert_eq!(reconciler.waiting_runs(), 1000);
    reconciler.accept(checkers[1].take_evidence()).unwrap();
    assert_eq!(reconciler.waiting_runs(), 0);
}

#[test]
fn where_the_client_chooses_a_key_in_two_partitions_is_noticed_across_members() {
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 2, groups: 1, client_chooses: true };
    let mut reconciler = Reconciler::new(shape);
    for partition in 0..2 {
        let mut checker = Checker::new(0, shape);
        let Record { key, value, .. } = record(0, CLIENT_CHOOSES, 7 * partition as u64, 0);
        checker.check(Consumed { partition, offset: 0, key: Some(&key), value: &value, stamp_header: None });
        reconciler.accept(checker.take_evidence()).unwrap();
    }
    let verdict = reconciler.finish(&Expectations::strict()).unwrap();
    assert_eq!(verdict.finding(Anomaly::WrongPartition).map(|finding| finding.count), Some(1));
}

#[test]
fn where_the_client_chooses_an_empty_key_may_be_anywhere() {
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 2, groups: 1, client_chooses: true };
    let mut checker = Checker::new(0, shape);
    for partition in 0..2 {
        let mut value = vec![b'v'; STAMP_SIZE_BYTES];
        let producer = Producer { run_id: RUN_ID, index: 0, epoch: 0 };
        let sequence = partition as u64;
        let stamp = Stamp { producer, partition: CLIENT_CHOOSES, sequence, intended_ns: 1, clock_domain: 2 };
        assert!(stamp.encode_into(Some(b""), &mut value));
        let read = Consumed { partition, offset: 0, key: Some(b""), value: &value, stamp_header: None };
        assert!(matches!(checker.check(read), Sighting::Ours(_)));
    }
    let Evidence::Checker(evidence) = checker.take_evidence() else { panic!("a checker's evidence") };
    assert!(evidence.findings.judge(&Expectations::strict()).is_empty());
}

#[test]
fn messages_that_changed_places_where_a_partition_changed_hands_are_out_of_order() {
    let shape = RunShape { run_id: RUN_ID, producers: 1, partitions: 1, groups: 1, client_chooses: false };
    for members in [[0, 1], [1, 0]] {
        let mut checkers = [Checker::new(0, shape), Checker::new(0, shape)];
        for (member, sequence, offset) in [(0, 0, 0), (0, 2, 1), (1, 1, 2), (1, 3, 3)] {
            let Record { key, value, .. } = record(0, 0, sequence, offset);
            let read = Consumed { partition: 0, offset, key: Some(&key), value: &value, stamp_header: None };
            checkers[member].check(read);
        }
        let mut reconciler = Reconciler::new(shape);
        for member in members {
            reconciler.accept(checkers[member].take_evidence()).unwrap();
        }
        let verdict = reconciler.finish(&Expectations::strict()).unwrap();
        assert_eq!(verdict.finding(Anomaly::NonmonotonicSend).map(|finding| finding.count), Some(1), "{members:?}");
    }
}

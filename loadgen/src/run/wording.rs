//! Anomalies and promises in words.

use crate::verify::{Acks, Anomaly, Promises};

/// What an anomaly means, in one sentence.
pub(super) fn meaning(anomaly: Anomaly) -> &'static str {
    match anomaly {
        Anomaly::LostWrite => "a group read past the offset of an acknowledged message without seeing it",
        Anomaly::Corrupt => "a message came back with other bytes than were sent",
        Anomaly::WrongPartition => {
            "a message is in another partition than the one chosen, or a key is in two partitions"
        }
        Anomaly::InconsistentOffsets => {
            "a message is not at the offset it was acknowledged with, or an offset held two messages"
        }
        Anomaly::Duplicate => "one message stands at two offsets",
        Anomaly::NonmonotonicSend => "a producer's later message stands before its earlier one",
        Anomaly::NonmonotonicPoll => "a consumer's offsets went back within an assignment",
        Anomaly::PollSkip => "a consumer's offsets jumped within an assignment",
        Anomaly::Phantom => "a message was read that had failed, or that was never sent",
        Anomaly::Unseen => "a group never read as far as an acknowledged message",
        Anomaly::Foreign => "messages of other programs, or of other runs, are in the topic",
    }
}

/// What the settings promise, one sentence each.
pub(super) fn promised(promises: &Promises) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.push(match promises.acks {
        Acks::All => "acks=all: nothing acknowledged is lost",
        Acks::Leader => "acks=1: nothing acknowledged is lost while the leader lives",
        Acks::None => "acks=0: messages may be lost, which is only counted",
    });
    sentences.push(match (promises.idempotent, promises.retries, promises.pipelined) {
        (true, _, _) => "idempotent: no duplicates, and order is kept within a partition",
        (false, false, _) => "no retries: no duplicates, and order is kept within a partition",
        (false, true, false) => "retries without idempotence: duplicates are only counted",
        (false, true, true) => "retries without idempotence: duplicates and changes of order are only counted",
    });
    if !promises.key_decides {
        sentences.push("partitioner=random: one key in several partitions is only counted");
    }
    sentences.push(if promises.own_topic {
        "a topic of the run's own: every offset belongs to a message of the run"
    } else {
        "a shared topic: other messages in it are only counted"
    });
    sentences.into_iter().map(str::to_owned).collect()
}

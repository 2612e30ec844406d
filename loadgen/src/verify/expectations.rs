//! What the settings promise: which anomalies fail a run, and which are only counted.

use super::verdict::Anomaly;

/// `acks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// 0: no acknowledgement.
    None,
    /// 1: the leader's.
    Leader,
    /// all: every in-sync replica's.
    All,
}

/// The settings that bear on what may happen to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promises {
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`.
    pub idempotent: bool,
    /// Whether the client sends again after an error (`retries` above 0).
    pub retries: bool,
    /// `max.in.flight.requests.per.connection` above 1.
    pub pipelined: bool,
    /// Whether a key decides its message's partition; not so with librdkafka's `partitioner=random`.
    pub key_decides: bool,
    /// Whether the run made the topic, so that nobody else writes to it and its offsets have no gaps.
    pub own_topic: bool,
    /// Whether the run read on until the end offsets; cut short, unseen messages are only counted.
    pub drained: bool,
}

/// What an anomaly does to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It fails the run.
    Fails,
    /// The settings allow it: it is counted.
    Counted,
}

/// A treatment for every anomaly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectations {
    treatments: [Treatment; Anomaly::ALL.len()],
}

impl Expectations {
    /// What these settings promise.
    ///
    /// - `acks=0` promises nothing about arrival: lost and unseen messages are counted.
    /// - Retries without idempotence may write a message twice; with several requests in flight also out of order.
    /// - Where the key does not decide the partition, one key may be in several.
    /// - In a topic that others may write to, foreign messages are counted, and so are gaps between offsets, which
    ///   compaction and transactions leave.
    /// - A run that was cut short has unseen messages.
    pub fn of(promises: &Promises) -> Expectations {
        let mut expectations = Expectations::strict();
        if promises.acks == Acks::None {
            expectations.allow(Anomaly::LostWrite);
            expectations.allow(Anomaly::Unseen);
        }
        if promises.retries && !promises.idempotent {
            expectations.allow(Anomaly::Duplicate);
            if promises.pipelined {
                expectations.allow(Anomaly::NonmonotonicSend);
            }
        }
        if !promises.key_decides {
            expectations.allow(Anomaly::WrongPartition);
        }
        if !promises.own_topic {
            expectations.allow(Anomaly::Foreign);
            expectations.allow(Anomaly::PollSkip);
        }
        if !promises.drained {
            expectations.allow(Anomaly::Unseen);
        }
        expectations
    }

    /// Every anomaly fails the run.
    pub fn strict() -> Expectations {
        Expectations { treatments: [Treatment::Fails; Anomaly::ALL.len()] }
    }

    /// From now on the anomaly is only counted.
    fn allow(&mut self, anomaly: Anomaly) {
        self.treatments[anomaly as usize] = Treatment::Counted;
    }

    /// How an anomaly is treated.
    pub fn treatment(&self, anomaly: Anomaly) -> Treatment {
        self.treatments[anomaly as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAFEST: Promises = Promises {
        acks: Acks::All,
        idempotent: true,
        retries: true,
        pipelined: true,
        key_decides: true,
        own_topic: true,
        drained: true,
    };

    fn allowed(promises: Promises) -> Vec<Anomaly> {
        let expectations = Expectations::of(&promises);
        Anomaly::ALL.into_iter().filter(|anomaly| expectations.treatment(*anomaly) == Treatment::Counted).collect()
    }

    #[test]
    fn the_safest_settings_allow_nothing() {
        assert_eq!(allowed(SAFEST), []);
    }

    #[test]
    fn each_weaker_setting_allows_what_it_may_cause() {
        use Anomaly::*;
        assert_eq!(allowed(Promises { acks: Acks::None, ..SAFEST }), [LostWrite, Unseen]);
        assert_eq!(allowed(Promises { idempotent: false, ..SAFEST }), [Duplicate, NonmonotonicSend]);
        assert_eq!(allowed(Promises { idempotent: false, pipelined: false, ..SAFEST }), [Duplicate]);
        assert_eq!(allowed(Promises { idempotent: false, retries: false, ..SAFEST }), []);
        assert_eq!(allowed(Promises { key_decides: false, ..SAFEST }), [WrongPartition]);
        assert_eq!(allowed(Promises { own_topic: false, ..SAFEST }), [PollSkip, Foreign]);
        assert_eq!(allowed(Promises { drained: false, ..SAFEST }), [Unseen]);
    }
}

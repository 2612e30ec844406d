//! What the settings promise: which anomalies fail a run.

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
pub struct Expectations {}

impl Expectations {
    /// What these settings promise.
    pub fn of(_promises: &Promises) -> Expectations {
        panic!("being built")
    }

    /// How an anomaly is treated.
    pub fn treatment(&self, _anomaly: Anomaly) -> Treatment {
        panic!("being built")
    }
}

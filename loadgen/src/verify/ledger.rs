//! What became of one producer's messages.

use super::RunShape;
use super::reconciler::Evidence;
use super::verdict::ProducerTally;
use crate::message::{Outcome, Producer};

/// One producer's record of outcomes; owned by the worker's thread.
#[derive(Debug)]
pub struct Ledger {}

impl Ledger {
    /// An empty ledger.
    pub fn new(_producer: Producer, _shape: RunShape) -> Ledger {
        panic!("being built")
    }

    /// Notes that a message was handed to the client (`partition` as composed, maybe `CLIENT_CHOOSES`).
    pub fn submitted(&mut self, _partition: i32, _sequence: u64) {
        panic!("being built")
    }

    /// Notes what became of a submitted message.
    pub fn settle(&mut self, _partition: i32, _sequence: u64, _outcome: Outcome) {
        panic!("being built")
    }

    /// Notes messages that were due and never handed to the client.
    pub fn unsent(&mut self, _messages: u64) {
        panic!("being built")
    }

    /// Counts so far.
    pub fn tally(&self) -> ProducerTally {
        panic!("being built")
    }

    /// Messages acknowledged in each partition.
    pub fn acked_by_partition(&self) -> &[u64] {
        panic!("being built")
    }

    /// Hands over what was noted since the last time: about once a second, and at the end.
    pub fn take_evidence(&mut self) -> Evidence {
        panic!("being built")
    }
}

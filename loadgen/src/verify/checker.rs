//! What one consumer read, checked message by message.

use super::RunShape;
use super::reconciler::Evidence;
use super::verdict::GroupTally;
use crate::message::Stamp;

/// A consumed record.
#[derive(Debug, Clone, Copy)]
pub struct Consumed<'a> {
    /// The partition it was read from.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value (empty where null).
    pub value: &'a [u8],
    /// The value of its record header [`crate::message::STAMP_HEADER`].
    pub stamp_header: Option<&'a [u8]>,
}

/// What a consumed record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// A message of this run, intact; it may still be a duplicate or out of order.
    Ours(Stamp),
    /// A message of this run's, damaged.
    Corrupt,
    /// Another program's, or another run's.
    Foreign,
}

/// One consumer's checks; owned by the worker's thread.
#[derive(Debug)]
pub struct Checker {}

impl Checker {
    /// A checker for a member of `group` (an index below the shape's `groups`).
    pub fn new(_group: u16, _shape: RunShape) -> Checker {
        panic!("being built")
    }

    /// The partition was assigned to this member, which reads on from `position` (the group's committed offset, or
    /// where the run begins) where that is known.
    pub fn assigned(&mut self, _partition: i32, _position: Option<i64>) {
        panic!("being built")
    }

    /// The partition was taken from this member.
    pub fn revoked(&mut self, _partition: i32) {
        panic!("being built")
    }

    /// Checks one record.
    pub fn check(&mut self, _record: Consumed<'_>) -> Sighting {
        panic!("being built")
    }

    /// Counts so far of this member (redelivered and duplicates are known to the reconciler alone).
    pub fn tally(&self) -> GroupTally {
        panic!("being built")
    }

    /// Hands over what was noted since the last time: about once a second, and at the end.
    pub fn take_evidence(&mut self) -> Evidence {
        panic!("being built")
    }
}

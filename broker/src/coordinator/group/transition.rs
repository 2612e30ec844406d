//! What goes into a step of a group's state machine, and what comes out of it.

use bytes::Bytes;

use super::member::{Member, MemberId};
use super::{Joined, Synced};
use crate::coordinator::records::Record;
use crate::coordinator::{GroupError, GroupSettings, JoinRefused};

/// The two clocks at the moment of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since the Unix epoch; what goes into records.
    pub wall_ms: i64,
    /// For time-outs; never goes back.
    pub monotonic_ms: i64,
}

/// Stands for a client that waits. Every token given to a group is answered by exactly one [`Reply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyToken(pub u64);

/// The answer to a waiting join or sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To a join.
    Join(ReplyToken, Result<Joined, JoinRefused>),
    /// To a sync.
    Sync(ReplyToken, Result<Synced, GroupError>),
}

/// How the step goes on once its records are in the log, or could not be put there:
/// [`Group::appended`](super::Group::appended) takes it.
#[derive(Debug, Clone)]
pub enum AfterAppend {
    /// Hand the leader's assignments to the members of the generation.
    Assign {
        /// The generation they were made for.
        generation_id: i32,
        /// One for each member.
        assignments: Vec<(MemberId, Bytes)>,
    },
    /// Tell a static member that it has taken over from its predecessor, or undo that.
    Replace {
        /// The predecessor, as it was.
        predecessor: Box<Member>,
        /// The new id.
        successor: MemberId,
        /// The leader before the replacement.
        leader_before: String,
        /// See [`JoinRequest::supports_skip_assignment`](super::JoinRequest::supports_skip_assignment).
        supports_skip_assignment: bool,
    },
}

/// One step: the settings and the time it happens at, and its effects.
#[derive(Debug)]
pub struct Transition<'a> {
    /// Settings in force.
    pub settings: &'a GroupSettings,
    /// When the step happens.
    pub now: Now,
    /// To be appended before anything else.
    pub records: Vec<Record>,
    /// How to go on after the append.
    pub after_append: Option<AfterAppend>,
    /// To be released after the append, whatever became of it.
    pub replies: Vec<Reply>,
    /// The earliest deadline that the step has set; the group wants to be stepped then
    /// ([`Group::expire`](super::Group::expire)). Deadlines may move later without notice.
    pub wake_at_ms: Option<i64>,
}

impl<'a> Transition<'a> {
    /// A step without effects yet.
    pub fn new(settings: &'a GroupSettings, now: Now) -> Self {
        Self { settings, now, records: Vec::new(), after_append: None, replies: Vec::new(), wake_at_ms: None }
    }

    /// The monotonic time `timeout_ms` from now, noted as one to wake at.
    pub(super) fn deadline_in(&mut self, timeout_ms: i32) -> i64 {
        let deadline_ms = self.now.monotonic_ms.saturating_add(i64::from(timeout_ms.max(0)));
        self.wake_at_ms = Some(self.wake_at_ms.map_or(deadline_ms, |earlier| earlier.min(deadline_ms)));
        deadline_ms
    }

    pub(super) fn reply_join(&mut self, token: ReplyToken, joined: Joined) {
        self.replies.push(Reply::Join(token, Ok(joined)));
    }

    pub(super) fn refuse_join(&mut self, token: ReplyToken, member_id: &str, error: GroupError) {
        self.replies.push(Reply::Join(token, Err(JoinRefused { member_id: member_id.to_owned(), error })));
    }

    pub(super) fn reply_sync(&mut self, token: ReplyToken, synced: Result<Synced, GroupError>) {
        self.replies.push(Reply::Sync(token, synced));
    }
}

//! The classic protocol, case by case; generated histories are in [`histories`].

mod histories;

use std::collections::BTreeMap;

use bytes::Bytes;
use uuid::Uuid;

use super::*;
use crate::coordinator::records::Record;
use crate::coordinator::{GroupSettings, JoinRefused};

/// A group with its clock, its log, and the replies it has given.
struct Sim {
    group: Group,
    settings: GroupSettings,
    now_ms: i64,
    log: Vec<Record>,
    log_is_broken: bool,
    replies: BTreeMap<ReplyToken, Reply>,
    tokens: u64,
}

impl Sim {
    fn new(initial_rebalance_delay_ms: i32) -> Self {
        let settings = GroupSettings { initial_rebalance_delay_ms, ..GroupSettings::default() };
        let now = Now { wall_ms: 1_000, monotonic_ms: 1_000 };
        Self {
            group: Group::new("g".into(), now),
            settings,
            now_ms: 1_000,
            log: Vec::new(),
            log_is_broken: false,
            replies: BTreeMap::new(),
            tokens: 0,
        }
    }

    fn now(&self) -> Now {
        Now { wall_ms: self.now_ms, monotonic_ms: self.now_ms }
    }

    fn step<R>(&mut self, work: impl FnOnce(&mut Group, &mut Transition<'_>) -> R) -> R {
        let settings = self.settings.clone();
        let mut t = Transition::new(&settings, self.now());
        let result = work(&mut self.group, &mut t);
        loop {
            let appended = if self.log_is_broken { Err(GroupError::NotAvailable) } else { Ok(()) };
            if !self.log_is_broken {
                self.log.append(&mut t.records);
            }
            for reply in t.replies.drain(..) {
                let (Reply::Join(token, _) | Reply::Sync(token, _)) = &reply;
                assert!(token.0 <= self.tokens, "a reply to nobody: {reply:?}");
                assert!(self.replies.insert(*token, reply).is_none(), "answered twice");
            }
            let Some(after) = t.after_append.take() else { break };
            t = Transition::new(&settings, self.now());
            self.group.appended(after, appended, &mut t);
        }
        result
    }

    fn token(&mut self) -> ReplyToken {
        self.tokens += 1;
        ReplyToken(self.tokens)
    }

    fn join(&mut self, request: JoinRequest) -> ReplyToken {
        let token = self.token();
        let fresh_id = Uuid::from_u128(u128::from(token.0));
        self.step(|group, t| group.join(request, fresh_id, token, t));
        token
    }

    fn sync(&mut self, request: SyncRequest) -> ReplyToken {
        let token = self.token();
        self.step(|group, t| group.sync(request, token, t));
        token
    }

    /// The leader syncs with an assignment for each member, which names the member's instance or id.
    fn lead(&mut self, joined: &Joined) -> ReplyToken {
        let assign = |member: &JoinedMember| {
            let label = member.group_instance_id.as_ref().unwrap_or(&member.member_id);
            (member.member_id.clone(), Bytes::from(format!("{}:{label}", joined.generation_id)))
        };
        let assignments = joined.members.iter().map(assign).collect();
        self.sync(SyncRequest { assignments, ..sync_of(joined) })
    }

    fn advance(&mut self, by_ms: i64) -> Option<i64> {
        self.now_ms += by_ms;
        self.step(|group, t| group.expire(t))
    }

    fn heartbeat(&mut self, joined: &Joined) -> Result<(), GroupError> {
        let now = self.now();
        self.group.heartbeat(
            HeartbeatRequest {
                group_id: "g",
                member_id: &joined.member_id,
                group_instance_id: None,
                generation_id: joined.generation_id,
            },
            now,
        )
    }

    fn is_waiting(&self, token: ReplyToken) -> bool {
        !self.replies.contains_key(&token)
    }

    fn joined(&self, token: ReplyToken) -> Joined {
        match self.replies.get(&token) {
            Some(Reply::Join(_, Ok(joined))) => joined.clone(),
            other => panic!("not joined: {other:?}"),
        }
    }

    fn join_refused(&self, token: ReplyToken) -> JoinRefused {
        match self.replies.get(&token) {
            Some(Reply::Join(_, Err(refused))) => refused.clone(),
            other => panic!("not refused: {other:?}"),
        }
    }

    fn synced(&self, token: ReplyToken) -> Result<Bytes, GroupError> {
        match self.replies.get(&token) {
            Some(Reply::Sync(_, synced)) => synced.clone().map(|synced| synced.assignment),
            other => panic!("not synced: {other:?}"),
        }
    }

    /// A stable group of these members, the first of which leads.
    fn stable(initial: Vec<JoinRequest>) -> (Self, Vec<Joined>) {
        let mut sim = Sim::new(10);
        let tokens: Vec<_> = initial.into_iter().map(|request| sim.join(request)).collect();
        while sim.is_waiting(tokens[0]) {
            sim.advance(10);
        }
        let mut joined: Vec<_> = tokens.into_iter().map(|token| sim.joined(token)).collect();
        joined.sort_by_key(|joined| joined.members.is_empty());
        for joined in joined.iter().rev() {
            let token = sim.lead(joined);
            assert_eq!(sim.is_waiting(token), joined.members.is_empty());
        }
        assert_eq!(sim.group.state(), GroupState::Stable);
        (sim, joined)
    }
}

fn new_member() -> JoinRequest {
    JoinRequest {
        group_id: "g".to_owned(),
        member_id: String::new(),
        group_instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: protocols(&["range"]),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        requires_known_member_id: false,
        supports_skip_assignment: true,
        reason: None,
    }
}

fn protocols(names: &[&str]) -> Vec<Protocol> {
    let protocol = |name: &&str| Protocol { name: (*name).to_owned(), metadata: Bytes::from_static(b"\0\0\0\0\0\0") };
    names.iter().map(protocol).collect()
}

fn member(joined: &Joined) -> JoinRequest {
    JoinRequest { member_id: joined.member_id.clone(), ..new_member() }
}

fn static_member(instance_id: &str) -> JoinRequest {
    JoinRequest { group_instance_id: Some(instance_id.to_owned()), ..new_member() }
}

fn sync_of(joined: &Joined) -> SyncRequest {
    SyncRequest {
        group_id: "g".to_owned(),
        member_id: joined.member_id.clone(),
        group_instance_id: None,
        generation_id: joined.generation_id,
        protocol_type: None,
        protocol_name: None,
        assignments: Vec::new(),
    }
}

fn leaving(member_id: &str, group_instance_id: Option<&str>) -> Vec<LeavingMember> {
    let group_instance_id = group_instance_id.map(str::to_owned);
    vec![LeavingMember { member_id: member_id.to_owned(), group_instance_id, reason: None }]
}

#[test]
fn a_new_member_is_given_an_id_first_and_holds_up_the_rebalance_until_it_uses_it() {
    let (mut sim, joined) = Sim::stable(vec![new_member()]);
    let given = sim.join(JoinRequest { requires_known_member_id: true, ..new_member() });
    let given = sim.join_refused(given);
    assert_eq!(given.error, GroupError::MemberIdRequired);
    assert!(given.member_id.starts_with("client-"));
    assert_eq!(sim.heartbeat(&joined[0]), Ok(()), "an id alone does not disturb the group");

    let leader = sim.join(member(&joined[0]));
    assert!(sim.is_waiting(leader));
    let second = sim.join(JoinRequest { member_id: given.member_id.clone(), ..new_member() });
    assert_eq!(sim.joined(second).member_id, given.member_id);
    assert_eq!(sim.joined(leader).members.len(), 2);
}

#[test]
fn an_id_that_is_never_used_expires_and_the_rebalance_goes_on() {
    let (mut sim, joined) = Sim::stable(vec![new_member()]);
    sim.join(JoinRequest { requires_known_member_id: true, ..new_member() });
    let leader = sim.join(member(&joined[0]));
    sim.advance(9_999);
    assert!(sim.is_waiting(leader));
    sim.advance(1);
    assert_eq!(sim.joined(leader).generation_id, 2);
}

#[test]
fn the_first_generation_waits_for_more_members_but_no_longer_than_the_rebalance_timeout() {
    let mut sim = Sim::new(3_000);
    let request = || JoinRequest { rebalance_timeout_ms: 7_000, ..new_member() };
    let first = sim.join(request());
    for _ in 0..2 {
        sim.advance(2_000);
        sim.join(request());
        sim.advance(1_000);
        assert!(sim.is_waiting(first), "somebody joined, so it waits on");
    }
    sim.join(request());
    assert_eq!(sim.advance(999), Some(sim.now_ms + 1), "7 s at most");
    assert!(sim.is_waiting(first));
    sim.advance(1);
    assert_eq!(sim.joined(first).generation_id, 1);
    let replies = sim.replies.values();
    let told_all = replies.filter(|reply| matches!(reply, Reply::Join(_, Ok(joined)) if joined.members.len() == 4));
    assert_eq!(told_all.count(), 1, "only the leader is told of the four members");
}

#[test]
fn without_a_delay_the_first_generation_begins_at_once() {
    let mut sim = Sim::new(0);
    let token = sim.join(new_member());
    assert_eq!(sim.joined(token).generation_id, 1);
}

#[test]
fn only_a_change_makes_a_rejoining_follower_rebalance_the_group() {
    let (mut sim, joined) = Sim::stable(vec![new_member(), new_member()]);
    let follower = sim.join(member(&joined[1]));
    assert_eq!(sim.joined(follower), joined[1]);
    let changed = sim.join(JoinRequest { protocols: protocols(&["range", "sticky"]), ..member(&joined[1]) });
    assert!(sim.is_waiting(changed));
    assert_eq!(sim.heartbeat(&joined[0]), Err(GroupError::RebalanceInProgress));
    let leader = sim.join(member(&joined[0]));
    assert_eq!((sim.joined(leader).generation_id, sim.joined(changed).generation_id), (2, 2));
}

#[test]
fn a_leader_that_rejoins_rebalances_the_group() {
    let (mut sim, joined) = Sim::stable(vec![new_member(), new_member()]);
    let leader = sim.join(member(&joined[0]));
    assert!(sim.is_waiting(leader));
    assert_eq!(sim.group.state(), GroupState::PreparingRebalance);
}

#[test]
fn members_that_do_not_rejoin_in_time_are_dropped() {
    let (mut sim, joined) = Sim::stable(vec![new_member(), new_member()]);
    let follower = sim.join(JoinRequest { protocols: protocols(&["range", "sticky"]), ..member(&joined[1]) });
    for _ in 0..7 {
        sim.advance(8_000);
        assert_eq!(sim.heartbeat(&joined[0]), Err(GroupError::RebalanceInProgress));
    }
    sim.advance(4_000);
    let alone = sim.joined(follower);
    assert_eq!((alone.generation_id, alone.members.len()), (2, 1));
    assert_eq!(alone.leader, alone.member_id);
    assert_eq!(sim.heartbeat(&joined[0]), Err(GroupError::UnknownMemberId));
}

#[test]
fn members_that_do_not_sync_in_time_are_dropped() {
    let (mut sim, joined) = Sim::stable(vec![new_member(), new_member()]);
    let leader = sim.join(member(&joined[0]));
    let follower = sim.join(member(&joined[1]));
    let (leader, follower) = (sim.joined(leader), sim.joined(follower));
    let waiting = sim.sync(sync_of(&follower));
    for _ in 0..7 {
        sim.advance(8_000);
        assert_eq!(sim.heartbeat(&leader), Ok(()));
    }
    assert!(sim.is_waiting(waiting));
    sim.advance(4_000);
    assert_eq!(sim.synced(waiting), Err(GroupError::RebalanceInProgress));
    assert_eq!(sim.heartbeat(&leader), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_rebalance_sends_those_who_wait_for_an_assignment_to_join_again() {
    let (mut sim, joined) = Sim::stable(vec![new_member(), new_member()]);
    let leader = sim.join(member(&joined[0]));
    let follower = sim.join(member(&joined[1]));
    let waiting = sim.sync(sync_of(&sim.joined(follower)));
    let leader = sim.joined(leader);
    sim.step(|group, t| group.leave(leaving(&leader.member_id, None), t));
    assert_eq!(sim.synced(waiting), Err(GroupError::RebalanceInProgress));
}

#[test]
fn a_sync_must_be_of_this_generation_and_protocol() {
    let (mut sim, joined) = Sim::stable(vec![new_member()]);
    let mut refusal = |request: SyncRequest| {
        let token = sim.sync(request);
        sim.synced(token)
    };
    let of = || sync_of(&joined[0]);
    let wrong_generation = refusal(SyncRequest { generation_id: 9, ..of() });
    assert_eq!(wrong_generation, Err(GroupError::IllegalGeneration { got: 9, expected: 1 }));
    let stranger = refusal(SyncRequest { member_id: "stranger".to_owned(), ..of() });
    assert_eq!(stranger, Err(GroupError::UnknownMemberId));
    let wrong_type = refusal(SyncRequest { protocol_type: Some("connect".to_owned()), ..of() });
    assert_eq!(wrong_type, Err(GroupError::InconsistentGroupProtocol));
    let wrong_name = refusal(SyncRequest { protocol_name: Some("sticky".to_owned()), ..of() });
    assert_eq!(wrong_name, Err(GroupError::InconsistentGroupProtocol));
    let right = SyncRequest { protocol_type: Some("consumer".into()), protocol_name: Some("range".into()), ..of() };
    assert!(refusal(right).is_ok());
}

#[test]
fn a_static_member_takes_its_predecessors_place_without_a_rebalance() {
    let (mut sim, joined) = Sim::stable(vec![static_member("a"), new_member()]);
    let before = joined.iter().find(|joined| joined.member_id.starts_with("a-")).unwrap().clone();
    let was_leader = !before.members.is_empty();
    let log_len = sim.log.len();
    let after = sim.join(static_member("a"));
    let after = sim.joined(after);
    assert_ne!(after.member_id, before.member_id);
    assert_eq!((after.generation_id, after.skip_assignment), (1, was_leader));
    assert_eq!(sim.log.len(), log_len + 1, "the new member id is in the log");
    let synced = sim.sync(sync_of(&after));
    assert_eq!(sim.synced(synced), Ok(Bytes::from("1:a")));
    assert_eq!(sim.heartbeat(&before), Err(GroupError::UnknownMemberId));
    let fenced = sim.group.validate_commit(&before.member_id, Some("a"), 1);
    assert_eq!(fenced, Err(GroupError::FencedInstanceId));
    assert_eq!(sim.group.validate_commit(&after.member_id, Some("a"), 1), Ok(()));
}

#[test]
fn before_skip_assignment_a_static_leader_that_returns_takes_itself_for_a_follower() {
    let (mut sim, joined) = Sim::stable(vec![static_member("a")]);
    let after = sim.join(JoinRequest { supports_skip_assignment: false, ..static_member("a") });
    let after = sim.joined(after);
    assert_eq!(after.leader, joined[0].member_id);
    assert!(after.members.is_empty() && !after.skip_assignment);
}

#[test]
fn a_replacement_that_cannot_be_persisted_is_undone() {
    let (mut sim, joined) = Sim::stable(vec![static_member("a")]);
    sim.log_is_broken = true;
    let after = sim.join(static_member("a"));
    assert_eq!(sim.join_refused(after).error, GroupError::NotAvailable);
    assert_eq!(sim.heartbeat(&joined[0]), Ok(()));
}

#[test]
fn a_static_member_that_waits_is_fenced_by_its_successor() {
    let mut sim = Sim::new(3_000);
    let first = sim.join(static_member("a"));
    let second = sim.join(static_member("a"));
    assert_eq!(sim.join_refused(first).error, GroupError::FencedInstanceId);
    sim.advance(60_000);
    let second = sim.joined(second);
    assert_eq!(second.members.len(), 1);
    let stale = JoinRequest { member_id: sim.join_refused(first).member_id, ..static_member("a") };
    let stale = sim.join(stale);
    assert_eq!(sim.join_refused(stale).error, GroupError::FencedInstanceId);
}

#[test]
fn a_static_member_that_returns_before_the_assignment_makes_the_group_join_again() {
    let (mut sim, joined) = Sim::stable(vec![static_member("a"), new_member()]);
    for joined in &joined {
        let instance = joined.member_id.starts_with("a-").then(|| "a".to_owned());
        sim.join(JoinRequest {
            group_instance_id: instance,
            protocols: protocols(&["range", "sticky"]),
            ..member(joined)
        });
    }
    assert_eq!(sim.group.state(), GroupState::CompletingRebalance);
    sim.join(static_member("a"));
    assert_eq!(sim.group.state(), GroupState::PreparingRebalance);
}

#[test]
fn an_administrator_removes_a_static_member_by_its_instance_id() {
    let (mut sim, joined) = Sim::stable(vec![static_member("a")]);
    let nobody = sim.step(|group, t| group.leave(leaving("", Some("b")), t));
    assert_eq!(nobody[0].result, Err(GroupError::UnknownMemberId));
    let fenced = sim.step(|group, t| group.leave(leaving("somebody", Some("a")), t));
    assert_eq!(fenced[0].result, Err(GroupError::FencedInstanceId));
    let left = sim.step(|group, t| group.leave(leaving("", Some("a")), t));
    assert_eq!(left[0].result, Ok(()));
    assert_eq!(sim.heartbeat(&joined[0]), Err(GroupError::UnknownMemberId));
    assert_eq!(sim.group.state(), GroupState::Empty);
}

#[test]
fn the_protocol_is_the_one_that_all_support_and_most_prefer() {
    let with = |names: &[&str]| JoinRequest { protocols: protocols(names), ..new_member() };
    let requests =
        vec![with(&["range", "sticky", "own"]), with(&["sticky", "range"]), with(&["sticky", "range", "other"])];
    let (mut sim, joined) = Sim::stable(requests);
    assert!(joined.iter().all(|joined| joined.protocol_name.as_deref() == Some("sticky")));
    for stranger in [with(&["own"]), JoinRequest { protocol_type: "connect".to_owned(), ..new_member() }] {
        let token = sim.join(stranger);
        assert_eq!(sim.join_refused(token).error, GroupError::InconsistentGroupProtocol);
    }
    assert_eq!(sim.group.state(), GroupState::Stable);
}

#[test]
fn a_full_group_admits_its_members_only() {
    let (mut sim, joined) = Sim::stable(vec![new_member(), new_member()]);
    sim.settings.max_size = 2;
    let turned_away = |sim: &mut Sim| {
        let token = sim.join(new_member());
        assert_eq!(sim.join_refused(token).error, GroupError::GroupMaxSizeReached { max_size: 2 });
    };
    turned_away(&mut sim);
    sim.join(member(&joined[0]));
    sim.join(member(&joined[1]));
    assert_eq!(sim.group.generation_id(), 2);
    turned_away(&mut sim);
}

#[test]
fn a_group_loaded_above_its_maximum_size_rebalances() {
    let (mut sim, _) = Sim::stable(vec![new_member(), new_member()]);
    let Some(Record::Group { value: Some(value), .. }) = sim.log.pop() else { panic!("no group in the log") };
    sim.group = Group::restore("g".into(), value, sim.now());
    sim.settings.max_size = 1;
    sim.step(|group, t| group.resume(t));
    assert_eq!(sim.group.state(), GroupState::PreparingRebalance);
}

#[test]
fn commits_are_the_current_members_or_go_to_an_empty_group() {
    let (mut sim, joined) = Sim::stable(vec![new_member()]);
    let member_id = joined[0].member_id.as_str();
    let unknown = Err(GroupError::UnknownMemberId);
    assert_eq!(sim.group.validate_commit(member_id, None, 1), Ok(()));
    assert_eq!(
        sim.group.validate_commit(member_id, None, 0),
        Err(GroupError::IllegalGeneration { got: 0, expected: 1 })
    );
    assert_eq!(sim.group.validate_commit("", None, -1), unknown);
    assert_eq!(sim.group.validate_commit("stranger", None, 1), unknown);
    sim.join(member(&joined[0]));
    assert_eq!(sim.group.validate_commit(member_id, None, 2), Err(GroupError::RebalanceInProgress));
    sim.step(|group, t| group.leave(leaving(member_id, None), t));
    assert_eq!(sim.group.validate_commit("", None, -1), Ok(()));
    assert_eq!(sim.group.validate_commit(member_id, None, 2), unknown);
}

#[test]
fn subscriptions_are_read_as_far_as_they_can_be() {
    let topics = b"\0\x01\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xff";
    let with = |metadata: &'static [u8]| JoinRequest {
        protocols: vec![Protocol { name: "range".to_owned(), metadata: Bytes::from_static(metadata) }],
        ..new_member()
    };
    let (sim, _) = Sim::stable(vec![with(topics)]);
    assert!(sim.group.is_subscribed_to("a") && sim.group.is_subscribed_to("bc") && !sim.group.is_subscribed_to("b"));
    let (sim, _) = Sim::stable(vec![with(topics), with(b"\0\x01\x7f\xff\xff\xff")]);
    assert!(sim.group.is_subscribed_to("anything"), "a consumer that does not tell may consume anything");
}

#[test]
fn a_member_with_more_protocols_than_any_client_has_is_refused() {
    let names: Vec<String> = (0..33).map(|number| format!("p{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut sim = Sim::new(0);
    let token = sim.join(JoinRequest { protocols: protocols(&names), ..new_member() });
    assert_eq!(sim.join_refused(token).error, GroupError::InconsistentGroupProtocol);
    let token = sim.join(JoinRequest { protocols: protocols(&names[..32]), ..new_member() });
    assert_eq!(sim.joined(token).generation_id, 1);
}

#[test]
fn a_member_id_made_of_the_longest_client_id_can_be_written() {
    let mut sim = Sim::new(0);
    let token = sim.join(JoinRequest { client_id: format!("x{}", "é".repeat(16_383)), ..new_member() });
    let joined = sim.joined(token);
    assert_eq!(joined.member_id.len(), 32_766, "cut at a character");
    sim.lead(&joined);
    assert_eq!(sim.group.state(), GroupState::Stable);
}

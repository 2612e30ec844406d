//! Generated histories of clients that join, sync, die and come back, held against the group's invariants.

use proptest::prelude::*;

use super::*;

/// What happens next. Clients are numbered; each remembers what it was last told.
#[derive(Debug, Clone)]
enum Event {
    Join {
        client: usize,
        other_protocols: bool,
    },
    Sync {
        client: usize,
    },
    Heartbeat {
        client: usize,
    },
    Leave {
        client: usize,
    },
    Commit {
        client: usize,
    },
    /// The process dies and forgets; a static one comes back under its instance id.
    Forget {
        client: usize,
    },
    Advance {
        by_ms: i64,
    },
    LogBreaks {
        is_broken: bool,
    },
    /// The coordinator restarts from its log.
    Restart,
}

const CLIENTS: usize = 5;

fn event() -> impl Strategy<Value = Event> {
    let client = 0..CLIENTS;
    prop_oneof![
        8 => (client.clone(), prop::bool::weighted(0.1))
            .prop_map(|(client, other_protocols)| Event::Join { client, other_protocols }),
        8 => client.clone().prop_map(|client| Event::Sync { client }),
        3 => client.clone().prop_map(|client| Event::Heartbeat { client }),
        1 => client.clone().prop_map(|client| Event::Leave { client }),
        2 => client.clone().prop_map(|client| Event::Commit { client }),
        1 => client.prop_map(|client| Event::Forget { client }),
        3 => prop_oneof![1..3_000i64, 3_000..20_000i64, Just(70_000i64)].prop_map(|by_ms| Event::Advance { by_ms }),
        1 => any::<bool>().prop_map(|is_broken| Event::LogBreaks { is_broken }),
        1 => Just(Event::Restart),
    ]
}

#[derive(Debug, Clone, Default)]
struct Client {
    member_id: String,
    joined: Option<Joined>,
    joining: Option<ReplyToken>,
    syncing: Option<(ReplyToken, i32)>,
}

struct History {
    sim: Sim,
    clients: Vec<Client>,
    /// Who was told to assign, by generation.
    leaders: BTreeMap<i32, String>,
}

/// The first two clients are static members, the third is of a version without the two-step join.
fn instance(client: usize) -> Option<String> {
    (client < 2).then(|| format!("static-{client}"))
}

fn label(client: usize, member_id: &str) -> String {
    instance(client).unwrap_or_else(|| member_id.to_owned())
}

impl History {
    fn new(initial_rebalance_delay_ms: i32, max_size: usize) -> Self {
        let mut sim = Sim::new(initial_rebalance_delay_ms);
        sim.settings.max_size = max_size;
        Self { sim, clients: vec![Client::default(); CLIENTS], leaders: BTreeMap::new() }
    }

    fn happen(&mut self, event: &Event) {
        let before: Vec<MemberId> = self.sim.group.members.keys().cloned().collect();
        let generation_before = self.sim.group.generation_id;
        let lost_by_time = self.due_by(self.sim.now_ms + if let Event::Advance { by_ms } = event { *by_ms } else { 0 });
        match event {
            Event::Join { client, other_protocols } => self.join(*client, *other_protocols),
            Event::Sync { client } => self.sync(*client),
            Event::Heartbeat { client } => self.heartbeat(*client),
            Event::Leave { client } => self.leave(*client),
            Event::Commit { client } => self.commit(*client),
            Event::Forget { client } => self.clients[*client] = Client::default(),
            Event::Advance { by_ms } => {
                let next_ms = self.sim.advance(*by_ms);
                assert!(next_ms.is_none_or(|next_ms| next_ms > self.sim.now_ms));
            }
            Event::LogBreaks { is_broken } => self.sim.log_is_broken = *is_broken,
            Event::Restart => return self.restart(),
        }
        assert!(self.sim.group.generation_id >= generation_before, "generations only grow");
        for member_id in before.iter().filter(|id| !self.sim.group.members.contains_key(*id)) {
            let is_explained = match event {
                Event::Leave { .. } => true,
                Event::Advance { .. } => lost_by_time.contains(member_id),
                // Replaced by its successor, or turned away from a full group.
                Event::Join { client, .. } => {
                    instance(*client).is_some_and(|id| member_id.starts_with(&id))
                        || self.clients[*client].member_id == **member_id
                        || self.clients[*client].joining.is_none()
                }
                _ => false,
            };
            assert!(is_explained, "{member_id} was lost by {event:?}");
        }
        self.collect_replies();
        check_invariants(&self.sim.group);
    }

    /// Members whose own session, or a phase that they hold up, runs out by then.
    fn due_by(&self, now_ms: i64) -> Vec<MemberId> {
        let group = &self.sim.group;
        let is_due = |deadline_ms: Option<i64>| deadline_ms.is_some_and(|at| at <= now_ms);
        let phase_is_due = is_due(group.join_phase.map(JoinPhase::deadline_ms));
        let sync_is_due = is_due(group.sync_deadline_ms);
        let lost = |member: &&Member| {
            is_due(member.session_deadline_ms)
                || (phase_is_due && member.awaiting_join.is_none())
                || (sync_is_due && group.pending_syncs.contains(&member.id))
        };
        group.members.values().filter(lost).map(|member| member.id.clone()).collect()
    }

    fn join(&mut self, client: usize, other_protocols: bool) {
        let known = &mut self.clients[client];
        let request = JoinRequest {
            member_id: known.member_id.clone(),
            group_instance_id: instance(client),
            requires_known_member_id: client != 2,
            protocols: protocols(if other_protocols { &["sticky", "range"] } else { &["range", "sticky"] }),
            ..new_member()
        };
        if !request.member_id.is_empty() && self.sim.group.is_vacant() && self.sim.group.members.is_empty() {
            // The runtime answers for a group that it does not know.
            *known = Client::default();
            return;
        }
        let token = self.sim.join(request);
        self.clients[client].joining = Some(token);
    }

    fn sync(&mut self, client: usize) {
        let Some(joined) = self.clients[client].joined.clone() else { return };
        let token = if joined.skip_assignment || joined.members.is_empty() {
            self.sim.sync(sync_of(&joined))
        } else {
            self.sim.lead(&joined)
        };
        self.clients[client].syncing = Some((token, joined.generation_id));
    }

    fn heartbeat(&mut self, client: usize) {
        let Some(joined) = self.clients[client].joined.clone() else { return };
        match self.sim.heartbeat(&joined) {
            Ok(()) => assert_eq!(joined.generation_id, self.sim.group.generation_id),
            Err(GroupError::RebalanceInProgress) => {
                assert_eq!(self.sim.group.state, GroupState::PreparingRebalance);
            }
            Err(GroupError::UnknownMemberId) => self.clients[client] = Client::default(),
            Err(GroupError::IllegalGeneration { .. }) => self.clients[client].joined = None,
            Err(other) => panic!("{other:?}"),
        }
    }

    fn leave(&mut self, client: usize) {
        let known = std::mem::take(&mut self.clients[client]);
        if !known.member_id.is_empty() {
            let instance_id = instance(client);
            self.sim.step(|group, t| group.leave(leaving(&known.member_id, instance_id.as_deref()), t));
            assert!(!self.sim.group.members.contains_key(known.member_id.as_str()));
        }
    }

    fn commit(&self, client: usize) {
        let Some(joined) = &self.clients[client].joined else { return };
        let group = &self.sim.group;
        if group.validate_commit(&joined.member_id, instance(client).as_deref(), joined.generation_id).is_ok() {
            assert_eq!(joined.generation_id, group.generation_id, "only the current generation commits");
            assert!(group.members.contains_key(joined.member_id.as_str()));
        }
    }

    /// Whoever waits is told; the group is what its last record says, generations included.
    fn restart(&mut self) {
        self.sim.step(|group, t| group.abandon(&GroupError::NotAvailable, t));
        let now = self.sim.now();
        self.sim.group = match self.sim.log.last() {
            Some(Record::Group { value: Some(value), .. }) => Group::restore("g".into(), value.clone(), now),
            _ => Group::new("g".into(), now),
        };
        // A generation that was begun and never assigned is begun again, for others perhaps.
        let generation_id = self.sim.group.generation_id;
        self.leaders.retain(|generation, _| *generation <= generation_id);
        self.sim.step(|group, t| group.resume(t));
        self.collect_replies();
        check_invariants(&self.sim.group);
    }

    fn collect_replies(&mut self) {
        for number in 0..CLIENTS {
            let client = self.clients[number].clone();
            if let Some(Reply::Join(_, reply)) = client.joining.and_then(|token| self.sim.replies.get(&token)).cloned()
            {
                self.clients[number].joining = None;
                match reply {
                    Ok(joined) => self.take_joined(number, joined),
                    // As a consumer does: only an id that was given stays.
                    Err(JoinRefused { member_id, error: GroupError::MemberIdRequired }) => {
                        self.clients[number].member_id = member_id;
                    }
                    Err(JoinRefused { error: GroupError::RebalanceInProgress | GroupError::NotAvailable, .. }) => {}
                    Err(_) => self.clients[number] = Client::default(),
                }
            }
            if let Some((token, generation_id)) = client.syncing
                && let Some(Reply::Sync(_, reply)) = self.sim.replies.get(&token).cloned()
            {
                self.clients[number].syncing = None;
                if let Ok(synced) = reply {
                    let expected = format!("{generation_id}:{}", label(number, &client.member_id));
                    assert_eq!(synced.assignment, expected, "the generation's own assignment");
                }
            }
        }
    }

    fn take_joined(&mut self, number: usize, joined: Joined) {
        if !joined.members.is_empty() && !joined.skip_assignment {
            let leader = self.leaders.entry(joined.generation_id).or_insert_with(|| joined.member_id.clone());
            assert_eq!(*leader, joined.member_id, "one leader a generation");
            assert!(joined.members.iter().any(|member| member.member_id == joined.member_id));
        }
        self.clients[number].member_id = joined.member_id.clone();
        self.clients[number].joined = Some(joined);
    }

    /// Every client that ever waited has been answered, once.
    fn end(mut self) {
        self.sim.step(|group, t| group.abandon(&GroupError::NotAvailable, t));
        assert_eq!(self.sim.replies.len() as u64, self.sim.tokens);
    }
}

/// The invariants at the head of [`super::super`].
fn check_invariants(group: &Group) {
    let members = &group.members;
    match group.state {
        GroupState::Empty => assert!(members.is_empty()),
        GroupState::PreparingRebalance => assert!(group.join_phase.is_some(), "it waits for ever"),
        GroupState::CompletingRebalance | GroupState::Stable => assert!(!members.is_empty()),
    }
    assert_eq!(group.join_phase.is_some(), group.state == GroupState::PreparingRebalance);
    assert_eq!(group.leader.is_some(), !members.is_empty());
    assert!(group.leader.iter().all(|leader| members.contains_key(leader)));
    assert!(group.pending_syncs.iter().all(|id| members.contains_key(id)));
    assert!(group.pending_syncs.is_empty() || group.sync_deadline_ms.is_some());
    assert!(group.pending_joins.keys().all(|id| !members.contains_key(id)));
    let with_instance = members.values().filter_map(|member| Some((member.group_instance_id.clone()?, &member.id)));
    assert_eq!(with_instance.clone().count(), group.static_members.len());
    for (instance_id, member_id) in with_instance {
        assert_eq!(group.static_members.get(&instance_id), Some(member_id));
    }
    for member in members.values() {
        let (joins, syncs) = (member.awaiting_join.is_some(), member.awaiting_sync.is_some());
        assert!(!joins || group.state == GroupState::PreparingRebalance, "waits to join a group that does not prepare");
        assert!(!syncs || group.state == GroupState::CompletingRebalance, "waits for what is there or will not come");
        assert!(joins || syncs || member.session_deadline_ms.is_some(), "would live for ever");
    }
}

proptest! {
    #[test]
    fn no_history_breaks_an_invariant(delay_ms in prop_oneof![Just(0), Just(3_000)],
                                      max_size in prop_oneof![9 => Just(100usize), 1 => Just(2usize)],
                                      events in prop::collection::vec(event(), 1..120)) {
        let mut history = History::new(delay_ms, max_size);
        for event in &events {
            history.happen(event);
        }
        history.end();
    }

    #[test]
    fn members_that_behave_always_become_stable(events in prop::collection::vec(event(), 1..60)) {
        let mut history = History::new(3_000, 100);
        for event in &events {
            history.happen(event);
        }
        history.happen(&Event::LogBreaks { is_broken: false });
        for _ in 0..60 {
            for client in 0..CLIENTS {
                let known = history.clients[client].clone();
                history.happen(&Event::Heartbeat { client });
                if known.joining.is_none() && history.must_join(client) {
                    history.happen(&Event::Join { client, other_protocols: false });
                } else if history.must_sync(client) {
                    history.happen(&Event::Sync { client });
                }
            }
            history.happen(&Event::Advance { by_ms: 3_000 });
        }
        prop_assert_eq!(history.sim.group.state, GroupState::Stable);
        prop_assert_eq!(history.sim.group.members.len(), CLIENTS);
    }
}

impl History {
    /// As a consumer would know: it is in no generation, or was told that the group rebalances.
    fn must_join(&self, client: usize) -> bool {
        let joined = self.clients[client].joined.as_ref();
        joined.is_none_or(|joined| joined.generation_id != self.sim.group.generation_id)
            || self.sim.group.state == GroupState::PreparingRebalance
    }

    fn must_sync(&self, client: usize) -> bool {
        self.clients[client].syncing.is_none() && self.sim.group.state == GroupState::CompletingRebalance
    }
}

//! From a command to the entries that carry it out, or to a refusal: a pure function of the state but for random ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::entry::Entry;
use super::topic_name::{check_topic_name, collision};
use super::{
    AdoptedTopic, Command, Committed, Image, NewTopic, PRODUCER_ID_BLOCK, Refusal, TopicMetadata, is_internal,
    topic_settings,
};

/// Partitions that one command may add, as Kafka's controller has it (`MAX_PARTITIONS_PER_BATCH`).
const MAX_NEW_PARTITIONS: i32 = 10_000;
/// The longest value of a setting, which the journal's strings can hold.
const MAX_SETTING_BYTES: usize = 32 << 10;

/// Kafka's `transaction.state.log.segment.bytes`.
const TRANSACTIONS_SEGMENT_BYTES: i32 = 100 << 20;
/// Where producer ids may go on from once a topic was adopted.
const FIRST_RANDOM_PRODUCER_ID: i64 = 1 << 40;
const LAST_RANDOM_PRODUCER_ID: i64 = 1 << 53;

/// What decisions depend on beside the state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) node_id: i32,
    pub(super) default_partitions: i32,
    pub(super) offsets_segment_bytes: i32,
}

/// A command in the caller's favour.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) entries: Vec<Entry>,
    pub(super) committed: Committed,
}

impl Decision {
    fn topic(topic: TopicMetadata) -> Self {
        Decision { entries: vec![Entry::Topic(topic.clone())], committed: Committed::Topic(Arc::new(topic)) }
    }
}

impl Rules {
    pub(super) fn decide(&self, image: &Image, command: &Command) -> Result<Decision, Refusal> {
        match command {
            Command::CreateTopic(new) => self.create_topic(image, new).map(Decision::topic),
            Command::AdoptTopic(found) => self.adopt_topic(image, found).map(|topic| {
                let mut decision = Decision::topic(topic);
                decision.entries.extend(foreign_producer_ids_passed(image));
                decision
            }),
            Command::DeleteTopic { id } => delete_topic(image, *id),
            Command::GrowPartitions { name, total, assignments } => {
                self.grow_partitions(image, name, *total, assignments.as_deref()).map(Decision::topic)
            }
            Command::AllocateProducerIds => {
                let first = image.next_producer_id;
                let entries = vec![Entry::NextProducerId(first + PRODUCER_ID_BLOCK)];
                Ok(Decision { entries, committed: Committed::ProducerIds { first } })
            }
        }
    }

    fn create_topic(&self, image: &Image, new: &NewTopic) -> Result<TopicMetadata, Refusal> {
        check_topic_name(&new.name)?;
        if image.topic(&new.name).is_some() {
            return Err(Refusal::TopicExists { name: new.name.clone() });
        }
        if let Some(existing) = collision(&new.name, &image.topics) {
            return Err(Refusal::TopicNameCollision { name: new.name.clone(), existing: existing.clone() });
        }
        let partitions =
            if new.assignments.is_empty() { self.partitions_asked_for(new)? } else { self.partitions_assigned(new)? };
        Ok(TopicMetadata {
            name: new.name.as_str().into(),
            id: Uuid::new_v4(),
            partitions,
            internal: is_internal(&new.name),
            settings: checked_settings(&new.name, &new.settings)?,
        })
    }

    fn partitions_asked_for(&self, new: &NewTopic) -> Result<i32, Refusal> {
        if !matches!(new.replication_factor, -1 | 1) {
            return Err(Refusal::InvalidReplicationFactor { got: new.replication_factor });
        }
        match new.partitions {
            -1 => Ok(self.default_partitions),
            got if got < 1 => Err(Refusal::InvalidPartitions {
                got,
                reason: "a topic has at least one (-1 for the default)".to_owned(),
            }),
            got => check_growth(0, got),
        }
    }

    fn partitions_assigned(&self, new: &NewTopic) -> Result<i32, Refusal> {
        if new.partitions != -1 {
            return Err(Refusal::InvalidRequest {
                reason: "partitions are assigned by hand, so their number must be -1",
            });
        }
        if new.replication_factor != -1 {
            return Err(Refusal::InvalidRequest {
                reason: "partitions are assigned by hand, so the replication factor must be -1",
            });
        }
        let by_partition: BTreeMap<i32, &Vec<i32>> =
            new.assignments.iter().map(|(partition, replicas)| (*partition, replicas)).collect();
        if by_partition.len() != new.assignments.len() || !by_partition.keys().copied().eq(0..by_partition.len() as i32)
        {
            let reason = "partitions must be numbered from 0 on, each once".to_owned();
            return Err(Refusal::InvalidReplicaAssignment { reason });
        }
        by_partition.values().try_for_each(|replicas| self.check_replicas(replicas))?;
        check_growth(0, by_partition.len() as i32)
    }

    /// The replicas of one partition placed by hand: this node, once.
    fn check_replicas(&self, replicas: &[i32]) -> Result<(), Refusal> {
        let reason = match replicas {
            [] => "a partition needs at least one replica".to_owned(),
            [only] if *only == self.node_id => return Ok(()),
            [first, ..] if *first != self.node_id => format!("there is no broker {first}, only {}", self.node_id),
            [_, ..] => format!("broker {} can hold one replica, got {replicas:?}", self.node_id),
        };
        Err(Refusal::InvalidReplicaAssignment { reason })
    }

    fn grow_partitions(
        &self,
        image: &Image,
        name: &str,
        total: i32,
        assignments: Option<&[Vec<i32>]>,
    ) -> Result<TopicMetadata, Refusal> {
        let topic = known(image, name)?;
        if total <= topic.partitions {
            let reason = format!("the topic has {} already, and partitions cannot be taken away", topic.partitions);
            return Err(Refusal::InvalidPartitions { got: total, reason });
        }
        check_growth(topic.partitions, total)?;
        if let Some(assignments) = assignments {
            let added = total - topic.partitions;
            if assignments.len() != added as usize {
                let reason = format!("{added} partitions are added, but {} were assigned", assignments.len());
                return Err(Refusal::InvalidReplicaAssignment { reason });
            }
            assignments.iter().try_for_each(|replicas| self.check_replicas(replicas))?;
        }
        Ok(TopicMetadata { partitions: total, ..topic.clone() })
    }
}

fn check_growth(from: i32, total: i32) -> Result<i32, Refusal> {
    if total - from > MAX_NEW_PARTITIONS {
        let reason = format!("at most {MAX_NEW_PARTITIONS} can be added at a time");
        return Err(Refusal::InvalidPartitions { got: total, reason });
    }
    Ok(total)
}

fn known<'a>(image: &'a Image, name: &str) -> Result<&'a TopicMetadata, Refusal> {
    image.topic(name).map(Arc::as_ref).ok_or_else(|| Refusal::UnknownTopic { name: name.to_owned() })
}

impl Rules {
    /// Names are not held against each other here: what is on disk was legal where it came from.
    fn adopt_topic(&self, image: &Image, found: &AdoptedTopic) -> Result<TopicMetadata, Refusal> {
        check_topic_name(&found.name)?;
        if image.topic(&found.name).is_some() {
            return Err(Refusal::TopicExists { name: found.name.clone() });
        }
        if found.id.is_nil() || image.topic_by_id(found.id).is_some() {
            return Err(Refusal::InvalidRequest { reason: "the topic's id is another topic's" });
        }
        if found.partitions < 1 {
            return Err(Refusal::InvalidPartitions {
                got: found.partitions,
                reason: "a topic has at least one".to_owned(),
            });
        }
        Ok(TopicMetadata {
            name: found.name.as_str().into(),
            id: found.id,
            partitions: found.partitions,
            internal: is_internal(&found.name),
            settings: self.adopted_settings(&found.name),
        })
    }

    /// Where a topic's settings were is not known here; what its coordinator keeps in an internal one must not age away,
    /// and is kept as if that had been created here.
    fn adopted_settings(&self, topic: &str) -> BTreeMap<String, String> {
        let segment_bytes = match topic {
            "__consumer_offsets" => self.offsets_segment_bytes,
            _ if is_internal(topic) => TRANSACTIONS_SEGMENT_BYTES,
            _ => return BTreeMap::new(),
        };
        let settings = [("cleanup.policy", "compact".to_owned()), ("segment.bytes", segment_bytes.to_string())];
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// An adopted log knows producers whose ids somebody else handed out, and takes a batch of another producer of the same id
/// for one that it has. So ids go on from a random block that is above any id Kafka has come to by counting from 0, and
/// that no two metadata are likely to choose. It is below 2^53, which tools that keep numbers in doubles can show.
fn foreign_producer_ids_passed(image: &Image) -> Option<Entry> {
    if image.next_producer_id >= FIRST_RANDOM_PRODUCER_ID {
        return None;
    }
    let (random, _) = Uuid::new_v4().as_u64_pair();
    let blocks = (LAST_RANDOM_PRODUCER_ID - FIRST_RANDOM_PRODUCER_ID) / PRODUCER_ID_BLOCK;
    let block = i64::try_from(random % blocks.unsigned_abs()).unwrap_or(0);
    Some(Entry::NextProducerId(FIRST_RANDOM_PRODUCER_ID + block * PRODUCER_ID_BLOCK))
}

fn delete_topic(image: &Image, id: Uuid) -> Result<Decision, Refusal> {
    let topic = image.topic_by_id(id).ok_or(Refusal::UnknownTopicId { id })?;
    Ok(Decision { entries: vec![Entry::TopicDeleted(id)], committed: Committed::TopicDeleted(topic.clone()) })
}

fn checked_settings(topic: &str, given: &[(String, Option<String>)]) -> Result<BTreeMap<String, String>, Refusal> {
    let mut settings = BTreeMap::new();
    for (name, value) in given {
        match value {
            Some(value) if value.len() > MAX_SETTING_BYTES => {
                let reason = format!("its value has {} bytes, {MAX_SETTING_BYTES} are the most", value.len());
                return Err(Refusal::InvalidConfig { name: name.clone(), reason });
            }
            Some(value) => settings.insert(name.clone(), topic_settings::check(topic, name, value)?),
            None => {
                topic_settings::check_name(name)?;
                settings.remove(name)
            }
        };
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { node_id: 1, default_partitions: 3, offsets_segment_bytes: 1 << 20 };

    fn decided(image: &mut Image, command: Command) -> Result<Committed, Refusal> {
        let decision = RULES.decide(image, &command)?;
        decision.entries.into_iter().for_each(|entry| image.apply(entry));
        Ok(decision.committed)
    }

    fn create(image: &mut Image, new: NewTopic) -> Result<Arc<TopicMetadata>, Refusal> {
        decided(image, Command::CreateTopic(new)).map(|committed| committed.topic().unwrap().clone())
    }

    #[test]
    fn a_topic_gets_the_default_partitions_and_its_own_id() {
        let mut image = Image::default();
        let first = create(&mut image, NewTopic::named("a")).unwrap();
        let second = create(&mut image, NewTopic::named("b").partitions(7)).unwrap();
        assert_eq!((first.partitions, second.partitions), (3, 7));
        assert_ne!(first.id, second.id);
        assert_eq!(image.topic_by_id(second.id), Some(&second));
    }

    #[test]
    fn a_name_that_is_taken_or_collides_is_refused() {
        let mut image = Image::default();
        create(&mut image, NewTopic::named("web.log")).unwrap();
        assert!(matches!(create(&mut image, NewTopic::named("web.log")), Err(Refusal::TopicExists { .. })));
        assert!(matches!(create(&mut image, NewTopic::named("web_log")), Err(Refusal::TopicNameCollision { .. })));
        create(&mut image, NewTopic::named("web-log")).unwrap();
    }

    #[test]
    fn counts_out_of_range_are_refused() {
        let mut image = Image::default();
        for partitions in [0, -2, i32::MIN, i32::MAX, 10_001] {
            let refused = create(&mut image, NewTopic::named("a").partitions(partitions));
            assert!(matches!(refused, Err(Refusal::InvalidPartitions { .. })), "{partitions}");
        }
        for replication_factor in [0, -2, 2, 3] {
            let refused = create(&mut image, NewTopic { replication_factor, ..NewTopic::named("a") });
            assert_eq!(refused, Err(Refusal::InvalidReplicationFactor { got: replication_factor }));
        }
    }

    #[test]
    fn assignments_by_hand_name_this_broker_once_for_partitions_in_sequence() {
        let mut image = Image::default();
        let by_hand = |assignments: &[(i32, &[i32])]| NewTopic {
            assignments: assignments.iter().map(|(partition, replicas)| (*partition, replicas.to_vec())).collect(),
            ..NewTopic::named("a")
        };
        let refused: [&[(i32, &[i32])]; 5] =
            [&[(1, &[1])], &[(0, &[1]), (0, &[1])], &[(0, &[])], &[(0, &[2])], &[(0, &[1, 1])]];
        for assignments in refused {
            let answer = create(&mut image, by_hand(assignments));
            assert!(matches!(answer, Err(Refusal::InvalidReplicaAssignment { .. })), "{assignments:?}: {answer:?}");
        }
        let both = by_hand(&[(0, &[1])]).partitions(1);
        assert!(matches!(create(&mut image, both), Err(Refusal::InvalidRequest { .. })));
        assert_eq!(create(&mut image, by_hand(&[(1, &[1]), (0, &[1])])).unwrap().partitions, 2);
    }

    #[test]
    fn a_topic_grows_and_never_shrinks() {
        let mut image = Image::default();
        let id = create(&mut image, NewTopic::named("a").partitions(2)).unwrap().id;
        let grow = |total, assignments| Command::GrowPartitions { name: "a".to_owned(), total, assignments };
        for total in [2, 1, 0, -1] {
            assert!(matches!(decided(&mut image, grow(total, None)), Err(Refusal::InvalidPartitions { .. })));
        }
        let short = decided(&mut image, grow(4, Some(vec![vec![1]])));
        assert!(matches!(short, Err(Refusal::InvalidReplicaAssignment { .. })));
        decided(&mut image, grow(4, Some(vec![vec![1], vec![1]]))).unwrap();
        assert_eq!((image.topic("a").unwrap().partitions, image.topic("a").unwrap().id), (4, id));
    }

    #[test]
    fn settings_are_checked_and_kept() {
        let mut image = Image::default();
        let refused = create(&mut image, NewTopic::named("a").setting("retention.ms", "-2"));
        assert!(matches!(refused, Err(Refusal::InvalidConfig { .. })));
        let mut unknown = NewTopic::named("a");
        unknown.settings.push(("no.such".to_owned(), None));
        assert!(matches!(create(&mut image, unknown), Err(Refusal::InvalidConfig { .. })));
        let mut new = NewTopic::named("a").setting("segment.ms", "5");
        new.settings.push(("retention.ms".to_owned(), None));
        create(&mut image, new).unwrap();
        let settings = &image.topic("a").unwrap().settings;
        assert_eq!(settings.iter().collect::<Vec<_>>(), [(&"segment.ms".to_owned(), &"5".to_owned())]);
    }

    #[test]
    fn a_deleted_topics_id_is_remembered_and_its_name_is_free() {
        let mut image = Image::default();
        let old = create(&mut image, NewTopic::named("a")).unwrap();
        decided(&mut image, Command::DeleteTopic { id: old.id }).unwrap();
        assert!(image.was_deleted(old.id) && image.topic("a").is_none());
        let gone = decided(&mut image, Command::DeleteTopic { id: old.id });
        assert_eq!(gone, Err(Refusal::UnknownTopicId { id: old.id }));
        assert_ne!(create(&mut image, NewTopic::named("a")).unwrap().id, old.id);
    }

    fn adopt(image: &mut Image, name: &str) -> Arc<TopicMetadata> {
        let found = AdoptedTopic { name: name.to_owned(), id: Uuid::new_v4(), partitions: 1 };
        decided(image, Command::AdoptTopic(found)).unwrap().topic().unwrap().clone()
    }

    #[test]
    fn an_adopted_internal_topic_is_compacted_and_any_other_has_the_defaults() {
        let mut image = Image::default();
        let settings = &adopt(&mut image, "__consumer_offsets").settings;
        assert_eq!(settings.get("cleanup.policy").map(String::as_str), Some("compact"));
        for (name, value) in settings {
            assert_eq!(topic_settings::check("__consumer_offsets", name, value).as_ref(), Ok(value));
        }
        assert!(adopt(&mut image, "a").settings.is_empty());
    }

    #[test]
    fn producer_ids_that_an_adopted_log_may_know_are_not_handed_out() {
        let first_id = |image: &mut Image| match decided(image, Command::AllocateProducerIds) {
            Ok(Committed::ProducerIds { first }) => first,
            other => panic!("{other:?}"),
        };
        let (mut image, mut other) = (Image::default(), Image::default());
        adopt(&mut image, "a");
        adopt(&mut other, "a");
        let first = first_id(&mut image);
        assert!((FIRST_RANDOM_PRODUCER_ID..LAST_RANDOM_PRODUCER_ID).contains(&first), "{first}");
        assert_ne!(first, first_id(&mut other), "one in nine million million");
        adopt(&mut image, "b");
        assert_eq!(first_id(&mut image), first + PRODUCER_ID_BLOCK);
    }

    #[test]
    fn producer_ids_are_handed_out_once() {
        let mut image = Image::default();
        let first = decided(&mut image, Command::AllocateProducerIds).unwrap();
        let second = decided(&mut image, Command::AllocateProducerIds).unwrap();
        assert_eq!((first, second), (Committed::ProducerIds { first: 0 }, Committed::ProducerIds { first: 1000 }));
    }
}

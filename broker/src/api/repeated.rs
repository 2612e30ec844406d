//! What a request contains more than once: Kafka refuses such names in an administrator's request. Here, whatever is
//! asked for is answered once, however often it is asked for; so a reply is not out of proportion to its request.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use kafka_protocol::messages::TopicName;

/// How often the keys of a request stand in it.
pub(super) struct Repeated<K> {
    /// Whether a repeated key was met before.
    met: HashMap<K, bool>,
}

/// One key of a request among all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occurrence {
    /// There is no other like it.
    Only,
    /// The first of several.
    FirstOfSeveral,
    /// Not the first.
    Again,
}

impl<K: Hash + Eq + Clone> Repeated<K> {
    pub(super) fn among<'a>(keys: impl Iterator<Item = &'a K>) -> Self
    where
        K: 'a,
    {
        let mut seen = HashSet::new();
        Repeated { met: keys.filter(|key| !seen.insert(*key)).map(|key| (key.clone(), false)).collect() }
    }

    /// To be asked once for each key, in the order of the request.
    pub(super) fn meet(&mut self, key: &K) -> Occurrence {
        match self.met.get_mut(key).map(|met| std::mem::replace(met, true)) {
            None => Occurrence::Only,
            Some(false) => Occurrence::FirstOfSeveral,
            Some(true) => Occurrence::Again,
        }
    }
}

/// Partitions that were asked for.
#[derive(Default)]
pub(super) struct Partitions(HashMap<TopicName, HashSet<i32>>);

impl Partitions {
    /// Drops what this or an earlier call of the same request has already seen.
    pub(super) fn retain_new(&mut self, topic: &TopicName, partitions: &mut Vec<i32>) {
        let seen = self.0.entry(topic.clone()).or_default();
        partitions.retain(|partition| seen.insert(*partition));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_met_alone_or_first_or_again() {
        let keys = ["a", "b", "a", "c", "a"];
        let mut repeated = Repeated::among(keys.iter());
        let met: Vec<Occurrence> = keys.iter().map(|key| repeated.meet(key)).collect();
        assert_eq!(
            met,
            [Occurrence::FirstOfSeveral, Occurrence::Only, Occurrence::Again, Occurrence::Only, Occurrence::Again]
        );
    }

    #[test]
    fn a_partition_is_new_once_also_over_several_mentions_of_its_topic() {
        let mut partitions = Partitions::default();
        let (mut first, mut second) = (vec![0, 1, 0], vec![1, 2]);
        partitions.retain_new(&TopicName("t".into()), &mut first);
        partitions.retain_new(&TopicName("t".into()), &mut second);
        assert_eq!((first, second), (vec![0, 1], vec![2]));
    }
}

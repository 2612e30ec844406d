//! Names that an administrator's request contains more than once; Kafka refuses each of them.

use std::collections::HashSet;
use std::hash::Hash;

/// What stands more than once in a request.
pub(super) struct Repeated<K>(HashSet<K>);

impl<K: Hash + Eq + Clone> Repeated<K> {
    pub(super) fn among<'a>(keys: impl Iterator<Item = &'a K>) -> Self
    where
        K: 'a,
    {
        let mut seen = HashSet::new();
        Repeated(keys.filter(|key| !seen.insert(*key)).cloned().collect())
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.0.contains(key)
    }
}

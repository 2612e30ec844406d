//! Taking over partitions that the metadata does not know: segments that Kafka or another tool put there.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use uuid::Uuid;

use super::directory::{self, Aside};
use crate::background::unlink::Unlinker;
use crate::log::read_topic_id;
use crate::metadata::{AdoptedTopic, Image};

/// Looks through the data directory. Returns the topics that `image` does not know, each under the id in its partitions'
/// `partition.metadata`, or a fresh one if they have none. What deleted topics left behind is handed to `unlinker`.
pub fn find_unknown_topics(data_dir: &Path, image: &Image, unlinker: &Unlinker) -> io::Result<Vec<AdoptedTopic>> {
    let found = directory::scan(data_dir)?;
    found.deleted.into_iter().for_each(|path| unlinker.remove_directory(path));
    let mut unknown: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (topic, index) in found.partitions.into_iter().filter(|(topic, _)| image.topic(topic).is_none()) {
        unknown.entry(topic).or_default().push(index);
    }
    let mut adopted = Vec::new();
    for (name, mut indexes) in unknown {
        indexes.sort_unstable();
        let (leftover, id) = read_id(data_dir, image, &name, &indexes);
        for index in leftover {
            unlinker.remove_directory(directory::move_aside(data_dir, &name, index, Aside::Deleted)?);
            indexes.retain(|kept| *kept != index);
        }
        if let Some(last) = indexes.last() {
            let partitions = last.saturating_add(1);
            adopted.push(AdoptedTopic { name, id: id.unwrap_or_else(Uuid::new_v4), partitions });
        }
    }
    Ok(adopted)
}

/// Which partitions belonged to a deleted topic, and the id of the first that did not.
fn read_id(data_dir: &Path, image: &Image, topic: &str, indexes: &[i32]) -> (Vec<i32>, Option<Uuid>) {
    let mut leftover = Vec::new();
    let mut id = None;
    for index in indexes {
        match read_topic_id(&data_dir.join(directory::name(topic, *index))) {
            Ok(Some(found)) if image.was_deleted(found) => leftover.push(*index),
            Ok(found) => id = id.or(found.filter(|found| image.topic_by_id(*found).is_none())),
            Err(error) => tracing::warn!(%error, "a partition's topic id cannot be read"),
        }
    }
    (leftover, id)
}

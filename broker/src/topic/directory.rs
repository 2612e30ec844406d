//! Names of partition directories, in Kafka's forms (`LocalLog`):
//!
//! | name | what it is |
//! |---|---|
//! | `topic-partition` | a partition |
//! | `topic-partition.uuid-delete` | a deleted partition, to be removed |
//! | `topic-partition.uuid-stray` | a partition of another topic of this name, moved aside for a human |
//! | `topic-partition.uuid-future` | Kafka's copy on its way to another disk; left alone |

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::metadata::check_topic_name;
use crate::replacement;

/// A file name's limit on every file system we know.
const MAX_NAME_BYTES: usize = 255;

/// Why a directory is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aside {
    Deleted,
    Stray,
}

/// What a data directory holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Topic and number of each partition directory.
    pub(super) partitions: Vec<(String, i32)>,
    /// Directories that were deleted and not yet removed.
    pub(super) deleted: Vec<PathBuf>,
}

pub(super) fn name(topic: &str, index: i32) -> String {
    format!("{topic}-{index}")
}

/// Topic and number, if this is the name of a partition directory as [`name`] writes it.
fn parse(file_name: &str) -> Option<(&str, i32)> {
    let (topic, index) = file_name.rsplit_once('-')?;
    let index: i32 = index.parse().ok()?;
    (index >= 0 && name(topic, index) == file_name && check_topic_name(topic).is_ok()).then_some((topic, index))
}

/// Makes directories that were created in `data_dir`, or renamed, survive a power cut: once for a topic, whatever the
/// number of its partitions. What is inside them is either put there again from the metadata or synced by its log.
pub(super) fn sync_names(data_dir: &Path) {
    if let Err(error) = replacement::sync_directory(data_dir) {
        tracing::warn!(data_dir = %data_dir.display(), %error, "new and deleted partitions may not survive a power cut");
    }
}

pub(super) fn scan(data_dir: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    for entry in data_dir.read_dir()? {
        let entry = entry?;
        let Ok(file_name) = entry.file_name().into_string() else { continue };
        if !entry.file_type()?.is_dir() {
            continue;
        }
        if file_name.ends_with("-delete") && file_name.contains('.') {
            found.deleted.push(entry.path());
        } else if let Some((topic, index)) = parse(&file_name) {
            found.partitions.push((topic.to_owned(), index));
        }
    }
    Ok(found)
}

/// Renames a partition's directory so that its name is free; returns where it is now.
pub(super) fn move_aside(data_dir: &Path, topic: &str, index: i32, aside: Aside) -> io::Result<PathBuf> {
    let suffix = match aside {
        Aside::Deleted => "delete",
        Aside::Stray => "stray",
    };
    let tail = format!("-{index}.{}-{suffix}", Uuid::new_v4().simple());
    // The topic's name gives way, as in Kafka; it is ASCII, so that any byte is a boundary.
    let kept = topic.get(..topic.len().min(MAX_NAME_BYTES - tail.len())).unwrap_or("topic");
    let target = data_dir.join(format!("{kept}{tail}"));
    std::fs::rename(data_dir.join(name(topic, index)), &target)?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_kafka_gives_to_partitions_are_partitions() {
        assert_eq!(parse("news_tag-5"), Some(("news_tag", 5)));
        assert_eq!(parse("a-b-0"), Some(("a-b", 0)));
        for other in ["news", "news-", "news-x", "news-05", "-0", "a b-0", "a-2147483648", "metadata.log"] {
            assert_eq!(parse(other), None, "{other}");
        }
        for aside in ["a-0.0123456789abcdef-delete", "a-0.0123456789abcdef-future", "a-0.0123456789abcdef-stray"] {
            assert_eq!(parse(aside), None, "{aside}");
        }
        assert_eq!(parse("__cluster_metadata-0"), None);
    }

    #[test]
    fn a_directory_moved_aside_frees_its_name_even_if_that_is_long() {
        let dir = tempfile::tempdir().unwrap();
        let topic = "x".repeat(249);
        std::fs::create_dir(dir.path().join(name(&topic, 0))).unwrap();
        let moved = move_aside(dir.path(), &topic, 0, Aside::Deleted).unwrap();
        assert_eq!(scan(dir.path()).unwrap(), Found { partitions: vec![], deleted: vec![moved] });
    }
}

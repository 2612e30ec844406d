//! Topics over real logs, following the metadata as they do in the broker.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::directory::{Aside, move_aside};
use super::opening::Task;
use super::*;
use crate::background::unlink::Unlinker;
use crate::clock::Clock;
use crate::log::{LogSettings, Origin, write_topic_id};
use crate::metadata::{Command, Metadata, MetadataOptions, NewTopic, TopicDefaults, TopicMetadata};
use crate::record::BatchBuilder;

const NOW_MS: i64 = 1_700_000_000_000;

struct Rooms {
    topics: Arc<Topics>,
    metadata: Metadata,
}

impl Rooms {
    fn open(data_dir: &Path) -> Rooms {
        let unlinker = Unlinker::start().unwrap();
        let topics = Arc::new(Topics::new(TopicsOptions {
            data_dir: data_dir.to_owned(),
            defaults: TopicDefaults::default(),
            clock: Clock::manual(NOW_MS),
            unlinker: unlinker.clone(),
            opening_threads: 4,
        }));
        let options = MetadataOptions {
            data_dir: data_dir.to_owned(),
            node_id: 1,
            default_partitions: 1,
            offsets_segment_bytes: 100 << 20,
            topic_defaults: TopicDefaults::default(),
            broker_settings: Vec::new(),
        };
        let followers = topics.clone();
        let metadata = Metadata::open(options, Box::new(move |_, image| followers.follow(image))).unwrap();
        for found in find_unknown_topics(data_dir, &metadata.image(), &unlinker).unwrap() {
            metadata.propose_blocking(Command::AdoptTopic(found)).unwrap();
        }
        assert_eq!(topics.start(&metadata.image()).wait(Duration::from_secs(60)), 0);
        Rooms { topics, metadata }
    }

    fn create(&self, name: &str, partitions: i32) -> Arc<TopicMetadata> {
        let command = Command::CreateTopic(NewTopic::named(name).partitions(partitions));
        self.metadata.propose_blocking(command).unwrap().topic().unwrap().clone()
    }

    fn partition(&self, name: &str, index: i32) -> Arc<Partition> {
        self.topics.by_name(name).unwrap().partition(index).unwrap().clone()
    }
}

fn batch(value: &str) -> Bytes {
    BatchBuilder::new().record(NOW_MS, None, Some(value.as_bytes())).build()
}

fn read(partition: &Partition, from: i64) -> PartitionRead {
    partition.read(from, 1 << 20, Isolation::ReadUncommitted, true).unwrap()
}

#[test]
fn what_is_appended_is_read_below_the_high_watermark() {
    let dir = tempfile::tempdir().unwrap();
    let rooms = Rooms::open(dir.path());
    rooms.create("news", 2);
    let partition = rooms.partition("news", 1);
    assert_eq!(partition.append(&batch("a"), NOW_MS).unwrap().base_offset, 0);
    assert_eq!(partition.append(&batch("b"), NOW_MS).unwrap().base_offset, 1);
    let found = read(&partition, 0);
    assert_eq!((found.high_watermark, found.last_stable_offset, found.log_start_offset), (2, 2, 0));
    assert_eq!(found.size_bytes, found.regions.iter().map(|region| region.len).sum::<usize>());
    assert_eq!(read(&partition, 2).size_bytes, 0);
    let beyond = partition.read(3, 1 << 20, Isolation::ReadCommitted, true);
    assert!(matches!(beyond, Err(PartitionError::Read(_))));
}

#[test]
fn a_grown_topic_keeps_its_partitions() {
    let dir = tempfile::tempdir().unwrap();
    let rooms = Rooms::open(dir.path());
    rooms.create("news", 1);
    let first = rooms.partition("news", 0);
    first.append(&batch("a"), NOW_MS).unwrap();
    let grow = Command::GrowPartitions { name: "news".to_owned(), total: 3, assignments: None };
    rooms.metadata.propose_blocking(grow).unwrap();
    assert!(Arc::ptr_eq(&first, &rooms.partition("news", 0)));
    rooms.partition("news", 2).append(&batch("b"), NOW_MS).unwrap();
}

#[test]
fn a_deleted_topic_is_gone_for_new_readers_and_whole_for_those_that_have_it() {
    let dir = tempfile::tempdir().unwrap();
    let rooms = Rooms::open(dir.path());
    let old = rooms.create("news", 1);
    let partition = rooms.partition("news", 0);
    partition.append(&batch("a"), NOW_MS).unwrap();
    let planned = read(&partition, 0).regions.remove(0);
    rooms.metadata.propose_blocking(Command::DeleteTopic { id: old.id }).unwrap();
    assert!(rooms.topics.by_name("news").is_none() && rooms.topics.by_id(old.id).is_none());
    assert!(matches!(partition.append(&batch("b"), NOW_MS), Err(PartitionError::Deleted)));
    let mut bytes = vec![0; planned.len];
    planned.file.read_exact_at(&mut bytes, planned.position).unwrap();

    let new = rooms.create("news", 1);
    assert_ne!(new.id, old.id);
    assert_eq!(rooms.partition("news", 0).append(&batch("c"), NOW_MS).unwrap().base_offset, 0);
}

#[test]
fn what_a_crash_leaves_of_a_deleted_topic_is_removed_and_not_adopted() {
    let dir = tempfile::tempdir().unwrap();
    let rooms = Rooms::open(dir.path());
    let [old, other] = [rooms.create("news", 1), rooms.create("other", 1)];
    rooms.metadata.propose_blocking(Command::DeleteTopic { id: old.id }).unwrap();
    rooms.metadata.propose_blocking(Command::DeleteTopic { id: other.id }).unwrap();
    rooms.create("other", 1);
    rooms.partition("other", 0).append(&batch("kept"), NOW_MS).unwrap();
    rooms.metadata.stop();
    rooms.topics.close();
    // The deletion was committed, but the directory not yet renamed when the broker was killed.
    std::fs::create_dir(dir.path().join("news-0")).unwrap();
    write_topic_id(&dir.path().join("news-0"), old.id).unwrap();

    let rooms = Rooms::open(dir.path());
    assert!(rooms.topics.by_name("news").is_none());
    assert!(!dir.path().join("news-0").exists());
    assert_eq!(rooms.partition("other", 0).high_watermark(), 1);
}

#[test]
fn another_topics_partition_under_a_known_name_is_moved_aside_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let rooms = Rooms::open(dir.path());
    rooms.create("news", 1);
    rooms.metadata.stop();
    rooms.topics.close();
    write_topic_id(&dir.path().join("news-0"), uuid::Uuid::from_u128(7)).unwrap();

    let rooms = Rooms::open(dir.path());
    assert_eq!(rooms.partition("news", 0).append(&batch("a"), NOW_MS).unwrap().base_offset, 0);
    let names = dir.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("news-0.") && name.ends_with("-stray")).count(), 1);
}

#[test]
fn a_partition_whose_directory_cannot_be_used_is_offline_and_the_others_serve() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("news-0"), "a file where the directory should be").unwrap();
    let rooms = Rooms::open(dir.path());
    rooms.create("news", 2);
    let refused = rooms.partition("news", 0).append(&batch("a"), NOW_MS);
    assert!(matches!(refused, Err(PartitionError::Offline(_))));
    rooms.partition("news", 1).append(&batch("a"), NOW_MS).unwrap();
}

#[test]
fn a_leader_epoch_is_held_against_the_current_one() {
    let partition = Partition::opening("t".into(), 0, "t-0".into());
    assert!(partition.check_leader_epoch(-1).is_ok() && partition.check_leader_epoch(0).is_ok());
    assert!(matches!(partition.check_leader_epoch(1), Err(PartitionError::UnknownLeaderEpoch { got: 1, current: 0 })));
    assert!(matches!(partition.append(&[], NOW_MS), Err(PartitionError::Opening)));
}

#[test]
fn a_call_that_outlives_its_topic_leaves_the_next_one_of_that_name_alone() {
    let dir = tempfile::tempdir().unwrap();
    let rooms = Rooms::open(dir.path());
    rooms.create("news", 1);
    let partition = rooms.partition("news", 0);
    let outliving = partition.log().unwrap();
    partition.append(&batch("old"), NOW_MS).unwrap();
    rooms.metadata.propose_blocking(Command::DeleteTopic { id: rooms.topics.by_name("news").unwrap().id }).unwrap();
    rooms.create("news", 1);
    rooms.partition("news", 0).append(&batch("new"), NOW_MS).unwrap();
    let files = || {
        let entries = dir.path().join("news-0").read_dir().unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
        files.sort();
        files
    };
    let before = files();
    assert!(outliving.append_as_leader(&batch("late"), Origin::Client, 7, NOW_MS).is_err());
    assert!(outliving.append_as_follower(&batch("late"), NOW_MS).is_err());
    assert!(outliving.delete_before(1).is_err());
    assert!(outliving.truncate_to(0, NOW_MS).is_err());
    assert!(outliving.roll_if_due(i64::MAX).is_err());
    assert!(outliving.apply_retention(i64::MAX, 1).is_err());
    assert!(outliving.checkpoint().is_err() && outliving.flush().is_err() && outliving.close(NOW_MS).is_err());
    assert_eq!(files(), before);
}

#[test]
fn a_topic_deleted_while_its_log_is_opened_leaves_its_name_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let unlinker = Unlinker::start().unwrap();
    let path = dir.path().join("news-0");
    for _ in 0..100 {
        let partition = Arc::new(Partition::opening("news".into(), 0, path.clone()));
        let task = Task {
            partition: partition.clone(),
            topic_id: uuid::Uuid::new_v4(),
            deleted: Arc::default(),
            settings: LogSettings::default(),
            data_dir: dir.path().to_owned(),
            clock: Clock::manual(NOW_MS),
            unlinker: unlinker.clone(),
        };
        let opening = std::thread::spawn(move || task.run());
        partition.delete();
        // There is nothing to move if the deletion came first.
        let _ = move_aside(dir.path(), "news", 0, Aside::Deleted);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("of another topic"), "").unwrap();
        opening.join().unwrap();
        assert_eq!(path.read_dir().unwrap().count(), 1, "the deleted topic's log came here");
        std::fs::remove_dir_all(&path).unwrap();
    }
}

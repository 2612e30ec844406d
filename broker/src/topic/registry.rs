//! The topics whose partitions this broker holds, as the committed metadata has them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use uuid::Uuid;

use super::Partition;
use super::directory::{self, Aside};
use super::opening::{self, Opening};
use crate::background::unlink::Unlinker;
use crate::clock::Clock;
use crate::metadata::{Image, TopicDefaults, TopicMetadata};

/// A topic and its partitions. Immutable: a topic that grows or is altered is replaced, its partitions are kept.
#[derive(Debug)]
pub struct Topic {
    /// The topic's name.
    pub name: Arc<str>,
    /// The topic's id.
    pub id: Uuid,
    /// Whether clients are told that it is internal.
    pub internal: bool,
    /// By partition number.
    pub partitions: Vec<Arc<Partition>>,
    /// What the partitions were last brought in line with.
    metadata: Arc<TopicMetadata>,
}

impl Topic {
    /// The partition of this number, which may come from a client.
    pub fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        usize::try_from(index).ok().and_then(|index| self.partitions.get(index))
    }
}

#[derive(Debug, Default, Clone)]
struct Registered {
    by_name: BTreeMap<Arc<str>, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
}

/// What [`Topics::new`] needs.
#[derive(Debug)]
pub struct TopicsOptions {
    /// Where the partitions' directories are.
    pub data_dir: PathBuf,
    /// What topic settings fall back on.
    pub defaults: TopicDefaults,
    /// The time that logs are opened at.
    pub clock: Clock,
    /// Removes what deleted topics leave behind.
    pub unlinker: Unlinker,
    /// Logs opened, or closed, at a time.
    pub opening_threads: usize,
}

/// The registry of topics. Looking one up takes no lock.
#[derive(Debug)]
pub struct Topics {
    registered: ArcSwap<Registered>,
    /// Held while the registry changes; says whether it follows the metadata yet.
    follows: Mutex<bool>,
    options: TopicsOptions,
}

impl Topics {
    /// An empty registry, which follows the metadata once it is [started](Topics::start).
    pub fn new(options: TopicsOptions) -> Self {
        Topics { registered: ArcSwap::default(), follows: Mutex::new(false), options }
    }

    /// The topic of this name.
    pub fn by_name(&self, name: &str) -> Option<Arc<Topic>> {
        self.registered.load().by_name.get(name).cloned()
    }

    /// The topic of this id.
    pub fn by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.registered.load().by_id.get(&id).cloned()
    }

    /// All topics in the order of their names.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        self.registered.load().by_name.values().cloned().collect()
    }

    /// Registers the topics of `image` and opens their logs in the background. A partition whose log is not open yet
    /// answers [`super::PartitionError::Opening`].
    pub fn start(&self, image: &Image) -> Opening {
        let mut follows = self.follows.lock().unwrap_or_else(PoisonError::into_inner);
        *follows = true;
        let tasks = self.bring_in_line(image);
        opening::in_background(tasks, self.options.opening_threads, &self.options.data_dir)
    }

    /// Brings the registry in line with a newly committed image: opens the partitions that are new, marks and renames
    /// those that are gone, passes altered settings on. Returns when the new partitions can be used.
    pub fn follow(&self, image: &Image) {
        let follows = self.follows.lock().unwrap_or_else(PoisonError::into_inner);
        if *follows {
            let tasks = self.bring_in_line(image);
            opening::now(tasks, self.options.opening_threads);
            directory::sync_names(&self.options.data_dir);
        }
    }

    /// Flushes and closes every log, so that the next start has nothing to recover.
    pub fn close(&self) {
        let now_ms = self.options.clock.now_ms();
        let close = |partition: &Arc<Partition>| {
            if let Ok(log) = partition.log()
                && let Err(error) = log.close(now_ms)
            {
                tracing::error!(partition = %partition.name(), %error, "the log could not be closed");
            }
        };
        opening::for_each(self.partitions(), self.options.opening_threads, close);
    }

    /// All partitions of all topics.
    pub(super) fn partitions(&self) -> Vec<Arc<Partition>> {
        self.registered.load().by_name.values().flat_map(|topic| topic.partitions.iter().cloned()).collect()
    }

    pub(super) fn unlinker(&self) -> &Unlinker {
        &self.options.unlinker
    }

    /// Publishes the registry that `image` asks for; returns the logs that have to be opened for it.
    fn bring_in_line(&self, image: &Image) -> Vec<opening::Task> {
        let before = self.registered.load_full();
        let mut after = Registered::clone(&before);
        let mut tasks = Vec::new();
        let deleted = Arc::new(image.deleted().collect());
        for (name, topic) in &before.by_name {
            if image.topic_by_id(topic.id).is_none() {
                after.by_name.remove(name);
                after.by_id.remove(&topic.id);
                self.remove(topic);
            }
        }
        for metadata in image.topics() {
            let known = before.by_id.get(&metadata.id);
            if known.is_none_or(|topic| !Arc::ptr_eq(&topic.metadata, metadata)) {
                let topic = self.topic(known, metadata, &deleted, &mut tasks);
                after.by_name.insert(topic.name.clone(), topic.clone());
                after.by_id.insert(topic.id, topic);
            }
        }
        self.registered.store(Arc::new(after));
        tasks
    }

    /// The topic as `metadata` has it: known partitions with their settings renewed, and new ones.
    fn topic(
        &self,
        known: Option<&Arc<Topic>>,
        metadata: &Arc<TopicMetadata>,
        deleted: &Arc<BTreeSet<Uuid>>,
        tasks: &mut Vec<opening::Task>,
    ) -> Arc<Topic> {
        let settings = self.options.defaults.log_settings(metadata);
        let mut partitions = known.map_or_else(Vec::new, |topic| topic.partitions.clone());
        for log in partitions.iter().filter_map(|partition| partition.log().ok()) {
            log.update_settings(settings.clone());
        }
        for index in partitions.len() as i32..metadata.partitions {
            let directory = self.options.data_dir.join(directory::name(&metadata.name, index));
            let partition = Arc::new(Partition::opening(metadata.name.clone(), index, directory));
            tasks.push(opening::Task {
                partition: partition.clone(),
                topic_id: metadata.id,
                deleted: deleted.clone(),
                settings: settings.clone(),
                data_dir: self.options.data_dir.clone(),
                clock: self.options.clock.clone(),
                unlinker: self.options.unlinker.clone(),
            });
            partitions.push(partition);
        }
        Arc::new(Topic {
            name: metadata.name.clone(),
            id: metadata.id,
            internal: metadata.internal,
            partitions,
            metadata: metadata.clone(),
        })
    }

    /// Readers keep the files they have open; everybody else hears that the partition is deleted.
    fn remove(&self, topic: &Topic) {
        for partition in &topic.partitions {
            partition.delete();
            match directory::move_aside(&self.options.data_dir, &topic.name, partition.index(), Aside::Deleted) {
                Ok(path) => self.options.unlinker.remove_directory(path),
                // The topic's id is remembered as deleted, so the next start removes the directory.
                Err(error) => {
                    tracing::warn!(partition = %partition.name(), %error, "a deleted partition's directory stays")
                }
            }
        }
    }
}

//! What the broker knows about its topics, as a log of commands.
//!
//! [`Metadata::propose`] takes a [`Command`], checks it against the committed state, appends what was decided to the
//! journal, waits for it to be on disk and answers with what was [`Committed`]. The state ([`Image`]) is built from
//! committed entries alone and published whole, so a reader never waits and never sees half a change. Even on one node
//! every reply waits for the commit, so that a replicated journal can take this one's place.
//!
//! One thread, `metadata`, owns the journal. It takes every command that waits, decides them in order, writes their
//! entries as one frame, makes it durable with one fsync (group commit), lets the listener follow the new image (the
//! topics open and close partitions there), publishes the image, and answers. Hence: whoever was answered finds the
//! partitions open; whoever sees a topic in an image finds it in the registry too.
//!
//! Files, both plain and in the data directory, described byte by byte in `journal` and `entry`:
//! `metadata.log` (frames since the snapshot) and `metadata.snapshot`.
//!
//! This room never looks into a partition's data.

mod command;
mod decide;
mod entry;
mod image;
mod journal;
mod settings;
mod topic_defaults;
mod topic_name;
mod topic_settings;
mod writer;

pub use command::{AdoptedTopic, Command, Committed, NewTopic, PRODUCER_ID_BLOCK, ProposeError, Refusal};
pub use image::{Image, TopicMetadata};
pub use journal::JournalError;
pub use settings::{Described, Kind, Source, Synonym};
pub use topic_defaults::TopicDefaults;
pub use topic_name::{
    INTERNAL_TOPICS, MAX_TOPIC_NAME_BYTES, check_topic_name, is_internal, uuid_from_kafka, uuid_to_kafka,
};
pub use topic_settings::{COARSE_SETTINGS, CoarseSetting, TOPIC_SETTINGS, TopicSetting};

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::oneshot;
use uuid::Uuid;

use decide::Rules;
use entry::Entry;
use writer::{Proposal, Writer};

/// What [`Metadata::open`] needs to know.
#[derive(Debug)]
pub struct MetadataOptions {
    /// Where `metadata.log` and `metadata.snapshot` live; it must exist.
    pub data_dir: PathBuf,
    /// This node's id, the only broker that an assignment may name.
    pub node_id: i32,
    /// Partitions of a topic created with −1 (`num.partitions`).
    pub default_partitions: i32,
    /// `segment.bytes` of a `__consumer_offsets` that is adopted (`offsets.topic.segment.bytes`).
    pub offsets_segment_bytes: i32,
    /// What the broker's own settings make of the topic settings' defaults (`log.retention.ms` and so on).
    pub topic_defaults: TopicDefaults,
    /// The broker's settings as DescribeConfigs shows them.
    pub broker_settings: Vec<Described>,
}

/// Called by the writer thread with the image so far and the newly committed one, before that is published and before the
/// proposals are answered.
pub type Listener = Box<dyn FnMut(&Arc<Image>, &Arc<Image>) + Send>;

/// The committed state and the way to change it. Shared behind an `Arc`; dropping the last one stops the writer thread.
#[derive(Debug)]
pub struct Metadata {
    published: Arc<ArcSwap<Image>>,
    writer: Writer,
    rules: Rules,
    topic_defaults: TopicDefaults,
    broker_settings: Vec<Described>,
}

impl Metadata {
    /// Reads snapshot and journal, cuts a torn tail, and gives a new data directory its cluster id. `listener` follows
    /// every image committed from now on; the caller reads the first one by [`Metadata::image`].
    pub fn open(options: MetadataOptions, listener: Listener) -> Result<Self, JournalError> {
        let (mut journal, mut image) = journal::Journal::open(&options.data_dir)?;
        if image.cluster_id.is_empty() {
            let identity = Entry::ClusterId(uuid_to_kafka(Uuid::new_v4()));
            journal
                .append(image.last_entry + 1, std::slice::from_ref(&identity))
                .map_err(|source| JournalError::Io { path: options.data_dir.clone(), source })?;
            image.apply(identity);
        }
        let published = Arc::new(ArcSwap::from_pointee(image));
        let rules = Rules {
            node_id: options.node_id,
            default_partitions: options.default_partitions,
            offsets_segment_bytes: options.offsets_segment_bytes,
        };
        let writer = Writer::start(journal, published.clone(), rules, listener)
            .map_err(|source| JournalError::Io { path: options.data_dir, source })?;
        Ok(Metadata {
            published,
            writer,
            rules,
            topic_defaults: options.topic_defaults,
            broker_settings: options.broker_settings,
        })
    }

    /// The newest committed state.
    pub fn image(&self) -> Arc<Image> {
        self.published.load_full()
    }

    /// Has `command` decided, written and committed. When this returns `Ok`, the change survives a power cut, is in
    /// [`Metadata::image`], and the listener has followed it.
    pub async fn propose(&self, command: Command) -> Result<Committed, ProposeError> {
        let (reply, answer) = oneshot::channel();
        self.writer.submit(vec![Proposal { command, reply }]);
        answer.await.unwrap_or(Err(ProposeError::Stopped))
    }

    /// As [`Metadata::propose`], for commands that share one fsync and one new image; each is decided, and answered, on
    /// its own. The answers are in the order of the commands.
    pub async fn propose_all(&self, commands: Vec<Command>) -> Vec<Result<Committed, ProposeError>> {
        let proposal = |command| {
            let (reply, answer) = oneshot::channel();
            (Proposal { command, reply }, answer)
        };
        let (proposals, waiting): (Vec<_>, Vec<_>) = commands.into_iter().map(proposal).unzip();
        self.writer.submit(proposals);
        let mut answers = Vec::with_capacity(waiting.len());
        for answer in waiting {
            answers.push(answer.await.unwrap_or(Err(ProposeError::Stopped)));
        }
        answers
    }

    /// As [`Metadata::propose`], for a thread that may wait.
    pub fn propose_blocking(&self, command: Command) -> Result<Committed, ProposeError> {
        let (reply, answer) = oneshot::channel();
        self.writer.submit(vec![Proposal { command, reply }]);
        answer.blocking_recv().unwrap_or(Err(ProposeError::Stopped))
    }

    /// What `command` would be refused for, against the newest committed state (`validate_only`). `Ok` carries what
    /// would have been committed; ids in it are not the ones that a later proposal gets.
    pub fn validate(&self, command: &Command) -> Result<Committed, Refusal> {
        self.rules.decide(&self.image(), command).map(|decision| decision.committed)
    }

    /// The node that leads every partition.
    pub fn node_id(&self) -> i32 {
        self.rules.node_id
    }

    /// A topic's settings as DescribeConfigs shows them: every setting, where its value comes from, and its synonyms.
    pub fn describe_topic(&self, topic: &TopicMetadata) -> Vec<Described> {
        topic_defaults::describe(&topic.settings, &self.topic_defaults)
    }

    /// The broker's settings as DescribeConfigs shows them.
    pub fn describe_broker(&self) -> &[Described] {
        &self.broker_settings
    }

    /// Stops the writer after what was submitted, with a snapshot, so that the next start has no journal to replay.
    pub fn stop(&self) {
        self.writer.stop();
    }
}

#[cfg(test)]
mod tests;

//! The composition root: puts the rooms together, starts them in order, and stops them in the reverse one.
//!
//! ```no_run
//! use broker::config::Config;
//! use broker::server::Broker;
//!
//! let broker = Broker::start(Config::ephemeral("127.0.0.1:0"))?;
//! println!("listening on {}", broker.address());
//! broker.shutdown();
//! # Ok::<(), broker::server::StartError>(())
//! ```

mod command_line;
mod data_dir;
mod descriptors;
mod followers;
mod offsets_log;
mod parent;

pub use command_line::main_from_args;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::api::reply::{Outcome, Peer};
use crate::api::{self, Api, ApiSettings};
use crate::background::periodic::Periodic;
use crate::background::pool::Pool;
use crate::background::unlink::Unlinker;
use crate::clock::Clock;
use crate::config::{BrokerSettings, Config};
use crate::coordinator::{GroupCoordinator, GroupSettings};
use crate::metadata::{Command, JournalError, Metadata, MetadataOptions, ProposeError};
use crate::metrics::Metrics;
use crate::net::{Listener, NetSettings, Service};
use crate::protocol::Request;
use crate::topic::{Opening, Topics, TopicsOptions, find_unknown_topics};
use data_dir::DataDir;
use followers::Followers;
use offsets_log::OffsetsTopic;

/// A start waits this long for logs to open, so that ordinarily the first client finds all of them; a log that has much
/// to recover comes later, and its partition answers a retriable error until then.
const OPENING_PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked whether a log is due to be flushed.
const FLUSH_TICK: Duration = Duration::from_millis(100);
/// Maintenance leaves a starting broker alone for this long, as Kafka's `log.initial.task.delay.ms` does.
const FIRST_MAINTENANCE: Duration = Duration::from_secs(30);
/// Requests that may wait for the disk at a time: for an fsync, or for an index that is not in the page cache.
const DISK_WAITS: usize = 16;
/// Threads that bring cold regions into the page cache.
const COLD_READS: usize = 8;

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What should be an address is none.
    #[error("cannot listen on {got:?}: expected HOST:PORT, such as 127.0.0.1:9092")]
    NoAddress {
        /// What was asked for.
        got: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// What was asked for.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The data directory cannot be used.
    #[error("cannot use the data directory {}: {source}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another broker has the data directory.
    #[error("the data directory {} is in use by another broker", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The metadata cannot be read.
    #[error(transparent)]
    Metadata(#[from] JournalError),
    /// A topic found on disk cannot be taken over.
    #[error("cannot take over topic {topic:?}, which is on disk: {source}")]
    Adopt {
        /// The topic.
        topic: String,
        /// Why not.
        source: ProposeError,
    },
    /// A thread cannot be had.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// The broker, to be started.
#[derive(Debug)]
pub struct Broker;

/// A running broker. Dropping it stops it, as [`Handle::shutdown`] does.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    /// The address it listens on, with the port it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Accepts no more connections, lets the requests in progress finish, writes snapshots, flushes and closes the
    /// logs. Blocks until that is done; may be called from any thread, also one of another runtime.
    pub fn shutdown(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The broker's thread may have ended already.
            let _ = stop.send(());
        }
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the broker's thread had panicked");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Broker {
    /// Starts a broker on threads of its own and returns when it can be connected to.
    pub fn start(config: Config) -> Result<Handle, StartError> {
        let begun = Instant::now();
        descriptors::raise_limit();
        descriptors::make_room();
        let runtime = runtime(&config.settings).map_err(StartError::Thread)?;
        // Before there is a data directory: a start that ends here leaves nothing behind.
        let listener = listen(&runtime, &config)?;
        let address = listener.address();
        let data_dir = DataDir::open(&config.storage)?;
        let storage = Stored::open(data_dir.path(), &config.settings)?;
        let metrics = Arc::new(Metrics::default());
        let running = Running::start(&runtime, &config, &storage, data_dir.path(), metrics.clone())?;
        let data_dir_path = data_dir.path().to_owned();
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async {
                let cold_reads = Pool::new(COLD_READS);
                // Members that wait for a rebalance are let go first, or their requests would hold up the listener.
                let stop = async {
                    let _ = stopped.await;
                    running.groups.shutdown().await;
                };
                listener.serve(running.service.clone(), running.metrics.clone(), cold_reads, stop).await;
            });
            // Tasks hold the rooms; with the runtime gone, nothing serves or appends any more.
            drop(runtime);
            drop(running.periodic);
            storage.close(&data_dir);
            drop(data_dir);
        };
        let thread = thread::Builder::new().name("broker".to_owned()).spawn(serve).map_err(StartError::Thread)?;
        let took_ms = begun.elapsed().as_millis() as u64;
        tracing::info!(%address, data_dir = %data_dir_path.display(), took_ms, "ready");
        Ok(Handle { address, metrics, stop: Some(stop), thread: Some(thread) })
    }
}

fn runtime(settings: &BrokerSettings) -> io::Result<Runtime> {
    let workers = match settings.network_threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        given => given,
    };
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).thread_name("serve").enable_all().build()
}

fn listen(runtime: &Runtime, config: &Config) -> Result<Listener, StartError> {
    let host_and_port =
        config.listen.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if host_and_port.is_none() {
        return Err(StartError::NoAddress { got: config.listen.clone() });
    }
    let failed = |source| StartError::Listen { address: config.listen.clone(), source };
    let mut addresses = config.listen.to_socket_addrs().map_err(failed)?;
    let address = addresses.next().ok_or_else(|| failed(io::Error::from(io::ErrorKind::AddrNotAvailable)))?;
    let settings = &config.settings;
    let _on_runtime = runtime.enter();
    let settings = NetSettings {
        max_frame_bytes: settings.socket_request_max_bytes,
        max_bytes_in_flight: settings.queued_max_request_bytes,
        max_connections: settings.max_connections,
        idle_timeout: Duration::from_millis(settings.connections_max_idle_ms),
        send_buffer_bytes: usize::try_from(settings.socket_send_buffer_bytes).ok(),
        receive_buffer_bytes: usize::try_from(settings.socket_receive_buffer_bytes).ok(),
        read_stall_timeout: Duration::from_millis(settings.read_stall_timeout_ms),
        write_stall_timeout: Duration::from_millis(settings.write_stall_timeout_ms),
        half_closed_timeout: Duration::from_millis(settings.half_closed_timeout_ms),
        ..NetSettings::default()
    };
    Listener::bind(address, settings).map_err(failed)
}

/// The rooms that keep data.
struct Stored {
    metadata: Arc<Metadata>,
    topics: Arc<Topics>,
    opening: Opening,
    followers: Arc<Followers>,
}

impl Stored {
    /// Reads the metadata, takes over topics that it does not know, and begins to open the logs.
    fn open(data_dir: &Path, settings: &BrokerSettings) -> Result<Self, StartError> {
        let unlinker = Unlinker::start().map_err(StartError::Thread)?;
        let topics = Arc::new(Topics::new(TopicsOptions {
            data_dir: data_dir.to_owned(),
            defaults: settings.topic_defaults(),
            clock: Clock::default(),
            unlinker: unlinker.clone(),
            opening_threads: settings.recovery_threads,
        }));
        let options = MetadataOptions {
            data_dir: data_dir.to_owned(),
            node_id: settings.node_id,
            default_partitions: settings.num_partitions,
            offsets_segment_bytes: settings.offsets_topic_segment_bytes,
            topic_defaults: settings.topic_defaults(),
            broker_settings: settings.describe(),
        };
        let followers = Arc::new(Followers::new(topics.clone()));
        let metadata = Arc::new(Metadata::open(options, followers.clone().listener())?);
        let unknown = find_unknown_topics(data_dir, &metadata.image(), &unlinker)
            .map_err(|source| StartError::DataDir { path: data_dir.to_owned(), source })?;
        for found in unknown {
            let topic = found.name.clone();
            tracing::info!(topic, partitions = found.partitions, "taking over a topic found on disk");
            metadata
                .propose_blocking(Command::AdoptTopic(found))
                .map_err(|source| StartError::Adopt { topic, source })?;
        }
        let opening = topics.start(&metadata.image());
        let left = opening.wait(OPENING_PATIENCE);
        if left > 0 {
            tracing::info!(logs = left, "logs are still being opened");
        }
        Ok(Stored { metadata, topics, opening, followers })
    }

    /// Snapshots, flushes and marks a clean stop, unless the data goes anyway.
    fn close(self, data_dir: &DataDir) {
        self.opening.cancel();
        self.metadata.stop();
        if !data_dir.is_ephemeral() {
            self.topics.close();
        }
    }
}

/// The rooms that serve, and what runs beside them.
struct Running {
    service: Arc<Served>,
    groups: Arc<GroupCoordinator>,
    metrics: Arc<Metrics>,
    periodic: Vec<Periodic>,
}

impl Running {
    fn start(
        runtime: &Runtime,
        config: &Config,
        storage: &Stored,
        data_dir: &Path,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let Stored { metadata, topics, .. } = storage;
        let clock = Clock::default();
        let _on_runtime = runtime.enter();
        let offsets = OffsetsTopic {
            metadata: metadata.clone(),
            topics: topics.clone(),
            clock: clock.clone(),
            segment_bytes: config.settings.offsets_topic_segment_bytes,
        };
        let groups =
            GroupCoordinator::start(group_settings(&config.settings), Arc::new(offsets), clock.clone(), data_dir);
        storage.followers.host_groups(&groups);
        let api = Api::new(
            topics.clone(),
            metadata.clone(),
            groups.clone(),
            api_settings(config),
            clock.clone(),
            metrics.clone(),
            Pool::new(DISK_WAITS),
        );
        let periodic = maintenance(topics, &clock, &config.settings).map_err(StartError::Thread)?;
        Ok(Running { service: Arc::new(Served(api)), groups, metrics, periodic })
    }
}

/// The APIs as the network sees them.
struct Served(Api);

impl Service for Served {
    async fn call(&self, request: Request, peer: &Peer) -> Outcome {
        self.0.handle(&request, peer).await
    }
}

fn api_settings(config: &Config) -> ApiSettings {
    let advertised = config.advertised();
    ApiSettings {
        advertised: advertised.map(|to| api::Endpoint { host: to.host.into(), port: to.port.into() }),
        auto_create_topics: config.settings.auto_create_topics,
        delete_topics: config.settings.delete_topics,
        fetch_max_bytes: config.settings.fetch_max_bytes,
    }
}

fn group_settings(settings: &BrokerSettings) -> GroupSettings {
    GroupSettings {
        min_session_timeout_ms: settings.group_min_session_timeout_ms,
        max_session_timeout_ms: settings.group_max_session_timeout_ms,
        initial_rebalance_delay_ms: settings.group_initial_rebalance_delay_ms,
        max_size: settings.group_max_size,
        offset_metadata_max_bytes: settings.offset_metadata_max_bytes,
        offsets_retention_minutes: settings.offsets_retention_minutes,
        offsets_retention_check_interval_ms: settings.offsets_retention_check_interval_ms,
        offsets_topic_num_partitions: settings.offsets_topic_num_partitions,
    }
}

/// What the logs need from time to time. An fsync may take long, so flushing has a thread of its own.
fn maintenance(topics: &Arc<Topics>, clock: &Clock, settings: &BrokerSettings) -> io::Result<Vec<Periodic>> {
    let every = |name, interval: Duration, work: fn(&Topics, i64)| {
        let (topics, clock) = (topics.clone(), clock.clone());
        Periodic::start(name, interval.min(FIRST_MAINTENANCE), move || {
            work(&topics, clock.now_ms());
            interval
        })
    };
    let retention = Duration::from_millis(settings.log_retention_check_interval_ms);
    let checkpoint = Duration::from_millis(settings.checkpoint_interval_ms);
    Ok(vec![
        every("flush", FLUSH_TICK, Topics::flush_due)?,
        every("retention", retention, Topics::apply_retention)?,
        every("checkpoint", checkpoint, |topics, _| topics.checkpoint())?,
    ])
}

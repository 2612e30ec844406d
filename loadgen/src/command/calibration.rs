//! The generator's own limit: measured into a null sink before the run, and kept for the next run of the same plan.
//!
//! Kept in `$XDG_CACHE_HOME/loadgen/calibration/` (or `~/.cache/…`), one JSON file a plan: everything the figure depends on
//! (machine, kernel, build, the plan's producing side), the figure, and when it was measured. A file whose dependencies are
//! not word for word this run's, or that is older than [`KEPT_FOR_MS`], is not believed. A cache that cannot be used is no error: the
//! limit is then measured each time.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reports::figures::{duration_ms, number};
use reports::schema::{Calibration, RunResult};
use serde::{Deserialize, Serialize};

use super::{cache, manifest};
use crate::cli::Calibrate;
use crate::driver::rdkafka::{RdKafka, without_secrets};
use crate::plan::Plan;
use crate::run::full_speed::full_speed;
use crate::run::judge;
use crate::target::null_sink::NullSink;

/// A machine changes: its clock, its neighbours, its temperature.
const KEPT_FOR_MS: i64 = 24 * 3_600 * 1_000;
/// The client's queue while calibrating, unless `-X` says another: enough for every batch in flight, and little memory.
const QUEUE: [(&str, &str); 2] = [("queue.buffering.max.messages", "100000"), ("queue.buffering.max.kbytes", "65536")];
/// What the figure says, and what it does not.
const COVERS: &str = "producing only (composing, the client library, acknowledgements, recording), into a server on this \
                      machine that acknowledges and keeps nothing; reading back and verifying take CPU on top of it";

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    messages_per_second: f64,
    record: Calibration,
}

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    depends_on: BTreeMap<String, String>,
    limit_messages_per_second: f64,
    measured_unix_ms: i64,
    took_ms: u64,
}

/// The limit, kept or measured now; none where it is not wanted or cannot be had, which is said.
pub(super) fn limit(plan: &Plan, quiet: bool) -> Option<Limit> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    if plan.calibrate == Calibrate::Never {
        return None;
    }
    let say = |text: &str| {
        if !quiet {
            eprintln!("{text}");
        }
    };
    if let Some(protocol) = plan.properties.get("security.protocol").filter(|protocol| *protocol != "plaintext") {
        say(&format!("the generator's limit is not measured: the null sink does not speak {protocol}"));
        return None;
    }
    let depends_on = dependencies(plan);
    let file = cache::directory("calibration").map(|directory| directory.join(name(&depends_on)));
    if plan.calibrate == Calibrate::Cached
        && let Some(kept) = file.as_deref().and_then(|file| recall(file, &depends_on, now_ms))
    {
        return Some(kept.into_limit(true));
    }
    match measure(plan) {
        Ok((limit, took)) => {
            let took_ms = took.as_millis() as u64;
            say(&format!(
                "calibrated in {}: this generator sends {} messages/s of this plan where the target does nothing",
                duration_ms(took_ms),
                number(limit)
            ));
            let kept = Kept { depends_on, limit_messages_per_second: limit, measured_unix_ms: now_ms, took_ms };
            if let Some(Err(error)) = file.as_deref().map(|file| keep(file, &kept, now_ms)) {
                tracing::debug!("the calibration is not kept: {error}");
            }
            Some(kept.into_limit(false))
        }
        Err(why) => {
            say(&format!("note: the generator's limit could not be measured: {why}"));
            None
        }
    }
}

impl Limit {
    /// Notes the limit in the result, and judges it again.
    pub(super) fn note_in(self, result: &mut RunResult) {
        result.generator.limit_messages_per_second = Some(self.messages_per_second);
        result.generator.headroom = Some(self.messages_per_second / result.plan.rate_per_second);
        result.generator.calibration = Some(self.record);
        judge(result);
    }
}

impl Kept {
    fn into_limit(self, cached: bool) -> Limit {
        let Kept { limit_messages_per_second: messages_per_second, measured_unix_ms, took_ms, .. } = self;
        Limit {
            messages_per_second,
            record: Calibration { measured_unix_ms, cached, took_ms, covers: COVERS.to_owned() },
        }
    }
}

fn measure(plan: &Plan) -> Result<(f64, Duration), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let partitions = plan.topic.partitions_to_create();
    let sink = NullSink::start(partitions)?;
    let mut properties = plan.client_properties();
    properties.producer.extend(QUEUE.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let driver = RdKafka::new(&sink.address, &plan.topic.name, &properties);
    let limit = full_speed(plan, &driver, partitions)?;
    drop(sink);
    Ok((limit, started.elapsed()))
}

/// Everything that the figure depends on.
fn dependencies(plan: &Plan) -> BTreeMap<String, String> {
    let machine = manifest::machine();
    let recorded = plan.record(plan.topic.partitions_to_create(), true);
    let payload =
        plan.payload_file.as_deref().map_or(recorded.size, |file| format!("{} {}", file.display(), state_of(file)));
    // A commit does not tell apart what was built before it was made.
    let build = std::env::current_exe().map_or_else(|_| String::new(), |path| state_of(&path));
    let properties = without_secrets(&plan.properties);
    [
        ("cpu", machine.cpu_model),
        ("cores", machine.cores.to_string()),
        ("kernel", machine.kernel),
        ("tool", format!("{} {}", env!("CARGO_PKG_VERSION"), manifest::build_profile())),
        ("build", format!("{} {build}", option_env!("LOADGEN_COMMIT").unwrap_or("unknown commit"))),
        ("payload", payload),
        ("key", recorded.key),
        ("partitioner", recorded.partitioner),
        ("partitions", recorded.partitions.to_string()),
        ("producers", recorded.producers.to_string()),
        ("acks", recorded.acks),
        ("compression", recorded.compression),
        ("linger", recorded.linger_us.to_string()),
        ("idempotent", recorded.idempotent.to_string()),
        ("properties", properties.iter().map(|(name, value)| format!("{name}={value} ")).collect()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// A file's size and time of change: another content has another.
fn state_of(path: &Path) -> String {
    let Ok(metadata) = fs::metadata(path) else { return String::new() };
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{} B of {}", metadata.len(), changed.unwrap_or_default().as_millis())
}

/// A name for these dependencies; should two sets share it, each believes only its own.
fn name(depends_on: &BTreeMap<String, String>) -> String {
    let text: String = depends_on.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    format!("{:08x}.json", crc32c::crc32c(text.as_bytes()))
}

fn recall(file: &Path, depends_on: &BTreeMap<String, String>, now_ms: i64) -> Option<Kept> {
    let kept: Kept = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    let is_fresh = (0..KEPT_FOR_MS).contains(&(now_ms - kept.measured_unix_ms));
    (kept.depends_on == *depends_on && is_fresh && kept.limit_messages_per_second > 0.0).then_some(kept)
}

/// Writes the file whole or not at all, and removes those that nobody believes any more.
fn keep(file: &Path, kept: &Kept, now_ms: i64) -> std::io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    for old in fs::read_dir(directory)?.flatten().map(|entry| entry.path()) {
        let measured = fs::read_to_string(&old).ok().and_then(|text| serde_json::from_str::<Kept>(&text).ok());
        if measured.is_some_and(|measured| now_ms - measured.measured_unix_ms >= KEPT_FOR_MS) {
            // Somebody else may have removed it.
            let _ = fs::remove_file(&old);
        }
    }
    let mut beside = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer_pretty(&mut beside, kept)?;
    beside.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(producers: &str, measured_unix_ms: i64) -> Kept {
        let depends_on = BTreeMap::from([("producers".to_owned(), producers.to_owned())]);
        Kept { depends_on, limit_messages_per_second: 5e5, measured_unix_ms, took_ms: 1_500 }
    }

    #[test]
    fn what_is_kept_is_believed_for_a_day_and_for_the_same_plan_only() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("cache/one.json");
        keep(&file, &kept("1", 1_000), 1_000).expect("written");
        let recalled = |producers, now_ms| recall(&file, &kept(producers, 0).depends_on, now_ms).is_some();
        assert!(recalled("1", 2_000));
        assert!(!recalled("2", 2_000), "another plan");
        assert!(!recalled("1", 1_000 + KEPT_FOR_MS), "old");
        assert!(!recalled("1", 999), "the clock was set back");
        fs::write(&file, "no JSON").expect("written");
        assert!(!recalled("1", 2_000));
    }

    #[test]
    fn old_files_go_when_a_new_one_comes() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let [old, new] = ["old.json", "new.json"].map(|name| directory.path().join(name));
        keep(&old, &kept("1", 0), 0).expect("written");
        keep(&new, &kept("2", KEPT_FOR_MS), KEPT_FOR_MS).expect("written");
        assert!(!old.exists() && new.exists());
    }
}

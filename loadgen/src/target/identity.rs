//! What a process of this machine is, and where it keeps its data, as `/proc` shows it (see proc(5)).

use std::fs;
use std::num::NonZeroI32;
use std::path::{Path, PathBuf};

/// The program behind a broker's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Software {
    /// `Apache Kafka`, or the program's file name.
    pub name: String,
    /// Its version, where it shows.
    pub version: Option<String>,
}

/// What runs as this process; `None` where that cannot be seen.
pub fn software(pid: NonZeroI32) -> Option<Software> {
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<_> = command.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    if words.iter().any(|word| word == "kafka.Kafka") {
        // The class path may be a wildcard; the jars are open.
        let version = open_files(pid).iter().find_map(|path| kafka_version(path));
        return Some(Software { name: "Apache Kafka".to_owned(), version });
    }
    let program = Path::new(words.first()?.as_ref()).file_name()?.to_string_lossy().into_owned();
    Some(Software { name: program, version: None })
}

/// The file system of the segments that this process holds open.
pub fn data_filesystem(pid: NonZeroI32) -> Option<String> {
    open_files(pid).iter().find(|path| is_segment(path)).and_then(|path| filesystem(path))
}

/// The type of the file system that an absolute path lies on, such as `ext4`.
pub fn filesystem(path: &Path) -> Option<String> {
    innermost(&fs::read_to_string("/proc/self/mountinfo").ok()?, path)
}

fn open_files(pid: NonZeroI32) -> Vec<PathBuf> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok().into_iter().flatten().flatten();
    descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok()).collect()
}

/// `4.3.1` of `…/kafka-clients-4.3.1.jar`.
fn kafka_version(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    Some(name.strip_prefix("kafka-clients-")?.strip_suffix(".jar")?.to_owned())
}

/// Kafka's name for a segment: twenty digits of its base offset, and `.log`.
fn is_segment(path: &Path) -> bool {
    let digits = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    path.extension().is_some_and(|ext| ext == "log") && digits.len() == 20 && digits.parse::<u64>().is_ok()
}

/// Type of the innermost mount above a path. A line of mountinfo: ids, device, root, mount point, options, `-`, type, …;
/// of two mounts at one point the later one covers the earlier.
fn innermost(mountinfo: &str, path: &Path) -> Option<String> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (place, what) = line.split_once(" - ")?;
        let mount_point = Path::new(place.split(' ').nth(4)?);
        path.starts_with(mount_point).then(|| (mount_point.components().count(), what.split(' ').next()))
    });
    mounts.max_by_key(|(depth, _)| *depth)?.1.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_decides() {
        let mountinfo = "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
                         30 22 0:25 / /tmp rw,nosuid shared:3 - tmpfs tmpfs rw\n\
                         31 22 0:26 / /tmp rw - xfs /dev/vdb rw\n";
        assert_eq!(innermost(mountinfo, Path::new("/tmp/a/b")).as_deref(), Some("xfs"));
        assert_eq!(innermost(mountinfo, Path::new("/tmpfile")).as_deref(), Some("ext4"));
        assert_eq!(innermost("", Path::new("/")), None);
    }

    #[test]
    fn segments_and_jars_are_known_by_their_names() {
        assert!(is_segment(Path::new("/data/t-0/00000000000000000042.log")));
        assert!(!is_segment(Path::new("/var/log/server.log")));
        let version = kafka_version(Path::new("/opt/kafka/libs/kafka-clients-4.3.1.jar"));
        assert_eq!(version.as_deref(), Some("4.3.1"));
    }

    #[test]
    fn this_process_is_known_by_its_file() {
        let pid = i32::try_from(std::process::id()).ok().and_then(NonZeroI32::new).expect("a process id");
        assert!(
            software(pid).is_some_and(|software| software.name.starts_with("loadgen") && software.version.is_none())
        );
    }
}

//! What a process used, from `/proc` (see proc(5)): CPU, memory, storage, context switches.

use std::fs;
use std::num::NonZeroI32;

/// A process's totals at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in user mode; the kernel counts it in ticks of 10 ms or so.
    pub user_us: u64,
    /// CPU time in the kernel.
    pub system_us: u64,
    /// Resident now.
    pub rss_bytes: u64,
    /// Most ever resident.
    pub rss_max_bytes: u64,
    /// Read from storage, where the kernel lets us see it.
    pub read_bytes: Option<u64>,
    /// Written to storage, likewise.
    pub written_bytes: Option<u64>,
    /// Context switches because a thread waited; over all threads that still live.
    pub voluntary_switches: Option<u64>,
    /// Context switches because a thread's time was up.
    pub involuntary_switches: Option<u64>,
}

/// Whether a process is gone, or dead and not yet waited for.
pub fn has_ended(pid: NonZeroI32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    let state = stat.ok().and_then(|stat| stat.rsplit_once(')')?.1.split_whitespace().next()?.chars().next());
    matches!(state, None | Some('Z' | 'X'))
}

impl Usage {
    /// Of a process; `None` once it is gone.
    pub fn of(pid: NonZeroI32) -> Option<Usage> {
        Self::read(&format!("/proc/{pid}"))
    }

    /// Of this process.
    pub fn own() -> Option<Usage> {
        Self::read("/proc/self")
    }

    /// CPU time in both modes.
    pub fn cpu_us(&self) -> u64 {
        self.user_us + self.system_us
    }

    /// With what a process used whose place this one took: totals add up, what is resident does not.
    pub fn after(self, earlier: &Usage) -> Usage {
        let both = |one: Option<u64>, other: Option<u64>| Some(one? + other.unwrap_or(0));
        Usage {
            user_us: self.user_us + earlier.user_us,
            system_us: self.system_us + earlier.system_us,
            rss_bytes: self.rss_bytes,
            rss_max_bytes: self.rss_max_bytes.max(earlier.rss_max_bytes),
            read_bytes: both(self.read_bytes, earlier.read_bytes),
            written_bytes: both(self.written_bytes, earlier.written_bytes),
            voluntary_switches: both(self.voluntary_switches, earlier.voluntary_switches),
            involuntary_switches: both(self.involuntary_switches, earlier.involuntary_switches),
        }
    }

    fn read(directory: &str) -> Option<Usage> {
        let (user_us, system_us) = cpu_times(&fs::read_to_string(format!("{directory}/stat")).ok()?)?;
        let status = fs::read_to_string(format!("{directory}/status")).ok()?;
        let io = fs::read_to_string(format!("{directory}/io")).ok();
        let of_io = |name| io.as_deref().and_then(|io| field(io, name));
        let (voluntary_switches, involuntary_switches) = switches(directory);
        Some(Usage {
            user_us,
            system_us,
            rss_bytes: field(&status, "VmRSS").unwrap_or(0) * 1024,
            rss_max_bytes: field(&status, "VmHWM").unwrap_or(0) * 1024,
            read_bytes: of_io("read_bytes"),
            written_bytes: of_io("write_bytes"),
            voluntary_switches,
            involuntary_switches,
        })
    }
}

/// User and system time of `/proc/PID/stat`: fields 14 and 15, counted after the command's closing parenthesis, as the
/// command's name may hold blanks.
pub(crate) fn cpu_times(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let tick_us = 1_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let mut next = || Some(fields.next()?.parse::<u64>().ok()? * tick_us);
    Some((next()?, next()?))
}

/// The number after `name:` in a file of such lines.
fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

/// Voluntary and involuntary context switches; a process's own status file tells those of its first thread only.
fn switches(directory: &str) -> (Option<u64>, Option<u64>) {
    let Ok(threads) = fs::read_dir(format!("{directory}/task")) else { return (None, None) };
    let (mut voluntary, mut involuntary) = (0, 0);
    for thread in threads.flatten() {
        let Ok(status) = fs::read_to_string(thread.path().join("status")) else { continue };
        let (waiting, preempted) = context_switches(&status).unwrap_or_default();
        voluntary += waiting;
        involuntary += preempted;
    }
    (Some(voluntary), Some(involuntary))
}

/// Voluntary and involuntary context switches of one thread's status file.
pub(crate) fn context_switches(status: &str) -> Option<(u64, u64)> {
    Some((field(status, "voluntary_ctxt_switches")?, field(status, "nonvoluntary_ctxt_switches")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let usage = Usage::own().expect("/proc is there");
        assert!(usage.rss_bytes > 0 && usage.rss_max_bytes >= usage.rss_bytes);
        assert!(usage.voluntary_switches.is_some());
    }

    #[test]
    fn a_command_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 7 3 0 0 20 0 1 0 100 0 0";
        let tick_us = 1_000_000 / rustix::param::clock_ticks_per_second();
        assert_eq!(cpu_times(stat), Some((7 * tick_us, 3 * tick_us)));
    }

    #[test]
    fn a_process_that_is_gone_has_no_usage() {
        assert_eq!(Usage::of(NonZeroI32::MAX), None);
        assert!(has_ended(NonZeroI32::MAX));
    }

    #[test]
    fn a_dead_process_has_ended_before_it_is_waited_for() {
        let mut process = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().expect("cat");
        let pid = NonZeroI32::new(process.id() as i32).expect("positive");
        assert!(!has_ended(pid));
        drop(process.stdin.take());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !has_ended(pid) && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(has_ended(pid));
        process.wait().expect("it was started here");
    }
}

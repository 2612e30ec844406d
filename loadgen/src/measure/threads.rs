//! What this process's threads used: CPU time, and time in which they were ready to run and had no CPU.
//!
//! From `/proc/self/task/TID/` (proc(5)): `schedstat` holds the nanoseconds run, the nanoseconds waited on a run queue and
//! how often the thread was given a CPU; `status` the context switches. The second figure is what starvation looks like
//! from inside: a thread that waits for messages does not wait on a run queue. Kernels without scheduler statistics show
//! no `schedstat`; CPU time then comes from `stat`, in ticks of 10 ms or so, and nothing is known of the waiting.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::clock::now_ns;

/// What a thread does, as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sends, and notes acknowledgements.
    Producer,
    /// Reads and checks.
    Consumer,
    /// Moves bytes for them.
    ClientLibrary,
    /// Everything else: the run's own thread, signals, the jitter's watch.
    Rest,
}

/// Name of the producer workers' threads.
pub const PRODUCER_THREAD: &str = "producer";
/// Name of the consumer workers' threads.
pub const CONSUMER_THREAD: &str = "consumer";

impl Role {
    /// All of them.
    pub const ALL: [Role; 4] = [Role::Producer, Role::Consumer, Role::ClientLibrary, Role::Rest];

    /// What the result calls it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Producer => "producer workers",
            Role::Consumer => "consumer workers",
            Role::ClientLibrary => "librdkafka",
            Role::Rest => "rest",
        }
    }

    fn of(thread: &str) -> Role {
        match thread {
            PRODUCER_THREAD => Role::Producer,
            CONSUMER_THREAD => Role::Consumer,
            name if name.starts_with("rdk:") => Role::ClientLibrary,
            _ => Role::Rest,
        }
    }
}

/// One thread's totals at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Thread {
    role: Role,
    run_ns: u64,
    /// Nanoseconds on a run queue, and turns on a CPU.
    waited: Option<(u64, u64)>,
    /// Voluntary and involuntary.
    switches: Option<(u64, u64)>,
}

/// All threads' totals at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threads {
    at_ns: u64,
    by_id: BTreeMap<u32, Thread>,
}

/// What the threads of one role used between two moments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoleUse {
    /// Whose.
    pub role: Role,
    /// How many there were at the end.
    pub threads: u32,
    /// CPU time.
    pub run_ns: u64,
    /// Time waited for a CPU, and turns on one.
    pub waited: Option<(u64, u64)>,
    /// The share of the time that one of them waited, at worst.
    pub max_wait_share: Option<f64>,
    /// The share of the time that the busiest of them ran.
    pub max_run_share: f64,
    /// Voluntary and involuntary switches.
    pub switches: Option<(u64, u64)>,
}

impl Threads {
    /// This process's, now: some twenty microseconds a thread.
    pub fn now() -> Threads {
        let at_ns = now_ns();
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let by_id = tasks.filter_map(|task| {
            let id = task.file_name().to_str()?.parse().ok()?;
            Some((id, Thread::read(&task.path())?))
        });
        Threads { at_ns, by_id: by_id.collect() }
    }

    /// What each role used since `before`; of threads that have ended in between nothing is known.
    pub fn since(&self, before: &Threads) -> Vec<RoleUse> {
        let window_ns = self.at_ns.saturating_sub(before.at_ns).max(1) as f64;
        let used = |role| {
            let mut sum = RoleUse {
                role,
                threads: 0,
                run_ns: 0,
                waited: Some((0, 0)),
                max_wait_share: Some(0.0),
                max_run_share: 0.0,
                switches: Some((0, 0)),
            };
            for (id, thread) in self.by_id.iter().filter(|(_, thread)| thread.role == role) {
                let earlier = before.by_id.get(id);
                let run_ns = thread.run_ns.saturating_sub(earlier.map_or(0, |earlier| earlier.run_ns));
                let waited = less(thread.waited, earlier.and_then(|earlier| earlier.waited));
                sum.threads += 1;
                sum.run_ns += run_ns;
                sum.max_run_share = sum.max_run_share.max(run_ns as f64 / window_ns);
                sum.max_wait_share =
                    sum.max_wait_share.zip(waited).map(|(most, (wait_ns, _))| most.max(wait_ns as f64 / window_ns));
                sum.waited = plus(sum.waited, waited);
                sum.switches = plus(sum.switches, less(thread.switches, earlier.and_then(|earlier| earlier.switches)));
            }
            sum
        };
        Role::ALL.into_iter().map(used).filter(|used| used.threads > 0).collect()
    }
}

/// Of a thread that was not there before, everything.
fn less(later: Option<(u64, u64)>, earlier: Option<(u64, u64)>) -> Option<(u64, u64)> {
    let (later, earlier) = (later?, earlier.unwrap_or_default());
    Some((later.0.saturating_sub(earlier.0), later.1.saturating_sub(earlier.1)))
}

fn plus(sum: Option<(u64, u64)>, more: Option<(u64, u64)>) -> Option<(u64, u64)> {
    let (sum, more) = (sum?, more?);
    Some((sum.0 + more.0, sum.1 + more.1))
}

impl Thread {
    /// Reads one task's directory; `None` once the thread is gone.
    fn read(task: &Path) -> Option<Thread> {
        let name = fs::read_to_string(task.join("comm")).ok()?;
        let scheduled = fs::read_to_string(task.join("schedstat")).ok().and_then(|text| schedstat(&text));
        let run_ns = match scheduled {
            Some((run_ns, _)) => run_ns,
            None => {
                let (user_us, system_us) =
                    crate::target::process::cpu_times(&fs::read_to_string(task.join("stat")).ok()?)?;
                (user_us + system_us) * 1_000
            }
        };
        let status = fs::read_to_string(task.join("status")).ok();
        Some(Thread {
            role: Role::of(name.trim_end()),
            run_ns,
            waited: scheduled.map(|(_, waited)| waited),
            switches: status.and_then(|status| crate::target::process::context_switches(&status)),
        })
    }
}

/// `RUN_NS WAIT_NS TURNS`; all zero where the kernel has the file and does not count.
fn schedstat(text: &str) -> Option<(u64, (u64, u64))> {
    let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().ok());
    let mut next = || numbers.next().flatten();
    let (run_ns, wait_ns, turns) = (next()?, next()?, next()?);
    (turns > 0).then_some((run_ns, (wait_ns, turns)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_told_apart_by_their_names() {
        let roles = [PRODUCER_THREAD, CONSUMER_THREAD, "rdk:broker1", "rdk:main", "loadgen"].map(Role::of);
        let library = Role::ClientLibrary;
        assert_eq!(roles, [Role::Producer, Role::Consumer, library, library, Role::Rest]);
    }

    #[test]
    fn the_kernels_line_is_read_and_one_that_counts_nothing_is_none() {
        assert_eq!(schedstat("700 30 4\n"), Some((700, (30, 4))));
        assert_eq!(schedstat("0 0 0\n"), None);
        assert_eq!(schedstat("700 30"), None);
    }

    #[test]
    fn use_is_the_difference_summed_by_role_and_a_new_thread_counts_from_nothing() {
        let thread = |run_ns, wait_ns| Thread {
            role: Role::Producer,
            run_ns,
            waited: Some((wait_ns, wait_ns / 10)),
            switches: None,
        };
        let before = Threads { at_ns: 0, by_id: BTreeMap::from([(1, thread(100, 50)), (9, thread(5, 5))]) };
        let after = Threads { at_ns: 1_000, by_id: BTreeMap::from([(1, thread(400, 250)), (2, thread(30, 100))]) };
        let [used] = after.since(&before)[..] else { panic!("one role") };
        assert_eq!((used.threads, used.run_ns, used.waited), (2, 330, Some((300, 30))));
        assert_eq!((used.max_wait_share, used.max_run_share, used.switches), (Some(0.2), 0.3, None));
    }

    #[test]
    fn a_thread_that_works_is_seen_to_work() {
        let before = Threads::now();
        let worked = std::thread::Builder::new().name(PRODUCER_THREAD.into()).spawn(|| {
            let started = now_ns();
            while now_ns() < started + 20_000_000 {
                std::hint::spin_loop();
            }
            Threads::now()
        });
        let after = worked.expect("a thread").join().expect("no panic");
        let producers = after.since(&before).into_iter().find(|used| used.role == Role::Producer);
        assert!(producers.is_some_and(|used| used.run_ns > 0 && used.threads >= 1), "{after:?}");
    }
}

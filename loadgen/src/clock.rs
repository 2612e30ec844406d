//! Monotonic time of this host: what every latency is measured with.
//!
//! All times are nanoseconds of `CLOCK_MONOTONIC`, which starts at boot and is never stepped. Two such times can be
//! subtracted only where they come from the same boot of the same host, so that a stamp carries the [`domain`] of the
//! clock it was taken from.

use std::io;
use std::sync::OnceLock;

use rustix::thread::ClockId;
use rustix::time::{Timespec, clock_gettime};

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[inline]
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // The monotonic clock counts from boot: neither field is ever negative.
    (now.tv_sec as u64) * NANOS_PER_SECOND + now.tv_nsec as u64
}

/// Sleeps until `deadline_ns` of `CLOCK_MONOTONIC`; returns at once where that has passed.
///
/// The deadline is absolute (`TIMER_ABSTIME`), so that an interrupted or late sleep never moves the ones after it.
pub fn sleep_until(deadline_ns: u64) {
    let deadline =
        Timespec { tv_sec: (deadline_ns / NANOS_PER_SECOND) as i64, tv_nsec: (deadline_ns % NANOS_PER_SECOND) as i64 };
    while let Err(rustix::io::Errno::INTR) = rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &deadline) {}
}

/// Sets how late the kernel may wake the calling thread, in nanoseconds (Linux default: 50,000).
pub fn set_timer_slack_ns(slack_ns: u64) -> io::Result<()> {
    Ok(rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(slack_ns))?)
}

/// The clock domain of this process: a hash of the kernel's boot id and the host name. Equal domains share one
/// monotonic clock; where the kernel tells no boot id the process's own start stands in.
pub fn domain() -> u32 {
    static DOMAIN: OnceLock<u32> = OnceLock::new();
    *DOMAIN.get_or_init(|| {
        let boot = std::fs::read("/proc/sys/kernel/random/boot_id")
            .unwrap_or_else(|_| format!("{}:{}", std::process::id(), now_ns()).into_bytes());
        crc32c::crc32c_append(crc32c::crc32c(&boot), rustix::system::uname().nodename().to_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_ends_at_or_after_its_deadline_and_a_past_deadline_returns() {
        let deadline = now_ns() + 2_000_000;
        sleep_until(deadline);
        assert!(now_ns() >= deadline);
        sleep_until(1);
    }

    #[test]
    fn the_domain_is_the_same_for_every_reader() {
        assert_eq!(domain(), domain());
    }

    #[test]
    fn timer_slack_can_be_lowered_for_a_worker() {
        set_timer_slack_ns(1_000).expect("the kernel takes a slack for the calling thread");
    }
}

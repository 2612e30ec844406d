//! What the process tells its caller.

/// How a command ended; the number is the process's exit code and never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done: every message due was acknowledged and is accounted for, and the rate was held.
    Clean = 0,
    /// Messages were lost, duplicated, reordered or damaged although the settings promise otherwise.
    Anomalies = 1,
    /// The command line, or what it names, makes no sense.
    Usage = 2,
    /// The figures must not be used: the generator was the bottleneck, or the run could not be judged.
    Invalid = 3,
    /// The run is clean, and an `--assert` does not hold.
    AssertionMissed = 4,
    /// A comparison or a gate found a regression beyond the tolerance.
    Regressed = 5,
    /// A comparison cannot tell, or a gate that is to fail where it cannot.
    Inconclusive = 6,
    /// The cluster cannot be reached, or the broker did not start.
    TargetUnreachable = 7,
    /// The run, or messages of it, failed on the way: the cluster refused something, or a file could not be written.
    Failed = 8,
    /// Nothing went wrong, but the cluster fell behind the rate asked for.
    RateNotHeld = 9,
    /// Interrupted before the first message, or twice, so that nothing was drained, judged or written.
    Interrupted = 130,
}

impl Exit {
    /// Every code, for the help text.
    pub const ALL: [Exit; 11] = [
        Exit::Clean,
        Exit::Anomalies,
        Exit::Usage,
        Exit::Invalid,
        Exit::AssertionMissed,
        Exit::Regressed,
        Exit::Inconclusive,
        Exit::TargetUnreachable,
        Exit::Failed,
        Exit::RateNotHeld,
        Exit::Interrupted,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Its name in the result file.
    pub fn name(self) -> &'static str {
        match self {
            Exit::Clean => "clean",
            Exit::Anomalies => "anomalies",
            Exit::Usage => "usage",
            Exit::Invalid => "invalid",
            Exit::AssertionMissed => "assertion missed",
            Exit::Regressed => "regressed",
            Exit::Inconclusive => "inconclusive",
            Exit::TargetUnreachable => "target unreachable",
            Exit::Failed => "failed",
            Exit::RateNotHeld => "rate not held",
            Exit::Interrupted => "interrupted",
        }
    }
}
